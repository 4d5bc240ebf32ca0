//! The allocator: of a process that keeps rows for hours and lets the oldest go, and of one that answers and ends.

/// Gives freed memory back to the system at once, where the C library would keep it. Sizes differ from row to row, so what
/// is kept hardly ever fits again, and the process would grow to twice what it holds. Only glibc has to be told.
pub fn give_back_freed() {
    // Otherwise the first grows up to 32 MiB, as large as the blocks that were freed.
    set(&[(MMAP_THRESHOLD, LARGE), (TRIM_THRESHOLD, LARGE), (ARENA_MAX, ARENAS)]);
}

/// Keeps freed memory for what comes next: whoever reads a file asks for pieces of the same sizes again and again, and
/// getting a fresh page from the system costs as much as filling it. Only glibc has to be told.
pub fn keep_freed() {
    set(&[(MMAP_THRESHOLD, LARGEST), (TRIM_THRESHOLD, 8 * LARGEST)]);
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
use libc::{M_ARENA_MAX as ARENA_MAX, M_MMAP_THRESHOLD as MMAP_THRESHOLD, M_TRIM_THRESHOLD as TRIM_THRESHOLD};
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
const ARENA_MAX: i32 = 0;
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
const MMAP_THRESHOLD: i32 = 0;
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
const TRIM_THRESHOLD: i32 = 0;

fn set(options: &[(i32, i32)]) {
    for (option, value) in options {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        // SAFETY: takes two numbers; an option that is not known is refused.
        unsafe {
            libc::mallopt(*option, *value)
        };
        #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
        let _ = (option, value);
    }
}

const LARGE: i32 = 128 << 10;
/// Larger ones are refused.
const LARGEST: i32 = 32 << 20;
/// The thread that reads the kernel's events and the one that keeps rows need not wait for each other.
const ARENAS: i32 = 2;
