//! One connection: its ends, its life, its layers.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::account::Share;
use super::datagrams::Datagrams;
use super::exchanges::Scene;
use super::layer::{About, Layer};
use super::processes::Owner;
use super::twins::Sight;
use crate::event::{Direction, Endpoint, Open, Side, SocketId, Source, StateChange, Timestamp, Transport, Vantage};
use crate::keys::KeyLog;
use crate::record::{Conn, ConnState, Ends, Identity, Record, Role};
use crate::session::Begin;

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: SocketId,
    /// Column `conn`, from its first byte on.
    pub(super) number: Option<u64>,
    pub(super) transport: Transport,
    pub(super) local: Endpoint,
    pub(super) remote: Endpoint,
    pub(super) owner: Option<Owner>,
    pub(super) midstream: bool,
    pub(super) wire: Layer,
    pub(super) plain: Option<Box<Layer>>,
    /// Which library's plaintext is read, by direction: the first that gave any.
    pub(super) plain_sources: [Option<Source>; 2],
    pub(super) datagrams: Option<Box<Datagrams>>,
    /// Exchanges under way.
    pub(super) open: BTreeSet<u64>,
    pub(super) requests: u64,
    /// Which way requests went first.
    pub(super) asks: Option<Direction>,
    /// TLS rows that wait to hear whether plaintext comes.
    pub(super) held: Vec<Held>,
    /// The last row said gRPC.
    pub(super) speaks_grpc: bool,
    /// Used since it was last considered for eviction.
    pub(super) used: bool,
    pub(super) share: Share,
    pub(super) memory: usize,
    initiator: Option<Side>,
    opened: Timestamp,
    connecting: Option<Timestamp>,
    connect: Option<u64>,
    established: bool,
    ended: [Option<Timestamp>; 2],
    pub(super) closed: Option<Timestamp>,
    errno: Option<Arc<str>>,
    retransmits: u64,
    reset: bool,
}

/// A finished TLS row whose `decrypted` is not known yet.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) record: Record,
    pub(super) until: Timestamp,
}

/// What exchanges take over from their connection.
#[derive(Debug)]
pub(super) struct Identified<'a> {
    pub(super) socket: SocketId,
    pub(super) conn: u64,
    pub(super) transport: Transport,
    pub(super) local: &'a Endpoint,
    pub(super) remote: &'a Endpoint,
    pub(super) owner: Option<&'a Owner>,
    pub(super) midstream: bool,
}

impl Identified<'_> {
    /// The address columns. In captures local is the end that answers.
    pub(super) fn ends(&self, requests: Direction, peer: Option<&Endpoint>, scene: &Scene) -> Ends {
        let remote = peer.unwrap_or(self.remote);
        match (scene.vantage, requests) {
            (Vantage::Capture, Direction::Sent) => ends(remote, self.local, scene),
            _ => ends(self.local, remote, scene),
        }
    }

    pub(super) fn sight(&self, id: u64, role: Role, begin: &Begin) -> Sight {
        Sight {
            id,
            socket: self.socket,
            transport: self.transport,
            role,
            local: self.local.clone(),
            remote: begin.peer.as_ref().unwrap_or(self.remote).clone(),
            protocol: begin.protocol,
            position: begin.position,
            // What DNS calls a position is the question, wherever that was seen.
            of_answer: !begin.asked && begin.protocol != "dns",
            midstream: self.midstream && self.transport != Transport::Udp,
            time: begin.mark.time,
        }
    }
}

fn ends(local: &Endpoint, remote: &Endpoint, scene: &Scene) -> Ends {
    Ends {
        local_addr: local.address.clone(),
        local_port: local.port,
        remote_addr: remote.address.clone(),
        remote_port: remote.port,
        remote_name: scene.names.of(remote.address.as_ref()),
    }
}

impl Connection {
    pub(super) fn new(open: Open, scene: &Scene) -> Self {
        let mut wire = Layer::new(open.midstream);
        if !open.midstream {
            wire.streams[Direction::Sent].begin_at(0);
            wire.streams[Direction::Received].begin_at(0);
        }
        Self {
            socket: open.socket,
            number: None,
            transport: open.transport,
            local: open.local,
            remote: open.remote,
            owner: open.pid.and_then(|pid| scene.processes.owner(pid)),
            midstream: open.midstream,
            wire,
            plain: None,
            plain_sources: [None; 2],
            datagrams: (open.transport == Transport::Udp).then(Box::default),
            open: BTreeSet::new(),
            requests: 0,
            asks: None,
            held: Vec::new(),
            speaks_grpc: false,
            used: true,
            share: Share::default(),
            memory: 0,
            initiator: open.initiator,
            opened: open.time,
            connecting: None,
            connect: None,
            established: false,
            ended: [None; 2],
            closed: None,
            errno: None,
            retransmits: 0,
            reset: false,
        }
    }

