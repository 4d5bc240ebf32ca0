//! SQL text: its tokens (by `sqlparser`'s tokenizer), its statements, and the operation of each.

use std::ops::Range;

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Location, Token, Tokenizer, Whitespace};

use super::shape;
use crate::session::TraceContext;

/// What a token is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Blanks and line ends.
    Space,
    /// A comment.
    Comment,
    /// A keyword or an identifier without quotes.
    Word,
    /// An identifier in double quotes.
    Quoted,
    /// A number.
    Number,
    /// A string of any notation.
    Text,
    /// `$1`.
    Param,
    /// All else.
    Sign,
}

/// A token and where it is in the text, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lexeme {
    pub(super) kind: Kind,
    pub(super) range: Range<usize>,
}

impl Lexeme {
    pub(super) fn of<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.range.clone()).unwrap_or_default()
    }

    /// Whether it says something.
    pub(super) fn counts(&self) -> bool {
        !matches!(self.kind, Kind::Space | Kind::Comment)
    }
}

/// The tokens of `text`, up to the first place that is no SQL; whether that is the end.
pub(super) fn tokens(text: &str) -> (Vec<Lexeme>, bool) {
    let dialect = PostgreSqlDialect {};
    let mut found = Vec::new();
    let whole = Tokenizer::new(&dialect, text).with_unescape(false).tokenize_with_location_into_buf(&mut found).is_ok();
    let mut walk = Walk::new(text);
    let mut lexemes = Vec::with_capacity(found.len());
    for token in found {
        let start = walk.offset;
        walk.go_to(token.span.end);
        lexemes.push(Lexeme { kind: kind(&token.token), range: start..walk.offset });
    }
    (lexemes, whole)
}

fn kind(token: &Token) -> Kind {
    match token {
        Token::Whitespace(Whitespace::Space | Whitespace::Newline | Whitespace::Tab) => Kind::Space,
        Token::Whitespace(_) => Kind::Comment,
        Token::Word(word) if word.quote_style.is_some() => Kind::Quoted,
        Token::Word(_) => Kind::Word,
        Token::Number(..) => Kind::Number,
        Token::Placeholder(_) => Kind::Param,
        Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::TripleSingleQuotedString(_)
        | Token::TripleDoubleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::SingleQuotedByteStringLiteral(_)
        | Token::DoubleQuotedByteStringLiteral(_)
        | Token::TripleSingleQuotedByteStringLiteral(_)
        | Token::TripleDoubleQuotedByteStringLiteral(_)
        | Token::SingleQuotedRawStringLiteral(_)
        | Token::DoubleQuotedRawStringLiteral(_)
        | Token::TripleSingleQuotedRawStringLiteral(_)
        | Token::TripleDoubleQuotedRawStringLiteral(_)
        | Token::NationalStringLiteral(_)
        | Token::QuoteDelimitedStringLiteral(_)
        | Token::NationalQuoteDelimitedStringLiteral(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::HexStringLiteral(_) => Kind::Text,
        _ => Kind::Sign,
    }
}

/// From the tokenizer's lines and columns (in characters, from 1) to bytes.
struct Walk<'a> {
    bytes: &'a [u8],
    offset: usize,
    line: u64,
    column: u64,
}

impl<'a> Walk<'a> {
    fn new(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), offset: 0, line: 1, column: 1 }
    }

    fn go_to(&mut self, end: Location) {
        while (self.line, self.column) < (end.line, end.column) {
            let Some(byte) = self.bytes.get(self.offset) else { return };
            self.offset = self.offset.saturating_add(1);
            while self.bytes.get(self.offset).is_some_and(|next| next & 0xC0 == 0x80) {
                self.offset = self.offset.saturating_add(1);
            }
            if *byte == b'\n' {
                self.line = self.line.saturating_add(1);
                self.column = 1;
            } else {
                self.column = self.column.saturating_add(1);
            }
        }
    }
}

