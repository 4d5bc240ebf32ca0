//! The thread that turns events into rows while the screens are shown, and publishes what there is ten times a second.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, after, bounded, never, select};
use query::{Context, Snapshot};

use super::model::Status;
use crate::options::Explore;
use crate::run::{Batch, Opened, Summary};
use crate::time;

/// The run behind the screens.
pub(super) struct Session {
    latest: Arc<Mutex<Option<Published>>>,
    /// Says that something new was published.
    pub(super) news: Receiver<()>,
    orders: Sender<Order>,
    thread: Option<JoinHandle<Ended>>,
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
    Snapshot(PathBuf, bool, Sender<Result<(), String>>),
    End,
}

/// How the run ended.
pub(super) struct Ended {
    pub(super) opened: Opened,
    pub(super) failure: Option<crate::failure::Failure>,
}

impl Session {
    /// Starts the thread.
    pub(super) fn start(explore: &Explore, opened: Opened, source: String) -> std::io::Result<Self> {
        let latest = Arc::new(Mutex::new(None));
        let (news_sender, news) = bounded(1);
        let (orders, orders_receiver) = bounded(4);
        let worker = Worker {
            opened,
            latest: Arc::clone(&latest),
            news: news_sender,
            orders: orders_receiver,
            filters: explore.filters.clone(),
            redact: explore.keep.tracker.redact,
            budget: explore.keep.memory,
            source,
            until: None,
            run_for: explore.run_for,
            meter: Meter::default(),
            rates: Vec::new(),
            failure: None,
        };
        let thread = std::thread::Builder::new().name("session".to_owned()).spawn(move || worker.run())?;
        Ok(Self { latest, news, orders, thread: Some(thread) })
    }

    /// What was published last.
    pub(super) fn latest(&self) -> Option<Published> {
        self.latest.lock().ok()?.clone()
    }

    /// Writes a snapshot of everything.
    pub(super) fn snapshot(&self, path: PathBuf, force: bool) -> Result<(), String> {
        let (sender, receiver) = bounded(1);
        let told = self.orders.send(Order::Snapshot(path, force, sender));
        told.map_err(|_| "the session has ended".to_owned())?;
        receiver.recv().unwrap_or_else(|_| Err("the session has ended".to_owned()))
    }

    /// Ends the run.
    pub(super) fn end(mut self) -> Option<Ended> {
        let _ended_already = self.orders.send(Order::End);
        self.thread.take()?.join().ok()
    }
}

struct Worker {
    opened: Opened,
    latest: Arc<Mutex<Option<Published>>>,
    news: Sender<()>,
    orders: Receiver<Order>,
    filters: Vec<String>,
    redact: bool,
    budget: u64,
    source: String,
    until: Option<Instant>,
    run_for: Option<Duration>,
    meter: Meter,
    /// Moments and counts of exchanges and errors, of the last seconds.
    rates: Vec<(Instant, u64, u64)>,
    failure: Option<crate::failure::Failure>,
}

impl Worker {
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
                recv(self.orders) -> order => match order {
                    Ok(Order::Snapshot(path, force, reply)) => {
                        let written = self.opened.write_snapshot(&path, &self.filters, self.redact, force);
                        let _gone = reply.send(written.map_err(|failure| failure.text));
                    }
                    Ok(Order::End) | Err(_) => return self.end(),
                },
                recv(after(TICK)) -> _ => {}
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
        Ended { opened: self.opened, failure: self.failure }
    }

    fn failed(&mut self, error: &probes::SourceError) {
        self.failure.get_or_insert(crate::failure::Failure::source(error));
    }

    fn publish(&mut self) {
        let live = self.opened.reader.is_some() && self.opened.ready.is_some();
        let context = self.opened.engine.context(live.then(time::now));
        let probes = crate::run::probe_rows(self.opened.reader.as_ref());
        let snapshot = self.opened.engine.snapshot(probes);
        let status = self.status();
        if let Ok(mut latest) = self.latest.lock() {
            *latest = Some(Published { snapshot, context, status });
        }
        let _there_is_news_already = self.news.try_send(());
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
        Status {
            exchanges,
            errors,
            rate,
            error_share,
            rows: summary.rows,
            lost: summary.lost(),
            evicted: summary.evicted,
            bytes: engine.bytes(),
            budget: self.budget,
            range: engine.range(),
            cpu,
            resident,
            live: self.opened.reader.is_some(),
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
    last: Option<(Instant, u64)>,
    cpu: f64,
}

impl Meter {
    /// Share of one CPU since the last reading, and resident bytes now.
    fn read(&mut self, now: Instant) -> (f64, u64) {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let fields: Vec<u64> =
            stat.rsplit(") ").next().unwrap_or_default().split(' ').map(|field| field.parse().unwrap_or(0)).collect();
        // proc(5): after the name come state (3), …, utime (14), stime (15), …, rss (24), in ticks and pages.
        let ticks = fields.get(11).copied().unwrap_or(0) + fields.get(12).copied().unwrap_or(0);
        let resident = fields.get(21).copied().unwrap_or(0) * PAGE;
        match self.last {
            Some((at, before)) if now.duration_since(at) >= Duration::from_secs(1) => {
                #[expect(clippy::cast_precision_loss, reason = "ticks of a second or so")]
                let seconds = ticks.saturating_sub(before) as f64 / TICKS_A_SECOND;
                self.cpu = seconds / now.duration_since(at).as_secs_f64();
                self.last = Some((now, ticks));
            }
            Some(_) => {}
            None => self.last = Some((now, ticks)),
        }
        (self.cpu, resident)
    }
}

/// `USER_HZ`, the same on every Linux.
const TICKS_A_SECOND: f64 = 100.0;
const PAGE: u64 = 4096;
const TICK: Duration = Duration::from_millis(50);
const PUBLISH_EVERY: Duration = Duration::from_millis(100);
/// Without news only the clock and the meter move on.
const IDLE_EVERY: Duration = Duration::from_secs(1);
const RATE_OVER: Duration = Duration::from_secs(5);
