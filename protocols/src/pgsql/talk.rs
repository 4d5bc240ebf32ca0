//! Which answer belongs to which request: the stitching of one connection.
//!
//! ```text
//! requests   Parse  Bind  Execute  Sync      each puts what it expects into a queue …
//! queue      [Parse][Bind][Execute][Sync]
//! responses  '1'    '2'   D* C     Z         … and each answer takes from its front
//! ```
//! The server answers in order, so counting is enough while every message was seen. Where some were not (joined midstream,
//! bytes missing) the talk is *uncertain*: an answer is then only taken where it can belong to one exchange alone, until
//! client and server are seen at rest.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::content::Failure;
use super::exchange::{Identity, Open, Txn};
use super::memory::{Memory, Prepared};
use super::read::{Message, Missing};
use super::wire::Side;
use crate::event::{Direction, Timestamp};
use crate::session::{Begin, Description, Sink};

/// What the server will answer.
#[derive(Debug)]
pub(super) enum Expect {
    /// Authentication and ReadyForQuery.
    Startup,
    /// One end a statement, then ReadyForQuery.
    Query { statements: VecDeque<u64>, failed: bool, answered: bool },
    /// ParseComplete. What had the name before, if it fails.
    Parse { name: Box<[u8]>, before: Option<Arc<Prepared>> },
    /// BindComplete.
    Bind,
    /// ParameterDescription (of a statement), then RowDescription or NoData.
    Describe(Option<Arc<Prepared>>),
    /// Rows and an end.
    Execute,
    /// CloseComplete.
    Close,
    /// ReadyForQuery. Exchanges begun since the last one; those that were never executed are no rows.
    Sync { begun: Vec<u64> },
    /// FunctionCallResponse, then ReadyForQuery.
    Function { answered: bool },
    /// Nothing: the client's COPY data ended here.
    CopyEnd,
    /// Unknown: requests went by unseen.
    Unseen,
}

/// A place in the queue.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) expect: Expect,
    pub(super) exchange: Option<u64>,
    /// First byte of the request.
    pub(super) begin: Begin,
    pub(super) end: Timestamp,
    pub(super) bytes: u64,
}

impl Place {
    /// ReadyForQuery comes at its end.
    pub(super) fn ends_batch(&self) -> bool {
        matches!(self.expect, Expect::Startup | Expect::Query { .. } | Expect::Sync { .. } | Expect::Function { .. })
    }
}

/// The server has nothing more to say, as far as was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// It said so.
    Ready(Timestamp),
    /// Bytes are missing, and none followed.
    Hole(Timestamp),
}

/// Places in the queue for each exchange that may be open.
const PLACES_PER_EXCHANGE: usize = 8;

/// One connection's state.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) requests: Direction,
    pub(super) most_open: usize,
    pub(super) identity: Identity,
    pub(super) memory: Memory,
    pub(super) queue: VecDeque<Place>,
    pub(super) open: BTreeMap<u64, Open>,
    /// Answered, waiting for the ReadyForQuery that tells the transaction's state.
    pub(super) held: Vec<u64>,
    /// Exchanges begun since the last Sync.
    pub(super) begun: Vec<u64>,
    /// Messages up to the next Sync are ignored by the server.
    pub(super) skipping: bool,
    /// Where COPY data of the client belongs.
    pub(super) copy: Option<u64>,
    /// The server reads COPY data, and takes no Sync.
    pub(super) copying: bool,
    pub(super) uncertain: bool,
    /// When bytes were missing last.
    pub(super) torn: Option<Timestamp>,
    /// The answers up to the next ReadyForQuery are those of another batch, at least in part.
    pub(super) doubted: bool,
    pub(super) rest: Option<Rest>,
    /// Last ReadyForQuery.
    pub(super) ready: Option<(Timestamp, Txn)>,
    /// Start-up is over, or was never seen.
    pub(super) started: bool,
    /// `standard_conforming_strings` is off: a backslash escapes in every string, unlike what the tokenizer knows.
    pub(super) backslashes: bool,
}

impl Talk {
    pub(super) fn new(requests: Direction, most_open: usize) -> Self {
        Self {
            requests,
            most_open,
            identity: Identity::default(),
            memory: Memory::default(),
            queue: VecDeque::new(),
            open: BTreeMap::new(),
            held: Vec::new(),
            begun: Vec::new(),
            skipping: false,
            copy: None,
            copying: false,
            uncertain: true,
            torn: None,
            doubted: false,
            rest: None,
            ready: None,
            started: false,
            backslashes: false,
        }
    }