/// One statement of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// Where it is, without what surrounds it and without the semicolon.
    pub(super) range: Range<usize>,
    /// First keyword, upper case; of `WITH … INSERT` the verb that the server reports.
    pub(super) operation: Option<String>,
    /// The text without its literals.
    pub(super) shape: Option<String>,
}

/// What a text consists of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Analysis {
    /// In order; none in a text of blanks and comments.
    pub(super) statements: Vec<Statement>,
    /// From a comment in the form of sqlcommenter.
    pub(super) trace: Option<TraceContext>,
}

/// Takes `text` apart. `cut`: its end is missing.
pub(super) fn analyse(text: &str, cut: bool) -> Analysis {
    let (lexemes, whole) = tokens(text);
    let trace =
        lexemes.iter().filter(|lexeme| lexeme.kind == Kind::Comment).find_map(|lexeme| traceparent(lexeme.of(text)));
    let mut pieces: Vec<&[Lexeme]> = split(text, &lexemes).into_iter().filter_map(trim).collect();
    if pieces.is_empty() && !whole && !lexemes.is_empty() {
        pieces.push(&lexemes);
    }
    let count = pieces.len();
    let statements = pieces.into_iter().enumerate().map(|(index, piece)| {
        let is_last = index.saturating_add(1) == count;
        let start = piece.first().map_or(0, |lexeme| lexeme.range.start);
        let mut end = piece.last().map_or(text.len(), |lexeme| lexeme.range.end);
        if is_last && !whole {
            end = text.len();
        }
        let shape = shape::of(text, piece, is_last && (cut || !whole));
        Statement { range: start..end, operation: operation(text, piece), shape: Some(shape) }
    });
    Analysis { statements: statements.collect(), trace }
}

/// Cuts at the semicolons that end statements: not those inside parentheses (`CREATE RULE … DO (…; …)`), and not those
/// in the body of a function in standard SQL (`CREATE FUNCTION … BEGIN ATOMIC …; END`).
fn split<'a>(text: &str, lexemes: &'a [Lexeme]) -> Vec<&'a [Lexeme]> {
    let mut pieces = Vec::new();
    let (mut start, mut depth, mut bodies) = (0_usize, 0_usize, 0_usize);
    let mut words: Vec<&str> = Vec::new();
    for (index, lexeme) in lexemes.iter().enumerate() {
        match (lexeme.kind, lexeme.of(text)) {
            (Kind::Sign, "(") => depth = depth.saturating_add(1),
            (Kind::Sign, ")") => depth = depth.saturating_sub(1),
            (Kind::Sign, ";") if depth == 0 && bodies == 0 => {
                pieces.push(lexemes.get(start..index).unwrap_or_default());
                start = index.saturating_add(1);
                words.clear();
            }
            (Kind::Word, word) => {
                if words.len() < 4 {
                    words.push(word);
                }
                if depth == 0 && makes_routine(&words) {
                    if word.eq_ignore_ascii_case("begin") || (bodies > 0 && word.eq_ignore_ascii_case("case")) {
                        bodies = bodies.saturating_add(1);
                    } else if word.eq_ignore_ascii_case("end") {
                        bodies = bodies.saturating_sub(1);
                    }
                }
            }
            _ => {}
        }
    }
    pieces.push(lexemes.get(start..).unwrap_or_default());
    pieces
}

fn makes_routine(words: &[&str]) -> bool {
    let is = |index: usize, word: &str| words.get(index).is_some_and(|found| found.eq_ignore_ascii_case(word));
    let routine = |index| is(index, "function") || is(index, "procedure");
    is(0, "create") && (routine(1) || (is(1, "or") && is(2, "replace") && routine(3)))
}

/// Without blanks and comments at either end; null when nothing is left.
fn trim(piece: &[Lexeme]) -> Option<&[Lexeme]> {
    let first = piece.iter().position(Lexeme::counts)?;
    let last = piece.iter().rposition(Lexeme::counts)?;
    piece.get(first..=last)
}

