//! `Store`: the rows of a session in columns, within a budget.
//!
//! ```text
//! append -> RowBuilder (one a table) -> seal -> Chunk, Chunk, … -> retention
//!                                                  \-> Snapshot: the same chunks, shared
//! ```

mod builder;
mod chunk;
mod compact;
mod load;
mod log;
mod numbers;
pub(crate) mod physical;
mod retention;
mod rows;
mod size;
#[cfg(test)]
mod tests;
mod texts;

use std::sync::Arc;

use polars::prelude::{DataFrame, PolarsResult};
use protocols::record::{Conn, Dns, Grpc, Http, Pgsql, Record, Tls};
use protocols::tracker::{InFlight, Loss};

pub(crate) use chunk::Chunk;
pub(crate) use load::IDS;
use log::Log;
use numbers::{Numbers, Session};
use rows::RowBuilder;

use crate::schema;
use crate::snapshot::Scan;

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
    options: StoreOptions,
    next_seq: u64,
    /// The largest numbers so far.
    last: Numbers,
    /// Those of the rows that were read from snapshots: rows that are appended are numbered from there on.
    read: Numbers,
    /// Whether rows were read from snapshots. These come in order of their time, not of their running number.
    is_read: bool,
    /// Of files that say to which session they belong.
    sessions: Vec<Session>,
    /// Snapshots that stay where they are.
    scans: Arc<Vec<Arc<Scan>>>,
    logs: Logs,
    evicted: Evicted,
    moment: Moment,
}

/// The tables that grow.
#[derive(Debug)]
struct Logs {
    http: Log<Http>,
    grpc: Log<Grpc>,
    pgsql: Log<Pgsql>,
    dns: Log<Dns>,
    tls: Log<Tls>,
    conns: Log<Conn>,
}

/// The tables that are pictures of the moment.
#[derive(Debug, Clone, Default)]
struct Moment {
    inflight: Arc<Vec<InFlight>>,
    probes: Arc<Vec<ProbeRow>>,
    loss: Arc<Vec<Loss>>,
    /// Rows of table `conns` that are not final yet.
    open: Arc<Vec<Conn>>,
    /// Read from a snapshot file, in place of the rows above.
    read: Vec<(&'static str, Arc<Chunk>)>,
}

/// Names of the stored tables that grow, in the order of [`Store::parts`].
const LOGS: [&str; 6] = ["http", "grpc", "pgsql", "dns", "tls", "conns"];

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new(options: StoreOptions) -> Self {
        let bytes = options.memory.map_or(64 << 20, |memory| (memory / 64).clamp(1 << 18, 64 << 20));
        let span = options.retain.map_or(i64::MAX, |retain| i64::try_from(retain / 16).unwrap_or(i64::MAX));
        let logs = Logs {
            http: Log::new(schema::HTTP, true, bytes, span),
            grpc: Log::new(schema::GRPC, true, bytes, span),
            pgsql: Log::new(schema::PGSQL, true, bytes, span),
            dns: Log::new(schema::DNS, true, bytes, span),
            tls: Log::new(schema::TLS, true, bytes, span),
            conns: Log::new(schema::CONNS, false, bytes, span),
        };
        Self {
            options,
            next_seq: 1,
            last: Numbers::default(),
            read: Numbers::default(),
            is_read: false,
            sessions: Vec::new(),
            scans: Arc::default(),
            logs,
            evicted: Evicted::default(),
            moment: Moment::default(),
        }
    }

    /// Adds a row to its table.
    pub fn append(&mut self, record: Record) {
        self.append_seen(record, |_| {});
    }

    /// Adds a row to its table; `seen` is shown it with the numbers that it has from now on: those of rows that were read
    /// from snapshots come first.
    pub fn append_seen(&mut self, mut record: Record, seen: impl FnOnce(&Record)) {
        let seq = self.next_seq;
        self.next_seq += 1;
        let logs = &mut self.logs;
        self.read.add_to(&mut record);
        self.last = self.last.max(Numbers::of(&record));
        seen(&record);
        let sealed = match record {
            Record::Http(row) => logs.http.push(&row, Some(&row.common), seq),
            Record::Grpc(row) => logs.grpc.push(&row, Some(&row.common), seq),
            Record::Pgsql(row) => logs.pgsql.push(&row, Some(&row.common), seq),
            Record::Dns(row) => logs.dns.push(&row, Some(&row.common), seq),
            Record::Tls(row) => logs.tls.push(&row, Some(&row.common), seq),
            Record::Conn(row) => logs.conns.push(&row, None, seq),
        };
        if sealed {
            self.retain();
        }
    }

