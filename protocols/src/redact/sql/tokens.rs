//! SQL's tokens (PostgreSQL, 4.1), as far as names and literals need them.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or a name, also in quotes.
    Word,
    /// `=`, `<>`, `~*`, …
    Operator,
    /// A string or a number.
    Literal,
    /// `$1` is 1.
    Parameter(usize),
    /// Anything else, by itself.
    Other,
}

/// A token and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) start: usize,
    /// What stands before and after the content of a string.
    quotes: (usize, usize),
}

impl<'a> Token<'a> {
    /// Whether it is that keyword.
    pub(super) fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    /// A name without its quotes.
    pub(super) fn name(&self) -> &'a str {
        self.text.trim_matches('"')
    }

    /// Where the content of a string is.
    pub(super) fn inner_range(&self) -> (usize, usize) {
        let end = self.start.saturating_add(self.text.len());
        (self.start.saturating_add(self.quotes.0), end.saturating_sub(self.quotes.1))
    }

    pub(super) fn inner(&self) -> &'a str {
        let end = self.text.len().saturating_sub(self.quotes.1);
        self.text.get(self.quotes.0..end).unwrap_or_default()
    }
}

/// The tokens of a text, without comments and blanks.
struct Tokens<'a> {
    sql: &'a str,
    at: usize,
}

pub(super) fn tokens(sql: &str) -> Vec<Token<'_>> {
    Tokens { sql, at: 0 }.collect()
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let rest = self.sql.get(self.at..)?;
            let first = rest.chars().next()?;
            let start = self.at;
            let comment = rest.starts_with("--").then(|| rest.find('\n').unwrap_or(rest.len()));
            let comment = comment.or_else(|| {
                rest.starts_with("/*").then(|| rest.find("*/").map_or(rest.len(), |end| end.saturating_add(2)))
            });
            let (kind, length, quotes) = match comment {
                Some(length) => {
                    self.at = start.saturating_add(length.max(1));
                    continue;
                }
                None if first.is_whitespace() => {
                    self.at = start.saturating_add(first.len_utf8());
                    continue;
                }
                None => token(rest, first),
            };
            self.at = start.saturating_add(length.max(first.len_utf8()));
            return Some(Token { kind, text: self.sql.get(start..self.at)?, start, quotes });
        }
    }
}

/// Kind, length and quotes of the token at the beginning of `rest`.
fn token(rest: &str, first: char) -> (Kind, usize, (usize, usize)) {
    let run = |fits: fn(char) -> bool| rest.find(|c| !fits(c)).unwrap_or(rest.len());
    match first {
        '\'' => string(rest, 1, false),
        'e' | 'E' if rest.get(1..).is_some_and(|rest| rest.starts_with('\'')) => string(rest, 2, true),
        '"' => {
            let end = rest.get(1..).and_then(|inner| inner.find('"')).map_or(rest.len(), |at| at.saturating_add(2));
            (Kind::Word, end, (0, 0))
        }
        '$' => dollar(rest),
        _ if first.is_ascii_digit() => (Kind::Literal, run(|c| c.is_ascii_alphanumeric() || c == '.'), (0, 0)),
        _ if first.is_alphabetic() || first == '_' => (Kind::Word, run(|c| c.is_alphanumeric() || c == '_'), (0, 0)),
        _ if "=<>!~".contains(first) => (Kind::Operator, run(|c| "=<>!~*".contains(c)), (0, 0)),
        _ => (Kind::Other, first.len_utf8(), (0, 0)),
    }
}

/// A string from its first quote on; two quotes are one, and in `E'…'` a backslash escapes.
fn string(rest: &str, open: usize, escapes: bool) -> (Kind, usize, (usize, usize)) {
    let bytes = rest.as_bytes();
    let mut at = open;
    while let Some(byte) = bytes.get(at) {
        let next = at.saturating_add(1);
        match byte {
            b'\\' if escapes => at = at.saturating_add(2),
            b'\'' if bytes.get(next) == Some(&b'\'') => at = at.saturating_add(2),
            b'\'' => return (Kind::Literal, next, (open, 1)),
            _ => at = next,
        }
    }
    (Kind::Literal, rest.len(), (open, 0))
}

/// `$1`, or `$tag$ … $tag$`.
fn dollar(rest: &str) -> (Kind, usize, (usize, usize)) {
    let after = rest.get(1..).unwrap_or_default();
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    if digits > 0 {
        let number = after.get(..digits).and_then(|digits| digits.parse().ok()).unwrap_or(usize::MAX);
        return (Kind::Parameter(number), digits.saturating_add(1), (0, 0));
    }
    let tag = after.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(after.len());
    if !after.get(tag..).is_some_and(|rest| rest.starts_with('$')) {
        return (Kind::Other, 1, (0, 0));
    }
    let quote = tag.saturating_add(2);
    let tag = rest.get(..quote).unwrap_or_default();
    match rest.get(quote..).and_then(|inner| inner.find(tag)) {
        Some(end) => (Kind::Literal, end.saturating_add(quote.saturating_mul(2)), (quote, quote)),
        None => (Kind::Literal, rest.len(), (quote, 0)),
    }
}
