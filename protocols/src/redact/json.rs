//! JSON bodies, token by token, so that a cut one is masked too.

use std::borrow::Cow;

use super::masked;
use super::names::{self, Secrecy};

/// Masks the values of members that are named like secrets, with everything inside them.
pub(super) fn mask(text: &str) -> Cow<'_, str> {
    let mut out = Masker { text, out: String::new(), copied: 0 };
    let mut depth = 0_usize;
    // How secret what comes next is, and the depth at which that ends.
    let mut next = Secrecy::None;
    let mut inside: Option<usize> = None;
    let mut last_string: Option<(usize, usize)> = None;
    let mut at = 0;
    while let Some(token) = token(text, at) {
        let Token { start, end, kind } = token;
        match kind {
            Kind::Open => {
                depth = depth.saturating_add(1);
                if next == Secrecy::Always && inside.is_none() {
                    inside = Some(depth);
                }
                next = Secrecy::None;
            }
            Kind::Close => {
                if inside == Some(depth) {
                    inside = None;
                }
                depth = depth.saturating_sub(1);
                next = Secrecy::None;
            }
            Kind::Colon => {
                next = last_string
                    .take()
                    .map_or(Secrecy::None, |(start, end)| names::judge(text.get(start..end).unwrap_or_default()));
            }
            Kind::Comma => next = Secrecy::None,
            Kind::String | Kind::Scalar => {
                let quoted = kind == Kind::String;
                let inner_start = if quoted { start.saturating_add(1) } else { start };
                let closed = quoted && end > inner_start && text.as_bytes().get(end.saturating_sub(1)) == Some(&b'"');
                let inner_end = if closed { end.saturating_sub(1) } else { end };
                let value = text.get(inner_start..inner_end).unwrap_or_default();
                let is_name = quoted && names_a_member(text, end);
                // A quoted number under `token` is a string all the same.
                let secret = match next {
                    _ if is_name => false,
                    _ if inside.is_some() => value != "null" || quoted,
                    Secrecy::Text => quoted && !value.is_empty(),
                    Secrecy::Always => (value != "null" || quoted) && !value.is_empty(),
                    Secrecy::None => false,
                };
                if secret && quoted {
                    out.replace(inner_start, inner_end, &masked(value));
                } else if secret {
                    out.replace(start, end, &format!("\"{}\"", masked(value)));
                }
                last_string = quoted.then_some((inner_start, inner_end));
                if !is_name {
                    next = Secrecy::None;
                }
            }
        }
        at = end;
    }
    out.finish()
}

struct Masker<'a> {
    text: &'a str,
    out: String,
    copied: usize,
}

impl<'a> Masker<'a> {
    fn replace(&mut self, start: usize, end: usize, with: &str) {
        self.out.push_str(self.text.get(self.copied..start).unwrap_or_default());
        self.out.push_str(with);
        self.copied = end;
    }

    fn finish(mut self) -> Cow<'a, str> {
        if self.copied == 0 {
            return Cow::Borrowed(self.text);
        }
        self.out.push_str(self.text.get(self.copied..).unwrap_or_default());
        Cow::Owned(self.out)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Open,
    Close,
    Colon,
    Comma,
    String,
    Scalar,
}

struct Token {
    start: usize,
    end: usize,
    kind: Kind,
}

/// The next token from `at` on. A string without an end reaches to the end of the text.
fn token(text: &str, at: usize) -> Option<Token> {
    let bytes = text.as_bytes();
    let start = at.saturating_add(bytes.get(at..)?.iter().position(|byte| !byte.is_ascii_whitespace())?);
    let one = start.saturating_add(1);
    let (end, kind) = match bytes.get(start)? {
        b'{' | b'[' => (one, Kind::Open),
        b'}' | b']' => (one, Kind::Close),
        b':' => (one, Kind::Colon),
        b',' => (one, Kind::Comma),
        b'"' => (string_end(bytes, one), Kind::String),
        _ => {
            let rest = bytes.get(one..)?;
            let stop = |byte: &u8| byte.is_ascii_whitespace() || b"{}[]:,\"".contains(byte);
            (one.saturating_add(rest.iter().position(stop).unwrap_or(rest.len())), Kind::Scalar)
        }
    };
    Some(Token { start, end, kind })
}

/// After the quote that ends the string.
fn string_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        let here = at.saturating_add(found);
        if bytes.get(here) == Some(&b'"') {
            return here.saturating_add(1);
        }
        at = here.saturating_add(2);
    }
    bytes.len()
}

fn names_a_member(text: &str, end: usize) -> bool {
    text.get(end..).is_some_and(|rest| rest.trim_start().starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(mask(text), expect);
    }

    #[test]
    fn members_named_like_secrets() {
        check(r#"{"user":"a","password":"hunter2"}"#, r#"{"user":"a","password":"***(7)"}"#);
        check(r#"{ "apiKey" : "k\"y" , "n":1}"#, r#"{ "apiKey" : "***(4)" , "n":1}"#);
        check(r#"{"pwd":1234,"ok":true}"#, r#"{"pwd":"***(4)","ok":true}"#);
        check(
            r#"{"access_token":"a.b","max_token":5,"next_token":"x"}"#,
            r#"{"access_token":"***(3)","max_token":5,"next_token":"x"}"#,
        );
        check(r#"{"secret":null}"#, r#"{"secret":null}"#);
    }

    #[test]
    fn everything_inside_a_secret_is_one() {
        check(
            r#"[{"secret":{"a":"b","c":[1,"d"]},"e":"f"}]"#,
            r#"[{"secret":{"a":"***(1)","c":["***(1)","***(1)"]},"e":"f"}]"#,
        );
    }

    #[test]
    fn a_cut_body_hides_what_it_shows_of_the_secret() {
        check(r#"{"a":"b","password":"hun"#, r#"{"a":"b","password":"***(3)"#);
        check(r#"{"a":"b","passw"#, r#"{"a":"b","passw"#);
        check(r#"{"a":"b","password":"hun\"#, r#"{"a":"b","password":"***(4)"#);
    }

    #[test]
    fn what_is_no_json_passes() {
        for text in ["", "}}}}", "[,,:", "\"", "{\"a\":\"é", "a:b"] {
            check(text, text);
        }
    }
}
