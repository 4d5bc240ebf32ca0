//! The dynamic table, as far as it is known (RFC 7541, 2.3.2 and 4).
//!
//! ```text
//!  index   62    63    64  |  65    66   …
//!  id       7     6     5  |   4     3   …        next = 8
//!          inserted since  |  before joining: placeholders
//! ```
//! Index 62 is always the newest entry, and only the oldest are evicted. An observer that joined in the middle therefore
//! knows every entry inserted since, at its right index, whatever the table's size is. An index beyond them means an
//! entry from before, which has an id that stays the same while its index grows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::{EntryId, Invalid, Name};

/// What an entry costs beside its strings (RFC 7541, 4.1).
const OVERHEAD: u64 = 32;

/// RFC 9113, 6.5.2: the table's size until the encoder says otherwise.
const DEFAULT_CAPACITY: u64 = 4096;

/// Kept of a table whose size is not known. What goes beyond becomes unknown again.
const KEPT_IF_UNKNOWN: u64 = 64 << 10;

/// Kept of a table at most.
const KEPT: u64 = 256 << 10;

/// Highest reference that is believed where the table's size is not known: that table would have at least 2 MiB.
const HIGHEST_REFERENCE: u32 = 1 << 16;

/// Ids of two lives of a table are at least this far apart: more than the highest reference.
const LIFE: i64 = 1 << 32;

/// Names of placeholders that are remembered.
const REVEALED: usize = 4096;

/// An entry inserted since joining.
#[derive(Debug, Clone)]
struct Entry {
    name: Name,
    value: Arc<str>,
    /// Without the name where that is not known: a lower bound.
    size: u64,
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// Newest first.
    entries: VecDeque<Entry>,
    next: i64,
    size: u64,
    /// Null where joined too late to know it.
    capacity: Option<u64>,
    /// There is no entry beside `entries`.
    complete: bool,
    revealed: BTreeMap<EntryId, Arc<str>>,
}

impl Table {
    /// A new connection's.
    pub(super) fn new() -> Self {
        let capacity = Some(DEFAULT_CAPACITY);
        Self { entries: VecDeque::new(), next: 0, size: 0, capacity, complete: true, revealed: BTreeMap::new() }
    }

    /// Nothing is known any more. Names that were given to placeholders stay with them.
    pub(super) fn forget(&mut self) {
        self.entries.clear();
        self.size = 0;
        self.next = self.next.saturating_add(LIFE);
        self.capacity = None;
        self.complete = false;
    }

    /// Every entry is known.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        let revealed = self.revealed.len().saturating_mul(64);
        usize::try_from(self.size).unwrap_or(usize::MAX).saturating_add(revealed)
    }

    /// The entry `back` places behind the newest one. Its value is null for a placeholder.
    pub(super) fn entry(&self, back: u32) -> Result<(Name, Option<Arc<str>>), Invalid> {
        match self.entries.get(usize::try_from(back).unwrap_or(usize::MAX)) {
            Some(entry) => Ok((self.resolve(&entry.name), Some(Arc::clone(&entry.value)))),
            None => Ok((self.resolve(&Name::Before(self.placeholder(back)?)), None)),
        }
    }

    /// A name, with what has been revealed of it since.
    pub(super) fn resolve(&self, name: &Name) -> Name {
        self.name(name).map_or_else(|| name.clone(), |name| Name::Known(Arc::clone(name)))
    }

    /// The same; null if it is still not known.
    pub(super) fn name<'a>(&'a self, name: &'a Name) -> Option<&'a Arc<str>> {
        match name {
            Name::Known(name) => Some(name),
            Name::Before(id) => self.revealed.get(id),
        }
    }

    /// Adds an entry of which the strings take `name_len` (0 if not known) and `value_len` bytes.
    pub(super) fn insert(&mut self, name: Name, value: Arc<str>, lengths: (usize, usize)) {
        let size = (lengths.0 as u64).saturating_add(lengths.1 as u64).saturating_add(OVERHEAD);
        if self.capacity.is_some_and(|capacity| size > capacity) {
            // RFC 7541, 4.4: not an error, but it empties the table.
            self.entries.clear();
            self.size = 0;
            self.complete = true;
            return;
        }
        self.entries.push_front(Entry { name, value, size });
        self.size = self.size.saturating_add(size);
        self.next = self.next.saturating_add(1);
        self.evict();
    }

    /// A size update (RFC 7541, 6.3).
    pub(super) fn resize(&mut self, capacity: u64) {
        self.capacity = Some(capacity);
        self.evict();
    }

    /// Gives a placeholder its name. False if it has another one already.
    pub(super) fn reveal(&mut self, id: EntryId, name: &Arc<str>) -> bool {
        if let Some(known) = self.revealed.get(&id) {
            return known == name;
        }
        if self.revealed.len() >= REVEALED {
            self.revealed.pop_first();
        }
        self.revealed.insert(id, Arc::clone(name));
        true
    }

    /// The id of an entry from before joining.
    fn placeholder(&self, back: u32) -> Result<EntryId, Invalid> {
        let known = self.entries.len() as u64;
        // However small the older entries are, they must have room beside the newer ones.
        let older = u64::from(back).saturating_add(1).saturating_sub(known).saturating_mul(OVERHEAD);
        let too_far = match self.capacity {
            Some(capacity) => self.size.saturating_add(older) > capacity,
            None => back > HIGHEST_REFERENCE,
        };
        if self.complete || too_far {
            return Err(Invalid::Index);
        }
        Ok(EntryId(self.next.saturating_sub(1).saturating_sub(i64::from(back))))
    }

    fn evict(&mut self) {
        let kept = self.capacity.map_or(KEPT_IF_UNKNOWN, |capacity| capacity.min(KEPT));
        while self.size > kept {
            let Some(oldest) = self.entries.pop_back() else { break };
            self.size = self.size.saturating_sub(oldest.size);
            // Still in the encoder's table: a placeholder from now on.
            self.complete &= self.capacity.is_some_and(|capacity| capacity <= KEPT);
        }
        // Even an empty older entry would not fit beside those that are known.
        if self.capacity.is_some_and(|capacity| self.size.saturating_add(OVERHEAD) > capacity) {
            self.complete = true;
        }
    }
}
