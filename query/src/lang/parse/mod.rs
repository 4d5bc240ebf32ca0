//! Tokens to [`ast`]: the grammar of INTERFACES section 3, read from left to right.

mod expr;
mod hints;
mod stage;

pub(crate) use hints::{STAGES, unknown_table_in as unknown_table};

use crate::ast::{Name, Query, Stage};
use crate::error::{QueryError, Span};
use crate::lexer::{Kind, Token, tokens};

/// How deeply brackets, `not` and joins may nest, and how many operators may follow each other without brackets.
const MAX_DEPTH: usize = 64;
const MAX_CHAIN: usize = 200;

/// Reads a query.
pub(crate) fn parse(text: &str) -> Result<Query, QueryError> {
    let tokens = tokens(text)?;
    let mut parser = Parser { text, tokens: &tokens, at: 0, depth: 0 };
    let query = parser.query()?;
    match &parser.peek().kind {
        Kind::End => Ok(query),
        _ => Err(hints::after_query(&parser, &query)),
    }
}

pub(crate) struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn query(&mut self) -> Result<Query, QueryError> {
        self.enter()?;
        let table = self.table()?;
        let mut stages: Vec<Stage> = Vec::new();
        while let Some(stage) = self.clause()? {
            stages.push(stage);
        }
        while self.symbol("|") {
            stages.push(self.stage()?);
        }
        self.leave();
        Ok(Query { table, stages })
    }

    fn table(&mut self) -> Result<Name, QueryError> {
        match &self.peek().kind {
            Kind::Word(_) | Kind::Quoted(_) => self.name("a table"),
            _ => Err(hints::no_table(self)),
        }
    }

    /// Goes one level deeper.
    fn enter(&mut self) -> Result<(), QueryError> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > MAX_DEPTH {
            return Err(QueryError::new(self.peek().span, "this is nested too deeply")
                .hint(format!("at most {MAX_DEPTH} levels are read")));
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    fn peek(&self) -> &'a Token {
        self.ahead(0)
    }

    fn ahead(&self, count: usize) -> &'a Token {
        self.tokens.get(self.at.saturating_add(count)).unwrap_or(&END)
    }

    fn advance(&mut self) -> &'a Token {
        let token = self.peek();
        self.at = self.at.saturating_add(1);
        token
    }

    /// Takes `symbol` if it comes next.
    fn symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek().kind, Kind::Symbol(next) if next == symbol);
        if found {
            self.advance();
        }
        found
    }

    /// Whether the word after `count` others is `word`.
    fn is_word(&self, count: usize, word: &str) -> bool {
        matches!(&self.ahead(count).kind, Kind::Word(next) if next.eq_ignore_ascii_case(word))
    }

    /// Takes the keyword `word` if it comes next.
    fn word(&mut self, word: &str) -> bool {
        let found = self.is_word(0, word);
        if found {
            self.advance();
        }
        found
    }

    fn expect_symbol(&mut self, symbol: &str, why: &str) -> Result<Span, QueryError> {
        let span = self.peek().span;
        if self.symbol(symbol) { Ok(span) } else { Err(self.unexpected(&format!("`{symbol}` {why}"))) }
    }

    fn expect_word(&mut self, word: &str, why: &str) -> Result<(), QueryError> {
        if self.word(word) { Ok(()) } else { Err(self.unexpected(&format!("`{word}` {why}"))) }
    }

    fn name(&mut self, what: &str) -> Result<Name, QueryError> {
        let token = self.peek();
        match &token.kind {
            Kind::Word(text) | Kind::Quoted(text) => {
                self.advance();
                Ok(Name { text: text.clone(), span: token.span })
            }
            _ => Err(self.unexpected(what)),
        }
    }

    /// "expected … found …" at the next token.
    fn unexpected(&self, expected: &str) -> QueryError {
        let token = self.peek();
        match &token.kind {
            Kind::End => QueryError::new(token.span, format!("expected {expected}, but the query ends here")),
            _ => QueryError::new(token.span, format!("expected {expected}, found `{}`", self.source(token.span))),
        }
    }

    /// The text at `span`.
    fn source(&self, span: Span) -> &'a str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// End of the last token taken.
    fn last_end(&self) -> usize {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |token| token.span.end)
    }
}

static END: Token = Token { kind: Kind::End, span: Span { start: 0, end: 0 } };
