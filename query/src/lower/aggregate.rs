//! `summarize`: what goes in is computed as columns first, then grouped, then put together.

use polars::prelude::*;

use super::expr::{Lower, aggregate_name, group_name};
use super::sorting;
use crate::plan::typed::Typed;
use crate::plan::{Aggregate, AggregateKind, Range, Summary};
use crate::query::Context;
use crate::store::physical::dtype;
use crate::types::Type;

const SECOND: f64 = 1e9;

pub(super) fn summarize(
    frame: LazyFrame,
    summary: &Summary,
    lower: &Lower,
    context: &Context,
) -> PolarsResult<LazyFrame> {
    let mut frame = inputs(frame, summary, lower)?;
    let keys = key_columns(summary);
    let rows = if keys.is_empty() { all_rows(&mut frame)? } else { len() };
    let mut grouped: Vec<Expr> = vec![rows.clone().alias(ROWS)];
    let mut finished = Vec::new();
    for (number, aggregate) in summary.aggregates.iter().enumerate() {
        grouped.extend(grouping(number, aggregate, &rows));
        let seconds = seconds(aggregate.kind, summary.range.as_ref(), lower, context);
        let found = col(aggregate_name(number));
        finished.push(finish(number, aggregate, found, seconds, true).alias(aggregate_name(number)));
    }
    let frame = if keys.is_empty() { frame.select(grouped) } else { frame.group_by(keys).agg(grouped) };
    shaped(frame.with_columns(finished), summary, lower)
}

/// The number of all rows. polars' short cut for `len()` alone, over several files, needs a type that is not compiled in.
fn all_rows(frame: &mut LazyFrame) -> PolarsResult<Expr> {
    let schema = frame.collect_schema()?;
    let first = schema.iter_names().next().map(|name| col(name.clone()));
    Ok(first.map_or_else(len, |first| first.clone().count() + first.null_count()))
}

pub(super) fn key_columns(summary: &Summary) -> Vec<Expr> {
    summary.keys.iter().map(|(name, _)| col(name.as_str())).collect()
}

/// Keys in order, and what the query asks of the finished aggregates.
pub(super) fn shaped(frame: LazyFrame, summary: &Summary, lower: &Lower) -> PolarsResult<LazyFrame> {
    let keys = key_columns(summary);
    let outputs = lower.named(&summary.outputs)?;
    let frame = match keys.len() {
        0 => frame,
        count => frame.sort_by_exprs(keys.clone(), sorting(vec![false; count])),
    };
    let named: Vec<Expr> = summary.keys.iter().filter_map(|(name, key)| group_name(name, key)).collect();
    let frame = if named.is_empty() { frame } else { frame.with_columns(named) };
    Ok(frame.select(keys.into_iter().chain(outputs).collect::<Vec<_>>()))
}

/// One column for each key and for each value that an aggregate reads, and nothing else: a key may have the name of a
/// column that an aggregate reads.
pub(super) fn inputs(frame: LazyFrame, summary: &Summary, lower: &Lower) -> PolarsResult<LazyFrame> {
    let key = |(name, typed): &(String, Typed)| Ok(lower.group_key(typed)?.alias(name.as_str()));
    let mut columns = summary.keys.iter().map(key).collect::<PolarsResult<Vec<_>>>()?;
    let mut own = Vec::new();
    for (number, aggregate) in summary.aggregates.iter().enumerate() {
        if let Some(value) = value(aggregate, lower)? {
            columns.push(value.alias(input(number)));
            own.push(col(input(number)));
        }
        if matches!(aggregate.kind, AggregateKind::First | AggregateKind::Last) {
            columns.push(col("time").alias(time_of(number)));
            own.push(col(time_of(number)));
        }
    }
    if columns.is_empty() {
        return Ok(frame);
    }
    let names: Vec<Expr> = summary.keys.iter().map(|(name, _)| col(name.as_str())).chain(own).collect();
    // All are computed of the rows as they came; `select` would make one row of constants.
    Ok(frame.with_columns(columns).select(names))
}

