//! HTTP/2 (RFC 9113), from the preface or joined anywhere in the middle.
//!
//! ```text
//!  DataStream -> Reader (frames) -> Side (header blocks, HPACK) -> Http2 (streams) -> row
//! ```
//! * Joined in the middle, an answer on a stream that was opened before is a row without a request and without latency, whose
//!   `time` is the answer's; the same for requests that were lost. What the header table of that time hides stays null, and
//!   where it hides which table the row belongs to, there is no row.
//! * Which side asks is certain from the preface on, or from the first header block that tells.

mod body;
mod exchange;
pub mod frame;
pub mod hpack;
mod reader;
mod recognise;
mod reveal;
mod row;
mod session;
mod side;
mod sync;
#[cfg(test)]
mod tests;
mod unasked;
mod unseen;

use crate::infer::{Protocol, Start};
use crate::session::Session;

/// HTTP/2 in the table of protocols.
pub const PROTOCOL: Protocol =
    Protocol { name: "http2", tables: &["http", "grpc"], recognise: recognise::recognise, start };

/// RFC 9113, 6.5.2: the largest frame until SETTINGS say otherwise.
const LARGEST_FRAME: u32 = 16_384;

/// Where SETTINGS may have been missed: what Go's server allows, the most that is in wide use.
const LARGEST_FRAME_JOINED: u32 = 1 << 20;

mod settings {
    /// SETTINGS_MAX_FRAME_SIZE
    pub(super) const MAX_FRAME_SIZE: u16 = 0x5;
}

fn start(start: Start) -> Box<dyn Session> {
    Box::new(session::Http2::new(start))
}
