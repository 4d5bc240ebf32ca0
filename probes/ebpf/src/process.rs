//! Processes: which are watched, and what they are called.

use aya_ebpf::helpers::bpf_get_current_comm;
use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use probes_common::event::{COMM, FILE_NAME, Header, flag, kind, loss};
use probes_common::settings::filter;

use crate::current;
use crate::emit::{deliver, deliver_value, header, lost};
use crate::kernel::member;
use crate::maps::{IN_FLIGHT, TARGETS, count, hit};
use crate::settings::{filters, offset};
use crate::targets::{review, target, watched};

/// An Exec event.
#[repr(C)]
struct Executed {
    header: Header,
    comm: [u8; COMM],
    file: [u8; FILE_NAME],
}

/// `sched_process_fork(parent, child)`: fires for threads too.
#[raw_tracepoint(tracepoint = "sched_process_fork")]
pub fn fork(ctx: RawTracePointContext) -> i32 {
    let child: u64 = ctx.arg(1);
    let tid: u32 = member(child, &offset::TASK_PID);
    let pid: u32 = member(child, &offset::TASK_TGID);
    if tid != pid {
        return 0;
    }
    let pid = current::child(child, ctx.arg(0), pid);
    if current::is_outside(pid) {
        return 0;
    }
    let parent = current::process();
    match target(parent) {
        Some(value) if value.inherit != 0 => {
            if TARGETS.insert(pid, value, 0).is_err() {
                lost(loss::TARGETS_FULL, 0);
            }
        }
        // A pid is used again: what was decided about its last owner is void.
        _ => {
            let _ = TARGETS.remove(pid);
        }
    }
    // User and control group are the parent's, which is the current process.
    if watched(pid) {
        count(hit::FORK);
        let mut header = header(kind::FORK);
        header.pid = pid;
        header.tid = pid;
        header.len = u64::from(parent);
        header.flags = flag::WATCHED;
        deliver_value(&header);
    }
    0
}

/// `sched_process_exec(task, old_pid, bprm)`
#[raw_tracepoint(tracepoint = "sched_process_exec")]
pub fn exec(ctx: RawTracePointContext) -> i32 {
    let pid = current::process();
    let known = target(pid);
    let sticky = matches!(known, Some(known) if known.sticky != 0);
    if filters(filter::REVIEW_EXEC) && !sticky {
        review(pid);
    }
    if watched(pid) {
        count(hit::EXEC);
        executed(ctx.arg(2));
    }
    0
}

/// `sched_process_exit(task)`: fires for every thread.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn exit(ctx: RawTracePointContext) -> i32 {
    let id = current::thread();
    let pid = (id >> 32) as u32;
    let watched = watched(pid);
    if !watched && target(pid).is_none() {
        return 0;
    }
    // A thread may end inside a call.
    let _ = IN_FLIGHT.remove(id as u32);
    let task: u64 = ctx.arg(0);
    let signal: u64 = member(task, &offset::TASK_SIGNAL);
    // Already lowered for this thread (kernel/exit.c, do_exit).
    if signal == 0 || member::<u32>(signal, &offset::SIGNAL_LIVE) != 0 {
        return 0;
    }
    // Its sockets are closed after this, but what tells of that asks for the connection, not for the process.
    let _ = TARGETS.remove(pid);
    if watched {
        count(hit::EXIT);
        deliver_value(&header(kind::EXIT));
    }
    0
}

/// `io_uring_create(fd, …)`: back end B sees nothing of what is moved by it.
#[raw_tracepoint(tracepoint = "io_uring_create")]
pub fn ring(_ctx: RawTracePointContext) -> i32 {
    if watched(current::process()) {
        count(hit::RING);
        deliver_value(&header(kind::RING));
    }
    0
}

#[inline(never)]
fn executed(bprm: u64) {
    let mut event = Executed { header: header(kind::EXEC), comm: [0; COMM], file: [0; FILE_NAME] };
    event.comm = bpf_get_current_comm().unwrap_or_default();
    let name: u64 = member(bprm, &offset::BPRM_FILENAME);
    // SAFETY: all of `file` is writable, and the kernel checks the address.
    let len = unsafe { bpf_probe_read_kernel_str(event.file.as_mut_ptr().cast(), FILE_NAME as u32, name as *const _) };
    if len > 0 {
        event.header.captured = (len as u32).saturating_sub(1);
    }
    // SAFETY: all of `event` is initialised.
    unsafe { deliver((&raw const event).cast(), size_of::<Executed>() as u64, 0) };
}
