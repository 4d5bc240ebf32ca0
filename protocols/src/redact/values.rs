//! Credentials that give themselves away by their look.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};

use super::masked;
use super::names::threes;
use super::query::Changes;

/// Shortest Bearer token that is one whatever it looks like.
const SHORTEST_BEARER: usize = 16;

/// Shortest part of a secret at the end of a text, which may have been cut there.
const SHORTEST_CUT: usize = 8;

/// Masks Bearer and Basic credentials, JWTs, PEM private keys, AWS access keys, and passwords in URLs.
pub(super) fn mask(text: &str) -> Cow<'_, str> {
    let finders: [fn(&str, usize) -> Option<Secret>; 6] = [pem, url_password, bearer, basic, jwt, access_key];
    let mut text = Cow::Borrowed(text);
    if !is_suspicious(&text) {
        return text;
    }
    for find in finders {
        let mut out = Changes::of(&text);
        let mut at = 0;
        while let Some(Secret { start, end }) = find(&text, at) {
            out.replace(start, end, &masked(text.get(start..end).unwrap_or_default()));
            at = end;
        }
        if let Cow::Owned(changed) = out.finish() {
            text = Cow::Owned(changed);
        }
    }
    text
}

/// Whether the text has a part that every finder needs: nearly none has, and one look is far cheaper than theirs.
fn is_suspicious(text: &str) -> bool {
    threes(text).any(|three| matches!(&three, b"---" | b"://" | b"eyj" | b"aki" | b"rer" | b"sic"))
}

/// Where a secret stands.
struct Secret {
    start: usize,
    end: usize,
}

/// Length of the beginning of `text` that only has such bytes. They are ASCII.
fn run(text: &str, fits: impl Fn(u8) -> bool) -> usize {
    text.bytes().position(|byte| !fits(byte)).unwrap_or(text.len())
}

fn find(text: &str, at: usize, what: &str) -> Option<usize> {
    memchr::memmem::find(text.as_bytes().get(at..)?, what.as_bytes()).map(|found| at.saturating_add(found))
}

/// Every place at or after `at` where `what` (which begins with an ASCII letter) stands, in any letter case.
fn places<'a>(text: &'a str, at: usize, what: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = text.as_bytes();
    let first = what.as_bytes().first().copied().unwrap_or_default();
    let starts = memchr::memchr2_iter(
        first.to_ascii_lowercase(),
        first.to_ascii_uppercase(),
        bytes.get(at..).unwrap_or_default(),
    );
    starts.map(move |start| start.saturating_add(at)).filter(move |start| {
        bytes
            .get(*start..start.saturating_add(what.len()))
            .is_some_and(|here| here.eq_ignore_ascii_case(what.as_bytes()))
    })
}

