//! TLS libraries of the watched processes: found, hooked once a file, and let go when the last user is gone.
//!
//! A probe sits on a file, for every process that maps it: processes that are not watched leave it at its first lines.
//! Processes are looked at when they are first seen and when they change their image; libraries come a little later than
//! an exec, and may be loaded at any time, so a process that speaks TLS without a known library is looked at again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocols::event::{ProcessChange, ProcessEvent, SocketEvent, Source, Timestamp, TlsStatus};

use super::programs::{Programs, UserProbe};
use super::{Hook, HookState};
use crate::tls::{Call, Exit, Library, Refusal, inspect, mapped};

/// A file, whatever its name: device and inode.
type FileId = (u64, u64);

/// After an exec the dynamic loader maps libraries: looked at again after these delays.
const AFTER_EXEC: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(3),
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(500),
];

/// A process that speaks TLS without a known library is looked at at most so often.
const AGAIN: Duration = Duration::from_millis(200);

/// Between looks at processes that may never be heard of.
const SURVEY: Duration = Duration::from_millis(10);

/// How long hooks stay without a user: processes come and go.
const LINGER: Duration = Duration::from_secs(10);

/// Where short-lived programs find their libraries: hooked beforehand, so that the first call is seen.
const USUAL: [&str; 5] = ["libssl.so.3", "libssl.so.1.1", "libgnutls.so.30", "libssl.so.1.0.0", "libssl.so.10"];
const FOLDERS: [&str; 6] =
    ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/lib64", "/lib"];

/// What is known of the TLS libraries of the watched processes.
#[derive(Default)]
pub(super) struct Plaintext {
    files: HashMap<FileId, File>,
    processes: HashMap<u32, Process>,
    /// Looks to come.
    due: BTreeMap<(Instant, u32), ()>,
    /// `None` where plaintext is not wanted.
    enabled: bool,
}

struct File {
    /// Where it was first seen.
    path: String,
    state: Result<Hooked, Refusal>,
    users: HashSet<u32>,
    unused_since: Option<Instant>,
    /// Hooked beforehand: stays.
    keep: bool,
}

struct Hooked {
    library: Library,
    probes: Vec<UserProbe>,
    /// Hooks that could not be set, with the reason.
    failed: Vec<(String, String)>,
}

#[derive(Default)]
struct Process {
    /// A library of it is hooked.
    hooked: bool,
    told: Option<TlsStatus>,
    looked: Option<Instant>,
    /// It has spoken TLS since then: the next look is due.
    again: bool,
}

impl Plaintext {
    /// Ready to look at processes; `ahead`: hooks the system's own libraries before anybody uses them.
    pub(super) fn new(enabled: bool, ahead: bool, programs: &mut Programs) -> Self {
        let mut plaintext = Self { enabled, ..Self::default() };
        if enabled && ahead {
            plaintext.hook_ahead(programs);
        }
        plaintext
    }

    /// A process is watched from now on.
    pub(super) fn add(&mut self, pid: u32) {
        if self.enabled && self.processes.get(&pid).is_none_or(|process| process.looked.is_none()) {
            self.processes.entry(pid).or_default();
            self.due.insert((Instant::now(), pid), ());
        }
    }

    /// Any of these may be heard of: they are looked at one after the other, so that nothing else has to wait for it.
    pub(super) fn survey(&mut self, pids: Vec<u32>) {
        let start = Instant::now();
        for (turn, pid) in (1..).zip(pids).filter(|_| self.enabled) {
            self.processes.entry(pid).or_default();
            self.due.insert((start + SURVEY * turn, pid), ());
        }
    }

    /// A process changed its image: its libraries are yet to come.
    pub(super) fn exec(&mut self, pid: u32) {
        if !self.enabled {
            return;
        }
        self.leave_files(pid);
        self.processes.insert(pid, Process::default());
        let now = Instant::now();
        self.due.extend(AFTER_EXEC.map(|delay| ((now + delay, pid), ())));
    }

    /// A process was forked: it has its parent's libraries.
    pub(super) fn fork(&mut self, parent: u32, pid: u32) {
        let Some(Process { hooked, .. }) = self.processes.get(&parent) else { return };
        self.processes.insert(pid, Process { hooked: *hooked, ..Process::default() });
        for file in self.files.values_mut().filter(|file| file.users.contains(&parent)) {
            file.users.insert(pid);
        }
        self.due.insert((Instant::now(), pid), ());
    }

    /// A process ended.
    pub(super) fn exit(&mut self, pid: u32) {
        if self.processes.remove(&pid).is_some() {
            self.leave_files(pid);
        }
    }

