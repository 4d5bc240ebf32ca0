//! Files: `.events` recordings, pcap and pcapng, plain or compressed, recognised by content.
//!
//! ```text
//! file -> Counted -> gzip | zstd | xz -> Feed (a thread) -> Format (events, pcap, pcapng) -> SocketEvent
//! ```
//! Parquet and Arrow files are recognised too and handed back: `query` reads them.
//!
//! Each file is a source of its own. Files are not merged here, since their sockets' names would clash: run each through
//! trackers of its own, and merge the rows by `time`.

pub mod events;
mod feed;
mod format;
pub mod fuzz;
mod net;
mod pcap;
mod pcapng;
mod recognise;

use std::io::Read;
use std::sync::Arc;

pub use feed::Progress;
pub use format::Replay;
pub use recognise::Kind;

use crate::SourceError;
use feed::{Counted, Feed};
use format::Format;

/// What is known of a file beside its bytes.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Its length on disk, for [`Progress`]; null for pipes.
    pub size: Option<u64>,
    /// Logged TLS secrets (`SSLKEYLOGFILE`) for captures, beside those that a pcapng holds.
    pub keys: Option<Arc<[u8]>>,
}

/// An open file.
#[derive(Debug)]
pub enum Input {
    /// A capture or recording.
    Events(Replay),
    /// A file of rows.
    Table(Table),
}

/// A file of rows, for `query` to read.
pub struct Table {
    /// [`Kind::Parquet`], [`Kind::ArrowFile`] or [`Kind::ArrowStream`].
    pub kind: Kind,
    /// All of its bytes, decompressed. Cannot seek.
    pub input: Box<dyn Read + Send>,
    /// How far it has been read.
    pub progress: Progress,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Opens a file: waits for its first bytes, and tells by them what it is. `name` is for messages.
///
/// # Errors
/// When it is none that `--read` takes, or damaged at its very beginning.
pub fn open(input: Box<dyn Read + Send>, name: &str, options: &Options) -> Result<Input, SourceError> {
    let progress = Progress::new(options.size);
    let counted = Counted { inner: input, progress: progress.clone() };
    let failed = |what: String| SourceError {
        what: format!("{name}: {what}"),
        offset: Some(0),
        advice: None,
        unsupported: false,
    };
    let plain = recognise::decompress(Box::new(counted)).map_err(|error| failed(error.to_string()))?;
    let (head, input) = recognise::peek(plain, recognise::HEAD).map_err(|error| failed(error.to_string()))?;
    let kind = Kind::of(&head).ok_or_else(|| SourceError {
        what: format!("{name} is no capture: it {}", recognise::describe(&head)),
        offset: None,
        advice: Some(recognise::advice(&head)),
        unsupported: false,
    })?;
    let format: Box<dyn Format> = match kind {
        Kind::Events => Box::new(events::Decoder::default()),
        Kind::Pcap => Box::new(pcap::Pcap::new(options.keys.clone())),
        Kind::PcapNg => Box::new(pcapng::PcapNg::new(options.keys.clone())),
        Kind::Parquet | Kind::ArrowFile | Kind::ArrowStream => {
            return Ok(Input::Table(Table { kind, input, progress }));
        }
    };
    let feed = Feed::start(input).map_err(|error| failed(error.to_string()))?;
    Ok(Input::Events(Replay::new(name, kind, progress, feed, format)))
}

#[cfg(test)]
mod tests;
