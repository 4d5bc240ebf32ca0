//! Heads: start lines and header fields (RFC 9112, 2 to 5).
//!
//! An observer must read what real peers accept from each other, so this is more lenient than a server may be: bare LF,
//! folded lines and odd names pass. (`httparse` refuses folds in requests, and odd names; the tests hold the two against
//! each other on what it does take.) What makes the message's length ambiguous is noted, never repaired.

use std::sync::Arc;

use crate::record::Header;

/// A head as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head<'a> {
    pub(super) start: &'a [u8],
    pub(super) headers: Vec<Header>,
    /// White space before a colon, or a line without one: peers differ in what they make of such a field.
    pub(super) malformed: bool,
}

/// Length of the head at the beginning of `bytes` with the empty line that ends it, once it is whole. The first `scanned`
/// bytes are known not to hold its end.
pub(super) fn length(bytes: &[u8], scanned: usize) -> Option<usize> {
    // The end may begin with the last three bytes of what was looked at before.
    let mut from = scanned.saturating_sub(3);
    while let Some(at) = memchr::memchr(b'\n', bytes.get(from..)?) {
        let next = from.saturating_add(at).saturating_add(1);
        match bytes.get(next..)? {
            [b'\n', ..] => return Some(next.saturating_add(1)),
            [b'\r', b'\n', ..] => return Some(next.saturating_add(2)),
            _ => from = next,
        }
    }
    None
}

/// Reads a head, whole or cut after any line: an unfinished last line is left out. `previous` lends its strings.
pub(super) fn read<'a>(bytes: &'a [u8], previous: &[Header]) -> Head<'a> {
    let mut lines = Lines { rest: bytes };
    let start = lines.next().unwrap_or_default();
    let mut head = Head { start, headers: Vec::with_capacity(previous.len().max(8)), malformed: false };
    let mut pending: Option<(&[u8], Vec<u8>)> = None;
    for line in lines {
        if line.is_empty() {
            break;
        }
        // RFC 9112, 5.2: a line that begins with white space goes on with the field before it.
        if matches!(line.first(), Some(b' ' | b'\t')) {
            if let Some((_, value)) = &mut pending {
                value.push(b' ');
                value.extend_from_slice(line.trim_ascii());
            } else {
                head.malformed = true;
            }
            continue;
        }
        if let Some((name, value)) = pending.take() {
            push(&mut head.headers, name, &value, previous);
        }
        let Some(colon) = memchr::memchr(b':', line) else {
            head.malformed = true;
            continue;
        };
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let trimmed = name.trim_ascii_end();
        head.malformed |= trimmed.len() != name.len() || trimmed.is_empty();
        pending = Some((trimmed, value.get(1..).unwrap_or_default().trim_ascii().to_vec()));
    }
    if let Some((name, value)) = pending {
        push(&mut head.headers, name, &value, previous);
    }
    head
}

/// The values of every field of that name.
pub(super) fn values<'a>(headers: &'a [Header], name: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .iter()
        .filter(move |header| header.name.as_deref() == Some(name))
        .filter_map(|header| header.value.as_deref())
}

/// The first value of that field.
pub(super) fn value<'a>(headers: &'a [Header], name: &'a str) -> Option<&'a str> {
    values(headers, name).next()
}

/// Whether a comma-separated field has that element, letter case aside.
pub(super) fn lists(headers: &[Header], name: &str, element: &str) -> bool {
    values(headers, name).flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(element))
}

/// Requests on one connection look alike: strings that the previous head had at the same place are shared.
fn push(headers: &mut Vec<Header>, name: &[u8], value: &[u8], previous: &[Header]) {
    let before = previous.get(headers.len());
    let lent = before.and_then(|header| header.name.as_ref()).filter(|old| name.eq_ignore_ascii_case(old.as_bytes()));
    let name = lent.map_or_else(|| text(&name.to_ascii_lowercase()), Arc::clone);
    let lent = before.and_then(|header| header.value.as_ref()).filter(|old| old.as_bytes() == value);
    let value = lent.map_or_else(|| text(value), Arc::clone);
    headers.push(Header { name: Some(name), value: Some(value) });
}

fn text(bytes: &[u8]) -> Arc<str> {
    String::from_utf8_lossy(bytes).into()
}

/// Lines without their ends; a last line without one is left out.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\n', self.rest)?;
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..)?;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &str, expect: &[(&str, &str)], malformed: bool) {
        let head = read(bytes.as_bytes(), &[]);
        let fields: Vec<(&str, &str)> =
            head.headers.iter().map(|h| (h.name.as_deref().unwrap(), h.value.as_deref().unwrap())).collect();
        assert_eq!(fields, expect, "{bytes:?}");
        assert_eq!(head.malformed, malformed, "{bytes:?}");
    }

    #[test]
    fn fields_in_wire_order_with_lower_case_names() {
        check(
            "GET / HTTP/1.1\r\nHost: a\r\nX-Two:1\r\nx-two: \t2 \t\r\nEmpty:\r\n\r\nbody: no\r\n",
            &[("host", "a"), ("x-two", "1"), ("x-two", "2"), ("empty", "")],
            false,
        );
        check("GET / HTTP/1.1\nHost: a\n\n", &[("host", "a")], false);
    }

    #[test]
    fn folded_lines_are_one_value() {
        check("G / H\r\nA: one\r\n  two\r\n\tthree\r\nB: x\r\n\r\n", &[("a", "one two three"), ("b", "x")], false);
    }

    #[test]
    fn what_peers_may_read_differently_is_noted() {
        check("G / H\r\nA : 1\r\n\r\n", &[("a", "1")], true);
        check("G / H\r\nno colon\r\nB: 1\r\n\r\n", &[("b", "1")], true);
        check("G / H\r\n leading: 1\r\nB: 1\r\n\r\n", &[("b", "1")], true);
    }

    #[test]
    fn a_cut_head_gives_its_whole_lines() {
        check("G / H\r\nA: 1\r\nB: 22", &[("a", "1")], false);
    }

    #[test]
    fn the_end_is_found_wherever_looking_stopped_before() {
        let bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET";
        for scanned in 0..27 {
            assert_eq!(length(bytes, scanned), Some(27), "{scanned}");
        }
        assert_eq!(length(b"GET / HTTP/1.1\nA: b\n\nx", 0), Some(21));
        for end in 0..27 {
            assert_eq!(length(&bytes[..end], 0), None, "{end}");
        }
    }
}
