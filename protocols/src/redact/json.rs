//! JSON bodies, token by token, so that a cut one is masked too.

use std::borrow::Cow;

use super::deep::{Mask, then};
use super::masked;
use super::names::Secrecy;
use super::query::Changes;

/// Masks the values of members that are named like secrets, with everything inside them.
///
/// `whole`: the text is JSON from its beginning. Else it may hold some, and only quoted values are taken for values.
pub(super) fn mask<'a>(rules: Mask<'_>, text: &'a str, whole: bool) -> Cow<'a, str> {
    let mut reader = Reader { rules, text, whole, depth: 0, next: Secrecy::None, inside: None, name: None };
    let mut out = Changes::of(text);
    let mut at = 0;
    let mut before = Kind::Open;
    while let Some(token) = token(text, at, before) {
        at = token.end;
        before = token.kind;
        if let Some(changed) = reader.step(&token) {
            let (start, end) = if token.quote.is_some() { token.inner() } else { (token.start, token.end) };
            out.replace(start, end, &changed);
        }
    }
    out.finish()
}

/// Where in the nesting the next token stands.
struct Reader<'r, 'a> {
    rules: Mask<'r>,
    text: &'a str,
    whole: bool,
    depth: usize,
    /// How secret what comes next is.
    next: Secrecy,
    /// The depth at which a secret object or list ends, and how secret what is in it is.
    inside: Option<(usize, Secrecy)>,
    /// What may turn out to be a name.
    name: Option<(usize, usize)>,
}

impl Reader<'_, '_> {
    /// Takes a token; gives what is to stand in its place (in that of its content, if it has quotes).
    fn step(&mut self, token: &Token) -> Option<String> {
        match token.kind {
            Kind::Open => {
                self.depth = self.depth.saturating_add(1);
                if self.next != Secrecy::None && self.inside.is_none() {
                    self.inside = Some((self.depth, self.next));
                }
                self.next = Secrecy::None;
                None
            }
            Kind::Close => {
                if self.inside.is_some_and(|(depth, _)| depth == self.depth) {
                    self.inside = None;
                }
                self.depth = self.depth.saturating_sub(1);
                self.next = Secrecy::None;
                None
            }
            Kind::Colon => {
                let name = self.name.take().and_then(|(start, end)| self.text.get(start..end));
                self.next = name.map_or(Secrecy::None, |name| self.rules.judge(&unescape(name)));
                None
            }
            Kind::Comma => {
                self.next = Secrecy::None;
                None
            }
            Kind::String | Kind::Scalar => self.value(token),
        }
    }

    fn value(&mut self, token: &Token) -> Option<String> {
        let (start, end) = token.inner();
        self.name = Some((start, end));
        if names_a_member(self.text, token.end) {
            return None;
        }
        let value = self.text.get(start..end).unwrap_or_default();
        let quoted = token.quote.is_some();
        let next = std::mem::replace(&mut self.next, Secrecy::None);
        let secrecy = self.inside.map_or(next, |(_, secrecy)| secrecy);
        let secret = match secrecy {
            Secrecy::None => false,
            // A quoted number under `token` is a string all the same.
            Secrecy::Text => quoted && !value.is_empty(),
            Secrecy::Always => (quoted || (self.whole && value != "null")) && !value.is_empty(),
        };
        if secret && quoted {
            return (!super::is_masked(value)).then(|| masked(value));
        }
        if secret {
            return Some(format!("\"{}\"", masked(value)));
        }
        if quoted { self.nested(value) } else { None }
    }

    /// A string that is not secret may hold a URL, or JSON once more.
    fn nested(&self, value: &str) -> Option<String> {
        let plain = unescape(value);
        let changed = match self.rules.inside() {
            Some(inside) if plain.contains('"') => {
                then(mask(inside, &plain, super::deep::looks_like_json(&plain)), |text| inside.text(text)).into_owned()
            }
            _ => self.rules.text(&plain).into_owned(),
        };
        (changed != *plain).then(|| escape(&changed))
    }
}

/// Undoes the escapes of RFC 8259, 7; what is no escape stays.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(rest.get(..at).unwrap_or_default());
        let code = rest.get(at.saturating_add(1)..).unwrap_or_default();
        let (character, length) = match code.as_bytes().first() {
            Some(b'n') => ('\n', 1),
            Some(b'r') => ('\r', 1),
            Some(b't') => ('\t', 1),
            Some(b'b') => ('\u{8}', 1),
            Some(b'f') => ('\u{c}', 1),
            Some(byte @ (b'"' | b'\\' | b'/')) => (char::from(*byte), 1),
            Some(b'u') => {
                let digits = code.get(1..5).and_then(|digits| u32::from_str_radix(digits, 16).ok());
                match digits.map(|digits| char::from_u32(digits).unwrap_or(char::REPLACEMENT_CHARACTER)) {
                    Some(character) => (character, 5),
                    None => ('\\', 0),
                }
            }
            _ => ('\\', 0),
        };
        out.push(character);
        rest = code.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1f' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => out.push(character),
        }
    }
    out
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
    /// Of a string; whether it is closed.
    quote: Option<bool>,
}

