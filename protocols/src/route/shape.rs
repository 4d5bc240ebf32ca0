//! Segments that can be told to be values by their shape alone.

/// A longer segment is no name that somebody gave to a place.
const LONGEST_PLACE: usize = 96;

/// The placeholder for a segment that is a value whatever its siblings are; null for what may be a place.
pub(super) fn placeholder(segment: &str) -> Option<&'static str> {
    let bytes = segment.as_bytes();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    if bytes.is_empty() {
        return None;
    }
    if bytes.len() > LONGEST_PLACE {
        return Some("{id}");
    }
    if digits == bytes.len() || (bytes.first() == Some(&b'-') && digits.saturating_add(1) == bytes.len() && digits > 0)
    {
        return Some("{id}");
    }
    if is_uuid(bytes) {
        return Some("{uuid}");
    }
    if is_date(bytes) {
        return Some("{date}");
    }
    if bytes.contains(&b'@') && bytes.contains(&b'.') {
        return Some("{email}");
    }
    // A commit, a digest, an object id: `deadbeef` and `facade` are words, so some digits must be among the letters.
    if bytes.len() >= 7 && digits >= 2 && bytes.iter().all(u8::is_ascii_hexdigit) {
        return Some("{hash}");
    }
    if let Some((stem, extension)) = segment.rsplit_once('.') {
        let named = (1..=5).contains(&extension.len()) && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let hashed = stem.split(['.', '-', '_']).any(|part| part.len() >= 6 && placeholder(part).is_some());
        if named && (hashed || placeholder(stem).is_some()) {
            return Some("{file}");
        }
    }
    // Random tokens and encoded values; `oauth2`, `v10` and `iphone15pro` have too few digits.
    let token = bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'~'));
    let mixed = bytes.iter().any(u8::is_ascii_uppercase) && bytes.iter().any(u8::is_ascii_lowercase);
    if token && (digits >= 4 || (bytes.len() >= 20 && digits >= 2 && mixed)) && bytes.len() >= 6 {
        return Some("{id}");
    }
    None
}

/// 8-4-4-4-12 hexadecimal digits (RFC 9562).
fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// `2026-11-22`, with or without a time behind it.
fn is_date(bytes: &[u8]) -> bool {
    bytes.len() >= 10
        && bytes.iter().take(10).enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
        && bytes.get(10).is_none_or(|byte| matches!(byte, b'T' | b'_' | b' '))
}
