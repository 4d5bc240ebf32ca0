//! DNS over UDP: a datagram is a message.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::message::Message;
use super::stitch::{Arrival, Stitcher, is_group};
use crate::event::{Direction, Timestamp, Transport};
use crate::session::{Datagram, DatagramSession, Sink};

/// Messages to a group that are remembered, and for how long, ns.
const MOST_ECHOES: usize = 32;
const ECHO: u64 = 1_000_000_000;

/// One UDP socket, which may ask, answer, or both.
pub(super) struct Socket {
    stitcher: Stitcher,
    /// What was sent to a group lately. A member hears itself, too (IP_MULTICAST_LOOP): that is no message of another.
    echoes: VecDeque<(u64, Timestamp)>,
}

impl Socket {
    pub(super) fn new() -> Self {
        Self { stitcher: Stitcher::new(Transport::Udp), echoes: VecDeque::new() }
    }

    fn is_echo(&mut self, datagram: &Datagram<'_>) -> bool {
        let now = datagram.mark.time;
        let mut hasher = DefaultHasher::new();
        let mut digest = || {
            datagram.bytes.hash(&mut hasher);
            hasher.finish()
        };
        if datagram.direction == Direction::Sent {
            if datagram.peer.is_some_and(is_group) {
                self.echoes.truncate(MOST_ECHOES.saturating_sub(1));
                self.echoes.push_front((digest(), now));
            }
            return false;
        }
        self.echoes.retain(|(_, sent)| now.since(*sent) < ECHO);
        if self.echoes.is_empty() {
            return false;
        }
        let digest = digest();
        let at = self.echoes.iter().position(|(sent, _)| *sent == digest);
        at.and_then(|at| self.echoes.remove(at)).is_some()
    }
}

impl DatagramSession for Socket {
    fn datagram(&mut self, datagram: &Datagram<'_>, sink: &mut Sink<'_>) {
        if self.is_echo(datagram) {
            return;
        }
        match Message::parse(datagram.bytes) {
            Ok(message) => {
                let arrival = Arrival {
                    message: &message,
                    direction: datagram.direction,
                    first: datagram.mark,
                    last: datagram.mark.time,
                    peer: datagram.peer,
                    truncated: datagram.original_len > datagram.bytes.len() as u64,
                    gap: false,
                };
                self.stitcher.take(&arrival, sink);
            }
            Err(_) => sink.skipped(datagram.original_len),
        }
    }

    fn finish(&mut self, _closed: bool, sink: &mut Sink<'_>) {
        self.stitcher.finish(sink);
    }

    fn tick(&mut self, now: Timestamp, sink: &mut Sink<'_>) {
        self.stitcher.expire(now, sink);
    }

    fn memory(&self) -> usize {
        self.stitcher.memory()
    }
}
