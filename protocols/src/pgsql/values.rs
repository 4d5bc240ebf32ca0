//! Parameters as text. Text ones are as they came; binary ones are read by their type where it is known
//! (`src/backend/utils/adt`, the `*send` functions), and else shown as `bytea` is: `\x…`.

use std::fmt::Write as _;

use super::content::{PARAM_BYTES, Param};
use crate::scan::Scan;

/// A parameter as column `params` shows it. Null: SQL NULL.
pub(super) fn show(param: &Param, oid: Option<u32>) -> Option<String> {
    let value = param.value.as_deref()?;
    let cut = param.size > PARAM_BYTES;
    let mut shown = if !param.binary {
        let text = if cut { trim_partial(value) } else { value };
        String::from_utf8_lossy(text).into_owned()
    } else if cut {
        hex(value)
    } else {
        oid.and_then(|oid| binary(oid, value)).unwrap_or_else(|| hex(value))
    };
    if cut {
        shown.push('…');
    }
    Some(shown)
}

/// Without a character whose end was cut off.
fn trim_partial(value: &[u8]) -> &[u8] {
    match std::str::from_utf8(value) {
        Err(error) if error.error_len().is_none() => value.get(..error.valid_up_to()).unwrap_or(value),
        _ => value,
    }
}

fn hex(value: &[u8]) -> String {
    let mut text = String::with_capacity(value.len().saturating_mul(2).saturating_add(2));
    text.push_str("\\x");
    for byte in value {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// OIDs of the arrays of those types that [`plain`] reads.
const ARRAYS: [u32; 20] = [
    1000, 1002, 1003, 1005, 1007, 1009, 1014, 1015, 1016, 1021, 1022, 1028, 1115, 1182, 1183, 1185, 1231, 199, 2951,
    3807,
];

fn binary(oid: u32, value: &[u8]) -> Option<String> {
    if ARRAYS.contains(&oid) { array(value) } else { plain(oid, value) }
}

/// Types by their OID in `src/include/catalog/pg_type.dat`.
fn plain(oid: u32, value: &[u8]) -> Option<String> {
    let text = match oid {
        16 => match value {
            [0] => "f".to_owned(),
            [1] => "t".to_owned(),
            _ => return None,
        },
        20 => i64::from_be_bytes(value.try_into().ok()?).to_string(),
        21 => i16::from_be_bytes(value.try_into().ok()?).to_string(),
        23 => i32::from_be_bytes(value.try_into().ok()?).to_string(),
        26 | 24 | 2205 => u32::from_be_bytes(value.try_into().ok()?).to_string(),
        700 => f32::from_be_bytes(value.try_into().ok()?).to_string(),
        701 => f64::from_be_bytes(value.try_into().ok()?).to_string(),
        18 | 19 | 25 | 114 | 142 | 705 | 1042 | 1043 => std::str::from_utf8(value).ok()?.to_owned(),
        3802 => match value {
            [1, json @ ..] => std::str::from_utf8(json).ok()?.to_owned(),
            _ => return None,
        },
        2950 => uuid(value)?,
        1082 => date(i64::from(i32::from_be_bytes(value.try_into().ok()?)))?,
        1083 => clock(i64::from_be_bytes(value.try_into().ok()?))?,
        1114 => timestamp(i64::from_be_bytes(value.try_into().ok()?))?,
        1184 => format!("{}+00", timestamp(i64::from_be_bytes(value.try_into().ok()?))?),
        1700 => numeric(value)?,
        _ => return None,
    };
    Some(text)
}

/// An array of one dimension, as `array_send` writes it; null for anything else.
fn array(value: &[u8]) -> Option<String> {
    let mut scan = Scan::new(value);
    let (dimensions, _has_nulls, element) = (scan.u32()?, scan.u32()?, scan.u32()?);
    let count = match dimensions {
        0 => 0,
        1 => {
            let count = scan.u32()?;
            (scan.u32()? == 1).then_some(count)?
        }
        _ => return None,
    };
    let mut text = String::from("{");
    for index in 0..count {
        if index > 0 {
            text.push(',');
        }
        match scan.u32()? {
            u32::MAX => text.push_str("NULL"),
            size => push_element(&mut text, &plain(element, scan.take(size as usize)?)?),
        }
    }
    text.push('}');
    scan.is_empty().then_some(text)
}

/// In quotes where `array_out` puts it in quotes.
fn push_element(text: &mut String, element: &str) {
    let special = |char: char| char.is_ascii_whitespace() || matches!(char, '{' | '}' | ',' | '"' | '\\');
    if !element.is_empty() && !element.contains(special) && !element.eq_ignore_ascii_case("null") {
        text.push_str(element);
        return;
    }
    text.push('"');
    for char in element.chars() {
        if matches!(char, '"' | '\\') {
            text.push('\\');
        }
        text.push(char);
    }
    text.push('"');
}

fn uuid(value: &[u8]) -> Option<String> {
    let number = u128::from_be_bytes(value.try_into().ok()?);
    let digits = format!("{number:032x}");
    let parts = [digits.get(..8)?, digits.get(8..12)?, digits.get(12..16)?, digits.get(16..20)?, digits.get(20..)?];
    Some(parts.join("-"))
}

const DAY_MICROS: i64 = 86_400_000_000;

/// `days` since 2000-01-01.
fn date(days: i64) -> Option<String> {
    match days {
        2_147_483_647 => return Some("infinity".to_owned()),
        -2_147_483_648 => return Some("-infinity".to_owned()),
        _ => {}
    }
    // Civil calendar from a day count (H. Hinnant, "chrono-compatible low-level date algorithms"), counted from 0000-03-01.
    let days = days.checked_add(730_425)?;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let leap = (of_era / 1_460).checked_sub(of_era / 36_524)?.checked_add(of_era / 146_096)?;
    let year_of_era = of_era.checked_sub(leap)? / 365;
    let before = year_of_era.checked_mul(365)?.checked_add(year_of_era / 4)?.checked_sub(year_of_era / 100)?;
    let of_year = of_era.checked_sub(before)?;
    let shifted = of_year.checked_mul(5)?.checked_add(2)? / 153;
    let day = of_year.checked_sub(shifted.checked_mul(153)?.checked_add(2)? / 5)?.checked_add(1)?;
    let month = if shifted < 10 { shifted.checked_add(3)? } else { shifted.checked_sub(9)? };
    let year = era.checked_mul(400)?.checked_add(year_of_era)?.checked_add(i64::from(month <= 2))?;
    if year > 0 {
        Some(format!("{year:04}-{month:02}-{day:02}"))
    } else {
        Some(format!("{:04}-{month:02}-{day:02} BC", 1_i64.checked_sub(year)?))
    }
}

fn clock(micros: i64) -> Option<String> {
    if !(0..=DAY_MICROS).contains(&micros) {
        return None;
    }
    let seconds = micros / 1_000_000;
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = micros % 1_000_000;
    if fraction > 0 {
        let digits = format!("{fraction:06}");
        text.push('.');
        text.push_str(digits.trim_end_matches('0'));
    }
    Some(text)
}

fn timestamp(micros: i64) -> Option<String> {
    match micros {
        i64::MAX => Some("infinity".to_owned()),
        i64::MIN => Some("-infinity".to_owned()),
        _ => {
            let day = date(micros.div_euclid(DAY_MICROS))?;
            let time = clock(micros.rem_euclid(DAY_MICROS))?;
            Some(match day.strip_suffix(" BC") {
                Some(day) => format!("{day} {time} BC"),
                None => format!("{day} {time}"),
            })
        }
    }
}

/// Digits to base 10,000, as `numeric_send` writes them.
fn numeric(value: &[u8]) -> Option<String> {
    let mut scan = Scan::new(value);
    let count = scan.u16()?;
    let weight = i32::from(scan.u16()?.cast_signed());
    let sign = scan.u16()?;
    let scale = usize::from(scan.u16()?);
    match sign {
        0xC000 => return Some("NaN".to_owned()),
        0xD000 => return Some("Infinity".to_owned()),
        0xF000 => return Some("-Infinity".to_owned()),
        0 | 0x4000 => {}
        _ => return None,
    }
    let mut digits = Vec::new();
    for _ in 0..count {
        digits.push(scan.u16().filter(|digit| *digit < 10_000)?);
    }
    if !scan.is_empty() || !(-512..=512).contains(&weight) || scale > 2048 {
        return None;
    }
    let digit = |place: i32| {
        let index = weight.checked_sub(place).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| digits.get(index)).copied().unwrap_or(0)
    };
    let mut whole = String::new();
    for place in (0..=weight.max(0)).rev() {
        let _ = write!(whole, "{:04}", digit(place));
    }
    let whole = whole.trim_start_matches('0');
    let mut text = String::from(if sign == 0x4000 { "-" } else { "" });
    text.push_str(if whole.is_empty() { "0" } else { whole });
    if scale > 0 {
        let mut fraction = String::new();
        let mut place = -1_i32;
        while fraction.len() < scale {
            let _ = write!(fraction, "{:04}", digit(place));
            place = place.checked_sub(1)?;
        }
        text.push('.');
        text.push_str(fraction.get(..scale)?);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(oid: u32, bytes: &[u8], expected: &str) {
        let param = Param { binary: true, value: Some(bytes.to_vec()), size: bytes.len() };
        assert_eq!(show(&param, Some(oid)).as_deref(), Some(expected));
    }

    /// Every binary form was taken from PostgreSQL 15: `SELECT int8send(…)`, `numeric_send(…)`, …
    #[test]
    fn binary_forms_of_the_server_read_as_the_server_writes_them() {
        check(16, &[1], "t");
        check(21, &[0xff, 0xfe], "-2");
        check(23, &[0, 0, 0, 42], "42");
        check(20, &[0, 0, 0, 1, 0, 0, 0, 0], "4294967296");
        check(701, &[0x3f, 0xf8, 0, 0, 0, 0, 0, 0], "1.5");
        check(25, "grün".as_bytes(), "grün");
        check(3802, b"\x01{\"a\": 1}", "{\"a\": 1}");
        check(
            2950,
            &[0xa0, 0xee, 0xbc, 0x99, 0x9c, 0x0b, 0x4e, 0xf8, 0xbb, 0x6d, 0x6b, 0xb9, 0xbd, 0x38, 0x0a, 0x11],
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        );
        check(1082, &0_i32.to_be_bytes(), "2000-01-01");
        check(1082, &8_826_i32.to_be_bytes(), "2024-03-01");
        check(1082, &(-10_958_i32).to_be_bytes(), "1969-12-31");
        check(1082, &(-730_485_i32).to_be_bytes(), "0001-01-01 BC");
        check(1114, &(-1_i64).to_be_bytes(), "1999-12-31 23:59:59.999999");
        check(1184, &(86_400_000_000_i64 + 500_000).to_be_bytes(), "2000-01-02 00:00:00.5+00");
        check(1114, &i64::MAX.to_be_bytes(), "infinity");
        check(1700, &[0, 3, 0, 1, 0, 0, 0, 2, 0, 1, 0x09, 0x29, 0x15, 0xe0], "12345.56");
        check(1700, &[0, 1, 0xff, 0xff, 0x40, 0, 0, 3, 0x13, 0x88], "-0.500");
        check(1700, &[0, 0, 0, 0, 0, 0, 0, 2], "0.00");
        check(17, &[0xde, 0xad], "\\xdead");
        check(600, &[1], "\\x01");
        let ints =
            [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 23, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 7, 255, 255, 255, 255];
        check(1007, &ints, "{7,NULL}");
        let texts =
            [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 25, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3, b'a', b'"', b'b'];
        check(1009, &texts, r#"{"","a\"b"}"#);
        check(1007, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 23], "{}");
    }

    #[test]
    fn a_binary_form_of_the_wrong_length_stays_hex() {
        check(23, &[1], "\\x01");
        check(2950, &[1, 2], "\\x0102");
    }

    #[test]
    fn long_values_end_in_an_ellipsis_and_never_in_half_a_character() {
        let mut value = vec![b'a'; PARAM_BYTES - 1];
        value.push(0xc3);
        let param = Param { binary: false, value: Some(value), size: 5000 };
        let shown = show(&param, None).unwrap();
        assert_eq!(shown.chars().count(), PARAM_BYTES);
        assert!(shown.ends_with("a…"));
    }
}
