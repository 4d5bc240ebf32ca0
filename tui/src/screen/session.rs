//! The thread that turns events into rows while the screens are shown, and publishes what there is five times a second.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, after, bounded, never, select};
use query::{Context, Snapshot};

use super::model::Status;
use crate::failure::Failure;
use crate::options::Explore;
use crate::run::{Batch, Cost, Opened, Summary};
use crate::time;

/// What opens the source, and says what it is called.
pub(crate) type Opener = Box<dyn FnOnce() -> Result<(Opened, String), Failure> + Send>;

/// The run behind the screens.
pub(super) struct Session {
    latest: Arc<Mutex<Option<Published>>>,
    /// Says that something new was published.
    pub(super) news: Receiver<()>,
    /// What there is to tell the user.
    pub(super) notes: Receiver<String>,
    orders: Sender<Order>,
    thread: Option<JoinHandle<Ended>>,
    /// The source has been opened, or could not be.
    opened: Arc<AtomicBool>,
}

/// What there is at a moment.
#[derive(Debug, Clone)]
pub(super) struct Published {
    pub(super) snapshot: Snapshot,
    pub(super) context: Context,
    pub(super) status: Status,
}

/// What the run is told to do.
#[derive(Debug)]
enum Order {
    Snapshot,
    TakeTimes,
    End,
}

/// How the run ended.
pub(super) struct Ended {
    /// Null when it could not be opened.
    pub(super) opened: Option<Opened>,
    pub(super) failure: Option<Failure>,
}

impl Session {
    /// Starts the thread, which opens the source first: the screens are there meanwhile.
    pub(super) fn start(explore: &Explore, opener: Opener) -> std::io::Result<Self> {
        let latest = Arc::new(Mutex::new(None));
        let (news_sender, news) = bounded(1);
        let (notes_sender, notes) = bounded(16);
        let (orders, orders_receiver) = bounded(16);
        let desk = Desk {
            latest: Arc::clone(&latest),
            news: news_sender,
            notes: notes_sender,
            orders: orders_receiver,
            filters: explore.filters.clone(),
            snapshot: explore.snapshot.clone(),
            redact: explore.keep.tracker.redact,
            budget: explore.keep.memory,
        };
        let run_for = explore.run_for;
        let opened = Arc::new(AtomicBool::new(false));
        let says = Arc::clone(&opened);
        let thread = std::thread::Builder::new().name("session".to_owned()).spawn(move || {
            let source = opener();
            says.store(true, Ordering::Relaxed);
            match source {
                Ok((opened, source)) => Worker::new(opened, source, desk, run_for).run(),
                Err(failure) => Ended { opened: None, failure: Some(failure) },
            }
        })?;
        Ok(Self { latest, news, notes, orders, thread: Some(thread), opened })
    }

    /// Whether the source is still being opened after a moment: a pipe may never give its first byte.
    pub(super) fn is_stuck(&self) -> bool {
        let until = Instant::now() + OPENS_WITHIN;
        while !self.opened.load(Ordering::Relaxed) && Instant::now() < until {
            std::thread::sleep(OPENS_WITHIN / 50);
        }
        !self.opened.load(Ordering::Relaxed)
    }

    /// What was published last.
    pub(super) fn latest(&self) -> Option<Published> {
        self.latest.lock().ok()?.clone()
    }

    /// Has a snapshot of everything written; a note says when it is.
    pub(super) fn snapshot(&self) {
        let _ended_already = self.orders.try_send(Order::Snapshot);
    }

    /// Has the kernel take the time of every hook's run from now on.
    pub(super) fn take_times(&self) {
        let _ended_already = self.orders.try_send(Order::TakeTimes);
    }

    /// Ends the run.
    pub(super) fn end(mut self) -> Option<Ended> {
        let _ended_already = self.orders.send(Order::End);
        self.thread.take()?.join().ok()
    }
}