pub(super) const ROWS: &str = "__rows";

pub(super) fn input(number: usize) -> String {
    format!("__input{number}")
}

pub(super) fn time_of(number: usize) -> String {
    format!("__time{number}")
}

/// Number of values that are not null.
pub(super) fn values(number: usize) -> String {
    format!("__values{number}")
}

/// What an aggregate reads of a row: null where its condition does not hold, which every aggregate passes over. None for
/// those that count rows.
fn value(aggregate: &Aggregate, lower: &Lower) -> PolarsResult<Option<Expr>> {
    let filter = aggregate.filter.as_ref().map(|filter| condition(filter, lower)).transpose()?;
    let argument = aggregate.argument.as_ref().map(|argument| lower.expr(argument)).transpose()?;
    let ty = aggregate.argument.as_ref().map_or(Type::Null, |argument| argument.ty);
    let argument = argument.map(|value| widened(value, ty, aggregate.kind));
    Ok(match (argument, filter) {
        (Some(value), Some(filter)) => Some(when(filter).then(value).otherwise(lit(NULL))),
        (Some(value), None) => Some(value),
        (None, Some(filter)) => Some(when(filter).then(lit(true)).otherwise(lit(NULL))),
        (None, None) => None,
    })
}

/// What is computed of each group: the aggregate, and how many values it had.
fn grouping(number: usize, aggregate: &Aggregate, rows: &Expr) -> Vec<Expr> {
    if aggregate.argument.is_none() && aggregate.filter.is_none() {
        return vec![rows.clone().alias(aggregate_name(number))];
    }
    let column = || col(input(number));
    let found = match aggregate.kind {
        AggregateKind::Count | AggregateKind::Rate(_) => column().count(),
        AggregateKind::Sum | AggregateKind::ErrorRate => column().sum(),
        AggregateKind::Avg => column().mean(),
        AggregateKind::Min => column().min(),
        AggregateKind::Max => column().max(),
        AggregateKind::Stddev => column().std(1),
        AggregateKind::Quantile(_) => column().drop_nulls().implode(false),
        AggregateKind::Dcount => column().drop_nulls().n_unique(),
        AggregateKind::Any => column().drop_nulls().first(),
        AggregateKind::First | AggregateKind::Last => {
            let by_time = SortMultipleOptions::default().with_maintain_order(true);
            let ordered = column().sort_by([col(time_of(number))], by_time).drop_nulls();
            if aggregate.kind == AggregateKind::First { ordered.first() } else { ordered.last() }
        }
    };
    vec![found.alias(aggregate_name(number)), column().count().alias(values(number))]
}

fn condition(filter: &Typed, lower: &Lower) -> PolarsResult<Expr> {
    Ok(lower.condition(filter)?.fill_null(lit(false)))
}

/// Sums of small numbers do not fit into them; means and deviations are floating-point.
fn widened(value: Expr, ty: Type, kind: AggregateKind) -> Expr {
    match (kind, ty) {
        (AggregateKind::Sum, Type::U16 | Type::U32) => value.cast(DataType::UInt64),
        (AggregateKind::Avg | AggregateKind::Stddev, _) => value.cast(DataType::Float64),
        _ => value,
    }
}

/// From what was grouped to the aggregate's value; quantiles are still lists where `listed`.
pub(super) fn finish(number: usize, aggregate: &Aggregate, found: Expr, seconds: Option<f64>, listed: bool) -> Expr {
    let ty = aggregate.argument.as_ref().map_or(Type::Null, |argument| argument.ty);
    let count = || col(values(number));
    let rounded = |value: Expr, to: DataType| value.round(0, RoundMode::HalfAwayFromZero).cast(to);
    match aggregate.kind {
        AggregateKind::Count | AggregateKind::Dcount => found.cast(DataType::UInt64),
        AggregateKind::Rate(_) => match seconds {
            Some(seconds) => found.cast(DataType::Float64) / lit(seconds),
            None => lit(NULL).cast(DataType::Float64),
        },
        AggregateKind::Sum => when(count().gt(lit(0))).then(found).otherwise(lit(NULL)),
        AggregateKind::ErrorRate => {
            let share = found.cast(DataType::Float64) / count().cast(DataType::Float64);
            when(count().gt(lit(0))).then(share).otherwise(lit(NULL))
        }
        AggregateKind::Avg if matches!(ty, Type::Duration | Type::Bytes) => rounded(found, dtype(ty)),
        AggregateKind::Stddev if ty == Type::Duration => rounded(found, DataType::Int64),
        AggregateKind::Quantile(share) if listed => quantile(found, share, ty),
        _ => found,
    }
}

