//! `update(model, message)`: everything that happens to the screens, without doing anything itself.

use crossterm::event::{KeyCode, KeyEvent, MouseEvent};
use query::QueryError;

use super::asker::{Answer, Question, Rows, Slot};
use super::detail::Detail;
use super::findings::{self, RULES};
use super::keys::{self, Action};
use super::model::{Asked, Chooser, Mode, Model, Pane, Status, Step};
use super::screens::{HEALTH, Kind, REQUESTS};
use super::{browse, browse_heat, browse_time, columns, detail_keys, mouse, parts, query_keys};

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Message {
    Key(KeyEvent),
    Mouse(MouseEvent),
    Resize(u16, u16),
    /// New rows may be there.
    Rows(Status),
    Answer(Answer),
    /// Something to tell.
    Note(String),
}

/// Something to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Ask(Vec<Question>),
    /// Remember the rows of this moment, to compare later ones with.
    Mark,
    /// Questions are about the rows of this moment from now on, or about all again.
    Freeze(bool),
    /// Have the kernel take the time of every hook's run.
    TakeTimes,
    Snapshot,
    /// Write the rows of a query to a file.
    Write {
        path: String,
        query: String,
    },
    /// Put text into the terminal's clipboard.
    Copy(String),
    Redraw,
    Suspend,
    Quit,
}

/// Changes the model; returns what is to be done.
pub(crate) fn update(model: &mut Model, message: Message) -> Vec<Command> {
    match message {
        Message::Resize(width, height) => {
            (model.width, model.height) = (width, height);
            keep_in_view(model);
            Vec::new()
        }
        Message::Rows(status) => {
            model.status = status;
            let known = model.detail.as_ref().is_some_and(|detail| detail.row.is_some() && detail.chain.is_some());
            let pane = model.pane();
            let held = model.paused.is_some()
                || (pane.held.is_some() && (pane.answer.is_some() || pane.heat.is_some()) && pane.error.is_none());
            if held || known { Vec::new() } else { ask(model) }
        }
        Message::Answer(answer) => take_answer(model, answer),
        Message::Note(note) => {
            model.note = Some(note);
            Vec::new()
        }
        Message::Key(key) => key_pressed(model, &key),
        Message::Mouse(event) => mouse::act(model, &event),
    }
}

/// The questions whose answers the screen shows.
pub(super) fn ask(model: &Model) -> Vec<Command> {
    let (screen, generation) = (model.current, model.generation);
    let question = |slot, text: &str| Question { slot, text: text.to_owned(), generation };
    let panes = model.panes();
    let alone = !model.pane().is_own();
    let mut questions = Vec::new();
    for (part, pane) in panes.parts.iter().enumerate().filter(|(part, _)| !alone || *part == panes.focus) {
        let kind = if pane.is_own() { pane.part.kind } else { Kind::Table };
        let slot = match kind {
            Kind::Heat => Slot::Heat(screen, browse_heat::compared_from(pane)),
            Kind::Map => Slot::Map(screen),
            Kind::Table | Kind::Health => Slot::Main(screen, part),
        };
        questions.push(question(slot, &pane.query));
        if !pane.part.sparks.is_empty() && pane.is_own() {
            questions.push(question(Slot::Sparks(screen, part), pane.part.sparks));
        }
    }
    if let Some(detail) = model.detail.as_ref().filter(|_| matches!(model.mode, Mode::Detail)) {
        questions = detail_questions(detail, generation);
    }
    let mut commands = vec![Command::Ask(questions)];
    if screen == HEALTH {
        commands.insert(0, Command::TakeTimes);
    }
    commands
}

/// The questions behind the findings, which are asked now and then.
pub(super) fn ask_findings(model: &Model) -> Vec<Question> {
    let question = |(number, rule): (usize, &findings::Rule)| Question {
        slot: Slot::Finding(number),
        text: rule.query(model.status.live),
        generation: model.generation,
    };
    RULES.iter().enumerate().map(question).collect()
}

fn detail_questions(detail: &Detail, generation: u64) -> Vec<Question> {
    let moment = |ns: i64| crate::time::rfc3339(u64::try_from(ns).unwrap_or(0));
    let mut questions = vec![Question {
        slot: Slot::Detail,
        text: format!("{} where id = {}", detail.protocol, detail.id),
        generation,
    }];
    if let Some(latency) = detail.latency {
        let (from, to) = (moment(detail.time), moment(detail.time.saturating_add(latency)));
        let text =
            format!("requests where parent is not null and time between '{from}' and '{to}' | sort time | take 2000");
        questions.push(Question { slot: Slot::Chain, text, generation });
    }
    questions
}

