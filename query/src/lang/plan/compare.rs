//! Checks comparisons, sets and tests of text.

use super::Checker;
use super::typed::{Constant, Member, Network, Typed, TypedKind};
use crate::ast::{Compare, Expr, ExprKind, Literal, Match};
use crate::error::{QueryError, Span};
use crate::types::Type;

impl Checker<'_> {
    pub(super) fn compare(&mut self, op: Compare, left: &Expr, right: &Expr, span: Span) -> Result<Typed, QueryError> {
        for (value, other) in [(left, right), (right, left)] {
            if let ExprKind::Literal(Literal::Class(class)) = other.kind {
                return self.class(op, value, other, class, span);
            }
        }
        let (left, right) = self.pair(left, right)?;
        let symbol = self.source(Span::new(left.span.end, right.span.start)).trim().to_owned();
        self.comparable(&symbol, &left, &right, span)?;
        let ordered = !matches!(op, Compare::Equal | Compare::NotEqual);
        if ordered && matches!(left.ty, Type::Ip) {
            return Err(QueryError::new(span, "addresses have no order").hint("`remote_addr in 10.0.0.0/8`"));
        }
        if ordered && left.ty == Type::Bool {
            return Err(QueryError::new(span, "true and false have no order"));
        }
        let kind = TypedKind::Compare { op, left: Box::new(left), right: Box::new(right) };
        Ok(Typed { kind, ty: Type::Bool, span })
    }

    /// Both sides, a text read as what stands beside it.
    fn pair(&mut self, left: &Expr, right: &Expr) -> Result<(Typed, Typed), QueryError> {
        let first = self.expr(left)?;
        let second = self.value_beside(&first, right)?;
        let first = self.coerce(first, second.ty)?;
        let second = self.coerce(second, first.ty)?;
        Ok((first, second))
    }

    /// `right` beside `left`: a bare word that is no column is probably a text without quotes.
    fn value_beside(&mut self, left: &Typed, right: &Expr) -> Result<Typed, QueryError> {
        self.expr(right).map_err(|error| match &right.kind {
            ExprKind::Column(word)
                if matches!(left.ty, Type::String | Type::Ip | Type::Time | Type::Duration)
                    && self.scope.find(word).is_none() =>
            {
                let source = self.source(left.span);
                let mut error = error;
                if ["none", "nil", "undefined"].contains(&word.to_ascii_lowercase().as_str()) {
                    error.hints.insert(0, format!("`{source} is null`"));
                    return error;
                }
                error.hints.insert(0, format!("text is written in quotes: `{source} = '{word}'`"));
                error.hints.truncate(1);
                error
            }
            _ => error,
        })
    }

    /// `status = 5xx`.
    fn class(&mut self, op: Compare, value: &Expr, literal: &Expr, class: u8, span: Span) -> Result<Typed, QueryError> {
        let negated = match op {
            Compare::Equal => false,
            Compare::NotEqual => true,
            _ => {
                return Err(QueryError::new(literal.span, format!("`{class}xx` goes with `=`, `!=` and `in` only"))
                    .hint(format!("`{} >= {class}00`", self.source(value.span))));
            }
        };
        let value = Box::new(self.expr(value)?);
        let member = self.class_member(&value, class, literal.span)?;
        Ok(Typed { kind: TypedKind::In { negated, value, set: vec![member] }, ty: Type::Bool, span })
    }

    fn class_member(&self, value: &Typed, class: u8, span: Span) -> Result<Member, QueryError> {
        match value.ty {
            ty if ty.is_integer() || ty == Type::Null => Ok(Member::Class(class)),
            Type::String => {
                let text = Constant::Text(format!("{class}xx"));
                Ok(Member::Value(Typed::constant(text, Type::String, span)))
            }
            ty => Err(QueryError::new(span, format!("`{class}xx` goes with a status, but this is {}", ty.described()))),
        }
    }

    pub(super) fn in_set(
        &mut self,
        negated: bool,
        value: &Expr,
        set: &[Expr],
        span: Span,
    ) -> Result<Typed, QueryError> {
        let value = self.expr(value)?;
        let mut members = Vec::new();
        for expr in set {
            members.push(match expr.kind {
                ExprKind::Literal(Literal::Class(class)) => self.class_member(&value, class, expr.span)?,
                ExprKind::Literal(Literal::Cidr(address, bits)) => {
                    if !matches!(value.ty, Type::Ip | Type::Null) {
                        let message = format!("a network holds addresses, but this is {}", value.ty.described());
                        return Err(QueryError::new(value.span, message));
                    }
                    Member::Network(Network { address, bits })
                }
                _ => {
                    let member = self.value_beside(&value, expr)?;
                    self.member(&value, member)?
                }
            });
        }
        Ok(Typed { kind: TypedKind::In { negated, value: Box::new(value), set: members }, ty: Type::Bool, span })
    }

    fn member(&self, value: &Typed, member: Typed) -> Result<Member, QueryError> {
        if value.ty == Type::Ip
            && let Some(network) = member.text().filter(|text| text.contains('/') && !text.starts_with('/'))
        {
            return Network::parse(network)
                .map(Member::Network)
                .ok_or_else(|| QueryError::new(member.span, format!("`{network}` is no network")));
        }
        let member = self.coerce(member, value.ty)?;
        self.comparable("in", value, &member, member.span)?;
        Ok(Member::Value(member))
    }

    pub(super) fn between(
        &mut self,
        negated: bool,
        value: &Expr,
        low: &Expr,
        high: &Expr,
        span: Span,
    ) -> Result<Typed, QueryError> {
        let at_least = self.compare(Compare::GreaterEqual, value, low, span)?;
        let at_most = self.compare(Compare::LessEqual, value, high, span)?;
        let both = Typed { kind: TypedKind::And(vec![at_least, at_most]), ty: Type::Bool, span };
        let kind = if negated { TypedKind::Not(Box::new(both)) } else { both.kind };
        Ok(Typed { kind, ty: Type::Bool, span })
    }

    pub(super) fn matches(
        &mut self,
        op: Match,
        negated: bool,
        left: &Expr,
        right: &Expr,
        span: Span,
    ) -> Result<Typed, QueryError> {
        let left = self.expr(left)?;
        let right = self.value_beside(&left, right)?;
        let name = op.name();
        let text = matches!(left.ty, Type::String | Type::Ip | Type::Blob | Type::Null);
        let element = op == Match::Contains && left.ty == Type::ListString;
        if !(text || element) {
            let source = self.source(left.span);
            let error = QueryError::new(left.span, format!("`{name}` tests text, but this is {}", left.ty.described()));
            return Err(match left.ty {
                Type::Headers => error.hint(format!("one header: `{source}['content-type'] {name} …`")),
                Type::ListString => error.hint(format!("`{source} contains 'x'` tests whole elements")),
                ty if ty.is_numeric() => error.hint(format!("`{source} = …`, `{source} between … and …`")),
                _ => error,
            });
        }
        if !matches!(right.ty, Type::String | Type::Null) {
            return Err(QueryError::new(
                right.span,
                format!("`{name}` needs a text, but this is {}", right.ty.described()),
            )
            .hint(format!("in quotes: `'{}'`", self.source(right.span))));
        }
        if matches!(op, Match::Regex | Match::Like) {
            let Some(pattern) = right.text() else {
                return Err(QueryError::new(right.span, format!("`{name}` needs a pattern in quotes")));
            };
            if op == Match::Regex {
                valid_regex(pattern, right.span)?;
            }
        }
        let kind = TypedKind::Match { op, negated, left: Box::new(left), right: Box::new(right) };
        Ok(Typed { kind, ty: Type::Bool, span })
    }

    /// Whether the two can be compared; the error names both types.
    pub(super) fn comparable(&self, symbol: &str, left: &Typed, right: &Typed, span: Span) -> Result<(), QueryError> {
        let counted = |ty: Type| ty.is_number() || ty == Type::Bytes;
        let (a, b) = (left.ty, right.ty);
        let whole = |ty: Type| matches!(ty, Type::Headers | Type::ListString | Type::Blob);
        if a == Type::Null || b == Type::Null {
            if !whole(a) && !whole(b) {
                return Ok(());
            }
            let ty = if a == Type::Null { b } else { a };
            return Err(QueryError::new(span, format!("{} is not compared", ty.described())).hint("`… is null`"));
        }
        let same = a == b && !whole(a);
        if same || (counted(a) && counted(b)) {
            return Ok(());
        }
        let (left_source, right_source) = (self.source(left.span), self.source(right.span));
        let what = format!("`{left_source}` is {}, but `{right_source}` is {}", a.described(), b.described());
        let error = QueryError::new(span, what);
        Err(match (a, b) {
            (Type::Duration, ty) if ty.is_number() => {
                let form = |unit| format!("{left_source} {symbol} {right_source}{unit}");
                error.label("a duration needs a unit").hint(format!("`{}`, or `{}`", form("ms"), form("s")))
            }
            (ty, Type::Duration) if ty.is_number() && left.is_constant() => {
                error.label("a duration needs a unit").hint(format!("`{left_source}ms {symbol} {right_source}`"))
            }
            (ty, Type::String) if counted(ty) && right.text().is_some_and(is_number) => {
                let number = right.text().unwrap_or_default();
                error.label("numbers have no quotes").hint(format!("`{left_source} {symbol} {number}`"))
            }
            (Type::String, ty) if counted(ty) && right.is_constant() => {
                error.hint(format!("`{left_source} {symbol} '{right_source}'`"))
            }
            (Type::Bool, Type::String) => error.hint(format!("`{left_source} {symbol} true`")),
            (Type::Bool, ty) if counted(ty) => error.hint(format!("`{left_source}`, or `not {left_source}`")),
            (Type::Headers, _) => error.hint(format!("one header: `{left_source}['content-type'] {symbol} …`")),
            (Type::ListString, _) => error.hint(format!("`{left_source} contains {right_source}`")),
            (Type::Blob, _) => error.hint(format!("`{left_source} contains {right_source}`")),
            _ => error,
        })
    }
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

fn valid_regex(pattern: &str, span: Span) -> Result<(), QueryError> {
    match regex::Regex::new(pattern) {
        Ok(_) => Ok(()),
        Err(regex::Error::CompiledTooBig(_)) => Err(QueryError::new(span, "this regular expression is too large")),
        Err(error) => {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Err(QueryError::new(span, format!("this is no regular expression: {reason}"))
                .hint("`contains` searches for plain text"))
        }
    }
}
