//! Query strings and forms: `name=value&name=value`.

use std::borrow::Cow;

use super::deep::Mask;
use super::names::Secrecy;

/// Masks the values of parameters that are named like secrets; `code` is one here (OAuth hands out secrets by it).
///
/// `;` also begins a parameter, but never ends a secret: it may be a part of one.
pub(super) fn mask<'a>(rules: Mask<'_>, query: &'a str) -> Cow<'a, str> {
    let mut out = Changes::of(query);
    let mut start = 0_usize;
    for pair in query.split('&') {
        let end = start.saturating_add(pair.len());
        let mut at = start;
        for part in pair.split(';') {
            let part_end = at.saturating_add(part.len());
            let (name, value) = part.split_once('=').unwrap_or(("", part));
            let value_start = part_end.saturating_sub(value.len());
            let whole = query.get(value_start..end).unwrap_or_default();
            if part.contains('=') && is_secret(rules, name, whole) {
                out.replace(value_start, end, &super::masked(whole));
                break;
            }
            // A URL in a value has parameters of its own, which reach as far.
            let reach = if value.contains('?') { end } else { part_end };
            if let Some(changed) = query.get(value_start..reach).and_then(|value| nested(rules, value)) {
                out.replace(value_start, reach, &changed);
            }
            if reach == end {
                break;
            }
            at = part_end.saturating_add(1);
        }
        start = end.saturating_add(1);
    }
    out.finish()
}

/// Masks the queries (and fragments) of every URL in a text.
pub(super) fn mask_urls<'a>(rules: Mask<'_>, text: &'a str) -> Cow<'a, str> {
    let ends = |rest: &str| {
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>' | '#')).unwrap_or(rest.len());
        // A quote that is escaped: the text stands in a string of another language.
        let escaped = rest.as_bytes().get(end) == Some(&b'"') && rest.get(..end).is_some_and(|url| url.ends_with('\\'));
        if escaped { end.saturating_sub(1) } else { end }
    };
    queries(rules, text, ends)
}

/// As [`mask_urls`] for a text that is one URL, whatever characters it has.
pub(super) fn mask_url<'a>(rules: Mask<'_>, url: &'a str) -> Cow<'a, str> {
    queries(rules, url, |rest| rest.find('#').unwrap_or(rest.len()))
}

fn queries<'a>(rules: Mask<'_>, text: &'a str, ends: impl Fn(&str) -> usize) -> Cow<'a, str> {
    let mut out = Changes::of(text);
    let mut at = 0_usize;
    while let Some(mark) = text.get(at..).and_then(|rest| memchr::memchr2(b'?', b'#', rest.as_bytes())) {
        let start = at.saturating_add(mark).saturating_add(1);
        let rest = text.get(start..).unwrap_or_default();
        let query = rest.get(..ends(rest)).unwrap_or_default();
        let end = start.saturating_add(query.len());
        if let Cow::Owned(masked) = mask(rules, query) {
            out.replace(start, end, &masked);
        }
        at = end;
    }
    out.finish()
}

fn is_secret(rules: Mask<'_>, name: &str, value: &str) -> bool {
    if value.is_empty() || super::is_masked(value) {
        return false;
    }
    let name = decode(name);
    let secrecy = if name.eq_ignore_ascii_case("code") { Secrecy::Always } else { rules.judge(&name) };
    secrecy.covers(value)
}

/// Masks what a value that is not secret itself holds: a URL, JSON, a credential, in plain or percent-encoded.
fn nested(rules: Mask<'_>, value: &str) -> Option<String> {
    let inside = rules.inside();
    let mask = |text: &str| match inside.map_or_else(|| rules.values(text), |inside| inside.text(text)) {
        Cow::Owned(changed) => Some(changed),
        Cow::Borrowed(_) => None,
    };
    let plain = mask(value);
    let decoded = decode(plain.as_deref().unwrap_or(value));
    match decoded {
        Cow::Owned(decoded) => mask(&decoded).map(|masked| encode(&masked)).or(plain),
        Cow::Borrowed(_) => plain,
    }
}

/// Masks what words hold that are percent-encoded, as those of `grpc-message`.
pub(super) fn mask_encoded<'a>(rules: Mask<'_>, text: &'a str) -> Cow<'a, str> {
    let mut out = Changes::of(text);
    let mut start = 0_usize;
    for word in text.split(char::is_whitespace) {
        if word.contains('%') {
            let decoded = decode_only(word, false);
            if let (true, Cow::Owned(masked)) = (decoded != word, rules.text(&decoded)) {
                out.replace(start, start.saturating_add(word.len()), &encode(&masked).replace('+', "%20"));
            }
        }
        let rest = text.get(start.saturating_add(word.len())..).unwrap_or_default();
        let gap = rest.chars().next().map_or(0, char::len_utf8);
        start = start.saturating_add(word.len()).saturating_add(gap);
    }
    out.finish()
}

