//! Huffman code of header strings (RFC 7541, 5.2 and Appendix B).
//!
//! The code is canonical: the lengths alone give it. Symbols are numbered by (length, value), and each code is the
//! one before it plus one, shifted to its length.

/// Appends what `input` stands for to `output`. Null if `input` contains EOS, or ends in more than seven bits of
/// padding or in padding that is not all ones.
pub(super) fn decode(input: &[u8], output: &mut Vec<u8>) -> Option<()> {
    // The shortest code has five bits.
    output.reserve(input.len().saturating_mul(8) / 5);
    let mut window = Window { bits: 0, count: 0 };
    let mut input = input.iter();
    loop {
        while window.count <= 56 {
            let Some(byte) = input.next() else { break };
            window.push(*byte);
        }
        let (symbol, length) = lookup(window.top())?;
        if u32::from(length) > window.count {
            return window.is_padding().then_some(());
        }
        // RFC 7541, 5.2: a string that contains EOS is a decoding error.
        output.push(u8::try_from(symbol).ok()?);
        window.pop(u32::from(length));
    }
}

/// Up to 64 bits of input, left-aligned.
struct Window {
    bits: u64,
    count: u32,
}

impl Window {
    fn push(&mut self, byte: u8) {
        let place = 56_u32.saturating_sub(self.count);
        self.bits |= u64::from(byte).wrapping_shl(place);
        self.count = self.count.saturating_add(8);
    }

    fn pop(&mut self, count: u32) {
        self.bits = self.bits.wrapping_shl(count);
        self.count = self.count.saturating_sub(count);
    }

    /// The next 32 bits, filled up with ones as padding would be.
    fn top(&self) -> u32 {
        let padded = self.bits | u64::MAX.checked_shr(self.count).unwrap_or(0);
        u32::try_from(padded >> 32).unwrap_or(u32::MAX)
    }

    fn is_padding(&self) -> bool {
        let padded = self.bits | u64::MAX.checked_shr(self.count).unwrap_or(0);
        self.count < 8 && padded == u64::MAX
    }
}

/// The symbol whose code `bits` begins with, and the code's length.
fn lookup(bits: u32) -> Option<(u16, u8)> {
    let short = SHORT.get(usize::try_from(bits >> (32 - SHORT_BITS)).ok()?)?;
    if short.1 != 0 {
        return Some(*short);
    }
    let group = LONG.iter().find(|group| u64::from(bits) < group.end)?;
    let shift = 32_u32.checked_sub(u32::from(group.length))?;
    let offset = bits.checked_shr(shift)?.checked_sub(group.first)?;
    let symbol = SYMBOLS.get(group.symbols.checked_add(usize::try_from(offset).ok()?)?)?;
    Some((*symbol, group.length))
}

/// Codes up to this long are looked up at once; they are those of all common characters.
const SHORT_BITS: u32 = 10;

const LONGEST: usize = 30;

/// Codes of one length.
#[derive(Clone, Copy)]
struct Group {
    length: u8,
    /// The first of them.
    first: u32,
    /// The code after the last, left-aligned to 32 bits.
    end: u64,
    /// Where their symbols begin in `SYMBOLS`.
    symbols: usize,
}

/// By length, from the shortest; lengths without a code end where the one before ends.
static LONG: [Group; LONGEST] = groups();

/// Symbols by (length, value).
static SYMBOLS: [u16; 257] = symbols();