    /// A process sent or received what looks like TLS records.
    pub(super) fn speaks_tls(&mut self, pid: u32) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        if process.hooked || process.again {
            return;
        }
        process.again = true;
        let now = Instant::now();
        let next = process.looked.map_or(now, |looked| now.max(looked + AGAIN));
        self.due.insert((next, pid), ());
    }

    /// Does the looks that are due. Gives what is to be told of processes.
    pub(super) fn look(&mut self, time: Timestamp, programs: &mut Programs) -> Vec<SocketEvent> {
        if !self.enabled {
            return Vec::new();
        }
        let now = Instant::now();
        let mut told = Vec::new();
        while let Some(((at, pid), ())) = self.due.pop_first() {
            if at > now {
                self.due.insert((at, pid), ());
                break;
            }
            if let Some(status) = self.look_at(pid, programs) {
                told.push(SocketEvent::Process(ProcessEvent { time, pid, change: ProcessChange::Tls(status) }));
            }
        }
        self.let_go(now, programs);
        told
    }

    /// Rows of table `probes`.
    pub(super) fn hooks(&self) -> Vec<Hook> {
        let mut hooks = Vec::new();
        for file in self.files.values() {
            let row = |program: &str, hook: &str, state, reason: Option<String>| Hook {
                program: program.to_owned(),
                hook: hook.to_owned(),
                target: Some(file.path.clone()),
                state,
                reason,
                hits: None,
                ns_per_hit: None,
            };
            if let Ok(hooked) = &file.state {
                hooks
                    .extend(hooked.probes.iter().map(|probe| row(probe.program, &probe.hook, HookState::Active, None)));
                let failed = hooked.failed.iter();
                hooks.extend(failed.map(|(hook, reason)| row("uprobe", hook, HookState::Failed, Some(reason.clone()))));
            }
        }
        hooks
    }

    /// An executable that will be started soon: a library inside it is hooked beforehand, so that its first call is seen.
    pub(super) fn expect(&mut self, path: &Path, programs: &mut Programs) {
        if self.enabled
            && let (Ok(real), Ok(id)) = (path.canonicalize(), identity(path))
        {
            self.file(id, &real, &real.to_string_lossy(), programs).keep = true;
        }
    }

    fn hook_ahead(&mut self, programs: &mut Programs) {
        for path in FOLDERS.iter().flat_map(|folder| USUAL.map(|name| Path::new(folder).join(name))) {
            self.expect(&path, programs);
        }
    }

    /// Looks at a process's files. Gives its status if that is news.
    fn look_at(&mut self, pid: u32, programs: &mut Programs) -> Option<TlsStatus> {
        let process = self.processes.get_mut(&pid)?;
        (process.looked, process.again) = (Some(Instant::now()), false);
        let files = match mapped::executables(pid) {
            Ok(files) => files,
            // It is gone: nothing to tell.
            Err(_) if !lives(pid) => return None,
            Err(_) if !Path::new(&format!("/proc/{pid}")).exists() => {
                return self.tell(pid, without("/proc does not show the process: that needs CAP_SYS_PTRACE"));
            }
            Err(error) => return self.tell(pid, without(&error)),
        };
        let mut status = without("no library found");
        let (mut hooked, mut openssl) = (false, false);
        for file in &files {
            let id = (file.device, file.inode);
            let name = file.path.to_string_lossy().into_owned();
            let known = self.file(id, &file.open, &name, programs);
            known.users.insert(pid);
            known.unused_since = None;
            match &known.state {
                Ok(found) => {
                    let source = found.library.source;
                    if matches!(source, Source::OpenSsl | Source::BoringSsl) && !openssl {
                        openssl = true;
                        status = found.status(mapped::libcrypto(file, &files));
                    } else if !hooked {
                        status = found.status(None);
                    }
                    hooked = true;
                }
                Err(Refusal::NoSymbols(reason)) if !hooked => status = without(reason),
                Err(Refusal::Denied) if !hooked => {
                    status = without("its files may not be opened: that needs CAP_SYS_PTRACE")
                }
                _ => {}
            }
        }
        let process = self.processes.get_mut(&pid)?;
        process.hooked = hooked;
        self.tell(pid, status)
    }

    fn tell(&mut self, pid: u32, status: TlsStatus) -> Option<TlsStatus> {
        let process = self.processes.get_mut(&pid)?;
        if process.told.as_ref() == Some(&status) {
            return None;
        }
        process.told = Some(status.clone());
        Some(status)
    }

    /// The file, hooked if it has a library in it.
    fn file(&mut self, id: FileId, open: &Path, path: &str, programs: &mut Programs) -> &mut File {
        self.files.entry(id).or_insert_with(|| File {
            path: path.to_owned(),
            state: inspect(open).map(|library| Hooked::set(library, open, programs)),
            users: HashSet::new(),
            unused_since: None,
            keep: false,
        })
    }

    fn leave_files(&mut self, pid: u32) {
        for file in self.files.values_mut() {
            if file.users.remove(&pid) && file.users.is_empty() {
                file.unused_since = Some(Instant::now());
            }
        }
    }

    fn let_go(&mut self, now: Instant, programs: &mut Programs) {
        self.files.retain(|_, file| {
            let over = file.unused_since.is_some_and(|since| now.duration_since(since) > LINGER);
            if !over || file.keep {
                return true;
            }
            if let Ok(hooked) = &mut file.state {
                hooked.probes.drain(..).for_each(|probe| programs.unhook(probe));
            }
            false
        });
    }
}

