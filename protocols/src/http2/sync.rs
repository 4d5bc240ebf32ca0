//! Where frames begin, in bytes that may start anywhere.
//!
//! A frame's head is only weakly telling (a length and two small numbers), so one is believed where what it announces is
//! there: a control frame of exactly the right form, a header block that decodes to proper fields, or a chain of heads
//! each of which ends where the next begins. Which offset is found depends on the bytes, not on how many of them have come
//! so far; but for what looks like frames within frames, which takes damage or malice.

use super::LARGEST_FRAME;
use super::frame::{self, Head, Payload, flag, kind};
use super::hpack::Decoder;

/// Weak heads in a row that are proof enough.
const CHAIN: usize = 3;

/// Largest header block that is looked into; longer ones are weak evidence. Bounds what hostile bytes can cost.
const LARGEST_BLOCK: u32 = 4 << 10;

/// Largest frame beside DATA.
const LARGEST_CONTROL: u32 = 64 << 10;

/// Where to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Boundary {
    /// A frame begins at this offset.
    At(usize),
    /// None begins before this offset; there, more bytes are needed to tell (none will come: nothing is there).
    NotBefore(usize),
}

/// The first boundary in `bytes`. `max` is the largest frame; with `last`, no byte follows for now.
///
/// While a weak head waits for what it announces, a frame behind it that is proof by itself and does not lie on its chain
/// shows that it was none.
pub(super) fn find(bytes: &[u8], max: u32, last: bool) -> Boundary {
    let mut waiting = None;
    let mut offset = 0;
    while let Some(rest) = bytes.get(offset..) {
        if rest.len() < Head::LENGTH {
            break;
        }
        match verify(rest, max) {
            Verdict::Proof => return Boundary::At(offset),
            Verdict::Chain if waiting.is_none() => return Boundary::At(offset),
            Verdict::NeedMore if !last && waiting.is_none() => waiting = Some(offset),
            Verdict::Chain | Verdict::No | Verdict::NeedMore => {}
        }
        offset = offset.saturating_add(1);
    }
    Boundary::NotBefore(waiting.unwrap_or(if last { bytes.len() } else { offset.min(bytes.len()) }))
}

/// Whether a head is one that a sound peer could send, to a stream that may exist. Stricter than [`Head::check`]: no
/// unknown types, no undefined flags.
pub(super) fn is_plausible(head: &Head, max: u32) -> bool {
    use flag::{ACK, END_HEADERS, END_STREAM, PADDED, PRIORITY};
    let flags = match head.kind {
        kind::DATA => END_STREAM | PADDED,
        kind::HEADERS => END_STREAM | END_HEADERS | PADDED | PRIORITY,
        kind::PUSH_PROMISE => END_HEADERS | PADDED,
        kind::CONTINUATION => END_HEADERS,
        kind::SETTINGS | kind::PING => ACK,
        kind::PRIORITY | kind::RST_STREAM | kind::GOAWAY | kind::WINDOW_UPDATE => 0,
        _ => return false,
    };
    let is_odd = match head.kind {
        // Only sent for its END_STREAM; and bodies of pushed streams (even ones) are too rare to be looked for.
        kind::DATA => head.length == 0 && !head.has(END_STREAM) || head.stream.is_multiple_of(2),
        // Header blocks are split only where they do not fit.
        kind::HEADERS => {
            head.length == 0
                || head.stream.is_multiple_of(2)
                || !head.has(END_HEADERS) && !matches!(head.length, LARGEST_FRAME | LARGEST_CONTROL)
        }
        kind::PUSH_PROMISE => !head.has(END_HEADERS),
        _ => false,
    };
    let is_too_large = head.kind != kind::DATA && head.length > LARGEST_CONTROL;
    head.flags & !flags == 0 && !is_odd && !is_too_large && head.check(max).is_ok()
}

enum Verdict {
    /// This frame shows it by itself.
    Proof,
    /// This one and those that follow it show it.
    Chain,
    No,
    NeedMore,
}

/// Whether frames begin here.
fn verify(mut bytes: &[u8], max: u32) -> Verdict {
    for link in 0..CHAIN {
        let Some(head) = Head::parse(bytes) else { return Verdict::NeedMore };
        if !is_plausible(&head, max) {
            return Verdict::No;
        }
        let Some(rest) = bytes.get(Head::LENGTH..) else { return Verdict::NeedMore };
        match rest.split_at_checked(head.payload_len()) {
            // What makes no sense is found out before its end has come.
            None if head.kind == kind::SETTINGS && !is_known_setting(rest) => return Verdict::No,
            None => return Verdict::NeedMore,
            Some((payload, after)) => match strength(&head, payload) {
                Strength::Proof if link == 0 => return Verdict::Proof,
                Strength::Proof => return Verdict::Chain,
                Strength::Contradiction => return Verdict::No,
                Strength::Weak => bytes = after,
            },
        }
    }
    Verdict::Chain
}

