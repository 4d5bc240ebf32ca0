//! Telling TLS from anything else.

use super::frame::{HEADER_LEN, Header, ssl2_hello};
use crate::session::{Glimpse, Guess};

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

/// What a stream is. At its beginning only a hello or an alert will do; joined midstream, two records in a row.
pub(super) fn recognise(glimpse: &Glimpse<'_>) -> Guess {
    let bytes = glimpse.bytes;
    if let Some(guess) = beginning(bytes, glimpse.complete)
        && guess != Guess::No
    {
        return guess;
    }
    if !glimpse.midstream {
        return Guess::No;
    }
    match Header::parse(bytes) {
        Some(header) => match bytes.get(header.record_len()..) {
            Some([]) => sender(glimpse),
            Some(next) => match Header::parse(next) {
                Some(_) => sender(glimpse),
                None if next.len() < HEADER_LEN => Guess::Maybe,
                None => Guess::No,
            },
            None if glimpse.complete => Guess::No,
            None => Guess::Maybe,
        },
        None => Guess::No,
    }
}

/// The first record of a connection; null if it is none for certain.
fn beginning(bytes: &[u8], complete: bool) -> Option<Guess> {
    if ssl2_hello(bytes).is_some() {
        return Some(Guess::Request);
    }
    let more = if complete { Guess::No } else { Guess::Maybe };
    let &[kind, major, minor, _, _, message, ..] = bytes else {
        let plausible = match *bytes {
            [] => true,
            [kind] => kind == 22 || kind == 21 || kind == 0x80,
            [kind, major, ..] => (kind == 22 || kind == 21) && major == 3,
        };
        return plausible.then_some(more);
    };
    Header::parse(bytes)?;
    match (kind, message) {
        (22, CLIENT_HELLO) if major == 3 && minor <= 4 => Some(hello(bytes, Guess::Request, more)),
        (22, SERVER_HELLO) if major == 3 => Some(hello(bytes, Guess::Response, more)),
        // An alert in answer to something that was no hello.
        (21, 1 | 2) if Header::parse(bytes)?.len == 2 => Some(Guess::Response),
        _ => None,
    }
}

/// A hello's own length and version must make sense too.
fn hello(bytes: &[u8], guess: Guess, more: Guess) -> Guess {
    let Some(&[0, _, _, major, minor]) = bytes.get(6..11) else {
        return if bytes.len() < 11 { more } else { Guess::No };
    };
    if (major == 3 && minor <= 4) || major == 0x7f { guess } else { Guess::No }
}

/// Midstream it cannot be seen who asked; the client has the higher port as a rule.
fn sender(glimpse: &Glimpse<'_>) -> Guess {
    match (glimpse.source_port, glimpse.destination_port) {
        (Some(source), Some(destination)) if source < destination => Guess::Response,
        _ => Guess::Request,
    }
}
