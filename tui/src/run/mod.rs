//! A run: from the source to rows, from the ready line to the exit code.
//!
//! ```text
//! source thread (reader) -> bounded channel -> engine: trackers -> store -> printer, snapshot or screen
//! ```

mod command;
mod cost;
mod coverage;
mod engine;
pub(crate) mod last_session;
mod merge;
mod open;
mod pace;
mod print;
mod progress;
mod reader;
mod signals;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use probes::live::{Hook, HookState};
use query::ProbeRow;

use command::Stdout;
pub(crate) use command::held;
pub(crate) use cost::Cost;
pub(crate) use coverage::Summary;
#[cfg(test)]
pub(crate) use engine::Engine;
pub(crate) use open::Opened;
use print::Printer;
pub(crate) use reader::Batch;
use reader::Reader;
pub(crate) use signals::Signal;

use crate::failure::{self, Failure};
use crate::options::{Explore, Input, View};
use crate::otlp::{Settings, Tap};
use crate::output::{self, Rows};

/// Runs what the options ask for; returns the exit code.
///
/// # Errors
/// What kept the run from starting. What goes wrong later is said on the way.
pub(crate) fn explore(mut explore: Explore) -> Result<u8, Failure> {
    if let (View::DryRun, Input::Live(live) | Input::Demo { live, .. }) = (&explore.view, &explore.input) {
        return crate::doctor::dry_run(&live.options);
    }
    if let Some(path) = &explore.log {
        output::log_to(path)?;
    }
    if let Some(path) = explore.snapshot.as_ref().filter(|path| path.is_file() && !explore.force) {
        // Better now than after an hour of capture.
        return Err(Failure::usage(format!("{} exists\n\ntry: --force to overwrite it", path.display())));
    }
    let signals = signals::listen()?;
    let query = match std::mem::replace(&mut explore.view, View::Headless) {
        View::Query(query) => Some(query),
        View::Screen => return screens(explore, &signals),
        View::Headless | View::DryRun => None,
    };
    let rows = match &query {
        Some(query) => Some(Rows::open(&explore.output, query.columns(), explore.ascii, explore.force)?),
        None => None,
    };
    let mut opened = open(&explore, query.is_some())?;
    signals::begun();
    let live = opened.ready.is_some();
    let table = explore.output.terminal && explore.output.format == query::export::Format::Table;
    let printer = query.zip(rows).map(|(query, rows)| Printer::new(query, rows, explore.limit, live, table));
    if table && printer.as_ref().is_some_and(Printer::is_streaming) {
        // Rows come to the same terminal.
        opened.bar = None;
    }
    Run::new(explore, opened, printer, signals).go()
}

/// Where COMMAND's output goes while the screens are shown.
pub(crate) fn command_output() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("explore-{}.out", std::process::id()))
}

/// Shows the screens until they are left. They are there at once; the source is opened behind them.
fn screens(mut explore: Explore, signals: &Receiver<Signal>) -> Result<u8, Failure> {
    explore.view = View::Screen;
    signals::begun();
    let explore = Arc::new(explore);
    let shared = Arc::clone(&explore);
    let opener = move || {
        let mut opened = open(&shared, false)?;
        opened.bar = None;
        if let Some(path) = &shared.ready_file {
            std::fs::write(path, "").map_err(|error| Failure::file("create", path, &error))?;
        }
        let source = match (&shared.input, opened.source) {
            (_, Some(source)) => format!("demo source={source}"),
            (Input::Files(files), _) => {
                let names: Vec<_> = files.paths.iter().filter_map(|path| path.file_name()?.to_str()).collect();
                names.join(" ")
            }
            _ => shared.filters.join(" "),
        };
        Ok((opened, source))
    };
    // Every thread gives up its privileges by itself: where that is wanted, there are none yet.
    let drops = matches!(&explore.input, Input::Live(live) | Input::Demo { live, .. } if !live.options.tls);
    let opener: crate::screen::Opener = match drops {
        true => {
            let opened = opener()?;
            Box::new(move || Ok(opened))
        }
        false => Box::new(opener),
    };
    let left = crate::screen::run(&explore, opener, signals)?;
    // The opener is gone with its thread.
    let explore = Arc::try_unwrap(explore).map_err(|_| Failure::usage("the session's thread is still there"))?;
    let mut run = Run::new(explore, left.opened, None, signals.clone());
    run.failure = left.failure;
    run.signalled = left.signalled;
    run.finish_export();
    let cut_off = run.signalled.is_some_and(|code| code != INTERRUPTED);
    if let Some(path) = last_session::path().filter(|_| cut_off) {
        run.snapshot(&path, true);
    }
    if let Some(path) = run.explore.snapshot.clone() {
        run.snapshot(&path, run.explore.force);
    }
    Ok(run.conclude())
}

