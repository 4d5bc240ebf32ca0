//! What a protocol implements, and what it is given.
//!
//! A [`Session`] is one protocol on one connection. It reads both directions as far as it can, and tells the [`Sink`] what
//! began and what ended. It has no clock, does not know who is watched, and never fails: bytes that make no sense are
//! skipped up to the next plausible boundary and counted.

use crate::event::{Direction, Endpoint, Timestamp, Transport};
use crate::record::Record;
use crate::stream::{Hole, Mark, Streams};

/// One protocol on one connection.
pub trait Session: Send {
    /// Reads on. Called whenever either direction has got bytes, a hole, or its end. Must consume what it needs no longer,
    /// and must give the same exchanges however the bytes were cut into chunks.
    fn advance(&mut self, streams: &mut Streams, sink: &mut Sink<'_>);

    /// The connection is over (`closed`) or the input has ended: finishes every open exchange as it stands.
    fn finish(&mut self, streams: &mut Streams, closed: bool, sink: &mut Sink<'_>);

    /// Time has passed: time-outs fall due.
    fn tick(&mut self, _now: Timestamp, _sink: &mut Sink<'_>) {}

    /// The first plaintext was seen that kernel TLS encrypts or decrypts: the rest of that direction's bytes never will be.
    fn sealed(&mut self, _sink: &mut Sink<'_>) {}

    /// Roughly how many bytes of memory it holds beside the streams.
    fn memory(&self) -> usize {
        0
    }
}

/// How long an answer to nobody waits for its request, ns.
pub(crate) const EARLY: u64 = 1_000_000_000;

/// Whether an answer of that time, to a request that nobody made, may be one to a request that is told of late. The
/// library's call that sends a request returns, and is told of, after the call inside it that puts it on the wire: another
/// thread may read the answer before.
pub(crate) fn is_early(streams: &Streams, answered: Timestamp) -> bool {
    let last = |direction| {
        let stream = &streams[direction];
        stream.mark(stream.tail().checked_sub(1)?).map(|mark| mark.time)
    };
    let latest = last(Direction::Sent).max(last(Direction::Received));
    latest.is_some_and(|latest| latest.since(answered) < EARLY)
}

/// One protocol on one UDP socket.
pub trait DatagramSession: Send {
    /// Takes one datagram.
    fn datagram(&mut self, datagram: &Datagram<'_>, sink: &mut Sink<'_>);

    /// As [`Session::finish`].
    fn finish(&mut self, closed: bool, sink: &mut Sink<'_>);

    /// As [`Session::tick`].
    fn tick(&mut self, now: Timestamp, sink: &mut Sink<'_>);

    /// As [`Session::memory`].
    fn memory(&self) -> usize {
        0
    }
}

/// One UDP message.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// When and by whom.
    pub mark: Mark,
    /// Which way.
    pub direction: Direction,
    /// What was kept.
    pub bytes: &'a [u8],
    /// True length.
    pub original_len: u64,
    /// The other end, where it is not that of the socket.
    pub peer: Option<&'a Endpoint>,
}

/// What inference looks at: the first bytes of one direction.
#[derive(Debug, Clone, Copy)]
pub struct Glimpse<'a> {
    /// They follow each other without a hole.
    pub bytes: &'a [u8],
    /// No more will follow for now (a whole datagram, or the direction has ended).
    pub complete: bool,
    /// The connection was joined after it began: `bytes` may begin anywhere.
    pub midstream: bool,
    /// Port of the end that sent these bytes.
    pub source_port: Option<u16>,
    /// Port of the end that they are for.
    pub destination_port: Option<u16>,
    /// How they travel.
    pub transport: Transport,
}

/// What a protocol says of a [`Glimpse`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    /// It is not mine.
    No,
    /// It may be mine: show me more.
    Maybe,
    /// It is mine, sent by the side that asks.
    Request,
    /// It is mine, sent by the side that answers.
    Response,
}

/// Where a [`Session`] puts what it finds.
#[derive(Debug)]
pub struct Sink<'a> {
    next_id: &'a mut u64,
    steps: Vec<Step>,
}

impl<'a> Sink<'a> {
    /// A sink that numbers exchanges from `next_id` on.
    pub fn new(next_id: &'a mut u64) -> Self {
        Self { next_id, steps: Vec::new() }
    }

    /// The first byte of a request has come. Returns the exchange's `id`.
    pub fn begin(&mut self, begin: Begin) -> u64 {
        let id = *self.next_id;
        *self.next_id = id.saturating_add(1);
        self.steps.push(Step::Begin { id, begin });
        id
    }

    /// More is known of an exchange under way, for table `inflight`, parents and twins.
    pub fn describe(&mut self, id: u64, description: Description) {
        self.steps.push(Step::Describe { id, description });
    }

    /// An exchange is complete, or will never be.
    pub fn finish(&mut self, exchange: Exchange) {
        self.steps.push(Step::Finish(Box::new(exchange)));
    }

    /// What was begun as `id` was no exchange after all: no row.
    pub fn retract(&mut self, id: u64) {
        self.steps.push(Step::Retract { id });
    }

    /// The rest of the connection speaks something else; the session is not called again.
    pub fn switch(&mut self, switch: Switch) {
        self.steps.push(Step::Switch(switch));
    }

    /// Bytes were decrypted: they belong to the connection's plaintext. The mark's source is [`Source::Keylog`].
    ///
    /// [`Source::Keylog`]: crate::event::Source::Keylog
    pub fn plaintext(&mut self, direction: Direction, bytes: Vec<u8>, mark: Mark) {
        self.steps.push(Step::Plaintext { direction, bytes, mark });
    }

    /// Plaintext is missing here: about that many bytes.
    pub fn plaintext_hole(&mut self, direction: Direction, hole: Hole) {
        self.steps.push(Step::PlaintextHole { direction, hole });
    }

    /// Bytes that could not be parsed were skipped.
    pub fn skipped(&mut self, bytes: u64) {
        self.steps.push(Step::Skipped { bytes });
    }

    /// Everything that was said since the last call, in order.
    pub fn take(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.steps)
    }
}

/// One thing that a session said.
#[derive(Debug)]
pub enum Step {
    /// See [`Sink::begin`].
    Begin {
        /// The new exchange.
        id: u64,
        /// How it began.
        begin: Begin,
    },
    /// See [`Sink::describe`].
    Describe {
        /// Which exchange.
        id: u64,
        /// What is known.
        description: Description,
    },
    /// See [`Sink::finish`].
    Finish(Box<Exchange>),
    /// See [`Sink::retract`].
    Retract {
        /// Which exchange.
        id: u64,
    },
    /// See [`Sink::switch`].
    Switch(Switch),
    /// See [`Sink::plaintext`].
    Plaintext {
        /// Which way they went.
        direction: Direction,
        /// Without TLS's framing.
        bytes: Vec<u8>,
        /// Of the record that held them.
        mark: Mark,
    },
    /// See [`Sink::plaintext_hole`].
    PlaintextHole {
        /// Which way they went.
        direction: Direction,
        /// How many, and why.
        hole: Hole,
    },
    /// See [`Sink::skipped`].
    Skipped {
        /// How many bytes.
        bytes: u64,
    },
}

/// How an exchange began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begin {
    /// Its first byte.
    pub mark: Mark,
    /// False where the request went by unseen: then the first byte is its answer's, and who asked is not known.
    pub asked: bool,
    /// Which way the request goes: `Sent` makes the watched process the client.
    pub direction: Direction,
    /// Where the request begins in its stream: with the connection it tells the same exchange at its other end.
    pub position: u64,
    /// Table it will go to: `http`, `grpc`, …
    pub protocol: &'static str,
    /// The other end, where it is not that of the socket.
    pub peer: Option<Endpoint>,
}

