//! Checks expressions: what each part is, and whether the parts go together.

use super::Checker;
use super::typed::{Constant, Typed, TypedKind};
use crate::ast::{Arithmetic, Expr, ExprKind, Literal};
use crate::error::{QueryError, Span};
use crate::lexer::duration;
use crate::time;
use crate::types::Type;

impl Checker<'_> {
    pub(super) fn source(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    pub(super) fn expr(&mut self, expr: &Expr) -> Result<Typed, QueryError> {
        let span = expr.span;
        let typed = |kind, ty| Ok(Typed { kind, ty, span });
        match &expr.kind {
            ExprKind::Literal(literal) => self.literal(literal, span),
            ExprKind::Column(name) => self.column(name, span),
            ExprKind::Index { base, key } => {
                let base = self.expr(base)?;
                self.header(base, key.text.clone(), span)
            }
            ExprKind::Call { name, arguments, filter } => self.call(name, arguments, filter.as_deref(), span),
            ExprKind::Negate(inner) => {
                let inner = self.expr(inner)?;
                self.negate(inner, span)
            }
            ExprKind::Not(inner) => {
                let inner = self.condition(inner, "not")?;
                typed(TypedKind::Not(Box::new(inner)), Type::Bool)
            }
            ExprKind::And(terms) => typed(TypedKind::And(self.conditions(terms, "and")?), Type::Bool),
            ExprKind::Or(terms) => typed(TypedKind::Or(self.conditions(terms, "or")?), Type::Bool),
            ExprKind::Arithmetic { op, left, right } => {
                let (left, right) = (self.expr(left)?, self.expr(right)?);
                self.arithmetic(*op, left, right, span)
            }
            ExprKind::Compare { op, left, right } => self.compare(*op, left, right, span),
            ExprKind::Match { op, negated, left, right } => self.matches(*op, *negated, left, right, span),
            ExprKind::In { negated, value, set } => self.in_set(*negated, value, set, span),
            ExprKind::Between { negated, value, low, high } => self.between(*negated, value, low, high, span),
            ExprKind::IsNull { negated, value } => {
                let value = Box::new(self.expr(value)?);
                typed(TypedKind::IsNull { negated: *negated, value }, Type::Bool)
            }
        }
    }

    fn conditions(&mut self, terms: &[Expr], word: &str) -> Result<Vec<Typed>, QueryError> {
        terms.iter().map(|term| self.condition(term, word)).collect()
    }

    fn literal(&self, literal: &Literal, span: Span) -> Result<Typed, QueryError> {
        let (constant, ty) = match literal {
            Literal::Null => (Constant::Null, Type::Null),
            Literal::Now => (Constant::Now, Type::Time),
            Literal::Bool(value) => (Constant::Bool(*value), Type::Bool),
            Literal::Int(value) => match i64::try_from(*value) {
                Ok(value) => (Constant::I64(value), Type::I64),
                Err(_) => (Constant::U64(*value), Type::U64),
            },
            Literal::Float(value) => (Constant::F64(*value), Type::F64),
            Literal::Duration(value) => (Constant::Duration(*value), Type::Duration),
            Literal::Bytes(value) => (Constant::Bytes(*value), Type::Bytes),
            Literal::Text(value) => (Constant::Text(value.clone()), Type::String),
            Literal::Ip(value) => (Constant::Text(value.to_string()), Type::Ip),
            Literal::Class(class) => {
                return Err(QueryError::new(span, format!("`{class}xx` stands only beside `=`, `!=` and in `in (…)`"))
                    .hint(format!("`status = {class}xx`, or `status in (4xx, 5xx)`")));
            }
            Literal::Cidr(..) => {
                let network = self.source(span);
                return Err(QueryError::new(span, "a network stands only after `in`, or in `ip_in`")
                    .hint(format!("`remote_addr in {network}`")));
            }
        };
        Ok(Typed::constant(constant, ty, span))
    }

    fn column(&mut self, name: &str, span: Span) -> Result<Typed, QueryError> {
        if self.aggregates.is_some() && !self.inside {
            if let Some((name, key)) = self.keys.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)) {
                return Ok(Typed::column(name, key.ty, span));
            }
            let column = self.scope.resolve(name, span)?;
            let name = column.name;
            return Err(QueryError::new(span, format!("`{name}` is neither aggregated nor a key"))
                .hint(format!("a key: `summarize … by {name}`"))
                .hint(format!("any value of the group: `any({name})`")));
        }
        let column = self.scope.resolve(name, span)?;
        Ok(Typed::column(&column.name, column.ty, span))
    }

    pub(super) fn header(&self, base: Typed, name: String, span: Span) -> Result<Typed, QueryError> {
        if base.ty != Type::Headers {
            return Err(QueryError::new(
                base.span,
                format!("`[…]` needs headers, but this is {}", base.ty.described()),
            )
            .hint("`req_headers['content-type']`"));
        }
        let name = name.to_ascii_lowercase();
        Ok(Typed { kind: TypedKind::Header { base: Box::new(base), name }, ty: Type::String, span })
    }

    fn negate(&self, inner: Typed, span: Span) -> Result<Typed, QueryError> {
        let constant = match &inner.kind {
            TypedKind::Constant(Constant::I64(value)) => value.checked_neg().map(Constant::I64),
            TypedKind::Constant(Constant::F64(value)) => Some(Constant::F64(-value)),
            TypedKind::Constant(Constant::Duration(value)) => value.checked_neg().map(Constant::Duration),
            _ => None,
        };
        let ty = match inner.ty {
            Type::Duration | Type::F64 | Type::Null => inner.ty,
            Type::Bytes => Type::I64,
            ty if ty.is_integer() => Type::I64,
            ty => return Err(QueryError::new(span, format!("`-` needs a number, but this is {}", ty.described()))),
        };
        let kind = constant.map_or_else(|| TypedKind::Negate(Box::new(inner)), TypedKind::Constant);
        Ok(Typed { kind, ty, span })
    }

    pub(super) fn arithmetic(
        &self,
        op: Arithmetic,
        left: Typed,
        right: Typed,
        span: Span,
    ) -> Result<Typed, QueryError> {
        let left = self.beside(left, right.ty)?;
        let right = self.beside(right, left.ty)?;
        match result(op, left.ty, right.ty) {
            Some(ty) => {
                let kind = TypedKind::Arithmetic { op, left: Box::new(left), right: Box::new(right) };
                Ok(Typed { kind, ty, span })
            }
            None => Err(self.no_arithmetic(op, &left, &right, span)),
        }
    }

    /// A text beside a time or a duration in a sum is one.
    fn beside(&self, typed: Typed, other: Type) -> Result<Typed, QueryError> {
        let Some(text) = typed.text() else { return Ok(typed) };
        match other {
            Type::Time if duration(text).is_some() => self.coerce(typed, Type::Duration),
            Type::Time | Type::Duration => self.coerce(typed, other),
            _ => Ok(typed),
        }
    }

    fn no_arithmetic(&self, op: Arithmetic, left: &Typed, right: &Typed, span: Span) -> QueryError {
        let symbol = op.symbol();
        let message = format!("`{symbol}` does not take {} and {}", left.ty.described(), right.ty.described());
        let error = QueryError::new(span, message);
        for (typed, other) in [(left, right), (right, left)] {
            let has_unit = matches!(other.ty, Type::Duration | Type::Time);
            if typed.ty.is_number() && typed.is_constant() && has_unit {
                let source = self.source(typed.span);
                return error.label(format!("`{source}` has no unit")).hint(format!("`{source}ms`, or `{source}s`"));
            }
        }
        if op == Arithmetic::Add && left.ty == Type::String && right.ty == Type::String {
            return error.hint("texts are not joined; select both columns");
        }
        error
    }

    /// Reads a text as a value of type `ty`.
    pub(super) fn coerce(&self, typed: Typed, ty: Type) -> Result<Typed, QueryError> {
        let span = typed.span;
        let Some(text) = typed.text() else { return Ok(typed) };
        let constant = match ty {
            Type::Time => match time::parse(text) {
                Some(time::Parsed::At(ns)) => Some(Constant::Time(ns)),
                Some(time::Parsed::OfDay(ns)) => Some(Constant::TimeOfDay(ns)),
                None => None,
            },
            Type::Duration => duration(text).map(Constant::Duration),
            Type::Ip => match text.parse::<std::net::IpAddr>() {
                Ok(ip) => Some(Constant::Text(ip.to_canonical().to_string())),
                // Unix sockets have their path in the address.
                Err(_) if text.starts_with(['/', '@']) => Some(Constant::Text(text.to_owned())),
                Err(_) => None,
            },
            _ => return Ok(typed),
        };
        match constant {
            Some(constant) => Ok(Typed::constant(constant, ty, span)),
            None => {
                let error = QueryError::new(span, format!("`{text}` is no {ty}"));
                Err(match ty {
                    Type::Time => error.hint("`'2026-11-22T10:00:00Z'`, or `'10:15'` for today"),
                    Type::Duration => error.hint("`200ms`, `1.5s`, `1h30m`"),
                    _ if text.contains('/') => error.hint(format!("a network stands after `in`: `in {text}`")),
                    _ => error.hint("`'10.1.2.3'`, `'::1'`, or a Unix socket's path"),
                })
            }
        }
    }
}

