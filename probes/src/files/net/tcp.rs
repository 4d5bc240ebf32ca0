//! TCP: both directions of a connection, each in order, and in the order of cause and effect.
//!
//! A segment is given when every byte before it was given, and everything that its sender had acknowledged by then: a
//! response never comes before its request, however the capture mixed them up. What is missing is waited for, for a while
//! of capture time; then the position jumps. Bytes that come twice are dropped, the first that was given stays.

mod half;

use std::net::SocketAddr;

use protocols::event::{
    Data, Direction, Endpoint, Open, Side, SocketEvent, SocketId, Source, State, StateChange, Timestamp, Transport,
};

use super::flows::is_server;
use super::ip::Payload;
use crate::files::format::Queue;
use half::{Half, Piece, Seen};

/// Capture time that a reset connection stays open for what was under way.
const AFTER_RESET: u64 = 1_000_000_000;

/// Capture time for which the ends of a closed connection are remembered, so that what straggles opens no new one (twice
/// the segment's longest life, RFC 9293, 3.4.2, with 60 s for that as Linux has it).
const AFTER_CLOSE: u64 = 120_000_000_000;

/// No receive window is so large that a byte could be sent again from so far back: it is another connection.
const FAR: i64 = 64 << 20;

/// A reset outside of what the sender can be at is a forgery, or of another connection.
const RESET_WINDOW: i64 = 4 << 20;

/// One TCP segment (RFC 9293, 3.1).
#[derive(Debug)]
pub(super) struct Segment<'a> {
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
    sequence: u32,
    acknowledgment: Option<u32>,
    fin: bool,
    syn: bool,
    pub(super) rst: bool,
    /// What was kept of the payload.
    bytes: &'a [u8],
    /// True length of the payload.
    len: u64,
}

impl<'a> Segment<'a> {
    pub(super) fn parse(payload: &Payload<'a>) -> Option<Self> {
        let ([s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags], _) =
            payload.bytes.split_first_chunk::<14>()?;
        let header = usize::from(offset >> 4) * 4;
        if header < 20 || header > payload.original_len {
            return None;
        }
        Some(Self {
            source_port: u16::from_be_bytes([*s0, *s1]),
            destination_port: u16::from_be_bytes([*d0, *d1]),
            sequence: u32::from_be_bytes([*q0, *q1, *q2, *q3]),
            acknowledgment: (flags & 0x10 != 0).then(|| u32::from_be_bytes([*a0, *a1, *a2, *a3])),
            fin: flags & 0x01 != 0,
            syn: flags & 0x02 != 0,
            rst: flags & 0x04 != 0,
            bytes: payload.bytes.get(header..).unwrap_or_default(),
            len: (payload.original_len - header) as u64,
        })
    }

    /// Sequence number of the first byte of the payload: a SYN takes one before it.
    fn first_byte(&self) -> u32 {
        self.sequence.wrapping_add(u32::from(self.syn))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// A SYN was seen, no answer.
    Connecting,
    /// Bytes may flow.
    Open,
    /// Reset; what was under way may still come.
    Reset(Timestamp),
    /// Told to be closed; remembered for what straggles.
    Closed(Timestamp),
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    socket: SocketId,
    local: SocketAddr,
    remote: SocketAddr,
    /// Joined after it began.
    midstream: bool,
    stage: Stage,
    last: Timestamp,
    sent: Half,
    received: Half,
}

impl Connection {
    /// The connection that `segment` is the first of.
    pub(super) fn open(
        socket: SocketId,
        time: Timestamp,
        source: SocketAddr,
        destination: SocketAddr,
        segment: &Segment<'_>,
        out: &mut Queue,
    ) -> Self {
        let to_server = match (segment.syn, segment.acknowledgment) {
            (true, None) => true,
            (true, Some(_)) => false,
            (false, _) => is_server(source.port(), destination.port(), false),
        };
        let (local, remote) = if to_server { (destination, source) } else { (source, destination) };
        let midstream = !segment.syn;
        out.push_back(SocketEvent::Open(Open {
            time,
            socket,
            transport: Transport::Tcp,
            local: endpoint(local),
            remote: endpoint(remote),
            initiator: segment.syn.then_some(Side::Remote),
            pid: None,
            midstream,
        }));
        let stage = if segment.syn { Stage::Connecting } else { Stage::Open };
        let connection = Self {
            socket,
            local,
            remote,
            midstream,
            stage,
            last: time,
            sent: Half::default(),
            received: Half::default(),
        };
        if segment.syn && segment.acknowledgment.is_none() {
            connection.state(time, StateChange::Connecting, out);
        }
        connection
    }

