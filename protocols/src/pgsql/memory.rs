//! What a connection remembers: prepared statements and portals by name, bounded in number and bytes.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::content::Param;
use crate::session::TraceContext;

/// Prepared statements remembered on one connection.
const STATEMENTS: usize = 1024;
/// Bytes of their texts.
const TEXT_BYTES: usize = 1 << 20;
/// Portals remembered on one connection.
const PORTALS: usize = 256;

/// A statement that was parsed, or of which only the name was seen.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// Null when unnamed.
    pub(super) name: Option<String>,
    /// Null: parsed before the connection was joined.
    pub(super) text: Option<String>,
    pub(super) operation: Option<String>,
    pub(super) shape: Option<String>,
    pub(super) trace: Option<TraceContext>,
    /// Its text was cut off.
    pub(super) cut: bool,
    /// Type OIDs that the Parse message gave; 0 leaves the choice to the server.
    pub(super) asked: Vec<u32>,
    /// Type OIDs that the server gave.
    pub(super) described: OnceLock<Vec<u32>>,
}

impl Prepared {
    /// Type of a parameter, counted from 0.
    pub(super) fn param_type(&self, index: usize) -> Option<u32> {
        let described = self.described.get().and_then(|types| types.get(index));
        described.or_else(|| self.asked.get(index)).copied().filter(|oid| *oid != 0)
    }

    fn size(&self) -> usize {
        let texts = [&self.text, &self.shape, &self.name];
        texts.into_iter().flatten().fold(128, |sum, text| sum.saturating_add(text.len()))
    }
}

/// A statement with its parameters, ready to run.
#[derive(Debug, Clone, Default)]
pub(super) struct Portal {
    pub(super) prepared: Option<Arc<Prepared>>,
    pub(super) params: Option<Arc<[Param]>>,
    pub(super) params_cut: bool,
}

#[derive(Debug)]
struct PortalEntry {
    portal: Portal,
    /// Exchange that its Bind message belongs to, until it is executed.
    draft: Option<Draft>,
    used: u64,
}

#[derive(Debug)]
struct Entry {
    prepared: Arc<Prepared>,
    /// Exchange that its Parse message belongs to, until it is bound.
    draft: Option<Draft>,
    used: u64,
}

/// An exchange that later messages up to the next Sync belong to.
#[derive(Debug, Clone, Copy)]
struct Draft {
    exchange: u64,
    batch: u64,
}

/// The names of one connection.
#[derive(Debug, Default)]
pub(super) struct Memory {
    statements: HashMap<Box<[u8]>, Entry>,
    portals: HashMap<Box<[u8]>, PortalEntry>,
    bytes: usize,
    uses: u64,
    /// Counts Syncs.
    batch: u64,
}

impl Memory {
    /// Roughly how many bytes it holds.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.saturating_add(self.portals.len().saturating_mul(256))
    }

    /// Remembers a statement; returns what had its name before.
    pub(super) fn prepare(
        &mut self,
        name: &[u8],
        prepared: Arc<Prepared>,
        draft: Option<u64>,
    ) -> Option<Arc<Prepared>> {
        let before = self.forget(name);
        while self.statements.len() >= STATEMENTS || self.bytes.saturating_add(prepared.size()) > TEXT_BYTES {
            let Some(oldest) = self.statements.iter().min_by_key(|(_, entry)| entry.used).map(|(name, _)| name.clone())
            else {
                break;
            };
            self.forget(&oldest);
        }
        self.bytes = self.bytes.saturating_add(prepared.size());
        let used = self.tick();
        let draft = draft.map(|exchange| Draft { exchange, batch: self.batch });
        self.statements.insert(name.into(), Entry { prepared, draft, used });
        before
    }

    /// A failed Parse leaves things as they were.
    pub(super) fn restore(&mut self, name: &[u8], before: Option<Arc<Prepared>>) {
        match before {
            Some(before) => drop(self.prepare(name, before, None)),
            None => drop(self.forget(name)),
        }
    }

    /// The statement of that name, which becomes known by its name if it was not; and the exchange that its Parse message
    /// belongs to, once.
    pub(super) fn bound(&mut self, name: &[u8]) -> (Arc<Prepared>, Option<u64>) {
        let used = self.tick();
        if let Some(entry) = self.statements.get_mut(name) {
            entry.used = used;
            let draft = entry.draft.take().filter(|draft| draft.batch == self.batch);
            return (Arc::clone(&entry.prepared), draft.map(|draft| draft.exchange));
        }
        let shown = (!name.is_empty()).then(|| super::content::text(name));
        let prepared = Arc::new(Prepared { name: shown, ..Prepared::default() });
        self.prepare(name, Arc::clone(&prepared), None);
        (prepared, None)
    }

    /// As [`Self::bound`], but nothing changes.
    pub(super) fn statement(&self, name: &[u8]) -> Option<(Arc<Prepared>, Option<u64>)> {
        let entry = self.statements.get(name)?;
        Some((Arc::clone(&entry.prepared), self.current(entry.draft)))
    }

    pub(super) fn forget(&mut self, name: &[u8]) -> Option<Arc<Prepared>> {
        let entry = self.statements.remove(name)?;
        self.bytes = self.bytes.saturating_sub(entry.prepared.size());
        Some(entry.prepared)
    }

    /// `DEALLOCATE ALL`, `DISCARD ALL`.
    pub(super) fn forget_all(&mut self) {
        self.statements.clear();
        self.bytes = 0;
    }

    /// Remembers a portal, with the exchange that its Bind message belongs to.
    pub(super) fn open_portal(&mut self, name: &[u8], portal: Portal, draft: u64) {
        if self.portals.len() >= PORTALS && !self.portals.contains_key(name) {
            let oldest = self.portals.iter().min_by_key(|(_, entry)| entry.used).map(|(name, _)| name.clone());
            if let Some(oldest) = oldest {
                self.portals.remove(&oldest);
            }
        }
        let used = self.tick();
        let draft = Some(Draft { exchange: draft, batch: self.batch });
        self.portals.insert(name.into(), PortalEntry { portal, draft, used });
    }

    /// The portal of that name, and the exchange that its Bind message belongs to, once.
    pub(super) fn execute(&mut self, name: &[u8]) -> (Portal, Option<u64>) {
        let Some(entry) = self.portals.get_mut(name) else { return (Portal::default(), None) };
        let draft = entry.draft.take().filter(|draft| draft.batch == self.batch);
        (entry.portal.clone(), draft.map(|draft| draft.exchange))
    }

    /// Exchange that the portal's Bind message belongs to.
    pub(super) fn portal_draft(&self, name: &[u8]) -> Option<u64> {
        self.portals.get(name).and_then(|entry| self.current(entry.draft))
    }

    pub(super) fn close_portal(&mut self, name: &[u8]) {
        self.portals.remove(name);
    }

    /// A Sync: messages that follow do not belong to the exchanges begun before.
    pub(super) fn end_batch(&mut self) {
        self.batch = self.batch.saturating_add(1);
    }

    fn current(&self, draft: Option<Draft>) -> Option<u64> {
        draft.filter(|draft| draft.batch == self.batch).map(|draft| draft.exchange)
    }

    fn tick(&mut self) -> u64 {
        self.uses = self.uses.saturating_add(1);
        self.uses
    }
}
