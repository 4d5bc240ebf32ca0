//! `Store`: the rows of a session in columns, within a budget.

use protocols::record::Record;
use protocols::tracker::{InFlight, Loss};

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreOptions {
    /// Budget in bytes (`--memory`); null: everything.
    pub memory: Option<u64>,
    /// How long rows are kept, ns (`--retain`); null: as long as the budget allows.
    pub retain: Option<u64>,
}

/// A row of table `probes`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProbeRow {
    /// The BPF program.
    pub program: String,
    /// Where it hooks in.
    pub hook: String,
    /// Library or executable, for uprobes.
    pub target: Option<String>,
    /// `active`, `failed`, `unsupported` or `skipped`.
    pub state: String,
    /// Why it is not active.
    pub reason: Option<String>,
    /// How often it ran.
    pub hits: Option<u64>,
    /// What a run costs, ns.
    pub ns_per_hit: Option<f64>,
}

/// What retention has let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Evicted {
    /// Whole rows.
    pub rows: u64,
    /// Rows that lost their headers.
    pub headers: u64,
    /// Rows that lost their bodies.
    pub bodies: u64,
}

/// The rows of a session.
#[derive(Debug)]
pub struct Store {
    rows: u64,
    evicted: Evicted,
}

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new(_options: StoreOptions) -> Self {
        Self { rows: 0, evicted: Evicted::default() }
    }

    /// Adds a row to its table.
    pub fn append(&mut self, _record: Record) {
        self.rows = self.rows.saturating_add(1);
    }

    /// Replaces table `inflight`.
    pub fn set_inflight(&mut self, _rows: Vec<InFlight>) {}

    /// Replaces table `probes`.
    pub fn set_probes(&mut self, _rows: Vec<ProbeRow>) {}

    /// Replaces table `loss`.
    pub fn set_loss(&mut self, _rows: Vec<Loss>) {}

    /// All rows as of now, shared: costs no copy.
    #[must_use]
    pub fn snapshot(&mut self) -> Snapshot {
        Snapshot {}
    }

    /// What retention has let go.
    #[must_use]
    pub fn evicted(&self) -> Evicted {
        self.evicted
    }

    /// Bytes held, as far as known.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        0
    }

    /// Rows held.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows held of one table.
    #[must_use]
    pub fn table_rows(&self, _table: &str) -> u64 {
        0
    }
}

/// The store as it was at one moment. Cheap to clone and to send.
#[derive(Debug, Clone)]
pub struct Snapshot {}

impl Snapshot {
    /// Rows of one table.
    #[must_use]
    pub fn rows(&self, _table: &str) -> u64 {
        0
    }

    /// Earliest and latest time of its rows, ns since the epoch; null when empty.
    #[must_use]
    pub fn range(&self) -> Option<(i64, i64)> {
        None
    }
}