impl Token {
    /// Without the quotes.
    fn inner(&self) -> (usize, usize) {
        match self.quote {
            Some(closed) => (self.start.saturating_add(1), self.end.saturating_sub(usize::from(closed))),
            None => (self.start, self.end),
        }
    }
}

/// The next token from `at` on. A string without an end reaches to the end of the text.
fn token(text: &str, at: usize, before: Kind) -> Option<Token> {
    let bytes = text.as_bytes();
    let start = at.saturating_add(bytes.get(at..)?.iter().position(|byte| !byte.is_ascii_whitespace())?);
    let one = start.saturating_add(1);
    let mut quote = None;
    let (end, kind) = match bytes.get(start)? {
        b'{' | b'[' => (one, Kind::Open),
        b'}' | b']' => (one, Kind::Close),
        b':' => (one, Kind::Colon),
        b',' => (one, Kind::Comma),
        // JSON has only the first kind; the other one is in what people write by hand.
        mark @ (b'"' | b'\'') if *mark == b'"' || matches!(before, Kind::Open | Kind::Colon | Kind::Comma) => {
            let (end, closed) = string_end(bytes, one, *mark);
            quote = Some(closed);
            (end, Kind::String)
        }
        _ => {
            let rest = bytes.get(one..)?;
            let stop = |byte: &u8| byte.is_ascii_whitespace() || b"{}[]:,\"".contains(byte);
            (one.saturating_add(rest.iter().position(stop).unwrap_or(rest.len())), Kind::Scalar)
        }
    };
    Some(Token { start, end, kind, quote })
}

/// After the quote that ends the string, and whether there is one.
fn string_end(bytes: &[u8], from: usize, quote: u8) -> (usize, bool) {
    let mut at = from;
    while let Some(found) = memchr::memchr2(quote, b'\\', bytes.get(at..).unwrap_or_default()) {
        let here = at.saturating_add(found);
        if bytes.get(here) == Some(&quote) {
            return (here.saturating_add(1), true);
        }
        at = here.saturating_add(2);
    }
    (bytes.len(), false)
}

fn names_a_member(text: &str, end: usize) -> bool {
    text.get(end..).is_some_and(|rest| rest.trim_start().starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::super::Rules;
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(mask(Mask::new(&Rules::default()), text, true), expect);
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
        for text in ["", "}}}}", "[,,:", "\"", "{\"a\":\"é", "a:b", "{\"a\":\"\\"] {
            check(text, text);
        }
    }

    #[test]
    fn names_in_other_guises() {
        check(r#"{"pass\u0077ord":"x"}"#, r#"{"pass\u0077ord":"***(1)"}"#);
        check("{password: 'a b', x: 'c'}", "{password: '***(3)', x: 'c'}");
        check(")]}',\n{\"pwd\":\"x\"}", ")]}',\n{\"pwd\":\"***(1)\"}");
    }

    #[test]
    fn a_token_of_several_parts() {
        check(
            r#"{"token":{"a":"b","ttl":5},"session":["c"],"token":5,"session":true,"token":"5"}"#,
            r#"{"token":{"a":"***(1)","ttl":5},"session":["***(1)"],"token":5,"session":true,"token":"***(1)"}"#,
        );
    }

    #[test]
    fn strings_that_hold_something_else() {
        check(r#"{"body":"{\"pwd\":\"x\"}"}"#, r#"{"body":"{\"pwd\":\"***(1)\"}"}"#);
        check(r#"{"u":"https:\/\/a\/?token=abc&b"}"#, r#"{"u":"https://a/?token=***(3)&b"}"#);
        check(
            r#"{"query":"mutation { login(password: \"x y\") }"}"#,
            r#"{"query":"mutation { login(password: \"***(3)\") }"}"#,
        );
    }

    #[test]
    fn json_in_the_middle_of_a_text() {
        let rules = Rules::default();
        let text = "event: x\ndata: {\"pwd\":\"ab\",\"n\":1}\n\nPassword: next to come";
        assert_eq!(mask(Mask::new(&rules), text, false), text.replace("ab", "***(2)"));
    }
}
