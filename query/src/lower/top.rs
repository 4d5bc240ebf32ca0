//! The first rows of an order, of files: the one column that is sorted by tells which rows can be among them, and only these
//! are read in full.

use polars::prelude::*;

use super::expr::Lower;
use super::{sorting, streamed};
use crate::plan::typed::Typed;
use crate::types::Type;

/// More than that are not worth looking for first.
const MOST: u64 = 10_000;
const KEY: &str = "__key";

/// The rows of `frame` without those that cannot be among the first `count` by `orders`.
pub(super) fn candidates(
    frame: LazyFrame,
    orders: &[(Typed, bool)],
    count: u64,
    lower: &Lower,
) -> PolarsResult<LazyFrame> {
    let Some((first, descending)) = orders.first() else { return Ok(frame) };
    if !has_order(first.ty) || !first.has_column() || count == 0 || count > MOST {
        return Ok(frame);
    }
    let count = IdxSize::try_from(count).unwrap_or(IdxSize::MAX);
    let key = lower.expr(first)?;
    let options = sorting(vec![*descending]).with_maintain_order(false);
    let keys = streamed(frame.clone().select([key.clone().alias(KEY)]).sort([KEY], options).limit(count))?;
    let keys = keys.column(KEY)?;
    let last = match keys.len() {
        length if length == count as usize => keys.get(length - 1)?.into_static(),
        // All rows are among the first.
        _ => return Ok(frame),
    };
    if last.is_null() {
        return Ok(frame);
    }
    let last = lit(Scalar::new(keys.dtype().clone(), last));
    Ok(frame.filter(if *descending { key.gt_eq(last) } else { key.lt_eq(last) }))
}

/// Whether `<` on it is the order that rows are sorted in.
fn has_order(ty: Type) -> bool {
    matches!(ty, Type::U16 | Type::U32 | Type::U64 | Type::I64 | Type::Bytes | Type::Duration | Type::Time)
}
