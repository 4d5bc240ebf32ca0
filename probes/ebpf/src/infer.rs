//! A first look at payloads: does this begin like a protocol that explore reads?
//!
//! Only a reason to go on copying; the parsers decide. Doubt counts as yes. A no is never final (see [`crate::verdict`]).
//!
//! Conditions are bits of a table, joined by arithmetic: a branch for each would double what the verifier goes through, and
//! twenty of them are a million instructions.

/// First bytes of a payload, zeros behind its end.
pub type Head = [u8; 16];

/// What a byte may be, one bit each.
const CAPITAL: u32 = 0;
const CAPITAL_OR_SPACE: u32 = 1;
const ALPHANUMERIC: u32 = 2;
const TLS_TYPE: u32 = 3;
const SMALL: u32 = 4;
const ZERO: u32 = 5;
const THREE: u32 = 6;
const LOW: u32 = 7;

#[unsafe(no_mangle)]
static BYTE_CLASSES: [u8; 256] = classes();

/// Whether a stream goes on in HTTP, PostgreSQL or DNS.
#[inline(always)]
pub fn is_ours(head: &Head) -> bool {
    // A method of three letters or more, `PRI * HTTP/2.0`, or `HTTP/`.
    let http1 = has(head, 0, CAPITAL) & has(head, 1, CAPITAL) & has(head, 2, CAPITAL) & has(head, 3, CAPITAL_OR_SPACE);
    // A typed message below 16 MiB, or a start-up packet below 64 KiB.
    let postgres = (has(head, 0, ALPHANUMERIC) | has(head, 0, ZERO)) & has(head, 1, ZERO);
    ((http1 | frame(head) | postgres | dns(head, 2)) & 1) != 0
}

/// Whether what is ours begins as HTTP/2 does, or goes on so.
#[inline(always)]
pub fn is_http2(head: &Head) -> bool {
    let [first, second] = words(head);
    let [preface_first, preface_second] = words(PREFACE);
    // One comparison, and no branch: see above.
    let differs = (first ^ preface_first) | (second ^ preface_second);
    let same = !(differs | differs.wrapping_neg()) >> 63;
    ((same as u32 | frame(head)) & 1) != 0
}

/// Beginning of the client's preface (RFC 9113 section 3.4).
const PREFACE: &Head = b"PRI * HTTP/2.0\r\n";

#[inline(always)]
fn words(head: &Head) -> [u64; 2] {
    // SAFETY: as long, and any bytes make integers.
    unsafe { head.as_ptr().cast::<[u64; 2]>().read_unaligned() }
}

/// A frame below 64 KiB, of a known type, the reserved bit clear (RFC 9113 section 4.1).
#[inline(always)]
fn frame(head: &Head) -> u32 {
    has(head, 0, ZERO) & has(head, 3, SMALL) & has(head, 5, LOW)
}

/// A record header: content type, version 3.x (RFC 8446 section 5.1).
#[inline(always)]
pub fn is_tls(head: &Head) -> bool {
    (has(head, 0, TLS_TYPE) & has(head, 1, THREE) & has(head, 2, SMALL) & 1) != 0
}

/// A DNS message.
#[inline(always)]
pub fn is_dns(head: &Head) -> bool {
    (dns(head, 0) & 1) != 0
}

/// A header of 12 bytes behind `skip` bytes of length: few questions, below 256 answers (RFC 1035 section 4.1.1).
#[inline(always)]
fn dns(head: &Head, skip: usize) -> u32 {
    has(head, skip + 4, ZERO) & has(head, skip + 5, SMALL) & has(head, skip + 6, ZERO)
}

/// The bit in place 0; those above it mean nothing.
#[inline(always)]
fn has(head: &Head, index: usize, class: u32) -> u32 {
    // SAFETY: a byte is a valid index, and the table is initialised. Volatile, so that the compiler does not turn the table
    // back into comparisons.
    let classes = unsafe { (&raw const BYTE_CLASSES).cast::<u8>().add(head[index] as usize).read_volatile() };
    u32::from(classes) >> class
}

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let byte = index as u8;
        let conditions = [
            byte.is_ascii_uppercase(),
            byte.is_ascii_uppercase() || byte == b' ',
            byte.is_ascii_alphanumeric(),
            byte >= 0x14 && byte <= 0x17,
            byte <= 0x10,
            byte == 0,
            byte == 3,
            byte < 0x80,
        ];
        let mut bit = 0;
        while bit < 8 {
            if conditions[bit] {
                table[index] |= 1 << bit;
            }
            bit += 1;
        }
        index += 1;
    }
    table
}
