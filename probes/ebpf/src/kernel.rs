//! Reading kernel and user memory.

use aya_ebpf::Global;
use aya_ebpf::helpers::{bpf_probe_read_kernel, bpf_probe_read_user};

/// The address could not be read.
pub struct Fault;

/// The member at `offset` of the kernel structure at `base`.
#[inline(always)]
pub fn member<T: Copy>(base: u64, offset: &Global<u32>) -> Result<T, Fault> {
    read(base + u64::from(offset.load()))
}

/// A value in kernel memory.
#[inline(always)]
pub fn read<T: Copy>(address: u64) -> Result<T, Fault> {
    // SAFETY: the helper checks the address, and every bit pattern of the types read here is valid.
    unsafe { bpf_probe_read_kernel(address as *const T) }.map_err(|_| Fault)
}

/// A value in the current process's memory.
#[inline(always)]
pub fn read_user<T: Copy>(address: u64) -> Result<T, Fault> {
    // SAFETY: as in [`read`].
    unsafe { bpf_probe_read_user(address as *const T) }.map_err(|_| Fault)
}
