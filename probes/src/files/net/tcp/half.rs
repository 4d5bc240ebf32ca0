//! One direction of a TCP connection: sequence numbers to positions, and pieces to their order.

use std::collections::BTreeMap;

use protocols::event::Timestamp;

/// Position of the first byte of a direction that was joined midstream. Segments from before it have a place below.
const JOINED: u64 = 1 << 32;

/// How long missing bytes are waited for when their receiver has them, so that they will not be sent again.
const WAIT_SEEN: u64 = 200_000_000;
/// How long when the receiver has not: they are sent again after a second or a few.
const WAIT_UNSEEN: u64 = 5_000_000_000;

/// Pieces and bytes that wait at most, and pieces when the receiver has what is missing.
const MOST_PIECES: usize = 4096;
const MOST_BYTES: usize = 4 << 20;
const MOST_SEEN: usize = 256;

/// Whether something came for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    New,
    Again,
}

/// The payload of one segment.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) time: Timestamp,
    /// What was kept.
    pub(super) bytes: Vec<u8>,
    /// True length.
    pub(super) len: u64,
    /// What its sender had got by then, as a position in the other direction.
    pub(super) ack: u64,
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Half {
    /// Sequence number of the first byte, and its position.
    base: Option<u32>,
    start: u64,
    /// Position of the next byte to be given.
    next: u64,
    /// Position after the last byte that came.
    high: u64,
    /// What the receiver has got.
    acknowledged: u64,
    /// The other direction does not wait for bytes before it any longer.
    waived: u64,
    end: Option<(u64, Timestamp)>,
    end_told: bool,
    waiting: BTreeMap<u64, Piece>,
    waiting_bytes: usize,
}

