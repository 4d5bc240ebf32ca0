//! Where rows leave for the exporter.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use protocols::record::Record;
use protocols::route::Pattern;
use protocols::tracker::Loss;
use query::{QueryError, Snapshot};
use tokio::sync::{mpsc, watch};

use super::join::Draft;
use super::losses::{self, Losses};
use super::metrics::Metrics;
use super::rows;
use super::settings::Settings;
use super::span::{self, Rules};
use super::worker::{self, Worker};
use crate::failure::Failure;
use crate::output;

/// The exporter, as the rest of the run knows it.
pub(crate) struct Tap {
    shared: Arc<Shared>,
    /// Null once the end was told: the thread goes on until then.
    entry: Option<Entry>,
    /// Spans are exported, not only metrics.
    traces: bool,
    deadline: watch::Sender<Option<Instant>>,
    done: crossbeam_channel::Receiver<()>,
    thread: Option<JoinHandle<()>>,
    /// Gives the rows of snapshots.
    reader: Option<JoinHandle<Result<(), QueryError>>>,
}

/// Where rows come in.
#[derive(Clone)]
struct Entry {
    rules: Arc<Rules>,
    shared: Arc<Shared>,
    /// As long as it is open, the thread goes on.
    spans: mpsc::Sender<Draft>,
    /// Spans are exported, not only metrics.
    traces: bool,
    /// A file waits for the queue; the kernel does not.
    waits: bool,
}

/// What the exporter's thread and the run both know.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) metrics: Mutex<Metrics>,
    pub(super) losses: Losses,
    pub(super) sent: AtomicU64,
}

impl Tap {
    /// Starts the exporter's thread. `file`: what is exported comes from a file, with its own times.
    ///
    /// # Errors
    /// When an address cannot be listened on, or a certificate cannot be read.
    pub(crate) fn start(settings: Settings, routes: Vec<Pattern>, file: bool) -> Result<Self, Failure> {
        let rules = Rules { query_text: settings.query_text, db_server: settings.db_server, routes };
        let shared = Arc::new(Shared {
            metrics: Mutex::new(Metrics::new(crate::time::now())),
            losses: Losses::default(),
            sent: AtomicU64::new(0),
        });
        let (spans, drafts) = mpsc::channel(settings.batch.queue);
        let traces = settings.traces.is_some();
        let (deadline, until) = watch::channel(None);
        let (finished, done) = crossbeam_channel::bounded(1);
        let worker = Worker::new(settings, Arc::clone(&shared), drafts, until, file).map_err(Failure::usage)?;
        let run = move || {
            // It needs none, and `--no-tls` promises that no thread has any.
            let _refused = probes::privileges::drop_of_thread();
            worker::run(worker);
            let _gone = finished.send(());
        };
        let thread = std::thread::Builder::new()
            .name("otlp".to_owned())
            .spawn(run)
            .map_err(|error| Failure::usage(format!("cannot start a thread: {error}")))?;
        let entry = Entry { rules: Arc::new(rules), shared: Arc::clone(&shared), spans, traces, waits: file };
        Ok(Self { shared, entry: Some(entry), traces, deadline, done, thread: Some(thread), reader: None })
    }

    /// A row that is complete.
    pub(crate) fn take(&self, record: &Record) {
        if let Some(entry) = &self.entry {
            entry.take(record);
        }
    }

    /// All exchanges of `rows`, which were read from snapshots: given by a thread of its own, since there may be many.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn take_all(&mut self, rows: Snapshot) -> Result<(), Failure> {
        let Some(entry) = self.entry.clone() else { return Ok(()) };
        let until = self.deadline.subscribe();
        let read = move || {
            let left = rows::read(&rows, &mut |record| {
                entry.take(&record);
                until.borrow().is_none_or(|until| until > Instant::now())
            })?;
            // What the user does not want to wait for.
            entry.shared.losses.add(losses::UNSENT, left);
            Ok(())
        };
        let thread = std::thread::Builder::new().name("rows".to_owned()).spawn(read);
        self.reader = Some(thread.map_err(|error| Failure::usage(format!("cannot start a thread: {error}")))?);
        Ok(())
    }

    /// Explore's own condition, for its metrics.
    pub(crate) fn condition(&self, events: u64, node: Option<&str>, lost: &[Loss]) {
        let Ok(mut metrics) = self.shared.metrics.lock() else { return };
        metrics.own.events = events;
        metrics.own.lost = lost.iter().map(|loss| (loss.cause.to_string(), loss.events)).collect();
        for loss in self.shared.losses.all() {
            metrics.own.lost.insert(loss.cause.to_string(), loss.events);
        }
        metrics.own.export_failed = self.shared.losses.total();
        if metrics.own.node.is_none() {
            metrics.own.node = node.map(str::to_owned);
        }
    }

    /// What was not exported so far.
    pub(crate) fn losses(&self) -> Vec<Loss> {
        self.shared.losses.all()
    }

    /// Nothing more comes: sends what waits, for so long at most (null: until all is sent or given up). `stopped` is asked
    /// now and then whether the user does not want to wait.
    ///
    /// # Errors
    /// When snapshots could not be read to their ends.
    pub(crate) fn finish(
        &mut self,
        limit: Option<Duration>,
        stopped: &mut dyn FnMut() -> bool,
    ) -> Result<(), QueryError> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        let _nobody_waits = self.deadline.send(limit.map(|limit| Instant::now() + limit));
        drop(self.entry.take());
        while self.done.recv_timeout(ASK_EVERY) == Err(crossbeam_channel::RecvTimeoutError::Timeout) {
            if stopped() {
                let _nobody_waits = self.deadline.send(Some(Instant::now()));
            }
        }
        let _panicked = thread.join();
        if self.traces {
            let (sent, lost) = (self.shared.sent.load(Ordering::Relaxed), self.shared.losses.total());
            let lost = if lost > 0 { format!(", {lost} could not be") } else { String::new() };
            output::note(&format!("otlp: {sent} spans sent{lost}"));
        }
        self.reader.take().and_then(|reader| reader.join().ok()).unwrap_or(Ok(()))
    }
}

impl Entry {
    fn take(&self, record: &Record) {
        if span::is_export(record) {
            return;
        }
        if let Ok(mut metrics) = self.shared.metrics.lock() {
            metrics.take(record, &self.rules);
        }
        let draft = if self.traces { span::draft(record, &self.rules) } else { None };
        let Some(draft) = draft else { return };
        let counts = u64::from(draft.span.is_some());
        let refused = match self.waits {
            true => self.spans.blocking_send(draft).is_err(),
            false => self.spans.try_send(draft).is_err(),
        };
        if refused {
            self.shared.losses.add(losses::QUEUE_FULL, counts);
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let _the_run_is_over = self.finish(Some(Duration::ZERO), &mut || false);
    }
}

/// How often it is asked whether somebody lost patience.
const ASK_EVERY: Duration = Duration::from_millis(50);