/// What the thread was given, and whom it tells.
struct Desk {
    latest: Arc<Mutex<Option<Published>>>,
    news: Sender<()>,
    notes: Sender<String>,
    orders: Receiver<Order>,
    filters: Vec<String>,
    snapshot: Option<PathBuf>,
    redact: bool,
    budget: u64,
}

struct Worker {
    opened: Opened,
    source: String,
    desk: Desk,
    until: Option<Instant>,
    run_for: Option<Duration>,
    meter: Meter,
    /// Moments and counts of exchanges and errors, of the last seconds.
    rates: Vec<(Instant, u64, u64)>,
    failure: Option<Failure>,
    /// Snapshots that are being written.
    writing: Vec<JoinHandle<()>>,
}

impl Worker {
    fn new(mut opened: Opened, source: String, desk: Desk, run_for: Option<Duration>) -> Self {
        let failure = opened.damage.take();
        let (meter, rates, writing) = (Meter::default(), Vec::new(), Vec::new());
        Self { opened, source, desk, until: None, run_for, meter, rates, failure, writing }
    }

    fn run(mut self) -> Ended {
        self.opened.release();
        self.until = self.run_for.map(|time| Instant::now() + time);
        let mut batches = self.opened.reader.as_ref().map_or_else(never, |reader| reader.batches.clone());
        if self.opened.reader.is_none() {
            self.opened.engine.finish();
        }
        let mut published = Instant::now();
        self.publish();
        let mut changed = false;
        loop {
            select! {
                recv(batches) -> batch => match batch {
                    Ok(Batch::Events(events)) => {
                        changed = true;
                        events.into_iter().for_each(|event| self.opened.engine.handle(event));
                    }
                    Ok(Batch::RecordFailed(error)) => self.failed(&error),
                    Ok(Batch::Broken(error)) => {
                        self.failed(&error);
                        batches = self.ended();
                    }
                    Ok(Batch::End) | Err(_) => batches = self.ended(),
                },
                recv(self.desk.orders) -> order => match order {
                    Ok(Order::Snapshot) => self.write_snapshot(),
                    Ok(Order::TakeTimes) => {
                        self.opened.reader.iter().for_each(crate::run::take_times);
                    }
                    Ok(Order::End) | Err(_) => return self.end(),
                },
                recv(after(if self.opened.reader.is_some() { TICK } else { LONG })) -> _ => {}
            }
            let over = self.until.is_some_and(|until| Instant::now() >= until)
                || self.opened.command.as_mut().is_some_and(|command| command.ended().is_some());
            if over && self.opened.reader.is_some() {
                batches = self.ended();
            }
            // Over a file that has been read nothing changes any more.
            let due = match (changed, self.opened.reader.is_some()) {
                (true, _) => PUBLISH_EVERY,
                (false, true) => IDLE_EVERY,
                (false, false) => continue,
            };
            if published.elapsed() >= due {
                (published, changed) = (Instant::now(), false);
                self.publish();
            }
        }
    }

    /// The source has given all: what is open becomes rows, and the screens go on over what there is.
    fn ended(&mut self) -> Receiver<Batch> {
        if let Some(mut reader) = self.opened.reader.take() {
            reader.stop();
            for batch in reader.batches.clone().iter() {
                match batch {
                    Batch::Events(events) => events.into_iter().for_each(|event| self.opened.engine.handle(event)),
                    Batch::End | Batch::Broken(_) => break,
                    Batch::RecordFailed(error) => self.failed(&error),
                }
            }
            let let_go = reader.join();
            if let Some(error) = let_go.failure {
                self.failed(&error);
            }
        }
        self.opened.engine.finish();
        self.publish();
        never()
    }

    fn end(mut self) -> Ended {
        let _never = self.ended();
        if let Some(command) = &mut self.opened.command {
            command.end();
        }
        for writing in self.writing {
            let _panicked = writing.join();
        }
        Ended { opened: Some(self.opened), failure: self.failure }
    }

