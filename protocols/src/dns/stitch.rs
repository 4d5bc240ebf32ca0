//! Which response answers which question.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::message::{Extent, Message, Question, Resource};
use super::name::Name;
use super::registry::{ANY, CNAME, class_name, rcode_name, type_name};
use super::transfer::Transfer;
use crate::event::{Address, Direction, Endpoint, Timestamp, Transport};
use crate::record::{Dns, Record};
use crate::session::{Begin, Description, Exchange, Sink, Timing};
use crate::stream::Mark;

mod settled;

use settled::Settled;

/// How long a question waits for its answer, ns (INTERFACES 1.1).
pub const TIMEOUT: u64 = 5_000_000_000;
/// Questions open at a time on one socket; the oldest beyond are finished as they stand.
const MAX_OPEN: usize = 10_000;
/// Answers kept of one exchange: a zone transfer has no bound of its own. What goes beyond marks the row `truncated`.
const MAX_ANSWERS: usize = 4096;
/// Rough size of an open question.
const OPEN_BYTES: usize = 512;

/// A message and how it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival<'a> {
    pub(super) message: &'a Message<'a>,
    pub(super) direction: Direction,
    /// Of its first byte.
    pub(super) first: Mark,
    /// Time of its last byte.
    pub(super) last: Timestamp,
    pub(super) peer: Option<&'a Endpoint>,
    /// It was kept only in part.
    pub(super) truncated: bool,
    /// Part of it was lost.
    pub(super) gap: bool,
}

/// The open questions of one socket.
#[derive(Debug)]
pub(super) struct Stitcher {
    transport: Transport,
    /// In order of their coming.
    open: BTreeMap<u64, Open>,
    by_id: HashMap<(u16, Direction), Vec<u64>>,
    next: u64,
    settled: Settled,
}

/// A question without an answer so far.
#[derive(Debug)]
struct Open {
    exchange: u64,
    /// Of which query it is a part: the `next` of its first question.
    query: u64,
    direction: Direction,
    question: Option<Question>,
    peer: Option<Endpoint>,
    timing: Timing,
    record: Dns,
    transfer: Option<Transfer>,
}

impl Stitcher {
    pub(super) fn new(transport: Transport) -> Self {
        Self { transport, open: BTreeMap::new(), by_id: HashMap::new(), next: 0, settled: Settled::default() }
    }

    /// Takes a message in.
    pub(super) fn take(&mut self, arrival: &Arrival<'_>, sink: &mut Sink<'_>) {
        self.expire(arrival.first.time, sink);
        if arrival.message.header.response {
            self.response(arrival, sink);
        } else {
            self.query(arrival, sink);
        }
    }

    /// Finishes what has waited too long.
    pub(super) fn expire(&mut self, now: Timestamp, sink: &mut Sink<'_>) {
        let old = self.open.iter().take_while(|(_, open)| now.since(open.timing.request_start) >= TIMEOUT);
        // A transfer under way does not time out while messages keep coming.
        let due: Vec<u64> =
            old.filter(|(_, open)| now.since(open.last_seen()) >= TIMEOUT).map(|(key, _)| *key).collect();
        for key in due {
            // "No answer" is a failure, but for a question put to a group that none need answer (RFC 6762, 6).
            let failed = self.open.get(&key).is_some_and(|open| !open.asks_group());
            self.close(key, now, failed, sink);
        }
        self.settled.forget(now);
    }

