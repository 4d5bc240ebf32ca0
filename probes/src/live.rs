//! The live kernel: loads and attaches the BPF programs, reads their ring buffer, and decodes it to socket events.

mod brake;
mod btf;
mod cgroups;
mod check;
mod clock;
mod closing;
mod decode;
mod division;
mod errno;
mod handles;
mod listeners;
mod losses;
mod movable;
mod offsets;
mod plaintext;
mod programs;
mod raw;
mod rings;
mod selection;
mod shedding;

use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aya::maps::{MapData, RingBuf};
use probes_common::event::Conn;
use protocols::event::{Session, SocketEvent, Timestamp, Vantage};

use crate::targets::Targets;
use crate::{EventSource, Next, SourceError};
pub use check::{Finding, capabilities, check};
use clock::Clock;
use decode::Decoder;
use losses::Losses;
use plaintext::Plaintext;
use programs::{ConnMap, Programs};
pub use rings::has_ring;
use selection::Selection;
use shedding::Shedding;

/// How to capture.
#[derive(Debug, Clone)]
pub struct Options {
    /// What to watch.
    pub targets: Targets,
    /// Bytes copied at most from one call (`--capture`).
    pub capture: usize,
    /// Which kernel hooks.
    pub backend: Backend,
    /// Read plaintext from TLS libraries too.
    pub tls: bool,
    /// Percent of one CPU to use at most (`--max-cpu`): load is shed rather than more.
    pub max_cpu: Option<f64>,
}

/// Kernel hooks that see socket calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backend {
    /// Socket tracepoints where the kernel has them (6.3 and later), else syscall hooks.
    #[default]
    Auto,
    /// Socket tracepoints.
    Sock,
    /// Syscall hooks.
    Syscall,
    /// Syscall hooks as on kernels before 5.17, which have no `bpf_loop`: fewer segments and messages of a call are followed.
    SyscallInline,
}

/// A running capture. Dropping it detaches every hook.
pub struct Capture {
    /// Gone once stopped.
    programs: Option<Programs>,
    ring: RingBuf<MapData>,
    selection: Selection,
    conns: ConnMap,
    decoder: Decoder,
    losses: Losses,
    shedding: Option<Shedding>,
    clock: Clock,
    /// When losses were read and the time was told last.
    ticked: Instant,
    /// When closed sockets were looked for last.
    swept: Instant,
    /// Coming sweeps that look for TCP connections too, whose ends may have been lost.
    wider_sweeps: u8,
    ended: bool,
}

/// Between two events of [`SocketEvent::Clock`].
const TICK: Duration = Duration::from_millis(100);
/// The programs wake nobody: events wait for the next look at the ring buffer, at most so long.
const POLL: Duration = Duration::from_millis(10);
/// Between two searches for closed sockets, and how long a socket must have been quiet to be looked for.
const SWEEP: Duration = Duration::from_secs(1);
const QUIET: Duration = Duration::from_secs(1);
/// Sweeps after a loss that look for all sockets.
const WIDER_SWEEPS: u8 = 5;
/// Records decoded before their events are handed out.
const BATCH: usize = 64;

