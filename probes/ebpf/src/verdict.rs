//! How much of a connection's payloads is copied.
//!
//! A connection on which nothing known was seen for a while turns to positions only. That is never final: what begins
//! after a change of direction is sampled, at most once a second, so that STARTTLS, pooled connections and joins in the
//! middle of a body are found.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_probe_read_user;
use probes_common::event::{Conn, transport, verdict};
use probes_common::settings::FRAMES_FACTOR;

use crate::call::Buffers;
use crate::infer::{Head, is_dns, is_http2, is_ours, is_tls};
use crate::kernel::read_user;
use crate::maps::{BRAKE, SHED};
use crate::settings::CAPTURE;
use crate::transfer::Transfer;

/// Payloads in a row without anything known, after which a connection is given up.
const PATIENCE: u16 = 32;
/// Bytes of a sample.
const SAMPLE: u32 = 256;
/// Between two samples, in nanoseconds.
const PAUSE: u64 = 1_000_000_000;
/// Handshakes are over after so many bytes of one direction.
const HANDSHAKE: u64 = 32 << 10;

/// That part of the limit goes to the end of a payload.
pub const TAIL: u32 = 4;

/// Fewer bytes than this do not tell what they are.
const TELLING: u64 = 5;

/// Says how much is copied of a payload that begins at `position`: see [`Transfer::head`] and [`Transfer::tail`].
///
/// Of what is longer than the limit, beginning and end: heads are at the beginning, what ends an exchange (trailers, the
/// last chunk, the last frame) is at the end.
#[inline(never)]
pub fn share(conn: &mut Conn, transfer: &mut Transfer, position: u64) {
    let limit = if transfer.by_kernel_tls() { CAPTURE.load() } else { limit(conn, transfer, position) };
    let limit = braked(limit, transfer.len, conn.id);
    if transfer.len <= u64::from(limit) {
        transfer.head = transfer.len as u32;
    } else if (transfer.by_kernel_tls() || conn.verdict == verdict::COPY) && transfer.transport != transport::UDP {
        transfer.tail = limit / TAIL;
        transfer.head = limit - transfer.tail;
    } else {
        transfer.head = limit;
    }
}

/// What the brake leaves of `limit`, for a call of `len` bytes; counts what it sheds.
#[inline(always)]
pub fn braked(limit: u32, len: u64, conn: u64) -> u32 {
    let Some(brake) = BRAKE.get(0) else { return limit };
    let is_shed = (conn >> 16) as u32 & brake.mask != 0;
    let most = if is_shed { 0 } else { brake.most };
    let wanted = if len < u64::from(limit) { len as u32 } else { limit };
    if wanted <= most {
        return limit;
    }
    if let Some(count) = SHED.get_ptr_mut(0) {
        // SAFETY: the slot is this CPU's.
        unsafe {
            (*count).events += 1;
            (*count).bytes += u64::from(wanted - most);
        }
    }
    most
}

/// Bytes to copy at most.
#[inline(always)]
fn limit(conn: &mut Conn, transfer: &Transfer, position: u64) -> u32 {
    let direction = if transfer.sent { 1 } else { 2 };
    let turned = conn.direction != direction;
    conn.direction = direction;
    let mut limit = CAPTURE.load();
    match conn.verdict {
        verdict::COPY => {}
        verdict::TLS => {
            if position > HANDSHAKE {
                // It may have been something else that began like a record.
                if !sample_due(conn, transfer, turned) {
                    return 0;
                }
                judge(conn, transfer);
                if conn.verdict == verdict::TLS {
                    return 0;
                }
            }
        }
        verdict::SKIP => {
            if !sample_due(conn, transfer, turned) {
                return 0;
            }
            judge(conn, transfer);
            if conn.verdict == verdict::SKIP {
                limit = SAMPLE;
            }
        }
        _ => judge(conn, transfer),
    }
    if conn.frames != 0 { limit * FRAMES_FACTOR } else { limit }
}

/// Whether it is time for another look.
#[inline(always)]
fn sample_due(conn: &mut Conn, transfer: &Transfer, turned: bool) -> bool {
    if !turned || transfer.time.wrapping_sub(conn.sampled) < PAUSE {
        return false;
    }
    conn.sampled = transfer.time;
    true
}

/// Looks at the first bytes.
#[inline(never)]
fn judge(conn: &mut Conn, transfer: &Transfer) {
    if transfer.len < TELLING {
        return;
    }
    let Some(head) = head(&transfer.buffers) else { return };
    let datagram = conn.transport == transport::UDP;
    if !datagram && is_tls(&head) {
        conn.verdict = verdict::TLS;
    } else if if datagram { is_dns(&head) } else { is_ours(&head) } {
        conn.verdict = verdict::COPY;
        conn.frames = u8::from(!datagram & is_http2(&head));
    } else if conn.verdict == verdict::TLS {
        // Encrypted bytes look like nothing.
    } else if conn.unknown < PATIENCE {
        conn.unknown += 1;
    } else {
        conn.verdict = verdict::SKIP;
    }
}

/// The first bytes in the first buffer; `None` where there are too few to tell, or none in reach.
#[inline(always)]
fn head(buffers: &Buffers) -> Option<Head> {
    let (mut from, mut len) = (buffers.address, buffers.count);
    if buffers.segments {
        [from, len] = read_user(from).ok()?;
    }
    if from == 0 || len < TELLING {
        return None;
    }
    let len = if len < size_of::<Head>() as u64 { len as u32 } else { size_of::<Head>() as u32 };
    let mut head: Head = [0; 16];
    // SAFETY: at most 16 bytes are written, and the helper checks the address.
    let failed = unsafe { bpf_probe_read_user(head.as_mut_ptr().cast(), len & 0x1f, from as *const c_void) };
    (failed == 0).then_some(head)
}