/// Identifiers in use go up to 0x10; others are rare enough (RFC 9113, 6.5.2 and the IANA registry).
fn is_known_setting(settings: &[u8]) -> bool {
    settings.as_chunks::<6>().0.iter().all(|[high, low, ..]| *high == 0 && (1..=0x10).contains(low))
}

enum Strength {
    Proof,
    Weak,
    Contradiction,
}

fn strength(head: &Head, payload: &[u8]) -> Strength {
    let Ok(parsed) = frame::parse(head, payload) else { return Strength::Contradiction };
    let is_right = match parsed {
        // Nine bytes that other protocols send too.
        Payload::Settings(_) if payload.is_empty() => return Strength::Weak,
        Payload::Settings(_) => is_known_setting(payload),
        Payload::RstStream(code) | Payload::GoAway(_, code) => code <= HIGHEST_ERROR,
        Payload::WindowUpdate(_) | Payload::Ping => true,
        Payload::Headers(block) | Payload::PushPromise(_, block)
            if head.has(flag::END_HEADERS) && head.length <= LARGEST_BLOCK =>
        {
            return block_strength(block);
        }
        _ => return Strength::Weak,
    };
    if is_right { Strength::Proof } else { Strength::Contradiction }
}

/// RFC 9113, 7.
const HIGHEST_ERROR: u32 = 0xd;

/// A header block that decodes is proof if it names something.
fn block_strength(block: &[u8]) -> Strength {
    let Ok(list) = Decoder::joined().decode(block, usize::MAX) else { return Strength::Contradiction };
    let mut names = list.fields.iter().filter_map(|field| field.name.known()).peekable();
    if names.peek().is_none() {
        return Strength::Weak;
    }
    if names.all(is_field_name) { Strength::Proof } else { Strength::Contradiction }
}

/// RFC 9113, 8.2.1 and 8.3: a lower-case token, or a pseudo-header.
fn is_field_name(name: &str) -> bool {
    let token = name.strip_prefix(':').unwrap_or(name);
    !token.is_empty()
        && token.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte) //
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u32 = 16_384;

    /// `:method: GET`, `:scheme: http`, `:path: /`.
    const GET: &[u8] = b"\0\0\x03\x01\x05\0\0\0\x01\x82\x86\x84";
    const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0pingpong";
    /// `hello` on stream 1, not its last.
    const HELLO: &[u8] = b"\0\0\x05\0\0\0\0\0\x01hello";

    #[track_caller]
    fn check(bytes: &[u8], last: bool, expected: Boundary) {
        assert_eq!(find(bytes, MAX, last), expected);
    }

    #[test]
    fn behind_the_rest_of_a_body() {
        for frame in [GET, PING, b"\0\0\x04\x08\0\0\0\0\x01\0\0\x10\0"] {
            let bytes = [b"<p>the end of a body</p>", frame].concat();
            check(&bytes, false, Boundary::At(24));
        }
        check(&[b"abc", HELLO, HELLO, HELLO].concat(), false, Boundary::At(3));
        check(&[b"abc", HELLO, GET].concat(), false, Boundary::At(3));
    }

    #[test]
    fn weak_heads_need_company() {
        check(&[b"abc", HELLO].concat(), false, Boundary::NotBefore(3));
        check(&[b"abc", HELLO].concat(), true, Boundary::NotBefore(17));
        check(&[b"abc", HELLO, b"more of another protocol"].concat(), false, Boundary::NotBefore(17 + 24 - 8));
        check(&[0; 100], false, Boundary::NotBefore(92));
        check(&[], false, Boundary::NotBefore(0));
    }

    #[test]
    fn proof_behind_a_weak_head() {
        // 1024 bytes of DATA on stream 1, or the end of something else?
        let weak = b"\0\x04\0\0\0\0\0\0\x01";
        check(&[weak, &b"abc"[..]].concat(), false, Boundary::NotBefore(0));
        check(&[weak, &b"abc"[..], GET].concat(), false, Boundary::At(12));
    }

    #[test]
    fn what_no_peer_sends() {
        for bad in [
            &b"\0\0\x08\x06\x02\0\0\0\0pingpong"[..],
            b"\0\0\x08\x06\0\0\0\0\x01pingpong",
            b"\0\0\x04\x08\0\0\0\0\x01\0\0\0\0",
            b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x20",
            b"\0\0\x06\x04\0\0\0\0\0\x12\x34\0\0\0\0",
            // A name in capitals.
            b"\0\0\x05\x01\x05\0\0\0\x01\0\x01X\x01y",
        ] {
            check(bad, true, Boundary::NotBefore(bad.len()));
        }
    }

    #[test]
    fn any_prefix_leads_to_the_same_place() {
        let bytes = [&b"rest of \0\0 a \0\0\0 body"[..], HELLO, HELLO, GET, PING].concat();
        assert_eq!(find(&bytes, MAX, false), Boundary::At(21));
        for end in 0..bytes.len() {
            match find(&bytes[..end], MAX, false) {
                Boundary::At(offset) => assert_eq!(offset, 21),
                Boundary::NotBefore(offset) => assert!(offset <= 21, "{offset} of {end} bytes"),
            }
        }
    }
}
