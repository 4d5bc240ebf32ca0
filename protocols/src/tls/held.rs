//! Encrypted records that wait for their keys.
//!
//! In a capture the keys may stand behind the records that they open. What waits is bounded for each connection and in
//! all; beyond the bound nothing of the connection is opened any more. In a live session no keys come.

use std::collections::VecDeque;

use super::frame::Frame;
use crate::event::Source;
use crate::keys::KeyLog;

/// Bytes that one connection keeps.
const MOST: usize = 256 << 10;
/// The same while no keys at all have come.
const MOST_WITHOUT_KEYS: usize = 16 << 10;
/// What a record takes beside its bytes.
const FRAME_BYTES: usize = size_of::<Frame>();

#[derive(Debug)]
pub(super) struct Held {
    keys: KeyLog,
    frames: VecDeque<Frame>,
    bytes: usize,
}

impl Held {
    pub(super) fn new(keys: KeyLog) -> Self {
        Self { keys, frames: VecDeque::new(), bytes: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps a record; false if there is no room, and then nothing is kept any more.
    #[must_use]
    pub(super) fn push(&mut self, frame: Frame) -> bool {
        let size = frame.payload.len().saturating_add(FRAME_BYTES);
        let most = match frame.first.source {
            Source::Pcap if self.keys.is_empty() => MOST_WITHOUT_KEYS,
            Source::Pcap => MOST,
            _ => 0,
        };
        if self.bytes.saturating_add(size) > most || !self.keys.hold(size) {
            self.take();
            return false;
        }
        self.bytes = self.bytes.saturating_add(size);
        self.frames.push_back(frame);
        true
    }

    /// Hands all of it out.
    pub(super) fn take(&mut self) -> VecDeque<Frame> {
        self.keys.let_go(self.bytes);
        self.bytes = 0;
        std::mem::take(&mut self.frames)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.take();
    }
}
