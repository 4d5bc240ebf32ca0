//! Bytes that passed a socket: their position, and as many of them as are wanted, become a Data event; several where only
//! beginning and end are wanted, or more than fits into one.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_loop;
use probes_common::event::{Change, Conn, Header, Peer, change, flag, kind, transport};
use probes_common::settings::{MAX_CAPTURE, MAX_PARTS};

use crate::arch::goroutine_of_call;
use crate::call::Buffers;
use crate::conns;
use crate::copy::{masked, payload, scratch};
use crate::emit::{deliver, deliver_value, header};
use crate::ktls;
use crate::maps::{Scratch, WORK};
use crate::sender;
use crate::socket::{finished, ports_of, sequence_of, transport_of, user_address};
use crate::tls;
use crate::verdict;

/// `MSG_OOB`
const OUT_OF_BAND: u32 = 0x1;
/// `MSG_PEEK`
const PEEK: u32 = 0x2;
/// `MSG_TRUNC`
const TRUNCATE: u32 = 0x20;
/// `MSG_ERRQUEUE`
const ERROR_QUEUE: u32 = 0x2000;

/// A State event.
#[repr(C)]
pub struct Changed {
    pub header: Header,
    pub body: Change,
}

/// A call that moved bytes.
///
/// It lies in a map, one for each CPU, and the steps that work on it are functions of their own: so the verifier forgets at
/// each step which way led there, and goes through it once instead of once for every combination.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Transfer {
    pub sk: u64,
    /// Result of the call, not negative.
    pub len: u64,
    /// When: entry of a send, return of a receive, as far as the back end can tell.
    pub time: u64,
    /// `MSG_*`
    pub flags: u32,
    pub sent: bool,
    /// One of several messages that one call moved before any of them is told of: the socket's sequence numbers are
    /// already those behind the last.
    pub batched: bool,
    /// One of [`transport`]; filled in by [`tell`].
    pub transport: u8,
    /// Of [`flag`]: by io_uring, or by kernel TLS; the latter is filled in by [`tell`].
    pub marks: u8,
    /// Bytes still to be copied of its beginning, and then of its end; filled in by [`verdict::share`]. What lies between
    /// them is cut.
    pub head: u32,
    pub tail: u32,
    /// Bytes told of.
    pub told: u64,
    pub buffers: Buffers,
    /// Part of the stack in which the sender of a datagram is to be looked for: from the tracepoint's arguments to the
    /// saved registers. Else 0.
    pub stack: u64,
    pub registers: u64,
}

impl Transfer {
    /// Whether the kernel encrypts it, or has decrypted it.
    #[inline(always)]
    pub fn by_kernel_tls(&self) -> bool {
        self.marks & flag::KTLS as u8 != 0
    }
}

/// Whether the call leaves the stream as it was.
#[inline(always)]
pub fn is_aside(flags: u32) -> bool {
    flags & (PEEK | ERROR_QUEUE) != 0
}

/// Tells of a transfer. `LOOP`: as in [`payload`].
#[inline(always)]
pub fn tell<const LOOP: bool>(transfer: &Transfer) {
    if let Some(work) = WORK.get_ptr_mut(0) {
        // SAFETY: the slot is this CPU's, and programs that use it do not nest.
        unsafe { work.write(*transfer) };
        if LOOP {
            tell_work::<true>(work);
        } else {
            tell_inline();
        }
    }
}

/// A function with a name of its own is gone through by the verifier once and alone, not again at every call. Verifiers
/// before 5.17 keep far more states apart; without this they are at it for minutes.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn tell_inline() -> u32 {
    WORK.get_ptr_mut(0).map_or(0, |work| tell_work::<false>(work))
}

