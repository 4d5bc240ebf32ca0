//! Text to tokens, each with its place.

mod number;
mod string;

use std::net::IpAddr;

pub(crate) use number::{DURATIONS, duration};

use crate::error::{QueryError, Span};

/// The longest query that is read, in bytes.
pub(crate) const MAX_LENGTH: usize = 256 << 10;

/// A token and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// A word: name, keyword or function.
    Word(String),
    /// A name in backticks.
    Quoted(String),
    /// Whole number.
    Int(u64),
    /// Number with a fraction, or a percentage.
    Float(f64),
    /// ns.
    Duration(i64),
    /// Bytes.
    Bytes(u64),
    /// `5xx`.
    Class(u8),
    /// Text.
    Text(String),
    /// Address.
    Ip(IpAddr),
    /// Network and prefix length.
    Cidr(IpAddr, u8),
    /// Operator or bracket.
    Symbol(&'static str),
    /// After the last token.
    End,
}

/// Longer ones first.
const SYMBOLS: [&str; 22] = [
    "==", "!=", "!~", "<=", ">=", "||", "&&", "|", "=", "<", ">", "~", "!", "+", "-", "*", "/", "(", ")", "[", "]", ",",
];

/// What other languages write, and what is meant.
const FOREIGN: [(&str, &str); 9] = [
    ("=~", "`~` matches a regular expression"),
    ("<>", "`!=` is not equal"),
    ("&", "`and` (or `&&`) joins conditions"),
    ("%", "`mod(a, b)` is the remainder; a percentage has no space before it: `50%`"),
    ("{", "conditions follow `where`: `http where status = 500`"),
    ("}", "conditions follow `where`: `http where status = 500`"),
    (";", "a query has no end mark"),
    (":", "a time of day is written in quotes: `'10:15'`"),
    (".", "columns are named without a dot: `status`"),
];

/// Cuts `text` into tokens; the last one is [`Kind::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, QueryError> {
    if text.len() > MAX_LENGTH {
        let message = format!("the query is {} bytes long", text.len());
        return Err(QueryError::run(message).hint(format!("at most {MAX_LENGTH} bytes are read")));
    }
    let mut tokens = Vec::new();
    let mut at = 0_usize;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let blank = rest.len().saturating_sub(rest.trim_start().len());
        if blank > 0 {
            at = at.saturating_add(blank);
            continue;
        }
        let (kind, length) = token(text.get(..at).unwrap_or_default(), rest, at)?;
        let end = at.saturating_add(length);
        tokens.push(Token { kind, span: Span::new(at, end) });
        at = end;
    }
    tokens.push(Token { kind: Kind::End, span: Span::new(text.trim_end().len(), text.trim_end().len()) });
    Ok(tokens)
}

/// The token at the start of `rest`, which begins at byte `at` of the query, after `before`, and its length.
fn token(before: &str, rest: &str, at: usize) -> Result<(Kind, usize), QueryError> {
    let Some(first) = rest.chars().next() else { return Ok((Kind::End, 0)) };
    if let Some(found) = address(rest) {
        return Ok(found);
    }
    match first {
        '\'' | '"' => string::text(rest, at, first),
        '`' => string::name(rest, at),
        '0'..='9' => number::number(rest, at),
        _ if is_word_start(first) => {
            let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            Ok((Kind::Word(rest.get(..length).unwrap_or_default().to_owned()), length))
        }
        _ => symbol(before, rest, at, first),
    }
}

pub(crate) fn is_word_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What a name with a dot is: a text without its quotes, a header, or a column as `jq` names it.
fn dotted(before: &str, rest: &str) -> String {
    let start = before.trim_end_matches(is_word);
    let word = before.get(start.len()..).unwrap_or_default();
    let length = rest.find(|c: char| !is_word(c) && !".-/:".contains(c)).unwrap_or(rest.len());
    let after = rest.get(..length).unwrap_or_default();
    if word.ends_with("headers") || word.ends_with("trailers") {
        return format!("{word}['{}']", after.trim_start_matches('.'));
    }
    match start.trim_end().chars().last() {
        Some('=' | '<' | '>' | '~') if !word.is_empty() => format!("text is written in quotes: `'{word}{after}'`"),
        _ => "columns are named without a dot: `status`".to_owned(),
    }
}

fn symbol(before: &str, rest: &str, at: usize, first: char) -> Result<(Kind, usize), QueryError> {
    // `&` alone means nothing, `&&` does.
    let foreign = FOREIGN.iter().find(|(text, _)| rest.starts_with(text) && !rest.starts_with("&&"));
    if let Some((text, hint)) = foreign {
        let span = Span::new(at, at.saturating_add(text.len()));
        let error = QueryError::new(span, format!("`{text}` means nothing here"));
        return Err(error.hint(if *text == "." { dotted(before, rest) } else { (*hint).to_owned() }));
    }
    match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
        Some(symbol) => Ok((Kind::Symbol(symbol), symbol.len())),
        None => {
            let span = Span::new(at, at.saturating_add(first.len_utf8()));
            let shown = if first.is_control() { first.escape_unicode().to_string() } else { first.to_string() };
            Err(QueryError::new(span, format!("`{shown}` means nothing here")))
        }
    }
}

/// An address or a network: `10.1.2.3`, `fe80::1`, `10.0.0.0/8`.
fn address(rest: &str) -> Option<(Kind, usize)> {
    let first = rest.chars().next()?;
    if !first.is_ascii_hexdigit() && !rest.starts_with("::") {
        return None;
    }
    let length = rest.find(|c: char| !(c.is_ascii_hexdigit() || c == '.' || c == ':')).unwrap_or(rest.len());
    let ip: IpAddr = rest.get(..length)?.parse().ok()?;
    let after = rest.get(length..)?;
    if after.starts_with(is_word) {
        return None;
    }
    let Some(prefix) = after.strip_prefix('/') else { return Some((Kind::Ip(ip.to_canonical()), length)) };
    let digits = prefix.find(|c: char| !c.is_ascii_digit()).unwrap_or(prefix.len());
    let bits: u8 = prefix.get(..digits)?.parse().ok()?;
    let most = if ip.is_ipv4() { 32 } else { 128 };
    (bits <= most).then(|| (Kind::Cidr(ip, bits), length.saturating_add(1).saturating_add(digits)))
}

#[cfg(test)]
mod tests;
