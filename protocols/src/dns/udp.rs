//! DNS over UDP: a datagram is a message.

use super::message::Message;
use super::stitch::{Arrival, Stitcher};
use crate::event::{Timestamp, Transport};
use crate::session::{Datagram, DatagramSession, Sink};

/// One UDP socket, which may ask, answer, or both.
pub(super) struct Socket {
    stitcher: Stitcher,
}

impl Socket {
    pub(super) fn new() -> Self {
        Self { stitcher: Stitcher::new(Transport::Udp) }
    }
}

impl DatagramSession for Socket {
    fn datagram(&mut self, datagram: &Datagram<'_>, sink: &mut Sink<'_>) {
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
