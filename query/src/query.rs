//! `Query`: a checked query, ready to run.

use std::collections::HashSet;
use std::sync::Arc;

use polars::prelude::DataFrame;

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

    /// Starts adding rows up as they come; null unless the query begins with stages that look at each row alone, and then
    /// summarizes.
    #[must_use]
    pub fn running(&self) -> Option<Running> {
        Running::of(Arc::clone(&self.plan))
    }

    /// Starts keeping the first rows of an order as rows come; null unless the query begins with stages that look at each
    /// row alone, and then sorts and takes some.
    #[must_use]
    pub fn first(&self) -> Option<First> {
        let at = self.plan.takes_first()?;
        Some(First { plan: Arc::clone(&self.plan), at, kept: None, last: 0 })
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
        self.is_streaming().then(|| Streaming {
            plan: Arc::clone(&self.plan),
            states,
            last: 0,
            files: None,
            read_out: false,
            done: false,
        })
    }
}

/// A query that adds up rows as they come: its result covers the whole run, also the rows that the store has let go, and
/// costs only as much as the new rows. Quantiles are at most 0.05 % off; [`Query::run`] gives exact ones.
#[derive(Debug)]
pub struct Running {
    plan: Arc<Plan>,
    /// Number of the step that adds up.
    at: usize,
    sums: lower::Sums,
    /// Right sides of joins that follow, by the number of their step.
    rights: Vec<(usize, Running)>,
    /// Running number of the last row added.
    last: u64,
}

impl Running {
    fn of(plan: Arc<Plan>) -> Option<Self> {
        let at = plan.adds_up()?;
        let right = |(number, step): (usize, &Step)| match step {
            Step::Join(join) if number > at => Some((number, Self::of(Arc::new(join.plan.clone()))?)),
            _ => None,
        };
        let rights = plan.steps.iter().enumerate().filter_map(right).collect();
        Some(Self { plan, at, sums: lower::Sums::default(), rights, last: 0 })
    }

    /// Adds the rows that are new in `snapshot` and gives the result so far.
    ///
    /// # Errors
    /// What failed while running.
    pub fn push(&mut self, snapshot: &Snapshot, context: &Context) -> Result<Table, QueryError> {
        if snapshot.is_read() {
            return lower::run(&self.plan, snapshot, context);
        }
        let rows = lower::source_rows(&self.plan, snapshot, self.last)?;
        self.last = self.last.max(snapshot.last_seq());
        lower::add_up(&self.plan, self.at, rows, &mut self.sums, context)?;
        if self.sums.is_empty() {
            return lower::run(&self.plan, snapshot, context);
        }
        let right = |(number, running): &mut (usize, Self)| Ok((*number, running.push(snapshot, context)?));
        let rights = self.rights.iter_mut().map(right).collect::<Result<Vec<_>, QueryError>>()?;
        lower::added_up(&self.plan, self.at, &self.sums, &rights, snapshot, context)
    }
}

/// A query for the first rows of an order (`http | sort time desc | take 500`): it keeps those, and looks only at the rows
/// that are new, so that it costs the same however many there are.
#[derive(Debug)]
pub struct First {
    plan: Arc<Plan>,
    /// Number of the step that sorts; the next one takes.
    at: usize,
    kept: Option<lower::Kept>,
    /// Running number of the last row looked at.
    last: u64,
}

impl First {
    /// Looks at the rows that are new in `snapshot` and gives the result so far.
    ///
    /// # Errors
    /// What failed while running.
    pub fn push(&mut self, snapshot: &Snapshot, context: &Context) -> Result<Table, QueryError> {
        let rows = lower::source_rows(&self.plan, snapshot, self.last)?;
        self.last = self.last.max(snapshot.last_seq());
        lower::keep_first(&self.plan, self.at, rows, &mut self.kept, context)?;
        lower::kept_first(&self.plan, self.at, self.kept.as_ref(), snapshot, context)
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
    /// Rows of files, where some were read.
    files: Option<lower::Ordered>,
    /// All of them were given.
    read_out: bool,
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
        let mut frame = self.new_rows(snapshot, context)?;
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

    fn new_rows(&mut self, snapshot: &Snapshot, context: &Context) -> Result<DataFrame, QueryError> {
        if !snapshot.is_read() {
            let rows = lower::source_rows(&self.plan, snapshot, self.last)?;
            self.last = self.last.max(snapshot.last_seq());
            return Ok(rows);
        }
        let files = match &mut self.files {
            Some(files) => files,
            None => self.files.insert(lower::ordered(&self.plan, snapshot, context)?),
        };
        match lower::next_rows(files)? {
            Some(rows) => Ok(rows),
            None => {
                self.read_out = true;
                lower::no_rows(&self.plan)
            }
        }
    }

    /// Whether rows of `snapshot`, which were read from files, are left: these come some at a time.
    #[must_use]
    pub fn has_more(&self, snapshot: &Snapshot) -> bool {
        snapshot.is_read() && !self.read_out && !self.done
    }

    /// No further row will be given (`take n`).
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done
    }
}
