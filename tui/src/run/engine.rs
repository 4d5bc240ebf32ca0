//! Events in, rows in the store out: the part of a run that is the same for every input and every view.

use std::time::Duration;

use protocols::event::{Lost, SocketEvent, Timestamp};
use protocols::record::{Record, Role};
use protocols::tracker::{Coverage, InFlight, Loss, Trackers};
use query::{Context, ProbeRow, QueryError, Snapshot, Store, StoreOptions};

use super::cost::Cost;
use crate::failure::Failure;
use crate::options::Keep;
use crate::otlp::Tap;

/// Trackers and store of one session.
pub(crate) struct Engine {
    trackers: Trackers,
    store: Store,
    /// First and last time seen, ns since the epoch.
    range: Option<(u64, u64)>,
    node: Option<String>,
    kernel: Option<String>,
    counts: Counts,
    /// Coverage of files that were merged before they came here.
    merged: Option<Coverage>,
    /// What was in flight when the input ended.
    ended: Option<Vec<InFlight>>,
    /// Where rows go beside the store.
    tap: Option<Tap>,
    /// Events taken in.
    events: u64,
    /// What explore may take in memory, where rows are let go for it.
    memory: Option<u64>,
}

impl Engine {
    /// An empty session; `everything` keeps all rows whatever the budget (queries over files).
    pub(crate) fn new(keep: &Keep, everything: bool) -> Self {
        let retain = keep.retain.map(|retain| u64::try_from(retain.as_nanos()).unwrap_or(u64::MAX));
        let memory = (!everything).then_some(keep.memory);
        let store = Store::new(StoreOptions { memory, retain });
        let trackers = Trackers::new(keep.tracker.clone());
        Self {
            trackers,
            store,
            range: None,
            node: None,
            kernel: None,
            counts: Counts::default(),
            merged: None,
            ended: None,
            tap: None,
            events: 0,
            memory,
        }
    }

    /// Every row goes there too from now on.
    pub(crate) fn export_to(&mut self, tap: Option<Tap>) {
        self.tap = tap;
    }

    /// Takes one event.
    pub(crate) fn handle(&mut self, event: SocketEvent) {
        self.saw(event.time());
        if let SocketEvent::Session(session) = &event {
            self.node = session.node.as_deref().map(str::to_owned);
            self.kernel = session.kernel.as_deref().map(str::to_owned);
        }
        let Self { trackers, store, counts, tap, .. } = self;
        trackers.handle(event, &mut |record| keep(store, counts, tap.as_ref(), record));
        self.took_in();
        if self.events.is_multiple_of(TELL_EVERY) {
            self.tell();
        }
        if self.events.is_multiple_of(WEIGH_EVERY) {
            self.weigh();
        }
    }

    /// Leaves the store what the rest of explore does not take, so that the budget is that of the process. However little
    /// that is, half of the budget is for rows.
    fn weigh(&mut self) {
        if let (Some(memory), Some(cost)) = (self.memory, Cost::now()) {
            let others = cost.resident.saturating_sub(self.store.bytes());
            // What is being built, and what the next query holds for a moment, comes on top.
            let room = memory - memory / 16;
            self.store.set_memory(room.saturating_sub(others).max(memory / 2));
        }
    }

    /// One more event, here or where files are merged.
    pub(crate) fn took_in(&mut self) {
        self.events = self.events.saturating_add(1);
    }

    /// Tells the exporter how explore itself is doing.
    fn tell(&self) {
        if let Some(tap) = &self.tap {
            tap.condition(self.events, self.node.as_deref(), &self.coverage().losses);
        }
    }

    /// Sends what is still to be exported, for so long at most (null: until all is sent or given up).
    ///
    /// # Errors
    /// When rows that were read from snapshots could not be read again to be exported.
    pub(crate) fn finish_export(
        &mut self,
        limit: Option<Duration>,
        stopped: &mut dyn FnMut() -> bool,
    ) -> Result<(), QueryError> {
        self.tell();
        self.tap.as_mut().map_or(Ok(()), |tap| tap.finish(limit, stopped))
    }

    /// Rows of snapshots are exported: none of them is let go before.
    pub(crate) fn keep_everything(&mut self) {
        self.memory = None;
        self.store.keep_everything();
    }

    /// Exports the rows that were read from snapshots.
    ///
    /// # Errors
    /// When the system gives no thread for it.
    pub(crate) fn export_read_rows(&mut self) -> Result<(), Failure> {
        let rows = self.finished_rows();
        self.tap.as_mut().map_or(Ok(()), |tap| tap.take_all(rows))
    }

    /// What was lost, on the way here and on the way out.
    pub(crate) fn losses(&self) -> Vec<Loss> {
        let mut losses = self.coverage().losses.clone();
        losses.extend(self.tap.iter().flat_map(Tap::losses));
        losses
    }

    /// Takes a row that was made elsewhere.
    pub(crate) fn append(&mut self, record: Record) {
        keep(&mut self.store, &mut self.counts, self.tap.as_ref(), record);
    }

    /// A moment that belongs to the session.
    pub(crate) fn saw(&mut self, time: Timestamp) {
        if time.0 == 0 {
            return;
        }
        let (first, last) = self.range.get_or_insert((time.0, time.0));
        *first = (*first).min(time.0);
        *last = (*last).max(time.0);
    }