fn take_answer(model: &mut Model, answer: Answer) -> Vec<Command> {
    if answer.generation != model.generation && !matches!(answer.slot, Slot::Finding(_)) {
        return Vec::new();
    }
    let place = match answer.slot {
        Slot::Main(screen, part) | Slot::Sparks(screen, part) => (screen, part),
        Slot::Heat(screen, _) | Slot::Map(screen) => (screen, 0),
        _ => (usize::MAX, 0),
    };
    if let Some(pane) = model.screens.get_mut(place.0).and_then(|panes| panes.parts.get_mut(place.1)) {
        take_rows(pane, answer.slot, answer.result);
        keep_in_view(model);
        remember_widths(model);
        return Vec::new();
    }
    match (answer.slot, answer.result) {
        (Slot::Detail, Ok(Rows::Table(table))) => {
            if let Some(detail) = &mut model.detail {
                detail.row = Some(table);
            }
        }
        (Slot::Chain, Ok(Rows::Table(table))) => {
            if let Some(detail) = &mut model.detail {
                detail.chain = Some(table);
            }
        }
        (Slot::Finding(rule), Ok(Rows::Table(table))) => {
            model.findings.retain(|finding| finding.rule != rule);
            model.findings.extend(findings::read(rule, &table, model.status.live));
            model.findings.sort_by_key(|finding| finding.rule);
        }
        (Slot::Values, Ok(Rows::Table(table))) => query_keys::take_values(model, &table),
        (Slot::Changes, Ok(Rows::Changes(items))) => choose(model, "What has changed since the mark", items),
        (Slot::Changes, Err(error)) => model.note = Some(error.message),
        (_, Err(_) | Ok(_)) => {}
    }
    Vec::new()
}

/// Puts an answer into its part of a screen.
fn take_rows(pane: &mut Pane, slot: Slot, result: Result<Rows, QueryError>) {
    match result {
        Ok(Rows::Table(table)) => {
            (pane.answer, pane.heat, pane.error) = (Some(table), None, None);
        }
        Ok(Rows::Map(map)) => {
            (pane.answer, pane.heat, pane.error) = (Some(map.table), None, None);
            pane.edges = map.edges;
        }
        Ok(Rows::Heat(heat)) => (pane.answer, pane.heat, pane.error) = (None, Some(*heat), None),
        Ok(Rows::Sparks(sparks)) => pane.sparks = Some(sparks),
        Err(error) if !matches!(slot, Slot::Sparks(..)) => pane.error = Some(error),
        Ok(Rows::Changes(_)) | Err(_) => {}
    }
}

/// Remembers how wide the columns are, so that they only grow while rows come.
fn remember_widths(model: &mut Model) {
    for place in parts::places(model) {
        let Some(pane) = model.panes_mut().parts.get_mut(place.part) else { continue };
        if let Some(table) = &pane.answer {
            let rows = pane.offset..table.height().min(pane.offset + place.rows);
            pane.widths = columns::widths(table, rows, &pane.widths);
        }
    }
}

pub(super) fn key_pressed(model: &mut Model, key: &KeyEvent) -> Vec<Command> {
    let action = keys::action(key);
    model.note = None;
    if action == Some(Action::QuitNow) {
        return vec![Command::Quit];
    }
    match &mut model.mode {
        Mode::Query(_) => query_keys::press(model, key),
        Mode::Prompt(_) => prompt_key(model, key),
        Mode::Choose(_) => choose_key(model, action),
        Mode::Help { scroll } => {
            match action {
                Some(Action::Down) => *scroll += 1,
                Some(Action::PageDown) => *scroll += 10,
                Some(Action::Up) => *scroll = scroll.saturating_sub(1),
                Some(Action::PageUp) => *scroll = scroll.saturating_sub(10),
                Some(Action::Top) => *scroll = 0,
                Some(Action::Redraw) => return vec![Command::Redraw],
                _ => model.mode = if model.detail.is_some() { Mode::Detail } else { Mode::Browse },
            }
            Vec::new()
        }
        Mode::Leaving => match key.code {
            KeyCode::Char('s') => {
                model.mode = Mode::Browse;
                vec![Command::Snapshot]
            }
            KeyCode::Char('q' | 'y') | KeyCode::Enter => vec![Command::Quit],
            _ => {
                model.mode = Mode::Browse;
                Vec::new()
            }
        },
        Mode::Detail => detail_keys::act(model, action),
        Mode::Copied { detail, .. } => {
            model.mode = if *detail { Mode::Detail } else { Mode::Browse };
            vec![Command::Redraw]
        }
        Mode::Browse => action.map_or_else(Vec::new, |action| browse::act(model, action)),
    }
}

