//! Draws the model. Looks nothing up, changes nothing; one pane a file.

mod bars;
mod detail;
mod health;
mod heat;
mod lists;
mod query_bar;
mod table;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::format::cut;
use super::model::{Mode, Model};
use super::screens::{Pane, SCREENS};

/// Draws everything.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    if area.width < 20 || area.height < 6 {
        put(buffer, area, 0, "explore needs a larger window", Style::new());
        return;
    }
    let line = |y: u16| Rect { y, height: 1, ..area };
    bars::screens(model, buffer, line(0));
    bars::status(model, buffer, line(1));
    query_bar::query(model, buffer, line(2));
    let content = Rect { y: 3, height: area.height - 4, ..area };
    self::content(model, buffer, content);
    bars::footer(model, buffer, line(area.height - 1));
    if let Mode::Query(bar) = &model.mode {
        query_bar::below(model, bar, buffer, content);
        let x = query_bar::cursor(bar, area.width);
        frame.set_cursor_position((x, 2));
    }
}

fn content(model: &Model, buffer: &mut Buffer, area: Rect) {
    match &model.mode {
        Mode::Help { scroll } => return lists::help(model, *scroll, buffer, area),
        Mode::Choose(chooser) => return lists::chooser(model, chooser, buffer, area),
        Mode::Detail | Mode::Prompt(_) if model.detail.is_some() => return detail::detail(model, buffer, area),
        _ => {}
    }
    let pane = model.pane();
    if let Some(error) = &pane.error {
        return query_bar::error(model, &pane.query, error, buffer, area);
    }
    match SCREENS[model.current].pane {
        Pane::Heat if pane.heat.is_some() => heat::heat(model, buffer, area),
        Pane::Health => health::health(model, buffer, area),
        Pane::Table | Pane::Sparklines | Pane::Map | Pane::Heat => table::table(model, buffer, area),
    }
}

/// Writes one line of an area, cut to its width.
fn put(buffer: &mut Buffer, area: Rect, line: u16, text: &str, style: Style) {
    if line < area.height {
        buffer.set_stringn(area.x, area.y + line, text, usize::from(area.width), style);
    }
}

/// Writes pieces after each other; returns where they end.
fn pieces(buffer: &mut Buffer, area: Rect, pieces: &[(String, Style)], ellipsis: char) {
    let mut x = area.x;
    for (text, style) in pieces {
        let left = usize::from((area.x + area.width).saturating_sub(x));
        if left == 0 {
            return;
        }
        (x, _) = buffer.set_stringn(x, area.y, cut(text, left, ellipsis), left, *style);
    }
}
