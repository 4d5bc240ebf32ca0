//! Numbers of exchanges and connections, so that those of several files never clash.

use protocols::record::{Common, Record};

/// Numbers of an exchange and of a connection: the largest of some rows, or what is added to those of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Numbers {
    pub(super) id: u64,
    pub(super) conn: u64,
}

impl Numbers {
    /// The larger of each.
    pub(super) fn max(self, other: Self) -> Self {
        Self { id: self.id.max(other.id), conn: self.conn.max(other.conn) }
    }

    /// Those of a row.
    pub(super) fn of(record: &Record) -> Self {
        let of = |common: &Common| Self { id: common.id, conn: common.conn };
        match record {
            Record::Http(row) => of(&row.common),
            Record::Grpc(row) => of(&row.common),
            Record::Pgsql(row) => of(&row.common),
            Record::Dns(row) => of(&row.common),
            Record::Tls(row) => of(&row.common),
            Record::Conn(row) => Self { id: 0, conn: row.conn },
        }
    }

    /// Adds these to every number in a row.
    pub(super) fn add_to(self, record: &mut Record) {
        if self == Self::default() {
            return;
        }
        match record {
            Record::Http(row) => self.add(&mut row.common),
            Record::Grpc(row) => self.add(&mut row.common),
            Record::Pgsql(row) => self.add(&mut row.common),
            Record::Dns(row) => self.add(&mut row.common),
            Record::Tls(row) => self.add(&mut row.common),
            Record::Conn(row) => row.conn = row.conn.saturating_add(self.conn),
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
