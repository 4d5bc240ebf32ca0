//! `summarize` over rows that keep coming: what was added up is kept, and only new rows are looked at.
//!
//! ```text
//! new rows -> inputs -> partial sums by key  --merge-->  state  -> result
//!                    -> counts by key and value (quantiles, dcount) --merge--> one frame an aggregate
//! ```
//!
//! So a result covers the whole run although old rows have left the store. Quantiles are of values rounded to 11 binary
//! digits: at most 0.05 % off, however many rows there were.

use std::sync::Arc;

use polars::prelude::*;

use super::aggregate::{ROWS, finish, input, inputs, key_columns, rank, seconds, shaped, time_of, values};
use super::expr::{Lower, aggregate_name};
use crate::plan::{Aggregate, AggregateKind, Summary};
use crate::query::Context;
use crate::store::physical::dtype;
use crate::types::Type;

/// What was added up so far.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    state: Option<DataFrame>,
    /// For each aggregate that needs them: how often each value came, by key.
    values: Vec<Option<DataFrame>>,
}

/// Keys of a summary without keys: one for all rows.
const ALL: &str = "__all";
const VALUE: &str = "__value";
const TIMES: &str = "__times";

impl Sums {
    /// Whether no row has come yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.state.as_ref().is_none_or(|state| state.height() == 0)
    }

    /// Adds the rows of `frame`.
    pub(super) fn add(&mut self, frame: DataFrame, summary: &Summary, lower: &Lower) -> PolarsResult<()> {
        if frame.height() == 0 {
            return Ok(());
        }
        let keys = keys(summary);
        let rows = input_rows(frame, summary, lower)?.collect()?;
        let partial = rows.clone().lazy().group_by(keys.clone()).agg(all(summary, partial)).collect()?;
        self.state = Some(match self.state.take() {
            None => partial,
            Some(state) => {
                let both = concat([state.lazy(), partial.lazy()], UnionArgs::default())?;
                both.group_by(keys.clone()).agg(all(summary, merged)).collect()?
            }
        });
        self.values.resize(summary.aggregates.len(), None);
        for (number, (aggregate, slot)) in summary.aggregates.iter().zip(&mut self.values).enumerate() {
            if counts_values(aggregate) {
                *slot = Some(add_values(slot.take(), &rows, number, aggregate, &keys)?);
            }
        }
        Ok(())
    }

    /// The result so far.
    pub(super) fn result(&self, summary: &Summary, lower: &Lower, context: &Context) -> PolarsResult<LazyFrame> {
        let keys = keys(summary);
        let mut frame = self.state.clone().unwrap_or_default().lazy();
        for (number, (aggregate, values)) in summary.aggregates.iter().zip(&self.values).enumerate() {
            let Some(values) = values else { continue };
            let found = from_values(values.clone().lazy(), number, aggregate, &keys);
            let mut args = JoinArgs::new(JoinType::Left);
            args.nulls_equal = true;
            frame = frame.join(found, keys.clone(), keys.clone(), args);
        }
        let finished = summary.aggregates.iter().enumerate().map(|(number, aggregate)| {
            let seconds = seconds(aggregate.kind, summary.range.as_ref(), lower, context);
            let found = match aggregate.kind {
                AggregateKind::Avg => col(sum(number)) / col(values(number)).cast(DataType::Float64),
                AggregateKind::Stddev => deviation(number),
                AggregateKind::Quantile(_) | AggregateKind::Dcount => col(aggregate_name(number)),
                _ => col(sum(number)),
            };
            finish(number, aggregate, found, seconds, false).alias(aggregate_name(number))
        });
        shaped(frame.with_columns(finished.collect::<Vec<_>>()), summary, lower)
    }
}