    /// Roughly how many bytes it holds.
    pub(super) fn bytes(&self) -> usize {
        let open = self.open.values().fold(0_usize, |sum, open| {
            let texts = [&open.query, &open.shape]
                .into_iter()
                .flatten()
                .fold(512_usize, |sum, text| sum.saturating_add(text.len()));
            sum.saturating_add(texts)
        });
        self.memory.bytes().saturating_add(open).saturating_add(self.queue.len().saturating_mul(128))
    }

    /// The server has still to answer something.
    pub(super) fn owes(&self) -> bool {
        self.queue.iter().any(|place| !matches!(place.expect, Expect::CopyEnd))
    }

    /// Where a request begins.
    pub(super) fn begin_of(&self, message: &Message<'_>, offset: u64) -> Begin {
        Begin {
            mark: message.start,
            asked: true,
            direction: self.requests,
            position: message.position.saturating_add(offset),
            protocol: "pgsql",
            peer: None,
        }
    }

    /// Begins an exchange with `message`; its bytes are yet to be counted.
    pub(super) fn begin(&mut self, begin: Begin, end: Timestamp, sink: &mut Sink<'_>) -> u64 {
        let request_start = begin.mark.time;
        let id = sink.begin(begin);
        let leads = self.begun.is_empty();
        let open = Open { id, request_start, request_end: end, leads, ..Open::default() };
        self.open.insert(id, open);
        id
    }

    /// A place in the queue for `message`.
    pub(super) fn push(&mut self, expect: Expect, exchange: Option<u64>, message: &Message<'_>) {
        let begin = self.begin_of(message, 0);
        self.queue.push_back(Place { expect, exchange, begin, end: message.end.time, bytes: message.size });
    }

    /// Before a request that may be the first after a rest: what is still open will not be answered any more.
    pub(super) fn make_room(&mut self, start: Timestamp, sink: &mut Sink<'_>) {
        let full =
            self.open.len() >= self.most_open || self.queue.len() >= self.most_open.saturating_mul(PLACES_PER_EXCHANGE);
        if full {
            self.abandon(false, sink);
            self.uncertain = true;
            return;
        }
        if !self.uncertain || !self.begun.is_empty() || self.queue.is_empty() {
            return;
        }
        match self.rest {
            Some(Rest::Ready(time)) if time <= start => {
                self.abandon(false, sink);
                self.uncertain = false;
            }
            Some(Rest::Hole(time)) if time <= start => {
                self.end_in_hole(time);
                self.abandon(false, sink);
            }
            _ => {}
        }
    }

    /// The only exchange that waits for its answer got it in the hole that ends at `time`: a client asks anew when it has
    /// read the answer.
    fn end_in_hole(&mut self, time: Timestamp) {
        let batches = self.queue.iter().filter(|place| place.ends_batch()).count();
        let mut waiting = self.open.values_mut().filter(|open| open.executed && !open.is_answered());
        if let (Some(open), None, 0..=1) = (waiting.next(), waiting.next(), batches) {
            open.response_end = Some(time);
            open.response_start.get_or_insert(time);
        }
    }

    /// Gives up waiting for all that is open. `cut_short`: because the connection has ended.
    pub(super) fn abandon(&mut self, cut_short: bool, sink: &mut Sink<'_>) {
        self.queue.clear();
        self.begun.clear();
        self.copy = None;
        self.copying = false;
        self.skipping = false;
        self.doubted = false;
        self.release(None, sink);
        for (id, open) in std::mem::take(&mut self.open) {
            if open.executed {
                let cut_short = cut_short && !open.is_answered();
                sink.finish(open.finish(&self.identity, cut_short));
            } else {
                sink.retract(id);
            }
        }
    }

    /// Bytes are missing (or made no sense); the last of them came at `time`.
    pub(super) fn lose(&mut self, side: Side, time: Timestamp, missing: Option<Missing>) {
        let waiting = self.open.values_mut().filter(|open| !open.is_answered() && open.request_start <= time);
        for open in waiting {
            match missing {
                Some(Missing::Cut) => open.cut = true,
                Some(Missing::Lost) | None => open.lost = true,
            }
        }
        self.uncertain = true;
        self.torn = Some(time);
        match side {
            Side::Backend => self.rest = Some(Rest::Hole(time)),
            Side::Frontend => {
                self.skipping = false;
                self.copying = false;
                if let Some(last) = self.queue.back()
                    && !matches!(last.expect, Expect::Unseen)
                {
                    let begin = last.begin.clone();
                    self.queue.push_back(Place { expect: Expect::Unseen, exchange: None, begin, end: time, bytes: 0 });
                }
                // What follows may belong to another batch than what came before.
                self.begun.clear();
            }
        }
    }

