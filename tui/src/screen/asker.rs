//! The thread that answers the screens' questions, so that no query ever holds up a key.

use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, Sender, bounded};
use query::diff::Difference;
use query::{Query, QueryError, Snapshot, Table};

use super::heat::Heat;
use super::session::Published;
use crate::diff;

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
    /// What has changed since the rows were marked.
    Changes,
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
    /// Name, explanation, and the query that shows the rows.
    Changes(Vec<(String, String, String)>),
}

/// The thread.
pub(super) struct Asker {
    questions: Sender<(Vec<Question>, Published)>,
    /// The rows that later ones are compared with.
    marked: Arc<Mutex<Option<Snapshot>>>,
    pub(super) answers: Receiver<Answer>,
    /// Questions under way.
    pub(super) busy: usize,
}

impl Asker {
    /// Starts it.
    pub(super) fn start() -> std::io::Result<Self> {
        let (questions, receiver) = bounded::<(Vec<Question>, Published)>(64);
        let (sender, answers) = bounded(256);
        let marked = Arc::new(Mutex::new(None));
        let shared = Arc::clone(&marked);
        std::thread::Builder::new().name("asker".to_owned()).spawn(move || {
            for (questions, published) in receiver {
                for question in questions {
                    let marked = shared.lock().ok().and_then(|marked| marked.clone());
                    let result = answer(&question, &published, marked.as_ref());
                    let answer = Answer { slot: question.slot, generation: question.generation, result };
                    if sender.send(answer).is_err() {
                        return;
                    }
                }
            }
        })?;
        Ok(Self { questions, marked, answers, busy: 0 })
    }

    /// Remembers rows to compare later ones with.
    pub(super) fn mark(&self, snapshot: Snapshot) {
        if let Ok(mut marked) = self.marked.lock() {
            *marked = Some(snapshot);
        }
    }

    /// Asks; what cannot be asked now is asked again with the next rows.
    pub(super) fn ask(&mut self, questions: Vec<Question>, published: Published) {
        let count = questions.len();
        if self.questions.try_send((questions, published)).is_ok() {
            self.busy += count;
        }
    }
}

/// A difference as an item of a list.
fn change(difference: &Difference) -> (String, String, String) {
    let name = format!("{}: {} {}", diff::name(difference.change), difference.table, diff::key(difference));
    let figures = format!("{}; {}", diff::figures(difference), difference.statement());
    (name, figures, format!("{} | sort time desc | take 500", difference.table))
}

/// Runs one query.
pub(super) fn answer(
    question: &Question,
    published: &Published,
    marked: Option<&Snapshot>,
) -> Result<Rows, QueryError> {
    if question.slot == Slot::Changes {
        let marked = marked.ok_or_else(|| QueryError::run("nothing is marked yet: `m` marks"))?;
        let differences = query::diff::diff(marked, &published.snapshot, &[])?;
        return Ok(Rows::Changes(differences.iter().map(change).collect()));
    }
    let table = Query::parse(&question.text)?.run(&published.snapshot, &published.context)?;
    Ok(match question.slot {
        Slot::Heat(_) => Rows::Heat(Heat::of(&table)),
        _ => Rows::Table(table),
    })
}
