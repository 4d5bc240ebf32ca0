//! Expressions.

use polars::prelude::*;

use super::text;
use crate::ast::{Arithmetic, Compare};
use crate::json;
use crate::plan::typed::{Constant, Member, Network, Typed, TypedKind};
use crate::store::physical::dtype;
use crate::types::Type;

/// Lowers expressions; `now` is ns since the epoch.
pub(super) struct Lower {
    pub(super) now: i64,
}

const DAY: i64 = 86_400_000_000_000;

impl Lower {
    pub(super) fn named(&self, items: &[(String, Typed)]) -> PolarsResult<Vec<Expr>> {
        items.iter().map(|(name, typed)| Ok(self.expr(typed)?.alias(name.as_str()))).collect()
    }

    pub(super) fn expr(&self, typed: &Typed) -> PolarsResult<Expr> {
        if typed.ty == Type::Null {
            return Ok(lit(NULL).cast(dtype(typed.ty)));
        }
        Ok(match &typed.kind {
            TypedKind::Column(name) => col(name.as_str()),
            TypedKind::Constant(constant) => self.constant(constant, typed.ty),
            TypedKind::Aggregate(number) => col(aggregate_name(*number)),
            TypedKind::Negate(inner) => lit(0).cast(dtype(typed.ty)) - self.cast(inner, typed.ty)?,
            TypedKind::Not(inner) => self.condition(inner)?.not(),
            TypedKind::And(terms) => self.balanced(terms, Expr::and)?,
            TypedKind::Or(terms) => self.balanced(terms, Expr::or)?,
            TypedKind::Arithmetic { op, left, right } => self.arithmetic(*op, left, right, typed.ty)?,
            TypedKind::Compare { op, left, right } => self.compare(*op, left, right)?,
            TypedKind::Match { op, negated, left, right } => {
                let found = text::matches(*op, self.expr(left)?, left.ty, self.expr(right)?, right)?;
                if *negated { found.not() } else { found }
            }
            TypedKind::In { negated, value, set } => {
                let found = self.in_set(value, set)?;
                if *negated { found.not() } else { found }
            }
            TypedKind::IsNull { negated, value } => {
                let value = self.expr(value)?;
                if *negated { value.is_not_null() } else { value.is_null() }
            }
            TypedKind::Header { base, name } => text::header(self.expr(base)?, name.clone()),
            TypedKind::Call { function, arguments } => self.call(function, arguments, typed.ty)?,
        })
    }

    pub(super) fn condition(&self, typed: &Typed) -> PolarsResult<Expr> {
        self.cast(typed, Type::Bool)
    }

    /// The value as type `ty`.
    fn cast(&self, typed: &Typed, ty: Type) -> PolarsResult<Expr> {
        let expr = self.expr(typed)?;
        Ok(if typed.ty == ty { expr } else { expr.cast(dtype(ty)) })
    }

    fn constant(&self, constant: &Constant, ty: Type) -> Expr {
        match constant {
            Constant::Null => lit(NULL).cast(dtype(ty)),
            Constant::Bool(value) => lit(*value),
            // Untyped literals of polars do not hold all of u64.
            Constant::U64(value) | Constant::Bytes(value) => exact(*value),
            Constant::I64(value) | Constant::Duration(value) => exact(*value),
            Constant::F64(value) => exact(*value),
            Constant::Text(value) => lit(value.as_str()),
            Constant::Time(value) => time(*value),
            Constant::TimeOfDay(value) => time(self.now.div_euclid(DAY).saturating_mul(DAY).saturating_add(*value)),
            Constant::Now => time(self.now),
        }
    }

    /// A time, or a duration back from now.
    pub(super) fn moment(&self, typed: &Typed) -> PolarsResult<Expr> {
        let expr = self.expr(typed)?;
        Ok(match typed.ty {
            Type::Duration => (exact(self.now) - expr).cast(dtype(Type::Time)),
            _ => expr,
        })
    }

