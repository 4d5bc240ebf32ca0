//! One direction of a connection, put together by byte position.
//!
//! ```text
//!        consumed | run of bytes | hole | run | …        out of order, waiting for what is missing
//!                 ^ position()
//! ```
//! A hole is either *cut* (a limit kept fewer bytes than were sent; the length is exact) or *lost*.

use std::collections::{BTreeMap, VecDeque};
use std::ops::{Index, IndexMut};

use crate::event::{Direction, Source, Timestamp};

/// What one entry of a stream's books takes, roughly.
const ENTRY_BYTES: usize = 64;

/// When and by whom a byte was sent or received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub time: Timestamp,
    /// Process; 0 in captures.
    pub pid: u32,
    /// Thread; 0 in captures.
    pub tid: u32,
    /// Goroutine, else 0.
    pub task: u64,
    /// Where the byte was taken.
    pub source: Source,
}

/// Bytes that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// How many.
    pub len: u64,
    /// Lost, rather than cut by a limit.
    pub lost: bool,
}

/// Both directions of a connection: `streams[Direction::Sent]`.
#[derive(Debug, Default)]
pub struct Streams {
    sent: DataStream,
    received: DataStream,
}

impl Index<Direction> for Streams {
    type Output = DataStream;

    fn index(&self, direction: Direction) -> &DataStream {
        match direction {
            Direction::Sent => &self.sent,
            Direction::Received => &self.received,
        }
    }
}

impl IndexMut<Direction> for Streams {
    fn index_mut(&mut self, direction: Direction) -> &mut DataStream {
        match direction {
            Direction::Sent => &mut self.sent,
            Direction::Received => &mut self.received,
        }
    }
}

#[derive(Debug)]
enum Piece {
    Run { bytes: Vec<u8>, read: usize },
    Hole(Hole),
}

#[derive(Debug)]
struct Waiting {
    bytes: Vec<u8>,
    original_len: u64,
    mark: Mark,
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub struct DataStream {
    pieces: VecDeque<Piece>,
    /// Marks by the position of their first byte, ascending; the first covers the cursor or the byte before it.
    marks: VecDeque<(u64, Mark)>,
    waiting: BTreeMap<u64, Waiting>,
    waiting_bytes: usize,
    /// Null until the first byte.
    cursor: Option<u64>,
    tail: u64,
    buffered: usize,
    end: Option<End>,
    totals: Totals,
}

/// What has passed through a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// True bytes, from the first that was seen: those that are there, those that were cut and those that were lost.
    pub bytes: u64,
    /// Of these, bytes that were kept.
    pub kept: u64,
    /// Of these, bytes that were lost.
    pub lost: u64,
    /// Lost bytes that the cursor has moved over.
    pub lost_passed: u64,
}

#[derive(Debug, Clone, Copy)]
struct End {
    position: u64,
    time: Timestamp,
}

