//! One direction's bytes, cut into frames.
//!
//! Frames are handed out whole, except DATA, which passes through piece by piece. Where bytes are missing inside a frame
//! of which the head was seen, the framing goes on behind it; elsewhere the next boundary is looked for.

use super::frame::{self, Head, PREFACE, Payload, Violation, flag, kind};
use super::sync::{self, Boundary};
use super::{LARGEST_FRAME, LARGEST_FRAME_JOINED};
use crate::event::Timestamp;
use crate::stream::{DataStream, Hole, Mark, Skipped};

/// Longest payload that is waited for as a whole. RFC 9113, 4.2 allows more, but nobody sends it outside DATA.
const LONGEST_WHOLE: u32 = 256 << 10;

/// DATA frames shorter than that are not taken for one of many of the same size.
const SHORTEST_REPEATED: u32 = 4 << 10;

/// Bytes behind a hole that are waited for, to see whether a frame begins where it should.
const LONGEST_LEAP: usize = 64 << 10;

/// What comes next.
#[derive(Debug)]
pub(super) enum Unit<'a> {
    /// The client's preface: the connection is seen from its beginning.
    Preface,
    /// A whole frame, but not DATA.
    Frame(Place, Result<Payload<'a>, Violation>),
    /// A frame, but not DATA, that is not there as a whole.
    Damaged(Place, Skipped),
    /// Bytes of a DATA frame, without padding.
    Body(u32, &'a [u8]),
    /// Bytes of a DATA frame that are not there.
    BodyHole(u32, Hole),
    /// The last DATA frame of a stream has come to its end, at this time.
    End(u32, Timestamp),
    /// The framing is lost; these bytes are not there (0: they made no sense).
    Lost(Hole),
    /// Bytes that belong to no frame.
    Skipped(u64),
}

/// A frame and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) head: Head,
    /// Of its first byte.
    pub(super) start: Mark,
    /// Of its first byte.
    pub(super) position: u64,
    /// When its last byte came.
    pub(super) end: Timestamp,
}

#[derive(Debug)]
enum State {
    /// The preface may come, or must have been missed.
    Preface,
    Frame,
    Data {
        head: Head,
        left: u64,
        padding: u64,
    },
    Damaged {
        place: Place,
        left: u64,
        skipped: Skipped,
    },
    /// Looking for a boundary. `fresh`: these are the first bytes behind a hole, where calls and so frames mostly begin.
    Lost {
        fresh: bool,
    },
}

/// See the module.
#[derive(Debug)]
pub(super) struct Reader {
    state: State,
    /// What the last unit borrowed: consumed at the next call.
    lent: usize,
    /// Largest frame that may come.
    max_frame: u32,
    /// Largest frame that is known to be allowed.
    allowed: u32,
    /// No byte will come any more.
    ended: bool,
    /// The frame before this one, if that was DATA, and not the stream's last.
    data: Option<Head>,
}

impl Reader {
    /// Of the side that sends the preface.
    pub(super) fn of_client(midstream: bool) -> Self {
        let max_frame = if midstream { LARGEST_FRAME_JOINED } else { LARGEST_FRAME };
        Self { state: State::Preface, lent: 0, max_frame, allowed: LARGEST_FRAME, ended: false, data: None }
    }

    /// Of the other side.
    pub(super) fn of_server(midstream: bool) -> Self {
        let state = if midstream { State::Lost { fresh: true } } else { State::Frame };
        Self { state, ..Self::of_client(midstream) }
    }

    /// The peer allows frames up to this size.
    pub(super) fn allow(&mut self, max_frame: u32) {
        self.allowed = self.allowed.max(max_frame.min((1 << 24) - 1));
        self.max_frame = self.max_frame.max(self.allowed);
    }

    /// No byte will come any more: what waits for some is decided as it stands.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// Head of the frame that comes next, where the framing is known and the head is there.
    pub(super) fn upcoming(&mut self, stream: &mut DataStream) -> Option<Head> {
        stream.consume(std::mem::take(&mut self.lent));
        matches!(self.state, State::Frame).then(|| Head::parse(stream.bytes()))?
    }