    /// A socket whose opening was not told.
    pub(super) fn unknown(socket: SocketId, time: Timestamp, transport: Transport, scene: &Scene) -> Self {
        let (local, remote) = (Endpoint::default(), Endpoint::default());
        let open = Open { time, socket, transport, local, remote, initiator: None, pid: None, midstream: true };
        Self::new(open, scene)
    }

    pub(super) fn identified(&self) -> Identified<'_> {
        Identified {
            socket: self.socket,
            conn: self.number.unwrap_or(0),
            transport: self.transport,
            local: &self.local,
            remote: &self.remote,
            owner: self.owner.as_ref(),
            midstream: self.midstream,
        }
    }

    /// The layer, and what it has to know.
    pub(super) fn layer<'a>(
        &'a mut self,
        plain: bool,
        scene: &'a Scene,
        keys: &'a KeyLog,
    ) -> Option<(&'a mut Layer, About<'a>)> {
        let about = About {
            transport: self.transport,
            local_port: self.local.port,
            remote_port: self.remote.port,
            decrypted: plain,
            tls_only: !plain && self.plain.is_some(),
            config: &scene.config,
            keys,
        };
        let layer = if plain { self.plain.as_deref_mut()? } else { &mut self.wire };
        Some((layer, about))
    }

    /// The plaintext layer, made when it is first asked for.
    pub(super) fn plaintext(&mut self) -> &mut Layer {
        let midstream = self.midstream;
        self.plain.get_or_insert_with(|| Box::new(Layer::new(midstream)))
    }

    pub(super) fn change(&mut self, time: Timestamp, change: StateChange, scene: &Scene) {
        match change {
            StateChange::Connecting => self.connecting = Some(time),
            StateChange::Established { local, remote } => {
                self.established = true;
                self.connect = self.connect.or_else(|| self.connecting.map(|began| time.since(began)));
                learn(&mut self.local, local);
                learn(&mut self.remote, remote);
            }
            StateChange::Failed { errno } => {
                self.errno = Some(errno);
                self.closed = self.closed.or(Some(time));
            }
            StateChange::Ended { direction, position } => {
                self.wire.streams[direction].end(position, time);
                if let Some(plain) = &mut self.plain {
                    plain.streams[direction].end(None, time);
                }
                let [sent, received] = &mut self.ended;
                let slot = if direction == Direction::Sent { sent } else { received };
                *slot = slot.or(Some(time));
            }
            StateChange::Reset => {
                self.reset = true;
                self.closed = self.closed.or(Some(time));
            }
            StateChange::Retransmit => self.retransmits = self.retransmits.saturating_add(1),
            StateChange::Owner { pid } => self.owner = scene.processes.owner(pid),
        }
    }

    fn state(&self) -> ConnState {
        match self.ended {
            _ if self.errno.is_some() && !self.established => ConnState::Failed,
            _ if self.closed.is_some() => ConnState::Closed,
            [Some(_), Some(_)] => ConnState::Closed,
            [None, None] if self.connecting.is_some() && !self.established && self.bytes() == (0, 0) => {
                ConnState::Connecting
            }
            [None, None] => ConnState::Open,
            _ => ConnState::HalfClosed,
        }
    }

    /// Whether time may change something about it.
    pub(super) fn is_pending(&self) -> bool {
        let waits = |layer: &Layer| {
            layer.streams[Direction::Sent].is_waiting() || layer.streams[Direction::Received].is_waiting()
        };
        !self.open.is_empty() || !self.held.is_empty() || waits(&self.wire) || self.plain.as_deref().is_some_and(waits)
    }

    /// True bytes that went by, local's first.
    fn bytes(&self) -> (u64, u64) {
        if let Some(datagrams) = &self.datagrams {
            return datagrams.bytes();
        }
        let count = |direction: Direction| {
            let wire = self.wire.streams[direction].totals().bytes;
            // What kernel TLS encrypts passes the socket in clear, and only there.
            let [sent, received] = self.plain_sources;
            let source = if direction == Direction::Sent { sent } else { received };
            let plain = self.plain.as_ref().filter(|_| source == Some(Source::Ktls));
            wire.saturating_add(plain.map_or(0, |plain| plain.streams[direction].totals().bytes))
        };
        (count(Direction::Sent), count(Direction::Received))
    }

    /// The connection's share of the coverage as it stands.
    pub(super) fn measure(&self) -> Share {
        let mut share = Share::default();
        let streams = [Some(&self.wire), self.plain.as_deref()];
        let total = |layer: &Layer| {
            let [sent, received] =
                [Direction::Sent, Direction::Received].map(|direction| layer.streams[direction].totals());
            (sent.bytes.saturating_add(received.bytes), sent.kept.saturating_add(received.kept))
        };
        share.captured_bytes = streams.iter().flatten().map(|layer| total(layer).1).sum();
        share.bytes = total(&self.wire).0;
        match &self.plain {
            Some(plain) => (share.bytes, share.parsed_bytes) = (total(plain).0, plain.parsed()),
            None if self.wire.is_tls() => (share.encrypted, share.encrypted_bytes) = (1, share.bytes),
            None => share.parsed_bytes = self.wire.parsed(),
        }
        if let Some(datagrams) = &self.datagrams {
            let (sent, received) = datagrams.bytes();
            share.bytes = sent.saturating_add(received);
            share.captured_bytes = datagrams.kept;
            share.parsed_bytes = datagrams.parsed;
        }
        share.connections = u64::from(share.bytes > 0);
        share.midstream = u64::from(self.midstream && share.bytes > 0);
        share
    }

    /// Bytes of memory held, roughly.
    pub(super) fn weigh(&self) -> usize {
        let plain = self.plain.as_ref().map_or(0, |plain| plain.memory());
        let datagrams = self.datagrams.as_ref().map_or(0, |datagrams| datagrams.memory());
        self.wire.memory().saturating_add(plain).saturating_add(datagrams).saturating_add(size_of::<Self>())
    }

    /// Column `protocol`.
    fn protocol(&self) -> Option<&'static str> {
        if self.speaks_grpc {
            return Some("grpc");
        }
        let plain = self.plain.as_ref().and_then(|plain| plain.protocol());
        let datagrams = self.datagrams.as_ref().and_then(|datagrams| datagrams.protocol());
        plain.or(datagrams).or_else(|| self.wire.protocol())
    }

    /// The connection's row as it stands.
    pub(super) fn row(&self, scene: &Scene) -> Conn {
        let state = self.state();
        let both_ended = self.ended[0].max(self.ended[1]);
        let closed = self.closed.or_else(|| both_ended.filter(|_| state == ConnState::Closed));
        let requests = self.asks.or_else(|| {
            self.initiator.map(|side| if side == Side::Local { Direction::Sent } else { Direction::Received })
        });
        let turned = scene.vantage == Vantage::Capture && requests == Some(Direction::Sent);
        let (mut bytes_sent, mut bytes_received) = self.bytes();
        if turned {
            std::mem::swap(&mut bytes_sent, &mut bytes_received);
        }
        let role = requests.map(|way| if way == Direction::Sent { Role::Client } else { Role::Server });
        let owner = self.owner.as_ref();
        Conn {
            time: self.opened,
            closed,
            duration: closed.map(|closed| closed.since(self.opened)),
            conn: self.number.unwrap_or(0),
            identity: Identity {
                pid: owner.map(|owner| owner.pid),
                names: owner.and_then(|owner| scene.processes.names(owner)),
                node: scene.node.clone(),
            },
            ends: self.identified().ends(requests.unwrap_or(Direction::Received), None, scene),
            transport: Some(self.transport),
            protocol: self.protocol(),
            role: role.filter(|_| scene.vantage == Vantage::Process),
            tls: self.wire.is_tls() || self.plain.is_some(),
            state: Some(state),
            connect: self.connect,
            bytes_sent,
            bytes_received,
            requests: self.requests,
            retransmits: self.retransmits,
            reset: self.reset,
            errno: self.errno.clone(),
            midstream: self.midstream,
        }
    }
}

fn learn(known: &mut Endpoint, told: Endpoint) {
    known.address = told.address.or_else(|| known.address.take());
    known.port = told.port.or(known.port);
}
