//! Latency over time as a heat map, with its histogram at the right.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::browse_heat::span;
use super::super::format::{duration, fit};
use super::super::heat::{Heat, ROWS, edge};
use super::super::model::Model;
use super::put;

/// Draws it.
pub(super) fn heat(model: &Model, buffer: &mut Buffer, area: Rect) {
    let pane = model.pane();
    let Some(heat) = &pane.heat else { return };
    let theme = model.theme;
    if heat.sorted.is_empty() {
        put(buffer, area, 1, "  no answered exchange yet", theme.faint());
        return;
    }
    put(buffer, area, 0, &percentiles(heat), theme.heading());
    let histogram = usize::from(area.width) / 4;
    let room = usize::from(area.width).saturating_sub(LABEL + 2 + histogram);
    let columns = &heat.columns[heat.columns.len().saturating_sub(room)..];
    let most = columns.iter().flatten().copied().max().unwrap_or(1).max(1);
    let (fast, slow) = used(heat);
    let most_total = heat.total.iter().copied().max().unwrap_or(1).max(1);
    let mut line = 1;
    let chosen = columns.len().checked_sub(pane.column + 1);
    for row in (fast..=slow).rev() {
        let label = edge(row).map_or_else(|| "more".to_owned(), |edge| duration(signed(edge)));
        let cells: String = columns.iter().map(|column| theme.shade(share(column[row], most))).collect();
        let bar = scaled(heat.total[row], most_total, histogram.saturating_sub(9));
        let bar = format!("{} {}", theme.bar().to_string().repeat(bar), heat.total[row]);
        let label = fit(&label, LABEL - 1, true, ' ');
        let text = format!("{label} {}{} {bar}", fit(&cells, room, false, ' '), theme.rule());
        put(buffer, area, line, &text, Style::new());
        if let Some(x) = chosen.filter(|_| pane.row == 0 || pane.row == row + 1) {
            let x = area.x + u16::try_from(LABEL + x).unwrap_or(0);
            if let Some(cell) = buffer.cell_mut((x, area.y + line)) {
                cell.set_style(theme.cursor());
            }
        }
        line += 1;
    }
    let clock = |ns: i64| crate::time::clock(u64::try_from(ns).unwrap_or(0));
    let text = format!(
        "{:LABEL$}{} a column, from {}; {} answered",
        "",
        duration(signed(heat.step)),
        clock(heat.start),
        heat.sorted.len()
    );
    put(buffer, area, line, &text, theme.faint());
    if let Some((start, end)) = span(heat, pane.column) {
        let text = format!(
            "{:LABEL$}chosen: {} to {}; arrows choose, Enter opens, v v picks a range",
            "",
            clock(start),
            clock(end)
        );
        put(buffer, area, line + 1, &text, theme.faint());
    }
}

fn percentiles(heat: &Heat) -> String {
    let at = |share| heat.quantile(share).map_or_else(|| "-".to_owned(), |ns| duration(signed(ns)));
    format!("  p50 {}   p90 {}   p99 {}   slowest {}", at(0.5), at(0.9), at(0.99), at(1.0))
}

/// The rows between the fastest and the slowest that hold anything.
fn used(heat: &Heat) -> (usize, usize) {
    let holds = |row: &usize| heat.total[*row] > 0;
    let fast = (0..ROWS).find(holds).unwrap_or(0);
    let slow = (0..ROWS).rev().find(holds).unwrap_or(ROWS - 1);
    (fast, slow)
}

#[expect(clippy::cast_precision_loss, reason = "five shades")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn signed(ns: i64) -> f64 {
    ns as f64
}

fn scaled(part: u64, whole: u64, columns: usize) -> usize {
    let columns = u64::try_from(columns).unwrap_or(0);
    let long = (part * columns).div_ceil(whole.max(1));
    usize::try_from(long.min(columns)).unwrap_or(0)
}

const LABEL: usize = 8;