    pub(super) fn socket(&self) -> SocketId {
        self.socket
    }

    /// When its latest segment came.
    pub(super) fn last(&self) -> Timestamp {
        self.last
    }

    /// How much would be lost with it: nothing, little, or more.
    pub(super) fn worth(&self) -> u8 {
        match self.stage {
            Stage::Closed(_) => 0,
            Stage::Connecting | Stage::Reset(_) => 1,
            Stage::Open => 2,
        }
    }

    /// Bytes that wait for missing ones.
    pub(super) fn waiting(&self) -> usize {
        self.sent.waiting_bytes() + self.received.waiting_bytes()
    }

    /// Whether the segment belongs to a later connection between the same ends.
    pub(super) fn is_replaced_by(&self, time: Timestamp, source: SocketAddr, segment: &Segment<'_>) -> bool {
        let half = if source == self.local { &self.sent } else { &self.received };
        let again = half.begins_at(segment.first_byte());
        match self.stage {
            Stage::Closed(_) if segment.syn => again != Some(true),
            Stage::Closed(at) => segment.len > 0 && !segment.rst && time.since(at) > AFTER_CLOSE,
            _ if segment.syn => again == Some(false),
            _ => segment.len > 0 && half.distance(segment.first_byte()).is_some_and(|distance| distance < -FAR),
        }
    }

    /// Takes one segment.
    pub(super) fn segment(&mut self, time: Timestamp, source: SocketAddr, segment: &Segment<'_>, out: &mut Queue) {
        if matches!(self.stage, Stage::Closed(_)) {
            return;
        }
        self.last = self.last.max(time);
        let from_local = source == self.local;
        if segment.rst {
            self.reset(time, from_local, segment, out);
            return;
        }
        let ack = self.acknowledge(from_local, segment);
        let midstream = self.midstream;
        let half = self.half(from_local);
        let seen = if segment.syn {
            half.syn(segment.first_byte())
        } else {
            half.begin(segment.first_byte(), midstream);
            Seen::New
        };
        if seen == Seen::Again {
            self.state(time, StateChange::Retransmit, out);
        }
        self.establish(time, segment, out);
        let half = self.half(from_local);
        let piece = Piece { time, bytes: segment.bytes.to_vec(), len: segment.len, ack };
        if half.insert(segment.first_byte(), piece) == Seen::Again {
            self.state(time, StateChange::Retransmit, out);
        }
        if segment.fin {
            self.half(from_local).fin(segment.first_byte(), segment.len, time);
        }
        self.advance(time, out);
    }

    /// Time has passed. Returns whether it is still worth to be remembered.
    pub(super) fn tick(&mut self, now: Timestamp, out: &mut Queue) -> bool {
        match self.stage {
            Stage::Closed(at) => now.since(at) < AFTER_CLOSE,
            Stage::Reset(at) if now.since(at) >= AFTER_RESET => {
                self.flush(out);
                self.end(out);
                true
            }
            _ => {
                self.advance(now, out);
                true
            }
        }
    }

    /// When [`Self::tick`] should be called.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let later = |time: Timestamp, wait: u64| Timestamp(time.0.saturating_add(wait));
        match self.stage {
            Stage::Closed(at) => Some(later(at, AFTER_CLOSE)),
            Stage::Reset(at) => Some(later(at, AFTER_RESET)),
            _ => {
                let sent = self.sent.due(&self.received);
                let received = self.received.due(&self.sent);
                [sent, received].into_iter().flatten().min()
            }
        }
    }

    /// Gives everything that waits, missing bytes or not.
    pub(super) fn flush(&mut self, out: &mut Queue) {
        self.pump(None, out);
        self.tell_ends(true, out);
    }

    /// The capture has ended: gives everything that waits, and tells that it is closed if it is.
    pub(super) fn finish(&mut self, out: &mut Queue) {
        self.flush(out);
        if matches!(self.stage, Stage::Reset(_)) || (self.sent.ended() && self.received.ended()) {
            self.end(out);
        }
    }

