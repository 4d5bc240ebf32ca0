//! Frames (RFC 9113, 4 and 6).
//!
//! ```text
//!  length (24) | type (8) | flags (8) | R (1) stream (31) | payload …
//! ```

use crate::scan::Scan;

/// What a client sends first (RFC 9113, 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frame types. Others exist (extensions); they are read over.
pub mod kind {
    /// Body bytes.
    pub const DATA: u8 = 0x0;
    /// Opens a stream, or ends it with trailers.
    pub const HEADERS: u8 = 0x1;
    /// Deprecated.
    pub const PRIORITY: u8 = 0x2;
    /// Ends a stream at once.
    pub const RST_STREAM: u8 = 0x3;
    /// Parameters of the connection.
    pub const SETTINGS: u8 = 0x4;
    /// Announces a response that was not asked for.
    pub const PUSH_PROMISE: u8 = 0x5;
    /// Round trip.
    pub const PING: u8 = 0x6;
    /// Ends the connection.
    pub const GOAWAY: u8 = 0x7;
    /// Flow control.
    pub const WINDOW_UPDATE: u8 = 0x8;
    /// More of a header block.
    pub const CONTINUATION: u8 = 0x9;
}

/// Flags, by the frames that have them.
pub mod flag {
    /// DATA, HEADERS: the sender's last frame on the stream.
    pub const END_STREAM: u8 = 0x1;
    /// SETTINGS, PING.
    pub const ACK: u8 = 0x1;
    /// HEADERS, PUSH_PROMISE, CONTINUATION: no CONTINUATION follows.
    pub const END_HEADERS: u8 = 0x4;
    /// DATA, HEADERS, PUSH_PROMISE.
    pub const PADDED: u8 = 0x8;
    /// HEADERS.
    pub const PRIORITY: u8 = 0x20;
}

/// The nine bytes before every payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Bytes of payload.
    pub length: u32,
    /// See [`kind`].
    pub kind: u8,
    /// See [`flag`].
    pub flags: u8,
    /// 0 is the connection itself.
    pub stream: u32,
}

/// A rule that a frame breaks, as the error code that its receiver answers with (RFC 9113, 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Violation {
    /// PROTOCOL_ERROR
    Protocol = 0x1,
    /// FRAME_SIZE_ERROR
    FrameSize = 0x6,
}

impl Head {
    /// Bytes that a head takes.
    pub const LENGTH: usize = 9;

    /// The head that `bytes` begins with; null if there are fewer than nine. The reserved bit is ignored.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut scan = Scan::new(bytes);
        let (length, kind, flags) = (scan.u24()?, scan.u8()?, scan.u8()?);
        Some(Self { length, kind, flags, stream: scan.u32()? & 0x7fff_ffff })
    }

    /// Whether a flag is set.
    #[must_use]
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Bytes of payload.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        usize::try_from(self.length).unwrap_or(usize::MAX)
    }

    /// Whether this head can be right, before its payload is looked at. `max` is SETTINGS_MAX_FRAME_SIZE.
    pub fn check(&self, max: u32) -> Result<(), Violation> {
        if self.length > max {
            return Err(Violation::FrameSize);
        }
        let on_stream = self.stream != 0;
        let (stream_fits, size_fits) = match self.kind {
            kind::DATA | kind::HEADERS | kind::CONTINUATION => (on_stream, true),
            kind::PUSH_PROMISE => (on_stream, self.length >= 4),
            kind::PRIORITY => (on_stream, self.length == 5),
            kind::RST_STREAM => (on_stream, self.length == 4),
            kind::SETTINGS if self.has(flag::ACK) => (!on_stream, self.length == 0),
            kind::SETTINGS => (!on_stream, self.length.is_multiple_of(6)),
            kind::PING => (!on_stream, self.length == 8),
            kind::GOAWAY => (!on_stream, self.length >= 8),
            kind::WINDOW_UPDATE => (true, self.length == 4),
            _ => (true, true),
        };
        match (stream_fits, size_fits) {
            (true, true) => Ok(()),
            (false, _) => Err(Violation::Protocol),
            (true, false) => Err(Violation::FrameSize),
        }
    }
}

/// A frame's payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload<'a> {
    /// Without padding.
    Data(&'a [u8]),
    /// Header block fragment. Deprecated priority is left out.
    Headers(&'a [u8]),
    /// What it depends on is left out.
    Priority,
    /// Error code.
    RstStream(u32),
    /// See [`Settings`].
    Settings(Settings<'a>),
    /// Promised stream and header block fragment.
    PushPromise(u32, &'a [u8]),
    /// Eight opaque bytes are left out.
    Ping,
    /// Last stream that was or may be processed, and the error code.
    GoAway(u32, u32),
    /// Increment.
    WindowUpdate(u32),
    /// Header block fragment.
    Continuation(&'a [u8]),
    /// Of a type that is not known here.
    Unknown(&'a [u8]),
}

/// Parameters in wire order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings<'a>(&'a [u8]);

impl Settings<'_> {
    /// (identifier, value)
    pub fn iter(&self) -> impl Iterator<Item = (u16, u32)> {
        let mut scan = Scan::new(self.0);
        std::iter::from_fn(move || Some((scan.u16()?, scan.u32()?)))
    }
}

/// Reads a whole payload. [`Head::check`] has been passed.
pub fn parse<'a>(head: &Head, payload: &'a [u8]) -> Result<Payload<'a>, Violation> {
    Ok(match head.kind {
        kind::DATA => Payload::Data(unpad(head, payload)?),
        kind::HEADERS => {
            let rest = unpad(head, payload)?;
            let priority = if head.has(flag::PRIORITY) { 5 } else { 0 };
            Payload::Headers(rest.get(priority..).ok_or(Violation::FrameSize)?)
        }
        kind::PRIORITY => Payload::Priority,
        kind::RST_STREAM => Payload::RstStream(number(payload)?.0),
        kind::SETTINGS => Payload::Settings(Settings(payload)),
        kind::PUSH_PROMISE => {
            let (promised, block) = number(unpad(head, payload)?)?;
            let promised = promised & 0x7fff_ffff;
            // RFC 9113, 5.1.1: streams that a server opens have even numbers.
            if promised == 0 || !promised.is_multiple_of(2) {
                return Err(Violation::Protocol);
            }
            Payload::PushPromise(promised, block)
        }
        kind::PING => Payload::Ping,
        kind::GOAWAY => {
            let (last, rest) = number(payload)?;
            Payload::GoAway(last & 0x7fff_ffff, number(rest)?.0)
        }
        kind::WINDOW_UPDATE => match number(payload)?.0 & 0x7fff_ffff {
            0 => return Err(Violation::Protocol),
            increment => Payload::WindowUpdate(increment),
        },
        kind::CONTINUATION => Payload::Continuation(payload),
        _ => Payload::Unknown(payload),
    })
}

/// RFC 9113, 6.1: padding that reaches the payload's length is an error.
fn unpad<'a>(head: &Head, payload: &'a [u8]) -> Result<&'a [u8], Violation> {
    if !head.has(flag::PADDED) {
        return Ok(payload);
    }
    let (padding, rest) = payload.split_first().ok_or(Violation::FrameSize)?;
    let end = rest.len().checked_sub(usize::from(*padding)).ok_or(Violation::Protocol)?;
    Ok(rest.get(..end).unwrap_or_default())
}

fn number(bytes: &[u8]) -> Result<(u32, &[u8]), Violation> {
    let mut scan = Scan::new(bytes);
    let number = scan.u32().ok_or(Violation::FrameSize)?;
    Ok((number, scan.rest()))
}

#[cfg(test)]
mod tests;
