//! Streams that the client may have opened unseen: before the connection was joined, or in a hole.
//!
//! Clients open streams in ascending order (RFC 9113, 5.1.1). So the requests that were missed lie between the last that was
//! seen before and the first that was seen after, and an answer on such a stream belongs to one of them. Anywhere else, an
//! answer to nobody is none.

use std::collections::{BTreeSet, VecDeque};

/// Most times that requests were missed, and streams that have their row, which are remembered.
const MOST_SPANS: usize = 64;
const MOST_TOLD: usize = 4096;

/// Why a request was not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Missed {
    /// It was sent before the connection was joined.
    Before,
    /// A limit cut it off.
    Cut,
    /// It was lost.
    Lost,
}

/// Streams between these two, both excluded.
#[derive(Debug)]
struct Span {
    above: u32,
    below: u32,
    why: Missed,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Unseen {
    spans: VecDeque<Span>,
    /// Requests were missed since this stream was opened, and none has been seen since then.
    since: Option<(u32, Missed)>,
    /// Streams of these spans that have their row.
    told: BTreeSet<u32>,
}

impl Unseen {
    /// Of a connection, perhaps joined in the middle.
    pub(super) fn new(midstream: bool) -> Self {
        Self { since: midstream.then_some((0, Missed::Before)), ..Self::default() }
    }

    /// Requests may have been missed; this was the last stream opened before.
    pub(super) fn miss(&mut self, highest: u32, why: Missed) {
        let (highest, before) = self.since.unwrap_or((highest, why));
        self.since = Some((highest, before.max(why)));
    }

    /// The client is seen to open a stream. Returns whether requests before it were missed.
    pub(super) fn opened(&mut self, stream: u32) -> bool {
        let Some((above, why)) = self.since.take() else { return false };
        if self.spans.len() >= MOST_SPANS {
            self.spans.pop_front();
        }
        self.spans.push_back(Span { above, below: stream, why });
        true
    }

    /// Why the request on this stream was not seen; null if there was none, or its row has been given.
    pub(super) fn why(&self, stream: u32) -> Option<Missed> {
        if stream.is_multiple_of(2) || self.told.contains(&stream) {
            return None;
        }
        let span = self.spans.iter().find(|span| span.above < stream && stream < span.below).map(|span| span.why);
        span.or_else(|| self.since.filter(|(above, _)| *above < stream).map(|(_, why)| why))
    }

    /// The row of such a stream has been given.
    pub(super) fn tell(&mut self, stream: u32) {
        if self.told.len() >= MOST_TOLD {
            self.told.pop_first();
        }
        self.told.insert(stream);
    }

    /// Whether the row of such a stream has been given.
    pub(super) fn is_told(&self, stream: u32) -> bool {
        self.told.contains(&stream)
    }

    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        self.told.len().saturating_mul(16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_what_was_seen_before_and_after() {
        let mut unseen = Unseen::new(true);
        assert_eq!(unseen.why(7), Some(Missed::Before), "nothing seen yet");
        unseen.opened(9);
        assert_eq!([7, 9, 11].map(|stream| unseen.why(stream)), [Some(Missed::Before), None, None]);
        unseen.miss(15, Missed::Cut);
        unseen.miss(15, Missed::Lost);
        assert_eq!([7, 13, 17].map(|stream| unseen.why(stream)), [Some(Missed::Before), None, Some(Missed::Lost)]);
        unseen.opened(19);
        assert_eq!([17, 18, 19, 21].map(|stream| unseen.why(stream)), [Some(Missed::Lost), None, None, None]);
    }

    #[test]
    fn one_row_each() {
        let mut unseen = Unseen::new(true);
        unseen.tell(7);
        assert_eq!((unseen.why(7), unseen.why(9)), (None, Some(Missed::Before)));
        for stream in 0..100_000 {
            unseen.tell(2 * stream + 1);
            unseen.miss(2 * stream, Missed::Cut);
            unseen.opened(2 * stream + 1);
        }
        assert!(unseen.memory() < 1 << 17 && unseen.spans.len() == MOST_SPANS);
    }
}
