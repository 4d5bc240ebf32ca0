//! The screens without a terminal, for benches: rows, keys in, frames out.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use query::generate::{Generator, START};
use query::{Context, Store, StoreOptions};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::asker::{Answer, answer};
use super::going::Going;
use super::model::{Model, Status};
use super::session::Published;
use super::update::{Command, Message, ask_findings, update};
use super::view;

/// The screens over made-up rows.
#[expect(missing_debug_implementations, reason = "only for benches")]
pub struct Rehearsal {
    model: Model,
    going: Going,
    store: Store,
    generator: Generator,
    rows: u64,
    published: Published,
    terminal: Terminal<TestBackend>,
}

impl Rehearsal {
    /// Over so many rows, in a terminal of this size.
    #[must_use]
    pub fn new(rows: usize, width: u16, height: u16) -> Option<Self> {
        let mut store = Store::new(StoreOptions::default());
        let published = Published { snapshot: store.snapshot(), context: context(0), status: Status::default() };
        let terminal = Terminal::new(TestBackend::new(width, height)).ok()?;
        let (model, generator) = (Model::new(true, false, Vec::new()), Generator::new(1));
        let mut rehearsal = Self { model, going: Going::default(), store, generator, rows: 0, published, terminal };
        rehearsal.tell(Message::Resize(width, height));
        rehearsal.come(rows);
        rehearsal.refresh();
        Some(rehearsal)
    }

    /// So many new rows.
    pub fn come(&mut self, rows: usize) {
        for _ in 0..rows {
            self.store.append(self.generator.any());
        }
        self.rows = self.rows.saturating_add(u64::try_from(rows).unwrap_or(u64::MAX));
        let start = i64::try_from(START).unwrap_or(0);
        let end = start.saturating_add(i64::try_from(self.rows).unwrap_or(0).saturating_mul(1_000_000));
        let range = Some((START, u64::try_from(end).unwrap_or(START)));
        let status = Status { exchanges: self.rows, rows: self.rows, live: true, range, ..Status::default() };
        self.published = Published { snapshot: self.store.snapshot(), context: context(end), status };
    }

    /// What is shown is asked for anew.
    pub fn refresh(&mut self) {
        self.tell(Message::Rows(self.published.status.clone()));
    }

    /// The findings are asked for anew.
    pub fn examine(&mut self) {
        let questions = ask_findings(&self.model);
        self.perform(vec![Command::Ask(questions)]);
    }

    /// Presses a key; what it asks for is answered.
    pub fn key(&mut self, key: char) {
        self.tell(Message::Key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE)));
    }

    /// Presses a key; what it asks for is answered later, as on the real screen.
    pub fn key_alone(&mut self, key: char) {
        let _later = update(&mut self.model, Message::Key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE)));
    }

    /// Draws everything.
    pub fn draw(&mut self) {
        let _memory = self.terminal.draw(|frame| view::draw(&self.model, frame));
    }

    fn tell(&mut self, message: Message) {
        let commands = update(&mut self.model, message);
        self.perform(commands);
    }

    fn perform(&mut self, commands: Vec<Command>) {
        for command in commands {
            if let Command::Ask(questions) = command {
                for question in questions {
                    let result = answer(&question, &self.published, None, &mut self.going);
                    let answer = Answer { slot: question.slot, generation: question.generation, result };
                    self.tell(Message::Answer(answer));
                }
            }
        }
    }
}

fn context(end: i64) -> Context {
    let start = i64::try_from(START).unwrap_or(0);
    Context { now: end.max(start), start, end: end.max(start), live: true }
}
