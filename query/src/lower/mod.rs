//! `Plan` to polars: the only part of the language that knows it.

mod aggregate;
mod expr;
mod files;
mod ordered;
mod partial;
mod source;
mod text;
mod top;

use std::collections::HashSet;

use polars::prelude::*;

use crate::error::QueryError;
use crate::plan::{Join, Order, Plan, Range, Step};
use crate::query::Context;
use crate::schema;
use crate::snapshot::{By, unbroken};
use crate::store::Snapshot;
use crate::store::physical::{SEQ, TIE, dtype};
use crate::table::Table;
use expr::Lower;
use files::FEW;
pub(crate) use ordered::Ordered;
pub(crate) use partial::Sums;

/// Runs `plan` over everything in `snapshot`.
pub(crate) fn run(plan: &Plan, snapshot: &Snapshot, context: &Context) -> Result<Table, QueryError> {
    let run = || -> PolarsResult<DataFrame> {
        let mut engine = Engine::InMemory;
        let rows = lazy(plan, snapshot, context, &mut engine)?;
        rows.collect_with_engine(engine).map(|result| result.unwrap_single())
    };
    finish(plan, if snapshot.is_read() { unbroken(run) } else { run() })
}

/// The rows of `plan` in files, in order of completion. Where its first conditions leave few of them, only these.
pub(crate) fn ordered(plan: &Plan, snapshot: &Snapshot, context: &Context) -> Result<Ordered, QueryError> {
    let rows = || -> PolarsResult<Ordered> {
        let lower = Lower { now: context.now };
        if let Some((rows, _)) = files::matching(plan, snapshot, &lower)? {
            return rows.sort([SEQ, TIE], SortMultipleOptions::default()).map(Ordered::of);
        }
        if let Some(condition) = first_condition(plan, &lower)? {
            let rows =
                source::scanned(plan.table, &plan.reads, snapshot, true)?.filter(condition).limit(FEW as IdxSize + 1);
            let rows = streamed(rows)?;
            if rows.height() <= FEW {
                return rows.sort([SEQ, TIE], SortMultipleOptions::default()).map(Ordered::of);
            }
        }
        Ok(Ordered::new(snapshot, plan.table, &plan.reads, By::Completion))
    };
    unbroken(rows).map_err(failed)
}

fn streamed(rows: LazyFrame) -> PolarsResult<DataFrame> {
    Ok(rows.collect_with_engine(Engine::Streaming)?.unwrap_single())
}

/// What all rows must meet that get past the first steps.
fn first_condition(plan: &Plan, lower: &Lower) -> PolarsResult<Option<Expr>> {
    let mut conditions: Vec<Expr> = Vec::new();
    for step in &plan.steps {
        match step {
            Step::Where(condition) => conditions.push(lower.condition(condition)?),
            Step::Since(range) => conditions.push(within(lower, range)?),
            _ => break,
        }
    }
    Ok(conditions.into_iter().reduce(Expr::and))
}

/// The next rows of [`ordered`]; null at the end.
pub(crate) fn next_rows(rows: &mut Ordered) -> Result<Option<DataFrame>, QueryError> {
    unbroken(|| rows.next()).map_err(failed)
}

/// No rows, with the columns that the steps of `plan` read.
pub(crate) fn no_rows(plan: &Plan) -> Result<DataFrame, QueryError> {
    source::scanned(plan.table, &plan.reads, &Snapshot::default(), true).and_then(LazyFrame::collect).map_err(failed)
}

/// Runs the `steps` of `plan` (row by row ones) over the rows after number `after`; `height` rows are `frame`'s already.
pub(crate) fn source_rows(plan: &Plan, snapshot: &Snapshot, after: u64) -> Result<DataFrame, QueryError> {
    source::rows(plan, snapshot, Some(after)).and_then(LazyFrame::collect).map_err(failed)
}

/// Every row of a stored table, all columns, in the order of files: by time. Given piece by piece where they are in files.
pub(crate) fn stored_rows(
    snapshot: &Snapshot,
    table: &'static schema::Table,
    mut each: impl FnMut(DataFrame) -> PolarsResult<()>,
) -> PolarsResult<()> {
    let names: Vec<String> = table.columns.iter().map(|column| column.name.to_owned()).collect();
    if snapshot.is_read() && table.is_log {
        let mut rows = Ordered::new(snapshot, table.name, &names, By::Time);
        while let Some(some) = rows.next()? {
            each(some.drop_many([SEQ, TIE]))?;
        }
        return Ok(());
    }
    let rows = source::stored(snapshot, table.name, &names, None)?.drop(SEQ)?;
    if rows.column("time").is_err() {
        return each(rows);
    }
    each(rows.sort(["time"], SortMultipleOptions::default().with_maintain_order(true))?)
}