    /// No byte will come any more.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The next unit; null until more bytes come. `is_open` says which streams are under way.
    pub(super) fn next<'a>(&mut self, stream: &'a mut DataStream, is_open: &dyn Fn(u32) -> bool) -> Option<Unit<'a>> {
        stream.consume(std::mem::take(&mut self.lent));
        loop {
            let step = match self.state {
                State::Preface => self.preface(stream),
                State::Frame => self.frame(stream),
                State::Data { .. } => self.data(stream),
                State::Damaged { .. } => self.damaged(stream),
                State::Lost { fresh } => self.lost(stream, fresh, is_open),
            };
            return match step {
                Step::Again => continue,
                Step::Wait => None,
                Step::Give(unit) => Some(unit),
                Step::Whole(place) => {
                    let length = place.head.payload_len();
                    self.lent = length;
                    let payload = stream.bytes().get(..length).unwrap_or_default();
                    Some(Unit::Frame(place, frame::parse(&place.head, payload)))
                }
                Step::Piece(id, length) => {
                    self.lent = length;
                    Some(Unit::Body(id, stream.bytes().get(..length).unwrap_or_default()))
                }
            };
        }
    }

    fn preface(&mut self, stream: &mut DataStream) -> Step {
        let bytes = stream.bytes();
        if bytes.starts_with(PREFACE) {
            stream.consume(PREFACE.len());
            self.state = State::Frame;
            return Step::Give(Unit::Preface);
        }
        if PREFACE.starts_with(bytes) && !is_broken_off(stream) && stream.hole().is_none() {
            return Step::Wait;
        }
        self.state = State::Lost { fresh: true };
        Step::Again
    }

    fn frame(&mut self, stream: &mut DataStream) -> Step {
        let (position, broken_off) = (stream.position(), is_broken_off(stream));
        let bytes = stream.bytes();
        let (Some(head), Some(start)) = (Head::parse(bytes), stream.next_mark()) else {
            if !broken_off && stream.hole().is_none() {
                return Step::Wait;
            }
            return self.leap(stream).unwrap_or_else(|| self.lose(stream));
        };
        self.data = None;
        if head.check(self.max_frame).is_err() {
            self.state = State::Lost { fresh: false };
            return Step::Give(Unit::Lost(Hole { len: 0, lost: false }));
        }
        if head.kind == kind::DATA {
            return self.begin_data(stream, head, broken_off);
        }
        let there = bytes.len().saturating_sub(Head::LENGTH) >= head.payload_len();
        if !there && !broken_off && is_read(&head) {
            return Step::Wait;
        }
        let last = position.saturating_add(8).saturating_add(u64::from(head.length));
        let end = stream.mark(last).unwrap_or(start).time;
        let place = Place { head, start, position, end };
        stream.consume(Head::LENGTH);
        if there && is_read(&head) {
            return Step::Whole(place);
        }
        self.state = State::Damaged { place, left: head.length.into(), skipped: Skipped::default() };
        Step::Again
    }

    /// Moves over a DATA frame's head and the length of its padding.
    fn begin_data(&mut self, stream: &mut DataStream, head: Head, broken_off: bool) -> Step {
        let mut padding = 0;
        let mut before = Head::LENGTH;
        if head.has(flag::PADDED) && head.length > 0 {
            match stream.bytes().get(Head::LENGTH) {
                Some(length) => padding = u64::from(*length),
                None if !broken_off => return Step::Wait,
                // Then all of it counts as body.
                None => {}
            }
            before = before.saturating_add(1);
        }
        let length = u64::from(head.length).saturating_sub(u64::from(before > Head::LENGTH));
        // Too much padding is an error (RFC 9113, 6.1); the frame ends where it ends.
        let padding = padding.min(length);
        stream.consume(before);
        self.state = State::Data { head, left: length.saturating_sub(padding), padding };
        Step::Again
    }

    fn data(&mut self, stream: &mut DataStream) -> Step {
        let State::Data { head, left, padding } = &mut self.state else { return Step::Again };
        if *left > 0 {
            let here = stream.bytes().len();
            if here > 0 {
                let piece = usize::try_from(*left).unwrap_or(usize::MAX).min(here);
                *left = left.saturating_sub(piece as u64);
                return Step::Piece(head.stream, piece);
            }
            let Some(hole) = stream.hole() else { return Step::Wait };
            let skipped = stream.skip(hole.len.min(*left)).bytes;
            *left = left.saturating_sub(skipped);
            return Step::Give(Unit::BodyHole(head.stream, Hole { len: skipped, lost: hole.lost }));
        }
        *padding = padding.saturating_sub(stream.skip(*padding).bytes);
        if *padding > 0 {
            return Step::Wait;
        }
        let head = *head;
        self.state = State::Frame;
        match stream.last_mark() {
            Some(mark) if head.has(flag::END_STREAM) => Step::Give(Unit::End(head.stream, mark.time)),
            _ => {
                self.data = Some(head);
                Step::Again
            }
        }
    }

    /// At a frame's head there is a hole, and DATA came before it. A long body is cut into frames of one size: if behind
    /// the hole a frame of the same stream begins just where that leads to, nothing but DATA was missed, and neither the
    /// framing nor the header table is lost. Null if it does not.
    fn leap(&mut self, stream: &mut DataStream) -> Option<Step> {
        let data = self.data.filter(|data| data.length >= SHORTEST_REPEATED)?;
        let hole = stream.hole()?;
        let size = u64::from(data.length).saturating_add(Head::LENGTH as u64);
        let frames = hole.len.div_ceil(size);
        let whole = frames.saturating_mul(size);
        let behind = usize::try_from(whole.saturating_sub(hole.len)).ok()?;
        if behind > LONGEST_LEAP {
            return None;
        }
        let bytes = stream.bytes_behind();
        let Some(head) = bytes.get(behind..).and_then(Head::parse) else {
            let seen = stream.position().saturating_add(hole.len).saturating_add(bytes.len() as u64);
            let more = !self.ended && stream.end_time().is_none() && stream.tail() <= seen;
            return more.then_some(Step::Wait);
        };
        if head.stream != data.stream || !sync::is_plausible(&head, self.allowed) {
            return None;
        }
        stream.skip(whole);
        let len = whole.saturating_sub(frames.saturating_mul(Head::LENGTH as u64));
        Some(Step::Give(Unit::BodyHole(data.stream, Hole { len, lost: hole.lost })))
    }

    fn damaged(&mut self, stream: &mut DataStream) -> Step {
        let State::Damaged { place, left, skipped } = &mut self.state else { return Step::Again };
        let moved = stream.skip(*left);
        *left = left.saturating_sub(moved.bytes);
        skipped.bytes = skipped.bytes.saturating_add(moved.bytes);
        skipped.cut |= moved.cut;
        skipped.lost |= moved.lost;
        if *left > 0 {
            return Step::Wait;
        }
        if let Some(mark) = stream.last_mark() {
            place.end = mark.time;
        }
        let (place, skipped) = (*place, *skipped);
        self.state = State::Frame;
        Step::Give(Unit::Damaged(place, skipped))
    }

    /// At a frame's head, bytes are missing.
    fn lose(&mut self, stream: &mut DataStream) -> Step {
        self.state = State::Lost { fresh: false };
        let rest = stream.bytes().len();
        stream.consume(rest);
        if rest > 0 { Step::Give(Unit::Skipped(rest as u64)) } else { Step::Again }
    }

    fn lost(&mut self, stream: &mut DataStream, fresh: bool, is_open: &dyn Fn(u32) -> bool) -> Step {
        if let Some(hole) = stream.hole() {
            let len = stream.skip(hole.len).bytes;
            self.state = State::Lost { fresh: true };
            return Step::Give(Unit::Lost(Hole { len, lost: hole.lost }));
        }
        let broken_off = is_broken_off(stream);
        let last = self.ended || broken_off || stream.end_time().is_some();
        let bytes = stream.bytes();
        if fresh {
            // DATA that goes on beyond what is there cannot show what it is; other frames can.
            let is_data = |head: &Head| {
                let is_whole = bytes.len().saturating_sub(Head::LENGTH) >= head.payload_len();
                head.kind == kind::DATA && (is_open(head.stream) || (broken_off && !is_whole))
            };
            match Head::parse(bytes) {
                Some(head) if is_data(&head) && sync::is_plausible(&head, self.allowed) => {
                    self.state = State::Frame;
                    return Step::Again;
                }
                None if !last => return Step::Wait,
                _ => {}
            }
        }
        self.state = State::Lost { fresh: false };
        let skip = match sync::find(bytes, self.allowed, last) {
            Boundary::At(offset) => {
                self.state = State::Frame;
                offset
            }
            Boundary::NotBefore(offset) => offset,
        };
        stream.consume(skip);
        match (skip, &mut self.state) {
            (0, State::Lost { fresh: still_fresh }) => {
                *still_fresh = fresh;
                Step::Wait
            }
            (0, _) => Step::Again,
            _ => Step::Give(Unit::Skipped(skip as u64)),
        }
    }
}

/// One step of [`Reader::next`], which borrows nothing.
enum Step {
    Again,
    Wait,
    Give(Unit<'static>),
    /// The payload of this frame is at the cursor.
    Whole(Place),
    /// That many bytes of this stream's DATA are at the cursor.
    Piece(u32, usize),
}

/// A hole follows the bytes at the cursor.
fn is_broken_off(stream: &DataStream) -> bool {
    stream.tail() > stream.position().saturating_add(stream.bytes().len() as u64)
}

/// Whether a frame's payload is of interest.
fn is_read(head: &Head) -> bool {
    head.kind <= kind::CONTINUATION && head.length <= LONGEST_WHOLE
}
