//! `Trackers`: the connections of a session, from events to records.

use std::borrow::Cow;

use crate::event::{SocketEvent, Timestamp};
use crate::record::{Common, Record};

/// What is kept, and how much of it.
#[derive(Debug, Clone)]
pub struct Config {
    /// Bytes kept of each body (`--body`).
    pub body: usize,
    /// Parse only these (`--protocol`); null: all.
    pub protocols: Option<Vec<String>>,
    /// Mask secrets (INTERFACES section 5).
    pub redact: bool,
    /// Bounds on memory.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self { body: 1024, protocols: None, redact: true, limits: Limits::default() }
    }
}

/// Bounds on memory. What goes beyond is let go and counted.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes buffered in one direction of one connection.
    pub stream_bytes: usize,
    /// Bytes buffered in all.
    pub total_bytes: usize,
    /// Connections known at a time.
    pub connections: usize,
    /// Exchanges open on one connection.
    pub open_exchanges: usize,
    /// How long bytes that came too early wait for the missing ones, ns.
    pub reorder_wait: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stream_bytes: 1 << 20,
            total_bytes: 256 << 20,
            connections: 1 << 17,
            open_exchanges: 10_000,
            reorder_wait: 50_000_000,
        }
    }
}

/// All connections of one session. Feed it events in order; it gives records as they complete.
#[derive(Debug)]
pub struct Trackers {
    coverage: Coverage,
}

impl Trackers {
    /// An empty session.
    #[must_use]
    pub fn new(_config: Config) -> Self {
        Self { coverage: Coverage::default() }
    }

    /// Takes one event; calls `emit` for every record that it completes.
    pub fn handle(&mut self, _event: SocketEvent, _emit: &mut dyn FnMut(Record)) {}

    /// The input has ended: emits what is still open as it stands, then every open connection.
    pub fn finish(&mut self, _emit: &mut dyn FnMut(Record)) {}

    /// Exchanges begun and not answered, oldest first.
    #[must_use]
    pub fn in_flight(&self) -> Vec<InFlight> {
        Vec::new()
    }

    /// What was seen and what was not.
    #[must_use]
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }
}

/// A row of table `inflight`.
#[derive(Debug, Clone, PartialEq)]
pub struct InFlight {
    /// The common columns; `latency` stays null.
    pub common: Common,
    /// Table that it will go to.
    pub protocol: &'static str,
    /// As in `requests`; null before the head is complete.
    pub summary: Option<String>,
    /// Time since its first byte, ns, at the latest time seen.
    pub age: u64,
}

/// What was seen of the watched traffic (INTERFACES 1.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Connections that carried bytes.
    pub connections: u64,
    /// True bytes of them, both directions (of decrypted connections: plaintext bytes).
    pub bytes: u64,
    /// Of these, bytes on connections that are encrypted and not decrypted.
    pub encrypted_bytes: u64,
    /// Of `bytes`, those that a parser consumed.
    pub parsed_bytes: u64,
    /// Bytes kept.
    pub captured_bytes: u64,
    /// Encrypted connections without plaintext.
    pub encrypted: u64,
    /// Connections joined after they began.
    pub midstream: u64,
    /// Exchanges of which fewer bytes were kept than sent.
    pub truncated: u64,
    /// Exchanges with a gap.
    pub gaps: u64,
    /// Losses by cause.
    pub losses: Vec<Loss>,
}

/// A row of table `loss`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Why.
    pub cause: Cow<'static, str>,
    /// How many events.
    pub events: u64,
    /// How many bytes, as far as known.
    pub bytes: u64,
    /// When it was first noticed.
    pub first_seen: Timestamp,
}
