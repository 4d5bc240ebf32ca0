//! From one direction's bytes to messages, one at a time, across cuts and holes.
//!
//! A hole inside a body costs nothing but that body: the declared length leads over it. A hole where a header should be
//! loses the framing; it is found again at the next run of bytes that can only be a message.

use super::wire::{self, Chain, Fit, HEADER, Side};
use crate::event::Timestamp;
use crate::stream::{DataStream, Mark};

/// One message, as far as it was kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    /// Its tag; 0 for a packet that begins a connection, and for the single byte that answers a request for encryption.
    pub(super) tag: u8,
    /// Its body, or the first part of it.
    pub(super) body: &'a [u8],
    /// Length on the wire, header included.
    pub(super) size: u64,
    /// First byte.
    pub(super) start: Mark,
    /// Last byte.
    pub(super) end: Mark,
    /// Where the first byte is in its stream.
    pub(super) position: u64,
    /// Not all of the bytes that would have been read are there, for a limit.
    pub(super) cut: bool,
    /// Some bytes were lost.
    pub(super) lost: bool,
}

/// What comes next in a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing yet.
    Wait,
    /// A message whose last byte came then: [`Reader::message`] shows it, [`Reader::advance`] moves on.
    Message(Timestamp),
    /// The framing is lost: bytes are missing (`Some`), or make no sense (`None`). The last of them came then.
    Lost(Timestamp, Option<Missing>),
    /// Bytes went by in which no message was found.
    Noise,
}

/// Why bytes are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// A limit.
    Cut,
    /// They were lost.
    Lost,
}

/// How a direction is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Packets that begin a connection.
    Opening,
    /// One byte: the answer to a request for encryption.
    Answer,
    /// Messages.
    Messages,
    /// Anywhere: seek a message.
    Seek,
    /// Nothing more is read.
    Stopped,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Reader {
    side: Side,
    pub(super) mode: Mode,
    partial: Option<Partial>,
    /// The message in `partial` is complete.
    gathered: bool,
    /// Nothing has been read yet: a client is most likely joined between two of its calls, so between messages.
    fresh: bool,
    /// Bytes passed over without being understood, not yet told.
    pub(super) skipped: u64,
}

#[derive(Debug)]
struct Partial {
    tag: u8,
    size: u64,
    left: u64,
    body: Vec<u8>,
    most: usize,
    start: Mark,
    end: Mark,
    position: u64,
    cut: bool,
    lost: bool,
}

impl Reader {
    pub(super) fn new(side: Side, mode: Mode) -> Self {
        Self { side, mode, partial: None, gathered: false, fresh: side == Side::Frontend, skipped: 0 }
    }

