//! The shape of a statement: its text without what changes from one execution to the next.
//!
//! * Every literal (number, string of any notation, `TRUE`, `FALSE`) and every parameter is `?`; a sign before a number goes
//!   with it. `NULL` and `IS TRUE` stay: they are part of the meaning.
//! * Lists whose elements are alike are one element long: `IN (?)`, `ARRAY[?]`; so are the rows of `VALUES`.
//! * Comments are dropped, blanks are one space, and the spaces around brackets, commas and comparisons do not depend on
//!   how the text was typed. Names and keywords stay as they were written.
//! * Where the text ends early, or is no SQL that the tokenizer knows, the shape ends in ` …` there: a literal never gets
//!   into it.

use super::sql::{Kind, Lexeme};

const MASK: &str = "?";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Item<'a> {
    text: &'a str,
    kind: Kind,
    /// Blanks came before it.
    spaced: bool,
}

impl Item<'_> {
    fn is(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }

    fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    fn is_mask(&self) -> bool {
        self.kind == Kind::Param
    }
}

/// The shape of one statement. `open`: its end is missing.
pub(super) fn of(text: &str, statement: &[Lexeme], open: bool) -> String {
    let mut items: Vec<Item<'_>> = Vec::with_capacity(statement.len());
    let mut brackets: Vec<usize> = Vec::new();
    let mut spaced = false;
    let mut number_end = None;
    for lexeme in statement {
        if !lexeme.counts() {
            spaced = true;
            continue;
        }
        let here = lexeme.of(text);
        // `0b101`, `1_000`: one number to newer servers, a number and a name to the tokenizer.
        let belongs_to_number = lexeme.kind == Kind::Word && number_end == Some(lexeme.range.start);
        number_end = (lexeme.kind == Kind::Number || belongs_to_number).then_some(lexeme.range.end);
        if belongs_to_number {
            continue;
        }
        let item = Item { text: here, kind: lexeme.kind, spaced: std::mem::take(&mut spaced) };
        if is_literal(&item, items.last()) {
            push_mask(&mut items, item);
            continue;
        }
        match here {
            "(" | "[" if item.kind == Kind::Sign => brackets.push(items.len()),
            ")" | "]" if item.kind == Kind::Sign => {
                if let Some(start) = brackets.pop() {
                    collapse(&mut items, start);
                    items.push(item);
                    drop_repeated_row(&mut items, start);
                    continue;
                }
            }
            _ => {}
        }
        items.push(item);
    }
    let mut shape = render(&items);
    if open {
        shape.push_str(" …");
    }
    shape
}

fn is_literal(item: &Item<'_>, before: Option<&Item<'_>>) -> bool {
    match item.kind {
        Kind::Number | Kind::Text | Kind::Param => true,
        Kind::Word if item.is_word("true") || item.is_word("false") => {
            !before.is_some_and(|before| before.is_word("is") || before.is_word("not") || before.is("."))
        }
        _ => false,
    }
}

fn push_mask<'a>(items: &mut Vec<Item<'a>>, literal: Item<'a>) {
    let mut spaced = literal.spaced;
    // Strings that follow each other are one string.
    if literal.kind == Kind::Text && literal.spaced && items.last().is_some_and(Item::is_mask) {
        return;
    }
    if literal.kind == Kind::Number {
        while let [before @ .., sign] = items.as_slice()
            && (sign.is("-") || sign.is("+"))
            && !before.last().is_some_and(is_operand)
        {
            spaced = sign.spaced;
            items.pop();
        }
    }
    items.push(Item { text: MASK, kind: Kind::Param, spaced });
}

/// Words after which a sign is that of a number.
const BEFORE_VALUES: [&str; 24] = [
    "select",
    "and",
    "or",
    "not",
    "in",
    "like",
    "ilike",
    "between",
    "when",
    "then",
    "else",
    "case",
    "limit",
    "offset",
    "by",
    "returning",
    "values",
    "to",
    "where",
    "on",
    "having",
    "distinct",
    "default",
    "set",
];

/// Whether a sign after it is an operator between two operands.
fn is_operand(item: &Item<'_>) -> bool {
    match item.kind {
        Kind::Word => !BEFORE_VALUES.iter().any(|word| item.is_word(word)),
        Kind::Sign => item.is(")") || item.is("]"),
        _ => true,
    }
}

/// Shortens the list after the bracket at `start` to its first element, where all are alike and it is a list of values.
fn collapse(items: &mut Vec<Item<'_>>, start: usize) {
    let before = start.checked_sub(1).and_then(|index| items.get(index));
    let is_list = before.is_some_and(|before| before.is_word("in") || before.is_word("array"));
    let Some(inside) = items.get(start.saturating_add(1)..) else { return };
    if !is_list {
        return;
    }
    let mut depth = 0_usize;
    let mut elements = inside.split(|item| {
        match item.text {
            "(" | "[" if item.kind == Kind::Sign => depth = depth.saturating_add(1),
            ")" | "]" if item.kind == Kind::Sign => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && item.is(",")
    });
    let Some(first) = elements.next() else { return };
    if first.iter().any(Item::is_mask) && elements.all(|element| alike(first, element)) {
        let end = start.saturating_add(1).saturating_add(first.len());
        items.truncate(end);
    }
}

fn alike(one: &[Item<'_>], other: &[Item<'_>]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| one.kind == other.kind && one.text == other.text)
}

