//! QUIC: TLS inside UDP, by libraries that never see a socket's stream. It is not read; who may speak it can be told.

use std::collections::HashSet;

use procfs::process::{FDTarget, Process};

/// Where HTTP/3 is spoken.
const PORT: u16 = 443;

/// Whether a process has a UDP socket with port 443 at either end; false where that may not be seen.
#[must_use]
pub fn may_be_spoken(pid: u32) -> bool {
    sockets(pid).unwrap_or(false)
}

fn sockets(pid: u32) -> Option<bool> {
    let process = Process::new(i32::try_from(pid).ok()?).ok()?;
    let own: HashSet<u64> = process
        .fd()
        .ok()?
        .flatten()
        .filter_map(|file| match file.target {
            FDTarget::Socket(inode) => Some(inode),
            _ => None,
        })
        .collect();
    let all = [process.udp(), process.udp6()].into_iter().flatten().flatten();
    let mut ports = all
        .filter(|socket| own.contains(&socket.inode))
        .flat_map(|socket| [socket.local_address.port(), socket.remote_address.port()]);
    Some(ports.any(|port| port == PORT))
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn a_socket_that_talks_to_the_port_tells() {
        let pid = std::process::id();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect("127.0.0.1:444").unwrap();
        assert!(!may_be_spoken(pid));
        // Nobody needs to listen there.
        socket.connect("127.0.0.1:443").unwrap();
        assert!(may_be_spoken(pid));
        drop(socket);
        assert!(!may_be_spoken(pid));
        assert!(!may_be_spoken(u32::MAX));
    }
}
