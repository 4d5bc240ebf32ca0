//! Opens what a run looks at: the kernel, or files.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use probes::EventSource;
use probes::files::{self, Input};
use probes::live::{Capture, HookState};
use protocols::event::Timestamp;
use protocols::keys::KeyLog;
use query::snapshot::Manifest;
use serde_json::json;

use super::command::{Stdout, Watched};
use super::coverage::Summary;
use super::engine::Engine;
use super::progress::Bar;
use super::reader::{Reader, Source, Tee};
use super::{merge, pace};
use crate::demo::{Demo, RECORDING};
use crate::failure::{Failure, UNSUPPORTED};
use crate::options::{Explore, Files, Keep, Live, View, is_dash};
use crate::otlp::Tap;
use crate::output;

/// What a run looks at.
pub(crate) struct Opened {
    pub(crate) engine: Engine,
    /// Null when everything is in the store already.
    pub(crate) reader: Option<Reader>,
    /// What is wrong with the files, beside the rows that they gave.
    pub(crate) damage: Option<Failure>,
    /// Null for files.
    pub(crate) ready: Option<Ready>,
    pub(crate) command: Option<Watched>,
    pub(crate) demo: Option<Demo>,
    /// `live` or `recorded`, of the demo.
    pub(crate) source: Option<&'static str>,
    /// Of files that are being read.
    pub(crate) bar: Option<Bar>,
}

/// The figures of the ready line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ready {
    pub(crate) processes: usize,
    pub(crate) hooks: usize,
}

impl Opened {
    /// Everything is attached: lets COMMAND and the demo go.
    pub(crate) fn release(&mut self) {
        if let Some(command) = &self.command {
            command.release();
        }
        if let Some(demo) = &mut self.demo {
            demo.go();
        }
    }

    /// Writes the store, and what is known of the run, to a snapshot.
    ///
    /// # Errors
    /// When the file exists (without `force`) or cannot be written.
    pub(crate) fn write_snapshot(
        &mut self,
        path: &Path,
        filters: &[String],
        redacted: bool,
        force: bool,
    ) -> Result<(), Failure> {
        self.snapshot_writer(filters, redacted)(path, force)
    }

    /// What writes the store as it is now; it can be called later, on another thread.
    pub(crate) fn snapshot_writer(
        &mut self,
        filters: &[String],
        redacted: bool,
    ) -> impl FnOnce(&Path, bool) -> Result<(), Failure> + Send + use<> {
        let mut manifest = Manifest::default();
        let (node, kernel) = self.engine.machine();
        let range = self.engine.range();
        for (name, value) in [
            ("node", json!(node)),
            ("kernel", json!(kernel)),
            ("start", json!(range.map(|(start, _)| start))),
            ("end", json!(range.map(|(_, end)| end))),
            ("filters", json!(filters)),
            ("coverage", Summary::of(&self.engine, self.source).json()),
            ("redaction", json!(redacted)),
        ] {
            manifest.members.insert(name.to_owned(), value);
        }
        let snapshot = self.engine.snapshot(super::probe_rows(self.reader.as_ref()));
        move |path, force| {
            query::snapshot::write(path, &snapshot, &manifest, force)
                .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
        }
    }

    /// Where a snapshot goes that is written while the run goes on: `wanted` (`--snapshot`) with the moment in its name.
    pub(crate) fn snapshot_path(&self, wanted: Option<&Path>) -> PathBuf {
        let stamp = crate::time::compact(crate::time::now());
        match wanted {
            Some(path) => super::stamped(path, &stamp),
            None => format!("explore-{}-{stamp}.parquet", self.engine.machine().0.unwrap_or("unknown")).into(),
        }
    }

    /// What is in the store already, and nothing that follows.
    fn stored(engine: Engine) -> Self {
        Self { engine, reader: None, damage: None, ready: None, command: None, demo: None, source: None, bar: None }
    }
}

