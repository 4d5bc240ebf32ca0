//! What could stand at the cursor.

use crate::error::Span;
use crate::functions::FUNCTIONS;
use crate::lexer::{Kind, Token, tokens};
use crate::parse::STAGES;
use crate::plan::Plan;
use crate::schema;
use crate::types::Type;

/// Something that could stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// What to put in place of `replace`.
    pub text: String,
    /// The part of the query that it replaces (empty: insert).
    pub replace: Span,
    /// What it is.
    pub kind: CompletionKind,
    /// Type or meaning, for the list.
    pub detail: String,
}

/// What a completion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CompletionKind {
    /// Name of a table.
    Table,
    /// Name of a column.
    Column,
    /// Word of the language.
    Keyword,
    /// Function or aggregate.
    Function,
    /// A value that the column can have.
    Value,
}

/// Candidates at byte `cursor` of `text`, best first.
#[must_use]
pub fn complete(text: &str, cursor: usize) -> Vec<Completion> {
    let before = text.get(..cursor).unwrap_or(text);
    let start = before.trim_end_matches(is_word).len();
    let (head, partial) = before.split_at(start);
    let Ok(found) = tokens(head) else { return inside_quotes(before) };
    let place = Place::of(head, &found);
    let replace = Span::new(start, start.saturating_add(partial.len()));
    rank(place.candidates(), partial, replace)
}

/// A text is begun: one that the column can have.
fn inside_quotes(before: &str) -> Vec<Completion> {
    let start = before.rfind(['\'', '"']).unwrap_or(before.len());
    let (head, partial) = before.split_at(start);
    let Ok(found) = tokens(head) else { return Vec::new() };
    let mut values = Place::of(head, &found).candidates();
    values.retain(|candidate| candidate.kind == CompletionKind::Value && candidate.text.starts_with('\''));
    rank(values, partial, Span::new(start, before.len()))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A candidate before it is known what is typed already.
struct Candidate {
    text: String,
    kind: CompletionKind,
    detail: String,
}

fn candidate(text: &str, kind: CompletionKind, detail: &str) -> Candidate {
    Candidate { text: text.to_owned(), kind, detail: detail.to_owned() }
}

/// Those that begin with what is typed, then those that contain it.
fn rank(candidates: Vec<Candidate>, partial: &str, replace: Span) -> Vec<Completion> {
    let typed = partial.trim_start_matches(['\'', '"']).to_lowercase();
    let fits = |candidate: &Candidate| {
        let name = candidate.text.trim_start_matches('\'').to_lowercase();
        match (name.starts_with(&typed), name.contains(&typed)) {
            _ if name == typed => None,
            (true, _) => Some(0),
            (false, true) => Some(1),
            _ => None,
        }
    };
    let mut found: Vec<(i32, Candidate)> = Vec::new();
    for candidate in candidates {
        if let Some(order) = fits(&candidate) {
            found.push((order, candidate));
        }
    }
    found.sort_by_key(|(order, _)| *order);
    let completion = |(_, candidate): (i32, Candidate)| Completion {
        text: candidate.text,
        replace,
        kind: candidate.kind,
        detail: candidate.detail,
    };
    found.into_iter().map(completion).collect()
}

/// Where in a query the cursor is.
enum Place {
    Table,
    Stage,
    /// After a table: a clause or a stage.
    AfterTable,
    /// Where an expression begins.
    Value {
        columns: Vec<(String, Type)>,
        aggregates: bool,
    },
    /// After a comparison with a column.
    Compared {
        columns: Vec<(String, Type)>,
        column: String,
        ty: Type,
    },
    /// After an expression.
    AfterValue {
        ty: Option<Type>,
        words: &'static [&'static str],
    },
    Nothing,
}

