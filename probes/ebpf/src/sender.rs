//! Who sent a datagram that was received on an unconnected socket, for back end A.
//!
//! The socket tracepoints fire before the kernel copies the sender's address to the process. It lies in a
//! `struct sockaddr_storage` on the kernel's stack, and `msg_name` of a `struct msghdr` beside it points there (net/socket.c,
//! `__sys_recvfrom` and `____sys_recvmsg`). That pair is looked for among the frames that are alive: from the tracepoint's
//! own arguments, which lie on the stack too, upwards. The nearest one counts: further up, in the gap that
//! `randomize_kstack_offset` leaves, there may be remains of earlier calls.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{bpf_loop, bpf_probe_read_kernel};
use probes_common::event::Peer;

use crate::copy::scratch;
use crate::kernel::read;
use crate::socket::{AF_INET, AF_INET6, address_of};

/// Bytes of stack that are searched.
const DEPTH: u32 = 2048;
/// Length of a `sockaddr_in`, and of a `sockaddr_in6`.
const LENGTH_V4: u32 = 16;
const LENGTH_V6: u32 = 28;

/// State of the search.
#[repr(C)]
struct Search {
    /// Lowest address of the part of the stack that is searched.
    bottom: u64,
    /// Its length.
    size: u64,
    /// Address of the `sockaddr`, 0 while not found.
    found: u64,
}

/// Address of the sender's `sockaddr`, 0 if it was not found. `stack`: address of the tracepoint's arguments; `registers`:
/// address of the registers saved at entry, where the stack begins.
#[inline(never)]
pub fn of_datagram(stack: u64, registers: u64) -> u64 {
    let Some(scratch) = scratch() else { return 0 };
    let above = registers.wrapping_sub(stack);
    let size = if above < u64::from(DEPTH) { above as u32 & (DEPTH - 1) } else { DEPTH };
    let mut search = Search { bottom: stack, size: u64::from(size), found: 0 };
    // SAFETY: the payload is longer than that, and the payload of the event is copied later.
    unsafe {
        let copy = (&raw mut (*scratch).payload).cast::<c_void>();
        if bpf_probe_read_kernel(copy, size, stack as *const c_void) != 0 {
            return 0;
        }
        bpf_loop(size / 8, look as *mut c_void, (&raw mut search).cast(), 0);
    }
    search.found
}

/// The address at a `sockaddr` in kernel memory.
#[inline(always)]
pub fn address(at: u64) -> Peer {
    let first: [u8; 8] = read(at);
    address_of(first, read(at + 8))
}

/// One turn of the loop over words; 1 ends it.
#[inline(never)]
extern "C" fn look(index: u32, search: *mut Search) -> u64 {
    // SAFETY: `of_datagram` passes a valid pointer.
    let search = unsafe { &mut *search };
    let Some(scratch) = scratch() else { return 1 };
    let offset = (index * 8) & (DEPTH - 8);
    // SAFETY: below DEPTH, and the payload is longer than two words more.
    let [name, length] = unsafe {
        (&raw const (*scratch).payload).cast::<u8>().add(offset as usize).cast::<[u64; 2]>().read_unaligned()
    };
    let length = length as u32;
    let inside = name.wrapping_sub(search.bottom) < search.size;
    if !inside || (length != LENGTH_V4 && length != LENGTH_V6) {
        return 0;
    }
    let head: [u16; 8] = read(name);
    let v4 = length == LENGTH_V4 && head[0] == AF_INET && head[4] | head[5] | head[6] | head[7] == 0;
    if v4 || (length == LENGTH_V6 && head[0] == AF_INET6) {
        search.found = name;
        return 1;
    }
    0
}
