//! Copies a call's bytes from user memory into the event.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{bpf_get_smp_processor_id, bpf_loop, bpf_probe_read_user};
use probes_common::event::{flag, loss};
use probes_common::settings::{INLINE_SEGMENTS, MAX_CAPTURE, MAX_SEGMENTS};

use crate::call::Buffers;
use crate::emit::lost;
use crate::kernel::read_user;
use crate::maps::{PROGRESS, SCRATCH, Scratch};

/// Keeps offset and length inside [`Scratch::payload`], in the verifier's eyes; in truth they are at most `MAX_CAPTURE`.
const MASK: u32 = (2 * MAX_CAPTURE - 1) as u32;

/// A length or offset that the verifier sees the bounds of. The compiler knows that the mask changes nothing and would
/// leave it away; verifiers before 6.3 do not know.
#[inline(always)]
pub fn masked(value: u32) -> u32 {
    // SAFETY: reads a local variable.
    unsafe { (&raw const value).read_volatile() & MASK }
}

/// State of a copy in progress.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Progress {
    /// Next `struct iovec`.
    segment: u64,
    /// Bytes still to be passed over.
    skip: u64,
    /// Bytes still wanted.
    left: u32,
    /// Bytes copied.
    copied: u32,
    /// Of [`flag`].
    flags: u32,
    /// Segments still to be looked at, without `bpf_loop`.
    segments: u32,
}

/// This CPU's buffer.
#[inline(always)]
pub fn scratch() -> Option<*mut Scratch> {
    // SAFETY: has no preconditions.
    SCRATCH.get_ptr_mut(unsafe { bpf_get_smp_processor_id() })
}

/// Copies at most `wanted` bytes to the payload, from `skip` bytes into the buffers. Gives the number copied and the flags
/// to be set. `LOOP`: the kernel has `bpf_loop` (5.17 and later).
#[inline(always)]
pub fn payload<const LOOP: bool>(scratch: *mut Scratch, buffers: &Buffers, skip: u64, wanted: u32) -> (u32, u16) {
    if buffers.address == 0 || wanted == 0 {
        return (0, 0);
    }
    if !buffers.segments {
        let there = buffers.count.saturating_sub(skip);
        let len = if there < u64::from(wanted) { there as u32 } else { wanted };
        let flags = piece(scratch, 0, buffers.address + skip, len);
        return if flags == 0 { (len, 0) } else { (0, flags) };
    }
    segments::<LOOP>(buffers, skip, wanted)
}

/// Copies one contiguous piece to `offset` of the payload; gives the flags to be set.
#[inline(always)]
fn piece(scratch: *mut Scratch, offset: u32, from: u64, len: u32) -> u16 {
    let offset = masked(offset) as usize;
    // SAFETY: offset and length are below 2 * MAX_CAPTURE, the payload is twice as long, and the helper checks `from`.
    let failed = unsafe {
        let to = (&raw mut (*scratch).payload).cast::<u8>().add(offset);
        bpf_probe_read_user(to.cast(), masked(len), from as *const c_void)
    };
    if failed != 0 {
        lost(loss::FAULT, u64::from(len));
        return flag::FAULT;
    }
    0
}

#[inline(always)]
fn segments<const LOOP: bool>(buffers: &Buffers, skip: u64, wanted: u32) -> (u32, u16) {
    let mut progress = Progress { segment: buffers.address, skip, left: wanted, copied: 0, flags: 0, segments: 0 };
    let most = u64::from(if LOOP { MAX_SEGMENTS } else { INLINE_SEGMENTS });
    let count = if buffers.count < most { buffers.count } else { most };
    if !LOOP {
        progress.segments = count as u32;
        segments_inline(&mut progress);
    } else {
        // SAFETY: the callback has the signature that bpf_loop asks for, and `progress` outlives it.
        unsafe {
            bpf_loop(count as u32, next_segment as *mut c_void, (&raw mut progress).cast(), 0);
        }
    }
    if progress.left > 0 && buffers.count > count && progress.flags == 0 {
        lost(loss::SEGMENTS, u64::from(progress.left));
    }
    (progress.copied, progress.flags as u16)
}

/// Without `bpf_loop`. The number of segments lies in the map: in a register the compiler makes a loop's bound of it, which
/// verifiers before 5.17 do not see.
#[inline(always)]
fn segments_inline(progress: &mut Progress) {
    let Some(slot) = PROGRESS.get_ptr_mut(0) else { return };
    // SAFETY: the slot is this CPU's.
    unsafe { slot.write(*progress) };
    for _ in 0..INLINE_SEGMENTS {
        if segment_inline() != 0 {
            break;
        }
    }
    // SAFETY: as above.
    *progress = unsafe { slot.read() };
}

/// A function with a name of its own: see `tell_inline` in [`crate::transfer`].
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn segment_inline() -> u64 {
    let Some(slot) = PROGRESS.get_ptr_mut(0) else { return 1 };
    // SAFETY: the slot is this CPU's.
    let progress = unsafe { &mut *slot };
    if progress.segments == 0 {
        return 1;
    }
    progress.segments -= 1;
    next_segment(0, slot)
}

/// One turn of the loop over segments; 1 ends it.
#[inline(never)]
extern "C" fn next_segment(_index: u32, progress: *mut Progress) -> u64 {
    // SAFETY: `segments` passes a valid pointer.
    let progress = unsafe { &mut *progress };
    let Some(scratch) = scratch() else { return 1 };
    let Ok([from, len]) = read_user::<[u64; 2]>(progress.segment) else {
        lost(loss::FAULT, u64::from(progress.left));
        progress.flags = u32::from(flag::FAULT);
        return 1;
    };
    progress.segment += 16;
    if progress.skip >= len {
        progress.skip -= len;
        return 0;
    }
    let (from, len) = (from + progress.skip, len - progress.skip);
    progress.skip = 0;
    let len = if len < u64::from(progress.left) { len as u32 } else { progress.left };
    let flags = piece(scratch, progress.copied, from, len);
    if flags != 0 {
        progress.flags = u32::from(flags);
        return 1;
    }
    progress.copied += len;
    progress.left -= len;
    u64::from(progress.left == 0)
}
