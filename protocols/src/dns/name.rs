//! Domain names: compression on the wire (RFC 1035, 4.1.4), escapes in text (RFC 1035, 5.1; RFC 4343, 2.1).

use std::fmt;
use std::hash::{Hash, Hasher};

use super::wire::Fault;

/// Longest name on the wire, its length bytes and the root's included (RFC 1035, 2.3.4).
const MAX_LENGTH: usize = 255;
/// A name has at most 127 labels, and a pointer is of use only before a label.
const MAX_HOPS: u32 = 127;

/// A domain name. Equality and hash ignore the case of ASCII letters (RFC 4343); text keeps it as it was sent.
#[derive(Debug, Clone, Eq)]
pub struct Name {
    /// Length-prefixed labels without the root's zero. No length byte is an ASCII letter, so case can be folded blindly.
    labels: Vec<u8>,
}

impl Name {
    /// Reads the name at `start`; returns it, and where the bytes after it begin.
    pub(super) fn read(message: &[u8], start: usize) -> Result<(Self, usize), Fault> {
        let mut labels = Vec::with_capacity(32);
        let end = walk(message, start, |label| {
            labels.push(u8::try_from(label.len()).unwrap_or(u8::MAX));
            labels.extend_from_slice(label);
        })?;
        Ok((Self { labels }, end))
    }

    /// Checks the name at `start`; returns where the bytes after it begin.
    pub(super) fn skip(message: &[u8], start: usize) -> Result<usize, Fault> {
        walk(message, start, |_| ())
    }

    /// Whether it is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.labels.is_empty()
    }

    /// As in columns: without the trailing dot; the root is `.`.
    #[must_use]
    pub fn column(&self) -> String {
        let mut text = self.to_string();
        if !self.is_root() {
            text.pop();
        }
        text
    }

    fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.labels.as_slice();
        std::iter::from_fn(move || {
            let (len, after) = rest.split_first()?;
            let (label, after) = after.split_at_checked(usize::from(*len))?;
            rest = after;
            Some(label)
        })
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.labels.eq_ignore_ascii_case(&other.labels)
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in &self.labels {
            byte.to_ascii_lowercase().hash(state);
        }
    }
}

/// As in zone files: absolute, with the trailing dot.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        if self.is_root() {
            return f.write_char('.');
        }
        for label in self.labels() {
            for &byte in label {
                match byte {
                    b'"' | b'$' | b'(' | b')' | b'.' | b';' | b'@' | b'\\' => write!(f, "\\{}", char::from(byte))?,
                    0x21..=0x7e => f.write_char(char::from(byte))?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
            f.write_char('.')?;
        }
        Ok(())
    }
}

