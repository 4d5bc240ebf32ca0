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

pub(super) use heat::shape as heat_shape;

use super::format::cut;
use super::model::{Mode, Model, Pane};
use super::parts;

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
        Mode::Copied { text, .. } => return lists::wrapped(text, buffer, area),
        Mode::Detail | Mode::Prompt(_) if model.detail.is_some() => return detail::detail(model, buffer, area),
        _ => {}
    }
    for place in parts::places(model) {
        let Some(pane) = model.panes().parts.get(place.part) else { continue };
        let line = |line: usize| u16::try_from(line).unwrap_or(area.height).min(area.height);
        let below = |skip: usize| {
            let (top, lines) = (line(place.top + skip), line(place.lines.saturating_sub(skip)));
            Rect { y: area.y + top, height: lines.min(area.height - top), ..area }
        };
        if place.above > 0 {
            health::state(model, buffer, Rect { height: line(place.above), ..below(0) });
        }
        if place.titled {
            put(buffer, below(place.above), 0, &format!("  {}", pane.part.title), model.theme.heading());
        }
        let area = below(place.above + usize::from(place.titled));
        match (&pane.error, &pane.heat) {
            (Some(error), _) => query_bar::error(model, &pane.query, error, buffer, area),
            (None, Some(_)) => heat::heat(model, buffer, area),
            (None, None) => table::table(model, place, buffer, area),
        }
    }
}

/// In place of rows: why there are none, and what would give some.
fn empty(model: &Model, pane: &Pane, buffer: &mut Buffer, area: Rect) {
    let mut lines = Vec::new();
    if !pane.is_own() {
        lines.push("No rows match this query. Esc goes back, / changes it.".to_owned());
    } else if model.status.is_settled() {
        lines.push("There is nothing of this in what was read.".to_owned());
    } else if model.status.reading || model.status.exchanges > 0 || !model.status.live {
        lines.push(pane.part.empty.to_owned());
    } else {
        lines.push(pane.part.empty.to_owned());
        if model.status.exchanges == 0 {
            lines.push(format!("Nothing was seen yet of what is watched: {}.", model.status.source));
            lines.push(
                "Only new traffic is seen: make a request, or see with `explore doctor` what cannot be.".to_owned(),
            );
        }
    }
    let width = usize::from(area.width).saturating_sub(4);
    let lines = lines.iter().flat_map(|text| lists::broken(text, width));
    for (place, text) in (1..).zip(lines) {
        put(buffer, area, place, &format!("  {text}"), model.theme.faint());
    }
}

/// Lines of the state of the run, above the hooks.
pub(super) fn state_lines(model: &Model) -> usize {
    health::lines(model).len()
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
