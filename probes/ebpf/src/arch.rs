//! System call numbers and registers.

use aya_ebpf::helpers::generated::{bpf_get_current_task_btf, bpf_task_pt_regs};
use aya_ebpf::programs::ProbeContext;

use crate::kernel::read;

/// A system call in progress: number and arguments. Number [`NONE`] where there is none.
#[derive(Clone, Copy)]
pub struct Registers {
    pub call: u32,
    pub args: [u64; 6],
}

/// No native system call: a 32-bit one, or work that the kernel does at another one's end (io_uring).
pub const NONE: u32 = u32::MAX;

/// The system call in progress, from `struct pt_regs`.
///
/// Layout: arch/x86/include/uapi/asm/ptrace.h. `ax` holds `-ENOSYS` until the call has returned.
#[cfg(bpf_target_arch = "x86_64")]
#[inline(always)]
pub fn in_progress(regs: u64) -> Registers {
    let (mut registers, ax) = registers(regs);
    if ax != -38 {
        registers.call = NONE;
    }
    registers
}

/// The system call of `regs`, and the value of the result register.
#[cfg(bpf_target_arch = "x86_64")]
#[inline(always)]
pub fn registers(regs: u64) -> (Registers, i64) {
    // r10 r9 r8 ax cx dx si di orig_ax ip cs
    let all: [u64; 11] = read(regs + 56);
    let native = all[10] == 0x33;
    let call = if native { all[8] as u32 } else { NONE };
    (Registers { call, args: [all[7], all[6], all[5], all[0], all[2], all[1]] }, all[3] as i64)
}

/// The system call in progress, from `struct pt_regs`: x0 to x30, sp, pc, pstate, orig_x0.
#[cfg(bpf_target_arch = "aarch64")]
#[inline(always)]
pub fn in_progress(regs: u64) -> Registers {
    registers(regs).0
}

/// The system call of `regs`, and the value of the result register.
///
/// Layout: arch/arm64/include/asm/ptrace.h.
#[cfg(bpf_target_arch = "aarch64")]
#[inline(always)]
pub fn registers(regs: u64) -> (Registers, i64) {
    let x: [u64; 9] = read(regs);
    let pstate_orig: [u64; 2] = read(regs + 264);
    // PSR_MODE32_BIT
    let native = pstate_orig[0] & 0x10 == 0;
    let call = if native { x[8] as u32 } else { NONE };
    (Registers { call, args: [pstate_orig[1], x[1], x[2], x[3], x[4], x[5]] }, x[0] as i64)
}

/// Arguments of a Go method `(receiver, slice)`: receiver and the slice's address (Go's internal ABI).
#[cfg(bpf_target_arch = "x86_64")]
#[inline(always)]
pub fn go_arguments(ctx: &ProbeContext) -> (u64, u64) {
    // SAFETY: a probe's context is the registers of the thread.
    unsafe { ((*ctx.regs).rax, (*ctx.regs).rbx) }
}

/// First word of a Go function's results.
#[cfg(bpf_target_arch = "x86_64")]
#[inline(always)]
pub fn go_result(ctx: &ProbeContext) -> i64 {
    // SAFETY: as in `go_arguments`.
    unsafe { (*ctx.regs).rax as i64 }
}

/// The running goroutine, inside Go code.
#[cfg(bpf_target_arch = "x86_64")]
#[inline(always)]
pub fn go_goroutine(ctx: &ProbeContext) -> u64 {
    // SAFETY: as in `go_arguments`.
    unsafe { (*ctx.regs).r14 }
}

/// The goroutine that made the system call in progress, if the process is a Go program.
#[cfg(bpf_target_arch = "x86_64")]
#[inline(always)]
pub fn goroutine_of_call() -> u64 {
    // SAFETY: the current task has registers, be they stale in a kernel thread.
    let regs = unsafe { bpf_task_pt_regs(bpf_get_current_task_btf()) } as u64;
    // r15 r14
    read::<u64>(regs + 8)
}

/// Arguments of a Go method `(receiver, slice)`: receiver and the slice's address (Go's internal ABI).
#[cfg(bpf_target_arch = "aarch64")]
#[inline(always)]
pub fn go_arguments(ctx: &ProbeContext) -> (u64, u64) {
    // SAFETY: a probe's context is the registers of the thread.
    unsafe { ((*ctx.regs).regs[0], (*ctx.regs).regs[1]) }
}

/// First word of a Go function's results.
#[cfg(bpf_target_arch = "aarch64")]
#[inline(always)]
pub fn go_result(ctx: &ProbeContext) -> i64 {
    // SAFETY: as in `go_arguments`.
    unsafe { (*ctx.regs).regs[0] as i64 }
}

/// The running goroutine, inside Go code.
#[cfg(bpf_target_arch = "aarch64")]
#[inline(always)]
pub fn go_goroutine(ctx: &ProbeContext) -> u64 {
    // SAFETY: as in `go_arguments`.
    unsafe { (*ctx.regs).regs[28] }
}

/// The goroutine that made the system call in progress, if the process is a Go program.
#[cfg(bpf_target_arch = "aarch64")]
#[inline(always)]
pub fn goroutine_of_call() -> u64 {
    // SAFETY: the current task has registers, be they stale in a kernel thread.
    let regs = unsafe { bpf_task_pt_regs(bpf_get_current_task_btf()) } as u64;
    read::<u64>(regs + 28 * 8)
}

macro_rules! numbers {
    ($($name:ident $x86_64:literal $aarch64:literal;)*) => {
        /// Numbers of the system calls that move bytes.
        pub mod nr {
            $(
                #[cfg(bpf_target_arch = "x86_64")]
                pub const $name: u32 = $x86_64;
                #[cfg(bpf_target_arch = "aarch64")]
                pub const $name: u32 = $aarch64;
            )*
        }
    };
}

numbers! {
    READ 0 63;
    WRITE 1 64;
    READV 19 65;
    WRITEV 20 66;
    SENDFILE 40 71;
    SENDTO 44 206;
    RECVFROM 45 207;
    SENDMSG 46 211;
    RECVMSG 47 212;
    SPLICE 275 76;
    RECVMMSG 299 243;
    SENDMMSG 307 269;
    PREADV2 327 286;
    PWRITEV2 328 287;
    IO_URING_ENTER 426 426;
}
