//! SQL text and its parameters: what belongs to a column, setting or role option that is named like a secret.
//!
//! Not a parser: it knows which name a literal or parameter is compared with, assigned to, or inserted under. A literal
//! that belongs to no name stays; a parameter that belongs to none is not to be trusted.

use super::masked;
use super::names::{self, Secrecy};

/// What a statement says of its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    /// The text with its secret literals masked.
    pub(super) masked: String,
    /// By number, from `$1`: belongs only to columns that are no secrets. Null: not in the text.
    harmless: Vec<Option<bool>>,
}

impl Columns {
    /// Whether the parameter (from 0) belongs to a column, and to none that is secret.
    pub(super) fn is_harmless(&self, at: usize) -> bool {
        self.harmless.get(at).copied().flatten() == Some(true)
    }
}

/// Most parameters of a statement (the protocol counts them in 16 bits).
const MOST_PARAMETERS: usize = 1 << 16;

/// Reads a statement, whole or cut.
pub(super) fn read(sql: &str) -> Columns {
    let tokens: Vec<Token<'_>> = Tokens { sql, at: 0 }.collect();
    let mut reader = Reader::default();
    let mut columns = Columns { masked: String::with_capacity(sql.len()), harmless: Vec::new() };
    let mut copied = 0;
    for (at, token) in tokens.iter().enumerate() {
        reader.step(token, tokens.get(at.saturating_sub(1)..at).and_then(<[_]>::first));
        let name = || reader.name().or_else(|| compared_after(tokens.get(at.saturating_add(1)..).unwrap_or_default()));
        match token.kind {
            Kind::Literal => {
                let secrecy = name().map_or(Secrecy::None, |name| names::judge(&name));
                if secrecy != Secrecy::None && secrecy.covers(token.inner()) {
                    let (start, end) = token.inner_range();
                    columns.masked.push_str(sql.get(copied..start).unwrap_or_default());
                    columns.masked.push_str(&masked(token.inner()));
                    copied = end;
                }
            }
            Kind::Parameter(number) => {
                let open = name().is_some_and(|name| names::judge(&name) == Secrecy::None);
                let slot = number.saturating_sub(1);
                if slot < MOST_PARAMETERS {
                    if columns.harmless.len() <= slot {
                        columns.harmless.resize(slot.saturating_add(1), None);
                    }
                    if let Some(harmless) = columns.harmless.get_mut(slot) {
                        *harmless = Some(open && *harmless != Some(false));
                    }
                }
            }
            Kind::Word | Kind::Operator | Kind::Other => {}
        }
    }
    columns.masked.push_str(sql.get(copied..).unwrap_or_default());
    columns
}

/// Which name what comes next belongs to.
#[derive(Debug, Default)]
struct Reader {
    depth: usize,
    last_word: Option<String>,
    /// Names that are being compared or assigned, with the depth at which that ends.
    names: Vec<(usize, String)>,
    between: bool,
    insert: Insert,
}

/// `INSERT INTO t (a, b) VALUES (…, …)`.
#[derive(Debug, Default)]
enum Insert {
    #[default]
    No,
    /// After INTO.
    Table,
    Columns(Vec<String>),
    /// After VALUES; which value of the row it is, inside the parentheses at that depth.
    Values {
        columns: Vec<String>,
        at: usize,
        depth: usize,
    },
}

impl Reader {
    fn name(&self) -> Option<String> {
        if let Some((_, name)) = self.names.last() {
            return Some(name.clone());
        }
        match &self.insert {
            Insert::Values { columns, at, depth } if self.depth > *depth => columns.get(*at).cloned(),
            _ => None,
        }
    }

    fn step(&mut self, token: &Token<'_>, before: Option<&Token<'_>>) {
        match (token.kind, token.text) {
            (Kind::Other, "(") => {
                self.depth = self.depth.saturating_add(1);
                if let Insert::Table = self.insert {
                    self.insert = Insert::Columns(Vec::new());
                }
            }
            (Kind::Other, ")") => {
                self.depth = self.depth.saturating_sub(1);
                let depth = self.depth;
                self.names.retain(|(at, _)| *at <= depth);
            }
            (Kind::Other, "," | ";") => self.separator(),
            (Kind::Operator, _) => self.belongs_to_word(),
            (Kind::Word, word) => self.word(word, before),
            _ => {}
        }
    }

    fn separator(&mut self) {
        let here = self.depth;
        self.names.retain(|(depth, _)| *depth < here);
        if let Insert::Values { at, depth, .. } = &mut self.insert {
            *at = if here == *depth {
                0
            } else if here == depth.saturating_add(1) {
                at.saturating_add(1)
            } else {
                *at
            };
        }
    }

    fn belongs_to_word(&mut self) {
        if let Some(name) = self.last_word.take() {
            self.names.push((self.depth, name));
        }
    }

