//! Users of io_uring: what that moves through sockets cannot be read.
//!
//! The socket tracepoints fire for it, with the number of bytes, but the buffers are named in a ring, not in the registers
//! of a system call. So each such call is a position without bytes, and counted as lost; where only system calls are
//! hooked it is not seen at all, and whoever sets a ring up is named instead.

use std::collections::HashSet;
use std::fs;

/// Who was told of, and what went by.
#[derive(Default)]
pub(super) struct Rings {
    told: HashSet<u32>,
    /// Calls and bytes since last asked.
    moved: (u64, u64),
}

impl Rings {
    /// A process uses io_uring; whether that is news.
    pub(super) fn found(&mut self, pid: u32) -> bool {
        self.told.insert(pid)
    }

    /// A call went by of which only the length is known.
    pub(super) fn moved(&mut self, bytes: u64) {
        self.moved = (self.moved.0 + 1, self.moved.1 + bytes);
    }

    /// Calls and bytes since the last time.
    pub(super) fn take_moved(&mut self) -> (u64, u64) {
        std::mem::take(&mut self.moved)
    }

    /// The process ended, or changed its image.
    pub(super) fn forget(&mut self, pid: u32) {
        self.told.remove(&pid);
    }
}

/// Whether a process has an io_uring open; false where that may not be seen.
#[must_use]
pub fn has_ring(pid: u32) -> bool {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let is_ring =
        |entry: fs::DirEntry| fs::read_link(entry.path()).is_ok_and(|to| to.as_os_str() == "anon_inode:[io_uring]");
    entries.into_iter().any(is_ring)
}
