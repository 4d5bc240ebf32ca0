//! Plaintext at the borders of TLS libraries, by user-space probes.
//!
//! A probe on the way in remembers handle and buffer; one on the way out, when the number of bytes is known, tells of them.
//! Between the two the library may call the socket: that nested call says which connection the handle belongs to. Where
//! the program moves the encrypted bytes itself (memory BIOs), the TLS record that its thread received last does, once, and
//! only to a handle that has no connection yet. What has no connection is told of without one: user space waits for it.
//!
//! These programs can be interrupted by others on their CPU (since Linux 6.0): no buffer per CPU.

use aya_ebpf::helpers::generated::{bpf_probe_read_user, bpf_ringbuf_reserve, bpf_ringbuf_submit};
use aya_ebpf::macros::{map, uprobe, uretprobe};
use aya_ebpf::maps::LruHashMap;
use aya_ebpf::programs::{ProbeContext, RetProbeContext};
use probes_common::event::{Conn, Decrypted, Header, family, flag, kind, loss, verdict};
use probes_common::settings::tls;

use crate::arch::{go_arguments, go_goroutine, go_result, goroutine_of_call};
use crate::current;
use crate::emit::{deliver_value, header, lost, now};
use crate::kernel::read_user;
use crate::maps::EVENTS;
use crate::settings::{CAPTURE, TLS};
use crate::targets::watched;
use crate::verdict as share;

/// Who is in a library call: a thread, or a goroutine, which may come back on another thread.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Strand {
    /// Thread-group id, and for C the thread id in the low half.
    process: u64,
    /// Address of the goroutine, for Go.
    goroutine: u64,
}

/// A library call in progress.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Call {
    handle: u64,
    /// 0: the bytes are in no memory of the process.
    buffer: u64,
    /// Where the number of bytes will be written; 0: it is the result.
    count: u64,
    /// When it began.
    time: u64,
    /// The connection that was used meanwhile; 0: none yet.
    conn: u64,
    /// One of [`action`].
    action: u32,
    /// One of [`family`].
    family: u32,
    /// rustls: bytes at the beginning of the buffers that are not meant.
    skip: u64,
}

mod action {
    pub(super) const READ: u32 = 1;
    pub(super) const WRITE: u32 = 2;
    pub(super) const HANDSHAKE: u32 = 3;
}

/// A library's handle on one connection (`SSL *`, `gnutls_session_t`, `*tls.Conn`).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct HandleKey {
    handle: u64,
    process: u64,
}

/// What is known of a handle.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Handle {
    conn: u64,
    sent: u64,
    received: u64,
    /// When it was first seen: tells its counters from those of an earlier handle at the same address.
    epoch: u64,
}

/// The TLS record that a thread received last, outside of any library call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct LastRecord {
    conn: u64,
    /// The handle that it was for; 0: not known yet.
    handle: u64,
}

/// What a thread has given to rustls and not sent yet.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Unsent {
    handle: u64,
    bytes: u64,
    /// TLS records that these bytes fill.
    records: u64,
}

/// Calls in progress. Losing one loses its bytes: [`Handle`]'s counters show no gap, so there is room for many.
#[map]
pub static TLS_CALLS: LruHashMap<Strand, Call> = LruHashMap::with_max_entries(16_384, 0);

/// Handles. A lost one starts again with a new epoch.
#[map]
pub static TLS_HANDLES: LruHashMap<HandleKey, Handle> = LruHashMap::with_max_entries(65_536, 0);

/// Threads that receive records for memory BIOs.
#[map]
pub static TLS_RECORDS: LruHashMap<u64, LastRecord> = LruHashMap::with_max_entries(8192, 0);

/// Threads that write by rustls.
#[map]
pub static TLS_UNSENT: LruHashMap<u64, Unsent> = LruHashMap::with_max_entries(8192, 0);

/// `SSL_read(handle, buffer, length)`
#[uprobe]
pub fn ssl_read(ctx: ProbeContext) -> u32 {
    enter_c(&ctx, action::READ, family::SSL, false)
}

