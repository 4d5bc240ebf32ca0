//! RawEvent to SocketEvent: names for sockets and processes, wall-clock times, standard addresses.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use probes_common::event::{
    COMM, Change, Decrypted, Header, Peer, Tuple, change, family, flag, initiator, kind, transport,
};
use protocols::event::{
    Address, Data, Direction, Endpoint, Open, ProcessChange, ProcessEvent, Side, SocketEvent, SocketId, Source, State,
    StateChange, Timestamp, Transport,
};

use super::clock::Clock;
use super::closing::Quiet;
use super::errno;
use super::handles::Handles;
use super::movable::Movable;
use super::plaintext::Plaintext;
use super::raw::split;
use super::rings::Rings;
use super::selection::Selection;
use crate::process::Facts;

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// What the decoder knows.
pub(super) struct Decoder {
    clock: Clock,
    sockets: HashMap<u64, Socket>,
    /// Number of the last socket.
    last: u64,
    /// Processes whose names were told.
    named: HashSet<u32>,
    /// Go programs among them.
    goes: HashSet<u32>,
    /// Events of sockets that were never announced.
    pub(super) unplaced: u64,
    /// Handles of TLS libraries.
    pub(super) handles: Handles,
    /// Connections of rustls.
    pub(super) movable: Movable,
    /// TLS libraries.
    pub(super) plaintext: Plaintext,
    /// Users of io_uring.
    pub(super) rings: Rings,
    /// Ends of sockets that carry TLS, with their times, until they are told.
    ending: VecDeque<(Timestamp, u64)>,
    out: VecDeque<SocketEvent>,
}

/// A library's call returns after the socket call inside it, and its plaintext is told of then: another thread may have
/// closed the connection meanwhile. So the ends of sockets that carry TLS are told of this much later, ns.
const LINGER: u64 = 50_000_000;

/// Segments of one buffer (`GSO_MAX_SEGS` was 65535 once; what the network takes at a time is far below).
const MOST_SEGMENTS: u64 = 1024;

struct Socket {
    id: SocketId,
    /// The process that used it last; 0 if unknown.
    pid: u32,
    /// Key in the kernel's map of connections.
    sk: u64,
    inode: u64,
    /// When it was seen first.
    opened: Timestamp,
    /// Where its peer said to have ended.
    received_end: Option<u64>,
    /// When it was used last.
    used: Timestamp,
    /// The kernel tells of its end.
    end_is_told: bool,
}

impl Decoder {
    pub(super) fn new(clock: Clock, plaintext: Plaintext) -> Self {
        Self {
            clock,
            sockets: HashMap::new(),
            last: 0,
            named: HashSet::new(),
            goes: HashSet::new(),
            unplaced: 0,
            handles: Handles::default(),
            movable: Movable::default(),
            plaintext,
            rings: Rings::default(),
            ending: VecDeque::new(),
            out: VecDeque::new(),
        }
    }

    /// The next event decoded.
    pub(super) fn pop(&mut self) -> Option<SocketEvent> {
        self.out.pop_front()
    }

    /// Whether one waits.
    pub(super) fn has_events(&self) -> bool {
        !self.out.is_empty()
    }

    /// An event that does not come from the ring buffer.
    pub(super) fn push(&mut self, event: SocketEvent) {
        self.out.push_back(event);
    }

    /// Decodes a record. One that is too short, or of an unknown kind, is skipped: it cannot come from our programs.
    pub(super) fn record(&mut self, record: &[u8], selection: &mut Selection) {
        let Some((header, rest)) = split::<Header>(record) else { return };
        let time = self.clock.wall(header.time);
        self.close_due(Some(time));
        match header.kind {
            kind::DATA => self.data(&header, time, rest, selection),
            kind::PLAIN => self.plain(&header, time, rest, selection),
            kind::OPEN => self.open(&header, time, rest, selection),
            kind::STATE => self.state(&header, time, rest),
            kind::CLOSE => {
                if header.flags & flag::READ != 0 {
                    self.has_read(time, header.conn, header.position);
                }
                let carries_tls = |id| self.handles.knows(id) || self.movable.knows(id);
                if self.sockets.get(&header.conn).is_some_and(|socket| carries_tls(socket.id)) {
                    self.ending.push_back((time, header.conn));
                } else {
                    self.close(time, header.conn);
                }
            }
            kind::FORK => self.fork(&header, time, selection),
            kind::EXEC => self.exec(&header, time, rest, selection),
            kind::EXIT => self.exit(&header, time, selection),
            kind::RING => self.ring(time, header.pid, selection),
            kind::LISTEN => selection.listen(header.pid, u16::try_from(header.len).unwrap_or(0)),
            _ => {}
        }
    }

