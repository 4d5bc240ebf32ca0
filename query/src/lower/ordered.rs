//! Rows of files in order, a few at a time: what is held at once does not grow with the files.
//!
//! ```text
//! row groups by their earliest time -> read -> rows before the next group's time: given, in order
//!                                         \-> the others wait for the next group
//! ```

use std::sync::Arc;

use polars::prelude::*;

use super::source::view_of;
use crate::schema::EXCHANGES;
use crate::snapshot::{By, Scan, order};
use crate::store::Snapshot;
use crate::store::physical::{SEQ, TIE};

/// Rows of one table, or of `requests`, in order of [`By`].
#[derive(Debug)]
pub(crate) struct Ordered {
    /// By the earliest time of their rows.
    pieces: Vec<Piece>,
    next: usize,
    /// Rows that others may yet come before.
    waiting: Option<DataFrame>,
    table: &'static str,
    reads: Vec<String>,
    by: By,
}

#[derive(Debug)]
struct Piece {
    from: i64,
    rows: Rows,
}

#[derive(Debug)]
enum Rows {
    /// Rows of this table that are in memory.
    Stored(&'static str, Box<Snapshot>),
    /// Number of a row group.
    Group(Arc<Scan>, usize),
}

impl Ordered {
    /// Columns `reads` of `table` in `snapshot`.
    pub(crate) fn new(snapshot: &Snapshot, table: &'static str, reads: &[String], by: By) -> Self {
        let mut pieces = Vec::new();
        let tables: &[&'static str] = if table == "requests" { &EXCHANGES } else { &[table] };
        for table in tables {
            if let Some((from, _)) = snapshot.stored_range(table) {
                pieces.push(Piece { from, rows: Rows::Stored(table, Box::new(snapshot.clone())) });
            }
            for scan in snapshot.scans(table) {
                let groups = scan.groups.iter().enumerate();
                pieces.extend(
                    groups.map(|(at, group)| Piece { from: group.range.0, rows: Rows::Group(Arc::clone(scan), at) }),
                );
            }
        }
        pieces.sort_by_key(|piece| piece.from);
        Self { pieces, next: 0, waiting: None, table, reads: reads.to_vec(), by }
    }

    /// Rows that are in order already, with [`SEQ`] and [`TIE`].
    pub(super) fn of(rows: DataFrame) -> Self {
        Self { pieces: Vec::new(), next: 0, waiting: Some(rows), table: "", reads: Vec::new(), by: By::Completion }
    }

    /// The next rows, with [`SEQ`] and [`TIE`]; null at the end.
    pub(crate) fn next(&mut self) -> PolarsResult<Option<DataFrame>> {
        while let Some(piece) = self.pieces.get(self.next) {
            self.next += 1;
            let new = self.columns(piece, &self.reads)?;
            let all = match self.waiting.take() {
                Some(waiting) => waiting.vstack(&new)?,
                None => new,
            };
            let Some(horizon) = self.pieces.get(self.next).map(|piece| piece.from) else {
                return sorted(all).map(Some);
            };
            let before = all.column(SEQ)?.u64()?.lt(u64::try_from(horizon).unwrap_or(0));
            let done = all.filter(&before)?;
            let waiting = all.filter(&!before)?;
            self.waiting = (waiting.height() > 0).then_some(waiting);
            if done.height() > 0 {
                return sorted(done).map(Some);
            }
        }
        self.waiting.take().map(sorted).transpose()
    }

    fn columns(&self, piece: &Piece, reads: &[String]) -> PolarsResult<DataFrame> {
        let table = match &piece.rows {
            Rows::Stored(table, _) => table,
            Rows::Group(scan, _) => scan.table.name,
        };
        let view = (self.table == "requests").then(|| view_of(table, reads));
        let needed = view.as_ref().map_or(reads, |(needed, _)| needed);
        let rows = match &piece.rows {
            Rows::Stored(table, snapshot) => stored(snapshot, table, needed, self.by)?,
            Rows::Group(scan, at) => match scan.groups.get(*at) {
                Some(group) => scan.read(group, needed, self.by)?,
                None => DataFrame::empty(),
            },
        };
        match view {
            None => Ok(rows),
            Some((_, columns)) => rows.lazy().select(with_order(columns)).collect(),
        }
    }
}

/// Rows that are in memory, with [`SEQ`] and [`TIE`] as those of files have them.
pub(super) fn stored(snapshot: &Snapshot, table: &'static str, reads: &[String], by: By) -> PolarsResult<DataFrame> {
    let Some(known) = crate::schema::table(table) else { return Ok(DataFrame::empty()) };
    let has = |name: &str| known.column(name).is_some();
    let number = if has("id") { "id" } else { "conn" };
    let mut needed = reads.to_vec();
    let order_of = ["time", "latency", "closed", number].into_iter().filter(|name| has(name));
    needed.extend(order_of.map(str::to_owned).filter(|name| !reads.contains(name)));
    let rows = super::source::stored(snapshot, table, &needed, None)?;
    let at = order(by, |name| has(name).then(|| col(name)));
    let mut columns: Vec<Expr> = reads.iter().filter(|name| has(name)).map(|name| col(name.as_str())).collect();
    columns.extend([at.alias(SEQ), col(number).alias(TIE)]);
    rows.lazy().select(columns).collect()
}

/// `columns`, and the two that say the order of rows.
pub(super) fn with_order(columns: Vec<Expr>) -> Vec<Expr> {
    columns.into_iter().chain([col(SEQ), col(TIE)]).collect()
}

fn sorted(rows: DataFrame) -> PolarsResult<DataFrame> {
    rows.sort([SEQ, TIE], SortMultipleOptions::default())
}
