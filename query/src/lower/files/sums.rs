//! `summarize` over rows of files.

use polars::prelude::*;

use super::batch::{Batch, Formula, met};
use super::groups::{Groups, MOST, Names};
use super::tally::{Kind, Numbers, Tally};
use crate::lower::aggregate::{ROWS, finish, seconds, shaped, values};
use crate::lower::expr::{Lower, aggregate_name};
use crate::lower::partial::sum;
use crate::plan::{Aggregate, AggregateKind, Summary};
use crate::query::Context;
use crate::snapshot::Values;
use crate::store::physical::dtype;
use crate::types::Type;

/// What is computed of each row, and where it is added up.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    keys: Vec<(Formula, String, DataType)>,
    inputs: Vec<Input>,
    /// For each aggregate the number of its input; null for those that count rows.
    input_of: Vec<Option<usize>>,
}

/// What an aggregate reads, and how.
#[derive(Debug, Clone)]
struct Input {
    /// Null: it counts rows that meet the condition.
    argument: Option<Formula>,
    condition: Option<Formula>,
    how: How,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Count,
    Sum,
    FloatSum,
    Least,
    Greatest,
    Every,
    Distinct,
}

impl Shape {
    /// Null where something is not added up here.
    pub(super) fn of(summary: &Summary, lower: &Lower) -> PolarsResult<Option<Self>> {
        let mut shape = Self { keys: Vec::new(), inputs: Vec::new(), input_of: Vec::new() };
        for (name, typed) in &summary.keys {
            let expr = lower.group_key(typed)?;
            let ty =
                if crate::lower::expr::group_name(name, typed).is_some() { DataType::Int64 } else { dtype(typed.ty) };
            shape.keys.push((Formula::of(typed, expr), name.clone(), ty));
        }
        for aggregate in &summary.aggregates {
            let Some(how) = how(aggregate) else { return Ok(None) };
            let argument = aggregate.argument.as_ref();
            let argument =
                argument.map(|typed| Ok::<_, PolarsError>(Formula::of(typed, lower.expr(typed)?))).transpose()?;
            let condition = aggregate.filter.as_ref();
            let condition =
                condition.map(|typed| Ok::<_, PolarsError>(Formula::of(typed, lower.condition(typed)?))).transpose()?;
            if argument.is_none() && condition.is_none() {
                shape.input_of.push(None);
                continue;
            }
            let expr = |formula: &Option<Formula>| formula.as_ref().map(|formula| formula.expr.clone());
            let same = |input: &Input| {
                input.how == how
                    && expr(&input.argument) == expr(&argument)
                    && expr(&input.condition) == expr(&condition)
            };
            let at = shape.inputs.iter().position(same).unwrap_or_else(|| {
                shape.inputs.push(Input { argument, condition, how });
                shape.inputs.len() - 1
            });
            shape.input_of.push(Some(at));
        }
        Ok(Some(shape))
    }
}

fn how(aggregate: &Aggregate) -> Option<How> {
    let ty = aggregate.argument.as_ref().map_or(Type::Null, |argument| argument.ty);
    let whole = matches!(ty, Type::U16 | Type::U32 | Type::U64 | Type::I64 | Type::Bytes | Type::Duration);
    let float = ty == Type::F64;
    Some(match aggregate.kind {
        AggregateKind::Count | AggregateKind::Rate(_) => How::Count,
        AggregateKind::Sum | AggregateKind::Avg if whole => How::Sum,
        AggregateKind::Sum | AggregateKind::Avg if float => How::FloatSum,
        AggregateKind::ErrorRate if ty == Type::Bool => How::Sum,
        AggregateKind::Min if whole || ty == Type::Time => How::Least,
        AggregateKind::Max if whole || ty == Type::Time => How::Greatest,
        AggregateKind::Quantile(_) if whole || float || ty == Type::Time => How::Every,
        AggregateKind::Dcount if whole || matches!(ty, Type::String | Type::Ip | Type::Time | Type::Bool) => {
            How::Distinct
        }
        _ => return None,
    })
}

/// What was added up.
#[derive(Debug, Clone)]
pub(super) struct Sums<'a> {
    shape: &'a Shape,
    groups: Groups,
    rows: Vec<u64>,
    tallies: Vec<Tally>,
    /// For each input the numbers of its distinct values.
    names: Vec<Names>,
}

