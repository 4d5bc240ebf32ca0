//! Loads the BPF object, sets its constants, attaches its programs.

use std::time::Instant;

use aya::maps::{HashMap, MapData, PerCpuArray, RingBuf};
use aya::programs::{ProgramError, RawTracePoint};
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use probes_common::event::{LossCount, loss};
use probes_common::settings::{MAX_CAPTURE, filter, port};

use super::btf::Btf;
use super::selection::TargetMap;
use super::{Backend, Hook, HookState, Options, Verified, check, offsets};
use crate::SourceError;
use crate::targets::Targets;

#[cfg(target_arch = "x86_64")]
const OBJECT: &[u8] = include_bytes_aligned!("../../ebpf/object/explore.x86_64.o");
#[cfg(target_arch = "aarch64")]
const OBJECT: &[u8] = include_bytes_aligned!("../../ebpf/object/explore.aarch64.o");

/// A program, its raw tracepoint, and its counter of runs (`hit` in probes/ebpf/src/maps.rs).
struct Row(&'static str, &'static str, u32);

const SOCK: &[Row] = &[Row("sock_send", "sock_send_length", 0), Row("sock_recv", "sock_recv_length", 1)];
const SYSCALL: &[Row] = &[Row("sys_enter", "sys_enter", 8), Row("sys_exit", "sys_exit", 9)];
/// For kernels without `bpf_loop`.
const SYSCALL_INLINE: &[Row] = &[Row("sys_enter", "sys_enter", 8), Row("sys_exit_inline", "sys_exit", 9)];
const LIFECYCLE: &[Row] = &[
    Row("exec", "sched_process_exec", 5),
    Row("fork", "sched_process_fork", 6),
    Row("exit", "sched_process_exit", 7),
    Row("set_state", "inet_sock_set_state", 2),
    Row("destroy", "tcp_destroy_sock", 3),
    Row("retransmit", "tcp_retransmit_skb", 4),
];

/// What runs in the kernel. Dropping it detaches everything.
pub(super) struct Programs {
    ebpf: Ebpf,
    hooks: Vec<(Hook, u32)>,
    hits: PerCpuArray<MapData, u64>,
}

/// The maps that user space reads and writes.
pub(super) struct Maps {
    pub(super) ring: RingBuf<MapData>,
    pub(super) targets: TargetMap,
    pub(super) lost: PerCpuArray<MapData, [u64; 2]>,
}

const _: () = assert!(size_of::<LossCount>() == size_of::<[u64; 2]>());

/// Loads and attaches.
pub(super) fn start(options: &Options) -> Result<(Programs, Maps), SourceError> {
    check::require()?;
    let types = offsets::kernel_types()?;
    let mut ebpf = load(options, &types)?;
    let maps = Maps {
        ring: RingBuf::try_from(take(&mut ebpf, "EVENTS")?).map_err(broken)?,
        targets: HashMap::try_from(take(&mut ebpf, "TARGETS")?).map_err(broken)?,
        lost: PerCpuArray::try_from(take(&mut ebpf, "LOST")?).map_err(broken)?,
    };
    set_ports(&mut ebpf, options)?;
    let hits = PerCpuArray::try_from(take(&mut ebpf, "HITS")?).map_err(broken)?;
    let mut programs = Programs { ebpf, hooks: Vec::new(), hits };
    programs.attach(LIFECYCLE)?;
    let missing = SOCK.iter().find(|Row(_, tracepoint, _)| !types.has_tracepoint(tracepoint));
    match (options.backend, missing) {
        (Backend::Sock, Some(Row(_, tracepoint, _))) => {
            let what = format!("this kernel has no tracepoint {tracepoint}: Linux 6.3 and later do");
            return Err(unsupported(&what, Some("leave the choice of the back end to explore")));
        }
        (Backend::Syscall, _) | (Backend::Auto, Some(_)) => programs.attach_syscalls()?,
        (Backend::Sock | Backend::Auto, None) => programs.attach(SOCK)?,
    }
    Ok((programs, maps))
}

impl Programs {
    /// Rows of table `probes`.
    pub(super) fn hooks(&self) -> Vec<Hook> {
        let hits = |index| self.hits.get(&index, 0).ok().map(|values| values.iter().sum());
        self.hooks.iter().map(|(hook, index)| Hook { hits: hits(*index), ..hook.clone() }).collect()
    }

    /// Back end B. The first program needs `bpf_loop`.
    fn attach_syscalls(&mut self) -> Result<(), SourceError> {
        let known = self.hooks.len();
        self.attach(SYSCALL).or_else(|_| {
            self.hooks.truncate(known);
            self.attach(SYSCALL_INLINE)
        })
    }

