//! Loads the BPF object, sets its constants, attaches its programs.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use aya::maps::{Array, HashMap, MapData, PerCpuArray, RingBuf};
use aya::programs::uprobe::{UProbeAttachLocation, UProbeLinkId, UProbeScope};
use aya::programs::{Program, ProgramError, RawTracePoint, UProbe};
use aya::sys::{Stats, enable_stats};
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use probes_common::event::{Brake, CgroupTarget, Conn, LossCount, loss};
use probes_common::settings::{MAX_CAPTURE, filter, port, tls};

use super::brake::Step;
use super::btf::Btf;
use super::division::{Division, divide};
use super::selection::TargetMap;
use super::{Backend, Hook, HookState, Options, Verified, check, offsets};
use crate::SourceError;
use crate::targets::Targets;

#[cfg(target_arch = "x86_64")]
const OBJECT: &[u8] = include_bytes_aligned!("../../ebpf/object/explore.x86_64.o");
#[cfg(target_arch = "aarch64")]
const OBJECT: &[u8] = include_bytes_aligned!("../../ebpf/object/explore.aarch64.o");

/// A program and where it belongs.
pub(super) struct Row {
    /// Its name.
    pub(super) program: &'static str,
    /// Its raw tracepoint.
    pub(super) tracepoint: &'static str,
    /// Its counter of runs (`hit` in probes/ebpf/src/maps.rs).
    hit: u32,
}

const fn row(program: &'static str, tracepoint: &'static str, hit: u32) -> Row {
    Row { program, tracepoint, hit }
}

pub(super) const SOCK: &[Row] = &[row("sock_send", "sock_send_length", 0), row("sock_recv", "sock_recv_length", 1)];
const SYSCALL: &[Row] = &[row("sys_enter", "sys_enter", 8), row("sys_exit", "sys_exit", 9)];
/// What moves bytes out of its sight.
const RINGS: &[Row] = &[row("ring", "io_uring_create", 10)];
/// For kernels without `bpf_loop`.
const SYSCALL_INLINE: &[Row] = &[row("sys_enter", "sys_enter", 8), row("sys_exit_inline", "sys_exit", 9)];
pub(super) const LIFECYCLE: &[Row] = &[
    row("exec", "sched_process_exec", 5),
    row("fork", "sched_process_fork", 6),
    row("exit", "sched_process_exit", 7),
    row("set_state", "inet_sock_set_state", 2),
    row("destroy", "tcp_destroy_sock", 3),
    row("retransmit", "tcp_retransmit_skb", 4),
];

/// What runs in the kernel. Dropping it detaches everything.
pub(super) struct Programs {
    ebpf: Ebpf,
    hooks: Vec<(Hook, u32)>,
    hits: PerCpuArray<MapData, u64>,
    /// The kernel takes times as long as this is open.
    times: Option<OwnedFd>,
}

/// One place in a library or program that is hooked.
pub(super) struct UserProbe {
    pub(super) program: &'static str,
    /// Symbol and offset.
    pub(super) hook: String,
    link: UProbeLinkId,
}

/// The maps that user space reads and writes.
pub(super) struct Maps {
    pub(super) ring: RingBuf<MapData>,
    pub(super) targets: TargetMap,
    pub(super) lost: PerCpuArray<MapData, [u64; 2]>,
    pub(super) conns: ConnMap,
    /// Where there is a limit to hold. Otherwise both stay where the programs are: those that load later, at the first
    /// library, refer to them, and a map that was taken and dropped is closed.
    pub(super) brake: Option<BrakeMaps>,
    /// Targets that user space decides about.
    pub(super) rest: Targets,
}

/// What the programs are told to shed, and what they did.
pub(super) struct BrakeMaps {
    pub(super) settings: Array<MapData, [u32; 2]>,
    pub(super) shed: PerCpuArray<MapData, [u64; 2]>,
}

/// The kernel's map of connections.
pub(super) type ConnMap = HashMap<MapData, u64, [u8; size_of::<Conn>()]>;

const _: () = assert!(size_of::<LossCount>() == size_of::<[u64; 2]>());
const _: () = assert!(size_of::<Brake>() == size_of::<[u32; 2]>());

