//! Values as text.

use std::fmt::Write as _;

use crate::table::Value;
use crate::time;

/// One value as a screen shows it: units for people, control characters escaped; null is `-`.
///
/// Times are the time of day (UTC) with milliseconds.
#[must_use]
pub fn human(value: &Value) -> String {
    shown(value, Day::Hidden, false)
}

/// Whether a time is shown with its day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Day {
    Hidden,
    Shown,
}

pub(super) fn shown(value: &Value, day: Day, ascii: bool) -> String {
    let text = match value {
        Value::Time(ns) => {
            let (date, clock, nanos) = time::parts(*ns);
            let clock = format!("{clock}.{:03}", nanos / 1_000_000);
            if day == Day::Hidden { clock } else { format!("{date} {clock}") }
        }
        Value::Duration(ns) => duration(*ns, ascii),
        Value::Bytes(bytes) => byte_count(*bytes),
        Value::F64(value) => float(*value),
        other => raw(other),
    };
    if ascii { to_ascii(&text) } else { text }
}

/// One value as a file shows it, on one line: times in RFC 3339, durations in ns, counts of bytes in bytes.
pub(super) fn raw(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Time(ns) => time::format(*ns),
        Value::Duration(number) | Value::I64(number) => number.to_string(),
        Value::Bytes(number) | Value::U64(number) => number.to_string(),
        Value::F64(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::String(text) => escape(text),
        Value::List(items) => {
            let items: Vec<String> =
                items.iter().map(|item| item.as_deref().map_or_else(|| "-".to_owned(), escape)).collect();
            items.join(", ")
        }
        Value::Headers(fields) => {
            let part = |part: &Option<String>| part.as_deref().map_or_else(|| "?".to_owned(), escape);
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{}: {}", part(name), part(value))).collect();
            fields.join("; ")
        }
        Value::Blob(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => escape(text),
            Err(_) => format!("<{} bytes>", bytes.len()),
        },
    }
}

/// `text` without control characters, escape sequences and marks that change the direction of writing: none of what came
/// over the wire may move a cursor.
#[must_use]
pub fn escape(text: &str) -> String {
    if !text.chars().any(is_dangerous) {
        return text.to_owned();
    }
    let mut safe = String::with_capacity(text.len().saturating_add(8));
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if is_dangerous(c) && u32::from(c) < 0x100 => {
                let _ = write!(safe, "\\x{:02x}", u32::from(c));
            }
            c if is_dangerous(c) => {
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    safe
}

/// C0 and C1 controls, DEL, line separators, and the bidirectional controls of Unicode.
pub(super) fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn to_ascii(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

/// Three digits and a unit; minutes and more in two units.
fn duration(ns: i64, ascii: bool) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let size = ns.unsigned_abs();
    let micro = if ascii { "us" } else { "µs" };
    let scaled = |unit: u64, name: &str| format!("{sign}{}{name}", three_digits(size as f64 / unit as f64));
    // Where rounding to three digits reaches the next unit, that unit is used.
    match size {
        0..1_000 => format!("{sign}{size}ns"),
        1_000..999_500 => scaled(1_000, micro),
        999_500..999_500_000 => scaled(1_000_000, "ms"),
        999_500_000..60_000_000_000 => scaled(1_000_000_000, "s"),
        _ => {
            let seconds = size / 1_000_000_000;
            let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
            match (days, hours) {
                (0, 0) => format!("{sign}{minutes}m{:02}s", seconds % 60),
                (0, _) => format!("{sign}{hours}h{minutes:02}m"),
                _ => format!("{sign}{days}d{hours:02}h"),
            }
        }
    }
}

fn three_digits(value: f64) -> String {
    match value {
        value if value < 9.995 => format!("{value:.2}"),
        value if value < 99.95 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

fn byte_count(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if value < 1023.95 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    format!("{value:.1}{unit}")
}

/// At most four digits after the point.
fn float(value: f64) -> String {
    if value != 0.0 && (value.abs() < 0.001 || value.abs() >= 1e15) {
        return format!("{value:.3e}");
    }
    let text = format!("{value:.4}");
    let trimmed = text.trim_end_matches('0').trim_end_matches('.');
    trimmed.to_owned()
}
