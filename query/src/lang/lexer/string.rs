//! Texts in quotes and names in backticks.

use super::Kind;
use crate::error::{QueryError, Span};

/// A text: `\` escapes; a doubled quote is one quote, as in SQL.
pub(super) fn text(rest: &str, at: usize, quote: char) -> Result<(Kind, usize), QueryError> {
    let mut value = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((offset, c)) = chars.next() {
        if c == quote {
            if chars.next_if(|(_, next)| *next == quote).is_some() {
                value.push(quote);
                continue;
            }
            return Ok((Kind::Text(value), offset.saturating_add(c.len_utf8())));
        }
        if c != '\\' {
            value.push(c);
            continue;
        }
        let Some((_, escaped)) = chars.next() else { break };
        match escaped {
            'n' => value.push('\n'),
            't' => value.push('\t'),
            'r' => value.push('\r'),
            '0' => value.push('\0'),
            '\\' | '\'' | '"' | '`' => value.push(escaped),
            // What is no escape stays as it is: regular expressions are written `'\d+'`.
            other => value.extend(['\\', other]),
        }
    }
    Err(QueryError::new(Span::new(at, at.saturating_add(1)), format!("this {quote} has no partner"))
        .label("the text begins here and never ends")
        .hint(closing(rest, quote)))
}

/// Where the missing quote probably belongs.
fn closing(rest: &str, quote: char) -> String {
    let word: String = rest.chars().skip(1).take_while(|c| !c.is_whitespace() && *c != '|' && *c != ')').collect();
    if word.len() > 80 {
        return format!("close it where the text ends; a {quote} inside is written `\\{quote}`");
    }
    format!("close it: `{quote}{word}{quote}`; a {quote} inside is written `\\{quote}`")
}

/// A name in backticks.
pub(super) fn name(rest: &str, at: usize) -> Result<(Kind, usize), QueryError> {
    let inner = rest.get(1..).unwrap_or_default();
    match inner.find('`') {
        Some(end) => Ok((Kind::Quoted(inner.get(..end).unwrap_or_default().to_owned()), end.saturating_add(2))),
        None => Err(QueryError::new(Span::new(at, at.saturating_add(1)), "this ` has no partner")
            .label("the name begins here and never ends")),
    }
}
