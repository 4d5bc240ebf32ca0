//! Checks calls of functions and aggregates.

use super::typed::{Constant, Member, Network, Typed, TypedKind};
use super::{Aggregate, AggregateKind, Checker};
use crate::ast::{Expr, ExprKind, Literal, Name};
use crate::error::{QueryError, Span, nearest};
use crate::functions::{FUNCTIONS, Function, OTHER_NAMES, find};
use crate::types::Type;

impl Checker<'_> {
    pub(super) fn call(
        &mut self,
        name: &Name,
        arguments: &[Expr],
        filter: Option<&Expr>,
        span: Span,
    ) -> Result<Typed, QueryError> {
        let Some(function) = find(&name.text) else { return Err(unknown(name)) };
        let (least, most) = function.arguments;
        if !(least..=most).contains(&arguments.len()) {
            let expected = if least == most { least.to_string() } else { format!("{least} to {most}") };
            let message = format!("`{}` takes {expected} arguments, not {}", function.name, arguments.len());
            return Err(QueryError::new(span, message).hint(format!("`{}`", function.usage)));
        }
        if function.aggregate {
            return self.aggregate(function, arguments, filter, span);
        }
        if let Some(filter) = filter {
            return Err(QueryError::new(filter.span, format!("only aggregates take an `if`, `{}` is none", name.text))
                .hint("`iff(c, a, b)` chooses between two values"));
        }
        self.function(function, arguments, span)
    }

    fn aggregate(
        &mut self,
        function: &'static Function,
        arguments: &[Expr],
        filter: Option<&Expr>,
        span: Span,
    ) -> Result<Typed, QueryError> {
        if self.aggregates.is_none() {
            let source = self.source(span);
            return Err(QueryError::new(span, format!("the aggregate `{}` stands only in `summarize`", function.name))
                .hint(format!("`| summarize x = {source} by … | where x > …`")));
        }
        if self.inside {
            return Err(QueryError::new(span, "an aggregate cannot stand inside another")
                .hint("two stages: `| summarize … | summarize …`"));
        }
        self.inside = true;
        let checked = self.aggregate_parts(function, arguments, filter, span);
        self.inside = false;
        let (aggregate, ty) = checked?;
        let aggregates = self.aggregates.get_or_insert_default();
        let at = aggregates.iter().position(|other| *other == aggregate).unwrap_or_else(|| {
            aggregates.push(aggregate);
            aggregates.len().saturating_sub(1)
        });
        Ok(Typed { kind: TypedKind::Aggregate(at), ty, span })
    }

    fn aggregate_parts(
        &mut self,
        function: &'static Function,
        arguments: &[Expr],
        filter: Option<&Expr>,
        span: Span,
    ) -> Result<(Aggregate, Type), QueryError> {
        let mut argument = arguments.first().map(|argument| self.expr(argument)).transpose()?;
        let filter = filter.map(|filter| self.condition(filter, "if")).transpose()?;
        let kind = match function.name {
            "count" => AggregateKind::Count,
            "sum" => AggregateKind::Sum,
            "avg" => AggregateKind::Avg,
            "min" => AggregateKind::Min,
            "max" => AggregateKind::Max,
            "stddev" => AggregateKind::Stddev,
            "p50" => AggregateKind::Quantile(0.5),
            "p90" => AggregateKind::Quantile(0.9),
            "p95" => AggregateKind::Quantile(0.95),
            "p99" => AggregateKind::Quantile(0.99),
            "quantile" => AggregateKind::Quantile(self.share(arguments.get(1), span)?),
            "dcount" => AggregateKind::Dcount,
            "first" => AggregateKind::First,
            "last" => AggregateKind::Last,
            "any" => AggregateKind::Any,
            "rate" => AggregateKind::Rate(self.width),
            _ => AggregateKind::ErrorRate,
        };
        match kind {
            AggregateKind::First | AggregateKind::Last => {
                self.needs(function.name, "time", Type::Time, span)?;
            }
            AggregateKind::ErrorRate => {
                self.needs(function.name, "error", Type::Bool, span)?;
                argument = Some(Typed::column("error", Type::Bool, span));
            }
            _ => {}
        }
        let ty = result(kind, argument.as_ref().map(|argument| argument.ty)).map_err(|needed| {
            let (source, ty) = argument.as_ref().map_or(("", Type::Null), |a| (self.source(a.span), a.ty));
            let message = format!("`{}` needs {needed}, but `{source}` is {}", function.name, ty.described());
            let error = QueryError::new(span, message);
            if ty == Type::Bool { error.hint(format!("`count(if {source})` counts where it is true")) } else { error }
        })?;
        Ok((Aggregate { kind, argument, filter }, ty))
    }

    /// An aggregate reads a column that it does not name.
    fn needs(&mut self, function: &str, column: &str, ty: Type, span: Span) -> Result<(), QueryError> {
        let found = self.scope.find(column).is_some_and(|found| found.ty == ty);
        if !found {
            return Err(QueryError::new(span, format!("`{function}` needs the column `{column}`, which is not here")));
        }
        self.scope.resolve(column, span).map(|_| ())
    }

    fn share(&mut self, argument: Option<&Expr>, span: Span) -> Result<f64, QueryError> {
        let typed = argument.map(|argument| self.expr(argument)).transpose()?;
        let share = match typed.as_ref().map(|typed| &typed.kind) {
            Some(TypedKind::Constant(Constant::F64(share))) => Some(*share),
            Some(TypedKind::Constant(Constant::I64(0))) => Some(0.0),
            Some(TypedKind::Constant(Constant::I64(1))) => Some(1.0),
            _ => None,
        };
        share.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| {
            QueryError::new(typed.map_or(span, |typed| typed.span), "the share must be a number from 0 to 1")
                .hint("`quantile(latency, 0.999)`, or `quantile(latency, 99.9%)`")
        })
    }

    fn function(&mut self, function: &'static Function, arguments: &[Expr], span: Span) -> Result<Typed, QueryError> {
        if function.name == "ip_in" {
            return self.ip_in(arguments, span);
        }
        let mut typed = arguments.iter().map(|argument| self.expr(argument)).collect::<Result<Vec<_>, _>>()?;
        if function.name == "header" {
            let name = typed.pop().and_then(|name| name.text().map(str::to_owned));
            return match (typed.pop(), name) {
                (Some(base), Some(name)) => self.header(base, name, span),
                _ => {
                    Err(QueryError::new(span, "`header` needs a name in quotes").hint(format!("`{}`", function.usage)))
                }
            };
        }
        if matches!(function.name, "iff" | "coalesce") {
            typed = self.one_type(function, typed)?;
        }
        let ty = self.function_type(function, &mut typed, span)?;
        Ok(Typed { kind: TypedKind::Call { function: function.name, arguments: typed }, ty, span })
    }

    fn ip_in(&mut self, arguments: &[Expr], span: Span) -> Result<Typed, QueryError> {
        let (Some(value), Some(network)) = (arguments.first(), arguments.get(1)) else {
            return Err(QueryError::new(span, "`ip_in` takes an address and a network"));
        };
        let value = self.expr(value)?;
        let value = self.coerce(value, Type::Ip)?;
        if !matches!(value.ty, Type::Ip | Type::String | Type::Null) {
            return Err(QueryError::new(
                value.span,
                format!("`ip_in` needs an address, but this is {}", value.ty.described()),
            ));
        }
        let found = match &network.kind {
            ExprKind::Literal(Literal::Cidr(address, bits)) => Some(Network { address: *address, bits: *bits }),
            ExprKind::Literal(Literal::Text(text)) => Network::parse(text),
            ExprKind::Literal(Literal::Ip(address)) => Network::parse(&address.to_string()),
            _ => None,
        };
        let Some(network) = found else {
            return Err(QueryError::new(network.span, "this is no network").hint("`ip_in(remote_addr, 10.0.0.0/8)`"));
        };
        let set = vec![Member::Network(network)];
        Ok(Typed { kind: TypedKind::In { negated: false, value: Box::new(value), set }, ty: Type::Bool, span })
    }

    /// The values of `iff` and `coalesce` have one type.
    fn one_type(&self, function: &Function, mut typed: Vec<Typed>) -> Result<Vec<Typed>, QueryError> {
        let first = usize::from(function.name == "iff");
        let Some(ty) = typed.iter().skip(first).filter(|value| value.ty != Type::Null).map(|value| value.ty).reduce(
            |a, b| match (a, b) {
                (Type::String, ty @ (Type::Ip | Type::Time | Type::Duration)) => ty,
                (a, _) => a,
            },
        ) else {
            return Ok(typed);
        };
        for at in first..typed.len() {
            let Some(slot) = typed.get_mut(at) else { continue };
            let value = std::mem::replace(slot, Typed::constant(Constant::Null, Type::Null, Span::default()));
            let value = self.coerce(value, ty)?;
            let reference = Typed { ty, ..value.clone() };
            let numbers = ty.is_number() && value.ty.is_number();
            let count_of_bytes = ty == Type::Bytes && value.ty.is_integer();
            if value.ty != ty && value.ty != Type::Null && !numbers && !count_of_bytes {
                let message = format!("`{}` needs values of one type, not {} and {}", function.name, ty, value.ty);
                return Err(QueryError::new(reference.span, message));
            }
            *slot = value;
        }
        Ok(typed)
    }

    fn function_type(&self, function: &Function, arguments: &mut [Typed], span: Span) -> Result<Type, QueryError> {
        let name = function.name;
        let wrong = |typed: &Typed, needed: &str| {
            let message =
                format!("`{name}` needs {needed}, but `{}` is {}", self.source(typed.span), typed.ty.described());
            QueryError::new(typed.span, message).hint(format!("`{}`", function.usage))
        };
        let all_text = |arguments: &[Typed]| match arguments.iter().find(|a| !is_text(a.ty)) {
            Some(typed) => Err(wrong(typed, "text")),
            None => Ok(()),
        };
        let [first, rest @ ..] = arguments else {
            return Err(QueryError::new(span, format!("`{name}` needs arguments")));
        };
        let ty = first.ty;
        Ok(match name {
            "bin" => self.bin_type(first, rest, span)?,
            "class" if ty.is_integer() || ty == Type::Null => Type::String,
            "class" => return Err(wrong(first, "a status")),
            "json" => {
                if !matches!(ty, Type::String | Type::Blob | Type::Null) {
                    return Err(wrong(first, "a body or a text"));
                }
                let path = rest.first().and_then(Typed::text).unwrap_or_default();
                if crate::json::path(path).is_none() {
                    let span = rest.first().map_or(span, |path| path.span);
                    return Err(QueryError::new(span, "this is no path into JSON").hint("`'$.order.items[0].name'`"));
                }
                Type::String
            }
            "lower" | "upper" => {
                all_text(arguments)?;
                Type::String
            }
            "replace" => {
                if let Some(typed) = rest.iter().find(|typed| typed.text().is_none()) {
                    return Err(wrong(typed, "two texts in quotes"));
                }
                all_text(arguments)?;
                Type::String
            }
            "split" => {
                all_text(arguments)?;
                Type::ListString
            }
            "len" if is_text(ty) || matches!(ty, Type::ListString | Type::Headers | Type::Blob) => Type::U64,
            "len" => return Err(wrong(first, "a text, a list or a blob")),
            "substr" => {
                if !is_text(ty) {
                    return Err(wrong(first, "a text"));
                }
                if let Some(typed) = rest.iter().find(|typed| !typed.ty.is_integer()) {
                    return Err(wrong(typed, "whole numbers for start and length"));
                }
                Type::String
            }
            "coalesce" => common(arguments),
            "iff" if matches!(ty, Type::Bool | Type::Null) => common(rest),
            "iff" => return Err(wrong(first, "a condition first")),
            "round" | "floor" | "ceil" if ty.is_numeric() => {
                let digits = rest.first();
                if let Some(typed) = digits.filter(|d| !matches!(d.kind, TypedKind::Constant(Constant::I64(0..=15)))) {
                    return Err(wrong(typed, "a number of digits from 0 to 15"));
                }
                ty
            }
            "abs" if ty == Type::F64 || ty == Type::Duration || ty.is_integer() || ty == Type::Bytes => ty,
            "mod" => mod_type(ty, rest.first().map_or(Type::Null, |b| b.ty)).ok_or_else(|| {
                let other = rest.first().map_or(Type::Null, |b| b.ty);
                QueryError::new(span, format!("`mod` does not take {} and {}", ty.described(), other.described()))
            })?,
            _ if ty == Type::Null => Type::Null,
            _ => return Err(wrong(first, "a number")),
        })
    }

    fn bin_type(&self, value: &Typed, rest: &mut [Typed], span: Span) -> Result<Type, QueryError> {
        let Some(width) = rest.first_mut() else { return Ok(value.ty) };
        if width.text().is_some() {
            *width = self.coerce(width.clone(), Type::Duration)?;
        }
        let positive = match &width.kind {
            TypedKind::Constant(Constant::Duration(width) | Constant::I64(width)) => *width > 0,
            TypedKind::Constant(Constant::F64(width)) => *width > 0.0 && width.is_finite(),
            TypedKind::Constant(Constant::Bytes(width) | Constant::U64(width)) => *width > 0,
            _ => false,
        };
        if !positive {
            return Err(QueryError::new(width.span, "the width of a bin must be a positive constant")
                .hint("`bin(time, 10s)`, `bin(latency, 5ms)`, `bin(status, 100)`"));
        }
        let fits = match value.ty {
            Type::Time | Type::Duration => width.ty == Type::Duration,
            Type::Bytes => width.ty == Type::Bytes || width.ty.is_integer(),
            Type::F64 => width.ty.is_number(),
            ty if ty.is_integer() => width.ty.is_integer(),
            Type::Null => true,
            ty => {
                return Err(QueryError::new(
                    value.span,
                    format!("`bin` needs a time or a number, not {}", ty.described()),
                ));
            }
        };
        if fits {
            return Ok(value.ty);
        }
        let error = QueryError::new(
            span,
            format!("{} cannot be put in bins of {}", value.ty.described(), width.ty.described()),
        );
        let source = self.source(width.span);
        Err(match value.ty {
            Type::Time | Type::Duration => error.hint(format!("`{source}s`, or `{source}ms`")),
            _ => error,
        })
    }
}