/// The type of `left op right`; null when they do not go together.
fn result(op: Arithmetic, left: Type, right: Type) -> Option<Type> {
    use Arithmetic::{Add, Divide, Multiply, Subtract};
    use Type::{Bytes, Duration, F64, I64, Null, Time, U64};
    let number = |ty: Type| ty.is_number();
    let unsigned = |ty: Type| matches!(ty, Type::U16 | Type::U32 | U64 | Bytes);
    Some(match (op, left, right) {
        (_, Null, Null) => Null,
        (_, Null, ty) | (_, ty, Null) if ty.is_numeric() || ty == Time => match (op, ty) {
            (Divide, Duration) if left == Duration => Duration,
            (Divide, _) => F64,
            (Subtract, Bytes) => I64,
            _ => ty,
        },
        (Add, Time, Duration) | (Add, Duration, Time) | (Subtract, Time, Duration) => Time,
        (Subtract, Time, Time) => Duration,
        (Add | Subtract, Duration, Duration) => Duration,
        (Multiply, Duration, ty) | (Multiply, ty, Duration) if number(ty) => Duration,
        (Divide, Duration, ty) if number(ty) => Duration,
        (Divide, Duration, Duration) => F64,
        (Divide, ty, Duration) if number(ty) || ty == Bytes => F64,
        (Add, Bytes, ty) | (Add, ty, Bytes) if ty.is_integer() || ty == Bytes => Bytes,
        (Subtract, Bytes, ty) | (Subtract, ty, Bytes) if ty.is_integer() || ty == Bytes => I64,
        (Multiply, Bytes, ty) | (Multiply, ty, Bytes) if ty.is_integer() => Bytes,
        (Multiply | Add | Subtract, Bytes, F64) | (Multiply | Add | Subtract, F64, Bytes) => F64,
        (Divide, a, b) if (number(a) || a == Bytes) && (number(b) || b == Bytes) => F64,
        (_, a, b) if number(a) && number(b) => match () {
            () if a == F64 || b == F64 => F64,
            () if op != Subtract && unsigned(a) && unsigned(b) => U64,
            () => I64,
        },
        _ => return None,
    })
}
