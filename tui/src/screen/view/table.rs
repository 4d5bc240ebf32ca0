//! Rows and columns.

use query::{Table, Value};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::columns::{self, Shown, cell, failed};
use super::super::format::fit;
use super::super::model::{Model, Pane};
use super::super::parts::Place;
use super::put;

/// Draws a part's names of columns and rows; `area` is theirs.
pub(super) fn table(model: &Model, place: Place, buffer: &mut Buffer, area: Rect) {
    let theme = model.theme;
    let Some(pane) = model.panes().parts.get(place.part) else { return };
    let focused = model.panes().focus == place.part;
    let Some(table) = &pane.answer else {
        let text = if model.status.attaching { "attaching to the kernel" } else { "" };
        put(buffer, area, 0, &format!("  {text}{}", theme.ellipsis()), theme.faint());
        return;
    };
    if table.height() == 0 {
        return super::empty(model, pane, buffer, area);
    }
    let width = usize::from(area.width);
    let columns = columns::of_pane(pane, table, width, model.status.is_settled());
    let rows = pane.offset..table.height().min(pane.offset + place.rows);
    head(model, pane, focused, table, &columns, buffer, area);
    for (line, row) in (1..area.height).zip(rows) {
        let area = Rect { y: area.y + line, height: 1, ..area };
        one_row(model, pane, focused, table, &columns, row, buffer, area);
        let spark = columns::spark_width(pane, width);
        if let (true, Some(sparks)) = (spark > 0, &pane.sparks) {
            let bars: String = sparks.of_row(table, row, spark - 1).iter().map(|share| theme.level(*share)).collect();
            let x = area.x + area.width.saturating_sub(u16::try_from(spark - 1).unwrap_or(0));
            buffer.set_string(x, area.y, bars, theme.name());
        }
    }
}

fn head(model: &Model, pane: &Pane, focused: bool, table: &Table, columns: &[Shown], buffer: &mut Buffer, area: Rect) {
    let mut x = area.x + 2;
    if !pane.edges.is_empty() {
        let wide = columns::edge_width(usize::from(area.width));
        buffer.set_string(x, area.y, fit("caller and callee", wide, false, ' '), model.theme.faint());
        x += u16::try_from(wide + 1).unwrap_or(0);
    }
    for (place, shown) in columns.iter().enumerate() {
        let name = table.columns().get(shown.index).map_or("", |column| columns::heading(&column.name));
        let text = fit(name, shown.width, shown.right, model.theme.ellipsis());
        let style = if focused && place == pane.column { model.theme.chosen() } else { model.theme.faint() };
        buffer.set_string(x, area.y, text, style);
        x += u16::try_from(shown.width + 1).unwrap_or(0);
    }
    let spark = columns::spark_width(pane, usize::from(area.width));
    if spark > 0 {
        let text = fit(&format!("last {}s", spark - 1), spark - 1, false, ' ');
        let x = area.x + area.width.saturating_sub(u16::try_from(spark - 1).unwrap_or(0));
        buffer.set_string(x, area.y, text, model.theme.faint());
    }
}

#[expect(clippy::too_many_arguments, reason = "what is drawn, where, and how")]
fn one_row(
    model: &Model,
    pane: &Pane,
    focused: bool,
    table: &Table,
    columns: &[Shown],
    row: usize,
    buffer: &mut Buffer,
    area: Rect,
) {
    let theme = model.theme;
    let failed = failed(table, row);
    let current = focused && row == pane.row;
    let base = match (current, failed) {
        (true, true) => theme.error().patch(theme.cursor()),
        (true, false) => theme.cursor(),
        (false, true) => theme.error(),
        (false, false) => Style::new(),
    };
    let mark = match (is_marked(pane, table, row), failed) {
        (true, _) => "*",
        (false, true) => "!",
        (false, false) => " ",
    };
    if current {
        put(buffer, area, 0, &" ".repeat(usize::from(area.width)), base);
    }
    put(buffer, area, 0, mark, base);
    let mut x = area.x + 2;
    if let Some(edge) = pane.edges.get(row) {
        let wide = columns::edge_width(usize::from(area.width));
        let text = format!("{}{} {} {}", "  ".repeat(edge.depth), edge.from, theme.arrow(), edge.to);
        buffer.set_string(x, area.y, fit(&text, wide, false, theme.ellipsis()), base);
        x += u16::try_from(wide + 1).unwrap_or(0);
    }
    for (place, shown) in columns.iter().enumerate() {
        let text = fit(&cell(table, row, shown.index), shown.width, shown.right, theme.ellipsis());
        let name = table.columns().get(shown.index).map_or("", |column| column.name.as_str());
        let style = match (current, failed) {
            (true, _) if place == pane.column => base.patch(theme.cell()),
            (false, false) => theme.outcome(name, &table.value(row, shown.index)),
            _ => base,
        };
        buffer.set_string(x, area.y, text, style);
        x += u16::try_from(shown.width + 1).unwrap_or(0);
    }
}

fn is_marked(pane: &Pane, table: &Table, row: usize) -> bool {
    let id = table.column("id").map(|column| table.value(row, column));
    matches!(id, Some(Value::U64(id)) if pane.marked.contains(&id))
}
