//! What a file format implements, and the source that drives it: bytes come in as they are read, events go out.

use std::collections::VecDeque;
use std::time::Duration;

use protocols::event::SocketEvent;

use super::feed::{Feed, Fill};
use super::{Kind, Progress};
use crate::{EventSource, Next, SourceError};

/// One file format, fed with bytes as they come. Knows nothing of files.
pub(super) trait Format: Send {
    /// Reads what is whole in `input`, and returns how many bytes it is done with; the rest is given again, with more
    /// behind it. With `last` there is no more: a rest that is not whole is damage.
    ///
    /// # Errors
    /// Where the input makes no sense. What `out` was given before stays good.
    fn decode(&mut self, input: &[u8], last: bool, out: &mut Queue) -> Result<usize, Damage>;

    /// The input has ended, well or not: gives what was held back.
    fn close(&mut self, _out: &mut Queue) {}
}

/// Events on their way out.
pub(super) type Queue = VecDeque<SocketEvent>;

/// Why an input cannot be read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damage {
    /// What is wrong, as one line.
    pub(super) what: String,
    /// Where it begins, from the start of the input that was given. Everything before it was read.
    pub(super) at: usize,
    /// What to do about it.
    pub(super) advice: Option<String>,
}

impl Damage {
    pub(super) fn new(what: impl Into<String>, at: usize) -> Self {
        Self { what: what.into(), at, advice: None }
    }
}

/// A file as a stream of events.
pub struct Replay {
    name: String,
    kind: Kind,
    progress: Progress,
    feed: Feed,
    format: Box<dyn Format>,
    queue: Queue,
    state: Reading,
}

#[derive(Debug)]
enum Reading {
    /// There may be more.
    On,
    /// All was read; the queue is given, then this.
    Over(Option<SourceError>),
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Replay {
    pub(super) fn new(name: &str, kind: Kind, progress: Progress, feed: Feed, format: Box<dyn Format>) -> Self {
        Self { name: name.to_owned(), kind, progress, feed, format, queue: Queue::new(), state: Reading::On }
    }

    /// What kind of file it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How far it has been read.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    fn decode(&mut self, last: bool) {
        match self.format.decode(self.feed.bytes(), last, &mut self.queue) {
            Ok(done) => self.feed.consume(done),
            Err(damage) => self.damaged(damage),
        }
    }

    fn damaged(&mut self, damage: Damage) {
        let offset = self.feed.offset().saturating_add(damage.at as u64);
        self.over(Some(SourceError {
            what: format!("{}: {}", self.name, damage.what),
            offset: Some(offset),
            advice: damage.advice,
            unsupported: false,
        }));
    }

    fn over(&mut self, error: Option<SourceError>) {
        self.format.close(&mut self.queue);
        self.state = Reading::Over(error);
    }
}

impl EventSource for Replay {
    fn next(&mut self, wait: Duration) -> Result<Next, SourceError> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Ok(Next::Event(event));
            }
            if let Reading::Over(error) = &mut self.state {
                return error.take().map_or(Ok(Next::End), Err);
            }
            match self.feed.fill(wait) {
                Fill::More => self.decode(false),
                Fill::Idle => return Ok(Next::Idle),
                Fill::End => {
                    self.decode(true);
                    if matches!(self.state, Reading::On) {
                        self.over(None);
                    }
                }
                Fill::Failed(error) => {
                    let at = self.feed.bytes().len();
                    self.damaged(Damage::new(error, at));
                }
            }
        }
    }
}