    /// Sockets not used since `before` whose end the kernel does not tell; `all`: may have told in vain.
    pub(super) fn quiet_since(&self, before: Timestamp, all: bool) -> Vec<Quiet> {
        let quiet = self
            .sockets
            .iter()
            .filter(|(_, socket)| socket.used < before && socket.inode != 0 && (all || !socket.end_is_told));
        quiet.map(|(&conn, socket)| Quiet { conn, inode: socket.inode, pid: socket.pid }).collect()
    }

    /// What its peer sent beyond this, the process never read.
    fn has_read(&mut self, time: Timestamp, conn: u64, position: u64) {
        let Some(socket) = self.sockets.get(&conn) else { return };
        if socket.received_end.is_none_or(|end| end <= position) {
            return;
        }
        let change = StateChange::Ended { direction: Direction::Received, position: Some(position) };
        let socket = socket.id;
        self.push(SocketEvent::State(State { time, socket, change }));
    }

    /// Tells of ends that have waited long enough at `now`, of all of them if that is null.
    pub(super) fn close_due(&mut self, now: Option<Timestamp>) {
        while let Some(&(time, conn)) = self.ending.front() {
            if now.is_some_and(|now| now.0 < time.0.saturating_add(LINGER)) {
                break;
            }
            self.ending.pop_front();
            self.close(time, conn);
        }
    }

    /// Tells that a socket is gone; gives its key in the kernel's map.
    pub(super) fn close(&mut self, time: Timestamp, conn: u64) -> Option<u64> {
        let socket = self.sockets.remove(&conn)?;
        self.handles.closed(socket.id);
        self.movable.closed(socket.id);
        self.push(SocketEvent::Close { time, socket: socket.id });
        Some(socket.sk)
    }

    /// Names a process unless that was done.
    pub(super) fn name(&mut self, time: Timestamp, pid: u32) {
        if pid == 0 || self.named.contains(&pid) {
            return;
        }
        if let Some(facts) = Facts::of(pid) {
            self.name_as(time, &facts);
        }
    }

    fn name_as(&mut self, time: Timestamp, facts: &Facts) {
        self.named.insert(facts.pid);
        self.plaintext.add(facts.pid);
        let names = facts.names();
        if names.runtime.as_deref() == Some("go") {
            self.goes.insert(facts.pid);
        } else {
            self.goes.remove(&facts.pid);
        }
        self.process(time, facts.pid, ProcessChange::Named(Arc::new(names)));
    }

    /// A process has an io_uring that moves bytes of its sockets, or might.
    pub(super) fn ring(&mut self, time: Timestamp, pid: u32, selection: &Selection) {
        if !selection.refuses(pid) && self.rings.found(pid) {
            self.name(time, pid);
            self.process(time, pid, ProcessChange::Ring);
        }
    }

    fn process(&mut self, time: Timestamp, pid: u32, change: ProcessChange) {
        self.push(SocketEvent::Process(ProcessEvent { time, pid, change }));
    }

    fn fork(&mut self, header: &Header, time: Timestamp, selection: &mut Selection) {
        let parent = u32::try_from(header.len).unwrap_or(0);
        selection.fork(parent, header.pid);
        self.named.remove(&header.pid);
        if selection.refuses(header.pid) {
            return;
        }
        self.process(time, header.pid, ProcessChange::Started { parent });
        self.plaintext.fork(parent, header.pid);
        // It has its parent's names until it is named.
        if self.named.contains(&parent) {
            self.named.insert(header.pid);
        }
        if self.goes.contains(&parent) {
            self.goes.insert(header.pid);
        }
    }