    /// Another budget in bytes from now on.
    pub fn set_memory(&mut self, memory: u64) {
        self.options.memory = Some(memory);
    }

    /// No row is let go from now on.
    pub fn keep_everything(&mut self) {
        self.options = StoreOptions::default();
    }

    /// Replaces table `inflight`.
    pub fn set_inflight(&mut self, mut rows: Vec<InFlight>) {
        rows.iter_mut().for_each(|row| self.read.add(&mut row.common));
        self.moment.inflight = Arc::new(rows);
    }

    /// Replaces table `probes`.
    pub fn set_probes(&mut self, rows: Vec<ProbeRow>) {
        self.moment.probes = Arc::new(rows);
    }

    /// Replaces table `loss`.
    pub fn set_loss(&mut self, rows: Vec<Loss>) {
        self.moment.loss = Arc::new(rows);
    }

    /// Replaces the rows of table `conns` that are not final yet: connections that are still open. They are part of every
    /// snapshot, and of no result that rows are added to as they come.
    pub fn set_open(&mut self, rows: Vec<Conn>) {
        self.moment.open = Arc::new(rows);
    }

    /// All rows as of now, shared with the store.
    #[must_use]
    pub fn snapshot(&mut self) -> Snapshot {
        let logs = &mut self.logs;
        logs.http.seal();
        logs.grpc.seal();
        logs.pgsql.seal();
        logs.dns.seal();
        logs.tls.seal();
        logs.conns.seal();
        self.retain();
        let logs = self.parts().map(|part| part.chunks().to_vec());
        Snapshot {
            logs: Arc::new(logs),
            moment: self.moment.clone(),
            scans: Arc::clone(&self.scans),
            is_read: self.is_read,
            evicted: self.evicted.rows,
            last: self.last.max(self.moment.last()),
        }
    }

    /// What retention has let go.
    #[must_use]
    pub fn evicted(&self) -> Evicted {
        self.evicted
    }

    /// Bytes held, as far as known.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.parts().iter().map(|part| part.bytes()).sum()
    }

    /// A number that is another one whenever a row has been added.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.next_seq
    }

    /// Rows held of the tables that grow.
    #[must_use]
    pub fn rows(&self) -> u64 {
        let scanned: usize = self.scans.iter().map(|scan| scan.rows()).sum();
        self.parts().iter().map(|part| part.rows()).sum::<u64>() + scanned as u64
    }

    /// Rows held of one table.
    #[must_use]
    pub fn table_rows(&self, table: &str) -> u64 {
        match LOGS.iter().position(|name| *name == table).and_then(|at| self.parts().get(at).map(|part| part.rows())) {
            Some(rows) => rows + scanned(&self.scans, table),
            None => self.moment.rows(table),
        }
    }

    /// Adds rows with these running numbers: `frame` has columns of `table`, in the types that [`physical::dtype`] says.
    fn append_frame(&mut self, table: &'static str, frame: DataFrame, numbers: Vec<u64>) -> PolarsResult<()> {
        if frame.height() == 0 {
            return Ok(());
        }
        let chunk = log::sealed_frame(frame, numbers)?;
        match LOGS.iter().position(|name| *name == table) {
            Some(at) => self.parts_mut()[at].add(chunk),
            None => self.moment.read.push((table, Arc::new(chunk))),
        }
        self.retain();
        Ok(())
    }

    fn parts(&self) -> [&dyn log::Part; 6] {
        let logs = &self.logs;
        [&logs.http, &logs.grpc, &logs.pgsql, &logs.dns, &logs.tls, &logs.conns]
    }

    fn parts_mut(&mut self) -> [&mut dyn log::Part; 6] {
        let logs = &mut self.logs;
        [&mut logs.http, &mut logs.grpc, &mut logs.pgsql, &mut logs.dns, &mut logs.tls, &mut logs.conns]
    }

    fn retain(&mut self) {
        let options = self.options;
        let evicted = retention::enforce(&mut self.parts_mut(), options);
        self.evicted.rows += evicted.rows;
        self.evicted.headers += evicted.headers;
        self.evicted.bodies += evicted.bodies;
    }
}

fn scanned(scans: &[Arc<Scan>], table: &str) -> u64 {
    let rows: usize = scans.iter().filter(|scan| scan.table.name == table).map(|scan| scan.rows()).sum();
    rows as u64
}

impl Moment {
    /// The largest numbers of the exchanges in flight and the connections that are open.
    fn last(&self) -> Numbers {
        let inflight = self.inflight.iter().map(|row| Numbers { id: row.common.id, conn: row.common.conn });
        let open = self.open.iter().map(|row| Numbers { id: 0, conn: row.conn });
        inflight.chain(open).fold(Numbers::default(), Numbers::max)
    }