/// `summarize` over rows of files: each batch is added up where it was read, and what they give is put together. polars
/// does so by itself, but for aggregates that need every value of a group: these then wait for all rows.
pub(super) fn batched(rows: LazyFrame, summary: &Summary, lower: &Lower, context: &Context) -> PolarsResult<LazyFrame> {
    let rows = with_all(inputs(rows, summary, lower)?, summary);
    let (by, columns) = (keys(summary), all(summary, listed));
    let schema = rows.clone().group_by(by.clone()).agg(columns.clone()).collect_schema()?;
    let schema: Arc<dyn UdfSchema> = Arc::new(move |_: &Schema| -> PolarsResult<SchemaRef> { Ok(schema.clone()) });
    let each = {
        let by = by.clone();
        move |batch: DataFrame| batch.lazy().group_by(by.clone()).agg(columns.clone()).collect()
    };
    let parts = rows.map(each, AllowedOptimizations::STREAMING, Some(schema), Some("add up"));
    let parts = parts.collect_with_engine(Engine::Streaming)?.unwrap_single();
    let whole = parts.lazy().group_by(by).agg(all(summary, together)).collect()?;
    let finished = summary.aggregates.iter().enumerate().map(|(number, aggregate)| {
        let seconds = seconds(aggregate.kind, summary.range.as_ref(), lower, context);
        let found = match aggregate.kind {
            AggregateKind::Avg => col(sum(number)) / col(values(number)).cast(DataType::Float64),
            _ => col(sum(number)),
        };
        finish(number, aggregate, found, seconds, true).alias(aggregate_name(number))
    });
    let finished = finished.collect::<Vec<_>>();
    shaped(whole.lazy().with_columns(finished), summary, lower)
}

/// Whether [`batched`] is faster, and as exact.
pub(super) fn is_batched(summary: &Summary) -> bool {
    let kinds = || summary.aggregates.iter().map(|aggregate| aggregate.kind);
    !summary.keys.is_empty()
        && kinds().any(|kind| matches!(kind, AggregateKind::Quantile(_)))
        && !kinds().any(|kind| kind == AggregateKind::Stddev)
}

/// As [`partial`], with every value where an aggregate needs them.
fn listed(number: usize, aggregate: &Aggregate) -> Vec<Expr> {
    let values_of = match aggregate.kind {
        AggregateKind::Quantile(_) => col(input(number)).drop_nulls(),
        AggregateKind::Dcount => col(input(number)).drop_nulls().unique(),
        _ => return partial(number, aggregate),
    };
    let count = col(input(number)).count().cast(DataType::UInt64).alias(values(number));
    vec![values_of.implode(false).alias(sum(number)), count]
}

/// As [`merged`], of what [`listed`] gave.
fn together(number: usize, aggregate: &Aggregate) -> Vec<Expr> {
    let every = || col(sum(number)).explode(ExplodeOptions { empty_as_null: false, keep_nulls: false });
    let found = match aggregate.kind {
        AggregateKind::Quantile(_) => every().implode(false),
        AggregateKind::Dcount => every().n_unique(),
        _ => return merged(number, aggregate),
    };
    vec![found.alias(sum(number)), col(values(number)).sum()]
}

fn keys(summary: &Summary) -> Vec<Expr> {
    if summary.keys.is_empty() { vec![col(ALL)] } else { key_columns(summary) }
}

fn input_rows(frame: DataFrame, summary: &Summary, lower: &Lower) -> PolarsResult<LazyFrame> {
    Ok(with_all(inputs(frame.lazy(), summary, lower)?, summary))
}

fn with_all(rows: LazyFrame, summary: &Summary) -> LazyFrame {
    if summary.keys.is_empty() { rows.with_column(lit(true).alias(ALL)) } else { rows }
}

pub(super) fn sum(number: usize) -> String {
    format!("__sum{number}")
}

fn squares(number: usize) -> String {
    format!("__squares{number}")
}

fn all(summary: &Summary, columns: fn(usize, &Aggregate) -> Vec<Expr>) -> Vec<Expr> {
    let columns = summary.aggregates.iter().enumerate().flat_map(|(number, aggregate)| columns(number, aggregate));
    columns.chain([len().alias(ROWS)]).collect()
}

/// Whether `count()` or `rate()` has neither argument nor condition: it counts rows.
fn counts_rows(aggregate: &Aggregate) -> bool {
    aggregate.argument.is_none() && aggregate.filter.is_none()
}