    /// Finishes everything as it stands.
    pub(super) fn finish(&mut self, sink: &mut Sink<'_>) {
        while let Some((&key, open)) = self.open.first_key_value() {
            let now = open.last_seen();
            self.close(key, now, true, sink);
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.open.len().saturating_mul(OPEN_BYTES).saturating_add(self.settled.memory())
    }

    fn query(&mut self, arrival: &Arrival<'_>, sink: &mut Sink<'_>) {
        let query = self.next;
        let message = arrival.message;
        if message.questions.is_empty() {
            self.ask(arrival, query, None, sink);
        }
        for question in &message.questions {
            self.ask(arrival, query, Some(question), sink);
        }
        while self.open.len() > MAX_OPEN
            && let Some((&oldest, _)) = self.open.first_key_value()
        {
            self.close(oldest, arrival.last, true, sink);
        }
    }

    fn ask(&mut self, arrival: &Arrival<'_>, query: u64, question: Option<&Question>, sink: &mut Sink<'_>) {
        let direction = arrival.direction;
        let exchange = begin(arrival, direction, question, sink);
        let timing = Timing {
            request_start: arrival.first.time,
            request_end: Some(arrival.last),
            response_start: None,
            response_end: None,
        };
        let id = arrival.message.header.id;
        let open = Open {
            exchange,
            query,
            direction,
            question: question.cloned(),
            peer: arrival.peer.cloned(),
            timing,
            record: self.asked(arrival, question),
            transfer: question.and_then(|question| Transfer::begin(question.rtype)),
        };
        let key = self.next;
        self.next = key.saturating_add(1);
        self.open.insert(key, open);
        self.by_id.entry((id, direction)).or_default().push(key);
    }

    fn asked(&self, arrival: &Arrival<'_>, question: Option<&Question>) -> Dns {
        let mut record = Dns {
            name: question.map(|question| question.name.column()),
            r#type: question.map(|question| type_name(question.rtype).into_owned()),
            class: question.map(|question| class_name(question.class).into_owned()),
            transport: Some(self.transport),
            dns_id: Some(arrival.message.header.id),
            ..Dns::default()
        };
        record.common.truncated = arrival.truncated;
        record.common.gap = arrival.gap;
        record
    }

    fn response(&mut self, arrival: &Arrival<'_>, sink: &mut Sink<'_>) {
        let message = arrival.message;
        let answered = self.answered_by(arrival);
        if answered.is_empty() {
            self.unasked(arrival, sink);
            return;
        }
        for key in answered {
            let Some(open) = self.open.get_mut(&key) else { continue };
            open.timing.response_start.get_or_insert(arrival.first.time);
            open.timing.response_end = Some(arrival.last);
            let question = open.question.clone();
            let several = message.questions.len() > 1 || is_multicast_answer(message);
            answer(&mut open.record, arrival, question.as_ref(), several);
            let more = open.transfer.as_mut().is_some_and(|transfer| transfer.goes_on(message));
            if !more {
                self.close(key, arrival.last, false, sink);
            }
        }
    }

    /// The open questions that a response answers.
    fn answered_by(&self, arrival: &Arrival<'_>) -> Vec<u64> {
        let message = arrival.message;
        let asked = arrival.direction.reverse();
        let Some(keys) = self.by_id.get(&(message.header.id, asked)) else { return Vec::new() };
        let candidates = || {
            let open = keys.iter().rev().filter_map(|key| Some((*key, self.open.get(key)?)));
            open.filter(|(_, open)| same_peer(open.peer.as_ref(), arrival.peer))
        };
        if !message.questions.is_empty() {
            let latest = |question: &Question| {
                // IQUERY asks with an answer, and is answered with the question (RFC 1035, 6.4).
                let fits = |open: &Open| open.question.as_ref().is_none_or(|asked| asked == question);
                candidates().find(|(_, open)| fits(open)).map(|(key, _)| key)
            };
            return message.questions.iter().filter_map(latest).collect();
        }
        if is_multicast_answer(message) {
            let is_answered = |open: &Open| {
                open.question
                    .as_ref()
                    .is_some_and(|question| message.answers.iter().any(|answer| answers_question(answer, question)))
            };
            return candidates().filter(|(_, open)| is_answered(open)).map(|(key, _)| key).collect();
        }
        // An error without a question (FORMERR), or a further message of a transfer.
        let latest = candidates().next().map(|(_, open)| open.query);
        candidates().filter(|(_, open)| Some(open.query) == latest).map(|(key, _)| key).collect()
    }

    /// A response whose query was not seen, or was answered before.
    fn unasked(&mut self, arrival: &Arrival<'_>, sink: &mut Sink<'_>) {
        let message = arrival.message;
        let first = message.answers.first().map(|answer| Question {
            name: answer.name.clone(),
            rtype: answer.rtype,
            class: answer.class,
        });
        let questions: Vec<Option<Question>> = match message.questions.as_slice() {
            [] => vec![first],
            questions => questions.iter().cloned().map(Some).collect(),
        };
        for question in questions {
            let question = question.as_ref();
            let asked = arrival.direction.reverse();
            if self.settled.contains(settled::key(message.header.id, asked, question)) {
                continue;
            }
            let exchange = begin(arrival, asked, question, sink);
            let mut record = self.asked(arrival, question);
            answer(&mut record, arrival, question, message.questions.len() > 1);
            let timing = Timing { request_start: arrival.first.time, ..Timing::default() };
            sink.finish(Exchange { id: exchange, timing, cut_short: false, record: Record::Dns(Box::new(record)) });
        }
    }

    fn close(&mut self, key: u64, now: Timestamp, cut_short: bool, sink: &mut Sink<'_>) {
        let Some(open) = self.open.remove(&key) else { return };
        let id = open.record.dns_id.unwrap_or_default();
        if let Some(keys) = self.by_id.get_mut(&(id, open.direction)) {
            keys.retain(|other| *other != key);
            if keys.is_empty() {
                self.by_id.remove(&(id, open.direction));
            }
        }
        self.settled.note(settled::key(id, open.direction, open.question.as_ref()), now);
        let Open { exchange, timing, record, .. } = open;
        sink.finish(Exchange { id: exchange, timing, cut_short, record: Record::Dns(Box::new(record)) });
    }
}

impl Open {
    fn last_seen(&self) -> Timestamp {
        self.timing.response_end.unwrap_or(self.timing.request_start)
    }

