//! Delivery through the ring buffer, and the count of what could not be delivered.

use aya_ebpf::helpers::generated::{bpf_ktime_get_boot_ns, bpf_ringbuf_output, bpf_ringbuf_query};
use probes_common::event::{Header, loss};

use crate::current;
use crate::maps::{EVENTS, LOST};

/// No wake-up: the reader polls. `BPF_RB_NO_WAKEUP`.
pub const QUIET: u64 = 1;
/// `BPF_RB_FORCE_WAKEUP`.
const WAKE: u64 = 2;
/// `BPF_RB_AVAIL_DATA`.
const AVAILABLE: u64 = 0;
/// With so many bytes waiting the reader is woken before its next poll.
const PRESSURE: u64 = 1 << 20;

/// Now.
#[inline(always)]
pub fn now() -> u64 {
    // SAFETY: has no preconditions.
    unsafe { bpf_ktime_get_boot_ns() }
}

/// A header with time and thread filled in.
#[inline(always)]
pub fn header(kind: u16) -> Header {
    let id = current::thread();
    Header {
        time: now(),
        conn: 0,
        position: 0,
        len: 0,
        pid: (id >> 32) as u32,
        tid: id as u32,
        captured: 0,
        kind,
        flags: 0,
    }
}

/// Puts `size` bytes at `record` into the ring buffer; false, and counted, when it is full.
///
/// # Safety
/// `record` points to `size` readable bytes.
#[inline(always)]
pub unsafe fn deliver(record: *const u8, size: u64, bytes: u64) -> bool {
    let ring = (&raw const EVENTS).cast_mut().cast();
    // SAFETY: the map exists as long as the program, and the caller answers for the record.
    let done = unsafe {
        let flags = if bpf_ringbuf_query(ring, AVAILABLE) > PRESSURE { WAKE } else { QUIET };
        bpf_ringbuf_output(ring, record.cast_mut().cast(), size, flags) == 0
    };
    if !done {
        lost(loss::RING_FULL, bytes);
    }
    done
}

/// Delivers a record of fixed size.
#[inline(always)]
pub fn deliver_value<T>(record: &T) -> bool {
    // SAFETY: a reference points to that many bytes.
    unsafe { deliver(core::ptr::from_ref(record).cast(), size_of::<T>() as u64, 0) }
}

/// Counts a loss.
#[inline(always)]
pub fn lost(cause: u32, bytes: u64) {
    if let Some(count) = LOST.get_ptr_mut(cause) {
        // SAFETY: the slot is this CPU's.
        unsafe {
            (*count).events += 1;
            (*count).bytes += bytes;
        }
    }
}