/// `SSL_write(handle, buffer, length)`
#[uprobe]
pub fn ssl_write(ctx: ProbeContext) -> u32 {
    enter_c(&ctx, action::WRITE, family::SSL, false)
}

/// `SSL_read_ex(handle, buffer, length, count)`, and what `SSL_read` calls.
#[uprobe]
pub fn ssl_read_counted(ctx: ProbeContext) -> u32 {
    enter_c(&ctx, action::READ, family::SSL, true)
}

/// `SSL_write_ex(handle, buffer, length, count)`, and what `SSL_write` calls.
#[uprobe]
pub fn ssl_write_counted(ctx: ProbeContext) -> u32 {
    enter_c(&ctx, action::WRITE, family::SSL, true)
}

/// `SSL_sendfile(handle, file, offset, length, flags)`: what kernel TLS sends without the library seeing a byte.
#[uprobe]
pub fn ssl_sendfile(ctx: ProbeContext) -> u32 {
    let strand = Strand { process: current::thread(), goroutine: 0 };
    let handle = ctx.arg::<u64>(0).unwrap_or(0);
    let (action, family) = (action::WRITE, family::SSL);
    enter(&strand, Call { handle, buffer: 0, count: 0, time: 0, conn: 0, action, family, skip: 0 });
    0
}

/// `SSL_do_handshake(handle)`: its reads and writes tell the connection before the first byte of plaintext.
#[uprobe]
pub fn ssl_handshake(ctx: ProbeContext) -> u32 {
    enter_c(&ctx, action::HANDSHAKE, family::SSL, false)
}

/// `SSL_read` of BoringSSL.
#[uprobe]
pub fn boring_read(ctx: ProbeContext) -> u32 {
    enter_c(&ctx, action::READ, family::BORING, false)
}

/// `SSL_write` of BoringSSL.
#[uprobe]
pub fn boring_write(ctx: ProbeContext) -> u32 {
    enter_c(&ctx, action::WRITE, family::BORING, false)
}

/// `SSL_read_ex` of AWS-LC.
#[uprobe]
pub fn boring_read_counted(ctx: ProbeContext) -> u32 {
    enter_c(&ctx, action::READ, family::BORING, true)
}

/// `SSL_write_ex` of AWS-LC.
#[uprobe]
pub fn boring_write_counted(ctx: ProbeContext) -> u32 {
    enter_c(&ctx, action::WRITE, family::BORING, true)
}

/// `SSL_do_handshake` of BoringSSL.
#[uprobe]
pub fn boring_handshake(ctx: ProbeContext) -> u32 {
    enter_c(&ctx, action::HANDSHAKE, family::BORING, false)
}

/// `gnutls_record_recv(handle, buffer, length)`
#[uprobe]
pub fn gnutls_read(ctx: ProbeContext) -> u32 {
    enter_c(&ctx, action::READ, family::GNUTLS, false)
}

/// `gnutls_record_send(handle, buffer, length)`
#[uprobe]
pub fn gnutls_write(ctx: ProbeContext) -> u32 {
    enter_c(&ctx, action::WRITE, family::GNUTLS, false)
}

/// `gnutls_handshake(handle)`
#[uprobe]
pub fn gnutls_handshake(ctx: ProbeContext) -> u32 {
    enter_c(&ctx, action::HANDSHAKE, family::GNUTLS, false)
}

/// The way out of all of the above.
#[uretprobe]
pub fn tls_return(ctx: RetProbeContext) -> u32 {
    let id = current::thread();
    let strand = Strand { process: id, goroutine: 0 };
    leave::<true>(&strand, ctx.ret::<i64>());
    0
}

/// The way out of [`ssl_sendfile`].
#[uretprobe]
pub fn sendfile_return(ctx: RetProbeContext) -> u32 {
    let strand = Strand { process: current::thread(), goroutine: 0 };
    leave::<false>(&strand, ctx.ret::<i64>());
    0
}

