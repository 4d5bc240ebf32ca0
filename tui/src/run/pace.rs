//! A recording that is cut after some time of its own, and played at the speed at which it was made.

use std::time::{Duration, Instant};

use probes::{EventSource, Next, SourceError};
use protocols::event::{SocketEvent, Timestamp};

/// A recording, cut and paced.
pub(super) struct Paced {
    inner: Box<dyn EventSource>,
    length: Option<Duration>,
    paced: bool,
    /// When it began: in its own time, and in ours.
    began: Option<(Timestamp, Instant)>,
    waiting: Option<SocketEvent>,
}

impl Paced {
    /// At most `length` of `inner`; at its own speed if `paced`, else as fast as it can be read.
    pub(super) fn new(inner: Box<dyn EventSource>, length: Option<Duration>, paced: bool) -> Self {
        Self { inner, length, paced, began: None, waiting: None }
    }
}

impl EventSource for Paced {
    fn next(&mut self, wait: Duration) -> Result<Next, SourceError> {
        let event = match self.waiting.take() {
            Some(event) => event,
            None => match self.inner.next(wait)? {
                Next::Event(event) => event,
                other => return Ok(other),
            },
        };
        let (start, began) = *self.began.get_or_insert_with(|| (event.time(), Instant::now()));
        let since = Duration::from_nanos(event.time().since(start));
        if self.length.is_some_and(|length| since > length) {
            return Ok(Next::End);
        }
        let early = since.saturating_sub(began.elapsed());
        if self.paced && !early.is_zero() {
            std::thread::sleep(early.min(wait));
            if early > wait {
                self.waiting = Some(event);
                return Ok(Next::Idle);
            }
        }
        Ok(Next::Event(event))
    }
}
