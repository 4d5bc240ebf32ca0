//! `Query`: a checked query, ready to run.

use std::collections::HashSet;
use std::sync::Arc;

use crate::error::QueryError;
use crate::lower;
use crate::plan::{Plan, Step};
use crate::store::Snapshot;
use crate::table::{OutputColumn, Table};

/// What a query needs to know of the run that it looks at. Times are ns since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// What `now` means: the wall clock when live, the latest end of the files otherwise.
    pub now: i64,
    /// When watching began (files: their first time): the range of `rate()`.
    pub start: i64,
    /// Until when was watched.
    pub end: i64,
    /// Live: rows may follow.
    pub live: bool,
}

/// A checked query.
#[derive(Debug, Clone)]
pub struct Query {
    text: String,
    plan: Arc<Plan>,
}

impl Query {
    /// Reads and checks `text`.
    ///
    /// # Errors
    /// What is wrong and where.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        Ok(Self { text: text.to_owned(), plan: Arc::new(Plan::parse(text)?) })
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The (first) table that it reads.
    #[must_use]
    pub fn table(&self) -> &'static str {
        self.plan.table
    }

    /// Every table that it reads, joined ones too.
    #[must_use]
    pub fn tables(&self) -> Vec<&'static str> {
        self.plan.tables()
    }

    /// Whether each row can be given as soon as it is complete (INTERFACES 1.1).
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        self.plan.is_streaming()
    }

    /// Whether it says `now` or counts back from it: over files it can only run when their end is known.
    #[must_use]
    pub fn needs_now(&self) -> bool {
        self.plan.needs_now()
    }

    /// Whether evicted rows would have changed its result (it has `sort`, `top` or `join`).
    #[must_use]
    pub fn needs_retained(&self) -> bool {
        self.plan.needs_retained()
    }

    /// Columns of its result.
    #[must_use]
    pub fn columns(&self) -> &[OutputColumn] {
        &self.plan.columns
    }

    /// Runs it over everything in `snapshot`.
    ///
    /// # Errors
    /// What failed while running.
    pub fn run(&self, snapshot: &Snapshot, context: &Context) -> Result<Table, QueryError> {
        lower::run(&self.plan, snapshot, context)
    }

    /// Starts giving rows as they come; null unless [`is_streaming`](Self::is_streaming).
    #[must_use]
    pub fn streaming(&self) -> Option<Streaming> {
        let state = |step: &Step| match step {
            Step::Take(count) => State::Left(*count),
            Step::Distinct => State::Seen(HashSet::new()),
            _ => State::None,
        };
        let states = self.plan.steps.iter().map(state).collect();
        self.is_streaming().then(|| Streaming { plan: Arc::clone(&self.plan), states, last: 0, done: false })
    }
}

/// A streaming query under way.
#[derive(Debug)]
pub struct Streaming {
    plan: Arc<Plan>,
    /// One a step.
    states: Vec<State>,
    /// Running number of the last row looked at.
    last: u64,
    done: bool,
}

/// What a step must remember of the rows before.
#[derive(Debug)]
enum State {
    None,
    /// Rows that `take` still lets through.
    Left(u64),
    /// Rows that `distinct` has given.
    Seen(HashSet<Vec<u8>>),
}

impl Streaming {
    /// The rows that were not given yet, in order of completion.
    ///
    /// # Errors
    /// What failed while running.
    pub fn push(&mut self, snapshot: &Snapshot, context: &Context) -> Result<Table, QueryError> {
        let mut frame = lower::source_rows(&self.plan, snapshot, self.last)?;
        self.last = self.last.max(snapshot.last_seq());
        for (step, state) in self.plan.steps.iter().zip(&mut self.states) {
            frame = match state {
                State::None => lower::step(frame, step, context)?,
                State::Left(left) => {
                    let frame = lower::first_rows(frame, *left);
                    *left = left.saturating_sub(frame.height() as u64);
                    self.done |= *left == 0;
                    frame
                }
                State::Seen(seen) => lower::unseen(&frame, seen)?,
            };
        }
        lower::finish(&self.plan, Ok(frame))
    }

    /// No further row will be given (`take n`).
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done
    }
}
