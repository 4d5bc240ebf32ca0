//! `Trackers`: the connections of a session, from events to records.

mod account;
mod connection;
mod datagrams;
mod desk;
mod exchanges;
mod judge;
mod layer;
mod names;
mod processes;
#[cfg(test)]
mod tests;
mod threads;
mod twins;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use self::connection::Connection;
use self::desk::Desk;
use crate::event::{Data, Open, SocketEvent, SocketId, State, Timestamp, Transport};
use crate::record::{Common, Conn, Record};
use crate::redact::Rules;
use crate::route::Pattern;

/// How often time-outs are looked at, ns.
const TICK: u64 = 20_000_000;

/// Connections whose buffers are freed, at most, before whole connections are let go.
const RELIEVED_AT_ONCE: usize = 16;

/// What is kept, and how much of it.
#[derive(Debug, Clone)]
pub struct Config {
    /// Bytes kept of each body (`--body`).
    pub body: usize,
    /// Parse only these (`--protocol`); null: all.
    pub protocols: Option<Vec<String>>,
    /// Mask secrets.
    pub redact: bool,
    /// The user's own rules about what is secret.
    pub rules: Rules,
    /// Patterns that name routes, the first match first (`--route`).
    pub routes: Vec<Pattern>,
    /// Paths of no interest: they give no row (`--ignore-route`).
    pub ignored_routes: Vec<Pattern>,
    /// Keep bodies that are no text, when secrets are masked (`--keep-binary`).
    pub keep_binary: bool,
    /// Bounds on memory.
    pub limits: Limits,
}

impl Config {
    /// Whether rows of one of these tables are wanted.
    #[must_use]
    pub fn wants_any(&self, tables: &[&str]) -> bool {
        let Some(wanted) = &self.protocols else { return true };
        wanted.iter().any(|name| tables.iter().any(|table| table.eq_ignore_ascii_case(name)))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            body: 1024,
            protocols: None,
            redact: true,
            rules: Rules::default(),
            keep_binary: false,
            routes: Vec::new(),
            ignored_routes: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// Bounds on memory. What goes beyond is let go and counted.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes buffered in one direction of one connection.
    pub stream_bytes: usize,
    /// Bytes buffered in all.
    pub total_bytes: usize,
    /// Connections known at a time.
    pub connections: usize,
    /// Exchanges open on one connection.
    pub open_exchanges: usize,
    /// How long bytes that came too early wait for the missing ones, ns.
    pub reorder_wait: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stream_bytes: 1 << 20,
            total_bytes: 256 << 20,
            connections: 1 << 17,
            open_exchanges: 10_000,
            reorder_wait: 50_000_000,
        }
    }
}

/// All connections of one session. Feed it events in order; it gives records as they complete.
#[derive(Debug)]
pub struct Trackers {
    sockets: HashMap<SocketId, Connection>,
    /// Sockets in the order in which they are considered for eviction.
    queue: VecDeque<SocketId>,
    /// Sockets on which time may change something.
    pending: BTreeSet<SocketId>,
    next_tick: Timestamp,
    desk: Desk,
}