fn counts_values(aggregate: &Aggregate) -> bool {
    matches!(aggregate.kind, AggregateKind::Quantile(_) | AggregateKind::Dcount)
}

/// From rows.
fn partial(number: usize, aggregate: &Aggregate) -> Vec<Expr> {
    if counts_rows(aggregate) {
        return vec![len().cast(DataType::UInt64).alias(sum(number))];
    }
    let value = || col(input(number));
    let count = value().count().cast(DataType::UInt64).alias(values(number));
    let float = || value().cast(DataType::Float64);
    let found = match aggregate.kind {
        AggregateKind::Count | AggregateKind::Rate(_) => value().count().cast(DataType::UInt64),
        AggregateKind::Sum => value().sum(),
        AggregateKind::ErrorRate => value().sum().cast(DataType::UInt64),
        AggregateKind::Avg => float().sum(),
        AggregateKind::Stddev => {
            return vec![float().sum().alias(sum(number)), (float() * float()).sum().alias(squares(number)), count];
        }
        AggregateKind::Min => value().min(),
        AggregateKind::Max => value().max(),
        AggregateKind::Any => value().drop_nulls().first(),
        AggregateKind::First | AggregateKind::Last => {
            return ends(number, aggregate, value(), col(time_of(number)), count);
        }
        AggregateKind::Quantile(_) | AggregateKind::Dcount => return vec![count],
    };
    vec![found.alias(sum(number)), count]
}

/// From two partial results.
fn merged(number: usize, aggregate: &Aggregate) -> Vec<Expr> {
    let value = || col(sum(number));
    if counts_rows(aggregate) {
        return vec![value().sum()];
    }
    let count = col(values(number)).sum();
    match aggregate.kind {
        AggregateKind::Min => vec![value().min(), count],
        AggregateKind::Max => vec![value().max(), count],
        AggregateKind::Any => vec![value().drop_nulls().first(), count],
        AggregateKind::First | AggregateKind::Last => ends(number, aggregate, value(), col(time_of(number)), count),
        AggregateKind::Stddev => vec![value().sum(), col(squares(number)).sum(), count],
        AggregateKind::Quantile(_) | AggregateKind::Dcount => vec![count],
        _ => vec![value().sum(), count],
    }
}

/// The earliest or latest value that is not null, and its time.
fn ends(number: usize, aggregate: &Aggregate, value: Expr, time: Expr, count: Expr) -> Vec<Expr> {
    let first = aggregate.kind == AggregateKind::First;
    let by_time = SortMultipleOptions::default().with_maintain_order(true);
    let ordered = value.clone().sort_by([time.clone()], by_time).drop_nulls();
    let known = time.filter(value.is_not_null());
    let (value, time) = if first { (ordered.first(), known.min()) } else { (ordered.last(), known.max()) };
    vec![value.alias(sum(number)), time.alias(time_of(number)), count]
}

/// The sample's, from sums and sums of squares.
fn deviation(number: usize) -> Expr {
    let count = || col(values(number)).cast(DataType::Float64);
    let spread = col(squares(number)) - col(sum(number)) * col(sum(number)) / count();
    let variance = spread / (count() - lit(1.0));
    let clamped = when(variance.clone().lt(lit(0.0))).then(lit(0.0)).otherwise(variance);
    when(count().gt(lit(1.0))).then(clamped.map(root, |_, field| Ok(field.clone()))).otherwise(lit(NULL))
}

fn root(column: Column) -> PolarsResult<Column> {
    let roots = column.f64()?.apply_values(f64::sqrt);
    Ok(roots.into_column())
}