/// Attaches to the kernel; COMMAND, if any, is started and still held.
///
/// # Errors
/// Exit code 3 when the machine cannot do it.
pub(crate) fn live(live: &Live, keep: &Keep, tee: Tee, stdout: Stdout) -> Result<Opened, Failure> {
    let mut options = live.options.clone();
    for pid in &options.targets.pids {
        if !Path::new(&format!("/proc/{pid}")).exists() {
            output::note(&format!("there is no process {pid}"));
        }
    }
    let command = match live.command.is_empty() {
        true => None,
        false => {
            let command = Watched::hold(&live.command, stdout)?;
            options.targets.pids.push(command.pid());
            options.targets.children = true;
            Some(command)
        }
    };
    let mut opened = attach(&options, command.as_ref().map(Watched::executable), keep, tee)?;
    opened.command = command;
    Ok(opened)
}

/// `expected`: the executable that will be started.
fn attach(options: &probes::live::Options, expected: Option<&Path>, keep: &Keep, tee: Tee) -> Result<Opened, Failure> {
    probes::memory::give_back_freed();
    let mut capture = Capture::attach(options).map_err(|error| Failure::source(&error))?;
    if let Some(expected) = expected {
        capture.expect(expected);
    }
    let active = capture.hooks().iter().filter(|hook| hook.state == HookState::Active).count();
    let ready = Ready { processes: capture.processes(), hooks: active };
    if !options.tls
        && let Err(error) = probes::privileges::drop_of_thread()
    {
        // Before any thread is started that looks at what was captured.
        output::note(&format!("cannot give up privileges: {error}"));
    }
    let reader = Reader::start(Source::Live(Box::new(capture)), tee)?;
    Ok(Opened { reader: Some(reader), ready: Some(ready), ..Opened::stored(Engine::new(keep, false)) })
}

/// Starts the demo and attaches to it; where that cannot be, opens its recording, and says so.
///
/// # Errors
/// When the demo cannot be started for another reason.
pub(crate) fn demo(explore: &Explore, seed: u64, recorded: bool, live: &Live, tee: Tee) -> Result<Opened, Failure> {
    if !recorded {
        let demo = Demo::start(seed)?;
        let mut options = live.options.clone();
        options.targets.pids = demo.pids();
        match attach(&options, None, &explore.keep, tee) {
            Ok(opened) => return Ok(Opened { demo: Some(demo), source: Some("live"), ..opened }),
            Err(failure) if failure.code != UNSUPPORTED || explore.record.is_some() => return Err(failure),
            Err(failure) => {
                let reason = failure.text.lines().next().unwrap_or_default();
                output::note(&format!("no live capture here ({reason}): playing the recorded demo instead"));
            }
        }
    }
    let recording = Box::new(io::Cursor::new(RECORDING));
    let input = files::open(recording, "the demo's recording", &files::Options::default());
    let Input::Events(replay) = input.map_err(|error| Failure::source(&error))? else {
        return Err(Failure::usage("the demo's recording is none"));
    };
    let replay = pace::Paced::new(Box::new(replay), explore.run_for, matches!(explore.view, View::Screen));
    let reader = Reader::start(Source::File(Box::new(replay)), None)?;
    let engine = Engine::new(&explore.keep, false);
    Ok(Opened { reader: Some(reader), source: Some("recorded"), ..Opened::stored(engine) })
}

/// Opens files. One capture or recording is read while the run goes on; several, and snapshots, are read at once.
///
/// # Errors
/// When a file cannot be opened, or is of no known kind.
pub(crate) fn files(
    files: &Files,
    keep: &Keep,
    tee: Tee,
    everything: bool,
    tap: Option<Tap>,
) -> Result<Opened, Failure> {
    if everything {
        probes::memory::keep_freed();
    }
    let mut engine = Engine::new(keep, everything);
    let exports = tap.is_some();
    engine.export_to(tap);
    let mut damage = None;
    let mut reader = None;
    let paths = expand(&files.paths)?;
    let keys = files.tls_keys.as_deref().map(key_log).transpose()?;
    let (mut captures, mut progress) = (Vec::new(), Vec::new());
    let mut tables = false;
    for path in &paths {
        let name = display(path);
        match open(path, &name, keys.clone())? {
            Input::Events(replay) => {
                progress.push(replay.progress());
                captures.push(Box::new(replay) as Box<dyn EventSource>);
            }
            Input::Table(table) => {
                tables = true;
                if exports {
                    engine.keep_everything();
                }
                let manifest = read_table(path, table, everything || exports, keep, engine.store())?
                    .map_err(|error| Failure::usage(format!("{name}: {error}")))?;
                // It was watched for longer than from the first row to the last.
                let members = manifest.iter().flat_map(|manifest| manifest.members.iter());
                let moments = members.filter(|(name, _)| matches!(name.as_str(), "start" | "end"));
                moments.filter_map(|(_, value)| value.as_u64()).for_each(|time| engine.saw(Timestamp(time)));
            }
        }
    }
    engine.loaded();
    if tables && exports {
        engine.export_read_rows()?;
    }
    let mut bar = Bar::start(progress);
    // Rows of tables come in order of time, between those of the captures.
    if captures.len() > 1 || (tables && !captures.is_empty()) {
        damage = merge::read(captures, keep, &mut engine);
        bar = None;
    } else if let Some(source) = captures.pop() {
        reader = Some(Reader::start(Source::File(source), tee)?);
    }
    Ok(Opened { reader, damage, bar, ..Opened::stored(engine) })
}