/// Loads and attaches.
pub(super) fn start(options: &Options) -> Result<(Programs, Maps), SourceError> {
    check::require()?;
    let types = offsets::kernel_types()?;
    let division = divide(&options.targets)?;
    let mut ebpf = load(options, &division, &types)?;
    fill(&mut ebpf, &division)?;
    let maps = Maps {
        ring: RingBuf::try_from(take(&mut ebpf, "EVENTS")?).map_err(broken)?,
        targets: HashMap::try_from(take(&mut ebpf, "TARGETS")?).map_err(broken)?,
        lost: PerCpuArray::try_from(take(&mut ebpf, "LOST")?).map_err(broken)?,
        conns: HashMap::try_from(take(&mut ebpf, "CONNS")?).map_err(broken)?,
        brake: options.max_cpu.map(|_| take_brake(&mut ebpf)).transpose()?,
        rest: division.rest,
    };
    let hits = PerCpuArray::try_from(take(&mut ebpf, "HITS")?).map_err(broken)?;
    let mut programs = Programs { ebpf, hooks: Vec::new(), hits, times: None };
    programs.attach(LIFECYCLE)?;
    let missing = SOCK.iter().find(|row| !types.has_tracepoint(row.tracepoint));
    match (options.backend, missing) {
        (Backend::Sock, Some(Row { tracepoint, .. })) => {
            let what = format!("this kernel has no tracepoint {tracepoint}: Linux 6.3 and later do");
            return Err(unsupported(&what, Some("leave the choice of the back end to explore")));
        }
        (Backend::SyscallInline, _) => programs.attach(SYSCALL_INLINE)?,
        (Backend::Syscall, _) | (Backend::Auto, Some(_)) => programs.attach_syscalls()?,
        (Backend::Sock | Backend::Auto, None) => programs.attach(SOCK)?,
    }
    if programs.asks_for_rings() && RINGS.iter().all(|row| types.has_tracepoint(row.tracepoint)) {
        programs.attach(RINGS)?;
    }
    Ok((programs, maps))
}

impl Programs {
    /// Rows of table `probes`.
    pub(super) fn hooks(&self) -> Vec<Hook> {
        let hits = |index| self.hits.get(&index, 0).ok().map(|values| values.iter().sum());
        self.hooks
            .iter()
            .map(|(hook, index)| Hook { hits: hits(*index), ns_per_hit: self.mean_time(&hook.program), ..hook.clone() })
            .collect()
    }

    /// The system calls tell nothing of what io_uring moves: its users have to be found otherwise.
    pub(super) fn asks_for_rings(&self) -> bool {
        self.hooks.iter().any(|(hook, _)| hook.program == "sys_enter")
    }

    /// Where the kernel cannot take times, they stay unknown.
    pub(super) fn take_times(&mut self) {
        self.times = self.times.take().or_else(|| enable_stats(Stats::RunTime).ok());
    }

    /// Time that all programs have run; null where the kernel does not take it.
    pub(super) fn time(&self) -> Option<Duration> {
        self.times.as_ref()?;
        let times = self.ebpf.programs().filter_map(|(_, program)| match program {
            Program::UProbe(program) => program.info().ok(),
            Program::RawTracePoint(program) => program.info().ok(),
            _ => None,
        });
        Some(times.map(|info| info.run_time()).sum())
    }

    /// Nanoseconds a run, early outs included.
    fn mean_time(&self, program: &str) -> Option<f64> {
        self.times.as_ref()?;
        let program: &RawTracePoint = self.ebpf.program(program)?.try_into().ok()?;
        let info = program.info().ok()?;
        (info.run_count() > 0).then(|| info.run_time().as_nanos() as f64 / info.run_count() as f64)
    }

    /// Back end B. The first program needs `bpf_loop`.
    fn attach_syscalls(&mut self) -> Result<(), SourceError> {
        // Whether it loads decides, before anything is attached: what is attached twice is an error.
        let has_loops = self.load("sys_exit").is_ok();
        self.attach(if has_loops { SYSCALL } else { SYSCALL_INLINE })
    }

    fn attach(&mut self, rows: &[Row]) -> Result<(), SourceError> {
        for Row { program, tracepoint, hit } in rows {
            self.attach_one(program, tracepoint).map_err(|error| {
                unsupported(&format!("cannot attach {program} to {tracepoint}: {}", chain(&error)), None)
            })?;
            let hook = Hook {
                program: (*program).to_owned(),
                hook: format!("raw_tracepoint:{tracepoint}"),
                target: None,
                state: HookState::Active,
                reason: None,
                hits: None,
                ns_per_hit: None,
            };
            self.hooks.push((hook, *hit));
        }
        Ok(())
    }

