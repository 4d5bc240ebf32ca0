//! Back end B: system calls, for kernels before 6.3. Every system call of every process pays for it (BENCHMARKS.md), so it
//! runs only where the socket tracepoints are missing, or when asked for.
//!
//! The socket is looked up at entry, because another thread may close the descriptor while the call blocks. Buffers are
//! read at return, when it is known how much of them counts.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{bpf_get_current_task, bpf_loop};
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use probes_common::event::loss;
use probes_common::settings::{INLINE_SEGMENTS, MAX_MESSAGES};

use crate::arch::{Registers, nr, registers};
use crate::call::Buffers;
use crate::current;
use crate::emit::{lost, now};
use crate::kernel::{member, read, read_user};
use crate::maps::{IN_FLIGHT, InFlight, count, hit};
use crate::settings::offset;
use crate::targets::watched;
use crate::transfer::{Transfer, is_aside, tell};

/// File type of a socket (`S_IFSOCK`) and the mask of file types.
const SOCKET: u16 = 0o140_000;
const FILE_TYPE: u16 = 0o170_000;

/// Size of `struct mmsghdr`, and offset of its `msg_len`.
const MESSAGE: u64 = 64;
const MESSAGE_LEN: u64 = 56;

/// `sys_enter(regs, id)`
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn sys_enter(ctx: RawTracePointContext) -> i32 {
    // The number first: most calls are none of ours, and telling costs a comparison.
    if !moves_bytes(ctx.arg::<u64>(1) as u32) {
        return 0;
    }
    let id = current::thread();
    if !watched((id >> 32) as u32) {
        return 0;
    }
    count(hit::SYS_ENTER);
    let (registers, _) = registers(ctx.arg(0));
    let Some((sk, sent)) = socket_of(&registers) else { return 0 };
    let call = InFlight { sk, time: now(), call: registers.call, sent: u32::from(sent) };
    if IN_FLIGHT.insert(id as u32, call, 0).is_err() {
        lost(loss::CALLS_FULL, 0);
    }
    0
}

/// `sys_exit(regs, ret)`, on kernels that have `bpf_loop` (5.17 and later).
#[raw_tracepoint(tracepoint = "sys_exit")]
pub fn sys_exit(ctx: RawTracePointContext) -> i32 {
    returned::<true>(&ctx);
    0
}

/// The same on older kernels: fewer segments and messages of one call are followed, the others are counted.
#[raw_tracepoint(tracepoint = "sys_exit")]
pub fn sys_exit_inline(ctx: RawTracePointContext) -> i32 {
    returned::<false>(&ctx);
    0
}

#[inline(always)]
fn returned<const LOOP: bool>(ctx: &RawTracePointContext) {
    let id = current::thread();
    if !watched((id >> 32) as u32) {
        return;
    }
    let tid = id as u32;
    // SAFETY: only this thread writes its entry.
    let Some(call) = unsafe { IN_FLIGHT.get(tid) }.copied() else { return };
    let _ = IN_FLIGHT.remove(tid);
    let ret = ctx.arg::<i64>(1);
    let (registers, _) = registers(ctx.arg(0));
    if ret < 0 || registers.call != call.call || is_aside(flags_of(&registers)) {
        return;
    }
    count(hit::SYS_EXIT);
    if matches!(call.call, nr::SENDMMSG | nr::RECVMMSG) {
        messages::<LOOP>(&registers, &call, ret as u64);
        return;
    }
    tell::<LOOP>(&Transfer {
        sk: call.sk,
        len: ret as u64,
        flags: flags_of(&registers),
        sent: call.sent != 0,
        time: if call.sent != 0 { call.time } else { now() },
        buffers: Buffers::of_call(&registers),
        batched: false,
        stack: 0,
        registers: 0,
        transport: 0,
        marks: 0,
        head: 0,
        tail: 0,
        told: 0,
    });
}

/// Progress through the messages of one call.
#[repr(C)]
struct Batch {
    sk: u64,
    time: u64,
    /// Address of the next `struct mmsghdr`.
    message: u64,
    flags: u32,
    sent: u32,
    /// Messages still to be looked at, without `bpf_loop`.
    left: u64,
}

