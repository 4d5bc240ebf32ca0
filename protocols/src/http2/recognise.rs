//! Whether bytes are HTTP/2.

use super::LARGEST_FRAME;
use super::frame::{self, Head, PREFACE, Payload, flag, kind};
use super::hpack::Decoder;
use super::sync::{self, Boundary};
use crate::session::{Glimpse, Guess};

/// Bytes of a connection joined in the middle that are looked through for what tells the sides apart.
const MOST_LOOKED_AT: usize = 8 << 10;

/// Recognises the client's preface, the SETTINGS that a server begins with, and, midstream, frames.
pub(super) fn recognise(glimpse: &Glimpse<'_>) -> Guess {
    let bytes = glimpse.bytes;
    if bytes.starts_with(PREFACE) {
        return Guess::Request;
    }
    if PREFACE.starts_with(bytes) {
        // `PRI *` is nothing else's: RFC 9113, 3.4 chose it so.
        return match (bytes.starts_with(b"PRI * HTTP/2"), glimpse.complete) {
            (true, true) => Guess::Request,
            (_, false) => Guess::Maybe,
            (false, true) => Guess::No,
        };
    }
    if glimpse.midstream { midstream(glimpse) } else { first_settings(glimpse) }
}

/// RFC 9113, 3.4: a server begins with SETTINGS, which are no acknowledgement.
fn first_settings(glimpse: &Glimpse<'_>) -> Guess {
    let bytes = glimpse.bytes;
    let Some(head) = Head::parse(bytes) else {
        // The head's fixed parts, as far as they have come.
        let pattern = [Some(0), None, None, Some(kind::SETTINGS), Some(0), Some(0), Some(0), Some(0), Some(0)];
        let fits = bytes.iter().zip(pattern).all(|(byte, expected)| expected.is_none_or(|it| *byte == it));
        return if fits && !glimpse.complete { Guess::Maybe } else { Guess::No };
    };
    if head.kind != kind::SETTINGS || head.has(flag::ACK) || !sync::is_plausible(&head, LARGEST_SETTINGS) {
        return Guess::No;
    }
    let Some((payload, _)) = bytes.get(Head::LENGTH..).and_then(|rest| rest.split_at_checked(head.payload_len()))
    else {
        return if glimpse.complete { Guess::No } else { Guess::Maybe };
    };
    // An identifier that nobody uses is allowed once in a while (GREASE), but not as the rule.
    match frame::parse(&head, payload) {
        Ok(Payload::Settings(settings)) if settings.iter().filter(|(id, _)| !(1..=0x10).contains(id)).count() <= 1 => {
            Guess::Response
        }
        _ => Guess::No,
    }
}

/// More parameters than exist.
const LARGEST_SETTINGS: u32 = 6 * 32;

/// Frames somewhere in the bytes, told to be one side's by what their header blocks say.
fn midstream(glimpse: &Glimpse<'_>) -> Guess {
    let bytes = glimpse.bytes.get(..MOST_LOOKED_AT).unwrap_or(glimpse.bytes);
    let more = !glimpse.complete && bytes.len() < MOST_LOOKED_AT;
    let start = match sync::find(bytes, LARGEST_FRAME, !more) {
        Boundary::At(offset) => offset,
        // Calls mostly begin where frames do: what could be a first head is waited for. Other bytes are not: what
        // follows them will be looked at anew.
        Boundary::NotBefore(0) if more && may_begin(bytes) => return Guess::Maybe,
        Boundary::NotBefore(_) => return Guess::No,
    };
    match sender(bytes.get(start..).unwrap_or_default()) {
        Some(guess) => guess,
        None if more => Guess::Maybe,
        None => by_port(glimpse),
    }
}

/// Whether bytes too few for a head, or for what it announces, can be its beginning.
fn may_begin(bytes: &[u8]) -> bool {
    match Head::parse(bytes) {
        Some(head) => sync::is_plausible(&head, LARGEST_FRAME),
        None => bytes.first() == Some(&0) && bytes.get(3).is_none_or(|kind| *kind <= kind::CONTINUATION),
    }
}