/// Whether a word begins there: no letter or digit stands before it, but for those of a percent-encoded character.
fn begins_word(text: &str, at: usize) -> bool {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    match before {
        [.., b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => true,
        [.., last] => !last.is_ascii_alphanumeric(),
        [] => true,
    }
}

/// Between `-----BEGIN … PRIVATE KEY-----` and its end, which may have been cut.
fn pem(text: &str, at: usize) -> Option<Secret> {
    const LABEL: &str = "PRIVATE KEY";
    const LONGEST_LINE: usize = 80;
    let mut from = at;
    loop {
        let label = find(text, from, LABEL)?;
        from = label.saturating_add(LABEL.len());
        // `-----`, or ` BLOCK-----` as PGP writes it.
        let rest = text.get(from..)?;
        let Some(dashes) = rest.find("-----").filter(|at| *at <= " BLOCK".len()) else { continue };
        let start = from.saturating_add(dashes).saturating_add("-----".len());
        let line = text.as_bytes().get(label.saturating_sub(LONGEST_LINE)..label).unwrap_or_default();
        let begins = memchr::memmem::rfind(line, b"-----BEGIN")
            .is_some_and(|at| !line.get(at..).unwrap_or_default().contains(&b'\n'));
        let end = find(text, start, "-----END").unwrap_or(text.len());
        let body = text.get(start..end).unwrap_or_default();
        if begins && !body.trim().is_empty() && !super::is_masked(body) {
            return Some(Secret { start, end });
        }
    }
}

/// The password of `scheme://user:password@host`.
fn url_password(text: &str, at: usize) -> Option<Secret> {
    let mut from = at;
    loop {
        let start = find(text, from, "://")?.saturating_add(3);
        from = start;
        let rest = text.get(start..)?;
        let end = rest.find(|c: char| c.is_whitespace() || "/?#\"'<>".contains(c)).unwrap_or(rest.len());
        let authority = rest.get(..end)?;
        let user_info = match authority.rsplit_once('@') {
            Some((user_info, _)) => user_info,
            // At the end of a text the host may have been cut off: what is no port is a password then.
            None if end == rest.len() => authority,
            None => continue,
        };
        let Some((user, password)) = user_info.split_once(':') else { continue };
        let is_port = user_info.len() == authority.len() && password.bytes().all(|byte| byte.is_ascii_digit());
        let is_host = user_info.len() == authority.len() && user.starts_with('[');
        if !password.is_empty() && !is_port && !is_host && !super::is_masked(password) {
            let start = start.saturating_add(user.len()).saturating_add(1);
            return Some(Secret { start, end: start.saturating_add(password.len()) });
        }
    }
}

/// What stands after the name of an authentication scheme, if it is a credential.
fn after_scheme(text: &str, at: usize, scheme: &str, is_secret: fn(token: &str, rest: &str) -> bool) -> Option<Secret> {
    places(text, at, scheme).filter(|found| begins_word(text, *found)).find_map(|found| {
        let mut start = found.saturating_add(scheme.len());
        let after = text.get(start..)?;
        let gap = after.len().saturating_sub(trim_gap(after).len());
        if gap == 0 {
            return None;
        }
        start = start.saturating_add(gap);
        let rest = text.get(start..)?;
        let end = rest.find(|c: char| c.is_whitespace() || "\"'<>,;&\\".contains(c)).unwrap_or(rest.len());
        let token = rest.get(..end)?;
        let after = rest.get(end..)?;
        let secret = !token.is_empty() && !super::is_masked(token) && is_secret(token, after);
        secret.then(|| Secret { start, end: start.saturating_add(end) })
    })
}

/// Blanks, also as URLs have them.
fn trim_gap(text: &str) -> &str {
    let mut rest = text;
    while let Some(after) = [" ", "\t", "+", "%20"].iter().find_map(|blank| rest.strip_prefix(blank)) {
        rest = after;
    }
    rest
}

/// RFC 6750. `a bearer of bad news` and `Bearer realm="x"` are none.
fn bearer(text: &str, at: usize) -> Option<Secret> {
    after_scheme(text, at, "bearer", |token, rest| {
        let is_parameter = token.ends_with('=') && rest.starts_with('"');
        let has_digit = token.bytes().any(|byte| byte.is_ascii_digit());
        let mixed = token.as_bytes().windows(2).any(|two| {
            matches!(two, [low, high] if low.is_ascii_lowercase() && high.is_ascii_uppercase()) //
        });
        let word = token.trim_end_matches(['.', ':', '!', '?']);
        let prose = ["authentication", "authorization", "credentials", "required"].contains(&word);
        let cut = rest.is_empty() && token.len() >= SHORTEST_CUT && !prose;
        !is_parameter && (token.len() >= SHORTEST_BEARER || (token.len() >= 4 && (has_digit || mixed)) || cut)
    })
}

/// Base64 of `user:password` (RFC 7617), whose end may have been cut off.
fn basic(text: &str, at: usize) -> Option<Secret> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    after_scheme(text, at, "basic", |token, _| {
        let letters = run(token, |byte| byte.is_ascii_alphanumeric() || b"-_+/".contains(&byte));
        let token = token.get(..letters).unwrap_or_default().replace('-', "+").replace('_', "/");
        // A single character left over cannot be decoded.
        let whole = token.get(..token.len().saturating_sub(usize::from(token.len() % 4 == 1))).unwrap_or_default();
        LENIENT.decode(whole).is_ok_and(|decoded| decoded.contains(&b':'))
    })
}

