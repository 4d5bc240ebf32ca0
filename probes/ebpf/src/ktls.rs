//! Kernel TLS: the socket's calls move plaintext, which the kernel encrypts or has decrypted (Linux
//! Documentation/networking/tls.rst). Each direction is handed to it on its own.

use probes_common::event::Conn;
use probes_common::offsets::MISSING;

use crate::kernel::{member, read_user};
use crate::settings::offset;

/// `tcp_ulp_ops.name`, its first bytes.
const NAME: u32 = u32::from_ne_bytes(*b"tls\0");
/// Width of `tls_context.tx_conf`, and of `rx_conf` behind it. 0 (`TLS_BASE`): not handed to the kernel.
const CONF_BITS: u8 = 3;
const CONF: u8 = (1 << CONF_BITS) - 1;

/// `SOL_TLS`; `TLS_SET_RECORD_TYPE` and `TLS_GET_RECORD_TYPE` are the only types of its control messages.
const SOL_TLS: u32 = 282;
/// `struct user_msghdr`: offset of `msg_control` and `msg_controllen`.
const CONTROL: u64 = 32;
/// `CMSG_LEN(1)`
const CONTROL_LEN: u64 = 17;
/// Record of application data (RFC 8446 section 5.1).
const APPLICATION_DATA: u8 = 23;

/// Whether the kernel encrypts (or decrypts) this direction. It begins to count anew when that is first seen.
#[inline(never)]
pub fn applies(sk: u64, conn: &mut Conn, sent: bool) -> bool {
    let bit = if sent { 1 } else { 2 };
    if conn.ktls & bit != 0 {
        return true;
    }
    if offset::TLS_CONF.load() == MISSING || offset::ULP_OPS.load() == MISSING {
        return false;
    }
    let ops: u64 = member(sk, &offset::ULP_OPS);
    if ops == 0 || member::<u32>(ops, &offset::ULP_NAME) != NAME {
        return false;
    }
    let conf: u8 = member(member(sk, &offset::ULP_DATA), &offset::TLS_CONF);
    let conf = if sent { conf } else { conf >> CONF_BITS };
    if conf & CONF == 0 {
        return false;
    }
    conn.ktls |= bit;
    if sent {
        conn.sent = 0;
    } else {
        conn.received = 0;
    }
    true
}

/// Whether a call moved application data, and not an alert or a handshake message: the control message says so. `message`:
/// address of its `struct user_msghdr`, or 0.
#[inline(never)]
pub fn is_data(message: u64) -> bool {
    if message == 0 {
        return true;
    }
    let Ok([control, len]) = read_user::<[u64; 2]>(message + CONTROL) else { return true };
    if control == 0 || len < CONTROL_LEN {
        return true;
    }
    // The header of a control message: length, level, type. Behind it the record's type.
    let (Ok(level), Ok(record)) = (read_user::<u32>(control + 8), read_user::<u8>(control + 16)) else { return true };
    level != SOL_TLS || record == APPLICATION_DATA
}
