//! DNS over TCP: every message behind its length in two bytes (RFC 1035, 4.2.2).

use super::message::{HEADER_LEN, Header, Message};
use super::recognise::{Likeness, boundary};
use super::stitch::{Arrival, Stitcher};
use crate::event::{Direction, Timestamp, Transport};
use crate::session::{Session, Sink};
use crate::stream::{DataStream, Mark, Streams};

const LENGTH: usize = 2;

/// One connection. Either side may ask.
pub(super) struct Connection {
    stitcher: Stitcher,
    /// Whether the next byte sent, received, is the first of a length.
    aligned: [bool; 2],
}

impl Connection {
    pub(super) fn new(transport: Transport, midstream: bool) -> Self {
        Self { stitcher: Stitcher::new(transport), aligned: [!midstream; 2] }
    }

    fn read(&mut self, streams: &mut Streams, sink: &mut Sink<'_>) {
        let mut frames = Vec::new();
        for (direction, aligned) in [Direction::Sent, Direction::Received].into_iter().zip(&mut self.aligned) {
            take_frames(&mut streams[direction], direction, aligned, sink, &mut frames);
        }
        // The two directions were read one after the other: put questions before their answers again.
        frames.sort_by_key(|frame| (frame.last, frame.is_response()));
        for frame in &frames {
            self.take(frame, sink);
        }
    }

    fn take(&mut self, frame: &Frame, sink: &mut Sink<'_>) {
        match Message::parse(&frame.bytes) {
            Ok(message) => {
                let arrival = Arrival {
                    message: &message,
                    direction: frame.direction,
                    first: frame.first,
                    last: frame.last,
                    peer: None,
                    truncated: frame.cut,
                    gap: frame.lost,
                };
                self.stitcher.take(&arrival, sink);
            }
            Err(_) => sink.skipped(frame.len),
        }
    }
}

impl Session for Connection {
    fn advance(&mut self, streams: &mut Streams, sink: &mut Sink<'_>) {
        self.read(streams, sink);
    }

    fn finish(&mut self, streams: &mut Streams, _closed: bool, sink: &mut Sink<'_>) {
        self.read(streams, sink);
        for direction in [Direction::Sent, Direction::Received] {
            let stream = &mut streams[direction];
            let skipped = stream.skip(stream.tail().saturating_sub(stream.position()));
            sink.skipped(skipped.bytes);
        }
        self.stitcher.finish(sink);
    }

    fn tick(&mut self, now: Timestamp, sink: &mut Sink<'_>) {
        self.stitcher.expire(now, sink);
    }

    fn memory(&self) -> usize {
        self.stitcher.memory()
    }
}

/// One message with its two length bytes.
#[derive(Debug)]
struct Frame {
    direction: Direction,
    /// The message up to the first byte that is missing.
    bytes: Vec<u8>,
    /// Its true length, with that of the prefix.
    len: u64,
    first: Mark,
    last: Timestamp,
    cut: bool,
    lost: bool,
}

impl Frame {
    fn is_response(&self) -> bool {
        Header::parse(&self.bytes).is_ok_and(|header| header.response)
    }
}

/// Takes every whole frame that has come.
fn take_frames(
    stream: &mut DataStream,
    direction: Direction,
    aligned: &mut bool,
    sink: &mut Sink<'_>,
    frames: &mut Vec<Frame>,
) {
    loop {
        if let Some(hole) = stream.hole() {
            // Between two frames: how long the next one is was not seen.
            stream.skip(hole.len);
            sink.skipped(hole.len);
            *aligned = false;
            continue;
        }
        if stream.bytes().is_empty() || (!*aligned && !align(stream, aligned, sink)) {
            return;
        }
        match next(stream, direction) {
            Next::Frame(frame) => frames.push(frame),
            Next::Wait => return,
            Next::Lost => *aligned = false,
        }
    }
}

enum Next {
    Frame(Frame),
    Wait,
    Lost,
}

fn next(stream: &mut DataStream, direction: Direction) -> Next {
    let here = stream.bytes();
    let Some((length, rest)) = here.split_first_chunk::<LENGTH>() else {
        return if is_broken_off(stream) { Next::Lost } else { Next::Wait };
    };
    let length = usize::from(u16::from_be_bytes(*length));
    if length < HEADER_LEN {
        return Next::Lost;
    }
    let len = length.saturating_add(LENGTH) as u64;
    let start = stream.position();
    let end = start.saturating_add(len);
    // Wait for all of it, so that chunks make no difference, unless the direction has ended.
    if stream.tail() < end {
        return Next::Wait;
    }
    let bytes = rest.get(..length).unwrap_or(rest).to_vec();
    let (first, last) = (stream.mark(start), stream.mark(end.saturating_sub(1)));
    let skipped = stream.skip(len);
    let Some(first) = first else { return Next::Lost };
    let last = last.map_or(first.time, |mark| mark.time);
    Next::Frame(Frame { direction, bytes, len, first, last, cut: skipped.cut, lost: skipped.lost })
}

/// A hole follows at once.
fn is_broken_off(stream: &DataStream) -> bool {
    stream.tail() > stream.position().saturating_add(stream.bytes().len() as u64)
}

/// Looks for the next frame after bytes that are none. Returns whether it may have been found.
fn align(stream: &mut DataStream, aligned: &mut bool, sink: &mut Sink<'_>) -> bool {
    let bytes = stream.bytes();
    let found = match boundary(bytes, 0) {
        Some((_, Likeness::Perhaps)) if is_broken_off(stream) => None,
        found => found,
    };
    let dropped = found.map_or(bytes.len(), |(at, _)| at);
    stream.consume(dropped);
    sink.skipped(dropped as u64);
    *aligned = matches!(found, Some((_, Likeness::Yes { .. })));
    *aligned
}
