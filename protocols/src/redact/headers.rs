//! Header fields and gRPC metadata.

use std::borrow::Cow;

use super::names::{self, Secrecy};
use super::{masked, query, values};
use crate::record::Header;

pub(super) fn mask(headers: &mut [Header]) {
    for header in headers {
        let Some(value) = &header.value else { continue };
        let masked = match header.name.as_deref() {
            Some(name) => by_name(name, value),
            // A name that could not be decoded may be any name.
            None => Cow::Owned(masked(value)),
        };
        let masked = match values::mask(&masked) {
            Cow::Owned(both) => Cow::Owned(both),
            Cow::Borrowed(_) => masked,
        };
        if let Cow::Owned(masked) = masked {
            header.value = Some(masked.into());
        }
    }
}

fn by_name<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    match (name, names::judge(name)) {
        ("cookie", _) => Cow::Owned(cookies(value, usize::MAX)),
        // RFC 6265, 4.1.1: what follows the first pair are attributes.
        ("set-cookie", _) => Cow::Owned(cookies(value, 1)),
        (_, Secrecy::None) => query::mask_urls(value),
        (_, secrecy) if secrecy.covers(value) => Cow::Owned(credentials(value)),
        _ => Cow::Borrowed(value),
    }
}

/// `sid=abc; lang=en` becomes `sid=***(3); lang=***(2)`, for the first so many pairs.
fn cookies(value: &str, pairs: usize) -> String {
    let mut out = String::with_capacity(value.len());
    for (at, pair) in value.split(';').enumerate() {
        if at > 0 {
            out.push(';');
        }
        match pair.split_once('=') {
            _ if at >= pairs => out.push_str(pair),
            Some((name, value)) => {
                out.push_str(name);
                out.push('=');
                out.push_str(&masked(value));
            }
            None => out.push_str(&masked(pair.trim())),
        }
    }
    out
}

/// `Bearer abc` becomes `Bearer ***(3)`: the scheme of RFC 9110, 11.4 stays.
fn credentials(value: &str) -> String {
    match value.split_once(' ') {
        Some((scheme, rest)) if is_scheme(scheme) => format!("{scheme} {}", masked(rest.trim())),
        _ => masked(value),
    }
}

/// Only schemes that are known: the first word of anything else may be the secret.
fn is_scheme(word: &str) -> bool {
    const SCHEMES: [&str; 10] = [
        "basic",
        "bearer",
        "digest",
        "negotiate",
        "ntlm",
        "token",
        "apikey",
        "hoba",
        "scram-sha-256",
        "aws4-hmac-sha256",
    ];
    SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, value: &str, expect: &str) {
        let mut headers = [Header { name: Some(name.into()), value: Some(value.into()) }];
        mask(&mut headers);
        assert_eq!(headers[0].value.as_deref(), Some(expect), "{name}");
    }

    #[test]
    fn the_shape_stays() {
        check("authorization", "Bearer 0123456789abcdef0123456789abcdef0123", "Bearer ***(36)");
        check("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Basic ***(28)");
        check("authorization", "hunter2 hunter3", "***(15)");
        check("cookie", "sid=0123456789abcdef0123456789abcdef; lang=en", "sid=***(32); lang=***(2)");
        check("set-cookie", "sid=abc; Path=/; HttpOnly", "sid=***(3); Path=/; HttpOnly");
        check("x-api-key", "k3y", "***(3)");
        check("x-auth-token", "abc", "***(3)");
        check("x-token", "12", "12");
    }

    #[test]
    fn urls_and_other_fields() {
        check("referer", "https://a/?code=xyz&b=1", "https://a/?code=***(3)&b=1");
        check("location", "https://me:pass@a/", "https://me:***(4)@a/");
        check("accept", "text/html, */*", "text/html, */*");
    }

    #[test]
    fn a_field_whose_name_is_unknown_may_be_anything() {
        let mut headers = [Header { name: None, value: Some("abc".into()) }];
        mask(&mut headers);
        assert_eq!(headers[0].value.as_deref(), Some("***(3)"));
    }
}