    fn rows(&self, table: &str) -> u64 {
        let own = match table {
            "inflight" => self.inflight.len(),
            "probes" => self.probes.len(),
            "loss" => self.loss.len(),
            "conns" => self.open.len(),
            _ => 0,
        };
        let read: usize = self.read.iter().filter(|(name, _)| *name == table).map(|(_, chunk)| chunk.rows()).sum();
        (own + read) as u64
    }

    fn chunks(&self, table: &str) -> PolarsResult<Vec<Arc<Chunk>>> {
        let read = self.read.iter().filter(|(name, _)| *name == table).map(|(_, chunk)| Arc::clone(chunk));
        let own = match table {
            "inflight" => {
                let mut rows: RowBuilder<InFlight> = RowBuilder::new(schema::INFLIGHT, true);
                (1..).zip(self.inflight.iter()).for_each(|(seq, row)| rows.push(row, Some(&row.common), seq));
                rows.seal()?
            }
            "probes" => build(schema::PROBES, &self.probes)?,
            "loss" => build(schema::LOSS, &self.loss)?,
            "conns" => build(schema::CONNS, &self.open)?,
            _ => None,
        };
        Ok(own.map(Arc::new).into_iter().chain(read).collect())
    }
}

fn build<R>(fields: &'static [schema::Field<R>], rows: &[R]) -> PolarsResult<Option<Chunk>> {
    let mut builder = RowBuilder::new(fields, false);
    (1..).zip(rows).for_each(|(seq, row)| builder.push(row, None, seq));
    builder.seal()
}

/// The store as it was at one moment. Cheap to clone and to send.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    logs: Arc<[Vec<Arc<Chunk>>; 6]>,
    moment: Moment,
    scans: Arc<Vec<Arc<Scan>>>,
    is_read: bool,
    evicted: u64,
    /// The largest numbers of exchanges and connections.
    last: Numbers,
}

impl Snapshot {
    /// The largest number of an exchange, and of a connection.
    pub(crate) fn last_numbers(&self) -> (u64, u64) {
        (self.last.id, self.last.conn)
    }

    /// Rows of one table.
    #[must_use]
    pub fn rows(&self, table: &str) -> u64 {
        match LOGS.iter().position(|name| *name == table).and_then(|at| self.logs.get(at)) {
            Some(chunks) => {
                let stored: u64 = chunks.iter().map(|chunk| chunk.rows() as u64).sum();
                stored + scanned(&self.scans, table) + self.moment.rows(table)
            }
            None => self.moment.rows(table),
        }
    }

    /// Rows that retention had let go before.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Earliest and latest time of its rows, ns since the epoch; null when empty.
    #[must_use]
    pub fn range(&self) -> Option<(i64, i64)> {
        let ranges = self.logs.iter().flatten().filter_map(|chunk| chunk.range);
        let ranges = ranges.chain(self.scans.iter().filter_map(|scan| scan.range()));
        ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// Whether rows were read from snapshots: their running numbers are not in order of completion.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.is_read
    }

    /// The rows of a table that are in files.
    pub(crate) fn scans(&self, table: &str) -> Vec<&Arc<Scan>> {
        self.scans.iter().filter(|scan| scan.table.name == table).collect()
    }

    /// Earliest and latest time of the rows of a table that are in memory; null when there are none.
    pub(crate) fn stored_range(&self, table: &str) -> Option<(i64, i64)> {
        let chunks = LOGS.iter().position(|name| *name == table).and_then(|at| self.logs.get(at))?;
        let ranges = chunks.iter().map(|chunk| chunk.range.unwrap_or((0, 0)));
        ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// What table `loss` says.
    pub(crate) fn losses(&self) -> &[Loss] {
        &self.moment.loss
    }

    /// The chunks of a stored table, oldest first; rows that are not final yet are the last ones.
    pub(crate) fn chunks(&self, table: &str) -> PolarsResult<Vec<Arc<Chunk>>> {
        let mut chunks = self.final_chunks(table).to_vec();
        chunks.extend(self.moment.chunks(table)?);
        Ok(chunks)
    }

    /// The chunks of a table that grows, without rows that may still change.
    pub(crate) fn final_chunks(&self, table: &str) -> &[Arc<Chunk>] {
        let log = LOGS.iter().position(|name| *name == table).and_then(|at| self.logs.get(at));
        log.map_or(&[], Vec::as_slice)
    }

    /// The running number of the latest row.
    pub(crate) fn last_seq(&self) -> u64 {
        self.logs.iter().filter_map(|chunks| chunks.last()).map(|chunk| chunk.last_seq).max().unwrap_or(0)
    }
}
