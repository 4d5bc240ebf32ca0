//! The source thread: takes events as fast as they come, records them, and hands them on in batches.
//!
//! The channel is bounded. When what follows is slow, the thread waits; live, the kernel's ring buffer then fills up and
//! counts what it could not take, so that nothing is dropped without a number.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
use probes::files::events::Writer;
use probes::live::{Capture, Hook};
use probes::{EventSource, Next, SourceError};
use protocols::event::SocketEvent;

use crate::failure::Failure;

/// A source that is being read.
pub(crate) struct Reader {
    /// What was read.
    pub(crate) batches: Receiver<Batch>,
    stop: Sender<()>,
    hooks: Arc<Mutex<Vec<Hook>>>,
    /// Somebody looks at what hooks cost.
    times: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Some events, or the end.
pub(crate) enum Batch {
    /// In order.
    Events(Vec<SocketEvent>),
    /// Nothing follows.
    End,
    /// The source broke; what came before stays good.
    Broken(SourceError),
    /// The recording could not be written on; the capture goes on.
    RecordFailed(SourceError),
}

/// What is read.
pub(crate) enum Source {
    /// The kernel.
    Live(Box<Capture>),
    /// A file.
    File(Box<dyn EventSource>),
}

/// A recording that is written on the way.
pub(crate) type Tee = Option<Writer<std::fs::File>>;

impl Reader {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(source: Source, tee: Tee) -> Result<Self, Failure> {
        let (sender, batches) = bounded(QUEUE);
        let (stop, stopped) = bounded(1);
        let hooks = match &source {
            Source::Live(capture) => capture.hooks(),
            Source::File(_) => Vec::new(),
        };
        let hooks = Arc::new(Mutex::new(hooks));
        let shared = Arc::clone(&hooks);
        let times = Arc::new(AtomicBool::new(false));
        let wanted = Arc::clone(&times);
        let thread = std::thread::Builder::new()
            .name("source".to_owned())
            .spawn(move || {
                Worker { source, tee, sender, stopped, hooks: shared, times: wanted, stopped_at: None }.run()
            })
            .map_err(|error| Failure::usage(format!("cannot start a thread: {error}")))?;
        Ok(Self { batches, stop, hooks, times, thread: Some(thread) })
    }

    /// Ends the source: what was already produced still comes, then [`Batch::End`].
    pub(crate) fn stop(&self) {
        let _already = self.stop.try_send(());
    }

    /// Has the kernel take the time of every hook's run from now on, which costs each run two readings of the clock.
    pub(crate) fn take_times(&self) {
        self.times.store(true, Ordering::Relaxed);
    }

    /// The state of every hook, as of a moment ago; empty for files.
    pub(crate) fn hooks(&self) -> Vec<Hook> {
        self.hooks.lock().map(|hooks| hooks.clone()).unwrap_or_default()
    }