    /// `a and b and c …` as a tree of little depth.
    fn balanced(&self, terms: &[Typed], join: fn(Expr, Expr) -> Expr) -> PolarsResult<Expr> {
        let terms = terms.iter().map(|term| self.cast(term, Type::Bool)).collect::<PolarsResult<Vec<_>>>()?;
        Ok(balanced(terms, join))
    }

    fn arithmetic(&self, op: Arithmetic, left: &Typed, right: &Typed, ty: Type) -> PolarsResult<Expr> {
        let of = |typed: &Typed, dtype: DataType| -> PolarsResult<Expr> { Ok(self.expr(typed)?.cast(dtype)) };
        let whole = if matches!(ty, Type::U64 | Type::Bytes) { DataType::UInt64 } else { DataType::Int64 };
        let fractional = ty == Type::F64 || left.ty == Type::F64 || right.ty == Type::F64;
        Ok(match op {
            Arithmetic::Divide => {
                let (a, b) = (of(left, DataType::Float64)?, of(right, DataType::Float64)?);
                let per_second = right.ty == Type::Duration && left.ty != Type::Duration;
                let quotient = if per_second { a / (b.clone() / lit(1e9)) } else { a / b.clone() };
                let quotient = when(b.eq(lit(0.0))).then(lit(NULL)).otherwise(quotient);
                if ty == Type::Duration { rounded(quotient) } else { quotient }
            }
            Arithmetic::Multiply if fractional => {
                let product = of(left, DataType::Float64)? * of(right, DataType::Float64)?;
                if ty == Type::Duration { rounded(product) } else { product }
            }
            _ if fractional => combine(op, of(left, DataType::Float64)?, of(right, DataType::Float64)?),
            _ => combine(op, of(left, whole.clone())?, of(right, whole)?).cast(dtype(ty)),
        })
    }

    fn compare(&self, op: Compare, left: &Typed, right: &Typed) -> PolarsResult<Expr> {
        let (a, b) = self.comparable(left, right)?;
        Ok(match op {
            Compare::Equal => a.eq(b),
            Compare::NotEqual => a.neq(b),
            Compare::Less => a.lt(b),
            Compare::LessEqual => a.lt_eq(b),
            Compare::Greater => a.gt(b),
            Compare::GreaterEqual => a.gt_eq(b),
        })
    }

    /// Both as one physical type, without casting a column where its literal can be cast.
    fn comparable(&self, left: &Typed, right: &Typed) -> PolarsResult<(Expr, Expr)> {
        let (a, b) = (left.ty, right.ty);
        if a == Type::Null || b == Type::Null {
            let ty = if a == Type::Null { b } else { a };
            return Ok((self.cast(left, ty)?, self.cast(right, ty)?));
        }
        if dtype(a) == dtype(b) {
            return Ok((self.expr(left)?, self.expr(right)?));
        }
        if a.is_numeric() && b.is_numeric() {
            if let Some(literal) = literal_as(right, a) {
                return Ok((self.expr(left)?, literal));
            }
            if let Some(literal) = literal_as(left, b) {
                return Ok((literal, self.expr(right)?));
            }
            let unsigned = |ty: Type| matches!(ty, Type::U16 | Type::U32 | Type::U64 | Type::Bytes);
            let small = |ty: Type| matches!(ty, Type::U16 | Type::U32 | Type::I64 | Type::Duration);
            let common = match () {
                () if unsigned(a) && unsigned(b) => DataType::UInt64,
                () if small(a) && small(b) => DataType::Int64,
                () => DataType::Float64,
            };
            return Ok((self.expr(left)?.cast(common.clone()), self.expr(right)?.cast(common)));
        }
        Ok((self.expr(left)?, self.expr(right)?))
    }