/// (symbol, length) by the first bits of input; length 0 where the code is longer.
static SHORT: [(u16, u8); 1 << SHORT_BITS] = short();

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler, which refuses what goes wrong"
)]
const fn symbols() -> [u16; 257] {
    let mut symbols = [0; 257];
    let (mut count, mut length) = (0, 1);
    while length <= LONGEST {
        let mut symbol = 0;
        while symbol < 257 {
            if LENGTHS[symbol] as usize == length {
                symbols[count] = symbol as u16;
                count += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    symbols
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler, which refuses what goes wrong"
)]
const fn groups() -> [Group; LONGEST] {
    let mut groups = [Group { length: 0, first: 0, end: 0, symbols: 0 }; LONGEST];
    let (mut code, mut seen, mut length) = (0_u64, 0, 1);
    while length <= LONGEST {
        code <<= 1;
        let mut count = 0;
        let mut symbol = 0;
        while symbol < 257 {
            if LENGTHS[symbol] as usize == length {
                count += 1;
            }
            symbol += 1;
        }
        let end = (code + count) << (32 - length);
        groups[length - 1] = Group { length: length as u8, first: code as u32, end, symbols: seen };
        seen += count as usize;
        code += count;
        length += 1;
    }
    groups
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler, which refuses what goes wrong"
)]
const fn short() -> [(u16, u8); 1 << SHORT_BITS] {
    let (symbols, groups) = (symbols(), groups());
    let mut table = [(0, 0); 1 << SHORT_BITS];
    let mut index = 0;
    while index < table.len() {
        let bits = (index as u64) << (32 - SHORT_BITS);
        let mut length = 1;
        while length <= SHORT_BITS as usize {
            let group = groups[length - 1];
            if bits < group.end {
                let offset = (bits >> (32 - length)) - group.first as u64;
                table[index] = (symbols[group.symbols + offset as usize], group.length);
                break;
            }
            length += 1;
        }
        index += 1;
    }
    table
}

/// Length in bits of the code of each octet, then of EOS (RFC 7541, Appendix B).
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
     6, 10, 10, 12, 13,  6,  8, 11, 10, 10,  8, 11,  8,  6,  6,  6,
     5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8, 15,  6, 12, 10,
    13,  6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,
     7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8, 13, 19, 13, 14,  6,
    15,  5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,
     6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hex: &[u8], expected: Option<&str>) {
        let mut output = Vec::new();
        let result = decode(hex, &mut output);
        let text = result.map(|()| String::from_utf8(output).unwrap());
        assert_eq!(text.as_deref(), expected, "{hex:02x?}");
    }

    #[test]
    fn strings_of_the_rfc() {
        // RFC 7541, C.4 and C.6.
        let hex = [0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
        check(&hex, Some("www.example.com"));
        check(&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], Some("no-cache"));
        check(&[0x64, 0x02], Some("302"));
        check(&[], Some(""));
    }

    #[test]
    fn codes_of_the_appendix() {
        // Rows of Appendix B as (symbol, code left-aligned, bits).
        let rows: [(u16, u32, u8); 9] = [
            (b'0'.into(), 0x0, 5),
            (b'a'.into(), 0x3, 5),
            (b'&'.into(), 0xf8, 8),
            (b'!'.into(), 0x3f8, 10),
            (b'\\'.into(), 0x7fff0, 19),
            (0, 0x1ff8, 13),
            (249, 0xfff_fffe, 28),
            (22, 0x3fff_fffe, 30),
            (256, 0x3fff_ffff, 30),
        ];
        for (symbol, code, length) in rows {
            assert_eq!(lookup(code << (32 - length)), Some((symbol, length)), "symbol {symbol}");
        }
    }

    #[test]
    fn bad_padding_and_eos() {
        check(&[0xff], None);
        check(&[0x00], None);
        check(&[0x1f, 0xff], None);
        check(&[0xff, 0xff, 0xff, 0xff], None);
        check(&[0xff, 0xff, 0xff, 0xfc], None);
        check(&[0x07], Some("0"));
        check(&[0x06], None);
    }

    #[test]
    fn every_octet_survives() {
        let mut bits = String::new();
        let groups = groups();
        for octet in 0..=255_u16 {
            let length = LENGTHS[usize::from(octet)];
            let group = groups[usize::from(length) - 1];
            let place = SYMBOLS.iter().position(|symbol| *symbol == octet).unwrap() - group.symbols;
            let code = group.first + u32::try_from(place).unwrap();
            bits.push_str(&format!("{code:0width$b}", width = usize::from(length)));
        }
        while !bits.len().is_multiple_of(8) {
            bits.push('1');
        }
        let bytes: Vec<u8> = bits
            .as_bytes()
            .chunks(8)
            .map(|c| u8::from_str_radix(std::str::from_utf8(c).unwrap(), 2).unwrap())
            .collect();
        let mut output = Vec::new();
        decode(&bytes, &mut output).unwrap();
        assert_eq!(output, (0..=255).collect::<Vec<u8>>());
    }
}