fn open(explore: &Explore, query: bool) -> Result<Opened, Failure> {
    let live_options = match &explore.input {
        Input::Live(live) | Input::Demo { live, .. } => Some(&live.options),
        Input::Files(_) => None,
    };
    let tee = match &explore.record {
        Some(path) => {
            let tee = reader::tee(path, live_options, explore.force)?;
            output::note(&format!("{} will hold what was sent as it was: passwords and keys too", path.display()));
            Some(tee)
        }
        None => None,
    };
    let file = matches!(explore.input, Input::Files(_));
    let routes = explore.keep.tracker.routes.clone();
    let start = |settings: &Settings| Tap::start(settings.clone(), routes, file);
    let tap = explore.otlp.as_ref().map(start).transpose()?;
    let mut opened = match &explore.input {
        Input::Live(live) => {
            let stdout = match &explore.view {
                View::Screen => Stdout::File(command_output()),
                _ if query && explore.output.file.is_none() => Stdout::ToStderr,
                _ => Stdout::AsOurs,
            };
            open::live(live, &explore.keep, tee, stdout)
                .map_err(|failure| if query && failure.code > 125 { Failure::usage(failure.text) } else { failure })
        }
        Input::Files(files) => {
            return open::files(files, &explore.keep, tee, query || explore.snapshot.is_some(), tap);
        }
        Input::Demo { seed, recorded, live } => open::demo(explore, *seed, *recorded, live, tee),
    }?;
    opened.engine.export_to(tap);
    Ok(opened)
}

/// All rows of files.
///
/// # Errors
/// When one cannot be read to its end.
pub(crate) fn load(paths: &[std::path::PathBuf]) -> Result<query::Snapshot, Failure> {
    let tracker = protocols::tracker::Config::default();
    let keep = crate::options::Keep { tracker, memory: u64::MAX, retain: None };
    let files = crate::options::Files { paths: paths.to_vec(), tls_keys: None };
    let mut opened = open::files(&files, &keep, None, true, None)?;
    if let Some(damage) = opened.damage {
        return Err(damage);
    }
    if let Some(mut reader) = opened.reader.take() {
        for batch in reader.batches.clone() {
            match batch {
                Batch::Events(events) => events.into_iter().for_each(|event| opened.engine.handle(event)),
                Batch::Broken(error) | Batch::RecordFailed(error) => return Err(Failure::source(&error)),
                Batch::End => break,
            }
        }
        let _all_was_taken = reader.join();
    }
    opened.engine.finish();
    Ok(opened.engine.finished_rows())
}

/// A run without a screen.
struct Run {
    explore: Explore,
    opened: Opened,
    printer: Option<Printer>,
    signals: Receiver<Signal>,
    /// The first thing that went wrong, if any.
    failure: Option<Failure>,
    /// Stopped by a signal: the exit code if nothing else decides it.
    signalled: Option<u8>,
}

impl Run {
    fn new(explore: Explore, opened: Opened, printer: Option<Printer>, signals: Receiver<Signal>) -> Self {
        Self { explore, opened, printer, signals, failure: None, signalled: None }
    }

    fn go(mut self) -> Result<u8, Failure> {
        self.failure = self.opened.damage.take();
        let deadline = self.ready()?;
        self.capture(deadline);
        self.drain();
        self.opened.bar = None;
        if let Some(command) = &mut self.opened.command {
            command.end();
        }
        self.opened.engine.finish();
        self.finish_export();
        self.print_the_end();
        if let Some(path) = self.explore.snapshot.clone() {
            self.snapshot(&path, self.explore.force);
        }
        Ok(self.conclude())
    }

    /// Says that everything is attached, and lets COMMAND go.
    fn ready(&mut self) -> Result<Option<Instant>, Failure> {
        let mut run_for = self.explore.run_for;
        if let Some(ready) = self.opened.ready {
            for hook in self.opened.reader.iter().flat_map(Reader::hooks) {
                output::detail(1, self.explore.verbose, crate::doctor::hook_line(&hook).trim());
            }
            output::note(&format!("watching {} processes, {} hooks", ready.processes, ready.hooks));
            let states = self.printer.as_ref().is_some_and(Printer::is_about_states);
            if states {
                self.opened.reader.iter().for_each(take_times);
            }
            if states && self.opened.command.is_none() {
                run_for = run_for.or(Some(STATES_AFTER));
            } else if self.printer.as_ref().is_some_and(Printer::waits_for_the_end) {
                output::note("the result comes at the end (--for, Ctrl-C or the end of COMMAND)");
            }
        }
        if let Some(path) = &self.explore.ready_file {
            std::fs::write(path, "").map_err(|error| Failure::file("create", path, &error))?;
        }
        if let Some(source) = self.opened.source {
            output::note(&format!("the demo's shop, source={source}"));
        }
        self.opened.release();
        // Files are read to their ends, however long that takes.
        Ok(run_for.filter(|_| self.opened.ready.is_some()).map(|time| Instant::now() + time))
    }

