//! What to say when the grammar is left: most people who write a wrong query write a right one of another language.

use super::Parser;
use crate::ast::{Expr, Name, Query};
use crate::error::{QueryError, Span, nearest};
use crate::lexer::{DURATIONS, Kind};
use crate::schema;

/// Stages, and what other languages call them.
pub(crate) const STAGES: [&str; 12] =
    ["where", "since", "select", "extend", "summarize", "count", "sort", "take", "top", "distinct", "join", "limit"];

const OTHER_STAGES: [(&str, &str); 20] = [
    ("filter", "where"),
    ("search", "where"),
    ("having", "where"),
    ("project", "select"),
    ("fields", "select"),
    ("derive", "extend"),
    ("let", "extend"),
    ("eval", "extend"),
    ("mutate", "extend"),
    ("group", "summarize … by"),
    ("group_by", "summarize … by"),
    ("aggregate", "summarize"),
    ("stats", "summarize"),
    ("by", "summarize … by"),
    ("head", "take"),
    ("first", "take"),
    ("uniq", "distinct"),
    ("unique", "distinct"),
    ("order_by", "sort"),
    ("sort_by", "sort"),
];

/// Something follows a query that is complete without it.
pub(super) fn after_query(parser: &Parser<'_>, query: &Query) -> QueryError {
    let token = parser.peek();
    let found = parser.source(token.span);
    let before = parser.text.get(..token.span.start).unwrap_or_default().trim_end();
    let after = parser.text.get(token.span.start..).unwrap_or_default().trim();
    let error = QueryError::new(token.span, format!("expected `|` or the end, found `{found}`"));
    let no_stage_yet = query.stages.is_empty();
    let table = schema::table(&query.table.text);
    if no_stage_yet && table.is_none() {
        return unknown_table_in(&query.table, parser.text);
    }
    let Kind::Word(word) = &token.kind else {
        return match token.kind {
            Kind::Symbol(")") => QueryError::new(token.span, "this bracket closes none"),
            Kind::Text(_) => error.hint("two values need an operator or `,` between them"),
            _ => error,
        };
    };
    let lower = word.to_ascii_lowercase();
    if lower == "group" {
        let keys = after.split_whitespace().skip(2).collect::<Vec<_>>().join(" ");
        if before.contains("summarize") {
            return error.hint(format!("{before} by {}", if keys.is_empty() { "path" } else { &keys }));
        }
        return error
            .label("SQL's GROUP BY is a stage here")
            .hint(format!("{before} | summarize count() by {}", if keys.is_empty() { "path" } else { &keys }));
    }
    if STAGES.contains(&lower.as_str()) || lower == "order" || lower == "summarise" {
        return error.label("a `|` is missing before this stage").hint(format!("{before} | {after}"));
    }
    if let Some((_, ours)) = OTHER_STAGES.iter().find(|(theirs, _)| *theirs == lower) {
        return error.hint(format!("this language says `| {ours}`"));
    }
    if number_before(parser) && DURATIONS.iter().any(|(unit, _)| unit == word) {
        return error.label("a unit follows its number without a space");
    }
    if number_before(parser) && ["b", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib"].contains(&lower.as_str()) {
        return error.label("a unit follows its number without a space");
    }
    if ["ilike", "matches", "rlike", "regexp", "regex", "match"].contains(&lower.as_str()) {
        return error.hint("`~` matches a regular expression: `path ~ '(?i)cart'`");
    }
    if lower == "offset" {
        return error.hint("rows cannot be skipped: narrow the `where`");
    }
    if before.ends_with("count") {
        return error.hint(format!("{before} by {after}"));
    }
    if lower == "descending" || lower == "ascending" {
        return error.hint(format!("`{}`", lower.trim_end_matches("ending")));
    }
    if no_stage_yet && table.is_some_and(|table| table.column(word).is_some()) {
        return error.label("conditions follow `where`").hint(format!("{before} where {after}"));
    }
    error.hint("conditions are joined by `and` or `or`, stages by `|`")
}