    /// Hooks the instruction at `offset` of a file, in every process that maps it.
    pub(super) fn hook(
        &mut self,
        program: &'static str,
        file: &Path,
        offset: u64,
        hook: &str,
    ) -> Result<UserProbe, String> {
        let found: &mut UProbe = self
            .ebpf
            .program_mut(program)
            .ok_or_else(|| format!("the BPF object has no program {program}"))?
            .try_into()
            .map_err(|error: ProgramError| chain(&error))?;
        match found.load() {
            Ok(()) | Err(ProgramError::AlreadyLoaded) => {}
            Err(error) => return Err(chain(&error)),
        }
        let location = UProbeAttachLocation::AbsoluteOffset(offset);
        let link = found.attach(location, file, UProbeScope::AllProcesses).map_err(|error| chain(&error))?;
        Ok(UserProbe { program, hook: hook.to_owned(), link })
    }

    /// Takes a hook away.
    pub(super) fn unhook(&mut self, probe: UserProbe) {
        let Some(program) = self.ebpf.program_mut(probe.program) else { return };
        let Ok(program): Result<&mut UProbe, _> = program.try_into() else { return };
        // A hook that cannot be taken away goes with the program.
        let _ = program.detach(probe.link);
    }

    fn load(&mut self, program: &str) -> Result<&mut RawTracePoint, ProgramError> {
        let program = self.ebpf.program_mut(program).ok_or(ProgramError::NotLoaded)?;
        let program: &mut RawTracePoint = program.try_into()?;
        match program.load() {
            Ok(()) | Err(ProgramError::AlreadyLoaded) => Ok(program),
            Err(error) => Err(error),
        }
    }

