//! One UDP socket: every datagram for itself.

use std::sync::Arc;

use super::Config;
use crate::event::{Direction, Endpoint, Timestamp};
use crate::infer::{self, Asker, Start, Verdict};
use crate::keys::KeyLog;
use crate::session::{Datagram, DatagramSession, Glimpse, Sink, Step};

#[derive(Default)]
pub(super) struct Datagrams {
    session: Option<(Box<dyn DatagramSession>, &'static str)>,
    sent: u64,
    received: u64,
    pub(super) kept: u64,
    pub(super) parsed: u64,
}

impl std::fmt::Debug for Datagrams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Datagrams").field("protocol", &self.protocol()).finish_non_exhaustive()
    }
}

/// What a UDP socket is bound to.
#[derive(Debug)]
pub(super) struct Ports {
    pub(super) local: Option<u16>,
    pub(super) remote: Option<u16>,
}

impl Datagrams {
    pub(super) fn protocol(&self) -> Option<&'static str> {
        self.session.as_ref().map(|(_, name)| *name)
    }

    /// True bytes sent and received.
    pub(super) fn bytes(&self) -> (u64, u64) {
        (self.sent, self.received)
    }

    pub(super) fn memory(&self) -> usize {
        self.session.as_ref().map_or(0, |(session, _)| session.memory())
    }

    pub(super) fn take(
        &mut self,
        datagram: &Datagram<'_>,
        ports: &Ports,
        config: &Arc<Config>,
        next_id: &mut u64,
    ) -> Vec<Step> {
        let total = if datagram.direction == Direction::Sent { &mut self.sent } else { &mut self.received };
        *total = total.saturating_add(datagram.original_len);
        self.kept = self.kept.saturating_add(datagram.bytes.len() as u64);
        if self.session.is_none() {
            self.session = recognise(datagram, ports, config);
        }
        let Some((session, _)) = &mut self.session else { return Vec::new() };
        let mut sink = Sink::new(next_id);
        session.datagram(datagram, &mut sink);
        let said = sink.take();
        let skipped: u64 = said.iter().map(|step| if let Step::Skipped { bytes } = step { *bytes } else { 0 }).sum();
        self.parsed = self.parsed.saturating_add(datagram.original_len.saturating_sub(skipped));
        said
    }

    pub(super) fn tick(&mut self, now: Timestamp, next_id: &mut u64) -> Vec<Step> {
        let Some((session, _)) = &mut self.session else { return Vec::new() };
        let mut sink = Sink::new(next_id);
        session.tick(now, &mut sink);
        sink.take()
    }

    pub(super) fn finish(&mut self, closed: bool, next_id: &mut u64) -> Vec<Step> {
        let Some((session, _)) = &mut self.session else { return Vec::new() };
        let mut sink = Sink::new(next_id);
        session.finish(closed, &mut sink);
        sink.take()
    }
}

fn recognise(
    datagram: &Datagram<'_>,
    ports: &Ports,
    config: &Arc<Config>,
) -> Option<(Box<dyn DatagramSession>, &'static str)> {
    let remote = datagram.peer.map_or(ports.remote, |peer: &Endpoint| peer.port);
    let (source_port, destination_port) = match datagram.direction {
        Direction::Sent => (ports.local, remote),
        Direction::Received => (remote, ports.local),
    };
    let transport = crate::event::Transport::Udp;
    let glimpse =
        Glimpse { bytes: datagram.bytes, complete: true, midstream: false, source_port, destination_port, transport };
    let Verdict::Is(protocol, asker) = infer::datagram(&glimpse, &|tables| config.wants_any(tables)) else {
        return None;
    };
    let requests = if asker == Asker::Sender { datagram.direction } else { datagram.direction.reverse() };
    let start = Start {
        requests,
        midstream: false,
        transport,
        decrypted: false,
        upgrade: None,
        keys: KeyLog::default(),
        config: Arc::clone(config),
    };
    Some(((protocol.start)(start), protocol.name))
}
