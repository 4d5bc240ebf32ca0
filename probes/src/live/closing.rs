//! Ends of sockets that the kernel does not tell of: UDP and Unix sockets have no tracepoint for it.
//!
//! From time to time those that were quiet are looked for among the descriptors of the process that used them last.

use std::collections::{HashMap, HashSet};
use std::fs;

/// A socket to look for: its number in the kernel's map, and its inode.
pub(super) struct Quiet {
    pub(super) conn: u64,
    pub(super) inode: u64,
    pub(super) pid: u32,
}

/// Processes looked at in one go.
const MOST: usize = 64;

/// The numbers of those that are closed.
pub(super) fn closed(quiet: &[Quiet]) -> Vec<u64> {
    let mut by_process: HashMap<u32, Vec<&Quiet>> = HashMap::new();
    for socket in quiet {
        by_process.entry(socket.pid).or_default().push(socket);
    }
    let mut closed = Vec::new();
    for (pid, sockets) in by_process.into_iter().take(MOST) {
        let Some(open) = socket_inodes(pid) else { continue };
        closed.extend(sockets.into_iter().filter(|socket| !open.contains(&socket.inode)).map(|socket| socket.conn));
    }
    closed
}

/// Inodes of a process's sockets, none if it is gone; `None` if they may not be read.
fn socket_inodes(pid: u32) -> Option<HashSet<u64>> {
    let entries = match fs::read_dir(format!("/proc/{pid}/fd")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return None,
        Err(_) => return Some(HashSet::new()),
    };
    let inode = |entry: fs::DirEntry| {
        let link = fs::read_link(entry.path()).ok()?;
        link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    };
    Some(entries.flatten().filter_map(inode).collect())
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn open_and_closed() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let inode = fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).expect("open").ino();
        let quiet = |pid| [Quiet { conn: 7, inode, pid }];
        assert!(closed(&quiet(std::process::id())).is_empty());
        assert_eq!(closed(&quiet(u32::MAX)), [7]);
        drop(socket);
        assert_eq!(closed(&quiet(std::process::id())), [7]);
    }
}
