//! Rows themselves: those that meet conditions, and the first ones of an order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use polars::prelude::*;
use polars_arrow::bitmap::{Bitmap, MutableBitmap};

use super::batch::{Batch, Condition, Formula};
use super::tally::{Kind, Numbers};
use super::{Piece, each, is_condition, pieces};
use crate::lower::expr::Lower;
use crate::lower::source;
use crate::plan::typed::{Typed, TypedKind};
use crate::plan::{Plan, Step};
use crate::schema;
use crate::snapshot::{By, order};
use crate::store::Snapshot;
use crate::store::physical::{SEQ, TIE};
use crate::types::Type;

/// So many rows of any width are held at once.
pub(in crate::lower) const FEW: usize = 200_000;

/// The rows that meet the first conditions of `plan`, in no order, with [`SEQ`] and [`TIE`], and how many steps these
/// conditions are. Null where there are none, or more than [`FEW`] rows meet them.
pub(in crate::lower) fn matching(
    plan: &Plan,
    snapshot: &Snapshot,
    lower: &Lower,
) -> PolarsResult<Option<(DataFrame, usize)>> {
    let at = plan.steps.iter().take_while(|step| is_condition(step)).count();
    let Some(pieces) = pieces(plan.table, snapshot).filter(|_| at > 0) else { return Ok(None) };
    let conditions = Condition::all(plan.steps.iter().take(at), lower)?;
    let wanted = Wanted::of(plan);
    let rows = wanted.rows(&pieces, |piece| piece.may_meet(&conditions), |batch| batch.retain(&conditions))?;
    Ok(rows.map(|rows| (rows, at)))
}

/// The rows that can be among the first ones where `plan` begins with conditions and an order, of which it takes some; in
/// no order themselves, with [`SEQ`] and [`TIE`]. With them the number of steps of the conditions.
pub(in crate::lower) fn first(
    plan: &Plan,
    snapshot: &Snapshot,
    lower: &Lower,
) -> PolarsResult<Option<(DataFrame, usize)>> {
    let at = plan.steps.iter().take_while(|step| is_condition(step)).count();
    let (Some(Step::Sort(orders)), Some(Step::Take(count))) = (plan.steps.get(at), plan.steps.get(at + 1)) else {
        return Ok(None);
    };
    let Some(key) = Key::of(orders, lower)? else { return Ok(None) };
    let Some(count) = usize::try_from(*count).ok().filter(|count| (1..=MOST).contains(count)) else { return Ok(None) };
    let Some(mut pieces) = pieces(plan.table, snapshot) else { return Ok(None) };
    let conditions = Condition::all(plan.steps.iter().take(at), lower)?;
    // Where the first ones are at once, the others need not be looked at.
    pieces.sort_by_cached_key(|piece| Reverse(key.best(piece)));
    let least = AtomicU64::new(0);
    let may_be_first = |piece: &Piece| {
        piece.may_meet(&conditions) && key.best(piece).is_none_or(|best| best >= least.load(Ordering::Relaxed))
    };
    let look = |found: &mut Found, batch: &mut Batch| {
        if batch.retain(&conditions)? {
            let piece = batch.number();
            key.each(batch, |row, number| found.add(Place { number, piece, row }, count))?;
            if let Some(Reverse(last)) = found.best.peek().filter(|_| found.best.len() == count) {
                least.fetch_max(last.number, Ordering::Relaxed);
            }
        }
        Ok(true)
    };
    let Some(parts) = each(&pieces, may_be_first, Found::default, look)? else { return Ok(None) };
    let passed = parts.iter().filter_map(|found| found.passed).max();
    let mut best: Vec<Place> = parts.into_iter().flat_map(|found| found.best).map(|Reverse(place)| place).collect();
    best.sort_unstable_by_key(|place| Reverse(place.number));
    // Otherwise rows without a value are among the first, too.
    let Some(last) = best.get(count - 1).map(|place| place.number) else { return Ok(None) };
    least.fetch_max(last, Ordering::Relaxed);
    best.retain(|place| place.number >= last);
    let all_known = passed.is_none_or(|passed| passed < last);
    let retain = |batch: &mut Batch| -> PolarsResult<bool> {
        if !batch.retain(&conditions)? {
            return Ok(false);
        }
        let rows = if all_known { places(&best, batch) } else { key.from(last, batch)? };
        batch.narrow(rows)
    };
    let mut wanted = Wanted::of(plan);
    if all_known {
        let pieces_of_best: Vec<usize> = best.iter().map(|place| place.piece).collect();
        if best.windows(2).all(|two| two[0].number != two[1].number) {
            wanted.need_no_order();
        }
        let has_best = |piece: &Piece| pieces_of_best.contains(&piece.number);
        return Ok(wanted.rows(&pieces, has_best, retain)?.map(|rows| (rows, at)));
    }
    Ok(wanted.rows(&pieces, may_be_first, retain)?.map(|rows| (rows, at)))
}

/// Which rows of a batch are among `best`.
fn places(best: &[Place], batch: &Batch) -> Bitmap {
    let mut rows = MutableBitmap::from_len_zeroed(batch.height());
    let own = best.iter().filter(|place| place.piece == batch.number());
    own.for_each(|place| rows.set(place.row, true));
    rows.into()
}

/// Where a row is, and what it is put in order by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    number: u64,
    piece: usize,
    /// Among the rows that meet the conditions.
    row: usize,
}

/// The best rows of some pieces.
#[derive(Debug, Default)]
struct Found {
    best: BinaryHeap<Reverse<Place>>,
    /// The greatest number that was passed over.
    passed: Option<u64>,
}

