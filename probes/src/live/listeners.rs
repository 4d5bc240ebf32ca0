//! Which processes listen on a port, in any network namespace.

use std::collections::HashSet;
use std::fs;

use crate::process::all;

/// Thread-group ids of those that hold a listening TCP socket, or an unconnected UDP socket, on one of `ports`.
pub(super) fn listeners(ports: &[u16]) -> HashSet<u32> {
    let mut found = HashSet::new();
    if ports.is_empty() {
        return found;
    }
    let mut namespaces = HashSet::new();
    let mut inodes = HashSet::new();
    let pids = all();
    for &pid in &pids {
        let namespace = fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        if namespace.is_some_and(|namespace| !namespaces.insert(namespace)) {
            continue;
        }
        for (table, state) in [("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")] {
            let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
            inodes.extend(text.lines().skip(1).filter_map(|line| inode_of(line, state, ports)));
        }
    }
    for pid in pids {
        let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { continue };
        let holds = entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok()).any(|link| {
            link.to_str()
                .and_then(|link| link.strip_prefix("socket:[")?.strip_suffix(']'))
                .is_some_and(|inode| inodes.contains(inode))
        });
        if holds {
            found.insert(pid);
        }
    }
    found
}

/// The inode of a line of `/proc/net/tcp`, if it is in `state` on one of `ports`.
fn inode_of(line: &str, state: &str, ports: &[u16]) -> Option<String> {
    let mut fields = line.split_ascii_whitespace();
    let local = fields.nth(1)?;
    let port = u16::from_str_radix(local.rsplit(':').next()?, 16).ok()?;
    (fields.nth(1)? == state && ports.contains(&port)).then_some(())?;
    fields.nth(5).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_listens() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
        let port = socket.local_addr().expect("bound").port();
        assert!(listeners(&[port]).contains(&std::process::id()));
        drop(socket);
        assert!(!listeners(&[port]).contains(&std::process::id()));
    }

    #[test]
    fn a_line_of_the_table() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0 100 0";
        assert_eq!(inode_of(line, "0A", &[8080]).as_deref(), Some("12345"));
        assert_eq!(inode_of(line, "0A", &[80]), None);
        assert_eq!(inode_of(line, "01", &[8080]), None);
        assert_eq!(inode_of("", "0A", &[80]), None);
    }
}