    /// Takes events until the run ends.
    fn capture(&mut self, deadline: Option<Instant>) {
        let Some(batches) = self.opened.reader.as_ref().map(|reader| reader.batches.clone()) else {
            return self.stream_files();
        };
        let mut ended_at: Option<Instant> = None;
        loop {
            match batches.recv_timeout(TICK) {
                Ok(batch) => {
                    if self.take(batch) {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while let Ok(signal) = self.signals.try_recv() {
                match signal {
                    Signal::End(code) => {
                        self.signalled = Some(code);
                        return;
                    }
                    Signal::Snapshot => self.snapshot_now(),
                }
            }
            match self.tick() {
                Ok(true) => return,
                Ok(false) => {}
                Err(failure) => {
                    self.failure.get_or_insert(failure);
                    return;
                }
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return;
            }
            if self.opened.command.as_mut().is_some_and(|command| command.ended().is_some()) {
                // Its last bytes may still be on their way to us.
                if ended_at.get_or_insert_with(Instant::now).elapsed() > AFTER_COMMAND {
                    return;
                }
            }
        }
    }

    /// Prints the rows of files, which may be more than can be held at once.
    fn stream_files(&mut self) {
        let Some(printer) = &mut self.printer else { return };
        loop {
            match printer.next_of_files(&mut self.opened.engine) {
                Ok(true) => {}
                Ok(false) => return,
                Err(failure) => {
                    self.failure.get_or_insert(failure);
                    return;
                }
            }
            while let Ok(signal) = self.signals.try_recv() {
                if let Signal::End(code) = signal {
                    self.signalled = Some(code);
                    return;
                }
            }
        }
    }

    fn tick(&mut self) -> Result<bool, Failure> {
        match &mut self.printer {
            Some(printer) => printer.tick(&mut self.opened.engine, self.opened.reader.as_ref()),
            None => Ok(false),
        }
    }

    /// Takes a batch; true when nothing follows.
    fn take(&mut self, batch: Batch) -> bool {
        match batch {
            Batch::Events(events) => {
                events.into_iter().for_each(|event| self.opened.engine.handle(event));
                false
            }
            Batch::End => true,
            Batch::Broken(error) => {
                self.failure.get_or_insert(Failure::source(&error));
                true
            }
            Batch::RecordFailed(error) => {
                let failure = Failure::source(&error);
                output::note(&failure.text);
                self.failure.get_or_insert(failure);
                false
            }
        }
    }

    /// Reads what was already produced, for at most a second, and detaches.
    fn drain(&mut self) {
        let Some(mut reader) = self.opened.reader.take() else { return };
        reader.stop();
        if self.opened.ready.is_some() {
            // Waiting for the hooks to be detached is not reading.
            let until = Instant::now() + DETACH;
            let mut spent = Duration::ZERO;
            while let Ok(batch) = reader.batches.clone().recv_deadline(until) {
                let began = Instant::now();
                if self.take(batch) {
                    break;
                }
                spent += began.elapsed();
                if spent > DRAIN {
                    break;
                }
            }
        }
        let let_go = reader.join();
        self.opened.reader = Some(reader);
        if let Some(error) = let_go.failure {
            self.failure.get_or_insert(Failure::source(&error));
        }
        // Of a file that is not read to its end nothing was meant to be kept.
        if self.opened.ready.is_some() && let_go.events > 0 {
            self.opened.engine.lost("not_read_in_time", let_go.events, let_go.bytes);
        }
    }

    /// A file is exported to its end, unless the user says that it is enough.
    fn finish_export(&mut self) {
        let file = matches!(self.explore.input, Input::Files(_));
        let signals = self.signals.clone();
        let limit = if file && self.signalled.is_none() { None } else { Some(EXPORT) };
        let mut stopped = || signals.try_iter().any(|signal| matches!(signal, Signal::End(_)));
        if let Err(error) = self.opened.engine.finish_export(limit, &mut stopped) {
            self.failure.get_or_insert(Failure::usage(error.to_string()));
        }
    }

    fn print_the_end(&mut self) {
        let Some(printer) = &mut self.printer else { return };
        if let Err(failure) = printer.finish(&mut self.opened.engine, self.opened.reader.as_ref()) {
            self.failure.get_or_insert(failure);
        }
    }

    fn snapshot_now(&mut self) {
        let path = self.opened.snapshot_path(self.explore.snapshot.as_deref());
        let was_well = self.failure.is_none();
        self.snapshot(&path, true);
        if let Some(failure) = self.failure.as_ref().filter(|_| was_well) {
            // Whoever asked waits for it now, not at the end.
            output::note(&failure.text);
        }
    }

    fn snapshot(&mut self, path: &std::path::Path, force: bool) {
        let redacted = self.explore.keep.tracker.redact;
        match self.opened.write_snapshot(path, &self.explore.filters, redacted, force) {
            Ok(()) => output::note(&format!("snapshot written to {}", path.display())),
            // The first failure is told at the end.
            Err(failure) if self.failure.is_none() => self.failure = Some(failure),
            Err(failure) => output::error(&failure.text),
        }
    }

    /// Says what went wrong and what was seen; the exit code (INTERFACES 1.2).
    fn conclude(mut self) -> u8 {
        let summary = Summary::of(&self.opened.engine, self.opened.source);
        if let Some(failure) = &self.failure {
            output::error(&failure.text);
        }
        let too_much = self.explore.fail_on_loss.is_some_and(|allowed| summary.loss_percent() > allowed);
        if too_much {
            output::error(&format!("{:.2} % was lost, more than --fail-on-loss allows", summary.loss_percent()));
        }
        if let Some(line) = summary.render(self.explore.coverage) {
            output::line(&line);
        }
        let command = self.opened.command.as_mut().and_then(command::Watched::ended).map(command::code);
        let broken = self.printer.as_ref().is_some_and(|printer| printer.rows.broken);
        let printed = self.printer.as_ref().map(|printer| printer.rows.written());
        let streaming = self.printer.as_ref().is_some_and(Printer::is_streaming);
        match (self.failure, printed) {
            (Some(failure), _) => failure.code,
            (None, _) if too_much => failure::LOSS,
            (None, _) if broken => 0,
            (None, Some(0)) if self.explore.exit_status => 1,
            (None, Some(0)) if streaming => self.signalled.unwrap_or(0),
            (None, Some(_)) => 0,
            (None, None) => command.unwrap_or(0),
        }
    }
}

/// Has the kernel take the time of every hook's run from now on.
pub(crate) fn take_times(reader: &Reader) {
    reader.take_times();
}

/// The state of every hook as rows of table `probes`.
pub(crate) fn probe_rows(reader: Option<&Reader>) -> Vec<ProbeRow> {
    let row = |hook: Hook| ProbeRow {
        program: hook.program,
        hook: hook.hook,
        target: hook.target,
        state: match hook.state {
            HookState::Active => "active",
            HookState::Failed => "failed",
            HookState::Unsupported => "unsupported",
            HookState::Skipped => "skipped",
        }
        .to_owned(),
        reason: hook.reason,
        hits: hook.hits,
        ns_per_hit: hook.ns_per_hit,
    };
    reader.map(|reader| reader.hooks().into_iter().map(row).collect()).unwrap_or_default()
}

/// `dir/name-STAMP.ext`.
fn stamped(path: &std::path::Path, stamp: &str) -> std::path::PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match path.extension() {
        Some(extension) => format!("{stem}-{stamp}.{}", extension.to_string_lossy()),
        None => format!("{stem}-{stamp}"),
    };
    path.with_file_name(name)
}

/// The exit code of SIGINT: the user's own wish.
const INTERRUPTED: u8 = 130;
/// How often deadlines, signals and the printer are looked at.
const TICK: Duration = Duration::from_millis(10);
/// How long what was already produced is read at the end.
const DRAIN: Duration = Duration::from_secs(1);
/// How long detaching the hooks may take: the kernel waits for every CPU, for each of them.
const DETACH: Duration = Duration::from_secs(10);
/// How long what was seen live is still exported at the end.
const EXPORT: Duration = Duration::from_secs(5);
/// When `inflight`, `probes` and `loss` are printed without `--for`.
const STATES_AFTER: Duration = Duration::from_secs(2);
/// How long is read on after COMMAND has ended.
const AFTER_COMMAND: Duration = Duration::from_millis(50);
