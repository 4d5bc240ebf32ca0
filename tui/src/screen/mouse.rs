//! The mouse, where `--mouse` asks for it: the wheel moves, a click chooses, a click on what is chosen opens.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::browse;
use super::keys::Action;
use super::model::{Mode, Model};
use super::screens::SCREENS;
use super::update::{Command, keep_in_view, key_pressed};

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
        row if row >= FIRST_ROW && row + 1 < model.height && model.pane().answer.is_some() => {
            let row = model.pane().offset + usize::from(row - FIRST_ROW);
            if row == model.pane().row {
                return browse::act(model, Action::Open);
            }
            if row < model.pane().height() {
                model.pane_mut().row = row;
                keep_in_view(model);
            }
            Vec::new()
        }
        _ => Vec::new(),
    }
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

/// The first line of rows: below two lines of state, the query and the names of the columns.
const FIRST_ROW: u16 = 4;

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