/// Makes the part with the cursor by its own query again.
pub(super) fn reset_query(model: &mut Model) -> Vec<Command> {
    let query = model.pane().part.query.to_owned();
    enter_query(model, query)
}

/// Makes the part with the cursor with another query, and remembers the way back.
pub(super) fn enter_query(model: &mut Model, query: String) -> Vec<Command> {
    let (screen, part) = (model.current, model.panes().focus);
    remember(model, screen, part);
    set_query(model, screen, part, query);
    ask(model)
}

/// Goes to the Requests screen with a query, and remembers the way back.
pub(super) fn drill(model: &mut Model, query: String) -> Vec<Command> {
    remember(model, REQUESTS, 0);
    set_query(model, REQUESTS, 0, query);
    ask(model)
}

/// Remembers where the user is, and what a part shows, which is about to change.
fn remember(model: &mut Model, screen: usize, part: usize) {
    let pane = &model.screens[screen].parts[part];
    let changed = vec![(screen, part, pane.query.clone(), pane.row)];
    model.back.push(Step { screen: model.current, focus: model.panes().focus, changed });
}

/// Makes a part of a screen with a query, and goes there.
pub(super) fn set_query(model: &mut Model, screen: usize, part: usize, query: String) {
    model.current = screen;
    model.generation += 1;
    model.panes_mut().focus = part;
    model.pane_mut().ask_for(query);
}

fn prompt_key(model: &mut Model, key: &KeyEvent) -> Vec<Command> {
    let Mode::Prompt(prompt) = &mut model.mode else { return Vec::new() };
    let (what, text) = (prompt.what, prompt.editor.text().trim().to_owned());
    let former = if what == Asked::Search { Mode::Detail } else { Mode::Browse };
    match key.code {
        KeyCode::Esc => model.mode = former,
        KeyCode::Enter => {
            model.mode = former;
            match what {
                Asked::Search => {
                    if let Some(detail) = &mut model.detail {
                        detail.search = text;
                    }
                    detail_keys::search(model, true);
                }
                Asked::File if !text.is_empty() => {
                    let query = browse::marked_rows(model);
                    return vec![Command::Write { path: text, query }];
                }
                Asked::Time if !text.is_empty() => {
                    return browse_time::go_to(model, &text);
                }
                Asked::File | Asked::Time => {}
            }
        }
        _ => {
            prompt.editor.key(key);
        }
    }
    Vec::new()
}

fn choose_key(model: &mut Model, action: Option<Action>) -> Vec<Command> {
    let Mode::Choose(chooser) = &mut model.mode else { return Vec::new() };
    let last = chooser.items.len().saturating_sub(1);
    match action {
        Some(Action::Down) => chooser.chosen = (chooser.chosen + 1).min(last),
        Some(Action::Up) => chooser.chosen = chooser.chosen.saturating_sub(1),
        Some(Action::Open) => {
            let query = chooser.items.get(chooser.chosen).map(|(_, _, query)| query.clone());
            model.mode = Mode::Browse;
            return query.map_or_else(Vec::new, |query| drill(model, query));
        }
        _ => model.mode = Mode::Browse,
    }
    Vec::new()
}

/// Opens a list.
pub(super) fn choose(model: &mut Model, title: &'static str, items: Vec<(String, String, String)>) {
    model.mode = Mode::Choose(Chooser { title, items, chosen: 0 });
}

/// Keeps the cursor on a row, and that row on the screen.
pub(super) fn keep_in_view(model: &mut Model) {
    let page = model.page();
    let pane = model.pane_mut();
    if pane.heat.is_some() {
        return;
    }
    let height = pane.height();
    if pane.answer.is_some() {
        pane.row = pane.row.min(height.saturating_sub(1));
    }
    pane.offset = pane.offset.min(pane.row).min(height.saturating_sub(page.min(height)));
    if pane.row >= pane.offset + page {
        pane.offset = pane.row + 1 - page;
    }
}
