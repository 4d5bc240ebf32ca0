//! Files: `.events` recordings, pcap and pcapng, plain or compressed, recognised by content.

use std::io::Read;

use crate::{EventSource, SourceError};

/// Opens a capture or recording.
///
/// # Errors
/// When it is neither, or damaged at its very beginning.
pub fn open(_input: Box<dyn Read + Send>, _name: &str) -> Result<Box<dyn EventSource>, SourceError> {
    Err(SourceError { what: "not built yet".to_owned(), offset: None, advice: None, unsupported: false })
}