/// `SSL_free(handle)`, `gnutls_deinit(handle)`
#[uprobe]
pub fn tls_free(ctx: ProbeContext) -> u32 {
    let Some(handle) = ctx.arg::<u64>(0) else { return 0 };
    let process = current::thread() >> 32;
    let _ = TLS_HANDLES.remove(HandleKey { handle, process });
    0
}

/// `crypto/tls.(*Conn).Read`
#[uprobe]
pub fn go_read(ctx: ProbeContext) -> u32 {
    enter_go(&ctx, action::READ)
}

/// `crypto/tls.(*Conn).Write`
#[uprobe]
pub fn go_write(ctx: ProbeContext) -> u32 {
    enter_go(&ctx, action::WRITE)
}

/// A `ret` of either.
#[uprobe]
pub fn go_return(ctx: ProbeContext) -> u32 {
    let strand = Strand { process: current::thread() >> 32, goroutine: go_goroutine(&ctx) };
    leave::<true>(&strand, go_result(&ctx));
    0
}

/// `CommonState::take_received_plaintext(handle, payload)`: a record was opened, right after it was received. The payload, a
/// vector or a slice, is passed by address: one word, address, length.
#[uprobe]
pub fn rustls_read(ctx: ProbeContext) -> u32 {
    let id = current::thread();
    if !watched((id >> 32) as u32) {
        return 0;
    }
    let payload = ctx.arg::<u64>(1).unwrap_or(0);
    let buffer = read_user::<u64>(payload + 8).unwrap_or(0);
    let bytes = read_user::<u64>(payload + 16).unwrap_or(0);
    // SAFETY: only this thread uses its entry.
    let conn = unsafe { TLS_RECORDS.get(id) }.map_or(0, |record| record.conn);
    let Some(mut told) = rustls_told(ctx.arg::<u64>(0).unwrap_or(0), bytes, false) else { return 0 };
    told.header.conn = conn;
    tell(&mut told, buffer);
    0
}

/// `CommonState::buffer_plaintext(handle, chunks, …)`: bytes to be sent. The chunks are passed by address: 0, address, length
/// of a single one, or address and number of several, and which of their bytes are meant.
#[uprobe]
pub fn rustls_write(ctx: ProbeContext) -> u32 {
    let chunks = ctx.arg::<u64>(1).unwrap_or(0);
    let [several, first, second] = read_user::<[u64; 3]>(chunks).unwrap_or([0; 3]);
    let handle = ctx.arg::<u64>(0).unwrap_or(0);
    let (buffer, count, skip) = if several == 0 { (first, 0, 0) } else { (several, first, second) };
    let strand = Strand { process: current::thread(), goroutine: 0 };
    enter(
        &strand,
        Call { handle, buffer, count, time: 0, conn: 0, action: action::WRITE, family: family::RUSTLS, skip },
    );
    0
}

/// The way out of [`rustls_write`]: how many bytes were taken.
#[uretprobe]
pub fn rustls_return(ctx: RetProbeContext) -> u32 {
    let id = current::thread();
    let strand = Strand { process: id, goroutine: 0 };
    // SAFETY: only this thread uses its entry.
    let Some(call) = (unsafe { TLS_CALLS.get(strand) }).copied() else { return 0 };
    let _ = TLS_CALLS.remove(strand);
    let bytes = ctx.ret::<u64>();
    let Some(mut told) = rustls_told(call.handle, bytes, true) else { return 0 };
    told.header.time = call.time;
    told.header.flags = flag::SENT;
    // SAFETY: as above.
    let before = unsafe { TLS_UNSENT.get(id) }.copied().filter(|unsent| unsent.handle == call.handle);
    let before = before.unwrap_or(Unsent { handle: call.handle, bytes: 0, records: 0 });
    let records = before.records + ((bytes + RECORD - 1) / RECORD);
    let _ = TLS_UNSENT.insert(id, Unsent { bytes: before.bytes + bytes, records, ..before }, 0);
    if call.count == 0 {
        tell(&mut told, call.buffer);
    } else {
        tell_chunks(&mut told, &call, bytes);
    }
    0
}