/// The query does not begin with a table.
pub(super) fn no_table(parser: &Parser<'_>) -> QueryError {
    let names: Vec<&str> = schema::tables().iter().map(|table| table.name).collect();
    parser.unexpected("a table").hint(format!("tables: {}", names.join(" ")))
}

/// What is no table: SQL perhaps.
pub(crate) fn unknown_table_in(name: &Name, text: &str) -> QueryError {
    let names: Vec<&str> = schema::tables().iter().map(|table| table.name).collect();
    let lower = name.text.to_ascii_lowercase();
    if lower == "select" || lower == "from" {
        let error = QueryError::new(name.span, "a query begins with a table").label("SQL's order of words is another");
        return error.hint(from_sql(text));
    }
    if STAGES.contains(&lower.as_str()) {
        return QueryError::new(name.span, "a query begins with a table").hint(format!("http | {text}"));
    }
    if crate::functions::find(&lower).is_some() {
        return QueryError::new(name.span, "a query begins with a table")
            .label("functions stand in a stage")
            .hint(format!("http | summarize {lower}(…)"));
    }
    let error = QueryError::new(name.span, format!("there is no table `{}`", name.text));
    let near = nearest(&name.text, names.iter().copied());
    let error = if let Some(near) = near.first() { error.hint(format!("did you mean `{near}`?")) } else { error };
    error.hint(format!("tables: {}", names.join(" ")))
}

/// Whether the last token was a number without a unit.
fn number_before(parser: &Parser<'_>) -> bool {
    let before = parser.at.checked_sub(1).and_then(|at| parser.tokens.get(at));
    before.is_some_and(|token| matches!(token.kind, Kind::Int(_) | Kind::Float(_)))
}

/// What follows a `|` is no stage.
pub(super) fn no_stage(parser: &Parser<'_>) -> QueryError {
    let token = parser.peek();
    let all = format!("stages: {}", STAGES.join(" "));
    let Kind::Word(word) = &token.kind else {
        return parser.unexpected("a stage after `|`").hint(all);
    };
    let error = QueryError::new(token.span, format!("there is no stage `{word}`"));
    let lower = word.to_ascii_lowercase();
    if let Some((_, ours)) = OTHER_STAGES.iter().find(|(theirs, _)| *theirs == lower) {
        return error.hint(format!("this language says `{ours}`"));
    }
    if crate::functions::is_aggregate(&lower) {
        let after = parser.text.get(token.span.start..).unwrap_or_default().trim();
        return error.label("aggregates stand in a stage").hint(format!("… | summarize {after}"));
    }
    match nearest(word, STAGES.iter().copied()).first() {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(all),
    }
}

/// What `select columns from table where …` is here.
fn from_sql(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let find = |word: &str| words.iter().position(|other| other.eq_ignore_ascii_case(word));
    let between = |from: usize, to: usize| words.get(from..to).unwrap_or_default().join(" ");
    let from = find("from").unwrap_or(words.len());
    let columns = between(1, from);
    let table = words.get(from.saturating_add(1)).copied().unwrap_or("http").trim_end_matches(';');
    let ends = ["group", "order", "limit", "having"].iter().filter_map(|word| find(word)).min().unwrap_or(words.len());
    let condition = match find("where") {
        Some(at) if at > from => format!(" {}", between(at, ends)),
        _ => String::new(),
    };
    let columns = if columns.is_empty() || columns == "*" { String::new() } else { format!(" | select {columns}") };
    format!("{table}{condition}{columns}")
}

/// `where` without a condition.
pub(super) fn empty_where(parser: &Parser<'_>) -> Result<(), QueryError> {
    match parser.peek().kind {
        Kind::End | Kind::Symbol("|") => {
            Err(parser.unexpected("a condition after `where`").hint("where status >= 500"))
        }
        _ => Ok(()),
    }
}