fn operation(text: &str, piece: &[Lexeme]) -> Option<String> {
    let mut words = piece.iter().filter(|lexeme| lexeme.counts());
    let first = words.find(|lexeme| lexeme.of(text) != "(")?;
    if first.kind != Kind::Word {
        return None;
    }
    let word = first.of(text).to_ascii_uppercase();
    if word != "WITH" {
        return Some(word);
    }
    let mut depth = 0_usize;
    for lexeme in words {
        match (lexeme.kind, lexeme.of(text)) {
            (Kind::Sign, "(") => depth = depth.saturating_add(1),
            (Kind::Sign, ")") => depth = depth.saturating_sub(1),
            (Kind::Word, verb) if depth == 0 => {
                let verb = verb.to_ascii_uppercase();
                if matches!(verb.as_str(), "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "VALUES" | "TABLE") {
                    return Some(verb);
                }
            }
            _ => {}
        }
    }
    Some(word)
}

/// `traceparent='00-TRACE-SPAN-01'` in a comment (sqlcommenter specification; W3C Trace Context).
fn traceparent(comment: &str) -> Option<TraceContext> {
    let (_, value) = comment.split_once("traceparent='")?;
    let (value, _) = value.split_once('\'')?;
    let mut parts = value.split('-');
    let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, len: usize| {
        text.len() == len && text.bytes().all(|byte| byte.is_ascii_hexdigit()) && text.bytes().any(|byte| byte != b'0')
    };
    if version.len() != 2 || !is_hex(trace, 32) || !is_hex(span, 16) {
        return None;
    }
    Some(TraceContext { trace_id: trace.to_ascii_lowercase(), span_id: Some(span.to_ascii_lowercase()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let found = analyse(text, false).statements;
        let found: Vec<_> = found
            .iter()
            .map(|one| (text.get(one.range.clone()).unwrap(), one.operation.as_deref().unwrap_or("-")))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn statements_are_cut_where_the_server_cuts_them() {
        check("SELECT 1", &[("SELECT 1", "SELECT")]);
        check("  begin ;select ';' ; commit;  ", &[("begin", "BEGIN"), ("select ';'", "SELECT"), ("commit", "COMMIT")]);
        check("-- nothing;\n /* at ; /* all; */ */ ;;", &[]);
        check(
            "DO $$ BEGIN PERFORM 1; END $$; SELECT 2",
            &[("DO $$ BEGIN PERFORM 1; END $$", "DO"), ("SELECT 2", "SELECT")],
        );
        let rule = "CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO a VALUES (1); INSERT INTO b VALUES (2))";
        check(&format!("{rule};"), &[(rule, "CREATE")]);
        let function =
            "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END";
        check(&format!("{function}; SELECT f()"), &[(function, "CREATE"), ("SELECT f()", "SELECT")]);
        check(
            "SELECT 'grün ☃', \"a;b\";\r\nSELECT E'\\';' -- x",
            &[("SELECT 'grün ☃', \"a;b\"", "SELECT"), ("SELECT E'\\';'", "SELECT")],
        );
    }

    #[test]
    fn the_operation_is_the_verb_that_the_server_reports() {
        check("(select 1) union (select 2)", &[("(select 1) union (select 2)", "SELECT")]);
        let with = "with recursive t(n) as (select 1) insert into x select * from t";
        check(with, &[(with, "INSERT")]);
        check("/* c */ explain select 1", &[("explain select 1", "EXPLAIN")]);
        check("\"quoted\"", &[("\"quoted\"", "-")]);
    }

    #[test]
    fn a_trace_is_read_from_a_comment() {
        let text = "SELECT 1 /*traceparent='00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'*/";
        let trace = analyse(text, false).trace.unwrap();
        assert_eq!(trace.trace_id, "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace.span_id.as_deref(), Some("b7ad6b7169203331"));
        assert_eq!(
            analyse("SELECT 'traceparent=''00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'''", false).trace,
            None
        );
    }
}