    /// In captures only the id of multicast DNS tells.
    fn asks_group(&self) -> bool {
        self.record.dns_id == Some(0) || self.peer.as_ref().is_some_and(is_group)
    }
}

fn begin(arrival: &Arrival<'_>, direction: Direction, question: Option<&Question>, sink: &mut Sink<'_>) -> u64 {
    let id = sink.begin(Begin {
        mark: arrival.first,
        asked: !arrival.message.header.response,
        direction,
        position: position(arrival.message.header.id, question),
        protocol: "dns",
        peer: arrival.peer.cloned(),
    });
    let summary = question.map(|question| format!("{} {}", type_name(question.rtype), question.name.column()));
    sink.describe(id, Description { summary, ..Description::default() });
    id
}

/// Tells the same question at both ends of a flow: datagrams have no position that both ends know.
fn position(id: u16, question: Option<&Question>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (id, question).hash(&mut hasher);
    hasher.finish()
}

/// Writes what a response says of one question, which may be one of `several`. Called again for every message of a
/// transfer.
fn answer(record: &mut Dns, arrival: &Arrival<'_>, question: Option<&Question>, several: bool) {
    let message = arrival.message;
    let header = &message.header;
    record.rcode = Some(rcode_name(message.rcode()).into_owned());
    record.authoritative = Some(header.authoritative);
    record.recursion_available = Some(header.recursion_available);
    record.authenticated = Some(header.authenticated);
    let chain = question.map(|question| chain(message, question)).unwrap_or_default();
    let mine = |resource: &Resource| {
        let asked = question.filter(|_| several);
        asked.is_none_or(|question| answers_question(resource, question) || chain.contains(&resource.name))
    };
    let answers = record.answers.get_or_insert_default();
    let types = record.answer_types.get_or_insert_default();
    for resource in message.answers.iter().filter(|resource| mine(resource)) {
        if answers.len() >= MAX_ANSWERS {
            record.common.truncated = true;
            break;
        }
        answers.push(message.data(resource));
        types.push(type_name(resource.rtype).into_owned());
        record.ttl = Some(record.ttl.map_or(resource.ttl, |lowest| lowest.min(resource.ttl)));
    }
    if let Some(last) = chain.last() {
        record.cname = Some(last.column());
    }
    record.common.truncated |= arrival.truncated || (message.extent == Extent::Cut && !arrival.gap);
    record.common.gap |= arrival.gap;
}

/// The targets of the CNAME records that lead on from the question's name, in order.
fn chain(message: &Message<'_>, question: &Question) -> Vec<Name> {
    let mut chain: Vec<Name> = Vec::new();
    let aliases: Vec<&Resource> = message.answers.iter().filter(|answer| answer.rtype == CNAME).collect();
    for _ in 0..aliases.len().min(MAX_CHAIN) {
        let here = chain.last().unwrap_or(&question.name);
        let Some(target) = aliases.iter().find(|alias| alias.name == *here).and_then(|alias| message.target(alias))
        else {
            break;
        };
        chain.push(target);
    }
    chain
}

/// Resolvers give up far earlier.
const MAX_CHAIN: usize = 64;

fn answers_question(answer: &Resource, question: &Question) -> bool {
    answer.name == question.name && (question.rtype == ANY || answer.rtype == question.rtype || answer.rtype == CNAME)
}

/// Multicast DNS: id 0, no question repeated (RFC 6762, 6 and 18.1).
fn is_multicast_answer(message: &Message<'_>) -> bool {
    message.header.id == 0 && message.questions.is_empty() && !message.answers.is_empty()
}

/// A response comes from where the query went, and goes where it came from, unless that was a group.
fn same_peer(asked: Option<&Endpoint>, answering: Option<&Endpoint>) -> bool {
    match (asked, answering) {
        (Some(asked), Some(answering)) => asked == answering || is_group(asked) || is_group(answering),
        _ => true,
    }
}

pub(super) fn is_group(endpoint: &Endpoint) -> bool {
    match endpoint.address {
        Some(Address::Ip(address)) => address.is_multicast(),
        _ => false,
    }
}
