//! The allocator of a process that keeps rows for hours and lets the oldest go.

/// Gives freed memory back to the system at once, where the C library would keep it. Sizes differ from row to row, so what
/// is kept hardly ever fits again, and the process would grow to twice what it holds. Only glibc has to be told.
pub fn give_back_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (option, value) in [
        // Otherwise it grows up to 32 MiB, as large as the blocks that were freed.
        (libc::M_MMAP_THRESHOLD, LARGE),
        (libc::M_TRIM_THRESHOLD, LARGE),
        (libc::M_ARENA_MAX, ARENAS),
    ] {
        // SAFETY: takes two numbers; an option that is not known is refused.
        unsafe { libc::mallopt(option, value) };
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: libc::c_int = 128 << 10;
/// The thread that reads the kernel's events and the one that keeps rows need not wait for each other.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENAS: libc::c_int = 2;