    fn attach(&mut self, rows: &[Row]) -> Result<(), SourceError> {
        for Row(program, tracepoint, hit) in rows {
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

    fn attach_one(&mut self, program: &str, tracepoint: &str) -> Result<(), ProgramError> {
        let program = self.ebpf.program_mut(program).ok_or(ProgramError::NotLoaded)?;
        let program: &mut RawTracePoint = program.try_into()?;
        match program.load() {
            Ok(()) | Err(ProgramError::AlreadyLoaded) => {}
            Err(error) => return Err(error),
        }
        match program.attach(tracepoint) {
            Ok(_) | Err(ProgramError::AlreadyAttached) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn load(options: &Options, types: &Btf) -> Result<Ebpf, SourceError> {
    let offsets = offsets::of(types)?;
    let pid = std::process::id();
    let filter = filters(options);
    let capture = u32::try_from(options.capture.min(MAX_CAPTURE)).unwrap_or(0);
    let cpus = aya::util::nr_cpus().map_err(|(what, error)| unsupported(&format!("{what}: {error}"), None))?;
    let mut loader = EbpfLoader::new();
    for (name, value) in &offsets {
        // Programs that nobody reads it in leave no global behind.
        loader.override_global(name, value, false);
    }
    loader
        .override_global("OWN_PID", &pid, true)
        .override_global("FILTER", &filter, true)
        .override_global("CAPTURE", &capture, true)
        .map_max_entries("SCRATCH", u32::try_from(cpus).unwrap_or(1));
    loader.load(OBJECT).map_err(|error| unsupported(&format!("cannot load the BPF object: {}", chain(&error)), None))
}

fn filters(options: &Options) -> u32 {
    let targets = &options.targets;
    let mut bits = 0;
    for (bit, wanted) in [
        (filter::PROCESSES, targets.choose_processes()),
        (filter::REVIEW_EXEC, targets.review_on_exec()),
        (filter::PORTS, !targets.ports.is_empty()),
        (filter::EXCLUDE_PORTS, !targets.exclude_ports.is_empty()),
    ] {
        if wanted {
            bits |= bit;
        }
    }
    bits
}

fn set_ports(ebpf: &mut Ebpf, options: &Options) -> Result<(), SourceError> {
    let map = ebpf.map_mut("PORTS").ok_or_else(|| broken("the BPF object has no map PORTS"))?;
    let mut map: HashMap<&mut MapData, u16, u8> = HashMap::try_from(map).map_err(broken)?;
    let included = options.targets.ports.iter().map(|&number| (number, port::INCLUDE));
    let excluded = options.targets.exclude_ports.iter().map(|&number| (number, port::EXCLUDE));
    for (number, rule) in included.chain(excluded) {
        map.insert(number, rule, 0).map_err(|_| unsupported("too many ports: at most 1024", None))?;
    }
    Ok(())
}

fn take(ebpf: &mut Ebpf, name: &str) -> Result<aya::maps::Map, SourceError> {
    ebpf.take_map(name).ok_or_else(|| broken(format!("the BPF object has no map {name}")))
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
    // The verifier's log has many lines; its end says why.
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    match lines.as_slice() {
        [first, .., last] if lines.len() > 8 => format!("{first} … {last}"),
        _ => lines.join(" "),
    }
}

/// Loads every program, attaches none, and tells what that took.
pub(super) fn verify() -> Result<Vec<Verified>, SourceError> {
    check::require()?;
    let types = offsets::kernel_types()?;
    // Every filter on: the most code.
    let targets = Targets { comms: vec!["*".into()], ports: vec![1], exclude_ports: vec![2], ..Targets::default() };
    let options = Options { targets, capture: MAX_CAPTURE, backend: Backend::Auto, tls: false };
    let mut ebpf = load(&options, &types)?;
    let mut all = Vec::new();
    for (name, program) in ebpf.programs_mut() {
        let start = Instant::now();
        let loaded = <&mut RawTracePoint>::try_from(program).and_then(|program| {
            program.load()?;
            Ok(program.info()?.verified_instruction_count())
        });
        let (instructions, reason) = match loaded {
            Ok(instructions) => (instructions, None),
            Err(error) => (None, Some(chain(&error))),
        };
        all.push(Verified { program: name.to_owned(), instructions, load: start.elapsed(), reason });
    }
    Ok(all)
}

/// Names of causes, in the order of the counters.
pub(super) const CAUSES: [&str; loss::COUNT as usize] = loss::NAMES;