fn add_values(
    before: Option<DataFrame>,
    rows: &DataFrame,
    number: usize,
    aggregate: &Aggregate,
    keys: &[Expr],
) -> PolarsResult<DataFrame> {
    let value = match aggregate.kind {
        AggregateKind::Quantile(_) => col(input(number)).map(rounded, |_, field| Ok(field.clone())),
        _ => col(input(number)),
    };
    let by = || [keys, &[col(VALUE)]].concat();
    let known = rows.clone().lazy().filter(col(input(number)).is_not_null()).with_columns([value.alias(VALUE)]);
    let new = known.group_by(by()).agg([len().cast(DataType::UInt64).alias(TIMES)]);
    match before {
        None => new.collect(),
        Some(before) => {
            let both = concat([before.lazy(), new], UnionArgs::default())?;
            both.group_by(by()).agg([col(TIMES).sum()]).collect()
        }
    }
}

/// Keeps the 11 highest binary digits of a whole number's size; numbers with a fraction stay as they are in theirs.
fn rounded(column: Column) -> PolarsResult<Column> {
    let whole = |value: u64| {
        let drop = (u64::BITS - value.leading_zeros()).saturating_sub(11);
        // The middle of all that look the same from here.
        (value >> drop << drop) | (1_u64 << drop >> 1)
    };
    let float = |value: f64| f64::from_bits(value.to_bits() & !((1_u64 << 41) - 1) | (1_u64 << 40));
    let small = |value: u64| value < 2_048;
    let series = column.as_materialized_series();
    let rounded = match series.dtype() {
        DataType::Float64 => {
            series.f64()?.apply_values(|value| if value == 0.0 { 0.0 } else { float(value) }).into_series()
        }
        DataType::UInt64 => {
            series.u64()?.apply_values(|value| if small(value) { value } else { whole(value) }).into_series()
        }
        DataType::Int64 => series.i64()?.apply_values(|value| signed(value, whole)).into_series(),
        // Times would lose seconds, small numbers lose nothing.
        _ => series.clone(),
    };
    Ok(rounded.into_column())
}

fn signed(value: i64, whole: impl Fn(u64) -> u64) -> i64 {
    let size = value.unsigned_abs();
    let near = if size < 2_048 { size } else { whole(size) };
    let near = i64::try_from(near).unwrap_or(i64::MAX);
    if value < 0 { -near } else { near }
}

/// From how often each value of a key came: their number, or the one at a share of them all.
fn from_values(found: LazyFrame, number: usize, aggregate: &Aggregate, keys: &[Expr]) -> LazyFrame {
    let name = aggregate_name(number);
    let AggregateKind::Quantile(share) = aggregate.kind else {
        return found.group_by(keys).agg([len().cast(DataType::UInt64).alias(name)]);
    };
    let lists = found.sort([VALUE], SortMultipleOptions::default()).group_by_stable(keys).agg([col(VALUE), col(TIMES)]);
    let ty = aggregate.argument.as_ref().map_or(Type::Null, |argument| argument.ty);
    let pick = move |columns: &mut [Column]| {
        let [values, times] = columns else { return Err(polars_err!(ComputeError: "two columns are needed")) };
        let (values, times) = (values.list()?, times.list()?);
        let picked = (0..values.len()).map(|row| -> PolarsResult<AnyValue<'static>> {
            let (Some(values), Some(times)) = (values.get_as_series(row), times.get_as_series(row)) else {
                return Ok(AnyValue::Null);
            };
            Ok(match at_share(times.u64()?, share) {
                Some(at) => values.get(at)?.into_static(),
                None => AnyValue::Null,
            })
        });
        let picked = picked.collect::<PolarsResult<Vec<_>>>()?;
        // A list of times gives its numbers.
        Ok(Series::from_any_values("picked".into(), &picked, false)?.cast(&dtype(ty))?.into_column())
    };
    let picked = col(VALUE).map_many(pick, &[col(TIMES)], move |_, _| Ok(Field::new("picked".into(), dtype(ty))));
    let shown = [keys, &[picked.alias(name)]].concat();
    lists.select(shown)
}

/// The place of the first value up to which a share of all have come.
fn at_share(times: &UInt64Chunked, share: f64) -> Option<usize> {
    let all: u64 = times.iter().flatten().sum();
    let wanted = rank(usize::try_from(all).ok()?, share)? as u64;
    let mut so_far = 0;
    times.iter().flatten().position(|times| {
        so_far += times;
        so_far > wanted
    })
}
