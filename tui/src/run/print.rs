//! When the rows of a query are printed (INTERFACES 1.1).

use std::time::{Duration, Instant};

use query::{Query, Running, Streaming};

use super::engine::Engine;
use super::reader::Reader;
use crate::failure::Failure;
use crate::output::Rows;
use crate::time;

/// A query on its way to its rows.
pub(crate) struct Printer {
    query: Query,
    mode: Mode,
    pub(crate) rows: Rows,
    limit: Option<u64>,
    live: bool,
    /// Adds rows up as they come, so that a live result covers those that the store has let go.
    running: Option<Box<Running>>,
    last: Instant,
    /// [`Engine::newest`] when rows were printed one by one.
    newest: Option<u64>,
    /// How long that took: printing never takes more than half of the time, or events would wait.
    took: Duration,
}

enum Mode {
    /// Each row once, as soon as it is complete.
    Streaming(Box<Streaming>),
    /// One result at the end; on a terminal it is refreshed before.
    Final { refresh: bool },
}

impl Printer {
    /// Rows of `query` go to `rows`.
    pub(crate) fn new(query: Query, rows: Rows, limit: Option<u64>, live: bool, refresh: bool) -> Self {
        // Over files, "5 minutes ago" is known at their end only.
        let streaming = query.streaming().filter(|_| live || !query.needs_now());
        let mode = match streaming {
            Some(streaming) => Mode::Streaming(Box::new(streaming)),
            None => Mode::Final { refresh: refresh && live },
        };
        let running = query.running().filter(|_| live).map(Box::new);
        Self { query, mode, rows, limit, live, running, last: Instant::now(), newest: None, took: Duration::ZERO }
    }

    /// Whether rows are printed one by one.
    pub(crate) fn is_streaming(&self) -> bool {
        matches!(self.mode, Mode::Streaming(_))
    }

    /// Whether the result can only be seen when the run has ended.
    pub(crate) fn waits_for_the_end(&self) -> bool {
        matches!(self.mode, Mode::Final { refresh: false })
    }

    /// Whether the query is over tables that are states rather than rows.
    pub(crate) fn is_about_states(&self) -> bool {
        matches!(self.query.table(), "inflight" | "probes" | "loss")
    }

    /// Prints what is due. True when nothing more will be printed, and the run can end.
    ///
    /// # Errors
    /// When the query fails while running, or the rows cannot be written.
    pub(crate) fn tick(&mut self, engine: &mut Engine, reader: Option<&Reader>) -> Result<bool, Failure> {
        let every = if self.is_streaming() { STREAM_EVERY } else { REFRESH_EVERY };
        let began = Instant::now();
        if self.is_streaming() && self.newest == Some(engine.newest()) {
            return Ok(false);
        }
        if self.last.elapsed() < every.max(self.took.saturating_mul(2)) {
            return Ok(false);
        }
        self.newest = Some(engine.newest());
        let done = self.print_what_is_due(engine, reader);
        self.last = Instant::now();
        self.took = began.elapsed();
        done
    }

    fn print_what_is_due(&mut self, engine: &mut Engine, reader: Option<&Reader>) -> Result<bool, Failure> {
        match self.mode {
            Mode::Streaming(_) => self.stream(engine),
            Mode::Final { refresh: true } => {
                let table = self.run(engine, reader)?;
                self.rows.refresh(&table)?;
                Ok(self.rows.broken)
            }
            Mode::Final { refresh: false } => {
                if self.running.is_some() {
                    self.run(engine, reader)?;
                }
                Ok(false)
            }
        }
    }

    /// Prints what is left, at the end of the run.
    ///
    /// # Errors
    /// As [`tick`](Self::tick).
    pub(crate) fn finish(&mut self, engine: &mut Engine, reader: Option<&Reader>) -> Result<(), Failure> {
        if self.is_streaming() {
            self.stream(engine)?;
        } else {
            let table = self.run(engine, reader)?;
            self.rows.clear()?;
            self.rows.write(&table)?;
        }
        self.rows.finish()
    }

    /// Prints some more rows of files that were read before the run began; false when none are left.
    ///
    /// # Errors
    /// As [`tick`](Self::tick).
    pub(crate) fn next_of_files(&mut self, engine: &mut Engine) -> Result<bool, Failure> {
        let Mode::Streaming(streaming) = &self.mode else { return Ok(false) };
        if !streaming.has_more(&engine.finished_rows()) {
            return Ok(false);
        }
        self.stream(engine).map(|done| !done)
    }

    fn stream(&mut self, engine: &mut Engine) -> Result<bool, Failure> {
        let Mode::Streaming(streaming) = &mut self.mode else { return Ok(false) };
        if streaming.is_done() || self.limit.is_some_and(|limit| self.rows.written() >= limit) {
            return Ok(true);
        }
        let context = engine.context(self.live.then(time::now));
        let mut table =
            streaming.push(&engine.finished_rows(), &context).map_err(|error| wrong(&self.query, &error))?;
        if let Some(limit) = self.limit {
            let left = limit.saturating_sub(self.rows.written());
            table = table.slice(0, usize::try_from(left).unwrap_or(usize::MAX));
        }
        self.rows.write(&table)?;
        let full = self.limit.is_some_and(|limit| self.rows.written() >= limit);
        Ok(full || streaming.is_done() || self.rows.broken)
    }

    fn run(&mut self, engine: &mut Engine, reader: Option<&Reader>) -> Result<query::Table, Failure> {
        let context = engine.context(self.live.then(time::now));
        let snapshot = engine.snapshot(super::probe_rows(reader));
        let result = match &mut self.running {
            Some(running) => running.push(&snapshot, &context),
            None => self.query.run(&snapshot, &context),
        };
        result.map_err(|error| wrong(&self.query, &error))
    }
}

fn wrong(query: &Query, error: &query::QueryError) -> Failure {
    Failure::usage(error.render(query.text(), 100, false).trim_end().trim_start_matches("error: ").to_owned())
}

/// A row may be printed up to 100 ms after it is complete; the kernel's buffer is looked at every 10 ms.
const STREAM_EVERY: Duration = Duration::from_millis(10);
/// At most twice a second.
const REFRESH_EVERY: Duration = Duration::from_millis(500);