impl Place {
    fn of(head: &str, found: &[Token]) -> Self {
        let (query, tokens) = innermost(head, found);
        let stage_start = tokens.iter().rposition(|token| token.kind == Kind::Symbol("|"));
        let stage = stage_start.map_or(tokens, |at| tokens.get(at.saturating_add(1)..).unwrap_or_default());
        let Some(last) = tokens.last() else { return Self::Table };
        if tokens.len() == 1 && matches!(last.kind, Kind::Word(_)) {
            return Self::AfterTable;
        }
        // A `where` may follow the table without a `|`.
        let stage = if stage_start.is_none() { stage.get(1..).unwrap_or_default() } else { stage };
        let Some(Token { kind: Kind::Word(keyword), .. }) = stage.first() else { return Self::Stage };
        let keyword = keyword.to_ascii_lowercase();
        let columns = columns(query, tokens, stage_start);
        if keyword == "summarize" && stage.len() > 1 && word(last) == Some("by".to_owned()) {
            return Self::Value { columns, aggregates: false };
        }
        Self::inside(&keyword, stage, columns)
    }

    fn inside(keyword: &str, stage: &[Token], columns: Vec<(String, Type)>) -> Self {
        let Some(last) = stage.last() else { return Self::Nothing };
        let before = stage.len().checked_sub(2).and_then(|at| stage.get(at));
        let aggregates = keyword == "summarize" && !stage.iter().any(|token| word(token).as_deref() == Some("by"));
        let ty = |name: &str| columns.iter().find(|(column, _)| column.eq_ignore_ascii_case(name)).map(|(_, ty)| *ty);
        match &last.kind {
            Kind::Symbol("=" | "==" | "!=" | "<" | "<=" | ">" | ">=") => {
                match before.and_then(word).and_then(|name| Some((ty(&name)?, name))) {
                    Some((ty, column)) => Self::Compared { columns, column, ty },
                    None => Self::Value { columns, aggregates },
                }
            }
            Kind::Symbol(")" | "]") => Self::after(keyword, None),
            Kind::Symbol("*") if keyword == "select" => Self::after(keyword, None),
            Kind::Symbol("~" | "!~") => Self::Nothing,
            Kind::Symbol(_) => Self::Value { columns, aggregates },
            Kind::Word(name) => {
                let name = name.to_ascii_lowercase();
                let begins = stage.len() == 1 && !matches!(keyword, "take" | "limit" | "top" | "join" | "count");
                if begins || matches!(name.as_str(), "and" | "or" | "not" | "by" | "if" | "between" | "on") {
                    return Self::Value { columns, aggregates };
                }
                match keyword {
                    "join" | "take" | "limit" | "top" => Self::Nothing,
                    _ => Self::after(keyword, ty(&name)),
                }
            }
            Kind::Int(_) if keyword == "top" && stage.len() == 2 => Self::AfterValue { ty: None, words: &["by"] },
            _ => Self::after(keyword, None),
        }
    }

    fn after(keyword: &str, ty: Option<Type>) -> Self {
        let words: &[&str] = match keyword {
            "where" => &["and", "or", "|"],
            "summarize" => &["by", "as", "|"],
            "count" => &["by", "|"],
            "sort" | "order" | "top" => &["desc", "asc", "|"],
            "select" | "distinct" => &["as", "|"],
            "since" => &["until", "|"],
            "join" => &["on", "|"],
            _ => &["|"],
        };
        Self::AfterValue { ty: ty.filter(|_| keyword == "where"), words }
    }

    fn candidates(self) -> Vec<Candidate> {
        use CompletionKind::{Column, Function, Keyword, Table};
        let keyword = |word: &&str| candidate(word, Keyword, "");
        match self {
            Self::Table => schema::tables().iter().map(|table| candidate(table.name, Table, table.doc)).collect(),
            Self::Stage => STAGES.iter().map(keyword).collect(),
            Self::AfterTable => ["where", "since", "|"].iter().map(keyword).collect(),
            Self::Value { columns, aggregates } => {
                let mut all: Vec<Candidate> =
                    columns.iter().map(|(name, ty)| candidate(name, Column, ty.name())).collect();
                let functions = FUNCTIONS.iter().filter(|function| aggregates || !function.aggregate);
                let mut functions: Vec<Candidate> = functions
                    .map(|function| candidate(&format!("{}(", function.name), Function, function.usage))
                    .collect();
                // In `summarize` aggregates are wanted first.
                if aggregates {
                    functions.append(&mut all);
                    return functions;
                }
                all.append(&mut functions);
                all
            }
            Self::Compared { columns, column, ty } => {
                let mut all: Vec<Candidate> =
                    values(&column, ty).map(|value| candidate(value, CompletionKind::Value, ty.name())).collect();
                let same = columns.iter().filter(|(name, other)| *other == ty && *name != column);
                all.extend(same.map(|(name, ty)| candidate(name, Column, ty.name())));
                all
            }
            Self::AfterValue { ty, words } => {
                let operators = ty.map_or(&[][..], operators);
                operators.iter().chain(words).map(keyword).collect()
            }
            Self::Nothing => Vec::new(),
        }
    }
}

