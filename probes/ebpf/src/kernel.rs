//! Reading kernel and user memory.

use core::ffi::c_void;
use core::mem::MaybeUninit;

use aya_ebpf::Global;
use aya_ebpf::helpers::bpf_probe_read_user;
use aya_ebpf::helpers::generated::bpf_probe_read_kernel;

/// The address could not be read.
pub struct Fault;

/// A type of which every bit pattern is a value, all zeros too.
///
/// # Safety
/// Only integers, and arrays of them.
pub unsafe trait Plain: Copy {}
// SAFETY: an integer.
unsafe impl Plain for u16 {}
// SAFETY: as above.
unsafe impl Plain for u32 {}
// SAFETY: as above.
unsafe impl Plain for u64 {}
// SAFETY: an array of integers.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}
// SAFETY: as above.
unsafe impl Plain for u8 {}

/// The member at `offset` of the kernel structure at `base`; zeros where that cannot be read.
#[inline(always)]
pub fn member<T: Plain>(base: u64, offset: &Global<u32>) -> T {
    read(base + u64::from(offset.load()))
}

/// A value in kernel memory; zeros where that cannot be read, as for all addresses that a null pointer leads to.
///
/// No branch on success: every branch doubles what the verifier has to go through.
#[inline(always)]
pub fn read<T: Plain>(address: u64) -> T {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: the helper checks the address; it fills the value with zeros when it fails (`bpf_probe_read_kernel_common`).
    unsafe {
        bpf_probe_read_kernel(value.as_mut_ptr().cast(), size_of::<T>() as u32, address as *const c_void);
        value.assume_init()
    }
}

/// A value in the current process's memory.
#[inline(always)]
pub fn read_user<T: Copy>(address: u64) -> Result<T, Fault> {
    // SAFETY: the helper checks the address, and every bit pattern of the types read here is valid.
    unsafe { bpf_probe_read_user(address as *const T) }.map_err(|_| Fault)
}
