//! What works on this machine, and what to do about what does not.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::btf::{Btf, VMLINUX};
use super::programs::{self, LIFECYCLE, SOCK, unsupported};
use crate::SourceError;

/// One thing that live capture needs, or can make use of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, such as `kernel` or `cap_bpf`.
    pub name: String,
    /// Whether it is as it should be.
    pub works: bool,
    /// Live capture is impossible without it; else only part of it is missing.
    pub required: bool,
    /// What was found.
    pub found: String,
    /// What to do about it, where it does not work.
    pub advice: Option<String>,
}

/// Capabilities by number (linux/capability.h), and what each is for.
const CAPABILITIES: &[(u32, &str, bool, &str)] = &[
    (39, "cap_bpf", true, "loads the programs"),
    (38, "cap_perfmon", true, "attaches them and lets them read kernel memory"),
    (19, "cap_sys_ptrace", false, "finds the executables and TLS libraries of other users' processes"),
    (2, "cap_dac_read_search", false, "opens them where their folders are closed to others"),
];
const CAP_SYS_ADMIN: u32 = 21;
const CAP_SYS_RESOURCE: u32 = 24;

/// Inode number of the initial pid namespace (include/linux/proc_ns.h, `PROC_PID_INIT_INO`).
const INITIAL_PIDS: u64 = 0xeffffffc;

/// Oldest kernel: ring buffers and `CAP_BPF` came with it.
const OLDEST: (u32, u32) = (5, 8);
/// From here on BPF memory is charged to the control group, no longer to `RLIMIT_MEMLOCK`.
const NO_MEMLOCK: (u32, u32) = (5, 11);

/// Everything that decides whether, and how well, live capture works here.
#[must_use]
pub fn check() -> Vec<Finding> {
    let mut all = vec![kernel(), types(), pids(), lockdown(), memory()];
    all.extend(capabilities());
    all.extend(tracepoints());
    all.push(uprobes());
    if all.iter().all(|finding| finding.works || !finding.required) {
        all.push(loading());
    }
    all
}

/// An error unless this process may load programs here.
pub(super) fn require() -> Result<(), SourceError> {
    let first = [kernel(), types(), pids(), lockdown()];
    if let Some(finding) = first.into_iter().find(|finding| !finding.works) {
        return Err(unsupported(&format!("{}: {}", finding.name, finding.found), finding.advice.as_deref()));
    }
    let missing: Vec<Finding> = capabilities().into_iter().filter(|finding| !finding.works).collect();
    if missing.iter().any(|finding| finding.required) {
        let names: Vec<String> = missing.iter().map(|finding| finding.name.to_uppercase()).collect();
        return Err(unsupported(&format!("missing privileges: {}", names.join(", ")), Some(&remedy())));
    }
    Ok(())
}

/// Raises the limit on locked memory where BPF maps still count as such. Without effect, and without need, elsewhere.
pub(super) fn lift_memory_limit() {
    if release().is_some_and(|release| release < NO_MEMLOCK) {
        let unlimited = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: a valid structure. A failure shows when the maps are created.
        unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const unlimited) };
    }
}

fn kernel() -> Finding {
    let found = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
    let works = release().is_none_or(|release| release >= OLDEST);
    finding("kernel", works, true, found, "Linux 5.8 or later is needed for live capture")
}

fn types() -> Finding {
    let works = Path::new(VMLINUX).exists();
    let found = if works { VMLINUX.to_owned() } else { format!("this kernel has no type information: no {VMLINUX}") };
    finding("btf", works, true, found, "use a kernel built with CONFIG_DEBUG_INFO_BTF=y, as all large distributions do")
}

/// The pid namespace of explore where that is not the first one: inode number, and device as the kernel writes it
/// (include/linux/kdev_t.h, `MKDEV`).
pub(super) fn pid_namespace() -> Option<(u32, u32)> {
    let found = std::fs::metadata("/proc/self/ns/pid").ok().filter(|found| found.ino() != INITIAL_PIDS)?;
    let device = libc::major(found.dev()) << 20 | libc::minor(found.dev());
    Some((u32::try_from(found.ino()).ok()?, device))
}

fn pids() -> Finding {
    // `/proc` shows the ids of the namespace for which it was mounted.
    let own = std::fs::read_link("/proc/self").ok().and_then(|link| link.to_str()?.parse().ok());
    let (works, found) = match pid_namespace() {
        None => (true, "the host's"),
        Some(_) if own == Some(std::process::id()) => (true, "not the host's: only processes in it are watched"),
        Some(_) => (false, "not the one for which /proc was mounted: process ids there are others"),
    };
    finding("pid namespace", works, true, found.to_owned(), "run it where /proc was mounted in this pid namespace")
}

