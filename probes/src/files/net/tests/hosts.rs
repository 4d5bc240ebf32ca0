//! Two hosts that talk, packet by packet.

use etherparse::PacketBuilder;
use protocols::event::{Data, Direction, SocketEvent, StateChange, Timestamp};

use super::super::{Link, Network, Packet};
use crate::files::format::Queue;

pub(super) const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 1], 40_000);
pub(super) const SERVER: ([u8; 4], u16) = ([10, 0, 0, 2], 8080);

/// A packet of the conversation, from its IP header on.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) time: Timestamp,
    pub(super) bytes: Vec<u8>,
    /// Bytes that the capture does not keep.
    pub(super) cut: usize,
    /// Payload, for packets that may be lost.
    pub(super) len: usize,
}

/// Flags of a TCP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flag {
    None,
    Syn,
    Fin,
    Rst,
}

/// Two ends of a TCP connection that number and acknowledge as they should. One millisecond passes with each packet.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) client_port: u16,
    /// Next sequence numbers of client and server.
    next: [u32; 2],
    pub(super) time: u64,
    pub(super) packets: Vec<Sent>,
}

impl Talk {
    pub(super) fn new(client: u32, server: u32) -> Self {
        Self { client_port: CLIENT.1, next: [client, server], time: 1_700_000_000_000_000_000, packets: Vec::new() }
    }

    pub(super) fn handshake(&mut self) {
        self.raw(true, Flag::Syn, self.next[0], None, b"");
        self.next[0] = self.next[0].wrapping_add(1);
        self.raw(false, Flag::Syn, self.next[1], Some(self.next[0]), b"");
        self.next[1] = self.next[1].wrapping_add(1);
        self.ack(true);
    }

    /// One side says something, in segments of at most `size`.
    pub(super) fn say(&mut self, client: bool, bytes: &[u8], size: usize) {
        for part in bytes.chunks(size.max(1)) {
            let (mine, other) = (usize::from(!client), usize::from(client));
            self.raw(client, Flag::None, self.next[mine], Some(self.next[other]), part);
            self.next[mine] = self.next[mine].wrapping_add(part.len() as u32);
        }
    }

    /// Sends again what was said last, `back` bytes of it.
    pub(super) fn repeat(&mut self, client: bool, bytes: &[u8]) {
        let (mine, other) = (usize::from(!client), usize::from(client));
        let seq = self.next[mine].wrapping_sub(bytes.len() as u32);
        self.raw(client, Flag::None, seq, Some(self.next[other]), bytes);
    }

    pub(super) fn ack(&mut self, client: bool) {
        let (mine, other) = (usize::from(!client), usize::from(client));
        self.raw(client, Flag::None, self.next[mine], Some(self.next[other]), b"");
    }

    pub(super) fn fin(&mut self, client: bool) {
        let (mine, other) = (usize::from(!client), usize::from(client));
        self.raw(client, Flag::Fin, self.next[mine], Some(self.next[other]), b"");
        self.next[mine] = self.next[mine].wrapping_add(1);
    }

    pub(super) fn rst(&mut self, client: bool) {
        let mine = usize::from(!client);
        self.raw(client, Flag::Rst, self.next[mine], None, b"");
    }

    pub(super) fn seq(&self, client: bool) -> u32 {
        self.next[usize::from(!client)]
    }

    pub(super) fn raw(&mut self, client: bool, flag: Flag, seq: u32, ack: Option<u32>, payload: &[u8]) {
        let here = (CLIENT.0, self.client_port);
        let (from, to) = if client { (here, SERVER) } else { (SERVER, here) };
        let mut builder = PacketBuilder::ipv4(from.0, to.0, 64).tcp(from.1, to.1, seq, 1000);
        builder = match flag {
            Flag::None => builder,
            Flag::Syn => builder.syn(),
            Flag::Fin => builder.fin(),
            Flag::Rst => builder.rst(),
        };
        if let Some(ack) = ack {
            builder = builder.ack(ack);
        }
        let mut bytes = Vec::new();
        builder.write(&mut bytes, payload).unwrap();
        self.time += 1_000_000;
        self.packets.push(Sent { time: Timestamp(self.time), bytes, cut: 0, len: payload.len() });
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, milliseconds: u64) {
        self.time += milliseconds * 1_000_000;
    }
}

/// Everything that comes of packets as they are.
pub(super) fn events(link: Link, packets: &[Sent]) -> Vec<SocketEvent> {
    let (mut network, mut out) = (Network::default(), Queue::new());
    for packet in packets {
        let kept = packet.bytes.len() - packet.cut;
        let packet = Packet { time: packet.time, link, bytes: &packet.bytes[..kept], original_len: packet.bytes.len() };
        network.packet(&packet, &mut out);
    }
    network.close(&mut out);
    out.into()
}

pub(super) fn data(events: &[SocketEvent]) -> Vec<Data> {
    events
        .iter()
        .filter_map(|event| if let SocketEvent::Data(data) = event { Some(data.clone()) } else { None })
        .collect()
}

/// The bytes of a direction, if none is missing.
pub(super) fn stream(events: &[SocketEvent], direction: Direction) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut next = None;
    for data in data(events).into_iter().filter(|data| data.direction == direction) {
        assert_eq!(data.position, next.unwrap_or(data.position), "no gap");
        assert_eq!(data.original_len, data.bytes.len() as u64);
        next = Some(data.position + data.original_len);
        bytes.extend(data.bytes);
    }
    bytes
}

pub(super) fn states(events: &[SocketEvent]) -> Vec<StateChange> {
    events
        .iter()
        .filter_map(|event| if let SocketEvent::State(state) = event { Some(state.change.clone()) } else { None })
        .collect()
}

pub(super) fn closes(events: &[SocketEvent]) -> usize {
    events.iter().filter(|event| matches!(event, SocketEvent::Close { .. })).count()
}

pub(super) fn opens(events: &[SocketEvent]) -> Vec<protocols::event::Open> {
    events
        .iter()
        .filter_map(|event| if let SocketEvent::Open(open) = event { Some(open.clone()) } else { None })
        .collect()
}
