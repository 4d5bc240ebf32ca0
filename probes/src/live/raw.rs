//! Reads what the programs wrote: plain memory of this machine.

use probes_common::event::{Change, Conn, Decrypted, Header, LossCount, Peer, Target, Tuple};

/// A type of which every bit pattern is a value.
///
/// # Safety
/// `#[repr(C)]`, no padding, only integers and arrays of them.
pub(super) unsafe trait Plain: Copy {}

// SAFETY: see probes-common, which states that for all of them.
unsafe impl Plain for Header {}
// SAFETY: as above.
unsafe impl Plain for Peer {}
// SAFETY: as above.
unsafe impl Plain for Tuple {}
// SAFETY: as above.
unsafe impl Plain for Change {}
// SAFETY: as above.
unsafe impl Plain for Target {}
// SAFETY: as above.
unsafe impl Plain for Conn {}
// SAFETY: as above.
unsafe impl Plain for LossCount {}
// SAFETY: as above.
unsafe impl Plain for Decrypted {}

/// The value at the beginning of `bytes`, and what follows it.
pub(super) fn split<T: Plain>(bytes: &[u8]) -> Option<(T, &[u8])> {
    let (value, rest) = bytes.split_at_checked(size_of::<T>())?;
    // SAFETY: there are that many bytes, any of them make a value, and alignment is not asked for.
    Some((unsafe { value.as_ptr().cast::<T>().read_unaligned() }, rest))
}

/// The memory of a value.
pub(super) fn bytes_of<T: Plain, const N: usize>(value: &T) -> [u8; N] {
    const { assert!(size_of::<T>() == N) }
    // SAFETY: the sizes are equal, and the type has no padding.
    unsafe { std::ptr::from_ref(value).cast::<[u8; N]>().read_unaligned() }
}
