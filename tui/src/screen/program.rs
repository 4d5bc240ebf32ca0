//! The loop around model and view: messages in, commands out.

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, after, bounded, never, select};
use crossterm::event::{Event, KeyEventKind};
use query::Query;
use query::export::{Format, TextOptions, writer};
use ratatui::Frame;

use super::asker::{Asker, Question};
use super::model::{Mode, Model};
use super::session::{Opener, Published, Session};
use super::terminal::Screen;
use super::update::{Command, Message, ask_findings, update};
use super::view;
use crate::failure::Failure;
use crate::options::{Explore, Input};
use crate::run::{Opened, Signal, last_session};

/// Draws into a window that may have another size already than the last one that was told of.
pub(super) fn draw_into(model: &mut Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    if (area.width, area.height) != (model.width, model.height) {
        update(model, Message::Resize(area.width, area.height));
    }
    view::draw(model, frame);
}

/// How the screens were left.
pub(crate) struct Left {
    pub(crate) opened: Opened,
    pub(crate) failure: Option<Failure>,
    /// Ended by this signal's exit code.
    pub(crate) signalled: Option<u8>,
}

/// Shows the screens until they are left. The source is opened behind them.
///
/// # Errors
/// When the terminal, a thread or the source cannot be had.
pub(crate) fn run(explore: &Explore, opener: Opener, signals: &Receiver<Signal>) -> Result<Left, Failure> {
    let refused = |error: std::io::Error| Failure::usage(format!("cannot use the terminal: {error}"));
    let screen = Screen::take(explore.mouse).map_err(refused)?;
    let asker = Asker::start().map_err(refused)?;
    let mut model = Model::new(explore.color, explore.ascii, explore.saved.clone());
    model.status.attaching = matches!(explore.input, Input::Live(_) | Input::Demo { .. });
    model.status.budget = explore.keep.memory;
    if let Some(news) = last_session::news() {
        update(&mut model, Message::Note(news));
    }
    if let Ok(size) = screen.terminal.size() {
        update(&mut model, Message::Resize(size.width, size.height));
    }
    let session = Session::start(explore, opener).map_err(refused)?;
    let findings = VecDeque::new();
    let mut program = Program { model, session, asker, screen, findings, frozen: None, signalled: None };
    let shown = program.show(signals).map_err(refused);
    let Program { session, screen, signalled, .. } = program;
    drop(screen);
    if session.is_stuck() {
        // Nothing has been seen: there is nothing to bring to an end.
        std::process::exit(i32::from(signalled.unwrap_or(0)));
    }
    let ended = session.end().ok_or_else(|| Failure::usage("the session's thread broke"))?;
    shown?;
    match (ended.opened, ended.failure) {
        (Some(opened), failure) => Ok(Left { opened, failure, signalled }),
        (None, failure) => Err(failure.unwrap_or_else(|| Failure::usage("nothing could be opened"))),
    }
}

struct Program {
    model: Model,
    session: Session,
    asker: Asker,
    screen: Screen,
    /// Questions of the findings that are still to be asked: one at a time, when nothing else is.
    findings: VecDeque<Question>,
    /// What a paused screen looks at.
    frozen: Option<Published>,
    signalled: Option<u8>,
}

impl Program {
    fn show(&mut self, signals: &Receiver<Signal>) -> std::io::Result<()> {
        let keys = keys()?;
        let mut dirty = true;
        let (mut asked, mut examined) = (Instant::now(), Instant::now());
        // There are rows that the screen, and the findings, do not know yet.
        let (mut stale, mut unexamined) = (true, true);
        loop {
            if dirty {
                self.draw()?;
            }
            // One question at a time: a slow query makes the screen slower, never the keys. What rows cost is bounded too:
            // the slower the answers, the longer until the next ones.
            let pause = ASK_EVERY.max(self.asker.took() * 4);
            let examine = FINDINGS_EVERY.max(self.asker.took() * 20);
            let due = match (stale && self.session.latest().is_some(), self.asker.is_idle()) {
                (true, true) => after(pause.saturating_sub(asked.elapsed())),
                _ => never(),
            };
            let findings = match (unexamined && self.findings.is_empty(), self.asker.is_idle()) {
                (true, true) => after(examine.saturating_sub(examined.elapsed())),
                _ => never(),
            };
            let (answers, news) = (self.asker.answers.clone(), self.session.news.clone());
            let notes = self.session.notes.clone();
            let message = select! {
                recv(keys) -> event => match event {
                    Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => Some(Message::Key(key)),
                    Ok(Event::Mouse(mouse)) => Some(Message::Mouse(mouse)),
                    Ok(Event::Resize(width, height)) => Some(Message::Resize(width, height)),
                    Ok(_) => None,
                    // The terminal is gone.
                    Err(_) => {
                        self.signalled = Some(HANGUP);
                        return Ok(());
                    }
                },
                recv(answers) -> answer => {
                    let Ok(answer) = answer else { return Ok(()) };
                    self.asker.answered();
                    self.ask_finding();
                    Some(Message::Answer(answer))
                }
                recv(news) -> told => {
                    if told.is_err() {
                        return Ok(());
                    }
                    (stale, unexamined) = (true, true);
                    None
                }
                recv(notes) -> note => note.ok().map(Message::Note),
                recv(due) -> _ => {
                    (stale, asked) = (false, Instant::now());
                    self.session.latest().map(|published| Message::Rows(published.status))
                }
                recv(findings) -> _ => {
                    (unexamined, examined) = (false, Instant::now());
                    self.findings = ask_findings(&self.model).into();
                    self.ask_finding();
                    None
                }
                recv(signals) -> signal => match signal {
                    Ok(Signal::End(code)) => {
                        self.signalled = Some(code);
                        return Ok(());
                    }
                    Ok(Signal::Snapshot) => {
                        self.perform(vec![Command::Snapshot])?;
                        None
                    }
                    Err(_) => return Ok(()),
                },
            };
            dirty = message.is_some();
            if let Some(message) = message {
                let commands = update(&mut self.model, message);
                if self.perform(commands)? {
                    return Ok(());
                }
            }
        }
    }

