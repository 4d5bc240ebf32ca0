//! Back end A: the socket tracepoints of Linux 6.3 and later. They fire for calls on sockets only, hand over the
//! `struct sock`, and cost all other system calls nothing. Where the bytes are is read from the registers that the process
//! entered the kernel with.

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::generated::{bpf_get_current_task_btf, bpf_task_pt_regs};
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use probes_common::event::flag;

use crate::arch::{Registers, in_progress, nr};
use crate::call::Buffers;
use crate::current;
use crate::emit::now;
use crate::kernel::member;
use crate::maps::{count, hit};
use crate::settings::offset;
use crate::targets::watched;
use crate::transfer::{Transfer, is_aside, tell};

/// `sock_send_length(sk, ret, flags)`
#[raw_tracepoint(tracepoint = "sock_send_length")]
pub fn sock_send(ctx: RawTracePointContext) -> i32 {
    passed(&ctx, true, hit::SOCK_SEND);
    0
}

/// `sock_recv_length(sk, ret, flags)`
#[raw_tracepoint(tracepoint = "sock_recv_length")]
pub fn sock_recv(ctx: RawTracePointContext) -> i32 {
    passed(&ctx, false, hit::SOCK_RECV);
    0
}

#[inline(always)]
fn passed(ctx: &RawTracePointContext, sent: bool, index: u32) {
    if !watched(current::process()) {
        return;
    }
    count(index);
    let ret = ctx.arg::<i32>(1);
    let flags = ctx.arg::<i32>(2) as u32;
    // SAFETY: the current task has registers, be they stale in a kernel thread.
    let regs = unsafe { bpf_task_pt_regs(bpf_get_current_task_btf()) } as u64;
    let registers = in_progress(regs);
    // Also on failure: it ends a batch of messages.
    let buffers = Buffers::in_progress(&registers, ret < 0);
    if ret < 0 || is_aside(flags) {
        return;
    }
    // The kernel fills in a received datagram's sender only after this tracepoint.
    let sender = if sent || buffers.name == 0 { 0 } else { regs };
    let buffers = Buffers { name: if sent { buffers.name } else { 0 }, ..buffers };
    tell::<true>(&Transfer {
        sk: ctx.arg(0),
        len: ret as u64,
        flags,
        sent,
        time: now(),
        buffers,
        stack: ctx.as_ptr() as u64,
        registers: sender,
        batched: false,
        transport: 0,
        marks: if by_ring(&registers) { flag::RING as u8 } else { 0 },
        head: 0,
        tail: 0,
        told: 0,
    });
}

/// `PF_IO_WORKER`: a thread that the kernel gave the process for its io_uring, which inherits nobody's system call.
const WORKER: u32 = 0x10;

/// Whether io_uring moves the bytes: for a process that submits or waits, or on a thread of its own.
#[inline(always)]
fn by_ring(registers: &Registers) -> bool {
    // SAFETY: there is always a current task.
    let task = unsafe { bpf_get_current_task_btf() } as u64;
    registers.call == nr::IO_URING_ENTER || member::<u32>(task, &offset::TASK_FLAGS) & WORKER != 0
}
