//! `-- COMMAND ARGS`: started, held until every hook is attached, then let go.
//!
//! The command's process is first this program as `explore __held -- COMMAND`, which stops itself. It is watched, then
//! continued, and becomes COMMAND under the same pid: nothing that COMMAND does is missed.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};

use crate::failure::Failure;
use crate::output;

/// Where a command's output goes.
pub(crate) enum Stdout {
    /// Where ours goes.
    AsOurs,
    /// To our stderr: stdout is for data.
    ToStderr,
    /// To this file, and its stderr too: the screens are on the terminal.
    File(PathBuf),
}

/// A command that was started.
pub(crate) struct Watched {
    child: Child,
    executable: PathBuf,
    status: Option<ExitStatus>,
}

impl Watched {
    /// Starts the command and waits until it holds.
    ///
    /// # Errors
    /// 127 when there is no such command, 126 when it cannot be run.
    pub(crate) fn hold(command: &[OsString], stdout: Stdout) -> Result<Self, Failure> {
        let program = find(command.first().map_or(OsStr::new(""), OsString::as_os_str))?;
        let mut holder = Command::new(crate::OWN_PROGRAM);
        holder.arg0("explore").arg("__held").arg("--").args(command);
        match stdout {
            Stdout::AsOurs => {}
            Stdout::ToStderr => {
                holder.stdout(Stdio::from(std::io::stderr()));
            }
            Stdout::File(path) => {
                let unwritable = |error: std::io::Error| Failure::file("write", &path, &error);
                let file =
                    OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path).map_err(unwritable)?;
                holder.stdin(Stdio::null()).stderr(file.try_clone().map_err(unwritable)?).stdout(file);
            }
        }
        let child = holder.spawn().map_err(|error| cannot_start(command, &error.to_string()))?;
        let mut held = Self { child, executable: interpreter(&program).unwrap_or(program), status: None };
        held.wait_until_stopped(command)?;
        Ok(held)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The executable that it will be: for a script, its interpreter.
    pub(crate) fn executable(&self) -> &Path {
        &self.executable
    }

    /// Lets it go.
    pub(crate) fn release(&self) {
        self.signal(Signal::CONT);
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    /// Ends it if it still runs: asks first, insists after a second.
    pub(crate) fn end(&mut self) {
        if self.ended().is_some() {
            return;
        }
        self.signal(Signal::TERM);
        self.signal(Signal::CONT);
        let asked = Instant::now();
        while self.ended().is_none() {
            if asked.elapsed() > Duration::from_secs(1) {
                let _ended = self.child.kill();
                self.status = self.child.wait().ok();
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ended = kill_process(pid, signal);
        }
    }

    fn wait_until_stopped(&mut self, command: &[OsString]) -> Result<(), Failure> {
        let stat = format!("/proc/{}/stat", self.child.id());
        let started = Instant::now();
        loop {
            let text = std::fs::read_to_string(&stat).unwrap_or_default();
            // The state follows the name, which is in brackets and may hold anything.
            let state = text.rsplit(") ").next().and_then(|rest| rest.chars().next());
            if state == Some('T') {
                return Ok(());
            }
            if self.ended().is_some() || started.elapsed() > Duration::from_secs(10) {
                self.end();
                return Err(cannot_start(command, "its process ended before it began"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.end();
    }
}

/// The exit code that says how a command ended: its own, or 128 + signal.
pub(crate) fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| signal.saturating_add(128)));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// `explore __held -- COMMAND`: stops, and becomes COMMAND when it is continued.
///
/// # Errors
/// When COMMAND cannot be run after all.
pub(crate) fn held(command: &[OsString]) -> Result<u8, Failure> {
    // While it holds it must not outlive explore.
    let _supported = set_parent_process_death_signal(Some(Signal::KILL));
    signal_hook::low_level::raise(signal_hook::consts::SIGSTOP)
        .map_err(|error| cannot_start(command, &error.to_string()))?;
    let _supported = set_parent_process_death_signal(None);
    let Some((program, args)) = command.split_first() else {
        return Err(Failure::usage("no COMMAND"));
    };
    let error = Command::new(program).args(args).exec();
    let code = if error.kind() == std::io::ErrorKind::NotFound { NOT_FOUND } else { NOT_RUN };
    output::error(&format!("cannot start {}: {}", program.display(), crate::failure::reason(&error)));
    Ok(code)
}

/// Looks a command up as `exec` will.
fn find(program: &OsStr) -> Result<PathBuf, Failure> {
    let missing = |code, why: &str| Failure { code, text: format!("cannot start {}: {why}", program.display()) };
    let runs = |path: &Path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some(metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    let candidates: Vec<PathBuf> = if program.as_bytes().contains(&b'/') {
        vec![PathBuf::from(program)]
    } else {
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        std::env::split_paths(&path).map(|folder| folder.join(program)).collect()
    };
    let there = candidates.iter().any(|path| runs(path).is_some());
    match candidates.into_iter().find(|path| runs(path) == Some(true)) {
        Some(path) => Ok(path),
        None if there => Err(missing(NOT_RUN, "it is not an executable file")),
        None => Err(missing(NOT_FOUND, "no such command")),
    }
}

/// What a script's first line names; `env` stands for what it will look up. Null for anything else.
fn interpreter(path: &Path) -> Option<PathBuf> {
    let mut head = Vec::new();
    std::fs::File::open(path).ok()?.take(256).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    let interpreter = Path::new(words.next()?);
    if interpreter.file_name() == Some(OsStr::new("env")) {
        let program = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
        return find(OsStr::new(program)).ok();
    }
    Some(interpreter.to_owned())
}

fn cannot_start(command: &[OsString], why: &str) -> Failure {
    let program = command.first().map(|program| program.display().to_string()).unwrap_or_default();
    Failure { code: NOT_RUN, text: format!("cannot start {program}: {why}") }
}

/// There is no such command.
const NOT_FOUND: u8 = 127;
/// It is there and cannot be run.
const NOT_RUN: u8 = 126;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_its_interpreter() {
        let folder = tempfile::tempdir().unwrap();
        for (line, expected) in [
            ("#!/bin/sh -e\necho", Some("/bin/sh")),
            ("#! /usr/bin/env -S A=b sh -e\n", find(OsStr::new("sh")).unwrap().to_str()),
            ("#!/usr/bin/env no-such-command-here\n", None),
            ("\x7fELF", None),
            ("", None),
        ] {
            let path = folder.path().join("script");
            std::fs::write(&path, line).unwrap();
            assert_eq!(interpreter(&path), expected.map(PathBuf::from), "{line}");
        }
    }
}
