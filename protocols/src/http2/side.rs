//! What one side of a connection says: frames put together into header blocks, and these decoded.

use super::exchange::Section;
use super::frame::{Payload, Settings, flag, kind};
use super::hpack::{Decoder, FieldList, Invalid};
use super::reader::{Place, Reader, Unit};
use crate::event::Timestamp;
use crate::stream::{DataStream, Hole};

/// Longest header block, over all its CONTINUATION frames.
const LONGEST_BLOCK: usize = 256 << 10;

/// Longest header list that is kept, counted as SETTINGS_MAX_HEADER_LIST_SIZE is.
const LONGEST_LIST: usize = 64 << 10;

/// What was said.
#[derive(Debug)]
pub(super) enum Event<'a> {
    /// The connection is seen from its beginning.
    Preface,
    /// A header block on this stream; its first frame stands at this place.
    Headers(u32, Place, Section),
    /// A header block that promises this stream.
    Promise(u32, Place, Section),
    /// As [`Unit::Body`].
    Body(u32, &'a [u8]),
    /// As [`Unit::BodyHole`].
    BodyHole(u32, Hole),
    /// As [`Unit::End`].
    End(u32, Timestamp),
    /// A stream ends at once.
    Reset(u32),
    /// Parameters.
    Settings(Settings<'a>),
    /// Streams above this one will not be answered.
    GoAway(u32),
    /// Any number of frames may have gone by unseen.
    Lost(Hole),
    /// Bytes that belong to no frame.
    Skipped(u64),
    /// Nothing of interest.
    Nothing,
}

/// A header block of which not all frames have come.
#[derive(Debug)]
struct Fragments {
    first: Place,
    /// Null if it is a request's or response's own.
    promised: Option<u32>,
    /// Null if some is missing.
    bytes: Option<Vec<u8>>,
    lost: bool,
}

/// One side of a connection.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) reader: Reader,
    pub(super) decoder: Decoder,
    block: Option<Fragments>,
    /// A header block has been decoded: the table is no longer what it was at the beginning.
    has_decoded: bool,
}

impl Side {
    pub(super) fn new(reader: Reader, midstream: bool) -> Self {
        let decoder = if midstream { Decoder::joined() } else { Decoder::new() };
        Self { reader, decoder, block: None, has_decoded: false }
    }

    /// The connection turns out to be seen from its beginning.
    pub(super) fn begins_here(&mut self) {
        if !self.has_decoded {
            self.decoder = Decoder::new();
        }
    }

