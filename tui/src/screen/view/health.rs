//! The state of the run: what it sees, what it lost, what it costs; then its hooks.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::columns::cell;
use super::super::format::{bytes, cut};
use super::super::model::Model;
use super::{put, table};

/// Draws it.
pub(super) fn health(model: &Model, buffer: &mut Buffer, area: Rect) {
    let (status, theme, width) = (&model.status, model.theme, usize::from(area.width));
    let mut lines: Vec<(String, Style)> = Vec::new();
    for part in wrapped(&status.coverage, width.saturating_sub(2)) {
        lines.push((part, Style::new()));
    }
    lines.push((
        format!(
            "own cost: {:.1}% of one CPU, {} resident; store {} of {}",
            status.cpu * 100.0,
            bytes(status.resident),
            bytes(status.bytes),
            bytes(status.budget)
        ),
        Style::new(),
    ));
    if let Some(file) = &status.command_output {
        lines.push((format!("the command's output goes to {file}"), theme.faint()));
    }
    match model.pane().beside.as_ref().filter(|losses| losses.height() > 0) {
        None => lines.push(("nothing was lost".to_owned(), theme.good())),
        Some(losses) => {
            for row in 0..losses.height() {
                let text: Vec<_> = (0..losses.width()).map(|column| cell(losses, row, column)).collect();
                lines.push((format!("lost: {}", text.join("  ")), theme.error()));
            }
        }
    }
    lines.push((String::new(), Style::new()));
    for (place, (text, style)) in (0..area.height).zip(&lines) {
        put(buffer, area, place, &format!("  {}", cut(text, width.saturating_sub(2), theme.ellipsis())), *style);
    }
    let above = u16::try_from(lines.len()).unwrap_or(area.height).min(area.height);
    table::table(model, buffer, Rect { y: area.y + above, height: area.height - above, ..area });
}

/// A line cut at spaces.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
