//! Where everything that sessions say goes: exchanges, names, coverage, and in the end the rows.

use std::borrow::Cow;
use std::sync::Arc;

use super::connection::{Connection, Held};
use super::datagrams::Ports;
use super::exchanges::{Exchanges, Scene};
use super::judge::Ending;
use super::names::Names;
use super::processes::Processes;
use super::threads::Strand;
use super::{Config, Coverage, InFlight};
use crate::event::{
    Data, Direction, IO_URING, Lost, ProcessChange, ProcessEvent, SHED, Session, Source, Timestamp, Vantage,
};
use crate::keys::KeyLog;
use crate::record::{Record, Tls};
use crate::redact;
use crate::session::{Datagram, Exchange, Step};
use crate::stream::{Hole, Mark};

/// How long a handshake's row waits to hear whether plaintext comes, ns.
const PLAINTEXT_WAIT: u64 = 80_000_000;

const BOTH: [Direction; 2] = [Direction::Sent, Direction::Received];

#[derive(Debug)]
pub(super) struct Desk {
    pub(super) scene: Scene,
    pub(super) coverage: Coverage,
    pub(super) keys: KeyLog,
    pub(super) now: Timestamp,
    /// Bytes of memory that all connections take, roughly.
    pub(super) memory: usize,
    exchanges: Exchanges,
    next_id: u64,
    next_conn: u64,
    /// Bytes that a cause has been counted for already, and whose gaps are still to be found.
    explained: u64,
}

impl Desk {
    pub(super) fn new(config: Config) -> Self {
        let exchanges = Exchanges::new(&config);
        let scene = Scene {
            node: None,
            vantage: Vantage::Process,
            processes: Processes::default(),
            names: Names::default(),
            config: Arc::new(config),
        };
        Self {
            scene,
            coverage: Coverage::default(),
            keys: KeyLog::default(),
            now: Timestamp::default(),
            memory: 0,
            exchanges,
            next_id: 1,
            next_conn: 1,
            explained: 0,
        }
    }

    pub(super) fn session(&mut self, session: Session) {
        self.scene.node = session.node;
        self.scene.vantage = session.vantage;
    }

    pub(super) fn process(&mut self, event: ProcessEvent) {
        if event.change == ProcessChange::Exited {
            self.exchanges.exited(event.pid);
        }
        if event.change == ProcessChange::Ring {
            let name = self.scene.processes.owner(event.pid).and_then(|owner| self.scene.processes.names(&owner));
            let name = name.and_then(|names| names.process.clone());
            self.coverage.io_uring.insert(name.unwrap_or_else(|| event.pid.to_string().into()));
        }
        self.scene.processes.handle(event);
    }

    pub(super) fn lost(&mut self, lost: Lost) {
        if lost.cause == SHED {
            self.coverage.shed = self.coverage.shed.saturating_add(lost.events);
            return;
        }
        // Its calls are events of their own, which leave no gap to be explained.
        if lost.cause != IO_URING {
            self.explained = self.explained.saturating_add(lost.bytes);
        }
        self.coverage.lose(lost.cause, lost.events, lost.bytes, lost.time);
    }

    pub(super) fn lose(&mut self, cause: &'static str, events: u64, bytes: u64) {
        self.coverage.lose(Cow::Borrowed(cause), events, bytes, self.now);
    }

    pub(super) fn in_flight(&self) -> Vec<InFlight> {
        self.exchanges.in_flight(self.now)
    }

    pub(super) fn data(&mut self, connection: &mut Connection, data: &Data, emit: &mut dyn FnMut(Record)) {
        if connection.number.is_none() && data.original_len > 0 {
            self.number(connection);
        }
        if connection.owner.is_none() {
            connection.owner = self.scene.processes.owner(data.pid);
        }
        let Data { time, pid, tid, task, source, direction, .. } = *data;
        let mark = Mark { time, pid, tid, task, source };
        if let Some(strand) = Strand::of(mark, self.scene.processes.runtime(pid)) {
            self.exchanges.passed(strand, data.socket, direction);
        }
        if connection.datagrams.is_some() {
            self.datagram(connection, data, mark, emit);
        } else if source.is_decrypted() {
            self.plaintext(connection, data, mark, emit);
        } else {
            let stream = &mut connection.wire.streams[direction];
            stream.insert(data.position, &data.bytes, data.original_len, mark);
            if source == Source::Pcap {
                // Captures are put in order where they are read: what is missing there will not come.
                let lost = stream.give_up_waiting();
                self.missing("missing", lost);
            }
        }
        self.read_on(connection, emit);
    }

