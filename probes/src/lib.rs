//! Where socket events come from: eBPF probes on a live kernel ([`live`]), or files ([`files`]).
//!
//! Both give [`protocols::event::SocketEvent`] through [`EventSource`]; nothing above can tell them apart.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should"))]

pub mod files;
pub mod live;
pub mod memory;
pub mod privileges;
mod process;
pub mod targets;
pub mod tls;

use std::time::Duration;

use protocols::event::SocketEvent;

/// A stream of events.
pub trait EventSource: Send {
    /// The next event. Waits at most `wait` for it.
    ///
    /// # Errors
    /// When the source is damaged or lost; what was given before stays good. After an error the source has ended.
    fn next(&mut self, wait: Duration) -> Result<Next, SourceError>;
}

/// What an [`EventSource`] has to say.
#[derive(Debug)]
pub enum Next {
    /// Something happened.
    Event(SocketEvent),
    /// Nothing happened while it waited.
    Idle,
    /// Nothing will happen any more.
    End,
}

/// Why a source ended early, or could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceError {
    /// What was wrong, as one line without a full stop.
    pub what: String,
    /// Byte offset in the (decompressed) file, where that says something.
    pub offset: Option<u64>,
    /// What to do about it.
    pub advice: Option<String>,
    /// The machine cannot do it (exit code 3), rather than the input being wrong (exit code 2).
    pub unsupported: bool,
}

impl std::fmt::Display for SourceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)?;
        if let Some(offset) = self.offset {
            write!(f, " at offset {offset}")?;
        }
        if let Some(advice) = &self.advice {
            write!(f, "; {advice}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SourceError {}