/// The tokens of the query that the cursor is in, which may be inside a join, and its text.
fn innermost<'a>(head: &'a str, found: &'a [Token]) -> (&'a str, &'a [Token]) {
    let tokens = found.get(..found.len().saturating_sub(1)).unwrap_or_default();
    let mut open: Vec<usize> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Symbol("(") => open.push(at),
            Kind::Symbol(")") => {
                open.pop();
            }
            _ => {}
        }
    }
    let is_join = |at: &usize| {
        let before = |count: usize| at.checked_sub(count).and_then(|at| tokens.get(at)).and_then(word);
        before(1).as_deref() == Some("join") || before(2).as_deref() == Some("join")
    };
    match open.iter().rev().find(|at| is_join(at)) {
        Some(at) => {
            let inner = tokens.get(at.saturating_add(1)..).unwrap_or_default();
            let start = tokens.get(*at).map_or(0, |token| token.span.end);
            (head.get(start..).unwrap_or_default(), inner)
        }
        None => (head, tokens),
    }
}

/// The columns before the stage that begins at `stage`.
fn columns(query: &str, tokens: &[Token], stage: Option<usize>) -> Vec<(String, Type)> {
    let first = tokens.first().map_or(0, |token| token.span.start);
    let offset = first.saturating_sub(query.len().saturating_sub(query.trim_start().len()));
    let end = stage.and_then(|at| tokens.get(at)).map(|token| token.span.start.saturating_sub(offset));
    let before = end.and_then(|end| query.get(..end)).and_then(|before| Plan::parse(before).ok());
    let table = tokens.first().and_then(word).and_then(|name| schema::table(&name));
    let mut columns: Vec<(String, Type)> = match (before, table) {
        (Some(plan), _) => plan.columns.into_iter().map(|column| (column.name, column.ty)).collect(),
        (None, Some(table)) => table.columns.iter().map(|column| (column.name.to_owned(), column.ty)).collect(),
        (None, None) => Vec::new(),
    };
    let headline = table.map_or(&[][..], |table| table.headline);
    columns.sort_by_key(|(column, _)| headline.iter().position(|name| name == column).unwrap_or(usize::MAX));
    columns
}

fn word(token: &Token) -> Option<String> {
    match &token.kind {
        Kind::Word(word) => Some(word.to_ascii_lowercase()),
        Kind::Quoted(word) => Some(word.clone()),
        _ => None,
    }
}

fn operators(ty: Type) -> &'static [&'static str] {
    match ty {
        Type::Bool => &["is null", "is not null"],
        Type::String => {
            &["=", "!=", "~", "contains", "startswith", "endswith", "like", "in (", "is null", "is not null"]
        }
        Type::Ip => &["=", "!=", "in", "not in", "is null", "is not null"],
        Type::ListString => &["contains", "is null", "is not null"],
        Type::Headers => &["['"],
        Type::Blob => &["contains", "~", "is null", "is not null"],
        _ => &["=", "!=", ">", ">=", "<", "<=", "between", "in (", "is null", "is not null"],
    }
}