    fn number(&mut self, connection: &mut Connection) {
        connection.number = Some(self.next_conn);
        self.next_conn = self.next_conn.saturating_add(1);
    }

    fn datagram(&mut self, connection: &mut Connection, data: &Data, mark: Mark, emit: &mut dyn FnMut(Record)) {
        let ports = Ports { local: connection.local.port, remote: connection.remote.port };
        let datagram = Datagram {
            mark,
            direction: data.direction,
            bytes: &data.bytes,
            original_len: data.original_len,
            peer: data.peer.as_ref(),
        };
        let Some(datagrams) = &mut connection.datagrams else { return };
        let steps = datagrams.take(&datagram, &ports, &self.scene.config, &mut self.next_id);
        self.obey(connection, steps, Ending::Broken, emit);
    }

    /// Takes in plaintext. Where two libraries show the same bytes (OpenSSL above kernel TLS) the first one counts.
    fn plaintext(&mut self, connection: &mut Connection, data: &Data, mark: Mark, emit: &mut dyn FnMut(Record)) {
        let [sent, received] = &mut connection.plain_sources;
        let source = if data.direction == Direction::Sent { sent } else { received };
        let first = source.is_none();
        if *source.get_or_insert(data.source) != data.source {
            return;
        }
        if first && data.source == Source::Ktls {
            let steps = connection.wire.sealed(&mut self.next_id);
            self.obey(connection, steps, Ending::Broken, emit);
        }
        let plain = connection.plaintext();
        plain.streams[data.direction].insert(data.position, &data.bytes, data.original_len, mark);
        self.release(connection, true, emit);
    }

    /// Lets every session read what has come, and keeps what is left over within bounds.
    pub(super) fn read_on(&mut self, connection: &mut Connection, emit: &mut dyn FnMut(Record)) {
        for plain in [false, true] {
            self.advance(connection, plain, Ending::Broken, emit);
            self.bound(connection, plain, emit);
        }
        self.settle(connection);
    }

    fn advance(&mut self, connection: &mut Connection, plain: bool, ending: Ending, emit: &mut dyn FnMut(Record)) {
        let Some((layer, about)) = connection.layer(plain, &self.scene, &self.keys) else { return };
        let steps = layer.advance(&about, &mut self.next_id);
        self.obey(connection, steps, ending, emit);
    }

    fn bound(&mut self, connection: &mut Connection, plain: bool, emit: &mut dyn FnMut(Record)) {
        let limit = self.scene.config.limits.stream_bytes;
        for direction in BOTH {
            // Each round either stops waiting once or ends it.
            loop {
                let Some((layer, _)) = connection.layer(plain, &self.scene, &self.keys) else { return };
                let stream = &mut layer.streams[direction];
                if stream.buffered() <= limit {
                    break;
                }
                let waited = stream.is_waiting();
                let (cause, lost) =
                    if waited { ("missing", stream.give_up_waiting()) } else { ("stream_limit", stream.forget()) };
                self.missing(cause, lost);
                self.advance(connection, plain, Ending::Broken, emit);
                if !waited {
                    break;
                }
            }
        }
    }

    /// Counts bytes that went by unseen, unless their loss was reported with its cause.
    fn missing(&mut self, cause: &'static str, bytes: u64) {
        if cause != "missing" {
            self.lose(cause, 1, bytes);
            return;
        }
        let known = bytes.min(self.explained);
        self.explained = self.explained.saturating_sub(known);
        if bytes > known {
            self.lose(cause, 1, bytes.saturating_sub(known));
        }
    }

    /// Brings the books up to date with a connection.
    pub(super) fn settle(&mut self, connection: &mut Connection) {
        let memory = connection.weigh();
        self.memory = self.memory.saturating_sub(connection.memory).saturating_add(memory);
        connection.memory = memory;
        let share = connection.measure();
        self.coverage.revise(connection.share, share);
        connection.share = share;
    }

