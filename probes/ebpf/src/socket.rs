//! What a `struct sock` says about itself.

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use probes_common::event::{Peer, Tuple, UNIX_PATH, transport};
use probes_common::offsets::MISSING;

use crate::kernel::{Fault, member, read};
use crate::settings::offset;

pub const AF_UNIX: u16 = 1;
pub const AF_INET: u16 = 2;
pub const AF_INET6: u16 = 10;

const IPPROTO_TCP: u16 = 6;
const IPPROTO_UDP: u16 = 17;
const IPPROTO_MPTCP: u16 = 262;
const SOCK_STREAM: u16 = 1;
const SOCK_SEQPACKET: u16 = 5;

/// Bit of `sk_flags`: the peer's FIN has arrived (`SOCK_DONE`, include/net/sock.h).
const DONE: u64 = 1 << 1;

pub const TCP_ESTABLISHED: u32 = 1;
pub const TCP_SYN_SENT: u32 = 2;
pub const TCP_FIN_WAIT1: u32 = 4;
pub const TCP_CLOSE: u32 = 7;
pub const TCP_CLOSE_WAIT: u32 = 8;
pub const TCP_LAST_ACK: u32 = 9;
pub const TCP_LISTEN: u32 = 10;

/// One of [`transport`], or `None` for sockets that are not watched: netlink, raw, Unix datagrams, …
#[inline(always)]
pub fn transport_of(sk: u64) -> Option<u8> {
    let family: u16 = member(sk, &offset::SK_FAMILY).ok()?;
    match family {
        AF_INET | AF_INET6 => match member::<u16>(sk, &offset::SK_PROTOCOL).ok()? {
            IPPROTO_TCP => Some(transport::TCP),
            IPPROTO_UDP => Some(transport::UDP),
            IPPROTO_MPTCP => Some(transport::MPTCP),
            _ => None,
        },
        AF_UNIX => match member::<u16>(sk, &offset::SK_TYPE).ok()? {
            SOCK_STREAM | SOCK_SEQPACKET => Some(transport::UNIX),
            _ => None,
        },
        _ => None,
    }
}

/// The sockfs inode number, 0 when no file holds the socket (any more, or yet).
#[inline(always)]
pub fn inode_of(sk: u64) -> u64 {
    match member::<u64>(sk, &offset::SK_SOCKET) {
        Ok(socket) if socket != 0 => {
            let inode = socket + u64::from(offset::SOCKET_INODE.load());
            member::<u64>(inode, &offset::INODE_INO).unwrap_or(0)
        }
        _ => 0,
    }
}

/// Both ports in host order, local first.
#[inline(always)]
pub fn ports_of(sk: u64) -> (u16, u16) {
    let local: u16 = member(sk, &offset::INET_SPORT).unwrap_or(0);
    let remote: u16 = member(sk, &offset::SK_DPORT).unwrap_or(0);
    (u16::from_be(local), u16::from_be(remote))
}

/// Fills in family and both internet ends.
#[inline(always)]
pub fn fill_ends(sk: u64, tuple: &mut Tuple) {
    tuple.family = member(sk, &offset::SK_FAMILY).unwrap_or(0);
    let (local, remote) = ports_of(sk);
    tuple.local.port = local;
    tuple.remote.port = remote;
    if tuple.family == AF_INET {
        fill_v4(sk, tuple);
    } else if tuple.family == AF_INET6 && offset::SK_V6_DADDR.load() != MISSING {
        tuple.local.family = AF_INET6;
        tuple.remote.family = AF_INET6;
        tuple.local.address = member(sk, &offset::SK_V6_RCV_SADDR).unwrap_or_default();
        tuple.remote.address = member(sk, &offset::SK_V6_DADDR).unwrap_or_default();
    }
}

#[inline(always)]
fn fill_v4(sk: u64, tuple: &mut Tuple) {
    let local: [u8; 4] = member(sk, &offset::SK_RCV_SADDR).unwrap_or_default();
    let remote: [u8; 4] = member(sk, &offset::SK_DADDR).unwrap_or_default();
    tuple.local.family = AF_INET;
    tuple.remote.family = AF_INET;
    tuple.local.address[0] = local[0];
    tuple.local.address[1] = local[1];
    tuple.local.address[2] = local[2];
    tuple.local.address[3] = local[3];
    tuple.remote.address[0] = remote[0];
    tuple.remote.address[1] = remote[1];
    tuple.remote.address[2] = remote[2];
    tuple.remote.address[3] = remote[3];
}