impl<'a> Sums<'a> {
    pub(super) fn new(shape: &'a Shape) -> Self {
        let tally = |input: &Input| match input.how {
            How::Count => Tally::Count(Vec::new()),
            How::Sum => Tally::Sum(Vec::new()),
            How::FloatSum => Tally::FloatSum(Vec::new()),
            How::Least => Tally::Least(Vec::new()),
            How::Greatest => Tally::Greatest(Vec::new()),
            How::Every => Tally::Every(Vec::new()),
            How::Distinct => Tally::Distinct(Vec::new()),
        };
        let mut sums = Self {
            shape,
            groups: Groups::new(shape.keys.len()),
            rows: Vec::new(),
            tallies: shape.inputs.iter().map(tally).collect(),
            names: vec![Names::default(); shape.inputs.len()],
        };
        sums.grow();
        sums
    }

    fn grow(&mut self) {
        let count = self.groups.count();
        self.rows.resize(count, 0);
        self.tallies.iter_mut().for_each(|tally| tally.grow(count));
    }

    /// Adds the rows of a batch; false where this is better left to polars.
    pub(super) fn add(&mut self, batch: &mut Batch) -> PolarsResult<bool> {
        let shape = self.shape;
        let keys = shape.keys.iter().map(|(formula, ..)| batch.values(formula)).collect::<PolarsResult<Vec<_>>>()?;
        let Some(groups) = self.groups.of(&keys)? else { return Ok(false) };
        self.grow();
        match groups.as_slice() {
            [] => self.rows.iter_mut().take(1).for_each(|rows| *rows += batch.height() as u64),
            groups => groups.iter().for_each(|group| self.rows[*group as usize] += 1),
        }
        for ((input, tally), names) in shape.inputs.iter().zip(&mut self.tallies).zip(&mut self.names) {
            let kept = input.condition.as_ref().map(|condition| met(&batch.values(condition)?)).transpose()?;
            let Some((kind, numbers)) = numbers(input, names, batch)? else { return Ok(false) };
            tally.add(kind, &numbers, &groups, kept.as_ref());
            if tally.words() > MOST * 64 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Adds what another one has.
    pub(super) fn merge(&mut self, other: Self) {
        let groups = self.groups.merge(&other.groups);
        self.grow();
        for (group, rows) in groups.iter().zip(&other.rows) {
            self.rows[*group as usize] += rows;
        }
        let names: Vec<Vec<u32>> =
            self.names.iter_mut().zip(&other.names).map(|(own, other)| own.merge(other)).collect();
        for ((own, other), ids) in self.tallies.iter_mut().zip(other.tallies).zip(&names) {
            own.merge(other, &groups, ids);
        }
    }

    /// The rows of the summary.
    pub(super) fn result(mut self, summary: &Summary, lower: &Lower, context: &Context) -> PolarsResult<LazyFrame> {
        let all = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let shown: Vec<u32> = match self.shape.keys.is_empty() {
            true => vec![0],
            false => (0..all).filter(|group| self.rows.get(*group as usize).is_some_and(|rows| *rows > 0)).collect(),
        };
        let of_shown = |all: &[u64]| -> Column {
            let numbers = shown.iter().map(|group| all.get(*group as usize).copied());
            numbers.collect::<UInt64Chunked>().into_column()
        };
        let keys: Vec<(String, DataType)> =
            self.shape.keys.iter().map(|(_, name, ty)| (name.clone(), ty.clone())).collect();
        let mut columns = self.groups.columns(&shown, &keys)?;
        let rows = of_shown(&self.rows);
        columns.push(rows.clone().with_name(ROWS.into()));
        let quantiles = self.quantiles(summary);
        let mut finished = Vec::new();
        for (number, aggregate) in summary.aggregates.iter().enumerate() {
            let tally = self.shape.input_of.get(number).copied().flatten().and_then(|at| self.tallies.get(at));
            let (found, counts) = match (tally, quantiles.iter().find(|(at, _)| *at == number)) {
                (Some(tally), Some((_, all))) => (column_of(aggregate, all, &shown)?, of_shown(&tally.counts())),
                (Some(tally), None) => {
                    let counts = of_shown(&tally.counts());
                    (found(aggregate, tally, &counts, &shown)?, counts)
                }
                (None, _) => (rows.clone(), rows.clone()),
            };
            columns.push(found.with_name(sum(number).into()));
            columns.push(counts.with_name(values(number).into()));
            let seconds = seconds(aggregate.kind, summary.range.as_ref(), lower, context);
            let found = finish(number, aggregate, col(sum(number)), seconds, false);
            finished.push(found.alias(aggregate_name(number)));
        }
        let frame = DataFrame::new(shown.len(), columns)?;
        shaped(frame.lazy().with_columns(finished), summary, lower)
    }

    /// For each quantile its number among the aggregates, and its value in every group.
    fn quantiles(&mut self, summary: &Summary) -> Vec<(usize, Vec<Option<u64>>)> {
        let mut all = Vec::new();
        for (at, tally) in self.tallies.iter_mut().enumerate() {
            let asked = summary.aggregates.iter().zip(&self.shape.input_of).enumerate();
            let asked = asked.filter(|(_, (_, input))| **input == Some(at));
            let (numbers, shares): (Vec<usize>, Vec<f64>) = asked
                .filter_map(|(number, (aggregate, _))| match aggregate.kind {
                    AggregateKind::Quantile(share) => Some((number, share)),
                    _ => None,
                })
                .unzip();
            all.extend(numbers.into_iter().zip(tally.quantiles(&shares)));
        }
        all
    }
}

/// What a batch adds to an input; null where it cannot be added up here.
fn numbers(input: &Input, names: &mut Names, batch: &mut Batch) -> PolarsResult<Option<(Kind, Numbers)>> {
    let Some(argument) = &input.argument else {
        return Ok(Some((Kind::Unsigned, Numbers::Known(batch.height(), None))));
    };
    let values = batch.values(argument)?;
    match input.how {
        How::Count => Ok(Some((Kind::Unsigned, Numbers::known(&values)))),
        How::Distinct => Ok(named(names, &values)?.map(|numbers| (Kind::Unsigned, numbers))),
        _ => {
            let Some(kind) = Kind::of(values.dtype()) else { return Ok(None) };
            Ok(Numbers::of(&values)?.map(|numbers| (kind, numbers)))
        }
    }
}

/// The numbers of distinct values; nulls have none.
fn named(names: &mut Names, values: &Values) -> PolarsResult<Option<Numbers>> {
    let some = |number: u32| (number > 0).then_some(u64::from(number));
    Ok(match values {
        Values::Coded(coded) => names
            .table(&coded.values)?
            .map(|table| Numbers::Coded(table.into_iter().map(some).collect(), coded.codes.clone())),
        Values::Plain(_) => names.of(values)?.map(|numbers| Numbers::Unsigned(numbers.into_iter().map(some).collect())),
    })
}

/// The finished value of each group.
fn found(aggregate: &Aggregate, tally: &Tally, counts: &Column, shown: &[u32]) -> PolarsResult<Column> {
    let shown = || shown.iter().map(|group| *group as usize);
    let ty = aggregate.argument.as_ref().map_or(Type::Null, |argument| argument.ty);
    let avg = aggregate.kind == AggregateKind::Avg;
    Ok(match tally {
        Tally::Sum(sums) if avg => {
            let means = shown().map(|group| sums.get(group).map(|(sum, count)| *sum as f64 / *count as f64));
            means.collect::<Float64Chunked>().into_column()
        }
        Tally::FloatSum(sums) if avg => {
            let means = shown().map(|group| sums.get(group).map(|(sum, count)| sum / *count as f64));
            means.collect::<Float64Chunked>().into_column()
        }
        Tally::FloatSum(sums) => {
            shown().map(|group| sums.get(group).map(|(sum, _)| *sum)).collect::<Float64Chunked>().into_column()
        }
        Tally::Sum(sums) if matches!(ty, Type::I64 | Type::Duration) => {
            shown().map(|group| sums.get(group).map(|(sum, _)| *sum as i64)).collect::<Int64Chunked>().into_column()
        }
        Tally::Sum(sums) => {
            shown().map(|group| sums.get(group).map(|(sum, _)| *sum as u64)).collect::<UInt64Chunked>().into_column()
        }
        Tally::Least(all) | Tally::Greatest(all) => {
            let groups: Vec<u32> = shown().filter_map(|group| u32::try_from(group).ok()).collect();
            column_of(aggregate, all, &groups)?
        }
        Tally::Count(_) | Tally::Distinct(_) | Tally::Every(_) => counts.clone(),
    })
}

/// Values in the type of the aggregate's argument.
fn column_of(aggregate: &Aggregate, all: &[Option<u64>], shown: &[u32]) -> PolarsResult<Column> {
    let ty = dtype(aggregate.argument.as_ref().map_or(Type::U64, |argument| argument.ty));
    let kind = Kind::of(&ty).unwrap_or(Kind::Unsigned);
    let values: Vec<Option<u64>> = shown.iter().map(|group| all.get(*group as usize).copied().flatten()).collect();
    kind.column(String::new(), &values, &ty)
}