    /// Frees what the connection holds in its streams.
    pub(super) fn relieve(&mut self, connection: &mut Connection, emit: &mut dyn FnMut(Record)) {
        for plain in [false, true] {
            for direction in BOTH {
                let Some((layer, _)) = connection.layer(plain, &self.scene, &self.keys) else { continue };
                let stream = &mut layer.streams[direction];
                let mut waiting = 0_u64;
                while stream.is_waiting() {
                    waiting = waiting.saturating_add(stream.give_up_waiting());
                }
                let kept = stream.forget();
                if waiting > 0 {
                    self.missing("missing", waiting);
                }
                if kept > 0 {
                    self.lose("memory_limit", 1, kept);
                }
            }
        }
        self.read_on(connection, emit);
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, connection: &mut Connection, now: Timestamp, emit: &mut dyn FnMut(Record)) {
        self.stop_waiting(connection, now, emit);
        for plain in [false, true] {
            let Some((layer, about)) = connection.layer(plain, &self.scene, &self.keys) else { continue };
            let steps = layer.tick(now, &about, &mut self.next_id);
            self.obey(connection, steps, Ending::Broken, emit);
        }
        if let Some(datagrams) = &mut connection.datagrams {
            let steps = datagrams.tick(now, &mut self.next_id);
            self.obey(connection, steps, Ending::Broken, emit);
        }
        if connection.held.first().is_some_and(|held| held.until <= now) {
            self.release(connection, false, emit);
        }
        self.settle(connection);
    }

    fn stop_waiting(&mut self, connection: &mut Connection, now: Timestamp, emit: &mut dyn FnMut(Record)) {
        let patience = self.scene.config.limits.reorder_wait;
        for plain in [false, true] {
            for direction in BOTH {
                let mut gave_up = false;
                while let Some((layer, _)) = connection.layer(plain, &self.scene, &self.keys) {
                    let stream = &mut layer.streams[direction];
                    if stream.waiting_since().is_none_or(|since| now.since(since) < patience) {
                        break;
                    }
                    let lost = stream.give_up_waiting();
                    self.missing("missing", lost);
                    gave_up = true;
                }
                if gave_up {
                    self.read_on(connection, emit);
                }
            }
        }
    }

    /// The connection is over, or (`closed` null) nothing more will be seen of it.
    pub(super) fn end(&mut self, connection: &mut Connection, closed: Option<Timestamp>, emit: &mut dyn FnMut(Record)) {
        let ending = if closed.is_some() { Ending::Broken } else { Ending::Unknown };
        for plain in [false, true] {
            for direction in BOTH {
                let Some((layer, _)) = connection.layer(plain, &self.scene, &self.keys) else { continue };
                let stream = &mut layer.streams[direction];
                let mut lost = 0_u64;
                while stream.is_waiting() {
                    lost = lost.saturating_add(stream.give_up_waiting());
                }
                if let Some(time) = closed {
                    lost = lost.saturating_add(stream.give_up(time));
                }
                if lost > 0 {
                    self.missing("missing", lost);
                }
            }
            self.advance(connection, plain, ending, emit);
        }
        for plain in [false, true] {
            let Some((layer, _)) = connection.layer(plain, &self.scene, &self.keys) else { continue };
            let steps = layer.finish(closed.is_some(), &mut self.next_id);
            self.obey(connection, steps, ending, emit);
        }
        if let Some(datagrams) = &mut connection.datagrams {
            let steps = datagrams.finish(closed.is_some(), &mut self.next_id);
            self.obey(connection, steps, ending, emit);
        }
        self.exchanges.abandon(std::mem::take(&mut connection.open).into_iter());
        self.release(connection, false, emit);
        if connection.number.is_none() {
            self.number(connection);
        }
        self.settle(connection);
        self.memory = self.memory.saturating_sub(connection.memory);
        emit(Record::Conn(Box::new(connection.row(&self.scene))));
    }