    /// On a thread of its own: rows keep coming.
    fn write_snapshot(&mut self) {
        let path = self.opened.snapshot_path(self.desk.snapshot.as_deref());
        let write = self.opened.snapshot_writer(&self.desk.filters, self.desk.redact);
        let notes = self.desk.notes.clone();
        let written = std::thread::Builder::new().name("snapshot".to_owned()).spawn(move || {
            let note = match write(&path, true) {
                Ok(()) => format!("snapshot written: explore --read {}", path.display()),
                Err(failure) => failure.text,
            };
            let _gone = notes.send(note);
        });
        self.writing.extend(written);
    }

    fn failed(&mut self, error: &probes::SourceError) {
        self.failure.get_or_insert(Failure::source(error));
    }

    fn publish(&mut self) {
        let live = self.opened.reader.is_some() && self.opened.ready.is_some();
        let context = self.opened.engine.context(live.then(time::now));
        let probes = crate::run::probe_rows(self.opened.reader.as_ref());
        let snapshot = self.opened.engine.snapshot(probes);
        let status = self.status();
        if let Ok(mut latest) = self.desk.latest.lock() {
            *latest = Some(Published { snapshot, context, status });
        }
        let _there_is_news_already = self.desk.news.try_send(());
    }

    fn status(&mut self) -> Status {
        let engine = &self.opened.engine;
        let (exchanges, errors) = engine.exchanges();
        let now = Instant::now();
        self.rates.push((now, exchanges, errors));
        self.rates.retain(|(at, _, _)| now.duration_since(*at) <= RATE_OVER);
        let (rate, error_share) = match self.rates.first() {
            Some((at, then, failed)) if now > *at => {
                #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
                let (count, failed) = ((exchanges - then) as f64, (errors - failed) as f64);
                (count / now.duration_since(*at).as_secs_f64(), if count > 0.0 { failed / count } else { 0.0 })
            }
            _ => (0.0, 0.0),
        };
        let (cpu, resident) = self.meter.read(now);
        let summary = Summary::of(engine, self.opened.source);
        // The demo's recording plays at its own pace.
        let is_live = self.opened.ready.is_some() || self.opened.source.is_some();
        Status {
            exchanges,
            errors,
            rate,
            error_share,
            rows: summary.rows,
            lost: summary.lost(),
            evicted: summary.evicted,
            bytes: engine.bytes(),
            budget: self.desk.budget,
            range: engine.range(),
            cpu,
            resident,
            live: self.opened.reader.is_some() && is_live,
            reading: self.opened.reader.is_some() && !is_live,
            attaching: false,
            source: self.source.clone(),
            coverage: summary.render(crate::options::CoverageStyle::Text).unwrap_or_default(),
            trouble: self.failure.as_ref().map(|failure| failure.text.clone()),
            command_output: self.opened.command.as_ref().map(|_| crate::run::command_output().display().to_string()),
        }
    }
}

/// What explore itself costs.
#[derive(Debug, Default)]
struct Meter {
    /// When, and the CPU time spent by then, s.
    last: Option<(Instant, f64)>,
    cpu: f64,
}

impl Meter {
    /// Share of one CPU since the last reading, and resident bytes now.
    fn read(&mut self, now: Instant) -> (f64, u64) {
        let Some(cost) = Cost::now() else { return (self.cpu, 0) };
        let spent = cost.user + cost.system;
        match self.last {
            Some((at, before)) if now.duration_since(at) >= Duration::from_secs(1) => {
                self.cpu = (spent - before).max(0.0) / now.duration_since(at).as_secs_f64();
                self.last = Some((now, spent));
            }
            Some(_) => {}
            None => self.last = Some((now, spent)),
        }
        (self.cpu, cost.resident)
    }
}

/// Who leaves waits so long for a source that is being opened.
const OPENS_WITHIN: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);
/// Over a file that has been read nothing happens by itself.
const LONG: Duration = Duration::from_secs(3600);
const PUBLISH_EVERY: Duration = Duration::from_millis(200);
/// Without news only the clock and the meter move on.
const IDLE_EVERY: Duration = Duration::from_secs(1);
const RATE_OVER: Duration = Duration::from_secs(5);