impl Trackers {
    /// An empty session.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            sockets: HashMap::new(),
            queue: VecDeque::new(),
            pending: BTreeSet::new(),
            next_tick: Timestamp::default(),
            desk: Desk::new(config),
        }
    }

    /// Takes one event; calls `emit` for every record that it completes.
    pub fn handle(&mut self, event: SocketEvent, emit: &mut dyn FnMut(Record)) {
        self.pass_time(event.time(), emit);
        match event {
            SocketEvent::Session(session) => self.desk.session(session),
            SocketEvent::Process(event) => self.desk.process(event),
            SocketEvent::Hosts { names, .. } => self.desk.scene.names.hosts(names),
            SocketEvent::Lost(lost) => self.desk.lost(lost),
            SocketEvent::Clock { .. } => {}
            SocketEvent::Keys { log, .. } => self.keys(&log, emit),
            SocketEvent::Open(open) => self.open(open, emit),
            SocketEvent::State(state) => self.state(state, emit),
            SocketEvent::Data(data) => self.data(&data, emit),
            SocketEvent::Close { time, socket } => {
                if let Some(mut connection) = self.sockets.remove(&socket) {
                    self.pending.remove(&socket);
                    connection.closed = connection.closed.or(Some(time));
                    self.desk.end(&mut connection, Some(time), emit);
                }
            }
        }
    }

    /// The input has ended: emits what is still open as it stands, then every open connection.
    pub fn finish(&mut self, emit: &mut dyn FnMut(Record)) {
        let mut connections: Vec<Connection> = self.sockets.drain().map(|(_, connection)| connection).collect();
        connections.sort_by_key(|connection| (connection.number.unwrap_or(u64::MAX), connection.socket));
        self.queue.clear();
        self.pending.clear();
        for connection in &mut connections {
            self.desk.end(connection, None, emit);
        }
    }

    /// Exchanges begun and not answered, oldest first.
    #[must_use]
    pub fn in_flight(&self) -> Vec<InFlight> {
        self.desk.in_flight()
    }

    /// Connections that are open, as they stand, in the order of their numbers. One without bytes has number 0.
    #[must_use]
    pub fn open_connections(&self) -> Vec<Conn> {
        let mut rows: Vec<_> = self.sockets.values().map(|connection| connection.row(&self.desk.scene)).collect();
        rows.sort_by_key(|row| (row.conn, row.time));
        rows
    }

    /// What was seen and what was not.
    #[must_use]
    pub fn coverage(&self) -> &Coverage {
        &self.desk.coverage
    }

    /// Connections known now, and the bytes of memory that they take, roughly.
    #[must_use]
    pub fn load(&self) -> (usize, usize) {
        (self.sockets.len(), self.desk.memory)
    }

    fn open(&mut self, open: Open, emit: &mut dyn FnMut(Record)) {
        if self.sockets.contains_key(&open.socket) {
            return;
        }
        let connection = Connection::new(open, &self.desk.scene);
        self.insert(connection, emit);
    }

    fn insert(&mut self, mut connection: Connection, emit: &mut dyn FnMut(Record)) {
        while self.sockets.len() >= self.desk.scene.config.limits.connections.max(1) && self.evict(emit) {}
        self.desk.settle(&mut connection);
        // The queue still names connections that have closed.
        if self.queue.len() > self.sockets.len().saturating_mul(2).saturating_add(1024) {
            self.queue.retain(|socket| self.sockets.contains_key(socket));
        }
        self.queue.push_back(connection.socket);
        self.sockets.insert(connection.socket, connection);
    }

    fn state(&mut self, state: State, emit: &mut dyn FnMut(Record)) {
        let Some(connection) = self.sockets.get_mut(&state.socket) else { return };
        connection.change(state.time, state.change, &self.desk.scene);
        self.desk.read_on(connection, emit);
        self.note(state.socket);
    }

    fn data(&mut self, data: &Data, emit: &mut dyn FnMut(Record)) {
        if !self.sockets.contains_key(&data.socket) {
            let transport = if data.peer.is_some() { Transport::Udp } else { Transport::Tcp };
            let connection = Connection::unknown(data.socket, data.time, transport, &self.desk.scene);
            self.insert(connection, emit);
        }
        let Some(connection) = self.sockets.get_mut(&data.socket) else { return };
        connection.used = true;
        self.desk.data(connection, data, emit);
        self.note(data.socket);
        if self.desk.memory > self.desk.scene.config.limits.total_bytes {
            self.relieve(emit);
        }
    }

    fn keys(&mut self, log: &[u8], emit: &mut dyn FnMut(Record)) {
        if !self.desk.keys.add(log) {
            return;
        }
        let mut encrypted: Vec<SocketId> =
            self.sockets.values().filter(|connection| connection.wire.is_tls()).map(|known| known.socket).collect();
        encrypted.sort_unstable();
        for socket in encrypted {
            if let Some(connection) = self.sockets.get_mut(&socket) {
                self.desk.read_on(connection, emit);
            }
            self.note(socket);
        }
    }

    /// Notes whether time may change something about the socket.
    fn note(&mut self, socket: SocketId) {
        if self.sockets.get(&socket).is_some_and(Connection::is_pending) {
            self.pending.insert(socket);
        } else {
            self.pending.remove(&socket);
        }
    }

    fn pass_time(&mut self, now: Timestamp, emit: &mut dyn FnMut(Record)) {
        self.desk.now = self.desk.now.max(now);
        if now < self.next_tick {
            return;
        }
        self.next_tick = Timestamp(now.0.saturating_add(TICK));
        let pending: Vec<SocketId> = self.pending.iter().copied().collect();
        for socket in pending {
            if let Some(connection) = self.sockets.get_mut(&socket) {
                self.desk.tick(connection, now, emit);
            }
            self.note(socket);
        }
    }

    /// Lets the connection go that was not used for longest, roughly. Returns whether there was one.
    fn evict(&mut self, emit: &mut dyn FnMut(Record)) -> bool {
        while let Some(socket) = self.queue.pop_front() {
            let Some(connection) = self.sockets.get_mut(&socket) else { continue };
            if std::mem::take(&mut connection.used) {
                self.queue.push_back(socket);
                continue;
            }
            if let Some(mut connection) = self.sockets.remove(&socket) {
                self.pending.remove(&socket);
                self.desk.lose("connection_limit", 1, 0);
                self.desk.end(&mut connection, None, emit);
            }
            return true;
        }
        false
    }

    /// Too much memory in all: buffered bytes go first, of connections that were not used for longest, then connections.
    fn relieve(&mut self, emit: &mut dyn FnMut(Record)) {
        let limit = self.desk.scene.config.limits.total_bytes;
        // A few at a time: looking through all of them for every event would be worse than losing a connection.
        for _ in 0..RELIEVED_AT_ONCE.min(self.queue.len()) {
            if self.desk.memory <= limit {
                return;
            }
            let Some(socket) = self.queue.pop_front() else { break };
            let Some(connection) = self.sockets.get_mut(&socket) else { continue };
            self.queue.push_back(socket);
            self.desk.relieve(connection, emit);
            self.note(socket);
        }
        while self.desk.memory > limit && self.evict(emit) {}
    }
}

