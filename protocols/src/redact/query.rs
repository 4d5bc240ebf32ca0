//! Query strings and forms: `name=value&name=value`.

use std::borrow::Cow;

use super::names::{self, Secrecy};

/// Masks the values of parameters that are named like secrets; `code` is one here (OAuth hands out secrets by it).
pub(super) fn mask(query: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0_usize;
    for pair in query.split(['&', ';']) {
        let end = at.saturating_add(pair.len());
        if let Some((name, value)) = pair.split_once('=')
            && is_secret(name, value)
        {
            let start = end.saturating_sub(value.len());
            out.push_str(query.get(copied..start).unwrap_or_default());
            out.push_str(&super::masked(value));
            copied = end;
        }
        at = end.saturating_add(1);
    }
    if copied == 0 {
        return Cow::Borrowed(query);
    }
    out.push_str(query.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// Masks the queries (and fragments) of every URL in a text.
pub(super) fn mask_urls(text: &str) -> Cow<'_, str> {
    let Some(start) = text.find(['?', '#']) else { return Cow::Borrowed(text) };
    let mut out = String::new();
    let mut changed = false;
    let (mut before, mut rest) = text.split_at_checked(start.saturating_add(1)).unwrap_or((text, ""));
    loop {
        out.push_str(before);
        let end = rest.find([' ', '"', '\'', '>', '<', ',', '#', '?']).unwrap_or(rest.len());
        let (query, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let masked = mask(query);
        changed |= matches!(masked, Cow::Owned(_));
        out.push_str(&masked);
        let next = after.find(['?', '#']).map_or(after.len(), |at| at.saturating_add(1));
        (before, rest) = after.split_at_checked(next).unwrap_or((after, ""));
        if after.is_empty() {
            break;
        }
    }
    if changed { Cow::Owned(out) } else { Cow::Borrowed(text) }
}

fn is_secret(name: &str, value: &str) -> bool {
    if value.is_empty() {
        return false;
    }
    let name = decode(name);
    let secrecy = if name.eq_ignore_ascii_case("code") { Secrecy::Always } else { names::judge(&name) };
    secrecy.covers(value)
}

/// Percent-decodes a name, so that `pass%77ord` hides nothing.
fn decode(name: &str) -> Cow<'_, str> {
    if !name.contains('%') {
        return Cow::Borrowed(name);
    }
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high.saturating_mul(16).saturating_add(low)).unwrap_or(b'?'));
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_named_like_secrets() {
        assert_eq!(mask("a=b&access_token=abcd&page_token=x"), "a=b&access_token=***(4)&page_token=x");
        assert_eq!(mask("code=xyz;pass%77ord=1&max_token=5"), "code=***(3);pass%77ord=***(1)&max_token=5");
        assert_eq!(mask("password=&x"), "password=&x");
        assert_eq!(mask("pwd=caf%C3%A9"), "pwd=***(9)");
        assert!(matches!(mask("a=b&c"), Cow::Borrowed("a=b&c")));
    }

    #[test]
    fn urls_anywhere_in_a_field() {
        assert_eq!(
            mask_urls("https://a/cb?state=1&code=xyz#access_token=abc"),
            "https://a/cb?state=1&code=***(3)#access_token=***(3)"
        );
        assert_eq!(mask_urls("</a?sig=1>; rel=next, </b?sig=22>"), "</a?sig=***(1)>; rel=next, </b?sig=***(2)>");
        assert_eq!(mask_urls("what?"), "what?");
    }
}