/// Values that are usual for a column.
fn values(column: &str, ty: Type) -> impl Iterator<Item = &'static str> {
    let known: &[&str] = match (column, ty) {
        ("method", Type::String) => &["'GET'", "'POST'", "'PUT'", "'PATCH'", "'DELETE'", "'HEAD'", "'OPTIONS'"],
        ("status", _) => &["5xx", "4xx", "200", "404", "500", "503"],
        ("status_name", _) => {
            &["'OK'", "'CANCELLED'", "'UNKNOWN'", "'DEADLINE_EXCEEDED'", "'NOT_FOUND'", "'UNAVAILABLE'", "'INTERNAL'"]
        }
        ("rcode", _) => &["'NOERROR'", "'NXDOMAIN'", "'SERVFAIL'", "'REFUSED'"],
        ("type", _) => &["'A'", "'AAAA'", "'CNAME'", "'MX'", "'NS'", "'PTR'", "'SRV'", "'TXT'", "'HTTPS'"],
        ("role", _) => &["'client'", "'server'"],
        ("operation", _) => &["'SELECT'", "'INSERT'", "'UPDATE'", "'DELETE'", "'BEGIN'", "'COMMIT'"],
        ("txn", _) => &["'idle'", "'open'", "'failed'"],
        ("protocol", _) => &["'http'", "'grpc'", "'pgsql'", "'dns'", "'tls'"],
        ("transport", _) => &["'tcp'", "'udp'", "'unix'"],
        ("state", _) => &["'open'", "'closed'", "'half_closed'", "'failed'", "'connecting'", "'active'"],
        ("source", _) => &["'socket'", "'openssl'", "'gnutls'", "'go'", "'pcap'", "'keylog'"],
        ("scheme", _) => &["'http'", "'https'"],
        (_, Type::Bool) => &["true", "false"],
        (_, Type::Duration) => &["1ms", "10ms", "100ms", "1s"],
        (_, Type::Bytes) => &["1KiB", "1MiB"],
        (_, Type::Time) => &["now"],
        _ => &[],
    };
    known.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::complete;

    /// Candidates at the end of `text`; the first ones must be `expected`.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found = complete(text, text.len());
        let found: Vec<&str> = found.iter().map(|completion| completion.text.as_str()).take(expected.len()).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn every_place_has_its_candidates() {
        check("", &["http", "grpc", "pgsql"]);
        check("ht", &["http"]);
        check("http ", &["where", "since", "|"]);
        check("http | su", &["summarize"]);
        check("http where st", &["status", "stream"]);
        check("http where ", &["time", "process", "method", "host", "path", "status", "latency"]);
        check("http where status ", &["=", "!=", ">"]);
        check("http where status = ", &["5xx", "4xx"]);
        check("http where method = 'GET' ", &["and", "or", "|"]);
        check("http where method = 'pa", &["'PATCH'"]);
        check("http where path = 'pa", &[]);
        check("http where method = 'GET' and pa", &["path", "parent"]);
        check("http where error a", &["and"]);
        check("http | summarize p9", &["p90(", "p95(", "p99("]);
        check("http | summarize p99(lat", &["latency"]);
        check("http | summarize count() ", &["by", "as", "|"]);
        check("http | summarize count() by ro", &["role", "route"]);
        check("http | summarize n = count() by route | where ", &["route", "n"]);
        check("http | where ", &["time", "process", "method"]);
        check("http | select path | sort ", &["path"]);
        check("http | sort latency ", &["desc", "asc", "|"]);
        check("http | top 5 ", &["by"]);
        check("http | join (pg", &["pgsql"]);
        check("http | join (pgsql | summarize q = count() by parent | where ", &["parent", "q"]);
        check("dns where rcode = 'NX", &[]);
        check("dns where rcode = NX", &["'NXDOMAIN'"]);
        check("http where lower(pa", &["path", "parent"]);
    }

    #[test]
    fn the_word_at_the_cursor_is_replaced() {
        let text = "http where sta >= 500";
        let found = complete(text, 14);
        assert_eq!((found[0].text.as_str(), found[0].replace.start, found[0].replace.end), ("status", 11, 14));
        for cursor in 0..=text.len() + 3 {
            let _ = complete(text, cursor);
        }
        let _ = complete("http where é = '", 12);
    }
}
