//! The one table of keys: it is what keys do, what the footer shows, what `?` explains.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Action {
    Screen(usize),
    NextScreen,
    PreviousScreen,
    Query,
    Saved,
    Include,
    Exclude,
    GroupBy,
    SortBy,
    Columns,
    Follow,
    NextError,
    PreviousError,
    Top,
    Bottom,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Open,
    Back,
    Pause,
    Earlier,
    Later,
    GoTo,
    Range,
    MarkRow,
    Write,
    Copy,
    Mark,
    Diff,
    Findings,
    Snapshot,
    Redraw,
    Suspend,
    Help,
    Quit,
    QuitNow,
}

/// A key, or one with Ctrl.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Ctrl(char),
    Code(KeyCode),
}

/// A line of the table.
#[derive(Debug)]
pub(super) struct Binding {
    pub(super) keys: &'static [Key],
    /// As written in the footer and the help.
    pub(super) name: &'static str,
    pub(super) action: Action,
    /// A word for the footer; empty: not shown there.
    pub(super) footer: &'static str,
    /// For the help; empty: explained by the line before.
    pub(super) help: &'static str,
}

const fn binding(
    keys: &'static [Key],
    name: &'static str,
    action: Action,
    footer: &'static str,
    help: &'static str,
) -> Binding {
    Binding { keys, name, action, footer, help }
}

/// Every key of the screens. The order is that of the footer and the help.
pub(super) const BINDINGS: &[Binding] = &[
    binding(&[Key::Char('?')], "?", Action::Help, "help", "this help"),
    binding(
        &[Key::Code(KeyCode::Enter)],
        "Enter",
        Action::Open,
        "detail",
        "open the row in full; in it: fold a section, open a call",
    ),
    binding(&[Key::Code(KeyCode::Esc)], "Esc", Action::Back, "", "back, through the whole drill-down"),
    binding(&[Key::Char('/')], "/", Action::Query, "query", "edit the query that makes this screen"),
    binding(&[Key::Char('+')], "+", Action::Include, "only", "keep only rows with this cell's value"),
    binding(&[Key::Char('-')], "-", Action::Exclude, "not", "leave out rows with this cell's value"),
    binding(&[Key::Char('b')], "b", Action::GroupBy, "group", "count by this column"),
    binding(&[Key::Char('o')], "o", Action::SortBy, "sort", "sort by this column; again: the other way"),
    binding(&[Key::Char(' ')], "Space", Action::Pause, "pause", "pause, go on"),
    binding(&[Key::Char('n')], "n", Action::NextError, "error", "next error"),
    binding(&[Key::Char('N')], "N", Action::PreviousError, "", "previous error"),
    binding(&[Key::Char('!')], "!", Action::Findings, "findings", "what was found to be wrong, with its evidence"),
    binding(
        &[Key::Char('q')],
        "q",
        Action::Quit,
        "quit",
        "back; at a screen: quit (asks once while live rows are unsaved)",
    ),
    binding(&[Key::Char('1')], "1", Action::Screen(0), "", "Requests: every exchange, newest first"),
    binding(&[Key::Char('2')], "2", Action::Screen(1), "", "Services: rate, errors, percentiles by route"),
    binding(&[Key::Char('3')], "3", Action::Screen(2), "", "Latency: heat map over time, histogram, now and before"),
    binding(&[Key::Char('4')], "4", Action::Screen(3), "", "SQL by shape"),
    binding(&[Key::Char('5')], "5", Action::Screen(4), "", "DNS: names, response codes, resolvers"),
    binding(
        &[Key::Char('6')],
        "6",
        Action::Screen(5),
        "",
        "Connections and TLS: open connections, versions, certificates",
    ),
    binding(&[Key::Char('7')], "7", Action::Screen(6), "", "Map: who calls whom"),
    binding(&[Key::Char('8')], "8", Action::Screen(7), "", "Waiting: begun and not answered, longest first"),
    binding(&[Key::Char('9')], "9", Action::Screen(8), "", "Health: probes, loss, own cost"),
    binding(&[Key::Code(KeyCode::Tab)], "Tab", Action::NextScreen, "", "next screen (Shift-Tab: the one before)"),
    binding(&[Key::Code(KeyCode::BackTab)], "Shift-Tab", Action::PreviousScreen, "", ""),
    binding(&[Key::Char('k'), Key::Code(KeyCode::Up)], "k", Action::Up, "", "up (also the arrow keys, for all four)"),
    binding(&[Key::Char('j'), Key::Code(KeyCode::Down)], "j", Action::Down, "", "down"),
    binding(&[Key::Char('h'), Key::Code(KeyCode::Left)], "h", Action::Left, "", "cell to the left"),
    binding(&[Key::Char('l'), Key::Code(KeyCode::Right)], "l", Action::Right, "", "cell to the right"),
    binding(&[Key::Code(KeyCode::PageUp), Key::Ctrl('b')], "PgUp", Action::PageUp, "", "page up"),
    binding(&[Key::Code(KeyCode::PageDown), Key::Ctrl('f')], "PgDn", Action::PageDown, "", "page down"),
    binding(&[Key::Char('g'), Key::Code(KeyCode::Home)], "g", Action::Top, "", "first row"),
    binding(&[Key::Char('G'), Key::Code(KeyCode::End)], "G", Action::Bottom, "", "last row"),
    binding(&[Key::Char('f')], "f", Action::Follow, "", "follow: back to the newest row and to the present"),
    binding(&[Key::Char('c')], "c", Action::Columns, "", "all columns, or those that fit"),
    binding(&[Key::Char(':')], ":", Action::Saved, "", "saved queries"),
    binding(&[Key::Char(',')], ",", Action::Earlier, "", "step back in time"),
    binding(&[Key::Char('.')], ".", Action::Later, "", "step forward in time"),
    binding(&[Key::Char('t')], "t", Action::GoTo, "", "go to a time"),
    binding(&[Key::Char('v')], "v", Action::Range, "", "pick a range: once for its start, once for its end"),
    binding(&[Key::Char('x')], "x", Action::MarkRow, "", "mark the row"),
    binding(&[Key::Char('e')], "e", Action::Write, "", "write marked rows, else all, to a file"),
    binding(&[Key::Char('y')], "y", Action::Copy, "", "in the detail: copy as curl, psql or dig"),
    binding(&[Key::Char('m')], "m", Action::Mark, "", "remember this result"),
    binding(&[Key::Char('d')], "d", Action::Diff, "", "compare with what was remembered"),
    binding(&[Key::Char('s')], "s", Action::Snapshot, "", "write a snapshot of everything"),
    binding(&[Key::Ctrl('l')], "Ctrl-L", Action::Redraw, "", "draw anew"),
    binding(&[Key::Ctrl('z')], "Ctrl-Z", Action::Suspend, "", "suspend; `fg` resumes"),
    binding(&[Key::Ctrl('c')], "Ctrl-C", Action::QuitNow, "", "quit at once"),
];

