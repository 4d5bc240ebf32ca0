//! Header fields and gRPC metadata.

use std::borrow::Cow;

use super::deep::{Mask, then};
use super::masked;
use super::names::Secrecy;
use super::query;
use crate::record::Header;

pub(super) fn mask(rules: Mask<'_>, headers: &mut [Header]) {
    for header in headers {
        let Some(value) = &header.value else { continue };
        let by_name = match header.name.as_deref() {
            Some(name) => by_name(rules, name, value),
            // A name that could not be decoded may be any name.
            None => Cow::Owned(masked(value)),
        };
        if let Cow::Owned(masked) = then(by_name, |text| rules.text(text)) {
            header.value = Some(masked.into());
        }
    }
}

fn by_name<'a>(rules: Mask<'_>, name: &str, value: &'a str) -> Cow<'a, str> {
    // gRPC: binary metadata, in base64.
    let word = name.strip_suffix("-bin").unwrap_or(name);
    match (name, rules.judge(word)) {
        ("cookie", _) => Cow::Owned(cookies(value)),
        ("set-cookie", _) => Cow::Owned(set_cookie(value)),
        ("location" | "content-location" | "referer", Secrecy::None) => query::mask_url(rules, value),
        (_, Secrecy::None) => query::mask_urls(rules, value),
        (_, secrecy) if secrecy.covers(value) => Cow::Owned(credentials(value)),
        _ => Cow::Borrowed(value),
    }
}

/// `sid=abc; lang=en` becomes `sid=***(3); lang=***(2)`.
fn cookies(value: &str) -> String {
    let pairs: Vec<String> = value.split(';').map(pair).collect();
    pairs.join(";")
}

fn pair(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, value)) => format!("{name}={}", masked(value)),
        None => masked(pair.trim()),
    }
}

/// RFC 6265, 4.1.1: what follows the first pair are attributes. (Unless a proxy has put two fields into one.)
fn set_cookie(value: &str) -> String {
    let mut parts = value.split(';');
    let mut out = parts.next().map(pair).unwrap_or_default();
    for part in parts {
        out.push(';');
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let is_attribute = ATTRIBUTES.iter().any(|known| name.trim().eq_ignore_ascii_case(known));
        match is_attribute && !value.contains('=') {
            true => out.push_str(part),
            false => out.push_str(&self::pair(part)),
        }
    }
    out
}

/// Of cookies, in RFC 6265bis and in use.
const ATTRIBUTES: [&str; 9] =
    ["expires", "max-age", "domain", "path", "secure", "httponly", "samesite", "partitioned", "priority"];

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
    use super::super::Rules;
    use super::*;

    #[track_caller]
    fn check(name: &str, value: &str, expect: &str) {
        let mut headers = [Header { name: Some(name.into()), value: Some(value.into()) }];
        mask(Mask::new(&Rules::default()), &mut headers);
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
        check("x-token-bin", "AAEC", "***(4)");
        check("set-cookie", "sid=abc; Path=/, id=def; Secure", "sid=***(3); Path=***(9); Secure");
    }

    #[test]
    fn urls_and_other_fields() {
        check("referer", "https://a/?code=xyz&b=1", "https://a/?code=***(3)&b=1");
        check("location", "https://me:pass@a/", "https://me:***(4)@a/");
        check("location", "/?token=a b,c'd", "/?token=***(7)");
        check("x-next", "/?token=a,b'c d", "/?token=***(5) d");
        check("x-context", "{\"password\":\"x\"}", "{\"password\":\"***(1)\"}");
        check("accept", "text/html, */*", "text/html, */*");
    }

    #[test]
    fn a_field_whose_name_is_unknown_may_be_anything() {
        let mut headers = [Header { name: None, value: Some("abc".into()) }];
        mask(Mask::new(&Rules::default()), &mut headers);
        assert_eq!(headers[0].value.as_deref(), Some("***(3)"));
    }
}
