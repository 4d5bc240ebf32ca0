//! Text for the screen: whatever came from the wire is shown, never obeyed.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// `text` with every character that a terminal could act upon written out.
pub(super) fn safe(text: &str) -> String {
    if !text.chars().any(acts) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            '\x1b' => shown.push_str("\\e"),
            c if acts(c) => shown.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => shown.push(c),
        }
    }
    shown
}

/// Control characters, and those that change the direction of text or join it without a width.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// `text` in at most `width` columns; cut at its end, with `ellipsis`.
pub(super) fn cut(text: &str, width: usize, ellipsis: char) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    if width == 0 {
        return String::new();
    }
    let mut left = width.saturating_sub(1);
    let mut kept = String::new();
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if wide > left {
            break;
        }
        left -= wide;
        kept.push(c);
    }
    kept.push(ellipsis);
    kept
}

/// `text` in exactly `width` columns, at the left or the right of them.
pub(super) fn fit(text: &str, width: usize, right: bool, ellipsis: char) -> String {
    let text = cut(text, width, ellipsis);
    let space = " ".repeat(width.saturating_sub(text.width()));
    if right { space + &text } else { text + &space }
}

/// Nanoseconds for people: three digits and a unit.
pub(super) fn duration(ns: f64) -> String {
    if ns < 0.0 {
        return format!("-{}", duration(-ns));
    }
    let (value, unit) = match ns {
        ns if ns < 1e3 => return format!("{ns:.0}ns"),
        ns if ns < 1e6 => (ns / 1e3, "us"),
        ns if ns < 1e9 => (ns / 1e6, "ms"),
        ns if ns < 60e9 => (ns / 1e9, "s"),
        ns if ns < 3600e9 => (ns / 60e9, "m"),
        ns if ns < 48.0 * 3600e9 => (ns / 3600e9, "h"),
        ns => return format!("{:.0}d", ns / 86_400e9),
    };
    format!("{}{unit}", three_digits(value))
}

/// Bytes for people.
pub(super) fn bytes(count: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let count = count as f64;
    match count {
        c if c < 1024.0 => format!("{c:.0}B"),
        c if c < 1024.0 * 1024.0 => format!("{}KiB", three_digits(c / 1024.0)),
        c if c < 1024.0 * 1024.0 * 1024.0 => format!("{}MiB", three_digits(c / 1024.0 / 1024.0)),
        c => format!("{}GiB", three_digits(c / 1024.0 / 1024.0 / 1024.0)),
    }
}

/// A count for people.
pub(super) fn count(count: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let exact = count as f64;
    match exact {
        c if c < 10_000.0 => format!("{count}"),
        c if c < 1e6 => format!("{}k", three_digits(c / 1e3)),
        c => format!("{}M", three_digits(c / 1e6)),
    }
}

fn three_digits(value: f64) -> String {
    match value {
        v if v < 9.995 => format!("{v:.2}"),
        v if v < 99.95 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_the_wire_is_obeyed() {
        assert_eq!(safe("a\x1b[31mred\x07"), "a\\e[31mred\\u{7}");
        assert_eq!(safe("two\nlines\t"), "two\\nlines\\t");
        assert_eq!(safe("\u{202e}txt.exe"), "\\u{202e}txt.exe");
        assert_eq!(safe("\u{9b}31m"), "\\u{9b}31m");
        assert_eq!(safe("héllo 世界 עברית"), "héllo 世界 עברית");
    }

    #[test]
    fn wide_text_is_cut_by_columns() {
        assert_eq!(cut("世界世界", 5, '…'), "世界…");
        assert_eq!(cut("abc", 3, '…'), "abc");
        assert_eq!(cut("abcd", 3, '~'), "ab~");
        assert_eq!(cut("abc", 0, '…'), "");
        assert_eq!(fit("ab", 4, true, '…'), "  ab");
        assert_eq!(fit("世", 4, false, '…'), "世  ");
    }

    #[test]
    fn units_are_for_people() {
        assert_eq!(duration(950.0), "950ns");
        assert_eq!(duration(1_234_567.0), "1.23ms");
        assert_eq!(duration(61e9), "1.02m");
        assert_eq!(duration(30.0 * 86_400e9), "30d");
        assert_eq!(duration(-2e9), "-2.00s");
        assert_eq!(bytes(1536), "1.50KiB");
        assert_eq!(count(12_345), "12.3k");
    }
}
