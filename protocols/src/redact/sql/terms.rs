//! Terms: the parts of a statement in which everything has to do with everything.
//!
//! `crypt('hunter2', salt) = password` is one, and its literal is as secret as its column. Keywords and the commas of lists
//! end a term, those between a function's arguments do not.

use super::tokens::{Kind, Token};
use crate::redact::deep::Mask;
use crate::redact::names::Secrecy;

/// By token: how secret the names in its term are.
pub(super) fn secrecy(rules: Mask<'_>, tokens: &[Token<'_>]) -> Vec<Secrecy> {
    let mut reader = Reader { term: 0, terms: vec![Secrecy::None], frames: Vec::new() };
    let mut of_token = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.iter().enumerate() {
        let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at));
        reader.step(token, [before(2), before(1)]);
        of_token.push(reader.term);
        let next = tokens.get(at.saturating_add(1));
        if token.kind == Kind::Word && is_column(token, before(1), next) {
            reader.note(rules.judge(token.name()));
        }
    }
    of_token.into_iter().map(|term| reader.terms.get(term).copied().unwrap_or(Secrecy::None)).collect()
}

struct Reader {
    /// The current one.
    term: usize,
    terms: Vec<Secrecy>,
    /// Of the open parentheses: whether they hold arguments, and the term around them.
    frames: Vec<(bool, usize)>,
}

impl Reader {
    fn step(&mut self, token: &Token<'_>, before: [Option<&Token<'_>>; 2]) {
        let [_, last] = before;
        match (token.kind, token.text) {
            (Kind::Other, "(") => self.frames.push((is_call(before), self.term)),
            (Kind::Other, ")") => {
                if let Some((_, term)) = self.frames.pop() {
                    self.term = term;
                }
            }
            (Kind::Other, ",") if self.frames.last().is_some_and(|(is_call, _)| *is_call) => {}
            (Kind::Other, "," | ";") => self.begin(),
            (Kind::Word, word) => {
                let is_test = word.eq_ignore_ascii_case("FROM") && last.is_some_and(|last| last.is("DISTINCT"));
                if !is_test && ENDS.iter().any(|end| word.eq_ignore_ascii_case(end)) {
                    self.begin();
                }
            }
            _ => {}
        }
    }

    fn begin(&mut self) {
        self.term = self.terms.len();
        self.terms.push(Secrecy::None);
    }

    fn note(&mut self, secrecy: Secrecy) {
        if let Some(term) = self.terms.get_mut(self.term) {
            *term = match (*term, secrecy) {
                (Secrecy::Always, _) | (_, Secrecy::Always) => Secrecy::Always,
                (Secrecy::Text, _) | (_, Secrecy::Text) => Secrecy::Text,
                _ => Secrecy::None,
            };
        }
    }
}

/// Whether a parenthesis holds the arguments of a function.
fn is_call([earlier, last]: [Option<&Token<'_>>; 2]) -> bool {
    let Some(last) = last.filter(|last| last.kind == Kind::Word) else { return false };
    let names_table = earlier.is_some_and(|word| ["TABLE", "INTO", "EXISTS", "JOIN"].iter().any(|key| word.is(key)));
    !names_table && !NO_FUNCTIONS.iter().any(|key| last.is(key))
}

/// Whether a word may name a column or setting, rather than a table or a kind of statement.
fn is_column(token: &Token<'_>, before: Option<&Token<'_>>, next: Option<&Token<'_>>) -> bool {
    let after = |keywords: &[&str]| before.is_some_and(|before| keywords.iter().any(|key| before.is(key)));
    let qualifies = next.is_some_and(|next| next.text == ".");
    let is_keyword = (token.is("SESSION") && after(&["SET", "RESET", "SHOW", "AS", "DISCARD"]))
        || (token.is("AUTHORIZATION") && after(&["SESSION", "SCHEMA"]));
    // `SET app.session.id`: a setting's name is all of its parts; of a column's only the last counts.
    !qualifies && !is_keyword
}

/// Keywords that end a term.
const ENDS: [&str; 25] = [
    "AND",
    "OR",
    "WHERE",
    "SET",
    "SELECT",
    "FROM",
    "RETURNING",
    "ORDER",
    "GROUP",
    "LIMIT",
    "OFFSET",
    "HAVING",
    "JOIN",
    "ON",
    "USING",
    "VALUES",
    "INTO",
    "VALID",
    "WHEN",
    "THEN",
    "ELSE",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "WITH",
];

/// Keywords before a parenthesis that begins a list or a group.
const NO_FUNCTIONS: [&str; 18] = [
    "IN", "VALUES", "ANY", "ALL", "SOME", "AS", "AND", "OR", "NOT", "WHERE", "SET", "SELECT", "ON", "BY", "KEY",
    "USING", "OPTIONS", "WHEN",
];
