//! The words that zone files are made of.

use std::fmt::{Display, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Words with a space between.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn word(&mut self, word: &str) {
        self.display(word);
    }

    pub(super) fn display(&mut self, word: impl Display) {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{word}");
    }

    pub(super) fn quoted(&mut self, bytes: &[u8]) {
        self.word(&quoted(bytes));
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// In quotes, escaped (RFC 1035, 5.1).
pub(super) fn quoted(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_add(2));
    text.push('"');
    for &byte in bytes {
        push_escaped(byte, &mut text);
    }
    text.push('"');
    text
}

/// One byte of a quoted string.
pub(super) fn push_escaped(byte: u8, text: &mut String) {
    match byte {
        b'"' | b'\\' => {
            text.push('\\');
            text.push(char::from(byte));
        }
        b' '..=b'~' => text.push(char::from(byte)),
        _ => {
            let _ = write!(text, "\\{byte:03}");
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len().saturating_mul(2)), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// RFC 4648, 7, without padding, as NSEC3 has it (RFC 5155, 3.3).
pub(super) fn base32hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut bits, mut count) = (0_u32, 0_u32);
    let mut push = |value: u32| text.push(char::from_digit(value & 0x1f, 32).unwrap_or('0').to_ascii_uppercase());
    for &byte in bytes {
        bits = (bits << 8) | u32::from(byte);
        count = count.saturating_add(8);
        while count >= 5 {
            count = count.saturating_sub(5);
            push(bits >> count);
        }
        bits &= 0xff;
    }
    if count > 0 {
        push(bits << 5_u32.saturating_sub(count));
    }
    text
}

/// Seconds since 1970 as RRSIG has them, `YYYYMMDDHHmmSS` (RFC 4034, 3.2).
pub(super) fn time(seconds: u32) -> String {
    let days = i64::from(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let (year, month, day) = civil(days);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

/// Year, month and day of a day since 1970-01-01. The year is taken to begin in March, so that leap days come last.
#[expect(clippy::arithmetic_side_effects, reason = "no day is more than 2^32 seconds after 1970")]
fn civil(days: i64) -> (i64, i64, i64) {
    // 0000-03-01 is 719,468 days before 1970-01-01; 400 years have 146,097 days.
    let days = days.saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let day = days.rem_euclid(146_097);
    let leaps = day / 1460 - day / 36_524 + day / 146_096;
    let year = day.saturating_sub(leaps) / 365;
    let day = day.saturating_sub(365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + 400 * era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_civil() {
        assert_eq!(time(0), "19700101000000");
        // `date -u -d @N +%Y%m%d%H%M%S`
        assert_eq!(time(951_827_696), "20000229123456");
        assert_eq!(time(4_107_542_399), "21000228235959");
        assert_eq!(time(4_107_542_400), "21000301000000");
        assert_eq!(time(u32::MAX), "21060207062815");
    }

    /// RFC 4648, 10, without padding.
    #[test]
    fn base32_of_the_rfc() {
        let cases = [
            ("", ""),
            ("f", "CO"),
            ("fo", "CPNG"),
            ("foo", "CPNMU"),
            ("foob", "CPNMUOG"),
            ("fooba", "CPNMUOJ1"),
            ("foobar", "CPNMUOJ1E8"),
        ];
        for (plain, text) in cases {
            assert_eq!(base32hex(plain.as_bytes()), text);
        }
    }
}