impl DataStream {
    /// Position of the next byte to be read.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.cursor.unwrap_or(0)
    }

    /// Position after the last byte that is in order.
    #[must_use]
    pub fn tail(&self) -> u64 {
        self.tail
    }

    /// The bytes that follow without a hole. Empty at a hole and at the end of what has come.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self.pieces.front() {
            Some(Piece::Run { bytes, read }) => bytes.get(*read..).unwrap_or_default(),
            _ => &[],
        }
    }

    /// The bytes behind the hole at the cursor, as [`Self::bytes`]; where there is no hole, the same as those.
    #[must_use]
    pub fn bytes_behind(&self) -> &[u8] {
        let mut pieces = self.pieces.iter().skip_while(|piece| matches!(piece, Piece::Hole(_)));
        match pieces.next() {
            Some(Piece::Run { bytes, read }) => bytes.get(*read..).unwrap_or_default(),
            _ => &[],
        }
    }

    /// The hole at the cursor, if there is one.
    #[must_use]
    pub fn hole(&self) -> Option<Hole> {
        match self.pieces.front() {
            Some(Piece::Hole(hole)) => Some(*hole),
            _ => None,
        }
    }

    /// A hole comes right after [`Self::bytes`]: they will not grow.
    #[must_use]
    pub fn hole_follows(&self) -> bool {
        matches!((self.pieces.front(), self.pieces.get(1)), (Some(Piece::Run { .. }), Some(Piece::Hole(_))))
    }

    /// Everything has been read, and nothing more will come.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.pieces.is_empty() && self.waiting.is_empty() && self.end.is_some_and(|end| end.position <= self.position())
    }

    /// When the direction ended, if it has.
    #[must_use]
    pub fn end_time(&self) -> Option<Timestamp> {
        self.end.map(|end| end.time)
    }

    /// Nothing has ever come.
    #[must_use]
    pub fn is_unused(&self) -> bool {
        self.totals.bytes == 0 && self.waiting.is_empty()
    }

    /// Bytes held in memory, in order or not, with what keeps account of them.
    #[must_use]
    pub fn buffered(&self) -> usize {
        let entries = self.marks.len().saturating_add(self.waiting.len()).saturating_add(self.pieces.len());
        self.buffered.saturating_add(self.waiting_bytes).saturating_add(entries.saturating_mul(ENTRY_BYTES))
    }

    /// What has passed so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Whether bytes that came too early wait for missing ones.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The stream begins here, whatever comes first: what precedes the first bytes seen is missing.
    pub fn begin_at(&mut self, position: u64) {
        if self.cursor.is_none() {
            self.cursor = Some(position);
            self.tail = position;
        }
    }

    /// Who sent the byte at `position`, and when. Null for bytes that have not come, and for those left behind by more
    /// than one call's worth.
    #[must_use]
    pub fn mark(&self, position: u64) -> Option<Mark> {
        if position >= self.tail {
            return None;
        }
        let after = self.marks.partition_point(|(start, _)| *start <= position);
        let (_, mark) = self.marks.get(after.checked_sub(1)?)?;
        Some(*mark)
    }

    /// Whether the byte at `position` is the first that its call sent or received.
    #[must_use]
    pub fn begins_call(&self, position: u64) -> bool {
        self.marks.binary_search_by_key(&position, |(start, _)| *start).is_ok()
    }

    /// Where the first call after `position` begins, among the bytes that have come.
    #[must_use]
    pub fn next_call(&self, position: u64) -> Option<u64> {
        let after = self.marks.partition_point(|(start, _)| *start <= position);
        self.marks.get(after).map(|(start, _)| *start)
    }

    /// The mark of the next byte.
    #[must_use]
    pub fn next_mark(&self) -> Option<Mark> {
        self.mark(self.position())
    }

    /// The mark of the byte that was read last.
    #[must_use]
    pub fn last_mark(&self) -> Option<Mark> {
        self.mark(self.cursor?.checked_sub(1)?)
    }

    /// Moves over `count` bytes, at most over those of [`Self::bytes`].
    pub fn consume(&mut self, count: usize) {
        let count = count.min(self.bytes().len());
        if let Some(Piece::Run { bytes, read }) = self.pieces.front_mut() {
            *read = read.saturating_add(count);
            if *read >= bytes.len() {
                self.pieces.pop_front();
            } else if *read > 1 << 16 && *read > bytes.len() / 2 {
                bytes.drain(..*read);
                *read = 0;
            }
            self.buffered = self.buffered.saturating_sub(count);
            self.step(count as u64);
        }
    }

    /// Moves over up to `count` bytes and holes; returns over how many (fewer when they have not come yet), and whether
    /// some were cut or lost.
    pub fn skip(&mut self, count: u64) -> Skipped {
        let mut skipped = Skipped::default();
        while skipped.bytes < count {
            let left = count.saturating_sub(skipped.bytes);
            let moved = match self.pieces.front_mut() {
                None => break,
                Some(Piece::Run { bytes, read }) => {
                    let here = bytes.len().saturating_sub(*read);
                    let moved = usize::try_from(left).unwrap_or(usize::MAX).min(here);
                    self.consume(moved);
                    moved as u64
                }
                Some(Piece::Hole(hole)) => {
                    let moved = left.min(hole.len);
                    hole.len = hole.len.saturating_sub(moved);
                    if hole.lost {
                        skipped.lost = true;
                        self.totals.lost_passed = self.totals.lost_passed.saturating_add(moved);
                    } else {
                        skipped.cut = true;
                    }
                    if hole.len == 0 {
                        self.pieces.pop_front();
                    }
                    self.step(moved);
                    moved
                }
            };
            skipped.bytes = skipped.bytes.saturating_add(moved);
        }
        skipped
    }

    /// Takes in bytes. What was seen before is dropped; what comes too early waits.
    pub fn insert(&mut self, position: u64, bytes: &[u8], original_len: u64, mark: Mark) {
        let original_len = original_len.max(bytes.len() as u64);
        if original_len == 0 {
            return;
        }
        if self.cursor.is_none() {
            self.cursor = Some(position);
            self.tail = position;
        }
        if position > self.tail {
            self.wait(position, bytes, original_len, mark);
            return;
        }
        self.append(position, bytes, original_len, mark);
        self.take_waiting();
    }

    /// Notes that bytes are missing after those that have come, where the length is known by other means than positions.
    pub fn miss(&mut self, hole: Hole) {
        if hole.len > 0 {
            self.begin_at(0);
            self.push_hole(hole);
        }
    }

    /// Notes that nothing follows `position` (null: what has come so far). Told again, it may turn out that less was read
    /// than had been sent: that is no loss.
    pub fn end(&mut self, position: Option<u64>, time: Timestamp) {
        if let (Some(end), Some(read)) = (&mut self.end, position) {
            end.position = end.position.min(read.max(self.tail));
        } else if self.end.is_none() {
            let last = self.waiting.iter().next_back().map(|(start, part)| start.saturating_add(part.original_len));
            let position = position.unwrap_or_else(|| last.unwrap_or(self.tail).max(self.tail));
            self.end = Some(End { position, time });
        }
    }

    /// When the earliest bytes that wait for missing ones came.
    #[must_use]
    pub fn waiting_since(&self) -> Option<Timestamp> {
        self.waiting.values().next().map(|part| part.mark.time)
    }

    /// Stops waiting for the next missing bytes: they become a lost hole. Returns its length.
    pub fn give_up_waiting(&mut self) -> u64 {
        let Some((&position, _)) = self.waiting.iter().next() else { return 0 };
        let len = position.saturating_sub(self.tail);
        if len > 0 {
            self.push_hole(Hole { len, lost: true });
        }
        self.take_waiting();
        len
    }

    /// Nothing more will come: what is missing, in the middle or before the end, is lost. Returns how many bytes that is.
    pub fn give_up(&mut self, time: Timestamp) -> u64 {
        let mut lost = 0_u64;
        while self.is_waiting() {
            lost = lost.saturating_add(self.give_up_waiting());
        }
        self.end(None, time);
        let missing = self.end.map_or(0, |end| end.position.saturating_sub(self.tail));
        if missing > 0 {
            self.begin_at(0);
            self.push_hole(Hole { len: missing, lost: true });
        }
        lost.saturating_add(missing)
    }

    /// Frees memory: turns what is buffered into a lost hole, so that a parser that cannot go on starts again behind it.
    /// Returns how many bytes were let go.
    pub fn forget(&mut self) -> u64 {
        let len = self.tail.saturating_sub(self.position());
        let kept = self.buffered as u64;
        self.pieces.clear();
        self.buffered = 0;
        if len > 0 {
            self.pieces.push_back(Piece::Hole(Hole { len, lost: true }));
            self.totals.lost = self.totals.lost.saturating_add(kept);
            self.totals.kept = self.totals.kept.saturating_sub(kept);
        }
        // The first covers the byte that was read last, the last covers what follows the hole.
        while self.marks.len() > 2 {
            self.marks.remove(1);
        }
        kept
    }

    fn wait(&mut self, position: u64, bytes: &[u8], original_len: u64, mark: Mark) {
        let old = self.waiting.get(&position);
        // Sent again: what was seen first counts, unless now there is more of it.
        if old.is_some_and(|old| (old.bytes.len(), old.original_len) >= (bytes.len(), original_len)) {
            return;
        }
        let old = self.waiting.insert(position, Waiting { bytes: bytes.to_vec(), original_len, mark });
        let freed = old.map_or(0, |old| old.bytes.len());
        self.waiting_bytes = self.waiting_bytes.saturating_add(bytes.len()).saturating_sub(freed);
    }

    fn append(&mut self, position: u64, bytes: &[u8], original_len: u64, mark: Mark) {
        let seen = self.tail.saturating_sub(position);
        if seen >= original_len {
            return;
        }
        let start = self.tail;
        let fresh = bytes.get(usize::try_from(seen).unwrap_or(usize::MAX)..).unwrap_or_default();
        if self.marks.back().is_none_or(|(_, last)| *last != mark) {
            self.marks.push_back((start, mark));
        }
        if !fresh.is_empty() {
            if let Some(Piece::Run { bytes, .. }) = self.pieces.back_mut() {
                bytes.extend_from_slice(fresh);
            } else {
                self.pieces.push_back(Piece::Run { bytes: fresh.to_vec(), read: 0 });
            }
            self.buffered = self.buffered.saturating_add(fresh.len());
            self.totals.kept = self.totals.kept.saturating_add(fresh.len() as u64);
            self.totals.bytes = self.totals.bytes.saturating_add(fresh.len() as u64);
            self.tail = self.tail.saturating_add(fresh.len() as u64);
        }
        let cut = position.saturating_add(original_len).saturating_sub(self.tail);
        if cut > 0 {
            self.push_hole(Hole { len: cut, lost: false });
        }
    }

    fn push_hole(&mut self, hole: Hole) {
        self.tail = self.tail.saturating_add(hole.len);
        self.totals.bytes = self.totals.bytes.saturating_add(hole.len);
        if hole.lost {
            self.totals.lost = self.totals.lost.saturating_add(hole.len);
        }
        match self.pieces.back_mut() {
            Some(Piece::Hole(last)) if last.lost == hole.lost => last.len = last.len.saturating_add(hole.len),
            _ => self.pieces.push_back(Piece::Hole(hole)),
        }
    }

    fn take_waiting(&mut self) {
        while let Some(entry) = self.waiting.first_entry() {
            if *entry.key() > self.tail {
                break;
            }
            let (position, part) = entry.remove_entry();
            self.waiting_bytes = self.waiting_bytes.saturating_sub(part.bytes.len());
            self.append(position, &part.bytes, part.original_len, part.mark);
        }
    }

    fn step(&mut self, count: u64) {
        let cursor = self.position().saturating_add(count);
        self.cursor = Some(cursor);
        // Keep the mark of the byte that was just read: `last_mark` asks for it.
        while self.marks.get(1).is_some_and(|(start, _)| *start < cursor) {
            self.marks.pop_front();
        }
    }
}

/// What [`DataStream::skip`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Skipped {
    /// Moved over that many.
    pub bytes: u64,
    /// Some had been cut by a limit.
    pub cut: bool,
    /// Some had been lost.
    pub lost: bool,
}

#[cfg(test)]
mod tests;
