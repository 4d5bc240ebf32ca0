//! Latency over time as a heat map, with its histogram at the right, and the newest part compared with what was before.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::format::{duration, fit};
use super::super::heat::{Figures, Heat, ROWS, edge};
use super::super::model::Model;
use super::put;

/// Where the map stands.
#[derive(Debug, Clone)]
pub(in crate::screen) struct Shape {
    /// First line and first column of its cells, counted from the content's.
    pub(in crate::screen) top: usize,
    pub(in crate::screen) left: usize,
    /// Columns of the map that are shown, the newest ones.
    pub(in crate::screen) columns: usize,
    /// Rows of the map from top to bottom.
    pub(in crate::screen) rows: Vec<usize>,
    /// Columns of the screen for the map, and for the histogram.
    room: usize,
    histogram: usize,
}

/// Where the map stands.
pub(in crate::screen) fn shape(model: &Model) -> Shape {
    let width = usize::from(model.width);
    let histogram = width / 4;
    let room = width.saturating_sub(LABEL + 2 + histogram);
    let Some(heat) = &model.pane().heat else {
        return Shape { top: 0, left: 0, columns: 0, rows: Vec::new(), room, histogram };
    };
    let (fast, slow) = used(heat);
    let most = model.content_height().saturating_sub(FIGURES + 3).max(1);
    // Where lines are few, the fastest rows go first: nobody asks about those.
    let rows: Vec<usize> = (fast..=slow).rev().take(most).collect();
    Shape { top: FIGURES, left: LABEL, columns: heat.columns.len().min(room), rows, room, histogram }
}

/// Draws it.
pub(super) fn heat(model: &Model, buffer: &mut Buffer, area: Rect) {
    let pane = model.pane();
    let Some(heat) = &pane.heat else { return };
    if heat.all.count == 0 {
        return super::empty(model, pane, buffer, area);
    }
    let theme = model.theme;
    figures(model, heat, buffer, area);
    let shape = shape(model);
    let columns = &heat.columns[heat.columns.len().saturating_sub(shape.columns)..];
    let most = columns.iter().flat_map(|column| column.counts).max().unwrap_or(1).max(1);
    let most_total = heat.total.iter().copied().max().unwrap_or(1).max(1);
    let mut line = u16::try_from(shape.top).unwrap_or(0);
    let chosen = columns.len().checked_sub(pane.column + 1);
    for row in shape.rows.iter().copied() {
        let label = edge(row).map_or_else(|| "more".to_owned(), |edge| duration(signed(edge)));
        let label = fit(&label, LABEL - 1, true, ' ');
        put(buffer, area, line, &label, theme.faint());
        for (place, column) in columns.iter().enumerate() {
            let share = shaded(column.counts[row], most);
            let x = area.x + u16::try_from(LABEL + place).unwrap_or(0);
            let chosen = chosen == Some(place) && (pane.row == 0 || pane.row == row + 1);
            let style = if chosen { theme.cursor() } else { theme.heat(share) };
            if line < area.height {
                buffer.set_string(x, area.y + line, theme.shade(share).to_string(), style);
            }
        }
        let bar = scaled(heat.total[row], most_total, shape.histogram.saturating_sub(9));
        let bar = format!("{} {} {}", theme.rule(), theme.bar().to_string().repeat(bar), heat.total[row]);
        let beside = Rect { x: area.x + u16::try_from(LABEL + shape.room).unwrap_or(0), ..area };
        let beside = Rect { width: area.width.saturating_sub(beside.x - area.x), ..beside };
        put(buffer, beside, line, &bar, Style::new());
        line += 1;
    }
    below(model, heat, columns.len(), buffer, area, line);
}

/// Under the map: what a column is, and which one is chosen.
fn below(model: &Model, heat: &Heat, shown: usize, buffer: &mut Buffer, area: Rect, line: u16) {
    let (pane, theme) = (model.pane(), model.theme);
    let clock = |ns: i64| crate::time::clock(u64::try_from(ns).unwrap_or(0));
    let start = heat.span(shown.saturating_sub(1)).map_or(heat.start, |(start, _)| start);
    let step = duration(signed(heat.step));
    let text = format!("{:LABEL$}from {}, {step} a column; a row is up to the latency beside it", "", clock(start));
    put(buffer, area, line, &text, theme.faint());
    let Some((start, end)) = heat.span(pane.column) else { return };
    let text = match model.range_start {
        Some(first) => format!("{:LABEL$}range from {} to {}: v ends it", "", clock(first.min(start)), clock(end)),
        None if pane.column == 0 && pane.row == 0 => {
            format!("{:LABEL$}arrows choose a cell, Enter opens its requests, v picks a range", "")
        }
        None => {
            let what = match pane.row.checked_sub(1) {
                None => "all".to_owned(),
                Some(row) => format!("up to {}", edge(row).map_or_else(|| "any".to_owned(), |e| duration(signed(e)))),
            };
            format!(
                "{:LABEL$}chosen: {} to {}, {what}; Enter opens, v picks a range, g leaves it",
                "",
                clock(start),
                clock(end)
            )
        }
    };
    put(buffer, area, line + 1, &text, theme.faint());
}

