//! Numbers and what is written with them: durations, byte counts, percentages, classes of status.

use super::{Kind, is_word};
use crate::error::{QueryError, Span};

/// Units of time, in ns.
pub(crate) const DURATIONS: [(&str, i64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Units of data, in bytes; any case is read.
const BYTES: [(&str, u64); 10] = [
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("pib", 1 << 50),
];

pub(super) fn number(rest: &str, at: usize) -> Result<(Kind, usize), QueryError> {
    let digits = digits(rest);
    let text = rest.get(..digits).unwrap_or_default();
    let after = rest.get(digits..).unwrap_or_default();
    let suffix = after.find(|c: char| !is_word(c)).unwrap_or(after.len());
    let unit = after.get(..suffix).unwrap_or_default();
    let length = digits.saturating_add(suffix);
    let span = Span::new(at, at.saturating_add(length));
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    let value: f64 = plain.parse().map_err(|_| QueryError::new(span, format!("`{text}` is no number")))?;
    if unit.is_empty() {
        return Ok(match after.strip_prefix('%') {
            Some(_) => (Kind::Float(value / 100.0), length.saturating_add(1)),
            None if plain.contains(['.', 'e', 'E']) => (Kind::Float(value), length),
            None => (Kind::Int(whole(&plain, span)?), length),
        });
    }
    if unit.eq_ignore_ascii_case("xx") {
        return match plain.parse() {
            Ok(class @ 1..=9) => Ok((Kind::Class(class), length)),
            _ => {
                Err(QueryError::new(span, format!("`{text}{unit}` is no class of status")).hint("`5xx` is 500 to 599"))
            }
        };
    }
    if let Some((_, factor)) = BYTES.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name)) {
        return Ok((Kind::Bytes(bytes(&plain, value, *factor, span)?), length));
    }
    if let Some(ns) = duration(&format!("{plain}{unit}")) {
        return Ok((Kind::Duration(ns), length));
    }
    let (fraction, tail) = compound(rest, length);
    match duration(fraction) {
        Some(ns) if tail > length => Ok((Kind::Duration(ns), tail)),
        _ => Err(unknown_unit(text, unit, span)),
    }
}

/// `1h1.5s`: units and further numbers with a fraction in turn; the text and its length.
fn compound(rest: &str, least: usize) -> (&str, usize) {
    let length = rest.find(|c: char| !is_word(c) && c != '.').unwrap_or(rest.len()).max(least);
    (rest.get(..length).unwrap_or_default(), length)
}

/// Length of `12`, `1_000`, `1.5`, `1e9` at the start of `rest`.
fn digits(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let run = |mut at: usize| {
        while digit(at) || (bytes.get(at) == Some(&b'_') && digit(at.saturating_add(1))) {
            at = at.saturating_add(1);
        }
        at
    };
    let mut end = run(0);
    if bytes.get(end) == Some(&b'.') && digit(end.saturating_add(1)) {
        end = run(end.saturating_add(1));
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end.saturating_add(1)), Some(b'+' | b'-')));
        let exponent = end.saturating_add(1).saturating_add(sign);
        if digit(exponent) {
            end = run(exponent);
        }
    }
    end
}

fn whole(text: &str, span: Span) -> Result<u64, QueryError> {
    text.parse()
        .map_err(|_| QueryError::new(span, format!("`{text}` is too large")).hint(format!("at most {}", u64::MAX)))
}

fn bytes(text: &str, value: f64, factor: u64, span: Span) -> Result<u64, QueryError> {
    let too_large = || QueryError::new(span, "so many bytes cannot be counted");
    if let Ok(whole) = text.parse::<u64>() {
        return whole.checked_mul(factor).ok_or_else(too_large);
    }
    #[expect(clippy::cast_precision_loss, reason = "a fraction of a unit is rounded to bytes anyway")]
    let bytes = (value * factor as f64).round();
    // 2^53: beyond it a fraction is no longer exact to the byte.
    if bytes > 9_007_199_254_740_992.0 {
        return Err(too_large());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 2^53, just checked")]
    Ok(bytes as u64)
}

/// Reads `200ms`, `1.5s`, `1h30m`; null when it is none or too long for 292 years.
pub(crate) fn duration(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_i64;
    while !rest.is_empty() {
        let number = digits(rest);
        let value = rest.get(..number)?.replace('_', "");
        rest = rest.get(number..)?;
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (_, factor) = DURATIONS.iter().find(|(name, _)| Some(*name) == rest.get(..unit))?;
        total = total.checked_add(scaled(&value, *factor)?)?;
        rest = rest.get(unit..)?;
    }
    Some(total)
}

fn scaled(value: &str, factor: i64) -> Option<i64> {
    if let Ok(whole) = value.parse::<i64>() {
        return whole.checked_mul(factor);
    }
    #[expect(clippy::cast_precision_loss, reason = "the factor is below 2^47")]
    let ns = (value.parse::<f64>().ok()? * factor as f64).round();
    if !(0.0..9.2e18).contains(&ns) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "just checked")]
    Some(ns as i64)
}

fn unknown_unit(number: &str, unit: &str, span: Span) -> QueryError {
    let error = QueryError::new(span, format!("`{unit}` is no unit"));
    let lower = unit.to_lowercase();
    match lower.as_str() {
        "k" | "g" | "t" | "p" => {
            let unit = lower.to_uppercase();
            error.hint(format!("`{number}{unit}B` (thousands) or `{number}{unit}iB` (1024) for bytes"))
        }
        "m" => error.hint(format!("`{number}MB` or `{number}MiB` for bytes, `{number}m` for minutes")),
        "sec" | "secs" | "second" | "seconds" => error.hint(format!("`{number}s`")),
        "min" | "mins" | "minute" | "minutes" => error.hint(format!("`{number}m`")),
        "hr" | "hrs" | "hour" | "hours" => error.hint(format!("`{number}h`")),
        "day" | "days" => error.hint(format!("`{number}d`")),
        "msec" | "millis" | "milliseconds" => error.hint(format!("`{number}ms`")),
        _ => error.hint("time: ns us ms s m h d; bytes: B KB MB GB KiB MiB GiB"),
    }
}
