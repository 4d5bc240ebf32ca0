//! `Query`: a checked query, ready to run.

use polars::prelude::DataFrame;

use crate::error::QueryError;
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
}

impl Query {
    /// Reads and checks `text`.
    ///
    /// # Errors
    /// What is wrong and where.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        Ok(Self { text: text.to_owned() })
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The (first) table that it reads.
    #[must_use]
    pub fn table(&self) -> &'static str {
        "http"
    }

    /// Every table that it reads, joined ones too.
    #[must_use]
    pub fn tables(&self) -> Vec<&'static str> {
        vec![self.table()]
    }

    /// Whether each row can be given as soon as it is complete (INTERFACES 1.1).
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        false
    }

    /// Whether it says `now` or counts back from it: over files it can only run when their end is known.
    #[must_use]
    pub fn needs_now(&self) -> bool {
        false
    }

    /// Whether evicted rows would have changed its result (it has `sort`, `top` or `join`).
    #[must_use]
    pub fn needs_retained(&self) -> bool {
        false
    }

    /// Columns of its result.
    #[must_use]
    pub fn columns(&self) -> &[OutputColumn] {
        &[]
    }

    /// Runs it over everything in `snapshot`.
    ///
    /// # Errors
    /// What failed while running.
    pub fn run(&self, _snapshot: &Snapshot, _context: &Context) -> Result<Table, QueryError> {
        Ok(Table { columns: Vec::new(), frame: DataFrame::empty() })
    }

    /// Starts giving rows as they come; null unless [`is_streaming`](Self::is_streaming).
    #[must_use]
    pub fn streaming(&self) -> Option<Streaming> {
        None
    }
}

/// A streaming query under way.
#[derive(Debug)]
pub struct Streaming {
    done: bool,
}

impl Streaming {
    /// The rows that were not given yet, in order of completion.
    ///
    /// # Errors
    /// What failed while running.
    pub fn push(&mut self, _snapshot: &Snapshot, _context: &Context) -> Result<Table, QueryError> {
        Ok(Table { columns: Vec::new(), frame: DataFrame::empty() })
    }

    /// No further row will be given (`take n`).
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done
    }
}
