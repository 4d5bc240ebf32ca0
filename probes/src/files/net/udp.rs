//! UDP: one socket for each pair of ends, one event for each datagram.

use std::net::SocketAddr;

use protocols::event::{Data, Direction, Endpoint, Open, SocketEvent, SocketId, Source, Timestamp, Transport};

use super::flows::is_server;
use super::ip::Payload;
use crate::files::format::Queue;

/// A conversation without a datagram for that long is over.
const IDLE: u64 = 60_000_000_000;

/// When a conversation may be over whose latest datagram came at `last`.
pub(super) fn due(last: Timestamp) -> Timestamp {
    Timestamp(last.0.saturating_add(IDLE))
}

/// One UDP message (RFC 768).
#[derive(Debug)]
pub(super) struct Datagram<'a> {
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
    bytes: &'a [u8],
    original_len: usize,
}

impl<'a> Datagram<'a> {
    pub(super) fn parse(payload: &Payload<'a>) -> Option<Self> {
        let ([s0, s1, d0, d1, l0, l1, _, _], bytes) = payload.bytes.split_first_chunk::<8>()?;
        let carried = payload.original_len.saturating_sub(8);
        // 0 is a jumbogram (RFC 2675), or a card that will cut a large one itself.
        let original_len = match usize::from(u16::from_be_bytes([*l0, *l1])) {
            0..8 => carried,
            length => (length - 8).min(carried),
        };
        Some(Self {
            source_port: u16::from_be_bytes([*s0, *s1]),
            destination_port: u16::from_be_bytes([*d0, *d1]),
            bytes: bytes.get(..original_len).unwrap_or(bytes),
            original_len,
        })
    }
}

/// Everything between two ends.
#[derive(Debug)]
pub(super) struct Conversation {
    socket: SocketId,
    local: SocketAddr,
    sent: u64,
    received: u64,
    last: Timestamp,
}

impl Conversation {
    pub(super) fn open(
        socket: SocketId,
        time: Timestamp,
        source: SocketAddr,
        destination: SocketAddr,
        out: &mut Queue,
    ) -> Self {
        let asked = is_server(source.port(), destination.port(), true);
        let (local, remote) = if asked { (destination, source) } else { (source, destination) };
        out.push_back(SocketEvent::Open(Open {
            time,
            socket,
            transport: Transport::Udp,
            local: Endpoint::ip(local.ip(), local.port()),
            remote: Endpoint::ip(remote.ip(), remote.port()),
            initiator: None,
            pid: None,
            midstream: false,
        }));
        Self { socket, local, sent: 0, received: 0, last: time }
    }

    pub(super) fn last(&self) -> Timestamp {
        self.last
    }

    pub(super) fn datagram(&mut self, time: Timestamp, source: SocketAddr, datagram: &Datagram<'_>, out: &mut Queue) {
        self.last = self.last.max(time);
        let (direction, count) = if source == self.local {
            (Direction::Sent, &mut self.sent)
        } else {
            (Direction::Received, &mut self.received)
        };
        out.push_back(SocketEvent::Data(Data {
            time,
            socket: self.socket,
            direction,
            position: *count,
            bytes: datagram.bytes.to_vec(),
            original_len: datagram.original_len as u64,
            pid: 0,
            tid: 0,
            task: 0,
            peer: None,
            source: Source::Pcap,
        }));
        *count += 1;
    }

    pub(super) fn end(&self, out: &mut Queue) {
        out.push_back(SocketEvent::Close { time: self.last, socket: self.socket });
    }
}
