//! Rows and columns.

use query::{Table, Value};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::columns::{Shown, cell, layout};
use super::super::format::fit;
use super::super::model::{Model, Pane};
use super::super::screens::{Pane as Kind, SCREENS};
use super::put;

/// Draws the screen's rows.
pub(super) fn table(model: &Model, buffer: &mut Buffer, area: Rect) {
    let (pane, theme) = (model.pane(), model.theme);
    let screen = &SCREENS[model.current];
    let Some(table) = &pane.answer else {
        put(buffer, area, 0, "  …", theme.faint());
        return;
    };
    if table.height() == 0 {
        let own = pane.query == screen.query;
        let text = if own { screen.empty } else { "no rows: Esc goes back, / changes the query" };
        put(buffer, area, 1, &format!("  {text}"), theme.faint());
        return;
    }
    let spark = if screen.pane == Kind::Sparklines && pane.beside.is_some() {
        SPARK.min(usize::from(area.width) / 5)
    } else {
        0
    };
    let page = usize::from(area.height).saturating_sub(1);
    let rows = pane.offset..table.height().min(pane.offset + page);
    let width = usize::from(area.width).saturating_sub(2 + spark);
    let columns = layout(table, pane.preferred(model.current), pane.all_columns, rows.clone(), width);
    head(model, table, &columns, buffer, area);
    for (line, row) in (1..).zip(rows) {
        let area = Rect { y: area.y + line, height: 1, ..area };
        one_row(model, table, &columns, row, buffer, area);
        if let (true, Some(beside)) = (spark > 0, &pane.beside) {
            let x = area.x + area.width.saturating_sub(u16::try_from(spark).unwrap_or(0));
            buffer.set_string(x, area.y, sparkline(model, table, row, beside, spark), theme.name());
        }
    }
}

fn head(model: &Model, table: &Table, columns: &[Shown], buffer: &mut Buffer, area: Rect) {
    let mut x = area.x + 2;
    for (place, shown) in columns.iter().enumerate() {
        let name = table.columns().get(shown.index).map_or("", |column| column.name.as_str());
        let text = fit(name, shown.width, shown.right, model.theme.ellipsis());
        let style = if place == model.pane().column { model.theme.name() } else { model.theme.faint() };
        buffer.set_string(x, area.y, text, style.patch(model.theme.heading()));
        x += u16::try_from(shown.width + 1).unwrap_or(0);
    }
}

fn one_row(model: &Model, table: &Table, columns: &[Shown], row: usize, buffer: &mut Buffer, area: Rect) {
    let (pane, theme) = (model.pane(), model.theme);
    let failed = failed(table, row);
    let current = row == pane.row;
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
    for (place, shown) in columns.iter().enumerate() {
        let text = fit(&cell(table, row, shown.index), shown.width, shown.right, theme.ellipsis());
        let style = if current && place == pane.column { base.patch(theme.cell()) } else { base };
        buffer.set_string(x, area.y, text, style);
        x += u16::try_from(shown.width + 1).unwrap_or(0);
    }
}

/// Whether a row is about something that failed: an exchange, or a group with errors in it.
fn failed(table: &Table, row: usize) -> bool {
    let value = |name: &str| table.column(name).map_or(Value::Null, |column| table.value(row, column));
    match (value("error"), value("errors"), value("state")) {
        (Value::Bool(true), _, _) => true,
        (_, Value::F64(share), _) => share >= 0.05,
        (_, Value::U64(errors), _) => errors > 0,
        (_, _, Value::String(state)) => state == "failed",
        _ => false,
    }
}

fn is_marked(pane: &Pane, table: &Table, row: usize) -> bool {
    let id = table.column("id").map(|column| table.value(row, column));
    matches!(id, Some(Value::U64(id)) if pane.marked.contains(&id))
}

/// Counts over time of the group in `row`, from the rows of `beside` that have the same keys.
fn sparkline(model: &Model, table: &Table, row: usize, beside: &Table, width: usize) -> String {
    let keys: Vec<(usize, Value)> = beside
        .columns()
        .iter()
        .enumerate()
        .filter(|(_, column)| !matches!(column.name.as_str(), "time" | "n"))
        .filter_map(|(index, column)| Some((index, table.value(row, table.column(&column.name)?))))
        .collect();
    let (Some(time), Some(count)) = (beside.column("time"), beside.column("n")) else { return String::new() };
    let times = || {
        (0..beside.height())
            .filter_map(|row| if let Value::Time(time) = beside.value(row, time) { Some(time) } else { None })
    };
    let Some(last) = times().max() else { return String::new() };
    let mut counts = vec![0.0_f64; width];
    for other in 0..beside.height() {
        if keys.iter().any(|(index, value)| beside.value(other, *index) != *value) {
            continue;
        }
        let (Value::Time(time), Value::U64(count)) = (beside.value(other, time), beside.value(other, count)) else {
            continue;
        };
        let back = usize::try_from((last - time) / 1_000_000_000).unwrap_or(usize::MAX);
        #[expect(clippy::cast_precision_loss, reason = "a bar has eight steps")]
        if let Some(place) = width.checked_sub(back.saturating_add(1)).and_then(|place| counts.get_mut(place)) {
            *place += count as f64;
        }
    }
    let most = counts.iter().copied().fold(1.0, f64::max);
    counts.iter().map(|count| model.theme.level(count / most)).collect()
}

/// Columns of a sparkline at most: seconds.
const SPARK: usize = 30;