/// The address of a Unix socket (`struct unix_address`), its own or its peer's; the latter is marked. 0: it has neither,
/// as both ends of a socketpair.
#[inline(always)]
pub fn unix_address(sk: u64) -> (u64, bool) {
    let own: u64 = member(sk, &offset::UNIX_ADDR).unwrap_or(0);
    if own != 0 {
        return (own, false);
    }
    match member::<u64>(sk, &offset::UNIX_PEER) {
        Ok(peer) if peer != 0 => (member(peer, &offset::UNIX_ADDR).unwrap_or(0), true),
        _ => (0, false),
    }
}

/// Copies the path of a `struct unix_address`; gives its length. A leading zero byte means the abstract name space.
#[inline(always)]
pub fn unix_path(address: u64, path: &mut [u8; UNIX_PATH]) -> u32 {
    let len: u32 = member(address, &offset::UNIX_ADDRESS_LEN).unwrap_or(0);
    // `len` counts sun_family.
    let mut len = len.saturating_sub(2);
    if len > UNIX_PATH as u32 {
        len = UNIX_PATH as u32;
    }
    let from = address + u64::from(offset::UNIX_ADDRESS_NAME.load()) + 2;
    // SAFETY: the whole of `path` is writable, and the kernel checks the address. The name's memory may be shorter than a
    // full path, so only its own bytes are read.
    let failed = unsafe { bpf_probe_read_kernel(path.as_mut_ptr().cast(), len & 0x7f, from as *const _) };
    if failed != 0 { 0 } else { len }
}

/// TCP: how far both streams have come.
#[derive(Clone, Copy)]
pub struct Sequence {
    pub write_seq: u32,
    pub copied_seq: u32,
}

/// The present sequence numbers. A FIN that was read counts one in `copied_seq`, but is no byte of the stream.
#[inline(always)]
pub fn sequence_of(sk: u64) -> Result<Sequence, Fault> {
    let write_seq: u32 = member(sk, &offset::TCP_WRITE_SEQ)?;
    let mut copied_seq: u32 = member(sk, &offset::TCP_COPIED_SEQ)?;
    if finished(sk) {
        let rcv_nxt: u32 = member(sk, &offset::TCP_RCV_NXT)?;
        if copied_seq == rcv_nxt {
            copied_seq = copied_seq.wrapping_sub(1);
        }
    }
    Ok(Sequence { write_seq, copied_seq })
}

/// Whether the peer's FIN has arrived.
#[inline(always)]
pub fn finished(sk: u64) -> bool {
    member::<u64>(sk, &offset::SK_FLAGS).unwrap_or(0) & DONE != 0
}

/// Bytes written and read since the connection began, from the kernel's own counters (RFC 4898), so that they are right
/// for connections that are older than the programs too.
#[inline(always)]
pub fn totals_of(sk: u64, sequence: Sequence, opened_here: bool) -> Result<(u64, u64), Fault> {
    let acked: u64 = member(sk, &offset::TCP_BYTES_ACKED)?;
    let snd_una: u32 = member(sk, &offset::TCP_SND_UNA)?;
    let received: u64 = member(sk, &offset::TCP_BYTES_RECEIVED)?;
    let rcv_nxt: u32 = member(sk, &offset::TCP_RCV_NXT)?;
    let mut sent = acked.wrapping_add(u64::from(sequence.write_seq.wrapping_sub(snd_una)));
    // The end that sent the SYN counts it as acknowledged.
    if opened_here && sent > 0 {
        sent -= 1;
    }
    Ok((sent, received.wrapping_sub(u64::from(rcv_nxt.wrapping_sub(sequence.copied_seq)))))
}

/// Whether a listening socket's backlog was inherited: then the other end asked for the connection.
#[inline(always)]
pub fn was_accepted(sk: u64) -> bool {
    member::<u32>(sk, &offset::SK_MAX_ACK_BACKLOG).unwrap_or(0) != 0
}

/// A `sockaddr` in user memory.
#[inline(always)]
pub fn user_address(name: u64) -> Option<Peer> {
    let first: [u8; 8] = crate::kernel::read_user(name).ok()?;
    let mut peer = Peer { port: u16::from_be_bytes([first[2], first[3]]), ..Peer::default() };
    peer.family = u16::from_ne_bytes([first[0], first[1]]);
    if peer.family == AF_INET {
        peer.address[0] = first[4];
        peer.address[1] = first[5];
        peer.address[2] = first[6];
        peer.address[3] = first[7];
        Some(peer)
    } else if peer.family == AF_INET6 {
        peer.address = crate::kernel::read_user(name + 8).ok()?;
        Some(peer)
    } else {
        None
    }
}

/// `sk_err` as a positive number.
#[inline(always)]
pub fn error_of(sk: u64) -> u32 {
    read::<u32>(sk + u64::from(offset::SK_ERR.load())).unwrap_or(0)
}