    /// Waits for the thread, so that hooks are detached and the recording is whole. What nobody took before is let go, and
    /// told.
    pub(crate) fn join(&mut self) -> LetGo {
        let mut let_go = LetGo::default();
        for batch in &self.batches {
            match batch {
                Batch::Events(events) => events.iter().for_each(|event| let_go.count(event)),
                Batch::Broken(error) | Batch::RecordFailed(error) => let_go.failure = Some(error),
                Batch::End => {}
            }
        }
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
        let_go
    }
}

/// What was read and not taken.
#[derive(Debug, Default)]
pub(crate) struct LetGo {
    /// Sends and receives, and their bytes.
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    pub(crate) failure: Option<SourceError>,
}

impl LetGo {
    fn count(&mut self, event: &SocketEvent) {
        if let SocketEvent::Data(data) = event {
            self.events = self.events.saturating_add(1);
            self.bytes = self.bytes.saturating_add(data.original_len);
        }
    }
}

struct Worker {
    source: Source,
    tee: Tee,
    sender: Sender<Batch>,
    stopped: Receiver<()>,
    hooks: Arc<Mutex<Vec<Hook>>>,
    times: Arc<AtomicBool>,
    /// When the end was asked for, ns since the epoch: what happens later is of no interest, and detaching takes a while.
    stopped_at: Option<u64>,
}

impl Worker {
    fn run(mut self) {
        let mut hooks_at = Instant::now();
        let mut batch = Vec::new();
        let mut began = Instant::now();
        let last = loop {
            if self.stopped_at.is_none() && self.asked_to_stop() {
                self.stopped_at = Some(crate::time::now());
                // Afterwards there are no hooks any more to be told about.
                self.publish_hooks();
                match &mut self.source {
                    Source::Live(capture) => capture.stop(),
                    Source::File(_) => break Batch::End,
                }
            }
            // Events come in bursts; those that are here already do not wait for the next one.
            let wait = if batch.is_empty() { WAIT } else { BETWEEN };
            let next = match &mut self.source {
                Source::Live(capture) => capture.next(wait),
                Source::File(file) => file.next(wait),
            };
            match next {
                Ok(Next::Event(event)) if self.is_too_late(&event) => continue,
                Ok(Next::Event(event)) => {
                    self.record(&event);
                    if batch.is_empty() {
                        began = Instant::now();
                    }
                    batch.push(event);
                    if batch.len() < BATCH && began.elapsed() < FILL {
                        continue;
                    }
                }
                Ok(Next::Idle) => {}
                Ok(Next::End) => break Batch::End,
                Err(error) => break Batch::Broken(error),
            }
            if !batch.is_empty() && self.sender.send(Batch::Events(std::mem::take(&mut batch))).is_err() {
                break Batch::End;
            }
            if hooks_at.elapsed() > HOOKS_EVERY {
                hooks_at = Instant::now();
                self.publish_hooks();
            }
        };
        if self.stopped_at.is_none() {
            self.publish_hooks();
        }
        if !batch.is_empty() {
            let _gone = self.sender.send(Batch::Events(batch));
        }
        if let Some(Err(error)) = self.tee.take().map(Writer::finish) {
            let _gone = self.sender.send(Batch::RecordFailed(error));
        }
        let _gone = self.sender.send(last);
    }

    fn asked_to_stop(&self) -> bool {
        // Nobody is left to ask, or to be told, once the other end is gone.
        !matches!(self.stopped.try_recv(), Err(TryRecvError::Empty))
    }

    /// Whether it happened after the end was asked for. Losses are told late, and still count.
    fn is_too_late(&self, event: &SocketEvent) -> bool {
        !matches!(event, SocketEvent::Lost(_)) && self.stopped_at.is_some_and(|stopped| event.time().0 > stopped)
    }

    fn record(&mut self, event: &SocketEvent) {
        let Some(tee) = &mut self.tee else { return };
        if let Err(error) = tee.record(event) {
            self.tee = None;
            let _gone = self.sender.send(Batch::RecordFailed(error));
        }
    }

    fn publish_hooks(&mut self) {
        let Source::Live(capture) = &mut self.source else { return };
        if self.times.load(Ordering::Relaxed) {
            capture.take_times();
        }
        if let Ok(mut hooks) = self.hooks.lock() {
            *hooks = capture.hooks();
        }
    }
}

/// Makes the recording's file.
///
/// # Errors
/// When it exists (without `force`) or cannot be written.
pub(crate) fn tee(
    path: &Path,
    options: Option<&probes::live::Options>,
    force: bool,
) -> Result<Writer<std::fs::File>, Failure> {
    use probes::files::events::{Compression, Header};
    let start = crate::time::now();
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok();
    let header = Header {
        node: std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned()),
        kernel: release.map(|release| release.trim().to_owned()),
        start: protocols::event::Timestamp(start),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        options: options.map(shaping).unwrap_or_default(),
    };
    Writer::create(path, &header, Compression::None, force).map_err(|error| Failure::source(&error))
}

/// The options that shape events.
fn shaping(options: &probes::live::Options) -> Vec<(String, String)> {
    vec![("capture".to_owned(), options.capture.to_string()), ("tls".to_owned(), options.tls.to_string())]
}

/// Batches that may wait: with the batch size about 32 k events.
const QUEUE: usize = 128;
/// Events a batch at most.
const BATCH: usize = 256;
/// How long an event may be waited for: the first of a batch, another one, and how long a batch be filled.
const WAIT: Duration = Duration::from_millis(20);
const BETWEEN: Duration = Duration::from_millis(2);
const FILL: Duration = Duration::from_millis(10);
/// How often the hooks' counters are read.
const HOOKS_EVERY: Duration = Duration::from_secs(1);