/// What a key press asks for.
pub(super) fn action(event: &KeyEvent) -> Option<Action> {
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    let pressed = match event.code {
        KeyCode::Char(c) if control => Key::Ctrl(c.to_ascii_lowercase()),
        KeyCode::Char(c) => Key::Char(c),
        code => Key::Code(code),
    };
    BINDINGS.iter().find(|binding| binding.keys.contains(&pressed)).map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things() {
        let all: Vec<_> = BINDINGS.iter().flat_map(|binding| binding.keys).collect();
        for (index, key) in all.iter().enumerate() {
            assert!(!all.iter().skip(index + 1).any(|other| other == key), "{key:?} is bound twice");
        }
    }

    // The table is the README's list of keys too.
    #[test]
    fn the_readme_lists_every_key() {
        let readme = include_str!("../../../README.md");
        let listed =
            readme.split("<!-- keys -->\n```\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or_default();
        let explained = BINDINGS.iter().filter(|binding| !binding.help.is_empty());
        let wanted: String = explained.map(|binding| format!("{:9} {}\n", binding.name, binding.help)).collect();
        assert_eq!(listed, wanted, "put this into README.md, below <!-- keys -->:\n{wanted}");
    }

    #[test]
    fn keys_with_and_without_control_differ() {
        let press = |code, modifiers| action(&KeyEvent::new(code, modifiers));
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::NONE), Some(Action::Columns));
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Action::QuitNow));
        assert_eq!(press(KeyCode::Char('G'), KeyModifiers::SHIFT), Some(Action::Bottom));
    }
}