impl Hooked {
    fn set(library: Library, open: &Path, programs: &mut Programs) -> Self {
        let mut probes = Vec::new();
        let mut failed = Vec::new();
        for hook in &library.hooks {
            let entry = entry_program(library.source, hook.call);
            let sites: Vec<(&'static str, u64)> = match &hook.exit {
                Exit::None => Vec::new(),
                Exit::Return if hook.call == Call::RustlsWrite => vec![("rustls_return", hook.entry)],
                Exit::Return if hook.call == Call::SendFile => vec![("sendfile_return", hook.entry)],
                Exit::Return => vec![("tls_return", hook.entry)],
                Exit::Instructions(offsets) => offsets.iter().map(|offset| ("go_return", *offset)).collect(),
            };
            // The way out first: a call that is seen going in must be seen coming out.
            for (program, offset) in sites.into_iter().chain([(entry, hook.entry)]) {
                let name = format!("{}+{:#x}", hook.symbol, offset.wrapping_sub(hook.start));
                match programs.hook(program, open, offset, &name) {
                    Ok(probe) => probes.push(probe),
                    Err(error) => {
                        failed.push((name, error));
                        break;
                    }
                }
            }
        }
        Self { library, probes, failed }
    }

    /// `crypto`: the process's libcrypto, which knows the version where libssl does not say it.
    fn status(&self, crypto: Option<&Path>) -> TlsStatus {
        let reason = self.failed.first().map(|(hook, reason)| format!("{hook} could not be hooked: {reason}"));
        TlsStatus {
            library: Some(Arc::from(self.library.source.name())),
            version: self.library.version_with(crypto).map(Arc::from),
            reason: reason.map(Arc::from),
        }
    }
}

fn entry_program(source: Source, call: Call) -> &'static str {
    match (source, call) {
        (Source::GnuTls, Call::Read | Call::ReadCounted) => "gnutls_read",
        (Source::GnuTls, Call::Write | Call::WriteCounted) => "gnutls_write",
        (Source::GnuTls, Call::Handshake) => "gnutls_handshake",
        (Source::BoringSsl, Call::Read) => "boring_read",
        (Source::BoringSsl, Call::Write) => "boring_write",
        (Source::BoringSsl, Call::ReadCounted) => "boring_read_counted",
        (Source::BoringSsl, Call::WriteCounted) => "boring_write_counted",
        (Source::BoringSsl, Call::Handshake) => "boring_handshake",
        (_, Call::Read) => "ssl_read",
        (_, Call::Write) => "ssl_write",
        (_, Call::ReadCounted) => "ssl_read_counted",
        (_, Call::WriteCounted) => "ssl_write_counted",
        (_, Call::SendFile) => "ssl_sendfile",
        (_, Call::Handshake) => "ssl_handshake",
        (_, Call::RustlsRead) => "rustls_read",
        (_, Call::RustlsWrite) => "rustls_write",
        (_, Call::GoRead) => "go_read",
        (_, Call::GoWrite) => "go_write",
        (_, Call::Free) => "tls_free",
    }
}

fn without(reason: &str) -> TlsStatus {
    TlsStatus { library: None, version: None, reason: Some(Arc::from(reason)) }
}

/// Whether there is such a process, whatever `/proc` shows.
fn lives(pid: u32) -> bool {
    let Ok(pid) = libc::pid_t::try_from(pid) else { return false };
    // SAFETY: signal 0 is sent to nobody.
    let asked = unsafe { libc::kill(pid, 0) };
    asked == 0 || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

fn identity(path: &Path) -> std::io::Result<FileId> {
    use std::os::unix::fs::MetadataExt;
    let file = path.metadata()?;
    Ok((file.dev(), file.ino()))
}
