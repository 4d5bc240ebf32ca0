//! Whether bytes are HTTP/1.

use crate::session::{Glimpse, Guess};

/// Longest method that is believed.
const LONGEST_METHOD: usize = 24;

/// Longest start line that is believed.
const LONGEST_LINE: usize = 64 << 10;

/// What the line that begins here is, as far as it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    Yes,
    Perhaps,
    No,
}

/// Recognises a request line (RFC 9112, 3) or a status line (RFC 9112, 4).
///
/// Midstream bytes may begin inside a body: there, a line that is whole and right is looked for at every line start.
pub(super) fn recognise(glimpse: &Glimpse<'_>) -> Guess {
    // RFC 9112, 2.2: a server ignores at least one empty line before the request line.
    let bytes = skip_empty_lines(glimpse.bytes);
    if bytes.is_empty() {
        return if glimpse.complete { Guess::No } else { Guess::Maybe };
    }
    let whole = |line: Line| line == Line::Yes;
    match (request_line(bytes), status_line(bytes)) {
        (Line::Yes, _) => return Guess::Request,
        (_, Line::Yes) => return Guess::Response,
        (Line::No, Line::No) => {}
        _ if !glimpse.complete => return Guess::Maybe,
        _ => {}
    }
    if !glimpse.midstream {
        return if is_simple_request(bytes) { Guess::Request } else { Guess::No };
    }
    let mut rest = glimpse.bytes;
    while let Some(at) = memchr::memchr(b'\n', rest) {
        rest = rest.get(at.saturating_add(1)..).unwrap_or_default();
        if whole(request_line(rest)) {
            return Guess::Request;
        }
        if whole(status_line(rest)) {
            return Guess::Response;
        }
    }
    Guess::No
}

pub(super) fn skip_empty_lines(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or_default()
}

/// A whole line, without its end, that is a start line.
pub(super) fn is_start_line(line: &[u8]) -> bool {
    status_line(&[line, b"\n"].concat()) == Line::Yes || request_line(&[line, b"\n"].concat()) == Line::Yes
}

/// `HTTP/1.1 200`, followed by a space or the line's end.
pub(super) fn status_line(bytes: &[u8]) -> Line {
    const PATTERN: [fn(&u8) -> bool; 13] = [
        |byte| *byte == b'H',
        |byte| *byte == b'T',
        |byte| *byte == b'T',
        |byte| *byte == b'P',
        |byte| *byte == b'/',
        |byte| matches!(byte, b'0' | b'1'),
        |byte| *byte == b'.',
        u8::is_ascii_digit,
        |byte| *byte == b' ',
        |byte| matches!(byte, b'1'..=b'9'),
        u8::is_ascii_digit,
        u8::is_ascii_digit,
        |byte| matches!(byte, b' ' | b'\r' | b'\n'),
    ];
    let fits = bytes.iter().zip(PATTERN).all(|(byte, fits)| fits(byte));
    match (fits, bytes.len() >= PATTERN.len()) {
        (true, true) => Line::Yes,
        (true, false) => Line::Perhaps,
        (false, _) => Line::No,
    }
}

/// `GET /path HTTP/1.1`, whole.
pub(super) fn request_line(bytes: &[u8]) -> Line {
    let end = memchr::memchr(b'\n', bytes.get(..bytes.len().min(LONGEST_LINE)).unwrap_or_default());
    let Some(end) = end else {
        let method = bytes.split(|byte| *byte == b' ').next().unwrap_or_default();
        // A method that has not come whole may be short; `HTTP/1.1 200` is none.
        let could = bytes.len() <= LONGEST_LINE && is_method(method);
        return if could { Line::Perhaps } else { Line::No };
    };
    let line = bytes.get(..end).unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut words = line.splitn(2, |byte| *byte == b' ');
    let (method, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let Some(space) = memchr::memrchr(b' ', rest) else { return Line::No };
    let (target, version) = rest.split_at_checked(space).unwrap_or_default();
    let version = version.strip_prefix(b" HTTP/");
    let right = is_method(method)
        && !target.trim_ascii().is_empty()
        && matches!(version, Some([b'0' | b'1', b'.', b'0'..=b'9']));
    if right { Line::Yes } else { Line::No }
}

/// HTTP/0.9: `GET /path`, whole.
pub(super) fn is_simple_request(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.strip_prefix(b"GET /") else { return false };
    let Some(end) = memchr::memchr(b'\n', rest) else { return false };
    let target = rest.get(..end).unwrap_or_default();
    target.strip_suffix(b"\r").unwrap_or(target).iter().all(u8::is_ascii_graphic)
}

fn is_method(token: &[u8]) -> bool {
    !token.is_empty()
        && token.len() <= LONGEST_METHOD
        && token.iter().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_'))
}
