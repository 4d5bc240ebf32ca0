//! Reads recordings.

use std::io::Read;

use protocols::event::SocketEvent;

use super::wire::Cursor;
use super::{Header, MAGIC, MAX_RECORD, VERSION, checksum, codec};
use crate::SourceError;
use crate::files::format::{Damage, Format, Queue};

/// Length of [`MAGIC`].
pub(in crate::files) const MAGIC_LEN: usize = 19;

/// Bytes asked of the input at a time.
const CHUNK: usize = 64 << 10;

/// From bytes to events.
#[derive(Debug, Default)]
pub(in crate::files) struct Decoder {
    header: Option<Header>,
    /// The magic and the version were read.
    begun: bool,
    /// The last record was read.
    ended: bool,
    events: u64,
}

impl Format for Decoder {
    fn decode(&mut self, input: &[u8], last: bool, out: &mut Queue) -> Result<usize, Damage> {
        let mut at = 0;
        if !self.begun {
            let Some(length) = start(input)? else {
                return if last { Err(Damage::new("the recording is cut inside its header", 0)) } else { Ok(0) };
            };
            self.begun = true;
            at = length;
        }
        loop {
            let rest = input.get(at..).unwrap_or_default();
            if self.ended {
                return if rest.is_empty() { Ok(at) } else { Err(Damage::new("bytes after the recording's end", at)) };
            }
            let Some(record) = record(rest).map_err(|what| Damage::new(what, at))? else {
                return if last { Err(Damage::new("the recording is cut", at)) } else { Ok(at) };
            };
            self.take(record.body, false, out).map_err(|what| Damage::new(what, at))?;
            at += record.length;
        }
    }
}

impl Decoder {
    fn take(&mut self, body: &[u8], inside_block: bool, out: &mut Queue) -> Result<(), String> {
        let garbled = || "a record makes no sense".to_owned();
        match body.first().copied() {
            Some(codec::HEADER) if self.header.is_none() => {
                self.header = Some(codec::header(body).map_err(|_| garbled())?);
            }
            _ if self.header.is_none() => return Err("the recording has no header".to_owned()),
            Some(codec::END) if !inside_block => {
                let count = Cursor(body.get(1..).unwrap_or_default()).int().map_err(|_| garbled())?;
                if count != self.events {
                    return Err(format!("the recording should have {count} events, but has {}", self.events));
                }
                self.ended = true;
            }
            Some(codec::ZSTD) if !inside_block => self.take_block(body.get(1..).unwrap_or_default(), out)?,
            _ => {
                out.push_back(codec::event(body).map_err(|_| garbled())?);
                self.events += 1;
            }
        }
        Ok(())
    }

    fn take_block(&mut self, body: &[u8], out: &mut Queue) -> Result<(), String> {
        let mut cursor = Cursor(body);
        let length: usize = cursor.small().map_err(|_| "a block makes no sense".to_owned())?;
        if length > MAX_RECORD + 64 {
            return Err("a block is too long".to_owned());
        }
        let frame = cursor.0;
        let plain = zstd::bulk::decompress(frame, length).map_err(|error| format!("a block is damaged: {error}"))?;
        let mut rest = plain.as_slice();
        while !rest.is_empty() {
            let record = record(rest)?.ok_or("a block ends inside a record")?;
            self.take(record.body, true, out)?;
            rest = rest.get(record.length..).unwrap_or_default();
        }
        Ok(())
    }
}

struct Record<'a> {
    body: &'a [u8],
    /// With length and check sum.
    length: usize,
}

/// The record at the start of `input`; null when it is not whole yet.
fn record(input: &[u8]) -> Result<Option<Record<'_>>, String> {
    let mut cursor = Cursor(input);
    let Ok(length) = cursor.int() else {
        return if input.len() < 10 { Ok(None) } else { Err("a record's length makes no sense".to_owned()) };
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length == 0 || length > MAX_RECORD {
        return Err(format!("a record's length makes no sense ({length})"));
    }
    let Ok(expected) = cursor.array::<4>() else { return Ok(None) };
    let Ok(body) = cursor.take(length) else { return Ok(None) };
    if checksum(body) != u32::from_le_bytes(expected) {
        return Err("a record's check sum is wrong".to_owned());
    }
    Ok(Some(Record { body, length: input.len() - cursor.0.len() }))
}

/// Length of magic and version; null when they are not whole yet.
fn start(input: &[u8]) -> Result<Option<usize>, Damage> {
    let common = input.len().min(MAGIC_LEN);
    if input.get(..common) != MAGIC.get(..common) {
        let what = if input.starts_with(b"\x89explore-events") {
            "the recording was changed in transfer (as text instead of binary)"
        } else {
            "no recording"
        };
        return Err(Damage::new(what, 0));
    }
    let mut cursor = Cursor(input.get(common..).unwrap_or_default());
    let Ok(version) = cursor.array::<2>() else { return Ok(None) };
    let version = u16::from_le_bytes(version);
    if version == 0 || version > VERSION {
        return Err(Damage {
            what: format!("the recording has format version {version}; this explore reads up to {VERSION}"),
            at: MAGIC_LEN,
            advice: Some("read it with the explore that wrote it, or a newer one".to_owned()),
        });
    }
    Ok(Some(MAGIC_LEN + 2))
}

/// A recording, read to its end or its damage.
#[derive(Debug)]
pub struct Reader<R: Read> {
    input: R,
    decoder: Decoder,
    buffer: Vec<u8>,
    offset: u64,
    queue: Queue,
    over: bool,
    /// Told when the queue is empty.
    damage: Option<SourceError>,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// When it is no recording, or damaged in its header.
    pub fn new(input: R) -> Result<Self, SourceError> {
        let (decoder, queue) = (Decoder::default(), Queue::new());
        let mut reader = Self { input, decoder, buffer: Vec::new(), offset: 0, queue, over: false, damage: None };
        while reader.decoder.header.is_none() && !reader.over {
            reader.fill();
        }
        match reader.damage.take_if(|_| reader.decoder.header.is_none()) {
            Some(damage) => Err(damage),
            None => Ok(reader),
        }
    }

    /// What the recording says of itself.
    #[must_use]
    pub fn header(&self) -> Option<&Header> {
        self.decoder.header.as_ref()
    }

    fn fill(&mut self) {
        let old = self.buffer.len();
        self.buffer.resize(old + CHUNK, 0);
        let count = loop {
            match self.input.read(self.buffer.get_mut(old..).unwrap_or_default()) {
                Ok(count) => break Ok(count),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => break Err(Damage::new(error.to_string(), old)),
            }
        };
        self.buffer.truncate(old + *count.as_ref().unwrap_or(&0));
        self.over = !matches!(count, Ok(1..));
        let decoded = count.and_then(|_| self.decoder.decode(&self.buffer, self.over, &mut self.queue));
        match decoded {
            Ok(done) => {
                self.buffer.drain(..done);
                self.offset += done as u64;
            }
            Err(damage) => {
                self.over = true;
                let offset = Some(self.offset + damage.at as u64);
                self.damage =
                    Some(SourceError { what: damage.what, offset, advice: damage.advice, unsupported: false });
            }
        }
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<SocketEvent, SourceError>;

    /// The next event; after the last good one the damage, if there is any.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Some(Ok(event));
            }
            if self.over {
                return self.damage.take().map(Err);
            }
            self.fill();
        }
    }
}