    /// Tells that it is closed, once.
    pub(super) fn end(&mut self, out: &mut Queue) {
        if !matches!(self.stage, Stage::Closed(_)) {
            self.stage = Stage::Closed(self.last);
            out.push_back(SocketEvent::Close { time: self.last, socket: self.socket });
        }
    }

    fn half(&mut self, from_local: bool) -> &mut Half {
        if from_local { &mut self.sent } else { &mut self.received }
    }

    /// Notes what the sender has got; returns it as a position in the other direction.
    fn acknowledge(&mut self, from_local: bool, segment: &Segment<'_>) -> u64 {
        let Some(acknowledgment) = segment.acknowledgment else { return 0 };
        let known_start = !self.midstream;
        let other = self.half(!from_local);
        if known_start {
            // The other SYN was not captured; this is the first byte behind it.
            other.syn_missed(acknowledgment);
        }
        other.acknowledge(acknowledgment)
    }

    fn establish(&mut self, time: Timestamp, segment: &Segment<'_>, out: &mut Queue) {
        if self.stage == Stage::Connecting && segment.acknowledgment.is_some() {
            self.stage = Stage::Open;
            let (local, remote) = (endpoint(self.local), endpoint(self.remote));
            self.state(time, StateChange::Established { local, remote }, out);
        }
    }

    fn reset(&mut self, time: Timestamp, from_local: bool, segment: &Segment<'_>, out: &mut Queue) {
        if self.stage == Stage::Connecting {
            if from_local {
                let errno = "ECONNREFUSED".into();
                self.state(time, StateChange::Failed { errno }, out);
            } else {
                self.state(time, StateChange::Reset, out);
            }
            self.end(out);
            return;
        }
        let plausible =
            self.half(from_local).distance(segment.sequence).is_none_or(|distance| distance.abs() < RESET_WINDOW);
        if plausible && self.stage == Stage::Open {
            self.flush(out);
            self.state(time, StateChange::Reset, out);
            self.stage = Stage::Reset(time);
        }
    }

    /// Gives what can be given at `now`, and closes when both directions have ended.
    fn advance(&mut self, now: Timestamp, out: &mut Queue) {
        self.pump(Some(now), out);
        self.tell_ends(false, out);
        if self.sent.ended() && self.received.ended() && self.stage == Stage::Open {
            self.end(out);
        }
    }

    /// Gives pieces in order, as long as there are any that need not wait. Without `now` none does.
    fn pump(&mut self, now: Option<Timestamp>, out: &mut Queue) {
        loop {
            let given = self.give_ready(Direction::Sent, out) | self.give_ready(Direction::Received, out);
            if given {
                continue;
            }
            // What came first has waited longest.
            let received_first = match (self.sent.head_time(), self.received.head_time()) {
                (None, None) => return,
                (Some(sent), Some(received)) => received < sent,
                (sent, _) => sent.is_none(),
            };
            let (first, second) = match received_first {
                true => (&mut self.received, &mut self.sent),
                false => (&mut self.sent, &mut self.received),
            };
            if !first.give_way(second, now) && !second.give_way(first, now) {
                return;
            }
        }
    }

    fn give_ready(&mut self, direction: Direction, out: &mut Queue) -> bool {
        let (half, other) = match direction {
            Direction::Sent => (&mut self.sent, &self.received),
            Direction::Received => (&mut self.received, &self.sent),
        };
        let mut given = false;
        while let Some((position, piece)) = half.next_ready(other) {
            given = true;
            out.push_back(SocketEvent::Data(Data {
                time: piece.time,
                socket: self.socket,
                direction,
                position,
                bytes: piece.bytes,
                original_len: piece.len,
                pid: 0,
                tid: 0,
                task: 0,
                peer: None,
                source: Source::Pcap,
            }));
        }
        given
    }

    /// Tells the ends of directions whose bytes were all given; with `all` of those with missing bytes too.
    fn tell_ends(&mut self, all: bool, out: &mut Queue) {
        for direction in [Direction::Sent, Direction::Received] {
            let half = self.half(direction == Direction::Sent);
            if let Some((position, time)) = half.tell_end(all) {
                self.state(time, StateChange::Ended { direction, position: Some(position) }, out);
            }
        }
    }

    fn state(&self, time: Timestamp, change: StateChange, out: &mut Queue) {
        out.push_back(SocketEvent::State(State { time, socket: self.socket, change }));
    }
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint::ip(address.ip(), address.port())
}