/// Runs one step over `frame`.
pub(crate) fn step(frame: DataFrame, step: &Step, context: &Context) -> Result<DataFrame, QueryError> {
    apply(frame.lazy(), step, None, context).and_then(LazyFrame::collect).map_err(failed)
}

/// Adds the rows that `plan` makes of `frame` before its first `summarize`, which is step number `at`.
pub(crate) fn add_up(
    plan: &Plan,
    at: usize,
    frame: DataFrame,
    sums: &mut Sums,
    context: &Context,
) -> Result<(), QueryError> {
    let add = || -> PolarsResult<()> {
        let mut rows = frame.lazy();
        for step in plan.steps.iter().take(at) {
            rows = apply(rows, step, None, context)?;
        }
        match plan.steps.get(at) {
            Some(Step::Summarize(summary)) => sums.add(rows.collect()?, summary, &Lower { now: context.now }),
            _ => Ok(()),
        }
    };
    add().map_err(failed)
}

/// The result of `plan` of what was added up for its step number `at`; `rights`: by the number of a join, its right side
/// where that is known.
pub(crate) fn added_up(
    plan: &Plan,
    at: usize,
    sums: &Sums,
    rights: &[(usize, Table)],
    snapshot: &Snapshot,
    context: &Context,
) -> Result<Table, QueryError> {
    let run = || -> PolarsResult<DataFrame> {
        let lower = Lower { now: context.now };
        let mut frame = match plan.steps.get(at) {
            Some(Step::Summarize(summary)) => sums.result(summary, &lower, context)?,
            _ => DataFrame::empty().lazy(),
        };
        for (number, step) in plan.steps.iter().enumerate().skip(at + 1) {
            let right = rights.iter().find(|(of, _)| *of == number);
            frame = match (step, right) {
                (Step::Join(join), Some((_, right))) => joined(frame, join, right.frame.clone().lazy()),
                _ => apply(frame, step, Some(snapshot), context)?,
            };
        }
        frame.collect()
    };
    finish(plan, run())
}

/// The rows that a query for the first ones has kept.
#[derive(Debug)]
pub(crate) struct Kept(DataFrame);

/// Puts the rows that `plan` makes of `frame` before its step number `at`, which sorts, in order with those that are kept,
/// and keeps as many as the next step takes.
pub(crate) fn keep_first(
    plan: &Plan,
    at: usize,
    frame: DataFrame,
    kept: &mut Option<Kept>,
    context: &Context,
) -> Result<(), QueryError> {
    if frame.height() == 0 && kept.is_some() {
        return Ok(());
    }
    let keep = || -> PolarsResult<()> {
        let mut rows = frame.lazy();
        for step in plan.steps.iter().take(at) {
            rows = apply(rows, step, None, context)?;
        }
        if let Some(Kept(former)) = kept.take() {
            rows = concat([former.lazy(), rows], UnionArgs::default())?;
        }
        for step in plan.steps.iter().skip(at).take(2) {
            rows = apply(rows, step, None, context)?;
        }
        *kept = Some(Kept(rows.collect()?));
        Ok(())
    };
    keep().map_err(failed)
}

/// The result of `plan` of what was kept for its steps up to the one after number `at`.
pub(crate) fn kept_first(
    plan: &Plan,
    at: usize,
    kept: Option<&Kept>,
    snapshot: &Snapshot,
    context: &Context,
) -> Result<Table, QueryError> {
    let run = || -> PolarsResult<DataFrame> {
        let Some(Kept(rows)) = kept else {
            return lazy(plan, snapshot, context, &mut Engine::InMemory)?.collect();
        };
        let mut frame = rows.clone().lazy();
        for step in plan.steps.iter().skip(at + 2) {
            frame = apply(frame, step, Some(snapshot), context)?;
        }
        frame.collect()
    };
    finish(plan, run())
}

/// At most `count` rows.
pub(crate) fn first_rows(frame: DataFrame, count: u64) -> DataFrame {
    frame.head(Some(usize::try_from(count).unwrap_or(usize::MAX)))
}