impl Found {
    fn add(&mut self, place: Place, count: usize) {
        let worst = self.best.peek().filter(|_| self.best.len() >= count).map(|Reverse(worst)| worst.number);
        let passed = match worst {
            Some(worst) if place.number <= worst => Some(place.number),
            Some(worst) => {
                self.best.pop();
                Some(worst)
            }
            None => None,
        };
        if worst.is_none_or(|worst| place.number > worst) {
            self.best.push(Reverse(place));
        }
        self.passed = self.passed.max(passed);
    }
}

/// More than that are not worth looking for first.
const MOST: usize = 10_000;

/// What rows are put in order by before all else, as numbers of which the greatest come first.
struct Key {
    formula: Formula,
    /// The column that it is.
    column: Option<String>,
    descending: bool,
}

impl Key {
    fn of(orders: &[(Typed, bool)], lower: &Lower) -> PolarsResult<Option<Self>> {
        let Some((typed, descending)) = orders.first() else { return Ok(None) };
        let whole = matches!(
            typed.ty,
            Type::U16 | Type::U32 | Type::U64 | Type::I64 | Type::Bytes | Type::Duration | Type::Time
        );
        if !whole || !typed.has_column() {
            return Ok(None);
        }
        let column = match &typed.kind {
            TypedKind::Column(name) => Some(name.clone()),
            _ => None,
        };
        Ok(Some(Self { formula: Formula::of(typed, lower.expr(typed)?), column, descending: *descending }))
    }

    fn number(&self, number: u64) -> u64 {
        if self.descending { number } else { !number }
    }

    /// The greatest number that a row of `piece` can have; null where the file does not say.
    fn best(&self, piece: &Piece) -> Option<u64> {
        let (least, greatest) = piece.scan.bounds(piece.group, self.column.as_ref()?)?;
        let best = if self.descending { greatest } else { least };
        let kind =
            piece.scan.table.column(self.column.as_ref()?).map(|column| crate::store::physical::dtype(column.ty));
        let number = match kind.as_ref().and_then(Kind::of)? {
            Kind::Signed => super::tally::of_signed(i64::try_from(best).ok()?),
            _ => u64::try_from(best).ok()?,
        };
        Some(self.number(number))
    }

    /// The rows of a batch whose number is `least` or greater.
    fn from(&self, least: u64, batch: &mut Batch) -> PolarsResult<Bitmap> {
        let mut rows = MutableBitmap::from_len_zeroed(batch.height());
        self.each(batch, |row, number| {
            if number >= least {
                rows.set(row, true);
            }
        })?;
        Ok(rows.into())
    }

    fn each(&self, batch: &mut Batch, mut add: impl FnMut(usize, u64)) -> PolarsResult<()> {
        if let Some(numbers) = Numbers::of(&batch.values(&self.formula)?)? {
            numbers.each(&[], None, |row, _, number| add(row, self.number(number)));
        }
        Ok(())
    }
}

/// The columns of rows that a plan reads, and those that say their order.
struct Wanted {
    table: &'static str,
    reads: Vec<String>,
    columns: Vec<String>,
    exprs: Vec<Expr>,
}

impl Wanted {
    fn none(&self) -> PolarsResult<DataFrame> {
        source::scanned(self.table, &self.reads, &Snapshot::default(), true)?.collect()
    }

    /// No two rows are equal in what they are put in order by.
    fn need_no_order(&mut self) {
        self.columns.truncate(self.reads.len());
        self.exprs.truncate(self.reads.len());
        self.exprs.extend([lit(0_u64).alias(SEQ), lit(0_u64).alias(TIE)]);
    }

    fn of(plan: &Plan) -> Self {
        let has = |name: &str| schema::table(plan.table).is_some_and(|table| table.column(name).is_some());
        let number = if has("id") { "id" } else { "conn" };
        let mut columns = plan.reads.clone();
        let of_order = ["time", "latency", "closed", number].into_iter().filter(|name| has(name));
        columns.extend(of_order.map(str::to_owned).filter(|name| !plan.reads.contains(name)));
        let mut exprs: Vec<Expr> = plan.reads.iter().map(|name| col(name.as_str())).collect();
        exprs.push(order(By::Completion, |name| has(name).then(|| col(name))).alias(SEQ));
        exprs.push(col(number).alias(TIE));
        Self { table: plan.table, reads: plan.reads.clone(), columns, exprs }
    }

    /// The rows that `retain` leaves of each piece; null where they are not few.
    fn rows(
        &self,
        pieces: &[Piece],
        may_have: impl Fn(&Piece) -> bool + Sync,
        retain: impl Fn(&mut Batch) -> PolarsResult<bool> + Sync,
    ) -> PolarsResult<Option<DataFrame>> {
        let count = AtomicUsize::new(0);
        let take = |frames: &mut Vec<DataFrame>, batch: &mut Batch| {
            if !retain(batch)? {
                return Ok(true);
            }
            let rows = batch.height();
            if count.fetch_add(rows, Ordering::Relaxed) + rows > FEW {
                return Ok(false);
            }
            frames.push(batch.frame(&self.columns)?);
            Ok(true)
        };
        let Some(parts) = each(pieces, may_have, Vec::new, take)? else { return Ok(None) };
        let mut parts = parts.into_iter().flatten();
        let Some(mut rows) = parts.next() else { return self.none().map(Some) };
        for part in parts {
            rows.vstack_mut_owned(part)?;
        }
        rows.lazy().select(self.exprs.as_slice()).collect().map(Some)
    }
}

impl Piece<'_> {
    pub(super) fn may_meet(&self, conditions: &[Condition]) -> bool {
        conditions.iter().all(|condition| condition.may_hold(self.scan, self.group))
    }
}