    /// Null when the value is, or when a null member leaves it open, as in SQL.
    fn in_set(&self, value: &Typed, set: &[Member]) -> PolarsResult<Expr> {
        let mut terms = Vec::new();
        let mut networks: Vec<Network> = Vec::new();
        for member in set {
            match member {
                Member::Value(member) => terms.push(self.compare(Compare::Equal, value, member)?),
                Member::Class(class) => {
                    let low = i64::from(*class) * 100;
                    let value = self.expr(value)?.cast(DataType::Int64);
                    terms.push(value.clone().gt_eq(lit(low)).and(value.lt_eq(lit(low + 99))));
                }
                Member::Network(network) => networks.push(*network),
            }
        }
        if !networks.is_empty() {
            terms.push(text::in_networks(self.expr(value)?, networks));
        }
        Ok(balanced(terms, Expr::or))
    }

    /// A key of groups. Classes are grouped by their numbers, and named by [`group_name`] when the groups are few.
    pub(super) fn group_key(&self, key: &Typed) -> PolarsResult<Expr> {
        match class_of(key) {
            Some(value) => Ok(class_number(self.expr(value)?)),
            None => self.expr(key),
        }
    }

    fn call(&self, function: &str, arguments: &[Typed], ty: Type) -> PolarsResult<Expr> {
        let of = |at: usize| self.expr(&arguments[at]);
        let first_type = arguments[0].ty;
        Ok(match function {
            "bin" => self.bin(&arguments[0], &arguments[1])?,
            "class" => text::class_name(class_number(of(0)?)),
            "json" => {
                let path = json::path(arguments[1].text().unwrap_or_default()).unwrap_or_default();
                text::json(of(0)?.cast(DataType::Binary), path)
            }
            "lower" => of(0)?.str().to_lowercase(),
            "upper" => of(0)?.str().to_uppercase(),
            "len" => match first_type {
                Type::ListString | Type::Headers => of(0)?.list().len().cast(DataType::UInt64),
                Type::Blob => text::blob_length(of(0)?),
                _ => of(0)?.str().len_chars().cast(DataType::UInt64),
            },
            "substr" => {
                // The first character is 1; a negative start counts from the end.
                let start = self.cast(&arguments[1], Type::I64)?;
                let offset = when(start.clone().gt(lit(0))).then(start.clone() - lit(1)).otherwise(start);
                match arguments.get(2) {
                    Some(length) => of(0)?.str().slice(offset, self.cast(length, Type::U64)?),
                    None => of(0)?.str().slice(offset, exact(u64::MAX)),
                }
            }
            "split" => of(0)?.str().split(of(1)?),
            "replace" => of(0)?.str().replace_all(of(1)?, of(2)?, true),
            "coalesce" => {
                let values = arguments.iter().map(|value| self.cast(value, ty)).collect::<PolarsResult<Vec<_>>>()?;
                coalesce(&values)
            }
            "iff" => {
                let condition = self.cast(&arguments[0], Type::Bool)?.fill_null(lit(false));
                when(condition).then(self.cast(&arguments[1], ty)?).otherwise(self.cast(&arguments[2], ty)?)
            }
            "round" if ty == Type::F64 => {
                let digits = match arguments.get(1).map(|digits| &digits.kind) {
                    Some(TypedKind::Constant(Constant::I64(digits))) => u32::try_from(*digits).unwrap_or(0),
                    _ => 0,
                };
                of(0)?.round(digits, RoundMode::HalfAwayFromZero)
            }
            "floor" if ty == Type::F64 => of(0)?.floor(),
            "ceil" if ty == Type::F64 => of(0)?.ceil(),
            "abs" if matches!(ty, Type::I64 | Type::F64 | Type::Duration) => of(0)?.abs(),
            "mod" => self.remainder(&arguments[0], &arguments[1], ty)?,
            // Whole numbers are their own round, floor, ceil and abs.
            _ => of(0)?,
        })
    }

