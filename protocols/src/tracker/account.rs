//! What was seen and what was not: the coverage line and table `loss`.

use std::borrow::Cow;

use super::{Coverage, Loss};
use crate::event::Timestamp;

/// One connection's share of the coverage, as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Share {
    pub(super) connections: u64,
    pub(super) bytes: u64,
    pub(super) encrypted_bytes: u64,
    pub(super) parsed_bytes: u64,
    pub(super) captured_bytes: u64,
    pub(super) encrypted: u64,
    pub(super) midstream: u64,
}

impl Coverage {
    /// Replaces what a connection contributed before by what it contributes now.
    pub(super) fn revise(&mut self, before: Share, now: Share) {
        let change = |total: &mut u64, before: u64, now: u64| *total = total.saturating_sub(before).saturating_add(now);
        change(&mut self.connections, before.connections, now.connections);
        change(&mut self.bytes, before.bytes, now.bytes);
        change(&mut self.encrypted_bytes, before.encrypted_bytes, now.encrypted_bytes);
        change(&mut self.parsed_bytes, before.parsed_bytes, now.parsed_bytes);
        change(&mut self.captured_bytes, before.captured_bytes, now.captured_bytes);
        change(&mut self.encrypted, before.encrypted, now.encrypted);
        change(&mut self.midstream, before.midstream, now.midstream);
    }

    pub(super) fn lose(&mut self, cause: Cow<'static, str>, events: u64, bytes: u64, time: Timestamp) {
        match self.losses.iter_mut().find(|loss| loss.cause == cause) {
            Some(loss) => {
                loss.events = loss.events.saturating_add(events);
                loss.bytes = loss.bytes.saturating_add(bytes);
            }
            None => self.losses.push(Loss { cause, events, bytes, first_seen: time }),
        }
    }
}
