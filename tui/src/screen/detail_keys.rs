//! What keys do while looking at one exchange.

use super::copy;
use super::detail::{Detail, OnEnter};
use super::editor::Editor;
use super::keys::Action;
use super::model::{Asked, Mode, Model, Prompt};
use super::update::{Command, ask};
use super::{browse, detail};

/// Does what a key asks for.
pub(super) fn act(model: &mut Model, action: Option<Action>) -> Vec<Command> {
    let (width, theme, page) = (usize::from(model.width), model.theme, model.content_height().max(1));
    let Some(detail) = &mut model.detail else {
        model.mode = Mode::Browse;
        return Vec::new();
    };
    let lines = detail.lines(width, theme);
    let last = lines.len().saturating_sub(1);
    let here = lines.get(detail.line).map_or(OnEnter::Nothing, |line| line.on_enter.clone());
    match action {
        Some(Action::Down) => detail.line = (detail.line + 1).min(last),
        Some(Action::Up) => detail.line = detail.line.saturating_sub(1),
        Some(Action::PageDown | Action::Pause) => detail.line = (detail.line + page).min(last),
        Some(Action::PageUp) => detail.line = detail.line.saturating_sub(page),
        Some(Action::Top) => detail.line = 0,
        Some(Action::Bottom) => detail.line = last,
        Some(Action::Open | Action::Left | Action::Right) => {
            if let OnEnter::Fold(path) = &here {
                detail.toggle(path);
            } else if let (OnEnter::Open(target), Some(Action::Open)) = (here, action) {
                let former = model.detail.replace(Detail::new(*target));
                model.details.extend(former);
                return ask(model);
            }
        }
        Some(Action::Query) => {
            let editor = Editor::new(detail.search.clone());
            model.mode = Mode::Prompt(Prompt { question: "search", what: Asked::Search, editor });
        }
        Some(Action::NextError) => search(model, true),
        Some(Action::PreviousError) => search(model, false),
        Some(Action::Copy) => return copy::copy(model),
        Some(Action::Snapshot) => return vec![Command::Snapshot],
        Some(Action::Help) => model.mode = Mode::Help { scroll: 0 },
        Some(Action::Redraw) => return vec![Command::Redraw],
        Some(Action::Suspend) => return vec![Command::Suspend],
        Some(Action::Screen(screen)) => {
            leave(model);
            return browse::act(model, Action::Screen(screen));
        }
        Some(Action::Back | Action::Quit) => return back(model),
        _ => {}
    }
    keep_in_view(model);
    Vec::new()
}

/// To the exchange that this one was opened from, or to the rows.
fn back(model: &mut Model) -> Vec<Command> {
    model.detail = model.details.pop();
    if model.detail.is_none() {
        model.mode = Mode::Browse;
    }
    ask(model)
}

fn leave(model: &mut Model) {
    model.detail = None;
    model.details.clear();
    model.mode = Mode::Browse;
}

/// Moves to the next line that holds what is searched for.
pub(super) fn search(model: &mut Model, forward: bool) {
    let (width, theme) = (usize::from(model.width), model.theme);
    let Some(detail) = &mut model.detail else { return };
    if detail.search.is_empty() {
        model.note = Some("nothing is searched for yet: / searches".to_owned());
        return;
    }
    let wanted = detail.search.to_lowercase();
    let lines = detail.lines(width, theme);
    let holds = |index: &usize| lines.get(*index).is_some_and(|line| line.text.to_lowercase().contains(&wanted));
    let found = match forward {
        true => (detail.line + 1..lines.len()).find(holds),
        false => (0..detail.line).rev().find(holds),
    };
    match found {
        // What follows a hit is of interest too.
        Some(line) => (detail.line, detail.scroll) = (line, line.saturating_sub(2)),
        None => model.note = Some(format!("no further `{}`", detail.search)),
    }
    keep_in_view(model);
}

/// Keeps the cursor on a line, and that line on the screen.
fn keep_in_view(model: &mut Model) {
    let (width, theme, page) = (usize::from(model.width), model.theme, model.content_height().max(1));
    let Some(detail) = &mut model.detail else { return };
    let last = detail.lines(width, theme).len().saturating_sub(1);
    detail.line = detail.line.min(last);
    detail.scroll = detail.scroll.min(detail.line);
    if detail.line >= detail.scroll + page {
        detail.scroll = detail.line + 1 - page;
    }
}

/// The exchange that is looked at, once its row is there.
pub(super) fn row(model: &Model) -> Option<(&detail::Detail, &query::Table)> {
    let detail = model.detail.as_ref()?;
    Some((detail, detail.row.as_ref().filter(|row| row.height() > 0)?))
}