/// Decodes a name or value (WHATWG URL, 5.1), so that `pass%77ord` hides nothing.
fn decode(text: &str) -> Cow<'_, str> {
    decode_only(text, true)
}

/// `plus`: `+` is a blank.
fn decode_only(text: &str, plus: bool) -> Cow<'_, str> {
    if !(text.contains('%') || plus && text.contains('+')) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        rest = after;
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high.saturating_mul(16).saturating_add(low)).unwrap_or(b'?'));
                rest = after.get(2..).unwrap_or_default();
            }
            (b'+', ..) if plus => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// Encodes what would end a value; the rest stays legible.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            ' ' => out.push('+'),
            '&' | ';' | '=' | '#' | '%' | '+' | '"' | '<' | '>' | '\0'..='\x1f' => {
                // All of them are below 0x80.
                out.push_str(&format!("%{:02X}", u32::from(character)));
            }
            _ => out.push(character),
        }
    }
    out
}

/// A text, and what is put in the place of its parts.
pub(super) struct Changes<'a> {
    text: &'a str,
    out: String,
    copied: usize,
    changed: bool,
}

impl<'a> Changes<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text, out: String::new(), copied: 0, changed: false }
    }

    /// Replaces a part, which lies behind all that were replaced before.
    pub(super) fn replace(&mut self, start: usize, end: usize, with: &str) {
        self.out.push_str(self.text.get(self.copied..start).unwrap_or_default());
        self.out.push_str(with);
        self.copied = end;
        self.changed = true;
    }

    pub(super) fn finish(mut self) -> Cow<'a, str> {
        if !self.changed {
            return Cow::Borrowed(self.text);
        }
        self.out.push_str(self.text.get(self.copied..).unwrap_or_default());
        Cow::Owned(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rules;
    use super::*;

    #[track_caller]
    fn check(query: &str, expect: &str) {
        assert_eq!(mask(Mask::new(&Rules::default()), query), expect);
    }

    #[test]
    fn parameters_named_like_secrets() {
        check("a=b&access_token=abcd&page_token=x", "a=b&access_token=***(4)&page_token=x");
        check("n=1;pass%77ord=1&max_token=5", "n=1;pass%77ord=***(1)&max_token=5");
        check("password=&x", "password=&x");
        check("pwd=caf%C3%A9", "pwd=***(9)");
        check("a=b&c", "a=b&c");
        check("password=a;b=c&d=e", "password=***(5)&d=e");
        check("password=a=b?c#d&e", "password=***(7)&e");
    }

    #[test]
    fn values_that_hold_something_else() {
        check("next=/cb?code=xyz&a=b", "next=/cb?code=***(3)&a=b");
        check("next=%2Fcb%3Fa%3D1%26token%3Dxyz", "next=/cb?a%3D1%26token%3D***(3)");
        check("filter={\"password\":\"x\"}", "filter={\"password\":\"***(1)\"}");
        check("q=%7B%22password%22%3A%22x%22%7D", "q={%22password%22:%22***(1)%22}");
        check("dsn=postgres%3A%2F%2Fme%3Ahunter2%40db%2Fx", "dsn=postgres://me:***(7)@db/x");
        check("q=a%20b+c%2Bd", "q=a%20b+c%2Bd");
    }

    #[test]
    fn urls_anywhere_in_a_field() {
        let rules = Rules::default();
        let urls = |text: &str| mask_urls(Mask::new(&rules), text).into_owned();
        assert_eq!(
            urls("https://a/cb?state=1&code=xyz#access_token=abc"),
            "https://a/cb?state=1&code=***(3)#access_token=***(3)"
        );
        assert_eq!(urls("</a?sig=1>; rel=next, </b?sig=22>"), "</a?sig=***(1)>; rel=next, </b?sig=***(2)>");
        assert_eq!(urls("what?"), "what?");
        assert_eq!(mask_url(Mask::new(&rules), "/a?sig=1 2\"3"), "/a?sig=***(5)");
        assert_eq!(urls("see \\\"/a?sig=12\\\" there"), "see \\\"/a?sig=***(2)\\\" there");
    }

    #[test]
    fn what_is_nested_without_end_ends() {
        let deep = "?a=".repeat(20_000);
        let rules = Rules::default();
        assert_eq!(mask_urls(Mask::new(&rules), &deep), deep);
    }
}
