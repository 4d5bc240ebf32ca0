//! `explore doctor` and `--dry-run`: what will work on this machine, and what would mend the rest.
//!
//! The verdict on live capture is that of a real one: its hooks are attached for a moment, to this process only.

use std::path::{Path, PathBuf};

use probes::SourceError;
use probes::live::{Capture, Hook, HookState, Options, has_ring};
use probes::targets::Targets;
use probes::tls::{Refusal, inspect, mapped, quic};
use query::export::escape;
use serde_json::{Value, json};

use crate::failure::{Failure, UNSUPPORTED};
use crate::output;

/// `explore doctor`. Exit code 3 when live capture will not work.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn doctor(json: bool, pid: Option<u32>) -> Result<u8, Failure> {
    if let Some(pid) = pid.filter(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
        return Err(Failure::usage(format!("there is no process {pid}")));
    }
    let machine = Machine::look();
    let live = attach(pid);
    let processes = processes(pid);
    let text = match json {
        true => format!("{}\n", as_json(&machine, &live, &processes)),
        false => as_text(&machine, &live, &processes),
    };
    output::data(&text)?;
    Ok(if live.is_ok() { 0 } else { UNSUPPORTED })
}

/// `--dry-run`: every program, hook and capability that a capture with these options would use.
///
/// # Errors
/// Exit code 3 when it would not work.
pub(crate) fn dry_run(options: &Options) -> Result<u8, Failure> {
    let capture = Capture::attach(options).map_err(|error| Failure::source(&error))?;
    let mut text = format!("processes: {}\n", capture.processes());
    text.push_str(
        "capabilities: CAP_BPF CAP_PERFMON to load and attach, CAP_SYS_PTRACE CAP_DAC_READ_SEARCH for others' /proc\n",
    );
    capture.hooks().iter().for_each(|hook| text.push_str(&hook_line(hook)));
    output::data(&text).map(|()| 0)
}

/// Attaches for a moment; the hooks, or why not.
fn attach(pid: Option<u32>) -> Result<Vec<Hook>, SourceError> {
    let targets = Targets { pids: vec![pid.unwrap_or_else(std::process::id)], ..Targets::default() };
    let options = Options { targets, capture: 1024, backend: probes::live::Backend::Auto, tls: true, max_cpu: None };
    Capture::attach(&options).map(|capture| capture.hooks())
}

/// What is known of the machine without privileges.
struct Machine {
    kernel: String,
    architecture: &'static str,
    btf: bool,
}

impl Machine {
    fn look() -> Self {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let btf = Path::new("/sys/kernel/btf/vmlinux").exists();
        Self { kernel: release.trim().to_owned(), architecture: std::env::consts::ARCH, btf }
    }
}

/// The reason of a process without a TLS library, as in column `tls.reason`.
const NONE: &str = "no library found";

/// A process, and whether its TLS can be read.
struct Process {
    pid: u32,
    name: String,
    libraries: Vec<Found>,
    /// Why its plaintext, or some of it, cannot be read; null when all can.
    reason: Option<String>,
    /// It has an io_uring.
    io_uring: bool,
    /// It has UDP sockets where QUIC is spoken.
    quic: bool,
}

/// A TLS library that a process has.
struct Found {
    library: &'static str,
    version: Option<String>,
    path: PathBuf,
}

/// The process asked for, or every one that has a TLS library.
fn processes(pid: Option<u32>) -> Vec<Process> {
    if let Some(pid) = pid {
        return vec![process(pid)];
    }
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    pids.retain(|pid| *pid != std::process::id());
    pids.into_iter().filter(|pid| maps_tls(*pid)).map(process).collect()
}

/// Whether a library that is known for TLS is mapped: a quick look, before files are opened.
fn maps_tls(pid: u32) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    ["libssl", "libgnutls"].iter().any(|name| maps.contains(name))
}

fn process(pid: u32) -> Process {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned();
    let (io_uring, quic) = (has_ring(pid), quic::may_be_spoken(pid));
    let mut found = Process { pid, name, libraries: Vec::new(), reason: None, io_uring, quic };
    let files = match mapped::executables(pid) {
        Ok(files) => files,
        Err(error) => {
            found.reason = Some(error);
            return found;
        }
    };
    for file in &files {
        match inspect(&file.open) {
            Ok(library) => found.libraries.push(Found {
                library: library.source.name(),
                version: library.version_with(mapped::libcrypto(file, &files)),
                path: file.path.clone(),
            }),
            Err(Refusal::NoSymbols(reason)) => found.reason = Some(reason),
            Err(Refusal::Denied) => {
                found.reason = Some(format!("{} may not be opened: that needs CAP_SYS_PTRACE", file.path.display()));
            }
            Err(Refusal::NoLibrary | Refusal::Unreadable(_)) => {}
        }
    }
    if found.libraries.is_empty() && found.reason.is_none() {
        found.reason = Some(NONE.to_owned());
    }
    found
}

