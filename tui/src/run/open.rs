//! Opens what a run looks at: the kernel, or files.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use probes::EventSource;
use probes::files::{self, Input};
use probes::live::{Capture, HookState};

use super::command::Watched;
use super::engine::Engine;
use super::merge;
use super::reader::{Reader, Source, Tee};
use crate::failure::Failure;
use crate::options::{Keep, Live, is_dash};

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
}

/// The figures of the ready line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ready {
    pub(crate) processes: usize,
    pub(crate) hooks: usize,
}

/// Attaches to the kernel; COMMAND, if any, is started and still held.
///
/// # Errors
/// Exit code 3 when the machine cannot do it.
pub(crate) fn live(live: &Live, keep: &Keep, tee: Tee, data_on_stdout: bool) -> Result<Opened, Failure> {
    let mut options = live.options.clone();
    let command = match live.command.is_empty() {
        true => None,
        false => {
            let command = Watched::hold(&live.command, data_on_stdout)?;
            options.targets.pids.push(command.pid());
            options.targets.children = true;
            Some(command)
        }
    };
    let capture = Capture::attach(&options).map_err(|error| Failure::source(&error))?;
    let active = capture.hooks().iter().filter(|hook| hook.state == HookState::Active).count();
    let ready = Ready { processes: capture.processes(), hooks: active };
    let reader = Reader::start(Source::Live(capture), tee)?;
    Ok(Opened { engine: Engine::new(keep, false), reader: Some(reader), damage: None, ready: Some(ready), command })
}

/// Opens files. One capture or recording is read while the run goes on; several, and snapshots, are read at once.
///
/// # Errors
/// When a file cannot be opened, or is of no known kind.
pub(crate) fn files(paths: &[PathBuf], keep: &Keep, tee: Tee, everything: bool) -> Result<Opened, Failure> {
    let mut engine = Engine::new(keep, everything);
    let mut damage = None;
    let mut reader = None;
    let paths = expand(paths)?;
    let mut captures = Vec::new();
    for path in &paths {
        let name = display(path);
        match open(path, &name)? {
            Input::Events(replay) => captures.push(Box::new(replay) as Box<dyn EventSource>),
            Input::Table(mut table) => {
                let mut bytes = Vec::new();
                table.input.read_to_end(&mut bytes).map_err(|error| Failure::file("read", path, &error))?;
                query::snapshot::read(bytes, engine.store())
                    .map_err(|error| Failure::usage(format!("{name}: {error}")))?;
            }
        }
    }
    engine.loaded();
    if captures.len() > 1 {
        damage = merge::read(captures, keep, &mut engine);
    } else if let Some(source) = captures.pop() {
        reader = Some(Reader::start(Source::File(source), tee)?);
    }
    Ok(Opened { engine, reader, damage, ready: None, command: None })
}

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

fn open(path: &PathBuf, name: &str) -> Result<Input, Failure> {
    let mut options = files::Options::default();
    let input: Box<dyn Read + Send> = if is_dash(path) {
        Box::new(io::stdin())
    } else {
        let file = File::open(path).map_err(|error| Failure::file("read", path, &error))?;
        options.size = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
        Box::new(file)
    };
    files::open(input, name, &options).map_err(|error| Failure::source(&error))
}

fn display(path: &PathBuf) -> String {
    if is_dash(path) { "stdin".to_owned() } else { path.display().to_string() }
}
