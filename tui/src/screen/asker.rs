//! The thread that answers the screens' questions, so that no query ever holds up a key.

use crossbeam_channel::{Receiver, Sender, bounded};
use query::{Query, QueryError, Table};

use super::heat::Heat;
use super::session::Published;

/// What an answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    /// A screen's rows.
    Main(usize),
    /// A screen's second rows.
    Beside(usize),
    /// A screen's rows as a heat map.
    Heat(usize),
    /// The exchange in the detail.
    Detail,
    /// Everything made during it.
    Chain,
    /// What backs the findings, by number.
    Finding(usize),
}

/// A query to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) slot: Slot,
    pub(crate) text: String,
    /// Answers to older generations than the model's are dropped.
    pub(crate) generation: u64,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) slot: Slot,
    pub(crate) generation: u64,
    pub(crate) result: Result<Rows, QueryError>,
}

/// Rows, or what a screen needs of them.
#[derive(Debug)]
pub(crate) enum Rows {
    Table(Table),
    Heat(Heat),
}

/// The thread.
pub(super) struct Asker {
    questions: Sender<(Vec<Question>, Published)>,
    pub(super) answers: Receiver<Answer>,
    /// Questions under way.
    pub(super) busy: usize,
}

impl Asker {
    /// Starts it.
    pub(super) fn start() -> std::io::Result<Self> {
        let (questions, receiver) = bounded::<(Vec<Question>, Published)>(64);
        let (sender, answers) = bounded(256);
        std::thread::Builder::new().name("asker".to_owned()).spawn(move || {
            for (questions, published) in receiver {
                for question in questions {
                    let result = answer(&question, &published);
                    let answer = Answer { slot: question.slot, generation: question.generation, result };
                    if sender.send(answer).is_err() {
                        return;
                    }
                }
            }
        })?;
        Ok(Self { questions, answers, busy: 0 })
    }

    /// Asks; what cannot be asked now is asked again with the next rows.
    pub(super) fn ask(&mut self, questions: Vec<Question>, published: Published) {
        let count = questions.len();
        if self.questions.try_send((questions, published)).is_ok() {
            self.busy += count;
        }
    }
}

/// Runs one query.
pub(super) fn answer(question: &Question, published: &Published) -> Result<Rows, QueryError> {
    let table = Query::parse(&question.text)?.run(&published.snapshot, &published.context)?;
    Ok(match question.slot {
        Slot::Heat(_) => Rows::Heat(Heat::of(&table)),
        _ => Rows::Table(table),
    })
}
