//! Questions that have their row, so that a copy of an answer or a late one does not make another.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::dns::message::Question;
use crate::event::{Direction, Timestamp};

/// How long an answer may be late, ns.
const REMEMBERED: u64 = 30_000_000_000;
const MAX: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Settled {
    order: VecDeque<(Timestamp, u64)>,
    counts: HashMap<u64, u32>,
}

impl Settled {
    pub(super) fn note(&mut self, key: u64, now: Timestamp) {
        self.order.push_back((now, key));
        let count = self.counts.entry(key).or_default();
        *count = count.saturating_add(1);
        if self.order.len() > MAX {
            self.drop_oldest();
        }
    }

    pub(super) fn contains(&self, key: u64) -> bool {
        self.counts.contains_key(&key)
    }

    pub(super) fn forget(&mut self, now: Timestamp) {
        while self.order.front().is_some_and(|(time, _)| now.since(*time) > REMEMBERED) {
            self.drop_oldest();
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.order.len().saturating_mul(48)
    }

    fn drop_oldest(&mut self) {
        let Some((_, key)) = self.order.pop_front() else { return };
        if let Some(count) = self.counts.get_mut(&key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(&key);
            }
        }
    }
}

/// `direction` is that of the query.
pub(super) fn key(id: u16, direction: Direction, question: Option<&Question>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (id, direction, question).hash(&mut hasher);
    hasher.finish()
}
