//! `update(model, message)`: everything that happens to the screens, without doing anything itself.

use crossterm::event::{KeyCode, KeyEvent, MouseEvent};

use super::asker::{Answer, Question, Rows, Slot};
use super::detail::Detail;
use super::editor::Editor;
use super::findings::{self, RULES};
use super::keys::{self, Action};
use super::model::{Asked, Chooser, Mode, Model, Prompt, QueryBar, Status, Step};
use super::screens::{Pane, REQUESTS, SCREENS};
use super::{browse, mouse, query_text};

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
            let held = model.paused.is_some() || (model.pane().held.is_some() && model.pane().answer.is_some());
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
    let screen = model.current;
    let question = |slot, text: &str| Question { slot, text: text.to_owned(), generation: model.generation };
    let definition = &SCREENS[screen];
    let pane = model.pane();
    let heat = definition.pane == Pane::Heat && pane.query == definition.query;
    let mut questions = vec![question(if heat { Slot::Heat(screen) } else { Slot::Main(screen) }, &pane.query)];
    if !definition.beside.is_empty() && pane.query == definition.query {
        questions.push(question(Slot::Beside(screen), definition.beside));
    }
    if let Some(detail) = model.detail.as_ref().filter(|_| matches!(model.mode, Mode::Detail)) {
        questions = detail_questions(detail, model.generation);
    }
    vec![Command::Ask(questions)]
}

/// The questions behind the findings, which are asked now and then.
pub(super) fn ask_findings(model: &Model) -> Vec<Question> {
    let question = |(rule, text): (usize, &findings::Rule)| Question {
        slot: Slot::Finding(rule),
        text: text.query.to_owned(),
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
    match (answer.slot, answer.result) {
        (Slot::Main(screen), Ok(Rows::Table(table))) => {
            if let Some(pane) = model.panes.get_mut(screen) {
                pane.answer = Some(table);
                pane.heat = None;
                pane.error = None;
                if screen == model.current {
                    keep_in_view(model);
                }
            }
        }
        (Slot::Heat(screen), Ok(Rows::Heat(heat))) => {
            if let Some(pane) = model.panes.get_mut(screen) {
                pane.heat = Some(heat);
                pane.answer = None;
                pane.error = None;
            }
        }
        (Slot::Beside(screen), Ok(Rows::Table(table))) => {
            if let Some(pane) = model.panes.get_mut(screen) {
                pane.beside = Some(table);
            }
        }
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
            model.findings.extend(findings::read(rule, &table));
            model.findings.sort_by_key(|finding| finding.rule);
        }
        (Slot::Changes, Ok(Rows::Changes(items))) => choose(model, "What has changed since the mark", items),
        (Slot::Changes, Err(error)) => model.note = Some(error.message),
        (Slot::Main(screen) | Slot::Heat(screen), Err(error)) => {
            if let Some(pane) = model.panes.get_mut(screen) {
                pane.error = Some(error);
            }
        }
        (_, Err(_) | Ok(_)) => {}
    }
    Vec::new()
}

pub(super) fn key_pressed(model: &mut Model, key: &KeyEvent) -> Vec<Command> {
    let action = keys::action(key);
    model.note = None;
    if action == Some(Action::QuitNow) {
        return vec![Command::Quit];
    }
    match &mut model.mode {
        Mode::Query(_) => query_key(model, key),
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
                _ => model.mode = Mode::Browse,
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
        Mode::Detail => detail_key(model, action),
        Mode::Browse => action.map_or_else(Vec::new, |action| browse::act(model, action)),
    }
}

fn detail_key(model: &mut Model, action: Option<Action>) -> Vec<Command> {
    let page = model.page();
    let lines = model.detail.as_ref().map_or(0, |detail| detail.lines(usize::from(model.width), model.theme).len());
    let last = lines.saturating_sub(page.min(lines));
    let Some(detail) = &mut model.detail else {
        model.mode = Mode::Browse;
        return Vec::new();
    };
    match action {
        Some(Action::Down) => detail.scroll = (detail.scroll + 1).min(last),
        Some(Action::Up) => detail.scroll = detail.scroll.saturating_sub(1),
        Some(Action::PageDown | Action::Pause) => detail.scroll = (detail.scroll + page).min(last),
        Some(Action::PageUp) => detail.scroll = detail.scroll.saturating_sub(page),
        Some(Action::Top) => detail.scroll = 0,
        Some(Action::Bottom) => detail.scroll = last,
        Some(Action::Query) => {
            let editor = Editor::new(detail.search.clone());
            model.mode = Mode::Prompt(Prompt { question: "search", what: Asked::Search, editor });
        }
        Some(Action::NextError) => search(model, true),
        Some(Action::PreviousError) => search(model, false),
        Some(Action::Copy) => return browse::copy(model),
        Some(Action::Help) => model.mode = Mode::Help { scroll: 0 },
        Some(Action::Redraw) => return vec![Command::Redraw],
        Some(Action::Suspend) => return vec![Command::Suspend],
        Some(Action::Screen(screen)) => {
            model.detail = None;
            model.mode = Mode::Browse;
            return browse::act(model, Action::Screen(screen));
        }
        Some(Action::Back | Action::Quit | Action::Left) => {
            model.detail = None;
            model.mode = Mode::Browse;
            return ask(model);
        }
        _ => {}
    }
    Vec::new()
}