    fn word(&mut self, word: &str, before: Option<&Token<'_>>) {
        match word.to_ascii_uppercase().as_str() {
            "AND" if std::mem::take(&mut self.between) => {}
            "AND" | "OR" | "WHERE" | "FROM" | "RETURNING" | "ORDER" | "GROUP" | "LIMIT" | "OFFSET" | "SELECT" => {
                let here = self.depth;
                self.names.retain(|(depth, _)| *depth < here);
                self.last_word = None;
            }
            "LIKE" | "ILIKE" | "IN" | "TO" | "SIMILAR" => self.belongs_to_word(),
            "BETWEEN" => {
                self.between = true;
                self.belongs_to_word();
            }
            "NOT" | "ANY" | "ALL" | "ENCRYPTED" => {}
            // `CREATE ROLE … PASSWORD '…'`.
            "PASSWORD" if before.is_some_and(|before| before.kind != Kind::Operator) => {
                self.last_word = Some("password".to_owned());
                if !matches!(self.insert, Insert::Columns(_)) {
                    self.names.push((self.depth, "password".to_owned()));
                }
                self.column("password");
            }
            "INTO" => self.insert = Insert::Table,
            "VALUES" => {
                if let Insert::Columns(columns) = std::mem::take(&mut self.insert) {
                    self.insert = Insert::Values { columns, at: 0, depth: self.depth };
                }
            }
            _ => {
                let name = word.trim_matches('"');
                // `PASSWORD NULL`, or a column of that name with something after it.
                if self.names.last().is_some_and(|(depth, name)| *depth == self.depth && name == "password") {
                    self.names.pop();
                }
                self.column(name);
                self.last_word = Some(name.to_owned());
            }
        }
    }

    fn column(&mut self, name: &str) {
        if let Insert::Columns(columns) = &mut self.insert
            && self.depth > 0
        {
            columns.push(name.to_owned());
        }
    }
}

/// The name in `… = name`, after a literal.
fn compared_after(rest: &[Token<'_>]) -> Option<String> {
    match rest {
        [operator, name, ..] if operator.kind == Kind::Operator && name.kind == Kind::Word => {
            Some(name.text.trim_matches('"').to_owned())
        }
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Operator,
    /// A string or a number.
    Literal,
    Parameter(usize),
    Other,
}

#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    start: usize,
    /// What stands before and after the content of a string.
    quotes: (usize, usize),
}

impl<'a> Token<'a> {
    fn inner_range(&self) -> (usize, usize) {
        let end = self.start.saturating_add(self.text.len());
        (self.start.saturating_add(self.quotes.0), end.saturating_sub(self.quotes.1))
    }

    fn inner(&self) -> &'a str {
        let end = self.text.len().saturating_sub(self.quotes.1);
        self.text.get(self.quotes.0..end).unwrap_or_default()
    }
}

struct Tokens<'a> {
    sql: &'a str,
    at: usize,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sql: &str, expect: &str) {
        assert_eq!(read(sql).masked, expect);
    }

    #[test]
    fn literals_of_secret_columns() {
        check("UPDATE u SET password = 'hunter2', name='x'", "UPDATE u SET password = '***(7)', name='x'");
        check(
            "SELECT 1 FROM u WHERE u.\"apiKey\" = 'it''s' AND a = 'b'",
            "SELECT 1 FROM u WHERE u.\"apiKey\" = '***(5)' AND a = 'b'",
        );
        check("SELECT 'x' WHERE 'abc' = secret", "SELECT 'x' WHERE '***(3)' = secret");
        check(
            "SELECT 1 WHERE token IN ('aa', 'b') OR n IN (1)",
            "SELECT 1 WHERE token IN ('***(2)', '***(1)') OR n IN (1)",
        );
        check(
            "UPDATE u SET password = crypt('pw', gen_salt('bf')), a = 'b'",
            "UPDATE u SET password = crypt('***(2)', gen_salt('***(2)')), a = 'b'",
        );
        check("SELECT $$a$$, secret = $q$b$q$", "SELECT $$a$$, secret = $q$***(1)$q$");
    }

    #[test]
    fn inserted_values() {
        check(
            "INSERT INTO u (id, pwd, password, n) VALUES (1, 'a', 'bb', 'c'), (2, 'd', 'ee', f('x'))",
            "INSERT INTO u (id, pwd, password, n) VALUES (1, '***(1)', '***(2)', 'c'), (2, '***(1)', '***(2)', f('x'))",
        );
    }

    #[test]
    fn roles_and_settings() {
        check("ALTER ROLE bob WITH PASSWORD 'pw'", "ALTER ROLE bob WITH PASSWORD '***(2)'");
        check(
            "CREATE USER bob ENCRYPTED PASSWORD E'p\\'w' LOGIN",
            "CREATE USER bob ENCRYPTED PASSWORD E'***(4)' LOGIN",
        );
        check("SET my.jwt_secret TO 'abc'", "SET my.jwt_secret TO '***(3)'");
        check("SET search_path = 'abc'", "SET search_path = 'abc'");
        check("ALTER ROLE bob PASSWORD 'cut", "ALTER ROLE bob PASSWORD '***(3)");
    }

    #[test]
    fn parameters_belong_to_columns_or_are_not_trusted() {
        let columns = read("SELECT f($1) FROM u WHERE id = $2 AND password = $3 AND n BETWEEN $4 AND $5 LIMIT $6");
        let harmless: Vec<bool> = (0..7).map(|at| columns.is_harmless(at)).collect();
        assert_eq!(harmless, [false, true, false, true, true, false, false]);
        let columns = read("INSERT INTO u (name, token) VALUES ($1, $2)");
        assert!(columns.is_harmless(0) && !columns.is_harmless(1));
        let columns = read("UPDATE u SET a = $1 WHERE secret = $1");
        assert!(!columns.is_harmless(0));
    }
}