/// `count(…)` as a stage.
pub(super) fn count_call(parser: &Parser<'_>) -> QueryError {
    QueryError::new(parser.peek().span, "the stage `count` has no brackets")
        .hint("`| count by path` counts rows by path")
        .hint("`| summarize count() by path` is the aggregate")
}

/// `count(*)`.
pub(super) fn star_argument(parser: &Parser<'_>, name: &Name) -> QueryError {
    QueryError::new(parser.peek().span, format!("`{}(*)` is SQL", name.text))
        .hint(format!("`{}()` counts rows, `{}(column)` those where the column is not null", name.text, name.text))
}

/// `in 500`, `in [500]`.
pub(super) fn no_set(parser: &Parser<'_>) -> QueryError {
    let error = parser.unexpected("the values in brackets, or a network, after `in`");
    let found = parser.source(parser.peek().span);
    match parser.peek().kind {
        Kind::Symbol("[") => error.hint("round brackets: `in (500, 502)`"),
        Kind::End => error,
        _ => error.hint(format!("`in ({found})`")),
    }
}

/// `join inner (…)`, `join kind=left (…)`, `join pgsql on …`.
pub(super) fn join_kind(parser: &Parser<'_>) -> Option<QueryError> {
    let Kind::Word(word) = &parser.peek().kind else { return None };
    let error = QueryError::new(parser.peek().span, format!("expected `left` or a query in brackets, found `{word}`"));
    Some(match schema::table(word) {
        Some(table) => error.hint(format!("join ({}) on id == parent", table.name)),
        None => error.hint("a join is inner; `join left (…)` keeps the rows that match none"),
    })
}

/// `1 < x < 5`.
pub(super) fn chained(parser: &Parser<'_>, left: &Expr, right: &Expr) -> Result<(), QueryError> {
    let token = parser.peek();
    let Kind::Symbol(symbol @ ("=" | "==" | "!=" | "<" | "<=" | ">" | ">=")) = token.kind else { return Ok(()) };
    let first = parser.source(Span::new(left.span.end, right.span.start)).trim();
    let (left, right) = (parser.source(left.span), parser.source(right.span));
    Err(QueryError::new(token.span, "comparisons do not chain")
        .hint(format!("`{left} {first} {right} and {right} {symbol} …`"))
        .hint("`x between 1 and 5` includes both ends"))
}

/// A keyword where a value should be.
pub(super) fn misplaced(parser: &Parser<'_>, word: &str) -> Result<(), QueryError> {
    let lower = word.to_ascii_lowercase();
    let reserved = ["and", "or", "where", "by", "select", "summarize", "sort", "take", "join", "desc", "asc", "as"];
    if !reserved.contains(&lower.as_str()) {
        return Ok(());
    }
    Err(parser.unexpected("a value").hint(format!("a column of that name is written `` `{lower}` ``")))
}

/// Neither literal nor name nor bracket.
pub(super) fn no_value(parser: &Parser<'_>) -> QueryError {
    let error = parser.unexpected("a value");
    match parser.peek().kind {
        Kind::Symbol("|") => error.hint("`or` (or `||`) joins conditions; `|` begins a stage"),
        Kind::Symbol("*") => error.hint("`*` stands alone in `select *`"),
        Kind::Symbol("=" | "==") => error.hint("a comparison is `status = 500`"),
        Kind::Symbol("/") => error.hint("text is written in quotes: `path = '/cart'`"),
        Kind::Symbol("[") => error.hint("a set is in round brackets: `status in (500, 502)`"),
        _ => error,
    }
}

/// `x[1]`, `rate(http[5m])`.
pub(super) fn index(parser: &Parser<'_>, base: &Expr) -> QueryError {
    let base = parser.source(base.span);
    let error = parser.unexpected("a header's name in quotes");
    match parser.peek().kind {
        Kind::Duration(_) => error.hint("a range of time is a clause: `http since 5m | …`"),
        Kind::Word(_) => error.hint(format!("{base}['{}']", parser.source(parser.peek().span))),
        _ => error.hint(format!("{base}['content-type']")),
    }
}
