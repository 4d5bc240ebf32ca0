//! Message framing: which tags and lengths can be, and how much of each message is worth keeping.
//!
//! ```text
//! | tag u8 | length u32, itself included | body |        every message but those that begin a connection
//! |          length u32 | code u32       | body |        StartupMessage, SSLRequest, GSSENCRequest, CancelRequest
//! ```
//! Source: PostgreSQL documentation, "Frontend/Backend Protocol", "Message Formats".

use crate::scan::Scan;

/// Which end sent a message. The two ends give several tags different meanings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The client.
    Frontend,
    /// The server.
    Backend,
}

/// Tag and length.
pub(super) const HEADER: usize = 5;

/// `PQ_LARGE_MESSAGE_LIMIT`, `src/include/libpq/libpq.h`: a server takes no longer message than it could allocate.
const LARGE: u32 = 0x3fff_fffe;
/// `PQ_SMALL_MESSAGE_LIMIT`, ibid.
const SMALL: u32 = 10_000;
/// `PG_MAX_AUTH_TOKEN_LENGTH` of `src/backend/libpq/auth.c`.
const AUTH: u32 = 65_535;
/// libpq holds a longer message of most types for a lost synchronisation (`VALID_LONG_MESSAGE_TYPE`).
const BACKEND_SMALL: u32 = 30_000;

/// Whether a message may have this tag and declared length. Unknown tags pass when they are printable and short: protocol
/// versions to come may add some.
pub(super) fn is_plausible(side: Side, tag: u8, length: u32) -> bool {
    let most = match (side, tag) {
        (Side::Frontend, b'Q' | b'P' | b'B' | b'F' | b'd') => LARGE,
        (Side::Frontend, b'p') => AUTH,
        (Side::Frontend, b'H' | b'S' | b'X' | b'c') => 4,
        (Side::Frontend, b'C' | b'D' | b'E' | b'f') => SMALL,
        (Side::Backend, b'T' | b'D' | b'd' | b'V' | b'E' | b'N' | b'A' | b't') => LARGE,
        (Side::Backend, b'1' | b'2' | b'3' | b'I' | b'c' | b'n' | b's') => 4,
        (Side::Backend, b'Z') => 5,
        (Side::Backend, _) if tag.is_ascii_graphic() => BACKEND_SMALL,
        (Side::Frontend, _) if tag.is_ascii_graphic() => SMALL,
        _ => return false,
    };
    (4..=most).contains(&length)
}

/// How many bytes of a message's body are read. Row data, COPY data, passwords and keys are never looked at.
pub(super) fn kept(side: Side, tag: u8) -> usize {
    match (side, tag) {
        (Side::Frontend, b'Q' | b'P' | b'B') => 64 << 10,
        (Side::Frontend, b'E' | b'D' | b'C') => 10_000,
        (Side::Backend, b'E' | b'N' | b'S' | b'C') => 16 << 10,
        (Side::Backend, b't') => 8 << 10,
        (Side::Backend, b'Z') => 1,
        _ => 0,
    }
}

/// Tag and declared length at the beginning of `bytes`.
pub(super) fn header(bytes: &[u8]) -> Option<(u8, u32)> {
    let mut scan = Scan::new(bytes);
    Some((scan.u8()?, scan.u32()?))
}

/// How well bytes fit the message that their header announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// They cannot be it.
    No,
    /// They can be, as many other bytes could.
    Weak,
    /// Hardly anything else looks like this.
    Strong,
}

/// Judges the body of a message; `body` may be shorter than `length - 4` when not all of it is there.
pub(super) fn fit(side: Side, tag: u8, length: u32, body: &[u8]) -> Fit {
    let size = length.saturating_sub(4) as usize;
    let whole = body.len() >= size;
    let body = body.get(..size).unwrap_or(body);
    let strong = match (side, tag) {
        (Side::Frontend, b'Q') => return fit_query(body, whole),
        (Side::Frontend, b'P') => return fit_parse(body, whole),
        (Side::Frontend, b'B') => bind_fits(body),
        (Side::Frontend, b'C' | b'D') => {
            let mut scan = Scan::new(body);
            matches!(scan.u8(), Some(b'S' | b'P') | None).then(|| scan.text().is_some() && scan.is_empty())
        }
        (Side::Frontend, b'E') => {
            let mut scan = Scan::new(body);
            match (scan.text(), scan.u32()) {
                (Some(_), Some(_)) if scan.is_empty() => return Fit::Weak,
                _ => Some(false),
            }
        }
        (Side::Backend, b'Z') => Some(matches!(body, [b'I' | b'T' | b'E'])),
        (Side::Backend, b'R') => {
            let code = Scan::new(body).u32();
            Some(code.is_some_and(|code| code <= 12) && size >= 4)
        }
        (Side::Backend, b'S') => {
            let mut scan = Scan::new(body);
            Some(scan.text().is_some_and(is_name) && scan.text().is_some() && scan.is_empty())
        }
        (Side::Backend, b'C') => return fit_tag(body, whole),
        (Side::Backend, b'E' | b'N') => fields_fit(body),
        (Side::Backend, b'T') => row_description_fits(body, whole),
        (Side::Backend, b'D') if body.starts_with(&[0, 0]) => return if size == 2 { Fit::Weak } else { Fit::No },
        (Side::Backend, b'D') => data_row_fits(body, whole),
        (Side::Backend, b'G' | b'H' | b'W') => {
            let mut scan = Scan::new(body);
            let format = scan.u8().is_some_and(|format| format <= 1);
            let columns = scan.u16().map(usize::from);
            Some(format && columns.is_some_and(|columns| scan.rest().len() == columns.saturating_mul(2)))
        }
        (Side::Backend, b't') => {
            let mut scan = Scan::new(body);
            let count = scan.u16().map(usize::from);
            Some(count.is_some_and(|count| scan.rest().len() == count.saturating_mul(4)))
        }
        (Side::Backend, b'A') => {
            let mut scan = Scan::new(body);
            Some(scan.u32().is_some() && scan.text().is_some() && scan.text().is_some() && scan.is_empty())
        }
        (Side::Backend, b'K') => return if size >= 8 { Fit::Weak } else { Fit::No },
        _ => return Fit::Weak,
    };
    match strong {
        Some(true) => Fit::Strong,
        Some(false) if whole => Fit::No,
        Some(false) => Fit::Weak,
        None => Fit::No,
    }
}

