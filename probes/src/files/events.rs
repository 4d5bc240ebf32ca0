//! `.events`: recordings of socket events, for `--record` and an exact `--read`.
//!
//! # Format, version 1
//! Integers are little-endian base 128 (LEB128), seven bits a byte, unless a width is given.
//!
//! ```text
//! file    = magic version record*             magic   = 89 "explore-events" 0D 0A 1A 0A     version = u16, little-endian
//! record  = length crc body                   length  = integer, of the body, 1 to 64 MiB
//!                                             crc     = u32, little-endian: CRC-32 (IEEE) of the body
//! body    = 00 header                         the first record, and only that: see `Header`
//!         | 01 count                          the last record: how many events there are; nothing follows
//!         | 02 length zstd-frame              `length` bytes of records with tags of 10 and above, compressed
//!         | 10… event                         one `SocketEvent`: a tag for its kind, then its fields in their order
//! string  = length utf-8-bytes                option  = 00 | 01 value                       list = length item*
//! ```
//! Every record has its own check sum, so that of a cut or damaged file every event before the damage is given, and the
//! offset at which the damage begins. A file without the last record was cut, be it at the end of a record.
//!
//! A recording holds **unredacted** bytes: redaction happens on the way to the store, also when a recording is read. The
//! header says so in words, and the file is made with mode 0600.
//!
//! The same events give the same bytes: nothing in the file comes from a clock, or depends on when the writer was flushed
//! (compressed recordings: on the events' own times and sizes only).

mod codec;
mod reader;
mod wire;
mod writer;

use protocols::event::Timestamp;

pub use reader::Reader;
pub(super) use reader::{Decoder, MAGIC_LEN};
pub use writer::{Compression, Writer};

/// First bytes of every recording. The non-ASCII byte and the line ends show a file that was transferred as text.
pub(super) const MAGIC: &[u8; MAGIC_LEN] = b"\x89explore-events\r\n\x1a\n";

/// Version that is written, and the highest that is read.
pub(super) const VERSION: u16 = 1;

/// No record is longer: a length beyond it is damage, and is never allocated.
pub(super) const MAX_RECORD: usize = 64 << 20;

/// What a recording says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// The machine's host name.
    pub node: Option<String>,
    /// Kernel release, as `uname -r`.
    pub kernel: Option<String>,
    /// When the recording began.
    pub start: Timestamp,
    /// Version of explore that wrote it.
    pub program: String,
    /// Options that shape the events (`capture`, `tls`, …), names and values as on the command line.
    pub options: Vec<(String, String)>,
}

/// CRC-32 (IEEE 802.3), as in gzip.
fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests;
