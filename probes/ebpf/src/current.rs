//! The thread that runs, by the ids that user space has for it.

use aya_ebpf::bindings::bpf_pidns_info;
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::helpers::generated::bpf_get_ns_current_pid_tgid;

use crate::kernel::{member, read};
use crate::settings::{PID_NAMESPACE, PID_NAMESPACE_DEVICE, offset};

/// `struct upid`: number, namespace.
const UPID: u64 = 16;

/// Whether explore runs in the first pid namespace, whose ids the kernel itself uses.
#[inline(always)]
fn everywhere() -> bool {
    PID_NAMESPACE.load() == 0
}

/// Thread-group id in the upper half, thread id in the lower; both are 0 for a thread of another pid namespace than that
/// in which explore runs (`kernel/bpf/helpers.c`, `bpf_get_ns_current_pid_tgid`).
#[inline(always)]
pub fn thread() -> u64 {
    if everywhere() { bpf_get_current_pid_tgid() } else { thread_within() }
}

/// Thread-group id, as [`thread`].
#[inline(always)]
pub fn process() -> u32 {
    (thread() >> 32) as u32
}

/// Whether a process is none that user space could know.
#[inline(always)]
pub fn is_outside(pid: u32) -> bool {
    !everywhere() && pid == 0
}

#[inline(never)]
fn thread_within() -> u64 {
    let mut ids = bpf_pidns_info { pid: 0, tgid: 0 };
    let (device, inode) = (u64::from(PID_NAMESPACE_DEVICE.load()), u64::from(PID_NAMESPACE.load()));
    // SAFETY: all of `ids` is writable; it is zeroed where the namespace is another one.
    unsafe { bpf_get_ns_current_pid_tgid(device, inode, &raw mut ids, size_of::<bpf_pidns_info>() as u32) };
    u64::from(ids.tgid) << 32 | u64::from(ids.pid)
}

/// The id of a child of the current process, which kernel structure `task` is; `known` is the kernel's own for it.
#[inline(always)]
pub fn child(task: u64, parent: u64, known: u32) -> u32 {
    if everywhere() { known } else { child_within(task, parent) }
}

/// A child has an id in each namespace from its own up to the first one; that of its parent is among them.
#[inline(never)]
fn child_within(task: u64, parent: u64) -> u32 {
    if process() == 0 {
        return 0;
    }
    let level: u32 = member(member(parent, &offset::TASK_THREAD_PID), &offset::PID_LEVEL);
    let pid: u64 = member(task, &offset::TASK_THREAD_PID);
    read(pid + u64::from(offset::PID_NUMBERS.load()) + u64::from(level) * UPID)
}