/// What is known of an exchange under way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description {
    /// As column `summary` of `requests`.
    pub summary: Option<String>,
    /// From its headers.
    pub trace: Option<TraceContext>,
    /// Table it will go to, where that has changed.
    pub protocol: Option<&'static str>,
    /// The last byte of its request's head, where another may have read the first: who read this one works on it.
    pub read: Option<Mark>,
}

/// Trace context of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// Lower-case hex.
    pub trace_id: String,
    /// The caller's span, lower-case hex.
    pub span_id: Option<String>,
}

/// A finished exchange. What the columns of the protocol say is in `record`; of its `common` only what the session set is
/// used (`truncated`, `gap`): the tracker fills in the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// From [`Sink::begin`].
    pub id: u64,
    /// Its times.
    pub timing: Timing,
    /// The connection (or input) ended before the answer was whole.
    pub cut_short: bool,
    /// The record, common columns still empty.
    pub record: Record,
}

/// Times of an exchange that were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// First byte of the request.
    pub request_start: Timestamp,
    /// Last byte of the request.
    pub request_end: Option<Timestamp>,
    /// First byte of the (final) response.
    pub response_start: Option<Timestamp>,
    /// Last byte of the response.
    pub response_end: Option<Timestamp>,
}

/// What a connection turns into.
#[derive(Debug, Clone, PartialEq)]
pub enum Switch {
    /// Find out anew from the bytes that follow (after CONNECT, or a refused SSLRequest).
    Infer,
    /// Bytes that no parser reads (WebSocket).
    Opaque,
    /// TLS begins here (STARTTLS, SSLRequest granted).
    Tls,
    /// HTTP/2 after `Upgrade: h2c`: stream 1 answers the request that asked for it (RFC 7540, 3.2).
    Http2 {
        /// The exchange that goes on as stream 1.
        request: Box<Exchange>,
        /// Which way requests go.
        requests: Direction,
    },
}
