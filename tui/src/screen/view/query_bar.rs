//! The query that makes the screen: shown, edited, completed, and wrong.

use query::QueryError;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthStr;

use super::super::format::{cut, safe};
use super::super::model::{Mode, Model, QueryBar};
use super::{pieces, put};

/// The third line.
pub(super) fn query(model: &Model, buffer: &mut Buffer, area: Rect) {
    let theme = model.theme;
    match &model.mode {
        Mode::Query(bar) => {
            let text = bar.editor.text().get(hidden(bar, area.width)..).unwrap_or_default();
            let style = if bar.error.is_some() { theme.warning() } else { Style::new() };
            pieces(buffer, area, &[("/ ".to_owned(), theme.heading()), (safe(text), style)], theme.ellipsis());
        }
        _ => {
            let text = safe(&model.pane().query);
            pieces(buffer, area, &[("/ ".to_owned(), theme.faint()), (text, theme.name())], theme.ellipsis());
        }
    }
}

/// How many bytes of a long query lie to the left of the line, so that the cursor is on it.
fn hidden(bar: &QueryBar, width: u16) -> usize {
    let room = usize::from(width).saturating_sub(3);
    let before = before_cursor(bar);
    before.char_indices().map(|(index, _)| index).find(|index| before[*index..].width() <= room).unwrap_or(0)
}

fn before_cursor(bar: &QueryBar) -> &str {
    &bar.editor.text()[..bar.editor.cursor()]
}

/// Column of the cursor.
pub(super) fn cursor(bar: &QueryBar, width: u16) -> u16 {
    let cursor = before_cursor(bar).get(hidden(bar, width)..).unwrap_or_default().width();
    u16::try_from(cursor + 2).unwrap_or(width).min(width.saturating_sub(1))
}

/// Under the query while it is edited: what is wrong with it, and what could stand at the cursor.
pub(super) fn below(model: &Model, bar: &QueryBar, buffer: &mut Buffer, area: Rect) {
    let theme = model.theme;
    let mut line = 0;
    let mut write = |text: &str, style: Style| {
        if line < area.height {
            let width = usize::from(area.width);
            buffer.set_style(Rect { y: area.y + line, height: 1, ..area }, Style::reset());
            put(buffer, area, line, &" ".repeat(width), Style::reset());
            put(buffer, area, line, &cut(text, width, theme.ellipsis()), style);
            line += 1;
        }
    };
    if let Some(error) = &bar.error {
        for text in explained(error, bar.editor.text(), hidden(bar, area.width), usize::from(area.width)) {
            write(&text, theme.warning());
        }
    }
    for (index, completion) in bar.completions.iter().enumerate() {
        let style = if index == bar.chosen { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() };
        write(&format!("    {:24} {}", safe(&completion.text), safe(&completion.detail)), style);
    }
}

/// An error of the query, caret first: it stands right under the query, of which `hidden` bytes are not shown.
fn explained(error: &QueryError, text: &str, hidden: usize, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(span) = error.span {
        let (start, end) = (span.start.max(hidden), span.end.max(hidden));
        let before = text.get(hidden..start).unwrap_or(text).width();
        let carets = "^".repeat(text.get(start..end).map_or(1, UnicodeWidthStr::width).max(1));
        let label = safe(&error.label);
        let fits = before + carets.len() + label.width() + 3 <= width;
        lines.push(match before.checked_sub(label.width() + 1) {
            Some(indent) if !fits => format!("  {}{label} {carets}", " ".repeat(indent)),
            _ => format!("  {}{carets} {label}", " ".repeat(before)).trim_end().to_owned(),
        });
    }
    lines.push(format!("  {}", safe(&error.message)));
    lines.extend(error.hints.iter().map(|hint| format!("  try: {}", safe(hint))));
    lines
}

/// In place of rows: why there are none.
pub(super) fn error(model: &Model, text: &str, error: &QueryError, buffer: &mut Buffer, area: Rect) {
    for (line, text) in (0..).zip(explained(error, text, 0, usize::from(area.width))) {
        put(buffer, area, line, &text, model.theme.error());
    }
}