fn fit_query(body: &[u8], whole: bool) -> Fit {
    let text = match (whole, body.split_last()) {
        (true, Some((0, text))) => text,
        (true, _) => return Fit::No,
        (false, _) => body,
    };
    if text.contains(&0) {
        return Fit::No;
    }
    let start = text.trim_ascii_start();
    let looks_like_sql = match start.first() {
        Some(first) => first.is_ascii_alphabetic() || matches!(first, b'(' | b';' | b'-' | b'/'),
        None => whole,
    };
    match (looks_like_sql, whole) {
        (true, true) => Fit::Strong,
        (true, false) if begins_with_keyword(start) => Fit::Strong,
        _ => Fit::Weak,
    }
}

/// First words by which the beginning of a long statement is known.
const KEYWORDS: [&[u8]; 20] = [
    b"SELECT",
    b"INSERT",
    b"UPDATE",
    b"DELETE",
    b"WITH",
    b"BEGIN",
    b"COMMIT",
    b"CREATE",
    b"ALTER",
    b"DROP",
    b"COPY",
    b"SET",
    b"SHOW",
    b"MERGE",
    b"DO",
    b"CALL",
    b"EXPLAIN",
    b"GRANT",
    b"TRUNCATE",
    b"VALUES",
];

fn begins_with_keyword(text: &[u8]) -> bool {
    KEYWORDS.iter().any(|keyword| {
        text.get(..keyword.len()).is_some_and(|word| word.eq_ignore_ascii_case(keyword))
            && text.get(keyword.len()).is_none_or(|next| !next.is_ascii_alphanumeric())
    })
}

fn fit_parse(body: &[u8], whole: bool) -> Fit {
    let mut scan = Scan::new(body);
    let name = scan.text();
    if name.is_some_and(|name| name.iter().any(u8::is_ascii_control)) {
        return Fit::No;
    }
    let text = scan.text_or_rest();
    let types = scan.u16().map(|count| usize::from(count).saturating_mul(4));
    match (whole, types == Some(scan.rest().len())) {
        (true, true) => Fit::Strong,
        (true, false) => Fit::No,
        (false, _) if name.is_some() && begins_with_keyword(text.trim_ascii_start()) => Fit::Strong,
        (false, _) => Fit::Weak,
    }
}

/// `Some(true)` fits, `Some(false)` does not (or is not all there), null: cannot be.
fn bind_fits(body: &[u8]) -> Option<bool> {
    let mut scan = Scan::new(body);
    let names = [scan.text(), scan.text()];
    if names.iter().flatten().any(|name| name.iter().any(u8::is_ascii_control)) {
        return None;
    }
    Some(names.iter().all(Option::is_some) && skip_bind(&mut scan).is_some() && scan.is_empty())
}

fn skip_bind(scan: &mut Scan<'_>) -> Option<()> {
    let formats = usize::from(scan.u16()?);
    scan.take(formats.checked_mul(2)?)?;
    for _ in 0..scan.u16()? {
        match scan.u32()? {
            u32::MAX => {}
            length => {
                scan.take(usize::try_from(length).ok()?)?;
            }
        }
    }
    let results = usize::from(scan.u16()?);
    scan.take(results.checked_mul(2)?)?;
    Some(())
}

fn fit_tag(body: &[u8], whole: bool) -> Fit {
    let mut scan = Scan::new(body);
    match scan.text() {
        Some(text) if scan.is_empty() && text.first().is_some_and(u8::is_ascii_uppercase) => {
            if text.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b' ') { Fit::Strong } else { Fit::Weak }
        }
        Some(b"") if scan.is_empty() => Fit::Weak,
        None if !whole && body.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') => Fit::Weak,
        _ => Fit::No,
    }
}