    fn draw(&mut self) -> std::io::Result<()> {
        if let Mode::Copied { text, .. } = &self.model.mode {
            return self.screen.unwrapped(text);
        }
        let Self { model, screen, .. } = self;
        screen.terminal.draw(|frame| draw_into(model, frame)).map(|_| ())
    }

    fn ask_finding(&mut self) {
        if !self.asker.is_idle() {
            return;
        }
        let published = self.frozen.clone().or_else(|| self.session.latest());
        if let (Some(published), Some(question)) = (published, self.findings.pop_front()) {
            self.asker.ask(vec![question], published);
        }
    }

    /// Does what the model asks for; true to leave.
    fn perform(&mut self, commands: Vec<Command>) -> std::io::Result<bool> {
        for command in commands {
            match command {
                Command::Ask(questions) => {
                    if let Some(published) = self.frozen.clone().or_else(|| self.session.latest()) {
                        self.asker.ask(questions, published);
                    }
                }
                Command::Mark => {
                    if let Some(published) = self.frozen.clone().or_else(|| self.session.latest()) {
                        self.asker.mark(published.snapshot);
                    }
                }
                Command::Freeze(freeze) => self.frozen = if freeze { self.session.latest() } else { None },
                Command::TakeTimes => self.session.take_times(),
                Command::Snapshot => {
                    self.session.snapshot();
                    let note = format!("writing a snapshot{}", self.model.theme.ellipsis());
                    update(&mut self.model, Message::Note(note));
                }
                Command::Write { path, query } => {
                    let note = self.write(Path::new(&path), &query).unwrap_or_else(|error| error);
                    update(&mut self.model, Message::Note(note));
                }
                Command::Copy(text) => self.screen.copy(&text)?,
                Command::Redraw => self.screen.redraw()?,
                Command::Suspend => self.screen.suspend()?,
                Command::Quit => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Writes the rows of a query; the file's extension says how.
    fn write(&self, path: &Path, text: &str) -> Result<String, String> {
        if path.exists() {
            return Err(format!("{} exists: choose another name", path.display()));
        }
        let format = match path.extension().and_then(|extension| extension.to_str()) {
            Some("csv") => Format::Csv,
            Some("parquet") => Format::Parquet,
            Some("arrow") => Format::Arrow,
            Some("txt") => Format::Table,
            _ => Format::Json,
        };
        let published = self.frozen.clone().or_else(|| self.session.latest()).ok_or("there are no rows yet")?;
        let query = Query::parse(text).map_err(|error| error.message)?;
        let table = query.run(&published.snapshot, &published.context).map_err(|error| error.message)?;
        let options = TextOptions { width: None, human: false, ascii: false };
        let mut writer = writer(format, query.columns(), options);
        let mut bytes = Vec::new();
        let written = writer.write(&mut bytes, &table).and_then(|()| writer.finish(&mut bytes));
        written.and_then(|()| std::fs::write(path, &bytes)).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(format!("{} rows written to {}", table.height(), path.display()))
    }
}

/// A channel of what the terminal sends.
fn keys() -> std::io::Result<Receiver<Event>> {
    let (sender, receiver) = bounded(64);
    std::thread::Builder::new().name("keys".to_owned()).spawn(move || {
        while let Ok(event) = crossterm::event::read() {
            if sender.send(event).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}

/// Exit code of SIGHUP.
const HANGUP: u8 = 129;
/// Rows are drawn twice a second: nobody reads faster, and a slow line carries no more (below 20 kB a second at 120 by 40 when
/// every row is new each time).
const ASK_EVERY: Duration = Duration::from_millis(450);
const FINDINGS_EVERY: Duration = Duration::from_secs(2);