    /// Roughly how many bytes it holds.
    pub(super) fn memory(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.body.capacity())
    }

    /// Looks for what comes next. Asked again before [`Self::advance`], it says the same.
    pub(super) fn next(&mut self, stream: &mut DataStream) -> Next {
        if self.partial.is_some() {
            return self.gather(stream);
        }
        if self.mode == Mode::Stopped {
            return Next::Wait;
        }
        if stream.bytes().is_empty() {
            return if stream.hole().is_some() { self.lose_hole(stream) } else { Next::Wait };
        }
        match self.mode {
            Mode::Opening => self.next_opening(stream),
            Mode::Answer => stream.next_mark().map_or(Next::Wait, |mark| Next::Message(mark.time)),
            Mode::Messages => self.next_message(stream),
            Mode::Seek => self.seek(stream),
            Mode::Stopped => Next::Wait,
        }
    }

    /// The message that [`Self::next`] found.
    pub(super) fn message<'a>(&'a self, stream: &'a DataStream) -> Option<Message<'a>> {
        if let Some(partial) = &self.partial {
            let Partial { tag, size, start, end, position, cut, lost, .. } = *partial;
            return Some(Message { tag, body: &partial.body, size, start, end, position, cut, lost });
        }
        let bytes = stream.bytes();
        let position = stream.position();
        let start = stream.next_mark()?;
        let (tag, header, size) = match self.mode {
            Mode::Answer => (0, 0, 1),
            Mode::Opening => (0, 4, u64::from(wire::opening(bytes).ok()??.1)),
            _ => {
                let (tag, length) = wire::header(bytes)?;
                (tag, HEADER, u64::from(length).saturating_add(1))
            }
        };
        let whole = bytes.get(header..usize::try_from(size).ok()?)?;
        let most = if tag == 0 { whole.len() } else { wire::kept(self.side, tag) };
        let body = whole.get(..most).unwrap_or(whole);
        let last = position.saturating_add(size).saturating_sub(1);
        let end = stream.mark(last).unwrap_or(start);
        let cut = most > 0 && body.len() < whole.len();
        Some(Message { tag, body, size, start, end, position, cut, lost: false })
    }

    /// Moves over the message that was shown.
    pub(super) fn advance(&mut self, stream: &mut DataStream) {
        if self.partial.take().is_some() {
            self.gathered = false;
            return;
        }
        let size = self.message(stream).map_or(0, |message| message.size);
        stream.consume(usize::try_from(size).unwrap_or(usize::MAX));
    }

    /// Steps over bytes that turned out to be no message, and seeks the next one.
    pub(super) fn reject(&mut self, stream: &mut DataStream) {
        if self.partial.take().is_none() && !stream.bytes().is_empty() {
            stream.consume(1);
            self.skipped = self.skipped.saturating_add(1);
        }
        self.gathered = false;
        self.mode = Mode::Seek;
    }

    fn lose_hole(&mut self, stream: &mut DataStream) -> Next {
        let skipped = stream.skip(stream.hole().map_or(0, |hole| hole.len));
        let time = stream.last_mark().map_or(Timestamp(0), |mark| mark.time);
        if matches!(self.mode, Mode::Messages) {
            self.mode = Mode::Seek;
        }
        Next::Lost(time, Some(if skipped.lost { Missing::Lost } else { Missing::Cut }))
    }

    fn next_opening(&mut self, stream: &mut DataStream) -> Next {
        let bytes = stream.bytes();
        match wire::opening(bytes) {
            Ok(Some((_, length))) => {
                if bytes.len() >= length as usize {
                    let last = stream.position().saturating_add(u64::from(length)).saturating_sub(1);
                    return stream.mark(last).map_or(Next::Wait, |mark| Next::Message(mark.time));
                }
                self.begin(stream, 0, 4, u64::from(length), usize::MAX)
            }
            Ok(None) if !run_is_last(stream) => Next::Wait,
            // Joined midstream: it may begin anywhere.
            _ => {
                self.mode = Mode::Seek;
                self.seek(stream)
            }
        }
    }

    fn next_message(&mut self, stream: &mut DataStream) -> Next {
        let bytes = stream.bytes();
        let Some((tag, length)) = wire::header(bytes) else {
            let odd = bytes.first().is_some_and(|tag| !tag.is_ascii_graphic());
            if odd {
                return self.senseless(stream);
            }
            if run_is_last(stream) {
                let count = bytes.len();
                stream.consume(count);
                self.skipped = self.skipped.saturating_add(count as u64);
                return if stream.hole().is_some() { self.lose_hole(stream) } else { Next::Wait };
            }
            return Next::Wait;
        };
        if !wire::is_plausible(self.side, tag, length) {
            return self.senseless(stream);
        }
        let size = u64::from(length).saturating_add(1);
        if (bytes.len() as u64) < size {
            return self.begin(stream, tag, HEADER, size, wire::kept(self.side, tag));
        }
        let checked =
            matches!((self.side, tag), (Side::Backend, b'Z' | b'R' | b'C' | b'E' | b'N') | (Side::Frontend, b'Q'));
        if checked && wire::fit(self.side, tag, length, bytes.get(HEADER..).unwrap_or_default()) == Fit::No {
            return self.senseless(stream);
        }
        let last = stream.position().saturating_add(size).saturating_sub(1);
        stream.mark(last).map_or(Next::Wait, |mark| Next::Message(mark.time))
    }

    fn senseless(&mut self, stream: &mut DataStream) -> Next {
        let time = stream.next_mark().map_or(Timestamp(0), |mark| mark.time);
        self.reject(stream);
        Next::Lost(time, None)
    }

    fn seek(&mut self, stream: &mut DataStream) -> Next {
        let last = run_is_last(stream);
        let bytes = stream.bytes();
        for offset in 0..bytes.len() {
            let rest = bytes.get(offset..).unwrap_or_default();
            let found = wire::chain(self.side, rest, last, self.fresh && offset == 0);
            if found == Chain::No {
                continue;
            }
            let noise = offset > 0;
            self.skip_noise(stream, offset);
            if found == Chain::Yes {
                self.fresh = false;
                self.mode = Mode::Messages;
                return if noise { Next::Noise } else { self.next_message(stream) };
            }
            return if noise { Next::Noise } else { Next::Wait };
        }
        let count = bytes.len();
        self.skip_noise(stream, count);
        Next::Noise
    }

    fn skip_noise(&mut self, stream: &mut DataStream, count: usize) {
        stream.consume(count);
        self.fresh &= count == 0;
        self.skipped = self.skipped.saturating_add(count as u64);
    }

    fn begin(&mut self, stream: &mut DataStream, tag: u8, header: usize, size: u64, most: usize) -> Next {
        let Some(start) = stream.next_mark() else { return Next::Wait };
        let position = stream.position();
        stream.consume(header);
        let left = size.saturating_sub(header as u64);
        let (body, cut, lost) = (Vec::new(), false, false);
        self.partial = Some(Partial { tag, size, left, body, most, start, end: start, position, cut, lost });
        self.gather(stream)
    }

    fn gather(&mut self, stream: &mut DataStream) -> Next {
        let Some(partial) = &mut self.partial else { return Next::Wait };
        if self.gathered {
            return Next::Message(partial.end.time);
        }
        while partial.left > 0 {
            let bytes = stream.bytes();
            let before = partial.left;
            if bytes.is_empty() {
                let skipped = stream.skip(stream.hole().map_or(0, |hole| hole.len.min(partial.left)));
                partial.left = partial.left.saturating_sub(skipped.bytes);
                // What follows a hole in a text is no continuation of it.
                partial.cut |= skipped.cut && partial.most > 0;
                partial.lost |= skipped.lost;
                partial.most = if skipped.bytes > 0 { 0 } else { partial.most };
            } else {
                let count = usize::try_from(partial.left).unwrap_or(usize::MAX).min(bytes.len());
                let wanted = partial.most.saturating_sub(partial.body.len());
                let taken = bytes.get(..count.min(wanted)).unwrap_or_default();
                partial.cut |= partial.most > 0 && taken.len() < count;
                partial.body.extend_from_slice(taken);
                stream.consume(count);
                partial.left = partial.left.saturating_sub(count as u64);
            }
            if partial.left == before {
                return Next::Wait;
            }
            partial.end = stream.last_mark().unwrap_or(partial.end);
        }
        self.gathered = true;
        Next::Message(partial.end.time)
    }
}

/// A hole follows the bytes that are there, so that waiting will not make them more.
fn run_is_last(stream: &DataStream) -> bool {
    let end = stream.position().saturating_add(stream.bytes().len() as u64);
    stream.tail() > end || stream.end_time().is_some()
}
