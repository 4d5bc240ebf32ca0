//! From packets to socket events.
//!
//! ```text
//! Packet -> link (Ethernet, VLAN, cooked, …) -> ip (fragments, tunnels) -> tcp | udp -> SocketEvent
//! ```
//! Check sums are ignored: captures made at the sender hold packets before the card fills them in.

mod flows;
mod fragments;
mod ip;
mod link;
mod tcp;
mod udp;

use std::sync::Arc;

use protocols::event::{Session, SocketEvent, Timestamp, Vantage};

use super::format::Queue;
use flows::Flows;
use fragments::Fragments;

pub(super) use link::Link;

/// Capture time between two [`SocketEvent::Clock`]s.
const CLOCK: u64 = 100_000_000;

/// IP in IP in IP …: deeper is no traffic but an attack.
const DEEPEST: usize = 4;

/// One packet of a capture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet<'a> {
    /// When it was captured.
    pub(super) time: Timestamp,
    /// Where its bytes begin.
    pub(super) link: Link,
    /// What was kept.
    pub(super) bytes: &'a [u8],
    /// Length on the wire.
    pub(super) original_len: usize,
}

/// Everything between the packets of a file and its events.
#[derive(Debug, Default)]
pub(super) struct Network {
    flows: Flows,
    fragments: Fragments,
    begun: bool,
    /// Kernel of the machine that captured, if the file tells.
    pub(super) kernel: Option<Arc<str>>,
    /// Events from before the first packet, whose time they get.
    early: Vec<SocketEvent>,
    clock: Timestamp,
}

impl Network {
    /// With logged TLS secrets, which are told first.
    pub(super) fn new(keys: Option<Arc<[u8]>>) -> Self {
        let keys = keys.map(|log| SocketEvent::Keys { time: Timestamp(0), log });
        Self { early: keys.into_iter().collect(), ..Self::default() }
    }

    /// Takes one packet.
    pub(super) fn packet(&mut self, packet: &Packet<'_>, out: &mut Queue) {
        self.begin(packet.time, out);
        self.tick(packet.time, out);
        let Some(bytes) = packet.link.network(packet.bytes) else { return };
        let cut = packet.original_len.saturating_sub(packet.bytes.len());
        self.ip(packet.time, bytes, bytes.len() + cut, out);
    }

    /// Takes what a file tells beside its packets.
    pub(super) fn tell(&mut self, event: impl FnOnce(Timestamp) -> SocketEvent, out: &mut Queue) {
        if self.begun {
            out.push_back(event(self.clock));
        } else {
            self.early.push(event(Timestamp(0)));
        }
    }

    /// Time of the latest packet.
    pub(super) fn now(&self) -> Timestamp {
        self.clock
    }

    /// No packet will come: gives what was held back.
    pub(super) fn close(&mut self, out: &mut Queue) {
        self.begin(Timestamp(0), out);
        for piece in self.fragments.give_up() {
            self.flows.segment(piece.time, &piece.payload(), out);
        }
        self.flows.close(out);
    }

    fn begin(&mut self, time: Timestamp, out: &mut Queue) {
        if self.begun {
            return;
        }
        self.begun = true;
        self.clock = time;
        let kernel = self.kernel.clone();
        out.push_back(SocketEvent::Session(Session { time, node: None, kernel, vantage: Vantage::Capture }));
        for mut event in std::mem::take(&mut self.early) {
            if let SocketEvent::Keys { time: at, .. } | SocketEvent::Hosts { time: at, .. } = &mut event {
                *at = time;
            }
            out.push_back(event);
        }
    }

    fn tick(&mut self, time: Timestamp, out: &mut Queue) {
        if time.since(self.clock) >= CLOCK {
            self.clock = time;
            for piece in self.fragments.expire(time) {
                self.flows.segment(piece.time, &piece.payload(), out);
            }
            self.flows.tick(time, out);
            out.push_back(SocketEvent::Clock { time });
        }
    }

    fn ip(&mut self, time: Timestamp, bytes: &[u8], original_len: usize, out: &mut Queue) {
        let (mut bytes, mut original_len) = (bytes, original_len);
        for _ in 0..DEEPEST {
            let Some(datagram) = ip::Datagram::parse(bytes, original_len) else { return };
            if let Some(fragment) = datagram.fragment {
                if let Some(whole) = self.fragments.add(time, fragment, &datagram.payload) {
                    self.flows.segment(time, &whole.payload(), out);
                }
                return;
            }
            let Some(inner) = ip::tunnelled(&datagram.payload) else {
                self.flows.segment(time, &datagram.payload, out);
                return;
            };
            original_len = inner.len() + datagram.payload.original_len.saturating_sub(datagram.payload.bytes.len());
            bytes = inner;
        }
    }
}

#[cfg(test)]
mod tests;
