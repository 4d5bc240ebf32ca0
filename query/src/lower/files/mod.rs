//! Queries over Parquet files, row group by row group: of a column that the file says as numbers of distinct values
//! (`GET`, `/cart`, 200), conditions and keys are worked out once a value rather than once a row.
//!
//! ```text
//! row groups -> threads: Batch (columns when asked for, rows that meet the conditions) -> Sums -> merged -> rows of groups
//! ```
//!
//! What does not fit here (rows in memory, views, keys of which there are very many) is left to polars: each entry gives
//! null then.

mod batch;
mod groups;
mod rows;
mod sums;
mod tally;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use polars::prelude::*;

use super::expr::Lower;
use crate::plan::{Plan, Step};
use crate::query::Context;
use crate::schema;
use crate::snapshot::{Group, Reader, Scan};
use crate::store::Snapshot;
use batch::{Batch, Condition};
pub(super) use rows::{FEW, first, matching};
use sums::{Shape, Sums};

/// The result of the first steps of `plan` up to a `summarize`, and how many steps that were.
pub(super) fn summarized(
    plan: &Plan,
    snapshot: &Snapshot,
    lower: &Lower,
    context: &Context,
) -> PolarsResult<Option<(LazyFrame, usize)>> {
    let at = plan.steps.iter().take_while(|step| is_condition(step)).count();
    let Some(Step::Summarize(summary)) = plan.steps.get(at) else { return Ok(None) };
    let Some(pieces) = pieces(plan.table, snapshot) else { return Ok(None) };
    let Some(shape) = Shape::of(summary, lower)? else { return Ok(None) };
    let conditions = Condition::all(plan.steps.iter().take(at), lower)?;
    let add = |sums: &mut Sums, batch: &mut Batch| Ok(!batch.retain(&conditions)? || sums.add(batch)?);
    let parts = each(&pieces, |piece| piece.may_meet(&conditions), || Sums::new(&shape), add)?;
    let Some(all) = parts.and_then(|parts| {
        parts.into_iter().reduce(|mut all, part| {
            all.merge(part);
            all
        })
    }) else {
        return Ok(None);
    };
    Ok(Some((all.result(summary, lower, context)?, at + 1)))
}

fn is_condition(step: &Step) -> bool {
    matches!(step, Step::Where(_) | Step::Since(_))
}

/// A row group and where it is.
struct Piece<'a> {
    number: usize,
    scan: &'a Scan,
    group: &'a Group,
}

/// The row groups that hold all rows of a table; null where some rows are elsewhere.
fn pieces<'a>(table: &str, snapshot: &'a Snapshot) -> Option<Vec<Piece<'a>>> {
    let scans = snapshot.scans(table);
    let known = schema::table(table).is_some_and(|table| table.is_log && table.name != "requests");
    if !known || scans.is_empty() || snapshot.stored_range(table).is_some() || !scans.iter().all(|scan| scan.is_alone())
    {
        return None;
    }
    let groups = scans.into_iter().map(Arc::as_ref).flat_map(|scan| scan.groups.iter().map(move |group| (scan, group)));
    Some(groups.enumerate().map(|(number, (scan, group))| Piece { number, scan, group }).collect())
}

/// Calls `add` for every row group that `wanted` lets through, on as many threads as there are processors; gives what
/// each thread has made. Null where a call has said no.
fn each<T: Send>(
    pieces: &[Piece],
    wanted: impl Fn(&Piece) -> bool + Sync,
    new: impl Fn() -> T + Sync,
    add: impl Fn(&mut T, &mut Batch) -> PolarsResult<bool> + Sync,
) -> PolarsResult<Option<Vec<T>>> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || -> PolarsResult<T> {
        let mut made = new();
        let mut reader: Option<(&Scan, Reader)> = None;
        while !stop.load(Ordering::Relaxed) {
            let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            if !wanted(piece) {
                continue;
            }
            let scan = &piece.scan;
            let open = match reader.take().filter(|(of, _)| std::ptr::eq(*of, *scan)) {
                Some((_, open)) => open,
                None => scan.reader()?,
            };
            let done = add(&mut made, &mut Batch::new(piece, &open));
            if !matches!(done, Ok(true)) {
                stop.store(true, Ordering::Relaxed);
            }
            done?;
            reader = Some((scan, open));
        }
        Ok(made)
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(pieces.len()).max(1);
    let made = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        let others =
            others.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        std::iter::once(own).chain(others).collect::<PolarsResult<Vec<T>>>()
    })?;
    Ok((!stop.load(Ordering::Relaxed)).then_some(made))
}