/// Which side sends these frames.
fn sender(mut bytes: &[u8]) -> Option<Guess> {
    let mut decoder = Decoder::joined();
    while let Some(head) = Head::parse(bytes) {
        let payload = bytes.get(Head::LENGTH..)?.get(..head.payload_len())?;
        match frame::parse(&head, payload) {
            Ok(Payload::Headers(block)) if head.has(flag::END_HEADERS) => {
                let list = decoder.decode(block, usize::MAX).ok()?;
                for name in list.fields.iter().filter_map(|field| field.name.known()) {
                    match name {
                        ":method" | ":path" | ":scheme" | ":authority" => return Some(Guess::Request),
                        ":status" | "grpc-status" => return Some(Guess::Response),
                        _ => {}
                    }
                }
            }
            Ok(Payload::PushPromise(..)) => return Some(Guess::Response),
            _ => {}
        }
        bytes = bytes.get(Head::LENGTH.checked_add(payload.len())?..)?;
    }
    None
}

/// Nothing in the bytes tells: the lower port is the server's.
fn by_port(glimpse: &Glimpse<'_>) -> Guess {
    match (glimpse.source_port, glimpse.destination_port) {
        (Some(source), Some(destination)) if source < destination => Guess::Response,
        _ => Guess::Request,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Transport;

    #[track_caller]
    fn check(bytes: &[u8], midstream: bool, complete: bool, expected: Guess) {
        let glimpse = Glimpse {
            bytes,
            complete,
            midstream,
            source_port: Some(50_000),
            destination_port: Some(443),
            transport: Transport::Tcp,
        };
        assert_eq!(recognise(&glimpse), expected, "{:?}", String::from_utf8_lossy(bytes));
    }

    #[test]
    fn preface() {
        check(PREFACE, false, false, Guess::Request);
        check(&[PREFACE, b"\0\0"].concat(), true, false, Guess::Request);
        for end in 0..PREFACE.len() {
            check(&PREFACE[..end], false, false, Guess::Maybe);
        }
        check(&PREFACE[..14], false, true, Guess::Request);
        check(b"P", false, true, Guess::No);
        check(b"PRI * HTTP/1.1\r\n", false, false, Guess::No);
    }

    #[test]
    fn server_settings() {
        let settings = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64";
        check(settings, false, false, Guess::Response);
        check(b"\0\0\0\x04\0\0\0\0\0", false, false, Guess::Response);
        for end in 0..settings.len() {
            check(&settings[..end], false, false, Guess::Maybe);
        }
        check(b"\0\0\x05\x04\0\0\0\0\0\0\x03\0\0\0", false, false, Guess::No);
        check(b"\0\0\x06\x04\0\0\0\0\x01\0\x03\0\0\0\x64", false, false, Guess::No);
    }

    #[test]
    fn frames_in_the_middle() {
        let request = b"\0\0\x03\x01\x05\0\0\0\x07\x82\x86\x84";
        let response = b"\0\0\x01\x01\x05\0\0\0\x07\x88";
        check(request, true, false, Guess::Request);
        check(response, true, false, Guess::Response);
        check(request, false, false, Guess::No);
        check(&[b"... the end of a body", &response[..]].concat(), true, false, Guess::Response);
        // Which side sends a PING cannot be told.
        let ping = b"\0\0\x08\x06\0\0\0\0\0pingpong";
        check(ping, true, false, Guess::Maybe);
        check(ping, true, true, Guess::Request);
        check(&[ping, &response[..]].concat(), true, false, Guess::Response);
    }

    #[test]
    fn other_protocols() {
        for bytes in [
            &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
            b"\x17\x03\x03\0\x13encrypted encrypte",
            // Postgres: startup, SSLRequest, a query, a row.
            b"\0\0\0\x29\0\x03\0\0user\0postgres\0database\0test\0\0\0",
            b"\0\0\0\x08\x04\xd2\x16\x2f",
            b"Q\0\0\0\x0dSELECT 1\0",
            b"D\0\0\0\x0b\0\x01\0\0\0\x011C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I",
            // DNS over TCP.
            b"\0\x1d\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01",
        ] {
            for midstream in [false, true] {
                check(bytes, midstream, true, Guess::No);
            }
        }
    }
}