fn is_text(ty: Type) -> bool {
    matches!(ty, Type::String | Type::Ip | Type::Null)
}

/// The type of values that were made one type: the widest.
fn common(values: &[Typed]) -> Type {
    let known = values.iter().map(|value| value.ty).filter(|ty| *ty != Type::Null);
    known
        .reduce(|a, b| match (a, b) {
            (a, b) if a == b => a,
            (Type::F64, _) | (_, Type::F64) => Type::F64,
            (Type::Bytes, _) | (_, Type::Bytes) => Type::Bytes,
            (a, b) if a.is_integer() && b.is_integer() => Type::I64,
            (a, _) => a,
        })
        .unwrap_or(Type::Null)
}

fn mod_type(a: Type, b: Type) -> Option<Type> {
    let counted = |ty: Type| ty.is_integer() || ty == Type::Bytes;
    match (a, b) {
        (Type::Null, ty) | (ty, Type::Null) if ty.is_numeric() || ty == Type::Null => Some(ty),
        (Type::Duration, Type::Duration) => Some(Type::Duration),
        (Type::F64, b) if b.is_number() => Some(Type::F64),
        (a, Type::F64) if a.is_number() => Some(Type::F64),
        (Type::Bytes, b) if counted(b) => Some(Type::Bytes),
        (a, b) if counted(a) && counted(b) => Some(Type::I64),
        _ => None,
    }
}

