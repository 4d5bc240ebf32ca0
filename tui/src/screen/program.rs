//! The loop around model and view: messages in, commands out.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, after, bounded, never, select, tick};
use crossterm::event::{Event, KeyEventKind};
use query::Query;
use query::export::{Format, TextOptions, writer};

use super::asker::Asker;
use super::model::Model;
use super::session::{Published, Session};
use super::terminal::Screen;
use super::update::{Command, Message, ask_findings, update};
use super::view;
use crate::failure::Failure;
use crate::options::Explore;
use crate::run::{Opened, Signal, last_session};

/// How the screens were left.
pub(crate) struct Left {
    pub(crate) opened: Opened,
    pub(crate) failure: Option<Failure>,
    /// Ended by this signal's exit code.
    pub(crate) signalled: Option<u8>,
}

/// Shows the screens until they are left.
///
/// # Errors
/// When the terminal or a thread cannot be had.
pub(crate) fn run(
    explore: &Explore,
    opened: Opened,
    signals: &Receiver<Signal>,
    source: String,
) -> Result<Left, Failure> {
    let refused = |error: std::io::Error| Failure::usage(format!("cannot use the terminal: {error}"));
    let session = Session::start(explore, opened, source).map_err(refused)?;
    let asker = Asker::start().map_err(refused)?;
    let screen = Screen::take(explore.mouse).map_err(refused)?;
    let mut model = Model::new(explore.color, explore.ascii, explore.saved.clone());
    if let Some(news) = last_session::news() {
        update(&mut model, Message::Note(news));
    }
    if let Ok(size) = screen.terminal.size() {
        update(&mut model, Message::Resize(size.width, size.height));
    }
    let mut program = Program { model, session, asker, screen, frozen: None, signalled: None };
    let shown = program.show(signals).map_err(refused);
    let Program { session, screen, signalled, .. } = program;
    drop(screen);
    let ended = session.end().ok_or_else(|| Failure::usage("the session's thread broke"))?;
    shown?;
    Ok(Left { opened: ended.opened, failure: ended.failure, signalled })
}

struct Program {
    model: Model,
    session: Session,
    asker: Asker,
    screen: Screen,
    /// What a paused screen looks at.
    frozen: Option<Published>,
    signalled: Option<u8>,
}

impl Program {
    fn show(&mut self, signals: &Receiver<Signal>) -> std::io::Result<()> {
        let keys = keys()?;
        let findings = tick(FINDINGS_EVERY);
        let mut dirty = true;
        let mut asked = Instant::now();
        // There are rows that the screen, and the findings, do not know yet.
        let (mut stale, mut unexamined) = (true, true);
        loop {
            if dirty {
                self.screen.terminal.draw(|frame| view::draw(&self.model, frame))?;
            }
            // One question at a time: a slow query makes the screen slower, never the keys.
            let due = match stale && self.asker.busy == 0 {
                true => after(ASK_EVERY.saturating_sub(asked.elapsed())),
                false => never(),
            };
            let (answers, news) = (self.asker.answers.clone(), self.session.news.clone());
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
                    self.asker.busy = self.asker.busy.saturating_sub(1);
                    Some(Message::Answer(answer))
                }
                recv(news) -> told => {
                    if told.is_err() {
                        return Ok(());
                    }
                    (stale, unexamined) = (true, true);
                    None
                }
                recv(due) -> _ => {
                    (stale, asked) = (false, Instant::now());
                    self.session.latest().map(|published| Message::Rows(published.status))
                }
                recv(findings) -> _ => {
                    if std::mem::take(&mut unexamined) {
                        let questions = ask_findings(&self.model);
                        self.perform(vec![Command::Ask(questions)])?;
                    }
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
                Command::Snapshot => {
                    let path = PathBuf::from(format!("explore-{}.parquet", crate::time::compact(crate::time::now())));
                    let note = match self.session.snapshot(path.clone(), false) {
                        Ok(()) => format!("snapshot written to {}", path.display()),
                        Err(error) => error,
                    };
                    update(&mut self.model, Message::Note(note));
                }
                Command::Write { path, query } => {
                    let note = self.write(Path::new(&path), &query).unwrap_or_else(|error| error);
                    update(&mut self.model, Message::Note(note));
                }
                Command::Copy(text) => self.screen.copy(&text)?,
                Command::Redraw => self.screen.terminal.clear()?,
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
/// Rows are drawn about three times a second: nobody reads faster, and a slow line carries no more (below 20 kB a second at
/// 120 by 40 when every row is new each time).
const ASK_EVERY: Duration = Duration::from_millis(300);
const FINDINGS_EVERY: Duration = Duration::from_secs(2);