/// Moves to the next line of the detail that holds what is searched for.
fn search(model: &mut Model, forward: bool) {
    let (width, theme) = (usize::from(model.width), model.theme);
    let Some(detail) = &mut model.detail else { return };
    if detail.search.is_empty() {
        return;
    }
    let wanted = detail.search.to_lowercase();
    let lines = detail.lines(width, theme);
    let holds = |index: &usize| lines.get(*index).is_some_and(|line| line.text.to_lowercase().contains(&wanted));
    let found = match forward {
        true => (detail.scroll + 1..lines.len()).find(holds),
        false => (0..detail.scroll).rev().find(holds),
    };
    match found {
        Some(line) => detail.scroll = line,
        None => model.note = Some(format!("no further `{}`", detail.search)),
    }
}

fn query_key(model: &mut Model, key: &KeyEvent) -> Vec<Command> {
    let Mode::Query(bar) = &mut model.mode else { return Vec::new() };
    match key.code {
        KeyCode::Esc => {
            model.mode = Mode::Browse;
            return Vec::new();
        }
        KeyCode::Enter => {
            let text = bar.editor.text().trim().to_owned();
            if text.is_empty() {
                model.mode = Mode::Browse;
                return reset_query(model);
            }
            return match query::Query::parse(&text) {
                Err(error) => {
                    bar.error = Some(error);
                    Vec::new()
                }
                Ok(_) => {
                    model.mode = Mode::Browse;
                    model.history.retain(|former| *former != text);
                    model.history.push(text.clone());
                    enter_query(model, text)
                }
            };
        }
        KeyCode::Tab => {
            if let Some(completion) = bar.completions.get(bar.chosen) {
                bar.editor.replace(completion.replace.start, completion.replace.end, &completion.text);
                refresh_bar(bar);
            }
        }
        KeyCode::Down if !bar.completions.is_empty() => bar.chosen = (bar.chosen + 1) % bar.completions.len(),
        KeyCode::Up if bar.chosen > 0 => bar.chosen -= 1,
        KeyCode::Up if !model.history.is_empty() => {
            bar.recalled = bar.recalled.min(model.history.len()).saturating_sub(1);
            bar.editor = Editor::new(model.history.get(bar.recalled).cloned().unwrap_or_default());
            refresh_bar(bar);
        }
        _ => {
            if bar.editor.key(key) {
                refresh_bar(bar);
            }
        }
    }
    Vec::new()
}

/// Checks the query as it is typed, and looks for what could stand at the cursor.
fn refresh_bar(bar: &mut QueryBar) {
    let text = bar.editor.text();
    bar.error = if text.trim().is_empty() { None } else { query::Query::parse(text).err() };
    bar.completions = query::complete(text, bar.editor.cursor());
    bar.completions.truncate(MOST_COMPLETIONS);
    bar.chosen = 0;
}

/// Opens the query bar.
pub(super) fn edit_query(model: &mut Model) {
    let editor = Editor::new(model.pane().query.clone());
    let recalled = model.history.len();
    let mut bar = QueryBar { editor, error: None, completions: Vec::new(), chosen: 0, recalled };
    refresh_bar(&mut bar);
    model.mode = Mode::Query(bar);
}

fn reset_query(model: &mut Model) -> Vec<Command> {
    let query = SCREENS[model.current].query.to_owned();
    enter_query(model, query)
}

/// Makes the screen with another query, and remembers the way back.
pub(super) fn enter_query(model: &mut Model, query: String) -> Vec<Command> {
    remember(model, model.current);
    set_query(model, model.current, query)
}

/// Goes to the Requests screen with a query, and remembers the way back.
pub(super) fn drill(model: &mut Model, query: String) -> Vec<Command> {
    remember(model, REQUESTS);
    set_query(model, REQUESTS, query)
}

/// Remembers where the user is, and what `screen` shows, which is about to change.
fn remember(model: &mut Model, screen: usize) {
    let pane = &model.panes[screen];
    model.back.push(Step { screen: model.current, changed: vec![(screen, pane.query.clone(), pane.row)] });
}

/// Makes a screen with a query.
pub(super) fn set_query(model: &mut Model, screen: usize, query: String) -> Vec<Command> {
    model.current = screen;
    model.generation += 1;
    let pane = model.pane_mut();
    pane.query = query;
    (pane.answer, pane.beside, pane.heat, pane.error) = (None, None, None, None);
    (pane.row, pane.offset, pane.column, pane.held) = (0, 0, 0, None);
    ask(model)
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
                    search(model, true);
                }
                Asked::File if !text.is_empty() => {
                    let query = browse::marked_rows(model);
                    return vec![Command::Write { path: text, query }];
                }
                Asked::Time if !text.is_empty() => {
                    let condition = format!("time <= {}", query_text::string(&text));
                    let query = query_text::filter(&model.pane().query, &condition);
                    return match query::Query::parse(&query) {
                        Ok(_) => enter_query(model, query),
                        Err(error) => {
                            model.note = Some(error.message);
                            Vec::new()
                        }
                    };
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
    let height = pane.height();
    pane.row = pane.row.min(height.saturating_sub(1));
    pane.offset = pane.offset.min(pane.row);
    if pane.row >= pane.offset + page {
        pane.offset = pane.row + 1 - page;
    }
}

const MOST_COMPLETIONS: usize = 8;