impl Half {
    /// Whether that is the sequence number of the connection's first byte; null before the first.
    pub(super) fn begins_at(&self, sequence: u32) -> Option<bool> {
        self.base.map(|base| base == sequence)
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Everything up to the FIN was given, and that was told.
    pub(super) fn ended(&self) -> bool {
        self.end_told
    }

    /// When the first piece that waits came.
    pub(super) fn head_time(&self) -> Option<Timestamp> {
        self.waiting.values().next().map(|piece| piece.time)
    }

    /// A SYN came: `first` is the sequence number behind it.
    pub(super) fn syn(&mut self, first: u32) -> Seen {
        if self.base.is_some() {
            return Seen::Again;
        }
        self.base = Some(first);
        Seen::New
    }

    /// The other side acknowledged bytes, and no SYN was seen.
    pub(super) fn syn_missed(&mut self, first: u32) {
        self.base.get_or_insert(first);
    }

    /// Bytes came, and perhaps no SYN before them.
    pub(super) fn begin(&mut self, first: u32, midstream: bool) {
        if self.base.is_none() {
            self.base = Some(first);
            self.start = if midstream { JOINED } else { 0 };
            (self.next, self.high) = (self.start, self.start);
        }
    }

    /// How far a sequence number is ahead of the next byte; null before the first.
    pub(super) fn distance(&self, sequence: u32) -> Option<i64> {
        // Sequence numbers wrap every 4 GiB; what is near `next` is meant.
        let done = self.next.wrapping_sub(self.start) as u32;
        let expected = self.base?.wrapping_add(done);
        Some(i64::from(sequence.wrapping_sub(expected).cast_signed()))
    }

    /// Position of a sequence number; null before the first, and for what precedes the connection.
    pub(super) fn position(&self, sequence: u32) -> Option<u64> {
        self.next.checked_add_signed(self.distance(sequence)?)
    }

    /// The receiver has got everything before `sequence`; returns that as a position.
    pub(super) fn acknowledge(&mut self, sequence: u32) -> u64 {
        let position = self.position(sequence).unwrap_or(0);
        self.acknowledged = self.acknowledged.max(position);
        position
    }

    /// Takes a piece whose first byte has that sequence number.
    pub(super) fn insert(&mut self, first: u32, mut piece: Piece) -> Seen {
        if piece.len == 0 {
            return Seen::New;
        }
        let Some(mut position) = self.position(first) else { return Seen::New };
        let end = position.saturating_add(piece.len);
        let (low, high) = (self.next, self.high);
        self.high = high.max(end);
        if end <= low {
            // A keep-alive repeats the last byte, or makes one up.
            return if piece.len == 1 && end == high { Seen::New } else { Seen::Again };
        }
        if position < low {
            piece.skip(low - position);
            position = low;
        }
        match self.waiting.get(&position) {
            Some(there) if there.len >= piece.len => return Seen::Again,
            Some(there) => self.waiting_bytes -= there.bytes.len(),
            None => {}
        }
        self.waiting_bytes += piece.bytes.len();
        self.waiting.insert(position, piece);
        Seen::New
    }

    /// A FIN came, `len` bytes behind `first`.
    pub(super) fn fin(&mut self, first: u32, len: u64, time: Timestamp) {
        if self.end.is_none()
            && let Some(position) = self.position(first)
        {
            self.end = Some((position.saturating_add(len), time));
        }
    }

    /// The end, if it has come to be told.
    pub(super) fn tell_end(&mut self, all: bool) -> Option<(u64, Timestamp)> {
        let (position, time) = self.end?;
        if self.end_told || !(all || position <= self.next) {
            return None;
        }
        self.end_told = true;
        Some((position.max(self.next), time))
    }

    /// The next piece, if nothing is missing before it, in this direction or in what its sender had got.
    pub(super) fn next_ready(&mut self, other: &Self) -> Option<(u64, Piece)> {
        loop {
            let entry = self.waiting.first_entry()?;
            let position = *entry.key();
            if position > self.next || other.lacks(entry.get().ack) {
                return None;
            }
            let mut piece = entry.remove();
            self.waiting_bytes -= piece.bytes.len();
            if position.saturating_add(piece.len) <= self.next {
                continue;
            }
            piece.skip(self.next - position);
            let position = self.next;
            self.next = position.saturating_add(piece.len);
            return Some((position, piece));
        }
    }

    /// Lets the first piece that waits wait no longer, if its time is up. Without `now` it is.
    pub(super) fn give_way(&mut self, other: &mut Self, now: Option<Timestamp>) -> bool {
        let Some((position, piece)) = self.waiting.first_key_value() else { return false };
        let (position, ack) = (*position, piece.ack);
        let crowded = self.waiting.len() > self.most_pieces(other) || self.waiting_bytes > MOST_BYTES;
        let due = self.due(other);
        if !crowded && now.zip(due).is_some_and(|(now, due)| now < due) {
            return false;
        }
        if position > self.next {
            self.next = position;
        } else {
            other.waived = other.waived.max(ack);
        }
        true
    }

    /// When the first piece that waits has waited long enough.
    pub(super) fn due(&self, other: &Self) -> Option<Timestamp> {
        let time = self.head_time()?;
        let wait = if self.receiver_has_it(other) { WAIT_SEEN } else { WAIT_UNSEEN };
        Some(Timestamp(time.0.saturating_add(wait)))
    }

    fn most_pieces(&self, other: &Self) -> usize {
        if self.receiver_has_it(other) { MOST_SEEN } else { MOST_PIECES }
    }

    /// What the first piece waits for has reached its receiver: it was missed, and will not be sent again.
    fn receiver_has_it(&self, other: &Self) -> bool {
        let Some((position, piece)) = self.waiting.first_key_value() else { return false };
        if *position > self.next { self.acknowledged > self.next } else { other.lacks(piece.ack) }
    }

    /// Bytes before `position` have not been given, and are still waited for.
    fn lacks(&self, position: u64) -> bool {
        let end = self.end.map_or(u64::MAX, |(end, _)| end);
        // A FIN takes a sequence number too.
        self.base.is_some() && position.min(end) > self.next.max(self.waived)
    }
}

impl Piece {
    /// Drops bytes from the front.
    fn skip(&mut self, count: u64) {
        let count = count.min(self.len);
        self.len -= count;
        let kept = usize::try_from(count).unwrap_or(usize::MAX).min(self.bytes.len());
        self.bytes.drain(..kept);
    }
}
