//! Messages in, screens out: over the demo's recording, without a terminal, a thread or a clock.

mod findings;
mod first_night;
mod goldens;
mod keys;
mod properties;
mod snapshot;

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use probes::{EventSource, Next};
use protocols::record::Record;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use super::asker::{Answer, answer};
use super::going::Going;
use super::model::{Model, Status};
use super::session::Published;
use super::update::{Command, Message, ask_findings, update};
use super::view;
use crate::demo::RECORDING;
use crate::options::Keep;
use crate::run::Engine;

/// The demo's recording as rows, at most so many events of it.
fn recording(events: usize) -> Published {
    let tracker = protocols::tracker::Config::default();
    let mut engine = Engine::new(&Keep { tracker, memory: 1 << 30, retain: None }, true);
    let options = probes::files::Options::default();
    let input = probes::files::open(Box::new(RECORDING), "recording", &options).unwrap();
    let probes::files::Input::Events(mut replay) = input else { unreachable!() };
    for _ in 0..events {
        let Next::Event(event) = replay.next(Duration::from_secs(1)).unwrap() else { break };
        engine.handle(event);
    }
    engine.finish();
    let (exchanges, errors) = engine.exchanges();
    let status = Status {
        exchanges,
        errors,
        rate: 512.5,
        error_share: 0.0125,
        rows: engine.rows().0,
        bytes: 3 << 20,
        budget: 256 << 20,
        range: engine.range(),
        cpu: 0.125,
        resident: 90 << 20,
        source: "demo source=recorded".to_owned(),
        coverage: "coverage: rows=9558 connections=476 bytes=1674800 parsed=100.0% lost=0".to_owned(),
        ..Status::default()
    };
    Published { snapshot: engine.snapshot(Vec::new()), context: engine.context(None), status }
}

/// These rows and no others.
fn rows(records: impl IntoIterator<Item = Record>) -> Published {
    let tracker = protocols::tracker::Config::default();
    let mut engine = Engine::new(&Keep { tracker, memory: 1 << 30, retain: None }, true);
    records.into_iter().for_each(|record| engine.append(record));
    engine.loaded();
    let (exchanges, errors) = engine.exchanges();
    let status = Status { exchanges, errors, range: engine.range(), ..Status::default() };
    Published { snapshot: engine.snapshot(Vec::new()), context: engine.context(None), status }
}

/// The screens with everything around them that answers.
struct Stage {
    model: Model,
    published: Published,
    going: Going,
    left: bool,
    copied: Option<String>,
    marked: Option<query::Snapshot>,
}

impl Stage {
    fn new(width: u16, height: u16, ascii: bool) -> Self {
        Self::over(recording(usize::MAX), width, height, ascii)
    }

    fn over(published: Published, width: u16, height: u16, ascii: bool) -> Self {
        Self::look(published, width, height, false, ascii)
    }

    fn look(published: Published, width: u16, height: u16, color: bool, ascii: bool) -> Self {
        let saved = vec![("slow routes".to_owned(), "http where latency > 100ms".to_owned())];
        let model = Model::new(color, ascii, saved);
        let mut stage = Self { model, published, going: Going::default(), left: false, copied: None, marked: None };
        stage.tell(Message::Resize(width, height));
        stage.tell(Message::Rows(stage.published.status.clone()));
        stage
    }

    fn tell(&mut self, message: Message) {
        let commands = update(&mut self.model, message);
        self.perform(commands);
    }

    fn perform(&mut self, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::Ask(questions) => {
                    for question in questions {
                        let result = answer(&question, &self.published, self.marked.as_ref(), &mut self.going);
                        if let Err(error) = &result {
                            assert!(!is_own(&question.text), "`{}` is refused: {error}", question.text);
                        }
                        let answer = Answer { slot: question.slot, generation: question.generation, result };
                        self.tell(Message::Answer(answer));
                    }
                }
                Command::Mark => self.marked = Some(self.published.snapshot.clone()),
                Command::Copy(text) => self.copied = Some(text),
                Command::Quit => self.left = true,
                _ => {}
            }
        }
    }

    fn keys(&mut self, keys: &str) {
        keys.chars().for_each(|key| self.key(KeyCode::Char(key)));
    }

    fn key(&mut self, code: KeyCode) {
        self.tell(Message::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    }

    fn find(&mut self) {
        let questions = ask_findings(&self.model);
        self.perform(vec![Command::Ask(questions)]);
    }

    fn buffer(&self) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(self.model.width, self.model.height)).unwrap();
        terminal.draw(|frame| view::draw(&self.model, frame)).unwrap();
        terminal.backend().buffer().clone()
    }

    fn screen(&self) -> String {
        let mut terminal = Terminal::new(TestBackend::new(self.model.width, self.model.height)).unwrap();
        terminal.draw(|frame| view::draw(&self.model, frame)).unwrap();
        let text = terminal.backend().to_string();
        text.lines().map(|line| line.trim_matches('"').trim_end().to_owned() + "\n").collect()
    }

    /// Enters a query on the screen that is shown.
    fn query(&mut self, text: &str) {
        self.keys("/");
        self.tell(Message::Key(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL)));
        self.keys(text);
        self.key(KeyCode::Enter);
    }
}

/// Queries that the program makes by itself must always be right.
fn is_own(query: &str) -> bool {
    let parts = || super::screens::SCREENS.iter().flat_map(|screen| screen.parts);
    !query.is_empty() && parts().any(|part| part.query == query || part.sparks == query)
        || super::findings::RULES.iter().any(|rule| rule.query(true) == query || rule.query(false) == query)
}