/// `eyJ….eyJ….SIGNATURE` (RFC 7519), the last parts of which may have been cut.
fn jwt(text: &str, at: usize) -> Option<Secret> {
    let mut from = at;
    loop {
        let start = find(text, from, "eyJ")?;
        let rest = text.get(start..)?;
        let length = run(rest, |byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let token = rest.get(..length)?;
        let dots = token.bytes().filter(|byte| *byte == b'.').count();
        let cut = length == rest.len() && length >= SHORTEST_BEARER;
        // In the middle of a word only what has a second part of the same kind is one.
        if (begins_word(text, start) && (dots >= 2 || cut)) || (dots >= 1 && token.contains(".eyJ")) {
            return Some(Secret { start, end: start.saturating_add(length) });
        }
        from = start.saturating_add(length.max(3));
    }
}

fn access_key(text: &str, at: usize) -> Option<Secret> {
    const PREFIX: &str = "AKIA";
    const LENGTH: usize = 20;
    let mut from = at;
    loop {
        let start = find(text, from, PREFIX)?;
        let rest = text.get(start..)?;
        let length = run(rest, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let cut = length == rest.len() && (SHORTEST_CUT..LENGTH).contains(&length);
        if begins_word(text, start) && (length == LENGTH || cut) {
            return Some(Secret { start, end: start.saturating_add(length) });
        }
        from = start.saturating_add(length.max(PREFIX.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(mask(text), expect);
        assert_eq!(mask(expect), expect, "what is masked stays as it is");
    }

    #[test]
    fn credentials_in_free_text() {
        check("got 'Bearer abcdefghij0123456789'", "got 'Bearer ***(20)'");
        check("a Bearer of bad news, Basic training", "a Bearer of bad news, Basic training");
        check("x bearer AAAABBBBCCCCDDDD== y bearer AAAABBBBCCCCDDDD", "x bearer ***(18) y bearer ***(16)");
        check("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Basic ***(28)");
        check("key=AKIAIOSFODNN7EXAMPLE.", "key=***(20).");
        check("xAKIAIOSFODNN7EXAMPLE AKIA", "xAKIAIOSFODNN7EXAMPLE AKIA");
        check("bEaReR  1|abc, x", "bEaReR  ***(5), x");
        check("Bearer%20abcdefghij0123456789&x", "Bearer%20***(20)&x");
        check("Bearer realm=\"x\", error=\"invalid_token\"", "Bearer realm=\"x\", error=\"invalid_token\"");
        check("bearer token, Bearer authentication.", "bearer token, Bearer authentication.");
        check("basic  QTpiOmM", "basic  ***(7)");
    }

    #[test]
    fn tokens_and_keys() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N";
        check(&format!("/t/{jwt}/x"), "/t/***(59)/x");
        check(&format!("\"{}", &jwt[..30]), "\"***(30)");
        check("eyJ is no token", "eyJ is no token");
        check(&format!("Bearer%20{jwt}x{jwt}"), "Bearer%20***(119)");
        check(&format!("token{jwt} b"), "token***(59) b");
        let pem = "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n";
        check(pem, "a\n-----BEGIN RSA PRIVATE KEY-----***(6)-----END RSA PRIVATE KEY-----\n");
        check("-----BEGIN PRIVATE KEY-----\nMIIB", "-----BEGIN PRIVATE KEY-----***(5)");
        check("-----BEGIN PUBLIC KEY-----\nMIIB", "-----BEGIN PUBLIC KEY-----\nMIIB");
    }

    #[test]
    fn passwords_in_urls() {
        check("see postgres://me:pässword@db/x and http://a:b/c@d", "see postgres://me:***(8)@db/x and http://a:b/c@d");
        check("http://user@host/ http://h:80/", "http://user@host/ http://h:80/");
        check("redis://:hunter2@h", "redis://:***(7)@h");
    }

    #[test]
    fn what_was_cut_at_the_end() {
        check("x Bearer abcdefghi", "x Bearer ***(9)");
        check("x Basic QWxhZGRpbjpvcGVuI", "x Basic ***(17)");
        check("x AKIAIOSFODN", "x ***(11)");
        check("x postgres://me:hunt", "x postgres://me:***(4)");
        check("x http://h:8080", "x http://h:8080");
        check("x http://[::1]:80", "x http://[::1]:80");
    }
}