fn as_text(machine: &Machine, live: &Result<Vec<Hook>, SourceError>, processes: &[Process]) -> String {
    let mut text = format!("kernel        {} {}\n", machine.kernel, machine.architecture);
    let btf = if machine.btf { "yes" } else { "no: live capture needs a kernel built with CONFIG_DEBUG_INFO_BTF=y" };
    text.push_str(&format!("type info     {btf}\n"));
    match live {
        Ok(hooks) => {
            text.push_str("live capture  works\n");
            hooks.iter().for_each(|hook| text.push_str(&hook_line(hook)));
        }
        Err(error) => {
            text.push_str(&format!("live capture  does not work: {}\n", error.what));
            if let Some(advice) = &error.advice {
                text.push_str(&format!("              {advice}\n"));
            }
        }
    }
    for (at, finding) in probes::live::capabilities().iter().enumerate() {
        let label = if at == 0 { "privileges" } else { "" };
        let optional = if finding.works || finding.required { "" } else { ", not needed for one's own processes" };
        text.push_str(&format!("{label:13} {} {}{optional}\n", finding.name.to_uppercase(), finding.found));
    }
    text.push_str("files, demo   work\n");
    if processes.is_empty() {
        text.push_str("TLS           no process with a TLS library is running (or none may be looked into)\n");
    } else {
        text.push_str("TLS, by process:\n");
    }
    for process in processes {
        // A process may call itself anything.
        let mut label = format!("{:>8} {:16}", process.pid, escape(&process.name));
        for line in verdicts(process, live.as_deref().unwrap_or_default()) {
            text.push_str(&format!("  {label} {line}\n"));
            label = " ".repeat(25);
        }
    }
    text
}

/// What can be read of a process, and what cannot and why; a line each, at least one.
fn verdicts(process: &Process, hooks: &[Hook]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for Found { library, version, path } in &process.libraries {
        let path = path.display().to_string();
        // Known for the one process that was asked about.
        let hooks = || hooks.iter().filter(|hook| hook.target.as_ref() == Some(&path));
        let failed = hooks().find(|hook| hook.state != HookState::Active);
        let state = match (failed, hooks().count()) {
            (Some(hook), _) => format!(": {} failed, {}", hook.hook, hook.reason.as_deref().unwrap_or("unknown why")),
            (None, 0) => String::new(),
            (None, count) => format!(", {count} hooks"),
        };
        let version = version.as_deref().unwrap_or("of unknown version");
        lines.push(escape(&format!("{library} {version} ({path}){state}")));
    }
    if let Some(reason) = &process.reason {
        // To have none is no fault.
        let none = if reason == NONE { " (what it says in clear is read)" } else { "" };
        let also = if lines.is_empty() { "" } else { "and more that is " };
        lines.push(format!("{also}not readable: {}{none}", escape(reason)));
    }
    if process.quic {
        lines.push("has UDP sockets on port 443: if they speak QUIC, that is not read".to_owned());
    }
    if process.io_uring {
        lines.push("has an io_uring: what that moves through sockets is counted, not read".to_owned());
    }
    lines
}

fn as_json(machine: &Machine, live: &Result<Vec<Hook>, SourceError>, processes: &[Process]) -> Value {
    let live = match live {
        Ok(hooks) => json!({
            "works": true,
            "hooks": hooks.iter().map(|hook| json!({
                "program": hook.program,
                "hook": hook.hook,
                "target": hook.target,
                "state": state(hook),
                "reason": hook.reason,
            })).collect::<Vec<_>>(),
        }),
        Err(error) => json!({ "works": false, "reason": error.what, "advice": error.advice, "hooks": [] }),
    };
    let privilege = |finding: probes::live::Finding| json!({ "name": finding.name, "held": finding.works, "required": finding.required });
    let library = |found: &Found| json!({ "library": found.library, "version": found.version, "path": found.path.display().to_string() });
    let process = |process: &Process| {
        let first = process.libraries.first();
        json!({
            "pid": process.pid,
            "process": process.name,
            "io_uring": process.io_uring,
            "quic": process.quic,
            "tls": {
                "library": first.map(|found| found.library),
                "version": first.and_then(|found| found.version.as_ref()),
                "path": first.map(|found| found.path.display().to_string()),
                "libraries": process.libraries.iter().map(library).collect::<Vec<_>>(),
                "reason": process.reason,
            },
        })
    };
    json!({
        "kernel": machine.kernel,
        "architecture": machine.architecture,
        "btf": machine.btf,
        "live": live,
        "privileges": probes::live::capabilities().into_iter().map(privilege).collect::<Vec<_>>(),
        "files": { "works": true },
        "processes": processes.iter().map(process).collect::<Vec<_>>(),
    })
}

/// A hook and how it went, as one line.
pub(crate) fn hook_line(hook: &Hook) -> String {
    let target = hook.target.as_deref().map(|target| format!(" in {target}")).unwrap_or_default();
    let reason = hook.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let line = format!("  {:12} {:19} {}{target}{reason}", state(hook), hook.program, hook.hook);
    format!("{}\n", escape(&line))
}

fn state(hook: &Hook) -> &'static str {
    match hook.state {
        HookState::Active => "active",
        HookState::Failed => "failed",
        HookState::Unsupported => "unsupported",
        HookState::Skipped => "skipped",
    }
}