fn lockdown() -> Finding {
    let text = std::fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
    let mode = text.split('[').nth(1).and_then(|rest| rest.split(']').next()).unwrap_or("none").to_owned();
    let works = mode != "confidentiality";
    finding(
        "lockdown",
        works,
        true,
        mode,
        "boot without lockdown=confidentiality: it forbids BPF programs to read memory",
    )
}

fn memory() -> Finding {
    if release().is_none_or(|release| release >= NO_MEMLOCK) {
        return finding("memlock", true, false, "not limited on this kernel".to_owned(), "");
    }
    let works = has(CAP_SYS_RESOURCE) || memory_limit() == libc::RLIM_INFINITY;
    let found = if works { "can be lifted".to_owned() } else { format!("{} bytes", memory_limit()) };
    finding("memlock", works, true, found, "run `ulimit -l unlimited` first, or add cap_sys_resource")
}

/// The privileges of this process, as far as they matter here.
#[must_use]
pub fn capabilities() -> Vec<Finding> {
    CAPABILITIES
        .iter()
        .map(|&(number, name, required, purpose)| {
            // CAP_SYS_ADMIN includes the two that were split off from it.
            let works = has(number) || (number >= 38 && has(CAP_SYS_ADMIN));
            let found = format!("{} ({purpose})", if works { "held" } else { "missing" });
            finding(name, works, required, found, &remedy())
        })
        .collect()
}

fn tracepoints() -> Vec<Finding> {
    let Ok(types) = Btf::of_kernel() else { return Vec::new() };
    let has = |name: &str| types.has_tracepoint(name);
    let sock = SOCK.iter().all(|row| has(row.tracepoint));
    let found = if sock { "socket tracepoints" } else { "system calls: each call of every process is slowed a little" };
    let mut all = vec![finding("back end", true, false, found.to_owned(), "")];
    for row in LIFECYCLE {
        let works = has(row.tracepoint);
        let found = if works { "present" } else { "missing in this kernel" };
        all.push(finding(
            &format!("tracepoint {}", row.tracepoint),
            works,
            true,
            found.to_owned(),
            "use a distribution's kernel",
        ));
    }
    all
}

fn uprobes() -> Finding {
    let works = Path::new("/sys/bus/event_source/devices/uprobe/type").exists();
    let found = if works { "available" } else { "this kernel has none (CONFIG_UPROBE_EVENTS)" };
    finding("uprobes", works, false, found.to_owned(), "TLS libraries cannot be read here; clear text can")
}

/// Asks the kernel's verifier itself.
fn loading() -> Finding {
    match programs::verify(&[]) {
        Ok(all) => {
            let refused: Vec<&str> =
                all.iter().filter(|program| program.reason.is_some()).map(|program| program.program.as_str()).collect();
            // One of the two variants of a program is for other kernels.
            let works = refused.iter().all(|name| *name == "sys_exit");
            let found =
                if works { format!("{} programs", all.len()) } else { format!("refused: {}", refused.join(", ")) };
            finding("loading", works, true, found, "report it with the output of `uname -r`")
        }
        Err(error) => finding("loading", false, true, error.what, &error.advice.unwrap_or_default()),
    }
}

fn finding(name: &str, works: bool, required: bool, found: String, advice: &str) -> Finding {
    let advice = (!works && !advice.is_empty()).then(|| advice.to_owned());
    Finding { name: name.to_owned(), works, required, found, advice }
}

/// The commands that give the privileges.
fn remedy() -> String {
    let program = std::env::current_exe().map_or_else(|_| "explore".to_owned(), |path| path.display().to_string());
    let names: Vec<&str> = CAPABILITIES.iter().map(|&(_, name, _, _)| name).collect();
    format!("run it with sudo, or once: sudo setcap {}+ep {program}", names.join(","))
}

/// Major and minor number of the kernel's release.
fn release() -> Option<(u32, u32)> {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn has(capability: u32) -> bool {
    effective() >> capability & 1 != 0
}

fn effective() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    field.and_then(|value| u64::from_str_radix(value.trim(), 16).ok()).unwrap_or(0)
}

fn memory_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is writable.
    unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) };
    limit.rlim_cur
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_comes_with_advice() {
        let findings = check();
        for name in ["kernel", "btf", "pid namespace", "cap_bpf", "cap_perfmon", "memlock", "uprobes"] {
            assert!(findings.iter().any(|finding| finding.name == name), "{name}");
        }
        for finding in findings {
            assert_eq!(finding.works, finding.advice.is_none(), "{finding:?}");
        }
    }

    #[test]
    fn the_remedy_names_the_program_and_all_capabilities() {
        let remedy = remedy();
        let program = std::env::current_exe().expect("known");
        assert!(remedy.contains("sudo setcap cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search+ep"));
        assert!(remedy.ends_with(program.to_str().expect("text")));
    }
}
