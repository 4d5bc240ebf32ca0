//! The programs that explore runs in the kernel: socket calls of the watched processes become events in a ring buffer.
//!
//! Two back ends give the same events. [`sock`]: the socket tracepoints of Linux 6.3 and later. [`syscall`]: hooks on every
//! system call, for older kernels. The life of connections ([`lifecycle`]) and processes ([`process`]) comes from raw
//! tracepoints in both.
//!
//! The rules of the house: no message for debugging is left in, every failure to deliver is counted ([`emit::lost`]), a
//! copy never passes the end of the user's buffer, and a program that is not concerned returns as early as it can.

#![no_std]
#![no_main]

mod arch;
mod call;
mod conns;
mod copy;
mod current;
mod emit;
mod infer;
mod kernel;
mod ktls;
mod lifecycle;
mod maps;
mod process;
mod sender;
mod settings;
mod sock;
mod socket;
mod syscall;
mod targets;
mod tls;
mod transfer;
mod verdict;

#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // Unreachable: the verifier accepts no program that could panic.
    loop {}
}

/// Helpers such as `bpf_probe_read_kernel` are for programs under a licence compatible with the GPL.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
