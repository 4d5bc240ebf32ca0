//! The thread that answers the screens' questions, so that no query ever holds up a key.
//!
//! Questions are asked again and again while rows come. What was worked out for the rows before is kept ([`going`]), so
//! that an answer costs as much as the rows that are new, not as much as all that are there.
//!
//! [`going`]: super::going

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use query::diff::Difference;
use query::{QueryError, Snapshot, Table};

use super::going::Going;
use super::heat::Heat;
use super::map::Map;
use super::session::Published;
use super::sparks::Sparks;
use crate::diff;

/// What an answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    /// Rows of a screen's part.
    Main(usize, usize),
    /// A screen's rows as who calls whom.
    Map(usize),
    /// Counts over time beside a part's rows.
    Sparks(usize, usize),
    /// A screen's rows as a heat map; those from this time on (ns since the epoch) are compared with those before.
    Heat(usize, Option<i64>),
    /// The exchange in the detail.
    Detail,
    /// Everything made during it.
    Chain,
    /// What backs the findings, by number.
    Finding(usize),
    /// What has changed since the rows were marked.
    Changes,
    /// Values that a column has had.
    Values,
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
    Map(Map),
    Sparks(Sparks),
    Heat(Box<Heat>),
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
    busy: usize,
    /// What was asked meanwhile: only the last of it is still of interest.
    waiting: Option<(Vec<Question>, Published)>,
    began: Instant,
    /// How long the last questions took.
    took: Duration,
}

impl Asker {
    /// Starts it.
    pub(super) fn start() -> std::io::Result<Self> {
        let (questions, receiver) = bounded::<(Vec<Question>, Published)>(1);
        let (sender, answers) = bounded(256);
        let marked = Arc::new(Mutex::new(None));
        let shared = Arc::clone(&marked);
        std::thread::Builder::new().name("asker".to_owned()).spawn(move || {
            let mut going = Going::default();
            for (questions, published) in receiver {
                for question in questions {
                    let marked = shared.lock().ok().and_then(|marked| marked.clone());
                    let result = answer(&question, &published, marked.as_ref(), &mut going);
                    let answer = Answer { slot: question.slot, generation: question.generation, result };
                    if sender.send(answer).is_err() {
                        return;
                    }
                }
            }
        })?;
        let (busy, took) = (0, Duration::ZERO);
        Ok(Self { questions, marked, answers, busy, waiting: None, began: Instant::now(), took })
    }

    /// Remembers rows to compare later ones with.
    pub(super) fn mark(&self, snapshot: Snapshot) {
        if let Ok(mut marked) = self.marked.lock() {
            *marked = Some(snapshot);
        }
    }

    /// Nothing is asked, or waits to be.
    pub(super) fn is_idle(&self) -> bool {
        self.busy == 0 && self.waiting.is_none()
    }

    /// How long the last questions took.
    pub(super) fn took(&self) -> Duration {
        self.took
    }

    /// Asks, once the questions before have been answered.
    pub(super) fn ask(&mut self, questions: Vec<Question>, published: Published) {
        if questions.is_empty() {
            return;
        }
        if self.busy > 0 {
            self.waiting = Some((questions, published));
            return;
        }
        let count = questions.len();
        self.began = Instant::now();
        if self.questions.try_send((questions, published)).is_ok() {
            self.busy = count;
        }
    }

    /// An answer was taken: asks what has waited for it.
    pub(super) fn answered(&mut self) {
        self.busy = self.busy.saturating_sub(1);
        if self.busy > 0 {
            return;
        }
        self.took = self.began.elapsed();
        if let Some((questions, published)) = self.waiting.take() {
            self.ask(questions, published);
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
    going: &mut Going,
) -> Result<Rows, QueryError> {
    match question.slot {
        Slot::Changes => {
            let marked = marked.ok_or_else(|| QueryError::run("nothing is marked yet: `m` marks"))?;
            let differences = query::diff::diff(marked, &published.snapshot, &[])?;
            Ok(Rows::Changes(differences.iter().map(change).collect()))
        }
        Slot::Heat(_, since) => {
            let heat = going.heat(&question.text, published)?;
            Ok(Rows::Heat(Box::new(heat.compared(since))))
        }
        Slot::Map(_) => Ok(Rows::Map(Map::of(&going.table(&question.text, published)?))),
        Slot::Sparks(..) => Ok(Rows::Sparks(Sparks::of(&going.table(&question.text, published)?))),
        _ => going.table(&question.text, published).map(Rows::Table),
    }
}
