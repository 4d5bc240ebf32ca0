//! The mouse, where `--mouse` asks for it: the wheel moves, a click chooses, a click on what is chosen opens.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::keys::Action;
use super::model::{Mode, Model};
use super::screens::SCREENS;
use super::update::{Command, keep_in_view, key_pressed};
use super::{browse, browse_heat, parts};

/// Does what a wheel or button asks for.
pub(super) fn act(model: &mut Model, event: &MouseEvent) -> Vec<Command> {
    let key = |code| KeyEvent::new(code, KeyModifiers::NONE);
    match event.kind {
        MouseEventKind::ScrollUp => key_pressed(model, &key(KeyCode::Up)),
        MouseEventKind::ScrollDown => key_pressed(model, &key(KeyCode::Down)),
        MouseEventKind::Down(MouseButton::Left) if matches!(model.mode, Mode::Browse) => click(model, event),
        _ => Vec::new(),
    }
}

fn click(model: &mut Model, event: &MouseEvent) -> Vec<Command> {
    match event.row {
        0 => screen_at(usize::from(event.column)).map_or_else(Vec::new, |at| browse::act(model, Action::Screen(at))),
        2 => browse::act(model, Action::Query),
        line if line >= FIRST_LINE && line + 1 < model.height => at(model, event),
        _ => Vec::new(),
    }
}

/// A click on a row, or on a column of the heat map.
fn at(model: &mut Model, event: &MouseEvent) -> Vec<Command> {
    let line = usize::from(event.row - FIRST_LINE);
    if model.pane().heat.is_some() {
        return browse_heat::click(model, usize::from(event.column), line);
    }
    let places = parts::places(model);
    let Some(place) = places.iter().find(|place| (place.top..place.top + place.lines).contains(&line)) else {
        return Vec::new();
    };
    let first = place.top + place.above + usize::from(place.titled) + 1;
    let Some(row) = line.checked_sub(first) else { return Vec::new() };
    let chosen = (model.panes().focus, model.pane().row);
    let Some(pane) = model.panes().parts.get(place.part) else { return Vec::new() };
    let row = pane.offset + row;
    if (place.part, row) == chosen {
        return browse::act(model, Action::Open);
    }
    if row < pane.height() {
        model.panes_mut().focus = place.part;
        model.pane_mut().row = row;
        keep_in_view(model);
    }
    Vec::new()
}

/// The screen whose name stands at this column of the first line.
fn screen_at(column: usize) -> Option<usize> {
    let mut start = 0;
    for (index, screen) in SCREENS.iter().enumerate() {
        let end = start + screen.short.len() + 1;
        if (start..end).contains(&column) {
            return Some(index);
        }
        start = end + 1;
    }
    None
}

/// The first line of the content: below two lines of state and the query.
const FIRST_LINE: u16 = 3;

#[cfg(test)]
mod tests {
    use super::screen_at;

    #[test]
    fn names_of_screens_are_where_they_are_drawn() {
        // 1Req 2Svc 3Lat
        assert_eq!(screen_at(0), Some(0));
        assert_eq!(screen_at(3), Some(0));
        assert_eq!(screen_at(4), None);
        assert_eq!(screen_at(5), Some(1));
        assert_eq!(screen_at(200), None);
    }
}