/// The rows that are not in `seen`, which are then.
pub(crate) fn unseen(frame: &DataFrame, seen: &mut HashSet<Vec<u8>>) -> Result<DataFrame, QueryError> {
    let mut keep = || -> PolarsResult<DataFrame> {
        let own: Vec<Column> = frame.columns().iter().filter(|column| column.name().as_str() != SEQ).cloned().collect();
        let mut fresh = Vec::with_capacity(frame.height());
        for row in 0..frame.height() {
            let values = own.iter().map(|column| column.get(row)).collect::<PolarsResult<Vec<_>>>()?;
            fresh.push(seen.insert(format!("{values:?}").into_bytes()));
        }
        frame.filter(&BooleanChunked::from_iter_values("fresh".into(), fresh.into_iter()))
    };
    keep().map_err(failed)
}

/// `frame` as the result of `plan`.
pub(crate) fn finish(plan: &Plan, frame: PolarsResult<DataFrame>) -> Result<Table, QueryError> {
    let shape = |frame: DataFrame| -> PolarsResult<DataFrame> {
        let height = frame.height();
        let column = |column: &crate::table::OutputColumn| {
            let found = frame.column(&column.name)?;
            let wanted = dtype(column.ty);
            if *found.dtype() == wanted { Ok(found.clone()) } else { found.cast(&wanted) }
        };
        DataFrame::new(height, plan.columns.iter().map(column).collect::<PolarsResult<Vec<_>>>()?)
    };
    let frame = frame.and_then(shape).map_err(failed)?;
    Ok(Table { columns: plan.columns.clone(), frame })
}

fn failed(error: PolarsError) -> QueryError {
    QueryError::run(format!("the query failed while running: {error}"))
}

/// The rows of `plan`; `engine` becomes the one to collect them with.
fn lazy(plan: &Plan, snapshot: &Snapshot, context: &Context, engine: &mut Engine) -> PolarsResult<LazyFrame> {
    if !snapshot.is_read() || !schema::table(plan.table).is_some_and(|table| table.is_log) {
        let mut frame = source::rows(plan, snapshot, None)?;
        for step in &plan.steps {
            frame = apply(frame, step, Some(snapshot), context)?;
        }
        return Ok(frame);
    }
    if plan.steps.iter().any(|step| matches!(step, Step::Join(_))) {
        *engine = Engine::Streaming;
    }
    let lower = Lower { now: context.now };
    if let Some((mut frame, done)) = files::summarized(plan, snapshot, &lower, context)? {
        for step in plan.steps.iter().skip(done) {
            frame = apply(frame, step, Some(snapshot), context)?;
        }
        return Ok(frame);
    }
    let order = plan.order();
    let found = match order {
        Order::None => None,
        Order::Ties => match files::first(plan, snapshot, &lower)? {
            Some(found) => Some(found),
            None => files::matching(plan, snapshot, &lower)?,
        },
        Order::Rows => files::matching(plan, snapshot, &lower)?,
    };
    let is_found = found.is_some();
    let (mut frame, done) = match found {
        Some((rows, done)) => (rows.lazy(), done),
        None => {
            // Files are read piece by piece: they may be larger than memory.
            *engine = Engine::Streaming;
            (source::scanned(plan.table, &plan.reads, snapshot, order != Order::None)?, 0)
        }
    };
    if order == Order::Rows {
        frame = frame.sort([SEQ, TIE], SortMultipleOptions::default());
    }
    let mut ties = order == Order::Ties;
    for (at, step) in plan.steps.iter().enumerate().skip(done) {
        frame = match step {
            Step::Sort(orders) if ties => {
                ties = false;
                if let Some(Step::Take(count)) = plan.steps.get(at + 1).filter(|_| !is_found) {
                    frame = top::candidates(frame, orders, *count, &lower)?;
                }
                let mut by = orders.iter().map(|(typed, _)| lower.expr(typed)).collect::<PolarsResult<Vec<_>>>()?;
                let mut descending: Vec<bool> = orders.iter().map(|(_, descending)| *descending).collect();
                by.extend([col(SEQ), col(TIE)]);
                descending.extend([false, false]);
                frame.sort_by_exprs(by, sorting(descending).with_maintain_order(false))
            }
            Step::Summarize(summary) if partial::is_batched(summary) => {
                partial::batched(frame, summary, &lower, context)?
            }
            Step::Select(items) if ties => frame.select(ordered::with_order(lower.named(items)?)),
            step => apply(frame, step, Some(snapshot), context)?,
        };
    }
    Ok(frame)
}