    /// The answer to `id` is complete.
    pub(super) fn complete(&mut self, id: u64, end: Timestamp) {
        let ready = self.ready;
        if let Some(open) = self.open.get_mut(&id)
            && !open.is_answered()
        {
            open.response_end = Some(end);
            open.executed = true;
            open.idle_before = match ready {
                Some((time, Txn::Open | Txn::Failed)) if open.leads && time <= open.request_start => {
                    Some(open.request_start.since(time))
                }
                _ => None,
            };
            self.held.push(id);
        }
    }

    /// As [`Self::complete`], with an error.
    pub(super) fn fail(&mut self, id: u64, failure: Failure, end: Timestamp) {
        if let Some(open) = self.open.get_mut(&id) {
            open.failure = Some(failure);
        }
        self.complete(id, end);
    }

    /// What was taken for answers was, at least in part, meant for requests unseen: forgets it.
    pub(super) fn doubt(&mut self) {
        self.doubted = true;
        self.held.clear();
        for open in self.open.values_mut() {
            open.forget_answer();
        }
    }

    /// Gives up an exchange that was none after all.
    pub(super) fn retract(&mut self, id: u64, sink: &mut Sink<'_>) {
        if self.open.get(&id).is_some_and(|open| !open.is_answered()) {
            self.open.remove(&id);
            sink.retract(id);
        }
    }

    /// Ends an exchange of which no more will be seen.
    pub(super) fn give_up(&mut self, id: u64, sink: &mut Sink<'_>) {
        match self.open.get(&id) {
            Some(open) if open.is_answered() => {}
            Some(open) if !open.executed => self.retract(id, sink),
            Some(_) => {
                // It was answered, only not to us.
                if let Some(open) = self.open.remove(&id) {
                    sink.finish(open.finish(&self.identity, false));
                }
            }
            None => {}
        }
    }

    /// Emits what is answered. `last` is the transaction's state after the last of them; before it, only what follows from
    /// the tags is known.
    pub(super) fn release(&mut self, last: Option<Txn>, sink: &mut Sink<'_>) {
        let held = std::mem::take(&mut self.held);
        let mut state = self.ready.map(|(_, txn)| txn).filter(|txn| *txn != Txn::Idle);
        let count = held.len();
        for (index, id) in held.into_iter().enumerate() {
            let Some(mut open) = self.open.remove(&id) else { continue };
            state = match open.tag.as_deref() {
                Some("BEGIN" | "START TRANSACTION") => Some(Txn::Open),
                Some("COMMIT" | "ROLLBACK" | "PREPARE TRANSACTION") => None,
                _ if open.failure.is_some() => state.map(|_| Txn::Failed),
                _ => state,
            };
            open.txn = if index.saturating_add(1) == count { last.or(state) } else { state };
            sink.finish(open.finish(&self.identity, false));
        }
    }

    /// As [`Self::release`] for those that were answered before `time`: in a pipeline the rest may take long.
    pub(super) fn release_older(&mut self, time: u64, sink: &mut Sink<'_>) {
        let is_old = |id: &u64| self.open.get(id).and_then(|open| open.response_end).is_some_and(|end| end.0 < time);
        if !self.uncertain && !self.held.is_empty() && self.held.iter().all(is_old) {
            self.release(None, sink);
        }
    }

    /// Tells what is known of an exchange under way.
    pub(super) fn describe(&self, id: u64, sink: &mut Sink<'_>) {
        let Some(open) = self.open.get(&id) else { return };
        let prepared = open.prepared.as_deref();
        let shape = open.shape.as_ref().or_else(|| prepared.and_then(|prepared| prepared.shape.as_ref()));
        let name = prepared.and_then(|prepared| prepared.name.as_ref()).map(|name| format!("EXECUTE {name}"));
        let summary = shape.cloned().or(name).or_else(|| open.operation.clone());
        let trace = prepared.and_then(|prepared| prepared.trace.clone());
        sink.describe(id, Description { summary, trace, ..Description::default() });
    }
}