#[inline(never)]
fn tell_work<const LOOP: bool>(work: *mut Transfer) -> u32 {
    // SAFETY: `tell` passes this CPU's slot.
    let Some(transfer) = (unsafe { work.as_mut() }) else { return 0 };
    let Some(transport) = transport_of(transfer.sk) else { return 0 };
    transfer.transport = transport;
    // SAFETY: a value of the map of connections, or null.
    let Some(conn) = (unsafe { conns::of(transfer).as_mut() }) else { return 0 };
    if transfer.transport == transport::TCP {
        if ktls::applies(transfer.sk, conn, transfer.sent) {
            transfer.marks |= flag::KTLS as u8;
            if transfer.len > 0 && !ktls::is_data(transfer.buffers.message) {
                return 0;
            }
        }
    }
    let position = advance(conn, transfer);
    if transfer.len == 0 && transfer.transport != transport::UDP {
        if !transfer.sent && at_end(transfer) {
            ended(conn, false, conn.received);
        }
        return 0;
    }
    if is_copied(transfer) {
        verdict::share(conn, transfer, position);
    }
    if transfer.transport != transport::UDP {
        tls::passed(conn, transfer.sent, transfer.len);
    }
    begin(transfer, conn, position);
    if transfer.transport == transport::UDP {
        tell_peer::<LOOP>(transfer);
    }
    // Most calls make one event.
    let last = if LOOP { next_part::<true>(transfer) } else { part_inline() };
    if last != 0 {
        return 0;
    }
    if LOOP {
        // SAFETY: the callback has the signature that bpf_loop asks for.
        unsafe {
            bpf_loop(MAX_PARTS - 1, part_of_work as *mut c_void, core::ptr::null_mut(), 0);
        }
    } else {
        part_inline();
    }
    0
}

/// As [`tell_inline`].
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn part_inline() -> u64 {
    // SAFETY: the slot is this CPU's, and `tell` has filled it.
    match WORK.get_ptr_mut(0).and_then(|work| unsafe { work.as_mut() }) {
        Some(transfer) => next_part::<false>(transfer),
        None => 1,
    }
}

/// Fills in what all events of the transfer have in common.
#[inline(never)]
fn begin(transfer: &Transfer, conn: &Conn, position: u64) {
    let Some(scratch) = scratch() else { return };
    let mut flags = u16::from(transfer.marks) | if transfer.sent { flag::SENT } else { 0 };
    let mut peer = Peer::default();
    if transfer.transport != transport::UDP && tls::tells_goroutines() {
        let [a, b, c, d, e, f, g, h] = goroutine_of_call().to_ne_bytes();
        peer.address = [a, b, c, d, e, f, g, h, 0, 0, 0, 0, 0, 0, 0, 0];
        flags |= flag::TASK;
    }
    // SAFETY: the buffer is this CPU's.
    unsafe {
        (*scratch).header = Header { time: transfer.time, conn: conn.id, position, flags, ..header(kind::DATA) };
        (*scratch).peer = peer;
    }
}

/// Fills in the other end of a datagram, where the call tells it. `LOOP`: as in [`payload`].
///
/// Before the payload: the search for a sender uses the same memory.
#[inline(never)]
fn tell_peer<const LOOP: bool>(transfer: &Transfer) {
    let Some(scratch) = scratch() else { return };
    let peer = if transfer.buffers.name != 0 {
        user_address(transfer.buffers.name)
    } else if LOOP && transfer.registers != 0 && ports_of(transfer.sk).1 == 0 {
        // The other end of a connected socket is known.
        let at = sender::of_datagram(transfer.stack, transfer.registers);
        if at == 0 { Peer::default() } else { sender::address(at) }
    } else {
        Peer::default()
    };
    if peer.family != 0 {
        // SAFETY: the buffer is this CPU's.
        unsafe {
            (*scratch).header.flags |= flag::PEER;
            (*scratch).peer = peer;
        }
    }
}

/// One turn of the loop over parts; 1 ends it.
#[inline(never)]
extern "C" fn part_of_work(_index: u32, _context: *mut c_void) -> u64 {
    // SAFETY: the slot is this CPU's, and `tell` has filled it.
    match WORK.get_ptr_mut(0).and_then(|work| unsafe { work.as_mut() }) {
        Some(transfer) => next_part::<true>(transfer),
        None => 1,
    }
}

