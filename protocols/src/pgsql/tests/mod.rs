//! Whole conversations, written message by message as the protocol's documentation shows them.

mod batches;
mod holes;
mod logins;
mod queries;
mod random;
mod recognising;

use super::PgsqlSession;
use crate::event::{Direction, Source, Timestamp};
use crate::record::{Pgsql, Record};
use crate::session::{Exchange, Session, Sink, Step, Switch};
use crate::stream::{Mark, Streams};

/// Client to server.
pub(super) const C: Direction = Direction::Sent;
/// Server to client.
pub(super) const S: Direction = Direction::Received;

/// A message: tag, length, body.
pub(super) fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

pub(super) fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

pub(super) fn query(sql: &str) -> Vec<u8> {
    message(b'Q', &text(sql))
}

pub(super) fn parse(name: &str, sql: &str, types: &[u32]) -> Vec<u8> {
    let mut body = [text(name), text(sql)].concat();
    body.extend(u16::try_from(types.len()).unwrap().to_be_bytes());
    body.extend(types.iter().flat_map(|oid| oid.to_be_bytes()));
    message(b'P', &body)
}

pub(super) fn bind(portal: &str, statement: &str, formats: &[u16], params: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = [text(portal), text(statement)].concat();
    body.extend(u16::try_from(formats.len()).unwrap().to_be_bytes());
    body.extend(formats.iter().flat_map(|format| format.to_be_bytes()));
    body.extend(u16::try_from(params.len()).unwrap().to_be_bytes());
    for param in params {
        match param {
            None => body.extend((-1_i32).to_be_bytes()),
            Some(value) => {
                body.extend(i32::try_from(value.len()).unwrap().to_be_bytes());
                body.extend(*value);
            }
        }
    }
    body.extend([0, 0]);
    message(b'B', &body)
}

pub(super) fn describe(kind: u8, name: &str) -> Vec<u8> {
    message(b'D', &[&[kind][..], &text(name)].concat())
}

pub(super) fn execute(portal: &str, most: u32) -> Vec<u8> {
    message(b'E', &[text(portal), most.to_be_bytes().to_vec()].concat())
}

pub(super) fn sync() -> Vec<u8> {
    message(b'S', &[])
}

pub(super) fn complete(tag: &str) -> Vec<u8> {
    message(b'C', &text(tag))
}

pub(super) fn ready(status: u8) -> Vec<u8> {
    message(b'Z', &[status])
}

pub(super) fn row(values: &[&str]) -> Vec<u8> {
    let mut body = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
    for value in values {
        body.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        body.extend(value.as_bytes());
    }
    message(b'D', &body)
}

pub(super) fn columns(names: &[&str]) -> Vec<u8> {
    let mut body = u16::try_from(names.len()).unwrap().to_be_bytes().to_vec();
    for name in names {
        body.extend(text(name));
        body.extend([0; 18]);
    }
    message(b'T', &body)
}

pub(super) fn failure(code: &str, words: &str) -> Vec<u8> {
    let fields = [("S", "FEHLER"), ("V", "ERROR"), ("C", code), ("M", words)];
    let mut body: Vec<u8> = fields.iter().flat_map(|(field, value)| text(&format!("{field}{value}"))).collect();
    body.push(0);
    message(b'E', &body)
}

pub(super) fn startup(params: &[(&str, &str)]) -> Vec<u8> {
    let mut body = 196_608_u32.to_be_bytes().to_vec();
    body.extend(params.iter().flat_map(|(name, value)| [text(name), text(value)].concat()));
    body.push(0);
    opening(&body)
}

pub(super) fn opening(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&length.to_be_bytes()[..], body].concat()
}

pub(super) fn login() -> Vec<(Direction, Vec<u8>)> {
    vec![
        (C, startup(&[("user", "ann"), ("database", "shop"), ("application_name", "test")])),
        (S, [message(b'R', &[0; 4]), message(b'K', &[0; 8]), ready(b'I')].concat()),
    ]
}

/// What a conversation gave.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Outcome {
    pub(super) exchanges: Vec<Exchange>,
    pub(super) switches: Vec<Switch>,
    pub(super) skipped: u64,
    pub(super) begun: Vec<u64>,
    pub(super) retracted: Vec<u64>,
}

impl Outcome {
    pub(super) fn rows(&self) -> Vec<&Pgsql> {
        let row = |exchange| match exchange {
            &Exchange { record: Record::Pgsql(ref row), .. } => &**row,
            other => panic!("{other:?}"),
        };
        self.exchanges.iter().map(row).collect()
    }

    /// `operation tag-or-sqlstate rows txn`, the start-up left out.
    pub(super) fn summary(&self) -> Vec<String> {
        let rows = self.rows().into_iter().filter(|row| row.operation.as_deref() != Some("STARTUP"));
        let show = |text: Option<&str>| text.unwrap_or("-").to_owned();
        rows.map(|row| {
            let end = show(row.sqlstate.as_deref().or(row.tag.as_deref()));
            let rows = row.rows.map_or("-".to_owned(), |rows| rows.to_string());
            format!("{} | {end} | {rows} | {}", show(row.query.as_deref().or(row.operation.as_deref())), show(row.txn))
        })
        .collect()
    }
}

