//! Framing: records (RFC 8446, 5.1).

use crate::event::{Direction, Timestamp};
use crate::stream::{DataStream, Mark};

/// Content type, version, length.
pub(super) const HEADER_LEN: usize = 5;
/// "MUST NOT exceed 2^14 + 2048" (RFC 5246, 6.2.3).
const MAX_LEN: u16 = (1 << 14) + 2048;

pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
pub(super) const APPLICATION_DATA: u8 = 23;
const HEARTBEAT: u8 = 24;

/// The first five bytes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) content_type: u8,
    pub(super) version: u16,
    /// Bytes that follow.
    pub(super) len: u16,
}

impl Header {
    /// Null if it is none, or not all there.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let &[content_type, major, minor, high, low] = bytes.first_chunk::<HEADER_LEN>()?;
        let len = u16::from_be_bytes([high, low]);
        let sane = (CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&content_type)
            && major == 3
            && minor <= 4
            && len <= MAX_LEN
            && (len > 0 || content_type == APPLICATION_DATA);
        sane.then_some(Self { content_type, version: u16::from_be_bytes([major, minor]), len })
    }

    /// Length of the whole record.
    pub(super) fn record_len(&self) -> usize {
        usize::from(self.len).saturating_add(HEADER_LEN)
    }
}

/// Length of a record that holds a ClientHello in the form of SSL 2.0 (RFC 5246, E.2); null if `bytes` begin none.
pub(super) fn ssl2_hello(bytes: &[u8]) -> Option<usize> {
    let &[high, low, kind, major, minor] = bytes.first_chunk::<5>()?;
    let len = usize::from(u16::from_be_bytes([high & 0x7f, low]));
    let version = (major == 3 && minor <= 3) || (major == 0 && minor == 2);
    // Its fixed part and one cipher suite are the least there is.
    let sane = high & 0x80 != 0 && kind == 1 && version && (9..=4096).contains(&len);
    sane.then(|| len.saturating_add(2))
}

/// One record as it was sent.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) direction: Direction,
    /// Null for a hello in the form of SSL 2.0.
    pub(super) header: Option<Header>,
    /// Up to the first byte that is missing.
    pub(super) payload: Vec<u8>,
    /// Where it begins in its direction.
    pub(super) position: u64,
    pub(super) first: Mark,
    pub(super) last: Mark,
    /// Fewer bytes were kept than sent.
    pub(super) cut: bool,
    /// Bytes were lost.
    pub(super) lost: bool,
}

impl Frame {
    pub(super) fn is_whole(&self) -> bool {
        !self.cut && !self.lost
    }
}

/// What comes next in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// A record that is all there, in this many bytes, the last of which came then.
    Frame(usize, Timestamp),
    /// Too few bytes to tell.
    Wait,
    /// A hole before the next record: where that begins is not known.
    Hole,
    /// No record.
    Garbage,
}

/// Looks for the next record. `start` means that nothing of the direction was read yet.
pub(super) fn next(stream: &DataStream, start: bool) -> Next {
    if stream.hole().is_some() {
        return Next::Hole;
    }
    let bytes = stream.bytes();
    let buffered = bytes.len();
    let len = match Header::parse(bytes) {
        Some(header) => header.record_len(),
        None if buffered < HEADER_LEN => {
            let torn = stream.tail() > stream.position().saturating_add(buffered as u64);
            return if torn { Next::Garbage } else { Next::Wait };
        }
        None => match ssl2_hello(bytes).filter(|_| start) {
            Some(len) => len,
            None => return Next::Garbage,
        },
    };
    let end = stream.position().saturating_add(len as u64);
    match stream.mark(end.saturating_sub(1)) {
        Some(mark) if stream.tail() >= end => Next::Frame(len, mark.time),
        _ => Next::Wait,
    }
}

/// Takes a record of `len` bytes that [`next`] has found.
pub(super) fn take(stream: &mut DataStream, direction: Direction, len: usize) -> Option<Frame> {
    let position = stream.position();
    let first = stream.mark(position)?;
    let last = stream.mark(position.saturating_add(len as u64).saturating_sub(1)).unwrap_or(first);
    let bytes = stream.bytes();
    let header = Header::parse(bytes);
    let skip = if header.is_some() { HEADER_LEN } else { 2 };
    let payload = bytes.get(skip..len.min(bytes.len())).unwrap_or_default().to_vec();
    let skipped = stream.skip(len as u64);
    Some(Frame { direction, header, payload, position, first, last, cut: skipped.cut, lost: skipped.lost })
}

/// Moves to what may be the next record after bytes that are none; returns over how many.
pub(super) fn resynchronise(stream: &mut DataStream) -> u64 {
    let bytes = stream.bytes();
    let begins = |at: &usize| {
        let rest = bytes.get(*at..).unwrap_or_default();
        match Header::parse(rest) {
            Some(header) => match rest.get(header.record_len()..) {
                None | Some([]) => true,
                Some(next) => next.len() < HEADER_LEN || Header::parse(next).is_some(),
            },
            None => rest.len() < HEADER_LEN,
        }
    };
    // The record that is looked for does not begin here: this was tried.
    let found = (1..bytes.len()).find(begins).unwrap_or(bytes.len());
    let torn = stream.tail() > stream.position().saturating_add(bytes.len() as u64);
    let short = bytes.len().saturating_sub(found) < HEADER_LEN;
    let moved = if torn && short { bytes.len() } else { found };
    stream.consume(moved);
    moved as u64
}