#[inline(always)]
fn messages<const LOOP: bool>(registers: &Registers, call: &InFlight, total: u64) {
    let mut batch = Batch {
        sk: call.sk,
        time: if call.sent != 0 { call.time } else { now() },
        message: registers.args[1],
        flags: flags_of(registers),
        sent: call.sent,
        left: 0,
    };
    let most = u64::from(if LOOP { MAX_MESSAGES } else { INLINE_SEGMENTS });
    let count = if total < most { total } else { most };
    batch.left = count;
    if LOOP {
        // SAFETY: the callback has the signature that bpf_loop asks for, and `batch` outlives it.
        unsafe {
            bpf_loop(count as u32, next_message as *mut c_void, (&raw mut batch).cast(), 0);
        }
    } else {
        for _ in 0..INLINE_SEGMENTS {
            // Volatile: as a loop's bound, old verifiers do not see it (see `segments_inline` in `copy`).
            // SAFETY: reads a local variable.
            if unsafe { (&raw const batch.left).read_volatile() } == 0 {
                break;
            }
            batch.left -= 1;
            message::<false>(&raw mut batch);
        }
    }
    if total > count {
        lost(loss::SEGMENTS, 0);
    }
}

/// One turn of the loop over messages.
#[inline(never)]
extern "C" fn next_message(_index: u32, batch: *mut Batch) -> u64 {
    message::<true>(batch);
    0
}

#[inline(always)]
fn message<const LOOP: bool>(batch: *mut Batch) {
    // SAFETY: `messages` passes a valid pointer.
    let batch = unsafe { &mut *batch };
    let at = batch.message;
    batch.message += MESSAGE;
    let Ok(len) = read_user::<u32>(at + MESSAGE_LEN) else {
        lost(loss::FAULT, 0);
        return;
    };
    tell::<LOOP>(&Transfer {
        sk: batch.sk,
        len: u64::from(len),
        flags: batch.flags,
        sent: batch.sent != 0,
        time: batch.time,
        buffers: Buffers::of_message(at),
        batched: true,
        stack: 0,
        registers: 0,
        transport: 0,
        marks: 0,
        head: 0,
        tail: 0,
        told: 0,
    });
}

#[inline(always)]
fn moves_bytes(call: u32) -> bool {
    matches!(
        call,
        nr::READ
            | nr::WRITE
            | nr::READV
            | nr::WRITEV
            | nr::SENDFILE
            | nr::SENDTO
            | nr::RECVFROM
            | nr::SENDMSG
            | nr::RECVMSG
            | nr::SPLICE
            | nr::RECVMMSG
            | nr::SENDMMSG
            | nr::PREADV2
            | nr::PWRITEV2
    )
}

/// `MSG_*` of the call.
#[inline(always)]
fn flags_of(registers: &Registers) -> u32 {
    match registers.call {
        nr::SENDMSG | nr::RECVMSG => registers.args[2] as u32,
        nr::SENDTO | nr::RECVFROM | nr::SENDMMSG | nr::RECVMMSG => registers.args[3] as u32,
        _ => 0,
    }
}

/// The socket that the call uses, and whether it sends.
#[inline(always)]
fn socket_of(registers: &Registers) -> Option<(u64, bool)> {
    let args = &registers.args;
    if registers.call == nr::SPLICE {
        // Into a socket, or out of one.
        let into = sock_at(args[2] as u32);
        if into != 0 {
            return Some((into, true));
        }
    }
    let receives = matches!(
        registers.call,
        nr::READ | nr::READV | nr::RECVFROM | nr::RECVMSG | nr::RECVMMSG | nr::PREADV2 | nr::SPLICE
    );
    let sk = sock_at(args[0] as u32);
    (sk != 0).then_some((sk, !receives))
}

/// The socket behind a descriptor of the current process, or 0.
#[inline(always)]
fn sock_at(fd: u32) -> u64 {
    // SAFETY: has no preconditions.
    let task = unsafe { bpf_get_current_task() };
    let table: u64 = member(member(task, &offset::TASK_FILES), &offset::FILES_FDT);
    if fd >= member::<u32>(table, &offset::FDT_MAX_FDS) {
        return 0;
    }
    let array: u64 = member(table, &offset::FDT_FD);
    let file: u64 = read(array + u64::from(fd) * 8);
    let inode: u64 = member(file, &offset::FILE_INODE);
    if member::<u16>(inode, &offset::INODE_MODE) & FILE_TYPE != SOCKET {
        return 0;
    }
    member(member(file, &offset::FILE_PRIVATE), &offset::SOCKET_SK)
}