/// Most plaintext in a record (RFC 8446, 5.1).
const RECORD: u64 = 16 << 10;
/// Chunks of one write whose bytes are copied; the rest is position only.
const CHUNKS: u64 = 2;

#[inline(always)]
fn tell_chunks(told: &mut Told, call: &Call, bytes: u64) {
    let (mut skip, mut left, mut position) = (call.skip, bytes, told.header.position);
    for index in 0..CHUNKS {
        let [buffer, len] = read_user::<[u64; 2]>(call.buffer + index * 16).unwrap_or([0; 2]);
        let passed = if skip < len { skip } else { len };
        skip -= passed;
        let rest = if index < call.count { len - passed } else { 0 };
        let len = if rest < left { rest } else { left };
        if len > 0 {
            told.header.position = position;
            told.header.len = len;
            tell_chunk(told, buffer + passed);
            // A fault was that chunk's.
            told.header.flags = flag::SENT;
            position += len;
            left -= len;
        }
    }
    if left > 0 {
        told.header.position = position;
        told.header.len = left;
        told.header.captured = 0;
        deliver_value(told);
    }
}

#[inline(never)]
fn tell_chunk(told: &mut Told, buffer: u64) -> u32 {
    tell(told, buffer);
    0
}

/// The event for bytes of a rustls connection, whose counter it moves.
#[inline(always)]
fn rustls_told(handle: u64, bytes: u64, sent: bool) -> Option<Told> {
    if bytes == 0 {
        return None;
    }
    let key = HandleKey { handle, process: current::thread() >> 32 };
    let Some(known) = handle_of(&key) else {
        lost(loss::MAP_FULL, bytes);
        return None;
    };
    // SAFETY: a value of a preallocated map; a connection is used by one thread at a time.
    let known = unsafe { &mut *known };
    let counter = if sent { &mut known.sent } else { &mut known.received };
    let position = *counter;
    *counter = position.wrapping_add(bytes);
    let mut told = Told { header: header(kind::PLAIN), plain: Decrypted::default() };
    told.header.position = position;
    told.header.len = bytes;
    told.plain = Decrypted { handle, task: 0, epoch: known.epoch, family: family::RUSTLS, padding: 0 };
    Some(told)
}

/// A thread has sent records: if they are as long as those that rustls has made of its last writes, they are these. A record
/// is 21 to 29 bytes longer than what is in it (RFC 8446, 5.2; RFC 5246, 6.2.3.3; RFC 7905).
#[inline(always)]
fn sent_by_rustls(id: u64, conn: &Conn, len: u64) {
    // SAFETY: only this thread uses its entry.
    let Some(unsent) = (unsafe { TLS_UNSENT.get(id) }).copied() else { return };
    let _ = TLS_UNSENT.remove(id);
    let least = unsent.bytes + unsent.records * 21;
    if len.wrapping_sub(least) <= unsent.records * 8 {
        placed(unsent.handle, conn.id);
    }
}

/// Tells the connection of a handle's last writes.
#[inline(never)]
fn placed(handle: u64, conn: u64) -> u32 {
    let mut told = Told { header: header(kind::PLAIN), plain: Decrypted::default() };
    told.header.conn = conn;
    told.header.flags = flag::SENT;
    told.plain = Decrypted { handle, family: family::RUSTLS, ..Decrypted::default() };
    deliver_value(&told);
    0
}

/// A socket of the current thread has sent or received `len` bytes; its verdict says whether it carries TLS records.
#[inline(always)]
pub fn passed(conn: &Conn, sent: bool, len: u64) {
    if TLS.load() & tls::ON == 0 {
        return;
    }
    let id = current::thread();
    if note(&Strand { process: id, goroutine: 0 }, conn.id) {
        return;
    }
    if TLS.load() & tls::GO != 0 && note(&Strand { process: id >> 32, goroutine: goroutine_of_call() }, conn.id) {
        return;
    }
    // Kernel TLS: what passed was no record.
    if conn.verdict != verdict::TLS || conn.ktls != 0 {
        return;
    }
    if sent {
        sent_by_rustls(id, conn, len);
    } else {
        let _ = TLS_RECORDS.insert(id, LastRecord { conn: conn.id, handle: 0 }, 0);
    }
}