/// Picks one element of every list: the smallest that a share of the list does not exceed (DuckDB's `quantile_disc`).
fn quantile(lists: Expr, share: f64, ty: Type) -> Expr {
    let pick = move |column: Column| {
        let lists = column.list()?;
        let picked = match dtype(ty) {
            DataType::Float64 => lists
                .amortized_iter()
                .map(|list| pick_f64(list.as_ref().map(AsRef::as_ref), share))
                .collect::<PolarsResult<Float64Chunked>>()?
                .into_series(),
            DataType::UInt64 => lists
                .amortized_iter()
                .map(|list| pick_u64(list.as_ref().map(AsRef::as_ref), share))
                .collect::<PolarsResult<UInt64Chunked>>()?
                .into_series(),
            _ => lists
                .amortized_iter()
                .map(|list| pick_i64(list.as_ref().map(AsRef::as_ref), share))
                .collect::<PolarsResult<Int64Chunked>>()?
                .into_series(),
        };
        Ok(picked.with_name(column.name().clone()).cast(&dtype(ty))?.into_column())
    };
    lists.map(pick, move |_, field| Ok(Field::new(field.name().clone(), dtype(ty))))
}

macro_rules! pick {
    ($name:ident, $native:ty, $dtype:expr, $get:ident, $compare:expr) => {
        fn $name(list: Option<&Series>, share: f64) -> PolarsResult<Option<$native>> {
            let Some(list) = list else { return Ok(None) };
            let cast = list.cast(&$dtype)?;
            let mut values: Vec<$native> = cast.$get()?.iter().flatten().collect();
            let Some(rank) = rank(values.len(), share) else { return Ok(None) };
            let (_, value, _) = values.select_nth_unstable_by(rank, $compare);
            Ok(Some(*value))
        }
    };
}

pick!(pick_i64, i64, DataType::Int64, i64, |a, b| a.cmp(b));
pick!(pick_u64, u64, DataType::UInt64, u64, |a, b| a.cmp(b));
pick!(pick_f64, f64, DataType::Float64, f64, |a, b| a.total_cmp(b));

/// `ceil(n q) - 1`, at least 0.
pub(super) fn rank(count: usize, share: f64) -> Option<usize> {
    let below = count as f64 - count as f64 * share;
    Some(count.checked_sub(below.floor() as usize)?.max(1).checked_sub(1)?.min(count.checked_sub(1)?))
}

/// How many seconds `rate()` divides by.
pub(super) fn seconds(kind: AggregateKind, range: Option<&Range>, lower: &Lower, context: &Context) -> Option<f64> {
    let AggregateKind::Rate(width) = kind else { return None };
    if let Some(width) = width {
        return Some(width as f64 / SECOND);
    }
    let end = if context.live { context.now } else { context.end };
    let (from, until) = match range {
        Some(range) => {
            (lower.fixed(&range.from)?, range.until.as_ref().map_or(Some(context.now), |until| lower.fixed(until))?)
        }
        None => (context.start, end),
    };
    let length = until.saturating_sub(from);
    (length > 0).then(|| length as f64 / SECOND)
}

impl Lower {
    /// The point in time that a constant expression says.
    pub(super) fn fixed(&self, typed: &Typed) -> Option<i64> {
        let expr = self.moment(typed).ok()?.cast(DataType::Int64).alias("at");
        let frame = DataFrame::empty().lazy().select([expr]).collect().ok()?;
        frame.column("at").ok()?.i64().ok()?.first()
    }
}