    fn exec(&mut self, header: &Header, time: Timestamp, rest: &[u8], selection: &mut Selection) {
        let Some((comm, file)) = rest.split_at_checked(COMM) else { return };
        let comm = text(comm.split(|&byte| byte == 0).next().unwrap_or_default());
        let file = file.get(..header.captured as usize).map(text);
        let facts = Facts::of_image(header.pid, comm, file);
        selection.exec(&facts);
        self.handles.forget(header.pid);
        self.movable.forget(header.pid);
        self.rings.forget(header.pid);
        if !selection.refuses(header.pid) {
            self.plaintext.exec(header.pid);
            self.name_as(time, &facts);
        }
    }

    fn exit(&mut self, header: &Header, time: Timestamp, selection: &mut Selection) {
        let refused = selection.refuses(header.pid);
        selection.exit(header.pid);
        self.named.remove(&header.pid);
        self.goes.remove(&header.pid);
        self.handles.forget(header.pid);
        self.movable.forget(header.pid);
        self.plaintext.exit(header.pid);
        self.rings.forget(header.pid);
        if !refused {
            self.process(time, header.pid, ProcessChange::Exited);
        }
    }

    fn open(&mut self, header: &Header, time: Timestamp, rest: &[u8], selection: &Selection) {
        let Some((tuple, rest)) = split::<Tuple>(rest) else { return };
        if self.sockets.contains_key(&header.conn) || selection.refuses(header.pid) {
            return;
        }
        let Some(transport) = transport_of(tuple.transport) else { return };
        self.name(time, header.pid);
        self.last += 1;
        let id = SocketId(self.last);
        self.sockets.insert(
            header.conn,
            Socket {
                id,
                pid: header.pid,
                sk: tuple.sk,
                inode: tuple.inode,
                opened: time,
                used: time,
                received_end: None,
                end_is_told: tuple.transport == transport::TCP,
            },
        );
        let (local, remote) = if transport == Transport::Unix {
            unix_ends(&tuple, rest.get(..header.captured as usize).unwrap_or_default())
        } else {
            (endpoint(&tuple.local), endpoint(&tuple.remote))
        };
        self.push(SocketEvent::Open(Open {
            time,
            socket: id,
            transport,
            local,
            remote,
            initiator: match tuple.initiator {
                initiator::LOCAL => Some(Side::Local),
                initiator::REMOTE => Some(Side::Remote),
                _ => None,
            },
            pid: (header.pid != 0).then_some(header.pid),
            midstream: tuple.midstream != 0,
        }));
    }

    fn data(&mut self, header: &Header, time: Timestamp, rest: &[u8], selection: &Selection) {
        if selection.refuses(header.pid) {
            return;
        }
        let Some((peer, payload)) = split::<Peer>(rest) else { return };
        let Some(socket) = self.sockets.get_mut(&header.conn) else {
            self.unplaced += 1;
            return;
        };
        let id = socket.id;
        let handed_over = socket.pid != header.pid;
        socket.pid = header.pid;
        socket.used = time;
        self.name(time, header.pid);
        if handed_over {
            self.push(SocketEvent::State(State { time, socket: id, change: StateChange::Owner { pid: header.pid } }));
        }
        if header.flags & flag::RING != 0 {
            self.rings.moved(header.len);
            self.ring(time, header.pid, selection);
        }
        let by_kernel = header.flags & flag::KTLS != 0;
        if !by_kernel && let Some([20..=23, 3, 0..=4, ..]) = payload.get(..5) {
            self.plaintext.speaks_tls(header.pid);
        }
        self.push(SocketEvent::Data(Data {
            time,
            socket: id,
            direction: direction(header),
            position: header.position,
            bytes: payload.get(..header.captured as usize).unwrap_or(payload).to_vec(),
            original_len: header.len,
            pid: header.pid,
            tid: header.tid,
            task: if self.goes.contains(&header.pid) { goroutine(header, &peer) } else { 0 },
            peer: (header.flags & flag::PEER != 0).then(|| endpoint(&peer)),
            source: if by_kernel { Source::Ktls } else { Source::Socket },
        }));
    }