    fn attach_one(&mut self, program: &str, tracepoint: &str) -> Result<(), ProgramError> {
        let program = self.load(program)?;
        match program.attach(tracepoint) {
            Ok(_) | Err(ProgramError::AlreadyAttached) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn load(options: &Options, division: &Division, types: &Btf) -> Result<Ebpf, SourceError> {
    let offsets = offsets::of(types)?;
    let pid = std::process::id();
    let filter = filters(division);
    check::lift_memory_limit();
    let capture = u32::try_from(options.capture.min(MAX_CAPTURE)).unwrap_or(0);
    let cpus = aya::util::nr_cpus().map_err(|(what, error)| unsupported(&format!("{what}: {error}"), None))?;
    // A goroutine is told from a system call's registers where the kernel lends them: with the socket tracepoints.
    let goroutines = if types.has_tracepoint("sock_send_length") { tls::GO } else { 0 };
    let plaintext = if options.tls { tls::ON | goroutines } else { goroutines };
    let mut loader = EbpfLoader::new();
    for (name, value) in &offsets {
        // Programs that nobody reads it in leave no global behind.
        loader.override_global(name, value, false);
    }
    let (namespace, device) = check::pid_namespace().unwrap_or_default();
    loader
        .override_global("PID_NAMESPACE", &namespace, true)
        .override_global("PID_NAMESPACE_DEVICE", &device, true)
        .override_global("OWN_PID", &pid, true)
        .override_global("FILTER", &filter, true)
        .override_global("CAPTURE", &capture, true)
        .override_global("TLS", &plaintext, true)
        .map_max_entries("SCRATCH", u32::try_from(cpus).unwrap_or(1));
    loader.load(OBJECT).map_err(|error| unsupported(&format!("cannot load the BPF object: {}", chain(&error)), None))
}

fn filters(division: &Division) -> u32 {
    let targets = &division.rest;
    let mut bits = 0;
    for (bit, wanted) in [
        (filter::PROCESSES, targets.choose_processes()),
        (filter::REVIEW_EXEC, targets.review_on_exec()),
        (filter::LISTENERS, !targets.listen.is_empty()),
        (filter::USERS, !division.users.is_empty()),
        (filter::CGROUPS, !division.cgroups.is_empty()),
        (filter::PORTS, !targets.ports.is_empty()),
        (filter::EXCLUDE_PORTS, !targets.exclude_ports.is_empty()),
    ] {
        if wanted {
            bits |= bit;
        }
    }
    bits
}

/// Puts what the kernel compares by itself into its maps.
fn fill(ebpf: &mut Ebpf, division: &Division) -> Result<(), SourceError> {
    let mut map: HashMap<&mut MapData, u16, u8> = HashMap::try_from(map(ebpf, "PORTS")?).map_err(broken)?;
    let included = division.rest.ports.iter().map(|&number| (number, port::INCLUDE));
    let excluded = division.rest.exclude_ports.iter().map(|&number| (number, port::EXCLUDE));
    let listened = division.rest.listen.iter().map(|&number| (number, port::LISTEN));
    for (number, rule) in included.chain(excluded).chain(listened) {
        let rule = rule | map.get(&number, 0).unwrap_or(0);
        map.insert(number, rule, 0).map_err(|_| unsupported("too many ports: at most 1024", None))?;
    }
    let mut map: HashMap<&mut MapData, u32, u8> = HashMap::try_from(self::map(ebpf, "USERS")?).map_err(broken)?;
    for &user in &division.users {
        map.insert(user, 1, 0).map_err(|_| unsupported("too many users: at most 256", None))?;
    }
    let mut brake: Array<&mut MapData, [u32; 2]> = Array::try_from(self::map(ebpf, "BRAKE")?).map_err(broken)?;
    brake.set(0, Step::Nothing.settings(), 0).map_err(broken)?;
    let mut map: Array<&mut MapData, [u64; 2]> = Array::try_from(self::map(ebpf, "CGROUPS")?).map_err(broken)?;
    for (index, &CgroupTarget { id, level }) in (0..).zip(&division.cgroups) {
        map.set(index, [id, level], 0).map_err(broken)?;
    }
    Ok(())
}

fn map<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut aya::maps::Map, SourceError> {
    ebpf.map_mut(name).ok_or_else(|| broken(format!("the BPF object has no map {name}")))
}

fn take(ebpf: &mut Ebpf, name: &str) -> Result<aya::maps::Map, SourceError> {
    ebpf.take_map(name).ok_or_else(|| broken(format!("the BPF object has no map {name}")))
}

fn take_brake(ebpf: &mut Ebpf) -> Result<BrakeMaps, SourceError> {
    Ok(BrakeMaps {
        settings: Array::try_from(take(ebpf, "BRAKE")?).map_err(broken)?,
        shed: PerCpuArray::try_from(take(ebpf, "SHED")?).map_err(broken)?,
    })
}

fn broken(error: impl std::fmt::Display) -> SourceError {
    unsupported(&format!("the BPF object does not fit this program: {error}"), Some("rebuild with probes/ebpf/build"))
}

pub(super) fn unsupported(what: &str, advice: Option<&str>) -> SourceError {
    SourceError { what: what.to_owned(), offset: None, advice: advice.map(str::to_owned), unsupported: true }
}

/// An error with all its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    // The verifier's log has many lines; its end says why, before the statistics.
    let is_telling = |line: &&str| {
        let statistics = ["processed ", "verification time ", "stack depth ", "mark_precise", "regs="];
        !line.trim().is_empty() && !statistics.iter().any(|begin| line.starts_with(begin))
    };
    let lines: Vec<&str> = text.lines().filter(is_telling).collect();
    match lines.as_slice() {
        [first, .., reason, last] if lines.len() > 8 => format!("{first} … {reason} {last}"),
        _ => lines.join(" "),
    }
}

/// Loads these programs (every one if none is named), attaches none, and tells what that took.
pub(super) fn verify(only: &[String]) -> Result<Vec<Verified>, SourceError> {
    check::require()?;
    let types = offsets::kernel_types()?;
    // Every filter on: the most code.
    let targets = Targets { comms: vec!["*".into()], ports: vec![1], exclude_ports: vec![2], ..Targets::default() };
    let options = Options { targets, capture: MAX_CAPTURE, backend: Backend::Auto, tls: true, max_cpu: None };
    let mut ebpf = load(&options, &divide(&options.targets)?, &types)?;
    let mut all = Vec::new();
    for (name, program) in ebpf.programs_mut() {
        if !only.is_empty() && !only.iter().any(|wanted| wanted == name) {
            continue;
        }
        let start = Instant::now();
        let loaded = load_one(program);
        let (instructions, reason) = match loaded {
            Ok(instructions) => (instructions, None),
            Err(error) => (None, Some(chain(&error))),
        };
        all.push(Verified { program: name.to_owned(), instructions, load: start.elapsed(), reason });
    }
    Ok(all)
}

fn load_one(program: &mut Program) -> Result<Option<u32>, ProgramError> {
    match program {
        Program::UProbe(program) => {
            program.load()?;
            Ok(program.info()?.verified_instruction_count())
        }
        program => {
            let program: &mut RawTracePoint = program.try_into()?;
            program.load()?;
            Ok(program.info()?.verified_instruction_count())
        }
    }
}

/// Names of causes, in the order of the counters.
pub(super) const CAUSES: [&str; loss::COUNT as usize] = loss::NAMES;