/// The type of an aggregate of values of type `ty`; what is needed when they do not go together.
fn result(kind: AggregateKind, ty: Option<Type>) -> Result<Type, &'static str> {
    let ty = ty.unwrap_or(Type::Null);
    let listed = matches!(ty, Type::ListString | Type::Headers);
    let numeric = ty.is_numeric();
    match kind {
        AggregateKind::Count => Ok(Type::U64),
        AggregateKind::Rate(_) | AggregateKind::ErrorRate => Ok(Type::F64),
        _ if ty == Type::Null => Err("values"),
        AggregateKind::Sum if numeric => Ok(match ty {
            Type::U16 | Type::U32 => Type::U64,
            ty => ty,
        }),
        AggregateKind::Avg if numeric => Ok(if ty.is_number() { Type::F64 } else { ty }),
        AggregateKind::Stddev if numeric => Ok(match ty {
            Type::Duration => Type::Duration,
            _ => Type::F64,
        }),
        AggregateKind::Sum | AggregateKind::Avg | AggregateKind::Stddev => Err("numbers"),
        AggregateKind::Quantile(_) if numeric || ty == Type::Time => Ok(ty),
        AggregateKind::Quantile(_) => Err("numbers or times"),
        AggregateKind::Min | AggregateKind::Max if listed || matches!(ty, Type::Bool | Type::Blob) => {
            Err("values that have an order")
        }
        AggregateKind::Dcount if listed => Err("single values"),
        AggregateKind::Dcount => Ok(Type::U64),
        AggregateKind::First | AggregateKind::Last | AggregateKind::Any if listed => Err("single values"),
        _ => Ok(ty),
    }
}

fn unknown(name: &Name) -> QueryError {
    let error = QueryError::new(name.span, format!("there is no function `{}`", name.text));
    let lower = name.text.to_ascii_lowercase();
    if let Some((_, ours)) = OTHER_NAMES.iter().find(|(theirs, _)| *theirs == lower) {
        return error.hint(format!("this language says `{ours}`"));
    }
    match nearest(&name.text, FUNCTIONS.iter().map(|function| function.name)).first() {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => {
            let names: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
            error.hint(format!("functions: {}", names.join(" ")))
        }
    }
}