    /// Plaintext from a TLS library.
    fn plain(&mut self, header: &Header, time: Timestamp, rest: &[u8], selection: &Selection) {
        let Some((plain, payload)) = split::<Decrypted>(rest) else { return };
        if selection.refuses(header.pid) {
            return;
        }
        let source = match plain.family {
            family::GNUTLS => Source::GnuTls,
            family::GO => Source::Go,
            family::RUSTLS => Source::Rustls,
            family::BORING => Source::BoringSsl,
            _ => Source::OpenSsl,
        };
        let known = self.sockets.get(&header.conn).map(|socket| (socket.id, socket.opened));
        self.name(time, header.pid);
        let data = Data {
            time,
            socket: SocketId(0),
            direction: direction(header),
            position: header.position,
            bytes: payload.get(..header.captured as usize).unwrap_or(payload).to_vec(),
            original_len: header.len,
            pid: header.pid,
            tid: header.tid,
            task: plain.task,
            peer: None,
            source,
        };
        let told = if source == Source::Rustls {
            self.movable.plaintext(plain.handle, plain.epoch, known, data)
        } else {
            self.handles.plaintext(plain.handle, plain.epoch, known.map(|(socket, _)| socket), data)
        };
        self.out.extend(told.into_iter().map(SocketEvent::Data));
    }

    fn state(&mut self, header: &Header, time: Timestamp, rest: &[u8]) {
        let Some((body, _)) = split::<Change>(rest) else { return };
        let Some(socket) = self.sockets.get_mut(&header.conn) else { return };
        // The socket's own bytes ended where kernel TLS began; what came of those was all told.
        let end = (header.flags & flag::KTLS == 0).then_some(header.position);
        if (body.change, direction(header)) == (change::ENDED, Direction::Received) {
            socket.received_end = end;
        }
        let change = match body.change {
            change::CONNECTING => StateChange::Connecting,
            change::ESTABLISHED => {
                StateChange::Established { local: endpoint(&body.tuple.local), remote: endpoint(&body.tuple.remote) }
            }
            change::FAILED => StateChange::Failed { errno: errno::name(body.errno) },
            change::ENDED => StateChange::Ended { direction: direction(header), position: end },
            change::RESET => StateChange::Reset,
            change::RETRANSMIT => StateChange::Retransmit,
            _ => return,
        };
        let socket = socket.id;
        // Segments that were sent again together are one event for the kernel.
        let times = if body.change == change::RETRANSMIT { header.len.clamp(1, MOST_SEGMENTS) } else { 1 };
        for _ in 0..times {
            self.push(SocketEvent::State(State { time, socket, change: change.clone() }));
        }
    }
}

fn direction(header: &Header) -> Direction {
    if header.flags & flag::SENT != 0 { Direction::Sent } else { Direction::Received }
}

/// The goroutine that made a call, where that was told; only in a Go program does the register hold one.
fn goroutine(header: &Header, peer: &Peer) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = peer.address;
    if header.flags & flag::TASK != 0 { u64::from_ne_bytes([a, b, c, d, e, f, g, h]) } else { 0 }
}

fn transport_of(number: u8) -> Option<Transport> {
    match number {
        transport::TCP | transport::MPTCP => Some(Transport::Tcp),
        transport::UDP => Some(Transport::Udp),
        transport::UNIX => Some(Transport::Unix),
        _ => None,
    }
}

fn endpoint(peer: &Peer) -> Endpoint {
    match peer.family {
        AF_INET => {
            let [a, b, c, d, ..] = peer.address;
            Endpoint::ip(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), peer.port)
        }
        AF_INET6 => Endpoint::ip(IpAddr::V6(Ipv6Addr::from(peer.address)), peer.port),
        _ => Endpoint::default(),
    }
}

/// The path is that of the end that was bound.
fn unix_ends(tuple: &Tuple, path: &[u8]) -> (Endpoint, Endpoint) {
    let address = match path {
        [] => None,
        [0, name @ ..] => Some(format!("@{}", text(name))),
        path => Some(text(path.split(|&byte| byte == 0).next().unwrap_or_default())),
    };
    let bound = Endpoint { address: address.map(|name| Address::Unix(name.into())), port: None };
    if tuple.remote_path != 0 { (Endpoint::default(), bound) } else { (bound, Endpoint::default()) }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