fn apply(frame: LazyFrame, step: &Step, snapshot: Option<&Snapshot>, context: &Context) -> PolarsResult<LazyFrame> {
    let lower = Lower { now: context.now };
    Ok(match step {
        Step::Where(condition) => frame.filter(lower.condition(condition)?),
        Step::Since(range) => frame.filter(within(&lower, range)?),
        Step::Select(items) => {
            let named = lower.named(items)?;
            if items.iter().any(|(_, typed)| typed.has_column()) {
                frame.select(named)
            } else {
                // Constants alone would give one row.
                let names: Vec<Expr> = items.iter().map(|(name, _)| col(name.as_str())).collect();
                frame.with_columns(named).select(names)
            }
        }
        Step::Extend(items) => frame.with_columns(lower.named(items)?),
        Step::Summarize(summary) => aggregate::summarize(frame, summary, &lower, context)?,
        Step::Sort(orders) => {
            let by = orders.iter().map(|(typed, _)| lower.expr(typed)).collect::<PolarsResult<Vec<_>>>()?;
            frame.sort_by_exprs(by, sorting(orders.iter().map(|(_, descending)| *descending).collect()))
        }
        Step::Take(count) => frame.limit(IdxSize::try_from(*count).unwrap_or(IdxSize::MAX)),
        Step::Distinct => frame.unique_stable_generic(None, UniqueKeepStrategy::First),
        Step::Join(join) => match snapshot {
            Some(snapshot) => joined(frame, join, lazy(&join.plan, snapshot, context, &mut Engine::InMemory)?),
            None => frame,
        },
    })
}

/// Nulls come last both ways; equal rows keep their order.
fn sorting(descending: Vec<bool>) -> SortMultipleOptions {
    let nulls_last = vec![true; descending.len()];
    SortMultipleOptions { nulls_last, ..SortMultipleOptions::default() }
        .with_order_descending_multi(descending)
        .with_maintain_order(true)
}

fn within(lower: &Lower, range: &Range) -> PolarsResult<Expr> {
    let time = || col("time");
    let from = time().gt_eq(lower.moment(&range.from)?);
    match &range.until {
        Some(until) => Ok(from.and(time().lt(lower.moment(until)?))),
        None => Ok(from),
    }
}

/// Both sides' keys are cast to one type: ids are u64 in tables, but may be computed.
fn joined(frame: LazyFrame, join: &Join, right: LazyFrame) -> LazyFrame {
    let kept = join.names.iter().map(|(from, to)| col(from.as_str()).alias(to.as_str()));
    let right_key = |number: usize| format!("__right{number}");
    let left_key = |number: usize| format!("__left{number}");
    let (mut left_keys, mut right_keys) = (Vec::new(), Vec::new());
    for (at, (left_name, right_name)) in join.on.iter().enumerate() {
        let found = join.plan.columns.iter().find(|column| column.name == *right_name);
        let whole = found.is_some_and(|column| column.ty.is_integer());
        let cast = |expr: Expr| if whole { expr.cast(DataType::Int64) } else { expr };
        left_keys.push(cast(col(left_name.as_str())).alias(left_key(at)));
        right_keys.push(cast(col(right_name.as_str())).alias(right_key(at)));
    }
    let right = right.select(kept.chain(right_keys).collect::<Vec<_>>());
    let left = frame.with_columns(left_keys);
    let columns = |key: &dyn Fn(usize) -> String| (0..join.on.len()).map(|at| col(key(at))).collect::<Vec<_>>();
    let (left_on, right_on) = (columns(&left_key), columns(&right_key));
    let how = if join.left { JoinType::Left } else { JoinType::Inner };
    let mut args = JoinArgs::new(how);
    args.maintain_order = MaintainOrderJoin::LeftRight;
    args.coalesce = JoinCoalesce::KeepColumns;
    let names: Vec<PlSmallStr> =
        (0..join.on.len()).flat_map(|at| [left_key(at), right_key(at)]).map(Into::into).collect();
    left.join(right, left_on, right_on, args).drop(Selector::ByName { names: names.into(), strict: false })
}