impl Capture {
    /// Loads and attaches. When it returns, everything that the targets do from now on is seen.
    ///
    /// # Errors
    /// `unsupported` when privileges or kernel features are missing: `advice` names the command that mends it.
    pub fn attach(options: &Options) -> Result<Self, SourceError> {
        let (mut programs, maps) = programs::start(options)?;
        // A short program's first call would come before its library is found: hook the usual ones beforehand.
        let plaintext = Plaintext::new(options.tls, options.targets.may_start_later(), &mut programs);
        let clock = Clock::start();
        let mut capture = Self {
            programs: Some(programs),
            ring: maps.ring,
            selection: Selection::new(options.targets.clone(), maps.rest, maps.targets),
            conns: maps.conns,
            decoder: Decoder::new(clock, plaintext),
            losses: Losses::new(maps.lost),
            shedding: options.max_cpu.zip(maps.brake).map(|(limit, maps)| Shedding::new(limit, maps)),
            clock,
            ticked: Instant::now(),
            swept: Instant::now(),
            wider_sweeps: 0,
            ended: false,
        };
        if capture.shedding.is_some() {
            // What is used inside the kernel counts too.
            capture.take_times();
        }
        let time = clock.now();
        capture.decoder.push(SocketEvent::Session(session(time)));
        // Hooks first, then the processes that are there: one that starts in between is seen by either.
        capture.selection.scan();
        let watched: Vec<u32> = capture.selection.watched().collect();
        watched.into_iter().for_each(|pid| capture.decoder.name(time, pid));
        capture.look(time);
        capture.decoder.plaintext.survey(capture.selection.unchosen());
        if capture.programs.as_ref().is_some_and(Programs::asks_for_rings) {
            let watched: Vec<u32> = capture.selection.watched().filter(|pid| rings::has_ring(*pid)).collect();
            watched.into_iter().for_each(|pid| capture.decoder.ring(time, pid, &capture.selection));
        }
        Ok(capture)
    }

    /// Watched processes, for the ready line.
    #[must_use]
    pub fn processes(&self) -> usize {
        self.selection.count()
    }

    /// Watches this pid, and its children, from now on (`-- COMMAND`, held before its exec).
    ///
    /// # Errors
    /// When the kernel's table of targets is full.
    pub fn watch(&mut self, pid: u32) -> Result<(), SourceError> {
        let full = self.selection.full;
        self.selection.watch(pid);
        if self.selection.full != full {
            return Err(programs::unsupported("the kernel's table of watched processes is full", None));
        }
        Ok(())
    }

    /// This executable will be started soon: if there is a TLS library inside it, it is hooked now.
    pub fn expect(&mut self, program: &Path) {
        if let Some(programs) = &mut self.programs {
            self.decoder.plaintext.expect(program, programs);
        }
    }

    /// Every hook, for table `probes` and the ready line.
    #[must_use]
    pub fn hooks(&self) -> Vec<Hook> {
        let kernel = self.programs.as_ref().map(Programs::hooks).unwrap_or_default();
        let brake = self.shedding.as_ref().map(Shedding::hook);
        kernel.into_iter().chain(self.decoder.plaintext.hooks()).chain(brake).collect()
    }

    /// Has the kernel take the time of every run from now on, for [`Hook::ns_per_hit`]. That costs each run of each BPF
    /// program on the machine two readings of the clock, so it is done only where somebody looks.
    pub fn take_times(&mut self) {
        if let Some(programs) = &mut self.programs {
            programs.take_times();
        }
    }

    /// Stops the kernel side. `next` then gives what was already produced, and `End` after it.
    pub fn stop(&mut self) {
        self.programs = None;
    }

    /// Looks for TLS libraries where that is due.
    fn look(&mut self, time: Timestamp) {
        if let Some(programs) = &mut self.programs {
            for event in self.decoder.plaintext.look(time, programs) {
                self.decoder.push(event);
            }
        }
    }

    /// Decodes what waits in the ring buffer, up to a batch; whether there was anything.
    fn drain(&mut self) -> bool {
        for read in 0..BATCH {
            let Some(record) = self.ring.next() else { return read > 0 };
            self.decoder.record(&record, &mut self.selection);
        }
        true
    }

    /// Tells of UDP and Unix sockets that were closed, and forgets them in the kernel too.
    fn sweep(&mut self) {
        self.swept = Instant::now();
        let now = self.clock.now();
        let before = Timestamp(now.0.saturating_sub(QUIET.as_nanos() as u64));
        let all = self.wider_sweeps > 0;
        self.wider_sweeps = self.wider_sweeps.saturating_sub(1);
        for conn in closing::closed(&self.decoder.quiet_since(before, all)) {
            let Some(sk) = self.decoder.close(now, conn) else { continue };
            // Another socket may live at that address by now.
            let same =
                |value: [u8; size_of::<Conn>()]| raw::split::<Conn>(&value).is_some_and(|(known, _)| known.id == conn);
            if self.conns.get(&sk, 0).is_ok_and(same) {
                let _ = self.conns.remove(&sk);
            }
        }
    }

