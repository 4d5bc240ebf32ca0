//! `summarize`: what goes in is computed as columns first, then grouped, then put together.

use polars::prelude::*;

use super::expr::{Lower, aggregate_name};
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
    let mut inputs = lower.named(&summary.keys)?;
    let mut grouped: Vec<Expr> = vec![len().alias(ROWS)];
    let mut finished = Vec::new();
    for (number, aggregate) in summary.aggregates.iter().enumerate() {
        let parts = Parts::new(number, aggregate, lower)?;
        inputs.extend(parts.inputs);
        grouped.extend(parts.grouped);
        let seconds = seconds(aggregate.kind, summary.range.as_ref(), lower, context);
        finished.push(finish(number, aggregate, seconds).alias(aggregate_name(number)));
    }
    // A frame without columns has no height.
    inputs.push(lit(true).alias(ROWS));
    let frame = frame.with_columns_named(inputs);
    let keys: Vec<Expr> = summary.keys.iter().map(|(name, _)| col(name.as_str())).collect();
    let frame = if keys.is_empty() {
        frame.select(grouped)
    } else {
        let sorted = sorting(vec![false; keys.len()]);
        frame.group_by(keys.clone()).agg(grouped).sort_by_exprs(keys.clone(), sorted)
    };
    let outputs = lower.named(&summary.outputs)?;
    Ok(frame.with_columns(finished).select(keys.into_iter().chain(outputs).collect::<Vec<_>>()))
}

/// Selecting only what is named, so that a key may have the name of another column that an aggregate reads.
trait SelectOnly {
    fn with_columns_named(self, columns: Vec<Expr>) -> Self;
}

impl SelectOnly for LazyFrame {
    fn with_columns_named(self, columns: Vec<Expr>) -> Self {
        // All are computed from the rows as they were; `ROWS` alone is constant and needs a height to fill.
        self.with_row_index(INDEX, None).select([col(INDEX)].into_iter().chain(columns).collect::<Vec<_>>())
    }
}

const ROWS: &str = "__rows";
const INDEX: &str = "__index";

/// What an aggregate needs before and in the group-by.
struct Parts {
    inputs: Vec<Expr>,
    grouped: Vec<Expr>,
}

fn input(number: usize) -> String {
    format!("__input{number}")
}

fn time_of(number: usize) -> String {
    format!("__time{number}")
}

/// Number of values that are not null.
fn values(number: usize) -> String {
    format!("__values{number}")
}

impl Parts {
    fn new(number: usize, aggregate: &Aggregate, lower: &Lower) -> PolarsResult<Self> {
        let filter = aggregate.filter.as_ref().map(|filter| condition(filter, lower)).transpose()?;
        let argument = aggregate.argument.as_ref().map(|argument| lower.expr(argument)).transpose()?;
        let ty = aggregate.argument.as_ref().map_or(Type::Null, |argument| argument.ty);
        let argument = argument.map(|value| widened(value, ty, aggregate.kind));
        // Where the condition does not hold the value is null, which every aggregate passes over.
        let value = match (argument, filter) {
            (Some(value), Some(filter)) => when(filter).then(value).otherwise(lit(NULL)),
            (Some(value), None) => value,
            (None, Some(filter)) => when(filter).then(lit(true)).otherwise(lit(NULL)),
            (None, None) => return Ok(Self { inputs: Vec::new(), grouped: vec![len().alias(aggregate_name(number))] }),
        };
        let mut inputs = vec![value.alias(input(number))];
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
                inputs.push(col("time").alias(time_of(number)));
                let by_time = SortMultipleOptions::default().with_maintain_order(true);
                let ordered = column().sort_by([col(time_of(number))], by_time).drop_nulls();
                if aggregate.kind == AggregateKind::First { ordered.first() } else { ordered.last() }
            }
        };
        let count = column().count().alias(values(number));
        Ok(Self { inputs, grouped: vec![found.alias(aggregate_name(number)), count] })
    }
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

/// From the grouped columns to the aggregate's value.
fn finish(number: usize, aggregate: &Aggregate, seconds: Option<f64>) -> Expr {
    let ty = aggregate.argument.as_ref().map_or(Type::Null, |argument| argument.ty);
    let found = col(aggregate_name(number));
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
        AggregateKind::Quantile(share) => quantile(found, share, ty),
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
fn rank(count: usize, share: f64) -> Option<usize> {
    let below = count as f64 - count as f64 * share;
    Some(count.checked_sub(below.floor() as usize)?.max(1).checked_sub(1)?.min(count.checked_sub(1)?))
}

/// How many seconds `rate()` divides by.
fn seconds(kind: AggregateKind, range: Option<&Range>, lower: &Lower, context: &Context) -> Option<f64> {
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
    fn fixed(&self, typed: &Typed) -> Option<i64> {
        let expr = self.moment(typed).ok()?.cast(DataType::Int64).alias("at");
        let frame = DataFrame::empty().lazy().select([expr]).collect().ok()?;
        frame.column("at").ok()?.i64().ok()?.first()
    }
}