/// A row of table `inflight`.
#[derive(Debug, Clone, PartialEq)]
pub struct InFlight {
    /// The common columns; `latency` stays null.
    pub common: Common,
    /// Table that it will go to.
    pub protocol: &'static str,
    /// As in `requests`; null before the head is complete.
    pub summary: Option<String>,
    /// Time since its first byte, ns, at the latest time seen.
    pub age: u64,
}

/// What was seen of the watched traffic (INTERFACES 1.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Connections that carried bytes.
    pub connections: u64,
    /// True bytes of them, both directions (of decrypted connections: plaintext bytes).
    pub bytes: u64,
    /// Of these, bytes on connections that are encrypted and not decrypted.
    pub encrypted_bytes: u64,
    /// Of `bytes`, those that a parser consumed.
    pub parsed_bytes: u64,
    /// Bytes kept.
    pub captured_bytes: u64,
    /// Encrypted connections without plaintext.
    pub encrypted: u64,
    /// Connections joined after they began.
    pub midstream: u64,
    /// Exchanges of which fewer bytes were kept than sent.
    pub truncated: u64,
    /// Exchanges with a gap.
    pub gaps: u64,
    /// Calls of which bytes were left out by the brake.
    pub shed: u64,
    /// Losses by cause.
    pub losses: Vec<Loss>,
    /// Names of processes whose sockets io_uring moves bytes through, or might: what is missing is not known.
    pub io_uring: BTreeSet<Arc<str>>,
}

/// A row of table `loss`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Why.
    pub cause: Cow<'static, str>,
    /// How many events.
    pub events: u64,
    /// How many bytes, as far as known.
    pub bytes: u64,
    /// When it was first noticed.
    pub first_seen: Timestamp,
}
