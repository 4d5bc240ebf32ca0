//! What a `struct sock` says about itself.

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use probes_common::event::{Peer, Tuple, UNIX_PATH, transport};
use probes_common::offsets::MISSING;

use crate::kernel::{member, read_user};
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
    let family: u16 = member(sk, &offset::SK_FAMILY);
    match family {
        AF_INET | AF_INET6 => match member::<u16>(sk, &offset::SK_PROTOCOL) {
            IPPROTO_TCP => Some(transport::TCP),
            IPPROTO_UDP => Some(transport::UDP),
            IPPROTO_MPTCP => Some(transport::MPTCP),
            _ => None,
        },
        AF_UNIX => match member::<u16>(sk, &offset::SK_TYPE) {
            SOCK_STREAM | SOCK_SEQPACKET => Some(transport::UNIX),
            _ => None,
        },
        _ => None,
    }
}

/// The sockfs inode number, 0 when no file holds the socket (any more, or yet).
#[inline(always)]
pub fn inode_of(sk: u64) -> u64 {
    let socket: u64 = member(sk, &offset::SK_SOCKET);
    if socket == 0 {
        return 0;
    }
    member(socket + u64::from(offset::SOCKET_INODE.load()), &offset::INODE_INO)
}

/// Both ports in host order, local first.
#[inline(always)]
pub fn ports_of(sk: u64) -> (u16, u16) {
    let local: u16 = member(sk, &offset::INET_SPORT);
    let remote: u16 = member(sk, &offset::SK_DPORT);
    (u16::from_be(local), u16::from_be(remote))
}

/// Fills in family and both internet ends.
#[inline(always)]
pub fn fill_ends(sk: u64, tuple: &mut Tuple) {
    tuple.family = member(sk, &offset::SK_FAMILY);
    let (local, remote) = ports_of(sk);
    tuple.local.port = local;
    tuple.remote.port = remote;
    if tuple.family == AF_INET {
        fill_v4(sk, tuple);
    } else if tuple.family == AF_INET6 && offset::SK_V6_DADDR.load() != MISSING {
        tuple.local.family = AF_INET6;
        tuple.remote.family = AF_INET6;
        tuple.local.address = member(sk, &offset::SK_V6_RCV_SADDR);
        tuple.remote.address = member(sk, &offset::SK_V6_DADDR);
    }
}

#[inline(always)]
fn fill_v4(sk: u64, tuple: &mut Tuple) {
    tuple.local.family = AF_INET;
    tuple.remote.family = AF_INET;
    tuple.local.address = four(member(sk, &offset::SK_RCV_SADDR));
    tuple.remote.address = four(member(sk, &offset::SK_DADDR));
}

#[inline(always)]
fn four(address: [u8; 4]) -> [u8; 16] {
    [address[0], address[1], address[2], address[3], 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
}

/// The address of a Unix socket (`struct unix_address`), its own or its peer's; the latter is marked. 0: it has neither,
/// as both ends of a socketpair.
#[inline(always)]
pub fn unix_address(sk: u64) -> (u64, bool) {
    let own: u64 = member(sk, &offset::UNIX_ADDR);
    if own != 0 {
        return (own, false);
    }
    (member(member(sk, &offset::UNIX_PEER), &offset::UNIX_ADDR), true)
}

/// Copies the path of a `struct unix_address`; gives its length. A leading zero byte means the abstract name space.
#[inline(always)]
pub fn unix_path(address: u64, path: &mut [u8; UNIX_PATH]) -> u32 {
    let len: u32 = member(address, &offset::UNIX_ADDRESS_LEN);
    // `len` counts sun_family.
    let mut len = len.saturating_sub(2);
    if len > UNIX_PATH as u32 {
        len = UNIX_PATH as u32;
    }
    let from = address + u64::from(offset::UNIX_ADDRESS_NAME.load()) + 2;
    // SAFETY: the whole of `path` is writable, and the kernel checks the address. The name's memory may be shorter than a
    // full path, so only its own bytes are read.
    let failed = unsafe { bpf_probe_read_kernel(path.as_mut_ptr().cast(), len & 0x7f, from as *const _) };
    if failed == 0 { len } else { 0 }
}

/// TCP: how far both streams have come.
#[derive(Clone, Copy)]
pub struct Sequence {
    pub write_seq: u32,
    pub copied_seq: u32,
}

/// The present sequence numbers. A FIN that was read counts one in `copied_seq`, but is no byte of the stream.
#[inline(always)]
pub fn sequence_of(sk: u64) -> Sequence {
    let write_seq: u32 = member(sk, &offset::TCP_WRITE_SEQ);
    let copied_seq: u32 = member(sk, &offset::TCP_COPIED_SEQ);
    let rcv_nxt: u32 = member(sk, &offset::TCP_RCV_NXT);
    let read_fin = u32::from(finished(sk) & (copied_seq == rcv_nxt));
    Sequence { write_seq, copied_seq: copied_seq.wrapping_sub(read_fin) }
}

/// Whether the peer's FIN has arrived.
#[inline(always)]
pub fn finished(sk: u64) -> bool {
    member::<u64>(sk, &offset::SK_FLAGS) & DONE != 0
}

/// Bytes written and read since the connection began, from the kernel's own counters (RFC 4898), so that they are right
/// for connections that are older than the programs too.
#[inline(always)]
pub fn totals_of(sk: u64, sequence: Sequence, opened_here: bool) -> (u64, u64) {
    let acked: u64 = member(sk, &offset::TCP_BYTES_ACKED);
    let snd_una: u32 = member(sk, &offset::TCP_SND_UNA);
    let received: u64 = member(sk, &offset::TCP_BYTES_RECEIVED);
    let rcv_nxt: u32 = member(sk, &offset::TCP_RCV_NXT);
    let mut sent = acked.wrapping_add(u64::from(sequence.write_seq.wrapping_sub(snd_una)));
    // The end that sent the SYN counts it as acknowledged.
    if opened_here && sent > 0 {
        sent -= 1;
    }
    (sent, received.wrapping_sub(u64::from(rcv_nxt.wrapping_sub(sequence.copied_seq))))
}

/// Whether a listening socket's backlog was inherited: then the other end asked for the connection.
#[inline(always)]
pub fn was_accepted(sk: u64) -> bool {
    member::<u32>(sk, &offset::SK_MAX_ACK_BACKLOG) != 0
}

/// A `sockaddr` in user memory; the family is 0 if it is no internet address.
#[inline(always)]
pub fn user_address(name: u64) -> Peer {
    let Ok(first) = read_user(name) else { return Peer::default() };
    // A sockaddr_in has nothing of interest there.
    address_of(first, read_user(name + 8).unwrap_or_default())
}

/// An address from the first eight bytes of a `sockaddr`, and the sixteen behind them: `struct sockaddr_in6` has family,
/// port, flow label, address; `sockaddr_in` has its address in place of the label.
#[inline(always)]
pub fn address_of(first: [u8; 8], rest: [u8; 16]) -> Peer {
    let family = u16::from_ne_bytes([first[0], first[1]]);
    let address = match family {
        AF_INET => four([first[4], first[5], first[6], first[7]]),
        AF_INET6 => rest,
        _ => return Peer::default(),
    };
    Peer { address, family, port: u16::from_be_bytes([first[2], first[3]]), padding: 0 }
}

/// `sk_err` as a positive number.
#[inline(always)]
pub fn error_of(sk: u64) -> u32 {
    member(sk, &offset::SK_ERR)
}