/// Calls `each` for every label of the name at `start`; returns where the bytes after the name begin.
///
/// "A pointer to a prior occurrence of the same name" (RFC 1035, 4.1.4): each pointer must go further back than all
/// before it, which alone ends every loop; the hop limit bounds the work.
fn walk<'a>(message: &'a [u8], start: usize, mut each: impl FnMut(&'a [u8])) -> Result<usize, Fault> {
    let mut at = start;
    let mut earliest = start;
    let mut end = None;
    let mut length = 1_usize;
    let mut hops = 0_u32;
    loop {
        let first = *message.get(at).ok_or(Fault::Short)?;
        let next = at.saturating_add(1);
        match first >> 6 {
            0 if first == 0 => return Ok(end.unwrap_or(next)),
            0 => {
                let after = next.saturating_add(usize::from(first));
                length = length.saturating_add(usize::from(first)).saturating_add(1);
                if length > MAX_LENGTH {
                    return Err(Fault::Invalid);
                }
                each(message.get(next..after).ok_or(Fault::Short)?);
                at = after;
            }
            3 => {
                let low = *message.get(next).ok_or(Fault::Short)?;
                let target = usize::from(u16::from_be_bytes([first & 0x3f, low]));
                end.get_or_insert(next.saturating_add(1));
                hops = hops.saturating_add(1);
                if target >= earliest || hops > MAX_HOPS {
                    return Err(Fault::Invalid);
                }
                earliest = target;
                at = target;
            }
            // 01 and 10 were reserved, then given up (RFC 6891, 5).
            _ => return Err(Fault::Invalid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &[u8], start: usize, expect: Result<(&str, usize), Fault>) {
        let found = Name::read(message, start).map(|(name, end)| (name.to_string(), end));
        assert_eq!(found, expect.map(|(text, end)| (text.to_owned(), end)));
        assert_eq!(Name::skip(message, start), found.map(|(_, end)| end));
    }

    /// The example of RFC 1035, 4.1.4, with its offsets.
    fn rfc_1035_example() -> Vec<u8> {
        let mut message = vec![0; 93];
        message[20..32].copy_from_slice(b"\x01F\x03ISI\x04ARPA\x00");
        message[40..46].copy_from_slice(b"\x03FOO\xc0\x14");
        message[64..66].copy_from_slice(b"\xc0\x1a");
        message[92] = 0;
        message
    }

    #[test]
    fn pointers_lead_back() {
        let message = rfc_1035_example();
        check(&message, 20, Ok(("F.ISI.ARPA.", 32)));
        check(&message, 40, Ok(("FOO.F.ISI.ARPA.", 46)));
        check(&message, 64, Ok(("ARPA.", 66)));
        check(&message, 92, Ok((".", 93)));
    }

    #[test]
    fn loops_and_forward_pointers_are_refused() {
        check(b"\xc0\x00", 0, Err(Fault::Invalid));
        check(b"\x01a\xc0\x00", 0, Err(Fault::Invalid));
        check(b"\xc0\x02\x00", 0, Err(Fault::Invalid));
        check(b"\xc0\x02\xc0\x00", 2, Err(Fault::Invalid));
        check(b"\x40", 0, Err(Fault::Invalid));
        check(b"\x80", 0, Err(Fault::Invalid));
    }

    #[test]
    fn cut_names_are_short() {
        check(b"", 0, Err(Fault::Short));
        check(b"\x03ab", 0, Err(Fault::Short));
        check(b"\x01a", 0, Err(Fault::Short));
        check(b"\x00\xc0", 1, Err(Fault::Short));
    }

    #[test]
    fn length_is_limited() {
        let mut name = Vec::new();
        for _ in 0..127 {
            name.extend_from_slice(b"\x01a");
        }
        name.push(0);
        assert_eq!(name.len(), 255);
        assert!(Name::read(&name, 0).is_ok());
        name.insert(0, b'b');
        name.insert(0, 1);
        check(&name, 0, Err(Fault::Invalid));
    }

    #[test]
    fn a_long_chain_of_pointers_is_refused() {
        // A name at 0, then a chain in which each pointer points at the one before it.
        let mut message = vec![0, 0];
        for target in (0..200_u16).map(|hop| if hop == 0 { 0 } else { hop * 2 }) {
            message.extend_from_slice(&(0xc000 | target).to_be_bytes());
        }
        assert_eq!(Name::skip(&message, 2 + 2 * 126), Ok(2 + 2 * 127));
        assert_eq!(Name::skip(&message, 2 + 2 * 127), Err(Fault::Invalid));
    }

    #[test]
    fn special_bytes_are_escaped() {
        check(b"\x0ba.b\\c\"d e\x00\xe4\x03com\x00", 0, Ok((r#"a\.b\\c\"d\032e\000\228.com."#, 17)));
        check(b"\x06$(;)@!\x00", 0, Ok((r"\$\(\;\)\@!.", 8)));
    }

    #[test]
    fn case_is_kept_but_not_compared() {
        let (name, _) = Name::read(b"\x03WwW\x00", 0).unwrap();
        let (other, _) = Name::read(b"\x03wWw\x00", 0).unwrap();
        assert_eq!(name, other);
        assert_eq!(name.column(), "WwW");
        assert_eq!(Name::read(b"\x00", 0).unwrap().0.column(), ".");
    }
}