    /// The next event; null until more bytes come. `is_open` says which streams are under way.
    pub(super) fn next<'a>(&mut self, stream: &'a mut DataStream, is_open: &dyn Fn(u32) -> bool) -> Option<Event<'a>> {
        Some(match self.reader.next(stream, is_open)? {
            Unit::Preface => Event::Preface,
            Unit::Body(id, bytes) => Event::Body(id, bytes),
            Unit::BodyHole(id, hole) => Event::BodyHole(id, hole),
            Unit::End(id, time) => Event::End(id, time),
            Unit::Skipped(bytes) => Event::Skipped(bytes),
            Unit::Lost(hole) => {
                self.block = None;
                self.decoder.forget();
                Event::Lost(hole)
            }
            Unit::Frame(place, Ok(payload)) => {
                let block = &mut self.block;
                if block.is_some() && place.head.kind != kind::CONTINUATION {
                    // RFC 9113, 6.2: nothing comes in between. The block will never be whole.
                    *block = None;
                    self.decoder.forget();
                }
                self.frame(place, payload)
            }
            Unit::Frame(place, Err(_)) => self.damaged(place, false),
            Unit::Damaged(place, skipped) if skipped.bytes == 0 || skipped.cut || skipped.lost => {
                self.damaged(place, skipped.lost)
            }
            // Too long to be waited for, and not of interest.
            Unit::Damaged(place, _) => self.damaged(place, false),
        })
    }

    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        let block = self.block.as_ref().and_then(|block| block.bytes.as_ref()).map_or(0, Vec::capacity);
        self.decoder.memory().saturating_add(block)
    }

    fn frame<'a>(&mut self, place: Place, payload: Payload<'a>) -> Event<'a> {
        let id = place.head.stream;
        match payload {
            Payload::Headers(block) => self.begin(place, None, block),
            Payload::PushPromise(promised, block) => self.begin(place, Some(promised), block),
            Payload::Continuation(block) => self.continued(place, Some(block), false),
            Payload::RstStream(_) => Event::Reset(id),
            Payload::Settings(settings) => Event::Settings(settings),
            Payload::GoAway(last, _) => Event::GoAway(last),
            Payload::Data(_) | Payload::Priority | Payload::Ping | Payload::WindowUpdate(_) | Payload::Unknown(_) => {
                Event::Nothing
            }
        }
    }

    /// A frame of which part is missing, or wrong.
    fn damaged<'a>(&mut self, place: Place, lost: bool) -> Event<'a> {
        match place.head.kind {
            kind::HEADERS => {
                self.decoder.forget();
                self.block = Some(Fragments { first: place, promised: None, bytes: None, lost });
                self.ended(place)
            }
            kind::PUSH_PROMISE => {
                // Which stream it promises is not known either.
                self.decoder.forget();
                self.block = None;
                Event::Nothing
            }
            kind::CONTINUATION => self.continued(place, None, lost),
            kind::RST_STREAM => Event::Reset(place.head.stream),
            _ => Event::Nothing,
        }
    }

    fn begin<'a>(&mut self, place: Place, promised: Option<u32>, block: &[u8]) -> Event<'a> {
        if place.head.has(flag::END_HEADERS) {
            // The common case: no copy.
            self.has_decoded = true;
            let fields = self.decoder.decode(block, LONGEST_LIST);
            return event(place, place.end, promised, fields, false);
        }
        self.block = Some(Fragments { first: place, promised, bytes: Some(block.to_vec()), lost: false });
        Event::Nothing
    }

    /// CONTINUATION; without a block, its bytes were missed.
    fn continued<'a>(&mut self, place: Place, more: Option<&[u8]>, lost: bool) -> Event<'a> {
        match &mut self.block {
            Some(block) if block.first.head.stream == place.head.stream => {
                block.lost |= lost;
                block.bytes = match (block.bytes.take(), more) {
                    (Some(mut bytes), Some(more)) if bytes.len().saturating_add(more.len()) <= LONGEST_BLOCK => {
                        bytes.extend_from_slice(more);
                        Some(bytes)
                    }
                    _ => None,
                };
                self.ended(place)
            }
            // The beginning was missed.
            _ => {
                self.block = None;
                self.decoder.forget();
                Event::Nothing
            }
        }
    }

    /// Gives the block if this frame ends it.
    fn ended<'a>(&mut self, place: Place) -> Event<'a> {
        if !place.head.has(flag::END_HEADERS) {
            return Event::Nothing;
        }
        let Some(block) = self.block.take() else { return Event::Nothing };
        let fields = match block.bytes {
            Some(bytes) => self.decoder.decode(&bytes, LONGEST_LIST),
            None => {
                self.decoder.forget();
                Err(Invalid::Cut)
            }
        };
        self.has_decoded = true;
        event(block.first, place.end, block.promised, fields, block.lost)
    }
}

fn event<'a>(
    first: Place,
    end: Timestamp,
    promised: Option<u32>,
    fields: Result<FieldList, Invalid>,
    lost: bool,
) -> Event<'a> {
    let section = Section {
        fields: fields.ok(),
        start: first.start.time,
        end,
        end_stream: promised.is_none() && first.head.has(flag::END_STREAM),
        lost,
    };
    match promised {
        Some(promised) => Event::Promise(promised, first, section),
        None => Event::Headers(first.head.stream, first, section),
    }
}