fn fields_fit(body: &[u8]) -> Option<bool> {
    let mut scan = Scan::new(body);
    let mut fields = 0_u32;
    loop {
        match scan.u8() {
            Some(0) => return Some(fields > 0 && scan.is_empty()),
            Some(field) if field.is_ascii_alphabetic() => {}
            Some(_) => return None,
            None => return Some(false),
        }
        if scan.text().is_none() {
            return Some(false);
        }
        fields = fields.saturating_add(1);
    }
}

fn row_description_fits(body: &[u8], whole: bool) -> Option<bool> {
    let mut scan = Scan::new(body);
    let Some(columns) = scan.u16() else { return Some(false) };
    for _ in 0..columns {
        if scan.text().is_none() || scan.take(18).is_none() {
            return Some(false);
        }
    }
    Some(whole && scan.is_empty())
}

fn data_row_fits(body: &[u8], whole: bool) -> Option<bool> {
    let mut scan = Scan::new(body);
    let Some(columns) = scan.u16() else { return Some(false) };
    for _ in 0..columns {
        let length = match scan.u32() {
            Some(u32::MAX) => 0,
            Some(length) if length <= LARGE => length as usize,
            Some(_) => return None,
            None => return Some(false),
        };
        if scan.take(length).is_none() {
            return if whole { None } else { Some(false) };
        }
    }
    Some(whole && scan.is_empty())
}

fn is_name(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
}

/// What a run of bytes says about being a chain of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chain {
    /// It is none.
    No,
    /// It may be; more bytes would tell.
    More,
    /// It is one.
    Yes,
}

/// Longest message that is waited for when the beginning of a message is sought.
const LONGEST_SOUGHT: u32 = 256 << 10;

/// Judges whether messages of `side` begin at the first of `bytes`. `last`: nothing follows without a hole. `likely`: there
/// are reasons beside the bytes to think so, and one message that fits is enough.
pub(super) fn chain(side: Side, bytes: &[u8], last: bool, likely: bool) -> Chain {
    let unsure = if last { Chain::No } else { Chain::More };
    let mut rest = bytes;
    let (mut weak, mut strong) = (0_u32, 0_u32);
    loop {
        let enough = strong >= 1 || (likely && weak >= 1);
        if strong >= 2 || weak >= 4 || (enough && rest.is_empty()) {
            return Chain::Yes;
        }
        let Some((tag, length)) = header(rest) else {
            let begun = match rest.first() {
                None => true,
                Some(tag) => is_known(side, *tag),
            };
            return match (begun, enough) {
                (true, true) => Chain::Yes,
                (true, false) => unsure,
                (false, _) => Chain::No,
            };
        };
        if !is_plausible(side, tag, length) || !is_known(side, tag) {
            return Chain::No;
        }
        let body = rest.get(HEADER..).unwrap_or_default();
        let fit = fit(side, tag, length, body);
        let size = (length as usize).saturating_add(1);
        match (fit, rest.get(size..)) {
            (Fit::No, _) => return Chain::No,
            (Fit::Strong, None) => return Chain::Yes,
            (Fit::Weak, None) if enough => return Chain::Yes,
            (Fit::Weak, None) if length > LONGEST_SOUGHT => return Chain::No,
            (Fit::Weak, None) => return unsure,
            (Fit::Weak, Some(after)) => {
                weak = weak.saturating_add(1);
                rest = after;
            }
            (Fit::Strong, Some(after)) => {
                strong = strong.saturating_add(1);
                rest = after;
            }
        }
    }
}

fn is_known(side: Side, tag: u8) -> bool {
    match side {
        Side::Frontend => b"BCDEFHPQSXcdfp".contains(&tag),
        Side::Backend => b"123ACDEGHIKNRSTVWZcdnstv".contains(&tag),
    }
}

/// A packet that begins a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// StartupMessage of protocol 3.
    Startup,
    /// SSLRequest.
    Tls,
    /// GSSENCRequest.
    Gss,
    /// CancelRequest.
    Cancel,
}

/// `MAX_STARTUP_PACKET_LENGTH`, `src/include/libpq/pqcomm.h`.
const LONGEST_OPENING: u32 = 10_000;

/// Reads length and code of an opening packet: the packet and its length. Null: it is none. `Ok(None)`: too few bytes.
pub(super) fn opening(bytes: &[u8]) -> Result<Option<(Opening, u32)>, ()> {
    let mut scan = Scan::new(bytes);
    let Some(length) = scan.u32() else {
        return if bytes.first().is_none_or(|first| *first == 0) { Ok(None) } else { Err(()) };
    };
    if !(8..=LONGEST_OPENING).contains(&length) {
        return Err(());
    }
    let Some(code) = scan.u32() else { return Ok(None) };
    let packet = match (code, length) {
        (0x0003_0000..=0x0003_ffff, _) => Opening::Startup,
        (80_877_103, 8) => Opening::Tls,
        (80_877_104, 8) => Opening::Gss,
        // 3.0: a key of 4 bytes; 3.2: of up to 256.
        (80_877_102, 16..=268) => Opening::Cancel,
        _ => return Err(()),
    };
    Ok(Some((packet, length)))
}