/// One direction's bytes as they were seen: bytes, or a hole (length, lost).
#[derive(Debug, Clone)]
pub(super) enum Seen {
    Bytes(Direction, Vec<u8>),
    Hole(Direction, u64, bool),
}

pub(super) struct Wire {
    session: PgsqlSession,
    streams: Streams,
    positions: [u64; 2],
    now: u64,
    next_id: u64,
    pub(super) outcome: Outcome,
}

pub(super) fn mark(time: u64) -> Mark {
    Mark { time: Timestamp(time), pid: 0, tid: 0, task: 0, source: Source::Pcap }
}

impl Wire {
    pub(super) fn new() -> Self {
        let session = PgsqlSession::new(C, 1000);
        Self {
            session,
            streams: Streams::default(),
            positions: [0; 2],
            now: 0,
            next_id: 1,
            outcome: Outcome::default(),
        }
    }

    fn position(&mut self, direction: Direction) -> &mut u64 {
        &mut self.positions[usize::from(direction == S)]
    }

    /// The next step comes at the next multiple of 1000 ns.
    pub(super) fn see(&mut self, seen: &Seen) {
        self.now += 1000;
        match seen {
            Seen::Bytes(direction, bytes) => self.bytes(*direction, bytes),
            Seen::Hole(direction, length, false) => {
                let position = *self.position(*direction);
                self.streams[*direction].insert(position, &[], *length, mark(self.now));
                *self.position(*direction) += length;
            }
            Seen::Hole(direction, length, true) => *self.position(*direction) += length,
        }
        self.advance();
    }

    pub(super) fn bytes(&mut self, direction: Direction, bytes: &[u8]) {
        let position = *self.position(direction);
        let at = mark(self.now);
        self.streams[direction].insert(position, bytes, bytes.len() as u64, at);
        self.streams[direction].give_up_waiting();
        *self.position(direction) += bytes.len() as u64;
    }

    pub(super) fn advance(&mut self) {
        let mut sink = Sink::new(&mut self.next_id);
        self.session.advance(&mut self.streams, &mut sink);
        let steps = sink.take();
        self.take(steps);
    }

    pub(super) fn tick(&mut self, now: u64) {
        let mut sink = Sink::new(&mut self.next_id);
        self.session.tick(Timestamp(now), &mut sink);
        let steps = sink.take();
        self.take(steps);
    }

    fn take(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Begin { id, .. } => self.outcome.begun.push(id),
                Step::Finish(exchange) => self.outcome.exchanges.push(*exchange),
                Step::Retract { id } => self.outcome.retracted.push(id),
                Step::Switch(switch) => self.outcome.switches.push(switch),
                Step::Skipped { bytes } => self.outcome.skipped += bytes,
                _ => {}
            }
        }
    }

    /// The end of the conversation. Every exchange must have ended once.
    pub(super) fn close(mut self) -> Outcome {
        let mut sink = Sink::new(&mut self.next_id);
        self.session.finish(&mut self.streams, true, &mut sink);
        let steps = sink.take();
        self.take(steps);
        let mut ended: Vec<u64> = self.outcome.exchanges.iter().map(|exchange| exchange.id).collect();
        ended.extend(&self.outcome.retracted);
        ended.sort_unstable();
        let mut begun = self.outcome.begun.clone();
        begun.sort_unstable();
        assert_eq!(ended, begun, "each exchange ends once");
        self.outcome
    }

    pub(super) fn memory(&self) -> usize {
        self.session.memory() + self.streams[C].buffered() + self.streams[S].buffered()
    }
}

/// A conversation in which every step arrives whole, the n-th at n times 1000 ns.
#[track_caller]
pub(super) fn talk(steps: &[(Direction, Vec<u8>)]) -> Outcome {
    let mut wire = Wire::new();
    for (direction, bytes) in steps {
        wire.see(&Seen::Bytes(*direction, bytes.clone()));
    }
    let whole = wire.close();
    let cut = one_byte_at_a_time(steps);
    assert_eq!(whole, cut, "one byte at a time gives the same");
    whole
}

fn one_byte_at_a_time(steps: &[(Direction, Vec<u8>)]) -> Outcome {
    let mut wire = Wire::new();
    for (direction, bytes) in steps {
        wire.now += 1000;
        for byte in bytes {
            wire.bytes(*direction, &[*byte]);
            wire.advance();
        }
    }
    let mut outcome = wire.close();
    // Noise is told piecemeal.
    outcome.begun.sort_unstable();
    outcome
}

/// A login, then `steps`.
#[track_caller]
pub(super) fn after_login(steps: &[(Direction, Vec<u8>)]) -> Outcome {
    talk(&[&login()[..], steps].concat())
}
