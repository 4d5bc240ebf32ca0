//! Numbers of exchanges and connections, so that those of several files never clash.

use protocols::record::{Common, Record};

use crate::snapshot::Manifest;

/// Numbers of an exchange and of a connection: the largest of some rows, or what is added to those of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Numbers {
    pub(super) id: u64,
    pub(super) conn: u64,
}

/// The files of a directory snapshot are one session: an `id` means the same exchange in all of them.
#[derive(Debug)]
pub(super) struct Session {
    /// What the footer of each file says.
    pub(super) manifest: Manifest,
    /// What is added to its numbers.
    pub(super) add: Numbers,
    /// A table that comes a second time is another session's.
    pub(super) tables: Vec<&'static str>,
}

impl Numbers {
    /// The larger of each.
    pub(super) fn max(self, other: Self) -> Self {
        Self { id: self.id.max(other.id), conn: self.conn.max(other.conn) }
    }

    /// One after the other.
    pub(super) fn plus(self, other: Self) -> Self {
        Self { id: self.id.saturating_add(other.id), conn: self.conn.saturating_add(other.conn) }
    }

    /// Those of a row.
    pub(super) fn of(record: &Record) -> Self {
        match (record, record.exchange()) {
            (_, Some((_, common))) => Self { id: common.id, conn: common.conn },
            (Record::Conn(row), None) => Self { id: 0, conn: row.conn },
            (_, None) => Self::default(),
        }
    }

    /// Adds these to every number in a row.
    pub(super) fn add_to(self, record: &mut Record) {
        if self == Self::default() {
            return;
        }
        if let Record::Conn(row) = record {
            row.conn = row.conn.saturating_add(self.conn);
        } else if let Some(common) = record.common_mut() {
            self.add(common);
        }
    }

    /// The same in the columns that all exchanges have.
    pub(super) fn add(self, common: &mut Common) {
        let more = self.id;
        common.id = common.id.saturating_add(more);
        common.parent = common.parent.map(|id| id.saturating_add(more));
        common.twin = common.twin.map(|id| id.saturating_add(more));
        common.conn = common.conn.saturating_add(self.conn);
    }
}
