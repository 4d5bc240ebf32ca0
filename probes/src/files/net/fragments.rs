//! Puts fragments of IP packets together, within bounds.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use protocols::event::Timestamp;

use super::ip::{Fragment, Payload};

/// Packets that wait for fragments, and the bytes of all of them.
const MOST_PACKETS: usize = 4096;
const MOST_BYTES: usize = 16 << 20;

/// How long one waits (RFC 1122, 3.3.2 says 60 to 120 s; Linux 30 s).
const WAIT: u64 = 30_000_000_000;

/// No IP packet is longer.
const LONGEST: usize = 65_535;

/// Packets of which fragments have come.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    packets: HashMap<Key, Pieces>,
    bytes: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    id: u32,
}

#[derive(Debug)]
struct Pieces {
    time: Timestamp,
    parts: BTreeMap<usize, Part>,
    /// Known from the last fragment.
    total: Option<usize>,
}

#[derive(Debug)]
struct Part {
    bytes: Vec<u8>,
    len: usize,
}

/// A payload that was put together, or as much of its beginning as came.
#[derive(Debug)]
pub(super) struct Whole {
    /// When its first fragment came.
    pub(super) time: Timestamp,
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    bytes: Vec<u8>,
    original_len: usize,
}

impl Whole {
    pub(super) fn payload(&self) -> Payload<'_> {
        Payload {
            source: self.source,
            destination: self.destination,
            protocol: self.protocol,
            bytes: &self.bytes,
            original_len: self.original_len,
        }
    }
}

impl Fragments {
    /// Takes a fragment; gives the whole when it was the last that was missing.
    pub(super) fn add(&mut self, time: Timestamp, fragment: Fragment, payload: &Payload<'_>) -> Option<Whole> {
        if payload.original_len == 0 || fragment.offset + payload.original_len > LONGEST {
            return None;
        }
        let Payload { source, destination, protocol, .. } = *payload;
        let key = Key { source, destination, protocol, id: fragment.id };
        if !self.packets.contains_key(&key) {
            self.make_room();
        }
        let pieces =
            self.packets.entry(key.clone()).or_insert_with(|| Pieces { time, parts: BTreeMap::new(), total: None });
        let part = Part { bytes: payload.bytes.to_vec(), len: payload.original_len };
        if let std::collections::btree_map::Entry::Vacant(place) = pieces.parts.entry(fragment.offset) {
            self.bytes += part.bytes.len();
            place.insert(part);
        }
        if !fragment.more {
            pieces.total = Some(fragment.offset + payload.original_len);
        }
        if pieces.covered() < pieces.total? {
            return None;
        }
        self.take(&key)
    }

    /// Gives the beginnings of packets that have waited too long.
    pub(super) fn expire(&mut self, now: Timestamp) -> Vec<Whole> {
        if self.packets.is_empty() {
            return Vec::new();
        }
        self.take_all(|pieces| now.since(pieces.time) > WAIT)
    }

    /// Gives the beginnings of all packets.
    pub(super) fn give_up(&mut self) -> Vec<Whole> {
        self.take_all(|_| true)
    }

    fn take_all(&mut self, which: impl Fn(&Pieces) -> bool) -> Vec<Whole> {
        let mut keys: Vec<_> = self
            .packets
            .iter()
            .filter(|(_, pieces)| which(pieces))
            .map(|(key, pieces)| (pieces.time, key.clone()))
            .collect();
        keys.sort_by_key(|(time, key)| (*time, key.id));
        keys.iter().filter_map(|(_, key)| self.take(key)).collect()
    }

    /// Lets the oldest go when there are too many.
    fn make_room(&mut self) {
        while self.packets.len() >= MOST_PACKETS || self.bytes >= MOST_BYTES {
            let oldest = self.packets.iter().min_by_key(|(_, pieces)| pieces.time).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { return };
            self.take(&oldest);
        }
    }

    /// The payload from its first byte up to the first that is missing; null without the first.
    fn take(&mut self, key: &Key) -> Option<Whole> {
        let pieces = self.packets.remove(key)?;
        self.bytes -= pieces.parts.values().map(|part| part.bytes.len()).sum::<usize>();
        let covered = pieces.covered();
        let mut bytes = Vec::new();
        for (offset, part) in &pieces.parts {
            // Fragments that overlap: what came with the lower offset stays (as BSD does).
            let Some(skip) = bytes.len().checked_sub(*offset) else { break };
            bytes.extend_from_slice(part.bytes.get(skip..).unwrap_or_default());
        }
        if covered == 0 {
            return None;
        }
        Some(Whole {
            time: pieces.time,
            source: key.source,
            destination: key.destination,
            protocol: key.protocol,
            original_len: pieces.total.unwrap_or(covered).max(bytes.len()),
            bytes,
        })
    }
}

impl Pieces {
    /// Length of the payload's beginning that has come.
    fn covered(&self) -> usize {
        self.parts.iter().fold(0, |end, (offset, part)| if *offset <= end { end.max(offset + part.len) } else { end })
    }
}