    /// Every tick: losses, and if nothing happened (`quiet_at`: since when), the time.
    fn tick(&mut self, quiet_at: Option<Timestamp>) {
        if self.ticked.elapsed() < TICK {
            return;
        }
        self.ticked = Instant::now();
        if let Some(shedding) = &mut self.shedding {
            let in_kernel = self.programs.as_ref().and_then(Programs::time).unwrap_or_default();
            shedding.tick(in_kernel, self.clock.now(), &mut self.decoder);
        }
        // The end of a connection may be among what was lost.
        if self.losses.tell(self.clock.now(), &mut self.decoder) {
            self.wider_sweeps = WIDER_SWEEPS;
        }
        if self.swept.elapsed() >= SWEEP {
            self.sweep();
        }
        if let Some(time) = quiet_at {
            self.decoder.push(SocketEvent::Clock { time });
        }
    }
}

impl EventSource for Capture {
    fn next(&mut self, wait: Duration) -> Result<Next, SourceError> {
        let deadline = Instant::now() + wait;
        loop {
            if let Some(event) = self.decoder.pop() {
                return Ok(Next::Event(event));
            }
            if self.ended {
                return Ok(Next::End);
            }
            // Taken first: what happens while the ring buffer is looked at is later than this.
            let now = self.clock.now();
            let busy = self.drain();
            if !busy {
                self.decoder.close_due(Some(now));
            }
            self.look(now);
            self.tick((!busy).then_some(now));
            if busy || self.decoder.has_events() {
                continue;
            }
            if self.programs.is_none() {
                self.ended = true;
                self.decoder.close_due(None);
                self.decoder.handles.finish();
                self.decoder.movable.finish();
                self.losses.tell(now, &mut self.decoder);
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Next::Idle);
            }
            wait_for(&self.ring, left.min(POLL));
        }
    }
}

/// Waits until the ring buffer is readable.
fn wait_for(ring: &RingBuf<MapData>, time: Duration) {
    let mut poll = libc::pollfd { fd: ring.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let milliseconds = i32::try_from(time.as_millis()).unwrap_or(i32::MAX).max(1);
    // SAFETY: one writable element. An interruption is as good as the time being over.
    unsafe { libc::poll(&raw mut poll, 1, milliseconds) };
}

fn session(time: Timestamp) -> Session {
    let line = |path: &str| std::fs::read_to_string(path).ok().map(|text| Arc::from(text.trim()));
    Session {
        time,
        node: line("/proc/sys/kernel/hostname"),
        kernel: line("/proc/sys/kernel/osrelease"),
        vantage: Vantage::Process,
    }
}

/// Loads these programs of the BPF object (all if none is named) without attaching any: what the verifier says on this kernel.
///
/// # Errors
/// As [`Capture::attach`].
pub fn verify(only: &[String]) -> Result<Vec<Verified>, SourceError> {
    programs::verify(only)
}

/// What loading one program took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Its name.
    pub program: String,
    /// Instructions that the verifier went through, where the kernel counts them (5.16 and later).
    pub instructions: Option<u32>,
    /// Time to load it.
    pub load: Duration,
    /// Why it could not be loaded.
    pub reason: Option<String>,
}

/// A row of table `probes`.
#[derive(Debug, Clone, PartialEq)]
pub struct Hook {
    /// BPF program.
    pub program: String,
    /// Where it is attached: tracepoint, or symbol with offset.
    pub hook: String,
    /// Library or executable; null for kernel hooks.
    pub target: Option<String>,
    /// How it went.
    pub state: HookState,
    /// Why not, where it is not active.
    pub reason: Option<String>,
    /// Runs so far, where counted.
    pub hits: Option<u64>,
    /// Mean cost, where the kernel counts it.
    pub ns_per_hit: Option<f64>,
}

/// Column `state` of `probes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookState {
    /// Attached.
    Active,
    /// Should have worked, did not.
    Failed,
    /// This kernel cannot.
    Unsupported,
    /// Not needed for these targets.
    Skipped,
}