    fn obey(&mut self, connection: &mut Connection, steps: Vec<Step>, ending: Ending, emit: &mut dyn FnMut(Record)) {
        for step in steps {
            match step {
                Step::Begin { id, begin } => {
                    if connection.number.is_none() {
                        self.number(connection);
                    }
                    connection.open.insert(id);
                    if begin.protocol != "tls" {
                        connection.requests = connection.requests.saturating_add(1);
                    }
                    connection.asks = connection.asks.or(Some(begin.direction));
                    self.exchanges.begin(id, begin, &connection.identified(), &self.scene);
                }
                Step::Describe { id, mut description } => {
                    if self.scene.config.redact {
                        let rules = &self.scene.config.rules;
                        description.summary = description.summary.map(|summary| redact::summary(&summary, rules));
                    }
                    let socket = connection.socket;
                    self.exchanges.describe(id, description, socket, &self.scene.processes);
                }
                Step::Finish(exchange) => self.finish(connection, *exchange, ending, emit),
                Step::Retract { id } => {
                    if connection.open.remove(&id) {
                        connection.requests = connection.requests.saturating_sub(1);
                        self.exchanges.retract(id);
                    }
                }
                Step::Plaintext { direction, bytes, mark } => {
                    let stream = &mut connection.plaintext().streams[direction];
                    let position = stream.tail();
                    stream.insert(position, &bytes, bytes.len() as u64, mark);
                    self.release(connection, true, emit);
                }
                Step::PlaintextHole { direction, hole: Hole { len, lost } } => {
                    connection.plaintext().streams[direction].miss(Hole { len, lost });
                }
                Step::Skipped { .. } | Step::Switch(_) => {}
            }
        }
    }

    fn finish(
        &mut self,
        connection: &mut Connection,
        exchange: Exchange,
        ending: Ending,
        emit: &mut dyn FnMut(Record),
    ) {
        connection.open.remove(&exchange.id);
        let ending = if exchange.cut_short { ending } else { Ending::Whole };
        let Some(record) = self.exchanges.finish(exchange, ending, &connection.identified(), &self.scene) else {
            return;
        };
        match record {
            Record::Dns(dns) => {
                self.scene.names.learn(&dns);
                self.deliver(Record::Dns(dns), emit);
            }
            Record::Tls(tls) => self.handshake(connection, *tls, ending, emit),
            Record::Grpc(_) => {
                connection.speaks_grpc = true;
                self.deliver(record, emit);
            }
            record => self.deliver(record, emit),
        }
    }

    /// A handshake's row says whether plaintext is read, which may be known only a moment later.
    fn handshake(&mut self, connection: &mut Connection, tls: Tls, ending: Ending, emit: &mut dyn FnMut(Record)) {
        let settled = tls.decrypted || tls.reason.is_some() || ending != Ending::Whole || tls.alert.is_some();
        if settled {
            self.deliver(Record::Tls(Box::new(tls)), emit);
            return;
        }
        let waits_for_end = self.scene.vantage == Vantage::Capture && !self.keys.is_empty();
        let until = if waits_for_end { u64::MAX } else { self.now.0.saturating_add(PLAINTEXT_WAIT) };
        connection.held.push(Held { record: Record::Tls(Box::new(tls)), until: Timestamp(until) });
        if connection.plain.is_some() {
            self.release(connection, true, emit);
        }
    }

    /// Gives out the handshakes' rows that were held back.
    fn release(&mut self, connection: &mut Connection, plaintext: bool, emit: &mut dyn FnMut(Record)) {
        for held in std::mem::take(&mut connection.held) {
            let Record::Tls(mut tls) = held.record else { continue };
            let status = connection.owner.as_ref().and_then(|owner| self.scene.processes.tls(owner));
            tls.decrypted =
                plaintext || status.is_some_and(|status| status.library.is_some() && status.reason.is_none());
            if !tls.decrypted {
                tls.reason = match self.scene.vantage {
                    Vantage::Capture => Some("no key logged".to_owned()),
                    Vantage::Process => status.and_then(|status| status.reason.as_deref().map(str::to_owned)),
                };
            }
            self.deliver(Record::Tls(tls), emit);
        }
    }

    fn deliver(&mut self, mut record: Record, emit: &mut dyn FnMut(Record)) {
        if self.scene.config.redact {
            redact::record(&mut record, &self.scene.config.rules, self.scene.config.keep_binary);
        }
        let Some((table, common)) = record.exchange() else { return };
        if !self.scene.config.wants_any(&[table]) {
            return;
        }
        self.coverage.truncated = self.coverage.truncated.saturating_add(u64::from(common.truncated));
        self.coverage.gaps = self.coverage.gaps.saturating_add(u64::from(common.gap));
        emit(record);
    }
}