/// Of `(?, ?), (?, ?)`, the second of which begins at `start`, leaves the first.
fn drop_repeated_row(items: &mut Vec<Item<'_>>, start: usize) {
    let Some((before, row)) = items.split_at_checked(start) else { return };
    let [head @ .., comma] = before else { return };
    if !comma.is(",") || !head.last().is_some_and(|item| item.is(")")) || !row.iter().any(Item::is_mask) {
        return;
    }
    let Some(first) = head.len().checked_sub(row.len()) else { return };
    let Some((list, earlier)) = head.split_at_checked(first) else { return };
    if alike(earlier, row) && list.last().is_some_and(|item| item.is_word("values") || item.is(",")) {
        items.truncate(head.len());
    }
}

fn render(items: &[Item<'_>]) -> String {
    let mut shape = String::new();
    let mut before: Option<&Item<'_>> = None;
    for item in items {
        if before.is_some_and(|before| is_spaced(before, item)) {
            shape.push(' ');
        }
        shape.push_str(item.text);
        before = Some(item);
    }
    shape
}

fn is_spaced(before: &Item<'_>, item: &Item<'_>) -> bool {
    if before.is("(") || before.is("[") || item.is(")") || item.is("]") || item.is(",") || item.is(";") {
        return false;
    }
    let opens_list = item.is("(") && (before.is_word("in") || before.is_word("values"));
    before.is(",") || opens_list || is_comparison(before) || is_comparison(item) || item.spaced
}

fn is_comparison(item: &Item<'_>) -> bool {
    item.kind == Kind::Sign && matches!(item.text, "=" | "<" | ">" | "<=" | ">=" | "<>" | "!=")
}

#[cfg(test)]
mod tests {
    use crate::pgsql::sql;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let shapes: Vec<_> = sql::analyse(text, false).statements.into_iter().filter_map(|one| one.shape).collect();
        assert_eq!(shapes.join(" | "), expected);
    }

    #[test]
    fn literals_and_parameters_are_question_marks() {
        check(
            "SELECT * FROM t WHERE id = 42 AND name='bob' AND x = $1",
            "SELECT * FROM t WHERE id = ? AND name = ? AND x = ?",
        );
        check("UPDATE a SET b = b + -1421 WHERE c=-1.5e3", "UPDATE a SET b = b + ? WHERE c = ?");
        check("UPDATE a SET b = b + 77 WHERE c=9", "UPDATE a SET b = b + ? WHERE c = ?");
        check("SELECT a - 1, a-1, (a)-1, -1", "SELECT a - ?, a-?, (a)-?, ?");
        check(
            "SELECT E'it\\'s', U&'d\\0061t', B'101', X'1F', N'n', $$it's$$, $tag$ $$ $tag$",
            "SELECT ?, ?, ?, ?, ?, ?, ?",
        );
        check("SELECT 0x1F, 0b101, 1_000, 5::int, '2020-01-01'::date", "SELECT ?, ?, ?, ?::int, ?::date");
        check("SELECT 'a'\n'b'", "SELECT ?");
        check(
            "SELECT TRUE, x IS TRUE, y IS NOT FALSE, z = false, NULL, q IS NULL",
            "SELECT ?, x IS TRUE, y IS NOT FALSE, z = ?, NULL, q IS NULL",
        );
    }

    #[test]
    fn lists_of_values_have_one_length() {
        check("SELECT 1 FROM t WHERE a IN (1,2, 3) AND b in($1)", "SELECT ? FROM t WHERE a IN (?) AND b in (?)");
        check("SELECT 1 WHERE (a, b) IN ((1,2),(3,4))", "SELECT ? WHERE (a, b) IN ((?, ?))");
        check("SELECT 1 WHERE a IN (SELECT 1)", "SELECT ? WHERE a IN (SELECT ?)");
        check("SELECT 1 WHERE a = ANY(ARRAY[1,2])", "SELECT ? WHERE a = ANY(ARRAY[?])");
        check(
            "INSERT INTO t(a,b) VALUES (1,'x'), (2,'y'),(3 , 'z') RETURNING id",
            "INSERT INTO t(a, b) VALUES (?, ?) RETURNING id",
        );
        check("INSERT INTO t VALUES (1, DEFAULT), (2, 3)", "INSERT INTO t VALUES (?, DEFAULT), (?, ?)");
        check("SELECT f(1, 2)", "SELECT f(?, ?)");
    }

    #[test]
    fn blanks_and_comments_do_not_matter() {
        check("select\t *\r\n  from t -- all of it\n where /* c */ id=$1 ;", "select * from t where id = ?");
        check("BEGIN; END", "BEGIN | END");
        check("SELECT \"We ird\" . \"x\"\"y\" FROM s.t", "SELECT \"We ird\" . \"x\"\"y\" FROM s.t");
    }

    #[test]
    fn what_is_no_sql_ends_the_shape_before_it() {
        check("SELECT a, 'secret", "SELECT a, …");
        check("'secret", "");
        check("SELECT $$secret", "SELECT …");
        let cut = sql::analyse("INSERT INTO t VALUES (12", true);
        assert_eq!(cut.statements[0].shape.as_deref(), Some("INSERT INTO t VALUES (? …"));
    }
}
