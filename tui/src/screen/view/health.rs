//! The state of the run: what it sees, what it lost, what it keeps, what it costs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::format::{bytes, cut};
use super::super::model::Model;
use super::bars::seconds;
use super::lists::broken;
use super::put;

/// Draws it; the hooks come below.
pub(super) fn state(model: &Model, buffer: &mut Buffer, area: Rect) {
    let theme = model.theme;
    for (place, (text, style)) in (0..area.height).zip(lines(model)) {
        put(buffer, area, place, &cut(&text, usize::from(area.width), theme.ellipsis()), style);
    }
}

/// What it says.
pub(super) fn lines(model: &Model) -> Vec<(String, Style)> {
    let (status, theme, width) = (&model.status, model.theme, usize::from(model.width));
    let mut lines: Vec<(String, Style)> = Vec::new();
    let parts = broken(&status.coverage, width.saturating_sub(4));
    lines.extend(parts.into_iter().map(|part| (format!("  {part}"), Style::new())));
    lines.push(match status.lost {
        0 => ("  lost    nothing".to_owned(), theme.good()),
        lost => (format!("! lost    {lost} events: the causes are below"), theme.error()),
    });
    lines.push((format!("  kept    {}", kept(model)), Style::new()));
    let own = format!("{:.1}% of one CPU, {} of memory", status.cpu * 100.0, bytes(status.resident));
    lines.push((format!("  own     {own}"), Style::new()));
    if let Some(file) = &status.command_output {
        lines.push((format!("  output  of the command goes to {file}"), theme.faint()));
    }
    lines.push((String::new(), Style::new()));
    lines
}

/// What the store holds, how far back, and how long the rest of its budget lasts.
fn kept(model: &Model) -> String {
    let status = &model.status;
    let span = status.range.map_or(0, |(first, last)| last.saturating_sub(first)) / 1_000_000_000;
    let held =
        format!("{} rows, {} of {}, over {}", status.rows, bytes(status.bytes), bytes(status.budget), seconds(span));
    if status.evicted > 0 {
        return format!("{held}; {} older rows were let go (--memory keeps more)", status.evicted);
    }
    if !status.live || span < 5 || status.bytes == 0 {
        return held;
    }
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let (a_second, left) = (status.bytes as f64 / span as f64, status.budget.saturating_sub(status.bytes) as f64);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of seconds")]
    let lasts = seconds((left / a_second) as u64);
    format!("{held}; full in {lasts} at this rate")
}