    /// Files were read into the store: their rows and times count too.
    pub(crate) fn loaded(&mut self) {
        let read = EXCHANGES.iter().map(|table| self.store.table_rows(table)).sum();
        self.counts.rows = self.counts.rows.max(read);
        self.counts.exchanges = self.counts.exchanges.max(read);
        if let Some((first, last)) = self.store.snapshot().range() {
            self.saw(Timestamp(u64::try_from(first).unwrap_or(0)));
            self.saw(Timestamp(u64::try_from(last).unwrap_or(0)));
        }
    }

    /// What is known of files that were merged before their rows came here.
    pub(crate) fn merged(&mut self, coverage: Coverage) {
        self.merged = Some(coverage);
    }

    /// Something that was produced did not get here.
    pub(crate) fn lost(&mut self, cause: &'static str, events: u64, bytes: u64) {
        let time = Timestamp(self.range.map_or(0, |(_, last)| last));
        self.handle(SocketEvent::Lost(Lost { time, socket: None, cause: cause.into(), events, bytes }));
    }

    /// The input has ended.
    pub(crate) fn finish(&mut self) {
        self.ended = Some(self.trackers.in_flight());
        let Self { trackers, store, counts, tap, .. } = self;
        trackers.finish(&mut |record| keep(store, counts, tap.as_ref(), record));
    }

    /// The store itself, for snapshot files that are read into it.
    pub(crate) fn store(&mut self) -> &mut Store {
        &mut self.store
    }

    /// All rows as of now, with the tables that are states rather than rows.
    pub(crate) fn snapshot(&mut self, probes: Vec<ProbeRow>) -> Snapshot {
        self.store.set_inflight(self.ended.clone().unwrap_or_else(|| self.trackers.in_flight()));
        // At the end of the input they were stored as they stood.
        self.store.set_open(self.trackers.open_connections());
        self.store.set_loss(self.losses());
        self.store.set_probes(probes);
        self.store.snapshot()
    }

    /// A number that is another one whenever a row has been added.
    pub(crate) fn newest(&self) -> u64 {
        self.store.newest()
    }

    /// All finished rows as of now.
    pub(crate) fn finished_rows(&mut self) -> Snapshot {
        self.store.set_open(Vec::new());
        self.store.snapshot()
    }

    /// What a query needs to know of the run. `now`, ns since the epoch, is the wall clock of a live run; files end where
    /// their last event is.
    pub(crate) fn context(&self, now: Option<u64>) -> Context {
        let (first, last) = self.range.unwrap_or_default();
        let now_or_last = now.unwrap_or(last);
        Context { now: signed(now_or_last), start: signed(first), end: signed(now_or_last), live: now.is_some() }
    }

    /// What was seen and what was not.
    pub(crate) fn coverage(&self) -> &Coverage {
        self.merged.as_ref().unwrap_or_else(|| self.trackers.coverage())
    }

    /// Rows of exchanges so far, and of these the ones with a gap.
    pub(crate) fn rows(&self) -> (u64, u64) {
        (self.counts.rows, self.counts.gaps)
    }

    /// Exchanges so far, one that was seen at both ends counted once, and of these the failed ones.
    pub(crate) fn exchanges(&self) -> (u64, u64) {
        (self.counts.exchanges, self.counts.errors)
    }

    /// Rows that retention has let go.
    pub(crate) fn evicted(&self) -> u64 {
        self.store.evicted().rows
    }

    /// Bytes that the store holds.
    pub(crate) fn bytes(&self) -> u64 {
        self.store.bytes()
    }

    /// Host name and kernel of the session.
    pub(crate) fn machine(&self) -> (Option<&str>, Option<&str>) {
        (self.node.as_deref(), self.kernel.as_deref())
    }

    /// First and last time seen, ns since the epoch.
    pub(crate) fn range(&self) -> Option<(u64, u64)> {
        self.range
    }
}

/// Rows so far.
#[derive(Debug, Default)]
struct Counts {
    /// Rows of exchanges, and of these the ones with a gap.
    rows: u64,
    gaps: u64,
    /// Exchanges, each counted once, and of these the failed ones.
    exchanges: u64,
    errors: u64,
}

fn keep(store: &mut Store, counts: &mut Counts, tap: Option<&Tap>, record: Record) {
    if let Some((_, common)) = record.exchange() {
        counts.rows = counts.rows.saturating_add(1);
        counts.gaps = counts.gaps.saturating_add(u64::from(common.gap));
        if common.role == Some(Role::Server) || common.twin.is_none() {
            counts.exchanges = counts.exchanges.saturating_add(1);
            counts.errors = counts.errors.saturating_add(u64::from(common.error == Some(true)));
        }
    }
    store.append_seen(record, |record| tap.iter().for_each(|tap| tap.take(record)));
}

/// After so many events the exporter is told how explore is doing: every few seconds where nothing but the clock moves.
const TELL_EVERY: u64 = 32;
/// After so many events explore's own size is looked at.
const WEIGH_EVERY: u64 = 4096;
/// Tables whose rows are exchanges.
const EXCHANGES: [&str; 5] = ["http", "grpc", "pgsql", "dns", "tls"];

fn signed(time: u64) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}