/// Whether the goroutine of a socket call can be told.
#[inline(always)]
pub fn tells_goroutines() -> bool {
    TLS.load() & tls::GO != 0
}

#[inline(always)]
fn note(strand: &Strand, conn: u64) -> bool {
    match TLS_CALLS.get_ptr_mut(strand) {
        Some(call) => {
            // SAFETY: only this strand uses its entry.
            unsafe { (*call).conn = conn }
            true
        }
        None => false,
    }
}

#[inline(always)]
fn enter_c(ctx: &ProbeContext, action: u32, family: u32, counted: bool) -> u32 {
    let id = current::thread();
    let strand = Strand { process: id, goroutine: 0 };
    let handle = ctx.arg::<u64>(0).unwrap_or(0);
    let buffer = ctx.arg::<u64>(1).unwrap_or(0);
    let count = if counted { ctx.arg::<u64>(3).unwrap_or(0) } else { 0 };
    enter(&strand, Call { handle, buffer, count, time: 0, conn: 0, action, family, skip: 0 });
    0
}

#[inline(always)]
fn enter_go(ctx: &ProbeContext, action: u32) -> u32 {
    let strand = Strand { process: current::thread() >> 32, goroutine: go_goroutine(ctx) };
    let (handle, buffer) = go_arguments(ctx);
    enter(&strand, Call { handle, buffer, count: 0, time: 0, conn: 0, action, family: family::GO, skip: 0 });
    0
}

#[inline(always)]
fn enter(strand: &Strand, call: Call) {
    if !watched(current::process()) {
        return;
    }
    if TLS_CALLS.insert(strand, Call { time: now(), ..call }, 0).is_err() {
        lost(loss::CALLS_FULL, 0);
    }
}

/// `BYTES`: there is a buffer with them; else only their number is told.
#[inline(always)]
fn leave<const BYTES: bool>(strand: &Strand, result: i64) {
    // SAFETY: only this strand uses its entry.
    let Some(call) = (unsafe { TLS_CALLS.get(strand) }).copied() else { return };
    let _ = TLS_CALLS.remove(strand);
    // C functions give an int: the upper half of the register is anything.
    let result = if call.family == family::GO { result } else { i64::from(result as i32) };
    let bytes = if call.action == action::HANDSHAKE || result <= 0 {
        0
    } else if call.count != 0 {
        read_user::<u64>(call.count).unwrap_or(0)
    } else {
        result as u64
    };
    let key = HandleKey { handle: call.handle, process: current::thread() >> 32 };
    let Some(handle) = handle_of(&key) else {
        lost(loss::MAP_FULL, bytes);
        return;
    };
    // SAFETY: a value of a preallocated map; two threads on one handle is a mistake of theirs.
    let handle = unsafe { &mut *handle };
    let before = handle.conn;
    place(handle, &call);
    if bytes == 0 && handle.conn == before {
        return;
    }
    let counter = if call.action == action::WRITE { &mut handle.sent } else { &mut handle.received };
    let position = *counter;
    *counter = position.wrapping_add(bytes);
    let mut told = Told { header: header(kind::PLAIN), plain: Decrypted::default() };
    told.header.conn = handle.conn;
    told.header.position = position;
    told.header.len = bytes;
    if call.action == action::WRITE {
        told.header.time = call.time;
        told.header.flags = flag::SENT;
    }
    told.plain =
        Decrypted { handle: call.handle, task: strand.goroutine, epoch: handle.epoch, family: call.family, padding: 0 };
    if BYTES {
        tell(&mut told, call.buffer);
    } else {
        deliver_value(&told);
    }
}

#[inline(always)]
fn handle_of(key: &HandleKey) -> Option<*mut Handle> {
    if let Some(handle) = TLS_HANDLES.get_ptr_mut(key) {
        return Some(handle);
    }
    let _ = TLS_HANDLES.insert(key, Handle { conn: 0, sent: 0, received: 0, epoch: now() }, 0);
    TLS_HANDLES.get_ptr_mut(key)
}

