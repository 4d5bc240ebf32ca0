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
            let (text, _) = window(bar, area.width);
            let style = if bar.error.is_some() { theme.warning() } else { Style::new() };
            pieces(buffer, area, &[("/ ".to_owned(), theme.heading()), (safe(&text), style)], theme.ellipsis());
        }
        _ => {
            let text = safe(&model.pane().query);
            pieces(buffer, area, &[("/ ".to_owned(), theme.faint()), (text, theme.name())], theme.ellipsis());
        }
    }
}

/// The part of the query that fits, and where in it the cursor is.
fn window(bar: &QueryBar, width: u16) -> (String, usize) {
    let room = usize::from(width).saturating_sub(3);
    let before = &bar.editor.text()[..bar.editor.cursor()];
    let mut start = 0;
    for (index, _) in before.char_indices() {
        start = index;
        if before[index..].width() <= room {
            break;
        }
    }
    let shown = bar.editor.text().get(start..).unwrap_or_default().to_owned();
    let cursor = before.get(start..).unwrap_or_default().width();
    (shown, cursor)
}

/// Column of the cursor.
pub(super) fn cursor(bar: &QueryBar, width: u16) -> u16 {
    let (_, cursor) = window(bar, width);
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
        for text in explained(error, bar.editor.text()) {
            write(&text, theme.warning());
        }
    }
    for (index, completion) in bar.completions.iter().enumerate() {
        let style = if index == bar.chosen { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() };
        write(&format!("    {:24} {}", safe(&completion.text), safe(&completion.detail)), style);
    }
}

/// An error of the query, caret first: it stands right under the query.
fn explained(error: &QueryError, text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(span) = error.span {
        let before = text.get(..span.start).unwrap_or(text).width();
        let long = text.get(span.start..span.end).map_or(1, UnicodeWidthStr::width).max(1);
        lines
            .push(format!("  {}{} {}", " ".repeat(before), "^".repeat(long), safe(&error.label)).trim_end().to_owned());
    }
    lines.push(format!("  {}", safe(&error.message)));
    lines.extend(error.hints.iter().map(|hint| format!("  try: {}", safe(hint))));
    lines
}

/// In place of rows: why there are none.
pub(super) fn error(model: &Model, text: &str, error: &QueryError, buffer: &mut Buffer, area: Rect) {
    for (line, text) in (0..).zip(explained(error, text)) {
        put(buffer, area, line, &text, model.theme.error());
    }
}