/// Makes one Data event; 1 when it was the last.
#[inline(never)]
fn next_part<const LOOP: bool>(parts: &mut Transfer) -> u64 {
    let Some(scratch) = scratch() else { return 1 };
    let of_head = parts.head > 0 || parts.told == 0;
    let left = if of_head { parts.head } else { parts.tail };
    let wanted = if left < LARGEST { left } else { LARGEST };
    let rest = left - wanted;
    let len = if rest > 0 {
        u64::from(wanted)
    } else if of_head {
        // What lies between beginning and end.
        parts.len.wrapping_sub(u64::from(parts.tail)).wrapping_sub(parts.told)
    } else {
        parts.len.wrapping_sub(parts.told)
    };
    if of_head {
        parts.head = rest;
    } else {
        parts.tail = rest;
    }
    let (captured, flags) = payload::<LOOP>(scratch, &parts.buffers, parts.told, wanted);
    deliver_part(scratch, len, captured, flags);
    parts.told += len;
    u64::from((parts.head | parts.tail) == 0)
}

/// Bytes of one Data event at most.
const LARGEST: u32 = MAX_CAPTURE as u32;

/// Delivers the event of `len` bytes of which `captured` are there, and moves on behind them.
#[inline(always)]
fn deliver_part(scratch: *mut Scratch, len: u64, captured: u32, fault: u16) {
    // SAFETY: the buffer is this CPU's.
    unsafe {
        let header = &raw mut (*scratch).header;
        let flags = (*header).flags;
        (*header).len = len;
        (*header).captured = captured;
        (*header).flags = flags | fault;
        let size = (size_of::<Header>() + size_of::<Peer>()) as u64 + u64::from(masked(captured));
        deliver(scratch.cast(), size, len);
        (*header).flags = flags;
        (*header).position = (*header).position.wrapping_add(len);
    }
}

/// Whether its bytes are to be had at all.
#[inline(always)]
fn is_copied(transfer: &Transfer) -> bool {
    if transfer.flags & OUT_OF_BAND != 0 {
        return false;
    }
    // TCP throws the bytes away. A datagram's `len` is then more than its buffer, which bounds the copy.
    transfer.sent || transfer.flags & TRUNCATE == 0 || transfer.transport == transport::UDP
}

/// Moves the connection's position past the transfer; gives that of its first byte.
#[inline(never)]
fn advance(conn: &mut Conn, transfer: &Transfer) -> u64 {
    if transfer.transport == transport::TCP && !transfer.batched && !transfer.by_kernel_tls() {
        let sequence = sequence_of(transfer.sk);
        // Signed: a call on another thread may have been told of already.
        if transfer.sent {
            let more = sequence.write_seq.wrapping_sub(conn.write_seq) as i32;
            conn.write_seq = sequence.write_seq;
            conn.sent = conn.sent.wrapping_add(more as i64 as u64);
            return conn.sent.wrapping_sub(transfer.len);
        }
        let more = sequence.copied_seq.wrapping_sub(conn.copied_seq) as i32;
        conn.copied_seq = sequence.copied_seq;
        conn.received = conn.received.wrapping_add(more as i64 as u64);
        return conn.received.wrapping_sub(transfer.len);
    }
    let step = if transfer.transport == transport::UDP { 1 } else { transfer.len };
    if transfer.transport == transport::TCP && !transfer.by_kernel_tls() {
        let sequence = if transfer.sent { &mut conn.write_seq } else { &mut conn.copied_seq };
        *sequence = sequence.wrapping_add(step as u32);
    }
    let counter = if transfer.sent { &mut conn.sent } else { &mut conn.received };
    let position = *counter;
    *counter = position.wrapping_add(step);
    position
}

/// Whether a read of nothing means the end of the stream, not a buffer without room.
#[inline(always)]
fn at_end(transfer: &Transfer) -> bool {
    if transfer.transport == transport::TCP { finished(transfer.sk) } else { transfer.buffers.count != 0 }
}

/// Tells once that a direction ended at `position`.
#[inline(never)]
pub fn ended(conn: &mut Conn, sent: bool, position: u64) {
    let bit = if sent { 1 } else { 2 };
    if conn.ended & bit != 0 {
        return;
    }
    let mut changed = Changed { header: header(kind::STATE), body: Change::default() };
    changed.header.conn = conn.id;
    changed.header.position = position;
    if sent {
        changed.header.flags = flag::SENT;
    }
    if conn.ktls & bit != 0 {
        changed.header.flags |= flag::KTLS;
    }
    changed.body.change = change::ENDED;
    if deliver_value(&changed) {
        conn.ended |= bit;
    }
}
