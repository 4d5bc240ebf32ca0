//! Integers and strings (RFC 7541, 5.1 and 5.2).

use super::Invalid;
use super::huffman;

/// Largest integer that makes sense: nothing in a header block is longer or has a higher index.
const MAX: u32 = 1 << 30;

/// What is left of a header block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(block: &'a [u8]) -> Self {
        Self { rest: block }
    }

    /// The next byte, without moving over it.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// An integer with a prefix of `bits` bits (1 to 8); the bits above the prefix are ignored.
    pub(super) fn integer(&mut self, bits: u32) -> Result<u32, Invalid> {
        let mask = 0xff_u8.checked_shr(8_u32.saturating_sub(bits)).unwrap_or(0);
        let prefix = self.byte()? & mask;
        if prefix < mask {
            return Ok(u32::from(prefix));
        }
        let mut value = u32::from(mask);
        // Five more bytes hold 35 bits: more is either too large or padded with zeros beyond reason.
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f) << shift;
            value = u32::try_from(part).ok().and_then(|part| value.checked_add(part)).ok_or(Invalid::Integer)?;
            if value > MAX {
                return Err(Invalid::Integer);
            }
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Invalid::Integer)
    }

    /// A string literal. Decoded ones are put into `scratch`.
    pub(super) fn string<'s>(&mut self, scratch: &'s mut Vec<u8>) -> Result<&'s [u8], Invalid>
    where
        'a: 's,
    {
        let huffman = self.peek().ok_or(Invalid::Cut)? & 0x80 != 0;
        let length = usize::try_from(self.integer(7)?).map_err(|_| Invalid::Integer)?;
        let (text, rest) = self.rest.split_at_checked(length).ok_or(Invalid::Cut)?;
        self.rest = rest;
        if !huffman {
            return Ok(text);
        }
        scratch.clear();
        huffman::decode(text, scratch).ok_or(Invalid::Huffman)?;
        Ok(scratch)
    }

    fn byte(&mut self) -> Result<u8, Invalid> {
        let (first, rest) = self.rest.split_first().ok_or(Invalid::Cut)?;
        self.rest = rest;
        Ok(*first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], bits: u32, expected: Result<u32, Invalid>) {
        assert_eq!(Reader::new(bytes).integer(bits), expected, "{bytes:02x?}");
    }

    #[test]
    fn integers_of_the_rfc() {
        // RFC 7541, C.1.
        check(&[0x0a], 5, Ok(10));
        check(&[0x1f, 0x9a, 0x0a], 5, Ok(1337));
        check(&[0x2a], 8, Ok(42));
        // The bits above the prefix belong to the representation.
        check(&[0xea], 5, Ok(10));
        check(&[0xff, 0x00], 7, Ok(127));
    }

    #[test]
    fn integers_without_end() {
        check(&[], 7, Err(Invalid::Cut));
        check(&[0xff], 7, Err(Invalid::Cut));
        check(&[0xff, 0x80], 7, Err(Invalid::Cut));
        check(&[0x7f, 0xff, 0xff, 0xff, 0xff, 0x0f], 7, Err(Invalid::Integer));
        check(&[0x7f, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 7, Err(Invalid::Integer));
    }

    #[test]
    fn strings() {
        let mut scratch = Vec::new();
        assert_eq!(Reader::new(b"\x03abc").string(&mut scratch), Ok(&b"abc"[..]));
        assert_eq!(Reader::new(b"\x82\x64\x02").string(&mut scratch), Ok(&b"302"[..]));
        assert_eq!(Reader::new(b"\x04abc").string(&mut scratch), Err(Invalid::Cut));
        assert_eq!(Reader::new(b"\x81\xff").string(&mut scratch), Err(Invalid::Huffman));
    }
}
