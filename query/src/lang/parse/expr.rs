//! Expressions, from the loosest operator to the tightest.

use super::{MAX_CHAIN, Parser, hints};
use crate::ast::{Arithmetic, Compare, Expr, ExprKind, Literal, Match, Name};
use crate::error::{QueryError, Span};
use crate::lexer::{Kind, Token};

impl Parser<'_> {
    /// `or`, `and`, `not`.
    pub(super) fn expr(&mut self) -> Result<Expr, QueryError> {
        self.enter()?;
        let first = self.and()?;
        let mut terms = vec![first];
        while self.word("or") || self.symbol("||") {
            terms.push(self.and()?);
        }
        self.leave();
        Ok(joined(terms, ExprKind::Or))
    }

    fn and(&mut self) -> Result<Expr, QueryError> {
        let mut terms = vec![self.not()?];
        while self.word("and") || self.symbol("&&") {
            terms.push(self.not()?);
        }
        Ok(joined(terms, ExprKind::And))
    }

    fn not(&mut self) -> Result<Expr, QueryError> {
        let start = self.peek().span;
        if !(self.word("not") || self.symbol("!")) {
            return self.compare();
        }
        self.enter()?;
        let inner = self.not()?;
        self.leave();
        let span = start.to(inner.span);
        Ok(Expr { kind: ExprKind::Not(Box::new(inner)), span })
    }

    fn compare(&mut self) -> Result<Expr, QueryError> {
        let left = self.sum()?;
        let token = self.peek();
        if let Some(op) = compare_op(token) {
            self.advance();
            let right = self.sum()?;
            hints::chained(self, &left, &right)?;
            let span = left.span.to(right.span);
            let kind = ExprKind::Compare { op, left: Box::new(left), right: Box::new(right) };
            return Ok(Expr { kind, span });
        }
        if matches!(token.kind, Kind::Symbol("~" | "!~")) {
            let negated = token.kind == Kind::Symbol("!~");
            self.advance();
            return self.matches(left, Match::Regex, negated);
        }
        let Kind::Word(_) = token.kind else { return Ok(left) };
        if self.word("is") {
            let negated = self.word("not");
            let end = self.peek().span;
            self.expect_word("null", "after `is`").map_err(|error| {
                error.hint("`is null` asks for what was not observed; `=` compares with any other value")
            })?;
            let span = left.span.to(end);
            return Ok(Expr { kind: ExprKind::IsNull { negated, value: Box::new(left) }, span });
        }
        let negated = self.is_word(0, "not") && self.word_test_follows();
        if negated {
            self.advance();
        }
        self.word_test(left, negated)
    }

    fn word_test_follows(&self) -> bool {
        ["in", "like", "contains", "startswith", "endswith", "between"].iter().any(|word| self.is_word(1, word))
    }

    /// `in`, `between`, `like` and its kin, if one comes next.
    fn word_test(&mut self, left: Expr, negated: bool) -> Result<Expr, QueryError> {
        if self.word("in") {
            return self.in_set(left, negated);
        }
        if self.word("between") {
            let low = self.sum()?;
            self.expect_word("and", "between the two ends of `between`")
                .map_err(|error| error.hint("`status between 500 and 599`"))?;
            let high = self.sum()?;
            let span = left.span.to(high.span);
            let (value, low, high) = (Box::new(left), Box::new(low), Box::new(high));
            return Ok(Expr { kind: ExprKind::Between { negated, value, low, high }, span });
        }
        for op in [Match::Like, Match::Contains, Match::StartsWith, Match::EndsWith] {
            if self.word(op.name()) {
                return self.matches(left, op, negated);
            }
        }
        Ok(left)
    }

    fn matches(&mut self, left: Expr, op: Match, negated: bool) -> Result<Expr, QueryError> {
        let right = self.sum()?;
        let span = left.span.to(right.span);
        let (left, right) = (Box::new(left), Box::new(right));
        Ok(Expr { kind: ExprKind::Match { op, negated, left, right }, span })
    }

    fn in_set(&mut self, left: Expr, negated: bool) -> Result<Expr, QueryError> {
        let token = self.peek();
        let mut set = Vec::new();
        if matches!(token.kind, Kind::Cidr(..)) {
            self.advance();
            set.extend(literal(token).map(|literal| Expr { kind: ExprKind::Literal(literal), span: token.span }));
        } else {
            if !self.symbol("(") {
                return Err(hints::no_set(self));
            }
            loop {
                set.push(self.expr()?);
                if !self.symbol(",") {
                    break;
                }
            }
            self.expect_symbol(")", "after the values")?;
        }
        let span = Span::new(left.span.start, self.last_end());
        Ok(Expr { kind: ExprKind::In { negated, value: Box::new(left), set }, span })
    }

    pub(super) fn sum(&mut self) -> Result<Expr, QueryError> {
        self.chain(Self::product, &[("+", Arithmetic::Add), ("-", Arithmetic::Subtract)])
    }

    fn product(&mut self) -> Result<Expr, QueryError> {
        self.chain(Self::unary, &[("*", Arithmetic::Multiply), ("/", Arithmetic::Divide)])
    }

    fn chain(
        &mut self,
        operand: fn(&mut Self) -> Result<Expr, QueryError>,
        ops: &[(&'static str, Arithmetic)],
    ) -> Result<Expr, QueryError> {
        let mut left = operand(self)?;
        let mut length = 0_usize;
        loop {
            let Kind::Symbol(symbol) = self.peek().kind else { return Ok(left) };
            let Some((_, op)) = ops.iter().find(|(text, _)| *text == symbol) else { return Ok(left) };
            length = length.saturating_add(1);
            if length > MAX_CHAIN {
                return Err(QueryError::new(self.peek().span, "too many operators in one expression"));
            }
            self.advance();
            let right = operand(self)?;
            let span = left.span.to(right.span);
            let kind = ExprKind::Arithmetic { op: *op, left: Box::new(left), right: Box::new(right) };
            left = Expr { kind, span };
        }
    }

    fn unary(&mut self) -> Result<Expr, QueryError> {
        let start = self.peek().span;
        if !self.symbol("-") {
            return self.primary();
        }
        self.enter()?;
        let inner = self.unary()?;
        self.leave();
        let span = start.to(inner.span);
        Ok(Expr { kind: ExprKind::Negate(Box::new(inner)), span })
    }

    fn primary(&mut self) -> Result<Expr, QueryError> {
        let token = self.peek();
        if self.symbol("(") {
            let inner = self.expr()?;
            let end = self.expect_symbol(")", "to close the bracket")?;
            return Ok(Expr { kind: inner.kind, span: token.span.to(end) });
        }
        if let Some(literal) = literal(token) {
            self.advance();
            return Ok(Expr { kind: ExprKind::Literal(literal), span: token.span });
        }
        match &token.kind {
            Kind::Word(word)
                if self.ahead(1).kind == Kind::Symbol("(") && self.ahead(1).span.start == token.span.end =>
            {
                self.call(Name { text: word.clone(), span: token.span })
            }
            Kind::Word(word) | Kind::Quoted(word) => {
                if let Kind::Word(word) = &token.kind {
                    hints::misplaced(self, word)?;
                }
                self.advance();
                self.indexed(Expr { kind: ExprKind::Column(word.clone()), span: token.span })
            }
            _ => Err(hints::no_value(self)),
        }
    }

    fn indexed(&mut self, base: Expr) -> Result<Expr, QueryError> {
        if !self.symbol("[") {
            return Ok(base);
        }
        let token = self.peek();
        let Kind::Text(key) = &token.kind else { return Err(hints::index(self, &base)) };
        self.advance();
        let end = self.expect_symbol("]", "after the header's name")?;
        let span = base.span.to(end);
        let key = Name { text: key.clone(), span: token.span };
        Ok(Expr { kind: ExprKind::Index { base: Box::new(base), key }, span })
    }

    fn call(&mut self, name: Name) -> Result<Expr, QueryError> {
        self.advance();
        self.advance();
        let mut arguments = Vec::new();
        let mut filter = None;
        if matches!(self.peek().kind, Kind::Symbol("*")) {
            return Err(hints::star_argument(self, &name));
        }
        if !matches!(self.peek().kind, Kind::Symbol(")")) && !self.is_word(0, "if") {
            loop {
                arguments.push(self.expr()?);
                if !self.symbol(",") {
                    break;
                }
            }
        }
        if self.word("if") {
            filter = Some(Box::new(self.expr()?));
        }
        let distinct = matches!(arguments.last().map(|last| &last.kind), Some(ExprKind::Column(word)) if word.eq_ignore_ascii_case("distinct"));
        let end = self.expect_symbol(")", &format!("after the arguments of `{}`", name.text)).map_err(|error| {
            if distinct { error.hint("`dcount(path)` is the number of different values") } else { error }
        })?;
        let span = name.span.to(end);
        self.indexed(Expr { kind: ExprKind::Call { name, arguments, filter }, span })
    }
}

fn joined(mut terms: Vec<Expr>, kind: fn(Vec<Expr>) -> ExprKind) -> Expr {
    match (terms.len(), terms.first(), terms.last()) {
        (2.., Some(first), Some(last)) => {
            let span = first.span.to(last.span);
            Expr { kind: kind(terms), span }
        }
        _ => terms.remove(0),
    }
}

fn compare_op(token: &Token) -> Option<Compare> {
    match token.kind {
        Kind::Symbol("=" | "==") => Some(Compare::Equal),
        Kind::Symbol("!=") => Some(Compare::NotEqual),
        Kind::Symbol("<") => Some(Compare::Less),
        Kind::Symbol("<=") => Some(Compare::LessEqual),
        Kind::Symbol(">") => Some(Compare::Greater),
        Kind::Symbol(">=") => Some(Compare::GreaterEqual),
        _ => None,
    }
}

fn literal(token: &Token) -> Option<Literal> {
    Some(match &token.kind {
        Kind::Int(value) => Literal::Int(*value),
        Kind::Float(value) => Literal::Float(*value),
        Kind::Duration(value) => Literal::Duration(*value),
        Kind::Bytes(value) => Literal::Bytes(*value),
        Kind::Class(value) => Literal::Class(*value),
        Kind::Text(value) => Literal::Text(value.clone()),
        Kind::Ip(value) => Literal::Ip(*value),
        Kind::Cidr(value, bits) => Literal::Cidr(*value, *bits),
        Kind::Word(word) if word.eq_ignore_ascii_case("true") => Literal::Bool(true),
        Kind::Word(word) if word.eq_ignore_ascii_case("false") => Literal::Bool(false),
        Kind::Word(word) if word.eq_ignore_ascii_case("null") => Literal::Null,
        Kind::Word(word) if word.eq_ignore_ascii_case("now") => Literal::Now,
        _ => return None,
    })
}
