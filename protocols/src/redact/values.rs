//! Credentials that give themselves away by their look.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::masked;

/// Shortest Bearer token that is one: `Bearer of bad news` is not.
const SHORTEST_BEARER: usize = 16;

/// Masks Bearer and Basic credentials, JWTs, PEM private keys, AWS access keys, and passwords in URLs.
pub(super) fn mask(text: &str) -> Cow<'_, str> {
    let finders: [fn(&str, usize) -> Option<Secret>; 6] = [pem, url_password, bearer, basic, jwt, access_key];
    let mut text = Cow::Borrowed(text);
    if !is_suspicious(&text) {
        return text;
    }
    for find in finders {
        let mut at = 0;
        while let Some(Secret { start, end }) = find(&text, at) {
            let stars = masked(text.get(start..end).unwrap_or_default());
            at = start.saturating_add(stars.len());
            let [before, after] = [text.get(..start), text.get(end..)].map(Option::unwrap_or_default);
            text = Cow::Owned([before, &stars, after].concat());
        }
    }
    text
}

/// Whether the text has a part that every finder needs: nearly none has, and one look is far cheaper than theirs.
fn is_suspicious(text: &str) -> bool {
    text.as_bytes()
        .windows(3)
        .any(|part| matches!(part, b"---" | b"://" | b"rer" | b"RER" | b"sic" | b"SIC" | b"eyJ" | b"AKI"))
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

/// Every place at or after `at` where `what` stands with no letter or digit before it.
fn words<'a>(text: &'a str, at: usize, what: &'a str) -> impl Iterator<Item = usize> + 'a {
    let mut next = at;
    std::iter::from_fn(move || {
        loop {
            let found = find(text, next, what)?;
            next = found.saturating_add(1);
            let before = found.checked_sub(1).and_then(|before| text.as_bytes().get(before));
            if !before.is_some_and(u8::is_ascii_alphanumeric) {
                return Some(found);
            }
        }
    })
}

/// Between `-----BEGIN … PRIVATE KEY-----` and its end, which may have been cut.
fn pem(text: &str, at: usize) -> Option<Secret> {
    const LABEL: &str = "PRIVATE KEY-----";
    let mut from = at;
    loop {
        let start = find(text, from, LABEL)?.saturating_add(LABEL.len());
        let end = find(text, start, "-----END").unwrap_or(text.len());
        let before = text.get(..start).unwrap_or_default();
        let begins = before.rfind("-----BEGIN").is_some_and(|at| !before.get(at..).unwrap_or_default().contains('\n'));
        let body = text.get(start..end).unwrap_or_default();
        if begins && !body.trim().is_empty() && !body.starts_with("***(") {
            return Some(Secret { start, end });
        }
        from = start;
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
        let Some((user_info, _)) = authority.rsplit_once('@') else { continue };
        let Some((user, password)) = user_info.split_once(':') else { continue };
        if !password.is_empty() && !is_masked(password) {
            let start = start.saturating_add(user.len()).saturating_add(1);
            return Some(Secret { start, end: start.saturating_add(password.len()) });
        }
    }
}

fn is_masked(text: &str) -> bool {
    text.starts_with("***(")
}

/// The token68 (RFC 9110, 11.2) after an authentication scheme.
fn after_scheme(text: &str, at: usize, schemes: [&str; 3], is_secret: fn(&str) -> bool) -> Option<Secret> {
    let mut first: Option<Secret> = None;
    for scheme in schemes {
        for found in words(text, at, scheme) {
            let start = found.saturating_add(scheme.len());
            let rest = text.get(start..)?;
            let letters = run(rest, |byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte));
            let length = letters.saturating_add(run(rest.get(letters..)?, |byte| byte == b'='));
            if is_secret(rest.get(..length)?) {
                if first.as_ref().is_none_or(|first| start < first.start) {
                    first = Some(Secret { start, end: start.saturating_add(length) });
                }
                break;
            }
        }
    }
    first
}

fn bearer(text: &str, at: usize) -> Option<Secret> {
    after_scheme(text, at, ["Bearer ", "bearer ", "BEARER "], |token| token.len() >= SHORTEST_BEARER)
}

/// Base64 of `user:password`.
fn basic(text: &str, at: usize) -> Option<Secret> {
    after_scheme(text, at, ["Basic ", "basic ", "BASIC "], |token| {
        let decoded = STANDARD.decode(token).or_else(|_| STANDARD_NO_PAD.decode(token));
        decoded.is_ok_and(|decoded| decoded.contains(&b':'))
    })
}

/// `eyJ….eyJ….SIGNATURE` (RFC 7519), the last parts of which may have been cut.
fn jwt(text: &str, at: usize) -> Option<Secret> {
    words(text, at, "eyJ").find_map(|start| {
        let rest = text.get(start..)?;
        let length = run(rest, |byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let token = rest.get(..length)?;
        let cut = length == rest.len() && length >= SHORTEST_BEARER;
        (token.matches('.').count() >= 2 || cut).then(|| Secret { start, end: start.saturating_add(length) })
    })
}

fn access_key(text: &str, at: usize) -> Option<Secret> {
    words(text, at, "AKIA").find_map(|start| {
        let length = run(text.get(start..)?, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        (length == 20).then(|| Secret { start, end: start.saturating_add(length) })
    })
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
    }

    #[test]
    fn tokens_and_keys() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N";
        check(&format!("/t/{jwt}/x"), "/t/***(59)/x");
        check(&format!("\"{}", &jwt[..30]), "\"***(30)");
        check("eyJ is no token", "eyJ is no token");
        let pem = "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n";
        check(pem, "a\n-----BEGIN RSA PRIVATE KEY-----***(6)-----END RSA PRIVATE KEY-----\n");
        check("-----BEGIN PRIVATE KEY-----\nMIIB", "-----BEGIN PRIVATE KEY-----***(5)");
        check("-----BEGIN PUBLIC KEY-----\nMIIB", "-----BEGIN PUBLIC KEY-----\nMIIB");
    }

    #[test]
    fn passwords_in_urls() {
        check("see postgres://me:pässword@db/x and http://a:b/c@d", "see postgres://me:***(8)@db/x and http://a:b/c@d");
        check("http://user@host/ http://h:80/", "http://user@host/ http://h:80/");
    }
}
