//! HTTP/1.0 and 1.1 (RFC 9110, RFC 9112), with HTTP/0.9's simple request.
//!
//! ```text
//! requests   -> ask    -> queue of exchanges, oldest first
//! responses  -> answer ->   ... each answers the oldest (RFC 9112, 9.3.2)
//! ```
//! * Ambiguous heads (differing lengths, a length beside a transfer coding, fields that peers read differently) are not
//!   guessed at: their sizes and bodies stay null, `truncated` is set, and reading goes on at the next start line.
//! * A response whose request was not seen (joined midstream, or the request was lost) is a row without a method, and
//!   without latency. `time` is then the response's.
//! * After missing bytes responses cannot be counted off against requests any more, and times decide. The first response
//!   behind a hole answers nobody for certain; requests sent before it are rows with `gap` and without an answer.

mod answer;
mod ask;
mod body;
mod exchange;
mod head;
#[cfg(test)]
mod properties;
mod recognise;
mod target;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

use std::collections::VecDeque;
use std::sync::Arc;

use self::body::Reader;
use self::exchange::Pending;
use crate::event::{Direction, Timestamp};
use crate::infer::{Protocol, Start};
use crate::record::Header;
use crate::session::{Session, Sink};
use crate::stream::{DataStream, Streams};
use crate::tracker::Config;

/// HTTP/1 in the table of protocols.
pub const PROTOCOL: Protocol =
    Protocol { name: "http", tables: &["http", "grpc"], recognise: recognise::recognise, start };

/// Longest head that is waited for; servers refuse far shorter ones.
const LONGEST_HEAD: usize = 256 << 10;

fn start(start: Start) -> Box<dyn Session> {
    Box::new(Http1::new(&start))
}

/// One connection.
#[derive(Debug)]
struct Http1 {
    requests: Direction,
    /// The bytes were encrypted on the wire.
    secure: bool,
    config: Arc<Config>,
    /// Exchanges under way, oldest first; the last one's request may still be read, the first one's response too.
    queue: VecDeque<Pending>,
    asking: Reading,
    answering: Reading,
    /// Requests may have gone by unseen since the last one.
    missed_requests: bool,
    /// Responses may have gone by unseen since the last one.
    missed_responses: bool,
    /// Requests that began by then may have been answered by what was skipped, or by responses that went to nobody.
    doubt: Option<Timestamp>,
    /// The connection spoke nothing yet.
    fresh: bool,
    /// Header fields of the last request and response, which lend their strings to the next.
    last_request: Vec<Header>,
    last_response: Vec<Header>,
    /// Bytes held in the queue.
    weight: usize,
    over: bool,
}

/// What is being read in one direction.
#[derive(Debug)]
enum Reading {
    /// A head, of which so many bytes hold no end; and whether its exchange has begun.
    Head { scanned: usize, begun: bool },
    /// A body.
    Body(Box<Reader>),
    /// Nothing, before the other side has decided whether the protocol changes.
    Held,
    /// Whatever comes before the next start line. Whether a line begins here.
    Lost { line_start: bool },
}

const HEAD: Reading = Reading::Head { scanned: 0, begun: false };

impl Http1 {
    fn new(start: &Start) -> Self {
        let reading = || if start.midstream { Reading::Lost { line_start: true } } else { HEAD };
        Self {
            requests: start.requests,
            secure: start.decrypted,
            config: Arc::clone(&start.config),
            queue: VecDeque::new(),
            asking: reading(),
            answering: reading(),
            missed_requests: start.midstream,
            missed_responses: false,
            doubt: None,
            fresh: !start.midstream,
            last_request: Vec::new(),
            last_response: Vec::new(),
            weight: 0,
            over: false,
        }
    }

    /// Gives out the oldest exchange if both its halves are complete.
    fn complete(&mut self, sink: &mut Sink<'_>) {
        if self.queue.front().is_some_and(|front| front.request_done && front.response_done) {
            self.give_out(false, sink);
        }
    }

    /// Gives out the oldest exchange as it is.
    fn give_out(&mut self, cut_short: bool, sink: &mut Sink<'_>) {
        if let Some(pending) = self.queue.pop_front() {
            self.weight = self.weight.saturating_sub(pending.weight);
            sink.finish(pending.into_exchange(cut_short, &self.config));
        }
    }
}

impl Session for Http1 {
    fn advance(&mut self, streams: &mut Streams, sink: &mut Sink<'_>) {
        while !self.over {
            let asked = self.ask(streams, sink);
            let answered = self.answer(streams, sink);
            if !asked && !answered {
                break;
            }
        }
    }

    fn finish(&mut self, streams: &mut Streams, closed: bool, sink: &mut Sink<'_>) {
        self.end_request(streams, sink);
        self.end_response(streams, closed, sink);
        while let Some(front) = self.queue.front() {
            let cut_short = !front.response_done;
            self.give_out(cut_short, sink);
        }
    }

    fn memory(&self) -> usize {
        let bodies = [&self.asking, &self.answering].map(|reading| match reading {
            Reading::Body(reader) => reader.body.kept.len(),
            _ => 0,
        });
        self.weight.saturating_add(bodies.iter().sum()).saturating_add(size_of::<Self>())
    }
}

/// Skips to the next start line that `is_start` recognises. Returns whether it is there, and whether a hole was crossed.
/// What precedes it is counted as skipped; an unfinished last line stays.
fn resynchronise(
    stream: &mut DataStream,
    line_start: &mut bool,
    is_start: fn(&[u8]) -> recognise::Line,
    sink: &mut Sink<'_>,
) -> (bool, bool) {
    let mut crossed = false;
    loop {
        if let Some(hole) = stream.hole() {
            stream.skip(hole.len);
            *line_start = true;
            crossed = true;
        }
        let bytes = stream.bytes();
        if bytes.is_empty() {
            return (false, crossed);
        }
        let torn = stream.hole_follows();
        let mut at = 0;
        let mut candidate = *line_start || stream.begins_call(stream.position());
        let found = loop {
            let rest = bytes.get(at..).unwrap_or_default();
            match candidate.then(|| is_start(rest)) {
                Some(recognise::Line::Yes) => break Some(true),
                Some(recognise::Line::Perhaps) if !torn => break Some(false),
                _ => {}
            }
            // A line begins after another, or with a call of its own.
            let line = memchr::memchr(b'\n', rest).map(|end| at.saturating_add(end).saturating_add(1));
            let position = |at: usize| stream.position().saturating_add(at as u64);
            let call =
                stream.next_call(position(at)).and_then(|call| usize::try_from(call.saturating_sub(position(0))).ok());
            match line.into_iter().chain(call.filter(|call| *call < bytes.len())).min() {
                Some(next) => at = next,
                None => break None,
            }
            candidate = true;
        };
        let count = if found.is_some() { at } else { bytes.len() };
        *line_start = found.is_some() || (count == at && candidate);
        stream.consume(count);
        if count > 0 {
            sink.skipped(count as u64);
        }
        match found {
            Some(whole) => return (whole, crossed),
            None if stream.hole().is_some() => {}
            None => return (false, crossed),
        }
    }
}
