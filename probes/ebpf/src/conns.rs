//! The map of connections.

use aya_ebpf::helpers::generated::{bpf_get_smp_processor_id, bpf_ringbuf_reserve, bpf_ringbuf_submit};
use probes_common::event::{Conn, Header, Tuple, UNIX_PATH, flag, initiator, kind, loss, transport};

use crate::current;
use crate::emit::{QUIET, deliver_value, header, lost};
use crate::maps::{CONNS, EVENTS, NUMBERS};
use crate::socket::{
    Sequence, fill_ends, inode_of, ports_of, sequence_of, totals_of, unix_address, unix_path, was_accepted,
};
use crate::targets::ports_watched;
use crate::transfer::Transfer;

/// `BPF_NOEXIST`
const NEW_ONLY: u64 = 1;

/// An Open event.
#[repr(C)]
struct Opened {
    header: Header,
    tuple: Tuple,
    path: [u8; UNIX_PATH],
    padding: [u8; 4],
}

/// The connection of the socket that a transfer shows; found, or seen for the first time. Null if it is not watched.
#[inline(always)]
pub fn of(transfer: &Transfer) -> *mut Conn {
    let sk = transfer.sk;
    if let Some(conn) = CONNS.get_ptr_mut(sk) {
        // SAFETY: values of a preallocated map stay readable and writable.
        let known = unsafe { &mut *conn };
        // TCP sockets are removed when they are destroyed. The others have no such event, and their memory is used again.
        if transfer.transport == transport::TCP || known.inode == inode_of(sk) {
            announce(sk, conn);
            return conn;
        }
        close(sk, known.id);
    }
    let conn = meet(transfer);
    announce(sk, conn);
    conn
}

/// Puts a connection that is seen for the first time into the map.
///
/// What is called here and there is a function of its own, and none calls the next where both can stand side by side: before
/// Linux 6.7 the frames of a chain of calls have 512 bytes together.
#[inline(never)]
fn meet(transfer: &Transfer) -> *mut Conn {
    let mut conn = Conn::default();
    if !first_sight(transfer, &mut conn) {
        return core::ptr::null_mut();
    }
    insert(transfer.sk, &conn).unwrap_or(core::ptr::null_mut())
}

/// A new number.
#[inline(always)]
fn number() -> u64 {
    // SAFETY: has no preconditions.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    match NUMBERS.get_ptr_mut(0) {
        Some(counter) => {
            // SAFETY: the slot is this CPU's. A program that interrupts this one between the two lines takes the same
            // number only if it runs on the same CPU at interrupt level: `insert` is not called there.
            unsafe {
                *counter += 1;
                (*counter << 16) | u64::from(cpu & 0xffff)
            }
        }
        None => 0,
    }
}

/// Puts a connection into the map.
#[inline(always)]
pub fn insert(sk: u64, conn: &Conn) -> Option<*mut Conn> {
    match CONNS.insert(sk, conn, NEW_ONLY) {
        Ok(()) => {}
        // EEXIST: another thread was faster.
        Err(-17) => return CONNS.get_ptr_mut(sk),
        Err(_) => {
            lost(loss::MAP_FULL, 0);
            return None;
        }
    }
    CONNS.get_ptr_mut(sk)
}

/// A connection that `connect` just began.
#[inline(always)]
pub fn connecting(sk: u64, transport: u8, pid: u32) -> Conn {
    Conn { id: number(), inode: inode_of(sk), pid, transport, initiator: initiator::LOCAL, ..Conn::default() }
}

/// Fills in what is known of a connection seen for the first time; false if it is not watched.
#[inline(always)]
fn first_sight(transfer: &Transfer, conn: &mut Conn) -> bool {
    let (sk, transport) = (transfer.sk, transfer.transport);
    let (sent, received) = if transfer.sent { (transfer.len, 0) } else { (0, transfer.len) };
    if transport == transport::UNIX {
        if unix_address(sk).0 == 0 {
            return false;
        }
    } else {
        let (local, remote) = ports_of(sk);
        if !ports_watched(local, remote) {
            return false;
        }
    }
    conn.id = number();
    conn.inode = inode_of(sk);
    conn.transport = transport;
    conn.pid = current::process();
    if transport == transport::TCP {
        let accepted = was_accepted(sk);
        if accepted {
            conn.initiator = initiator::REMOTE;
        }
        let sequence = sequence_of(sk);
        start(conn, sequence);
        let (all_sent, all_received) = totals_of(sk, sequence, !accepted);
        conn.sent = all_sent;
        conn.received = all_received;
        conn.midstream = u8::from(all_sent > sent || all_received > received);
    }
    true
}

/// Positions count from here.
#[inline(always)]
pub fn start(conn: &mut Conn, sequence: Sequence) {
    conn.write_seq = sequence.write_seq;
    conn.copied_seq = sequence.copied_seq;
}

/// Tells user space about the connection, once. Tried again at its next event if the ring buffer is full.
#[inline(never)]
pub fn announce(sk: u64, conn: *mut Conn) {
    if conn.is_null() {
        return;
    }
    // SAFETY: a value of the map of connections.
    let conn = unsafe { &mut *conn };
    if conn.announced != 0 {
        return;
    }
    let ring = (&raw const EVENTS).cast_mut().cast();
    // Put together in the ring buffer itself: the stack has no room for it.
    // SAFETY: the map exists as long as the program. What is reserved is submitted.
    let opened = unsafe { bpf_ringbuf_reserve(ring, size_of::<Opened>() as u64, 0) }.cast::<Opened>();
    // SAFETY: reserved memory, or null.
    let Some(opened) = (unsafe { opened.as_mut() }) else {
        lost(loss::RING_FULL, 0);
        return;
    };
    opened.header = header(kind::OPEN);
    opened.header.conn = conn.id;
    opened.header.pid = conn.pid;
    opened.tuple = Tuple::default();
    opened.path = [0; UNIX_PATH];
    describe(sk, conn, &mut opened.tuple);
    if conn.transport == transport::UNIX {
        let (address, remote) = unix_address(sk);
        opened.tuple.remote_path = u8::from(remote);
        opened.header.captured = unix_path(address, &mut opened.path);
    }
    // SAFETY: reserved above. No wake-up: the reader polls.
    unsafe { bpf_ringbuf_submit(core::ptr::from_mut(opened).cast(), QUIET) };
    conn.announced = 1;
}

/// Fills in what is known of a connection.
#[inline(always)]
pub fn describe(sk: u64, conn: &Conn, tuple: &mut Tuple) {
    tuple.inode = conn.inode;
    tuple.sk = sk;
    tuple.transport = conn.transport;
    tuple.initiator = conn.initiator;
    tuple.midstream = conn.midstream;
    fill_ends(sk, tuple);
}

/// The socket is gone.
#[inline(never)]
pub fn close(sk: u64, id: u64) {
    let mut header = header(kind::CLOSE);
    header.conn = id;
    deliver_value(&header);
    let _ = CONNS.remove(sk);
}

/// A TCP socket is gone; the process has read `read` bytes, perhaps fewer than its peer had sent.
#[inline(always)]
pub fn close_read(sk: u64, id: u64, read: u64) {
    let mut header = header(kind::CLOSE);
    header.conn = id;
    header.position = read;
    header.flags = flag::READ;
    deliver_value(&header);
    let _ = CONNS.remove(sk);
}
