//! Whether bytes are HTTP/1.

use crate::session::{Glimpse, Guess};

/// Longest method that is believed without its being a registered one.
const LONGEST_METHOD: usize = 24;

/// Longest request line that is waited for.
const LONGEST_LINE: usize = 8192;

const VERSION: &[u8] = b"HTTP/";

/// Recognises a request line (RFC 9112, 3) or a status line (RFC 9112, 4).
///
/// Midstream bytes may begin inside a body: there, a line that is whole and right is looked for at every line start.
pub(super) fn recognise(glimpse: &Glimpse<'_>) -> Guess {
    let first = line(glimpse.bytes, glimpse.complete);
    if first != Guess::No || !glimpse.midstream {
        return first;
    }
    let mut rest = glimpse.bytes;
    while let Some(at) = memchr::memchr(b'\n', rest) {
        rest = rest.get(at.saturating_add(1)..).unwrap_or_default();
        let guess = whole_line(rest);
        if guess != Guess::No {
            return guess;
        }
    }
    Guess::No
}

/// What the line at the beginning of `bytes` is, as far as it has come.
fn line(bytes: &[u8], complete: bool) -> Guess {
    // RFC 9112, 2.2: a server ignores at least one empty line before the request line.
    let bytes = skip_empty_lines(bytes);
    if bytes.is_empty() {
        return if complete { Guess::No } else { Guess::Maybe };
    }
    match whole_line(bytes) {
        Guess::No if !complete && memchr::memchr(b'\n', bytes).is_none() && could_become(bytes) => Guess::Maybe,
        guess => guess,
    }
}

pub(super) fn skip_empty_lines(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or_default()
}

/// Whether `bytes` begins with a start line, of which the part that gives it away is there.
fn whole_line(bytes: &[u8]) -> Guess {
    if is_status_line(bytes) {
        return Guess::Response;
    }
    if is_request_line(bytes) { Guess::Request } else { Guess::No }
}

/// `HTTP/1.1 200`, followed by a space or the line's end.
fn is_status_line(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.strip_prefix(VERSION) else { return false };
    let [b'0'..=b'9', b'.', b'0'..=b'9', b' ', code @ ..] = rest else { return false };
    let [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9', end, ..] = code else { return false };
    matches!(end, b' ' | b'\r' | b'\n')
}

/// `GET /path HTTP/1.1`, whole up to the version's first digit.
fn is_request_line(bytes: &[u8]) -> bool {
    let line = match memchr::memchr(b'\n', bytes) {
        Some(end) => bytes.get(..end).unwrap_or_default(),
        None => bytes,
    };
    let Some(space) = memchr::memchr(b' ', line) else { return false };
    let (method, rest) = line.split_at_checked(space).unwrap_or_default();
    if !is_method(method) {
        return false;
    }
    let Some(last) = memchr::memrchr(b' ', rest) else { return false };
    let (target, version) = rest.split_at_checked(last).unwrap_or_default();
    !target.trim_ascii().is_empty()
        && matches!(version, [b' ', b'H', b'T', b'T', b'P', b'/', b'0' | b'1', b'.', b'0'..=b'9', ..])
}

fn is_method(token: &[u8]) -> bool {
    !token.is_empty()
        && token.len() <= LONGEST_METHOD
        && token.iter().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_'))
}

/// Whether a line that has not come whole may still turn out to be a start line.
fn could_become(bytes: &[u8]) -> bool {
    if bytes.len() > LONGEST_LINE {
        return false;
    }
    if VERSION.starts_with(bytes) || bytes.starts_with(VERSION) {
        return true;
    }
    match memchr::memchr(b' ', bytes) {
        Some(space) => is_method(bytes.get(..space).unwrap_or_default()),
        None => is_method(bytes),
    }
}
