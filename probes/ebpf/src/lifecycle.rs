//! How connections begin and end, from raw tracepoints of the network stack.
//!
//! They fire in the context of whoever drives the stack, often an interrupt: "current" is only believed where a process
//! itself calls `connect` or `listen`.

use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use probes_common::event::{Change, Conn, change, kind, transport};
use probes_common::offsets::MISSING;
use probes_common::settings::{filter, port};

use crate::conns;
use crate::current;
use crate::emit::{deliver_value, header};
use crate::kernel::member;
use crate::maps::{CONNS, count, hit};
use crate::settings::{filters, offset};
use crate::socket::{
    TCP_CLOSE, TCP_CLOSE_WAIT, TCP_ESTABLISHED, TCP_FIN_WAIT1, TCP_LAST_ACK, TCP_LISTEN, TCP_SYN_SENT, error_of,
    finished, ports_of, sequence_of, transport_of,
};
use crate::targets::{port_rules, ports_watched, review, watched};
use crate::transfer::{Changed, ended};

/// `inet_sock_set_state(sk, oldstate, newstate)`
#[raw_tracepoint(tracepoint = "inet_sock_set_state")]
pub fn set_state(ctx: RawTracePointContext) -> i32 {
    let sk: u64 = ctx.arg(0);
    let old = ctx.arg::<i32>(1) as u32;
    let new = ctx.arg::<i32>(2) as u32;
    if new == TCP_SYN_SENT {
        connecting(sk);
    } else if new == TCP_LISTEN {
        listening(sk);
    } else if let Some(conn) = CONNS.get_ptr_mut(sk) {
        count(hit::SET_STATE);
        // SAFETY: a value of the map of connections.
        moved(sk, unsafe { &mut *conn }, old, new);
    }
    0
}

/// `tcp_destroy_sock(sk)`
#[raw_tracepoint(tracepoint = "tcp_destroy_sock")]
pub fn destroy(ctx: RawTracePointContext) -> i32 {
    let sk: u64 = ctx.arg(0);
    if let Some(conn) = CONNS.get_ptr_mut(sk) {
        count(hit::DESTROY);
        // SAFETY: a value of the map of connections.
        let conn = unsafe { *conn };
        if conn.transport == transport::TCP {
            // What the peer sent and nobody read stays in the socket.
            let more = sequence_of(sk).copied_seq.wrapping_sub(conn.copied_seq) as i32;
            conns::close_read(sk, conn.id, conn.received.wrapping_add(more as i64 as u64));
        } else {
            conns::close(sk, conn.id);
        }
    }
    0
}

/// `tcp_retransmit_skb(sk, skb)`
#[raw_tracepoint(tracepoint = "tcp_retransmit_skb")]
pub fn retransmit(ctx: RawTracePointContext) -> i32 {
    let sk: u64 = ctx.arg(0);
    if let Some(conn) = CONNS.get_ptr_mut(sk) {
        count(hit::RETRANSMIT);
        // SAFETY: a value of the map of connections.
        changed(sk, unsafe { &mut *conn }, change::RETRANSMIT, segments_of(ctx.arg(1)));
    }
    0
}

/// How many segments a buffer is cut into on its way (`tcp_skb_pcount`). 0: this kernel does not say.
#[inline(always)]
fn segments_of(skb: u64) -> u32 {
    if offset::SKB_CB.load() == MISSING || offset::CB_SEGMENTS.load() == MISSING {
        return 0;
    }
    u32::from(member::<u16>(skb + u64::from(offset::SKB_CB.load()), &offset::CB_SEGMENTS))
}

/// The current process calls `connect`.
#[inline(always)]
fn connecting(sk: u64) {
    let pid = current::process();
    if !watched(pid) {
        return;
    }
    let Some(transport::TCP) = transport_of(sk) else { return };
    let (local, remote) = ports_of(sk);
    if !ports_watched(local, remote) {
        return;
    }
    count(hit::SET_STATE);
    if let Some(conn) = CONNS.get_ptr_mut(sk) {
        // The socket was disconnected and is used again.
        // SAFETY: a value of the map of connections.
        conns::close(sk, unsafe { (*conn).id });
    }
    if let Some(conn) = conns::insert(sk, &conns::connecting(sk, transport::TCP, pid)) {
        conns::announce(sk, conn);
        // SAFETY: as above.
        changed(sk, unsafe { &mut *conn }, change::CONNECTING, 0);
    }
}

/// The current process calls `listen`.
#[inline(always)]
fn listening(sk: u64) {
    if !filters(filter::LISTENERS) {
        return;
    }
    let port = ports_of(sk).0;
    if port_rules(port) & port::LISTEN == 0 {
        return;
    }
    let mut header = header(kind::LISTEN);
    if !watched(header.pid) {
        review(header.pid);
    }
    header.len = u64::from(port);
    deliver_value(&header);
}

#[inline(always)]
fn moved(sk: u64, conn: &mut Conn, old: u32, new: u32) {
    if old == TCP_SYN_SENT && new == TCP_ESTABLISHED {
        conns::start(conn, sequence_of(sk));
        changed(sk, conn, change::ESTABLISHED, 0);
        return;
    }
    if old == TCP_SYN_SENT && new == TCP_CLOSE {
        changed(sk, conn, change::FAILED, error_of(sk));
        return;
    }
    if new == TCP_FIN_WAIT1 || new == TCP_LAST_ACK {
        let more = sequence_of(sk).write_seq.wrapping_sub(conn.write_seq) as i32;
        ended(conn, true, conn.sent.wrapping_add(more as i64 as u64));
    }
    if finished(sk) {
        received_all(sk, conn);
    }
    if new == TCP_CLOSE {
        // The orderly ways to CLOSE lead through LAST_ACK, FIN_WAIT2 or CLOSING, without an error.
        let abrupt = old == TCP_ESTABLISHED || old == TCP_CLOSE_WAIT;
        if abrupt || error_of(sk) != 0 {
            changed(sk, conn, change::RESET, error_of(sk));
        }
    }
}

/// The peer's FIN has arrived: what it sent ends at `rcv_nxt`, which counts the FIN.
#[inline(always)]
fn received_all(sk: u64, conn: &mut Conn) {
    let rcv_nxt: u32 = member(sk, &offset::TCP_RCV_NXT);
    let more = rcv_nxt.wrapping_sub(1).wrapping_sub(conn.copied_seq) as i32;
    let position = conn.received.wrapping_add(more as i64 as u64);
    ended(conn, false, position);
}

/// Tells of a change. `number`: error number, or how many segments.
#[inline(never)]
fn changed(sk: u64, conn: &mut Conn, change: u32, number: u32) {
    let mut event = Changed { header: header(kind::STATE), body: Change::default() };
    event.header.conn = conn.id;
    event.body.change = change;
    if change == change::RETRANSMIT {
        event.header.len = u64::from(number);
    } else {
        event.body.errno = number;
    }
    conns::describe(sk, conn, &mut event.body.tuple);
    deliver_value(&event);
}