/// Finds the handle's connection.
#[inline(always)]
fn place(handle: &mut Handle, call: &Call) {
    if call.conn != 0 {
        if handle.conn != 0 && handle.conn != call.conn {
            *handle = Handle { conn: 0, sent: 0, received: 0, epoch: now() };
        }
        handle.conn = call.conn;
        return;
    }
    // A new handle's first step of the handshake comes before anything was received for it.
    let new = handle.epoch >= call.time;
    if call.action == action::WRITE || (new && call.action == action::HANDSHAKE) {
        return;
    }
    let Some(record) = TLS_RECORDS.get_ptr_mut(current::thread()) else { return };
    // SAFETY: only this thread uses its entry.
    let record = unsafe { &mut *record };
    if record.handle != 0 && record.handle != call.handle {
        return;
    }
    // Before any plaintext a guess costs nothing to correct: a record that nobody took for its own stayed behind.
    if handle.conn == 0 || (handle.sent | handle.received) == 0 {
        handle.conn = record.conn;
    }
    if handle.conn == record.conn {
        record.handle = call.handle;
    }
}

/// What goes before the payload.
#[repr(C)]
struct Told {
    header: Header,
    plain: Decrypted,
}

#[repr(C)]
struct Record<const N: usize> {
    told: Told,
    payload: [u8; N],
}

/// Delivers as much of the buffer as is wanted: all, or beginning and end (see [`crate::verdict`]).
#[inline(always)]
fn tell(told: &mut Told, buffer: u64) {
    let len = told.header.len;
    let limit = share::braked(CAPTURE.load(), len, told.header.conn);
    if len <= u64::from(limit) {
        tell_part(told, buffer, len as u32);
        return;
    }
    let tail = limit / share::TAIL;
    let before = len.wrapping_sub(u64::from(tail));
    told.header.len = before;
    tell_part(told, buffer, limit - tail);
    if tail > 0 {
        told.header.position = told.header.position.wrapping_add(before);
        told.header.len = u64::from(tail);
        tell_part(told, buffer.wrapping_add(before), tail);
    }
}

/// Delivers a record with `wanted` bytes of the buffer, in the smallest class of sizes that holds them.
#[inline(always)]
fn tell_part(told: &mut Told, buffer: u64, wanted: u32) {
    if wanted < 512 {
        deliver::<512>(told, buffer, wanted);
    } else if wanted < 2048 {
        deliver::<2048>(told, buffer, wanted);
    } else if wanted < 8192 {
        deliver::<8192>(told, buffer, wanted);
    } else {
        deliver::<32_768>(told, buffer, wanted);
    }
}

#[inline(always)]
fn deliver<const N: usize>(told: &mut Told, buffer: u64, wanted: u32) {
    let ring = (&raw const EVENTS).cast_mut().cast();
    // SAFETY: the map exists as long as the program. What is reserved is submitted on every path.
    unsafe {
        let record: *mut Record<N> = bpf_ringbuf_reserve(ring, size_of::<Record<N>>() as u64, 0).cast();
        if record.is_null() {
            lost(loss::RING_FULL, told.header.len);
            return;
        }
        told.header.captured = wanted;
        // Volatile, so that the compiler keeps the mask: it knows that it changes nothing, the verifier does not.
        let len = (&raw const told.header.captured).read_volatile() & (N as u32 - 1);
        if len > 0 && bpf_probe_read_user((&raw mut (*record).payload).cast(), len, buffer as *const _) != 0 {
            lost(loss::FAULT, u64::from(len));
            told.header.flags |= flag::FAULT;
            told.header.captured = 0;
        }
        core::ptr::write(&raw mut (*record).told.header, told.header);
        core::ptr::write(&raw mut (*record).told.plain, told.plain);
        // No wake-up: the reader polls.
        bpf_ringbuf_submit(record.cast(), 1);
    }
}