/// Reads a file of rows. A large Parquet file stays where it is, and each query reads of it what it needs; screens have
/// small ones in memory.
fn read_table(
    path: &Path,
    mut table: files::Table,
    everything: bool,
    keep: &Keep,
    store: &mut query::Store,
) -> Result<Result<Option<Manifest>, query::QueryError>, Failure> {
    let unreadable = |error: io::Error| Failure::file("read", path, &error);
    let metadata = (!is_dash(path)).then(|| std::fs::metadata(path)).transpose().map_err(unreadable)?;
    let large = |size: u64| everything || size > keep.memory / LARGE;
    // One that is compressed as a whole does not begin like this.
    let plain = metadata.filter(|metadata| metadata.is_file() && large(metadata.len()) && is_parquet(path));
    if plain.is_some() {
        let source = query::snapshot::Source::Path(path.to_owned());
        return Ok(query::snapshot::open(source, store));
    }
    let mut bytes = Vec::new();
    table.input.read_to_end(&mut bytes).map_err(unreadable)?;
    let read = match everything {
        true => query::snapshot::open(query::snapshot::Source::Bytes(bytes), store),
        false => query::snapshot::read(bytes, store),
    };
    Ok(read)
}

fn is_parquet(path: &Path) -> bool {
    let mut first = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut first)).is_ok() && &first == b"PAR1"
}

/// A snapshot of a quarter of the budget may need all of it in memory, where it is not compressed.
const LARGE: u64 = 4;

/// Folders of snapshots stand for the files in them.
fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut all = Vec::new();
    for path in paths {
        if !is_dash(path) && path.is_dir() {
            let before = all.len();
            parquet_below(path, &mut all).map_err(|error| Failure::file("read", path, &error))?;
            if all.len() == before {
                return Err(Failure::usage(format!("{} is a folder without .parquet files", path.display())));
            }
        } else {
            all.push(path.clone());
        }
    }
    Ok(all)
}

fn parquet_below(folder: &Path, all: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            parquet_below(&path, all)?;
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            all.push(path);
        }
    }
    Ok(())
}

/// Reads logged TLS secrets.
fn key_log(path: &Path) -> Result<Arc<[u8]>, Failure> {
    let log = std::fs::read(path).map_err(|error| Failure::file("read", path, &error))?;
    if !KeyLog::default().add(&log) {
        return Err(Failure::usage(format!(
            "{} holds no TLS secrets\n\n\
             try: a file of lines such as `CLIENT_RANDOM 52362c… 9b7a…`, which programs write where SSLKEYLOGFILE says",
            path.display()
        )));
    }
    Ok(log.into())
}

fn open(path: &Path, name: &str, keys: Option<Arc<[u8]>>) -> Result<Input, Failure> {
    let mut options = files::Options { keys, ..files::Options::default() };
    let input: Box<dyn Read + Send> = if is_dash(path) {
        Box::new(io::stdin())
    } else {
        let file = File::open(path).map_err(|error| Failure::file("read", path, &error))?;
        options.size = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
        Box::new(file)
    };
    files::open(input, name, &options).map_err(|error| Failure::source(&error))
}

fn display(path: &Path) -> String {
    if is_dash(path) { "stdin".to_owned() } else { path.display().to_string() }
}