    fn bin(&self, value: &Typed, width: &Typed) -> PolarsResult<Expr> {
        let ty = value.ty;
        if ty == Type::F64 {
            let width = self.cast(width, Type::F64)?;
            return Ok((self.expr(value)? / width.clone()).floor() * width);
        }
        let whole = if matches!(ty, Type::U64 | Type::Bytes) { DataType::UInt64 } else { DataType::Int64 };
        let width = self.expr(width)?.cast(whole.clone());
        let binned = self.expr(value)?.cast(whole).floor_div(width.clone()) * width;
        Ok(binned.cast(dtype(ty)))
    }

    /// The sign is that of `a`, as in SQL and C.
    fn remainder(&self, a: &Typed, b: &Typed, ty: Type) -> PolarsResult<Expr> {
        let (a, b) = (self.cast(a, ty)?, self.cast(b, ty)?);
        if matches!(ty, Type::Bytes | Type::U64 | Type::U32 | Type::U16) {
            return Ok(a % b);
        }
        let zero = || lit(0).cast(dtype(ty));
        let size = a.clone().abs() % b.clone().abs();
        let signed = when(a.lt(zero())).then(zero() - size.clone()).otherwise(size);
        Ok(when(b.eq(zero())).then(lit(NULL)).otherwise(signed))
    }
}

/// What a [`Lower::group_key`] is called in the result; null where it is that already.
pub(super) fn group_name(name: &str, key: &Typed) -> Option<Expr> {
    class_of(key).map(|_| text::class_name(col(name)))
}

/// The argument of a call of `class`.
fn class_of(key: &Typed) -> Option<&Typed> {
    match &key.kind {
        TypedKind::Call { function, arguments } if *function == "class" && key.ty != Type::Null => arguments.first(),
        _ => None,
    }
}

/// `5` of 503; null of what is no status.
fn class_number(status: Expr) -> Expr {
    let class = status.cast(DataType::Int64).floor_div(lit(100_i64));
    let known = class.clone().gt_eq(lit(1)).and(class.clone().lt_eq(lit(9)));
    when(known).then(class).otherwise(lit(NULL))
}

/// A literal of this very type.
fn exact<T>(value: T) -> Expr
where
    Scalar: From<T>,
{
    lit(Scalar::from(value))
}

/// Name of the column that holds an aggregate.
pub(super) fn aggregate_name(number: usize) -> String {
    format!("__aggregate{number}")
}

fn time(ns: i64) -> Expr {
    exact(ns).cast(dtype(Type::Time))
}

fn rounded(value: Expr) -> Expr {
    value.round(0, RoundMode::HalfAwayFromZero).cast(DataType::Int64)
}

fn combine(op: Arithmetic, a: Expr, b: Expr) -> Expr {
    match op {
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide => a / b,
    }
}

fn balanced(mut terms: Vec<Expr>, join: fn(Expr, Expr) -> Expr) -> Expr {
    while terms.len() > 1 {
        let mut next = Vec::with_capacity(terms.len().div_ceil(2));
        let mut pairs = terms.into_iter();
        while let Some(first) = pairs.next() {
            next.push(match pairs.next() {
                Some(second) => join(first, second),
                None => first,
            });
        }
        terms = next;
    }
    terms.pop().unwrap_or_else(|| lit(false))
}

/// A whole literal in the type of the column beside it, where it fits.
fn literal_as(typed: &Typed, ty: Type) -> Option<Expr> {
    let value = match typed.kind {
        TypedKind::Constant(Constant::I64(value)) => i128::from(value),
        TypedKind::Constant(Constant::U64(value) | Constant::Bytes(value)) => i128::from(value),
        _ => return None,
    };
    Some(match ty {
        Type::U16 => exact(u16::try_from(value).ok()?),
        Type::U32 => exact(u32::try_from(value).ok()?),
        Type::U64 | Type::Bytes => exact(u64::try_from(value).ok()?),
        Type::I64 => exact(i64::try_from(value).ok()?),
        _ => return None,
    })
}