/// Above the map: percentiles of all, of the newest part, and of the time before it.
fn figures(model: &Model, heat: &Heat, buffer: &mut Buffer, area: Rect) {
    let theme = model.theme;
    put(
        buffer,
        area,
        0,
        &format!("  {:19}{:>8}{}", "", "count", NAMES.map(|name| format!("{name:>8}")).concat()),
        theme.faint(),
    );
    put(buffer, area, 1, &row("all", &heat.all, None), theme.heading());
    let Some((after, before)) = &heat.part else { return };
    let clock = crate::time::clock(u64::try_from(heat.since).unwrap_or(0));
    let slower = worse(after, before);
    let style = if slower { theme.warning() } else { Style::new() };
    put(buffer, area, 2, &row(&format!("since {clock}"), after, Some(before)), style);
    put(buffer, area, 3, &row("before", before, None), Style::new());
}

/// One line of figures; with `than`, each with its change.
fn row(name: &str, figures: &Figures, than: Option<&Figures>) -> String {
    let at = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |ns| duration(unsigned(ns)));
    let values = [figures.p50, figures.p90, figures.p99, figures.slowest].map(|value| format!("{:>8}", at(value)));
    let mut line = format!("  {name:19}{:>8}{}", figures.count, values.concat());
    if let Some(than) = than {
        let change =
            |(name, now, then): (&str, Option<u64>, Option<u64>)| Some(format!("{name} {}", change(now?, then?)));
        let changes = [("p50", figures.p50, than.p50), ("p99", figures.p99, than.p99)];
        let changes: Vec<_> = changes.into_iter().filter_map(change).collect();
        line.push_str(&format!(" {}", changes.join(" ")));
    }
    line
}

fn change(now: u64, then: u64) -> String {
    let ratio = unsigned(now) / unsigned(then.max(1));
    match ratio {
        r if r >= 2.0 => format!("x{r:.1}"),
        r if (r - 1.0).abs() < 0.005 => "same".to_owned(),
        r => format!("{:+.0}%", (r - 1.0) * 100.0),
    }
}

/// Whether half of the exchanges, or the slowest of them, take noticeably longer.
fn worse(after: &Figures, before: &Figures) -> bool {
    let by_half =
        |now: Option<u64>, then: Option<u64>| matches!((now, then), (Some(now), Some(then)) if now > then + then / 2);
    by_half(after.p50, before.p50) || by_half(after.p99, before.p99)
}

/// The rows between the fastest and the slowest that hold anything.
fn used(heat: &Heat) -> (usize, usize) {
    let holds = |row: &usize| heat.total[*row] > 0;
    let fast = (0..ROWS).find(holds).unwrap_or(0);
    let slow = (0..ROWS).rev().find(holds).unwrap_or(ROWS - 1);
    (fast, slow)
}

#[expect(clippy::cast_precision_loss, reason = "five shades")]
fn shaded(part: u64, whole: u64) -> f64 {
    // By order of magnitude: a few slow ones beside a thousand fast ones are what is looked for.
    (part as f64).ln_1p() / (whole as f64).ln_1p()
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn signed(ns: i64) -> f64 {
    ns as f64
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn unsigned(ns: u64) -> f64 {
    ns as f64
}

fn scaled(part: u64, whole: u64, columns: usize) -> usize {
    let columns = u64::try_from(columns).unwrap_or(0);
    let long = (part * columns).div_ceil(whole.max(1));
    usize::try_from(long.min(columns)).unwrap_or(0)
}

const LABEL: usize = 8;
/// Lines of figures above the map.
const FIGURES: usize = 4;
const NAMES: [&str; 4] = ["p50", "p90", "p99", "slowest"];
