//! Rows that were read from files: numbered on, put in order of completion, and made small.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use polars::prelude::*;

use super::Store;
use super::numbers::{Numbers, Session};
use crate::snapshot::{Manifest, Scan, typed};

/// Rows read at a time; also the size of the chunks that they become.
const PART: usize = 1 << 17;

/// The columns that hold numbers of exchanges.
pub(crate) const IDS: [&str; 3] = ["id", "parent", "twin"];

/// Rows of one table in order of completion.
struct Sorted {
    table: &'static str,
    frame: DataFrame,
    /// When each row was complete, ns.
    completed: Vec<i64>,
}

impl Store {
    /// Adds rows that were read from a file. Their numbers of exchanges and connections never clash with those of other
    /// sessions.
    pub(crate) fn append_parts(
        &mut self,
        parts: Vec<(&'static str, DataFrame)>,
        manifest: Option<&Manifest>,
    ) -> PolarsResult<()> {
        let tables: Vec<_> = parts.iter().map(|(table, _)| *table).collect();
        let before = self.session(manifest, &tables);
        let mut sorted = Vec::new();
        for (table, frame) in parts {
            let frame = renumbered(typed(table, &frame)?, before)?;
            for name in IDS {
                self.last.id = self.last.id.max(largest(&frame, name)?);
            }
            self.last.conn = self.last.conn.max(largest(&frame, "conn")?);
            for start in (0..frame.height()).step_by(PART) {
                sorted.push(by_completion(table, frame.slice(i64::try_from(start).unwrap_or(i64::MAX), PART))?);
            }
        }
        for (part, numbers) in merged(&sorted, self.next_seq) {
            self.next_seq = self.next_seq.max(numbers.last().map_or(0, |last| last + 1));
            let Sorted { table, frame, .. } = &sorted[part];
            self.append_frame(table, compact(frame)?, numbers)?;
        }
        self.were_read();
        Ok(())
    }

    /// Makes the rows of a file part of the store, where they are.
    pub(crate) fn add_scan(&mut self, scan: Scan) -> PolarsResult<()> {
        let (id, conn) = scan.largest()?;
        self.last = self.last.max(Numbers { id, conn });
        let mut scans = (*self.scans).clone();
        scans.push(Arc::new(scan));
        self.scans = Arc::new(scans);
        self.were_read();
        Ok(())
    }

    /// Adds rows to a table that is a picture of a moment.
    pub(crate) fn append_moment(&mut self, table: &'static str, frame: DataFrame) -> PolarsResult<()> {
        let numbers = (self.next_seq..).take(frame.height()).collect();
        self.next_seq += frame.height() as u64;
        self.append_frame(table, compact(&frame)?, numbers)
    }

    /// What is added to the numbers of exchanges and of connections in a file with these tables.
    pub(crate) fn added_numbers(&mut self, manifest: Option<&Manifest>, tables: &[&'static str]) -> (u64, u64) {
        let add = self.session(manifest, tables);
        (add.id, add.conn)
    }

    /// Files of one session have their numbers in common; those of a session that begins come after all others.
    fn session(&mut self, manifest: Option<&Manifest>, tables: &[&'static str]) -> Numbers {
        let Some((manifest, (id, conn))) = manifest.and_then(|manifest| Some((manifest, manifest.numbers()?))) else {
            return self.last;
        };
        let fits = |session: &&mut Session| {
            session.manifest == *manifest && !tables.iter().any(|table| session.tables.contains(table))
        };
        if let Some(session) = self.sessions.iter_mut().find(fits) {
            session.tables.extend(tables);
            return session.add;
        }
        let add = self.last;
        // Room for the files of it that are still to come.
        self.last = self.last.plus(Numbers { id, conn });
        self.sessions.push(Session { manifest: manifest.clone(), add, tables: tables.to_vec() });
        add
    }

    fn were_read(&mut self) {
        self.is_read = true;
        self.read = self.last;
    }
}

fn largest(frame: &DataFrame, name: &str) -> PolarsResult<u64> {
    match frame.column(name) {
        Ok(column) => Ok(column.u64()?.max().unwrap_or(0)),
        Err(_) => Ok(0),
    }
}

/// Adds to every number what was given before.
fn renumbered(frame: DataFrame, before: Numbers) -> PolarsResult<DataFrame> {
    if before == Numbers::default() {
        return Ok(frame);
    }
    let mut frame = frame;
    for (name, add) in IDS.map(|name| (name, before.id)).into_iter().chain([("conn", before.conn)]) {
        if let Ok(column) = frame.column(name) {
            let moved = (column.u64()?.clone() + add).with_name(name.into());
            frame.with_column(moved.into_column())?;
        }
    }
    Ok(frame)
}

/// A row is complete when its answer is: files are in order of the first byte.
fn by_completion(table: &'static str, frame: DataFrame) -> PolarsResult<Sorted> {
    let ns = |name: &str| -> PolarsResult<Option<Int64Chunked>> {
        match frame.column(name) {
            Ok(column) => Ok(Some(column.cast(&DataType::Int64)?.i64()?.clone())),
            Err(_) => Ok(None),
        }
    };
    let (time, latency, closed) = (ns("time")?, ns("latency")?, ns("closed")?);
    let at = |values: &Option<Int64Chunked>, row: usize| values.as_ref().and_then(|values| values.get(row));
    let completed = |row: usize| {
        let start = at(&time, row).unwrap_or(0);
        at(&closed, row).unwrap_or_else(|| start.saturating_add(at(&latency, row).unwrap_or(0)))
    };
    let completed: Vec<i64> = (0..frame.height()).map(completed).collect();
    if completed.is_sorted() {
        return Ok(Sorted { table, frame, completed });
    }
    let mut order: Vec<IdxSize> = (0..completed.len()).map(|row| row as IdxSize).collect();
    order.sort_by_key(|row| completed[*row as usize]);
    let frame = frame.take(&IdxCa::from_vec("order".into(), order.clone()))?;
    let completed = order.into_iter().map(|row| completed[row as usize]).collect();
    Ok(Sorted { table, frame, completed })
}

/// Running numbers for every row of every part, so that all rows together are in order of completion.
fn merged(parts: &[Sorted], first: u64) -> Vec<(usize, Vec<u64>)> {
    let mut numbers: Vec<(usize, Vec<u64>)> =
        parts.iter().enumerate().map(|(part, sorted)| (part, Vec::with_capacity(sorted.completed.len()))).collect();
    let mut heads: BinaryHeap<Reverse<(i64, usize, usize)>> = parts
        .iter()
        .enumerate()
        .filter_map(|(part, sorted)| sorted.completed.first().map(|time| Reverse((*time, part, 0))))
        .collect();
    for number in first.. {
        let Some(Reverse((_, part, row))) = heads.pop() else { break };
        numbers[part].1.push(number);
        if let Some(time) = parts[part].completed.get(row + 1) {
            heads.push(Reverse((*time, part, row + 1)));
        }
    }
    numbers.sort_by_key(|(_, numbers)| numbers.first().copied());
    numbers
}

/// Columns that say one thing only are held as one value, columns that say nothing not at all.
fn compact(frame: &DataFrame) -> PolarsResult<DataFrame> {
    let height = frame.height();
    let mut columns = Vec::new();
    for column in frame.columns() {
        if column.null_count() == height {
            continue;
        }
        columns.push(match one_value(column)? {
            Some(value) => Column::new_scalar(column.name().clone(), value, height),
            None => column.clone(),
        });
    }
    DataFrame::new(height, columns)
}

fn one_value(column: &Column) -> PolarsResult<Option<Scalar>> {
    if column.null_count() > 0 || column.dtype().is_nested() || column.dtype() == &DataType::Binary {
        return Ok(None);
    }
    let first = column.get(0)?.into_static();
    let series = column.as_materialized_series();
    let same = match series.dtype() {
        DataType::String => series.str()?.iter().all(|text| text == first.get_str()),
        DataType::Boolean => series.bool()?.all() || !series.bool()?.any(),
        _ => {
            let one = series.slice(0, 1);
            series.not_equal(&one)?.sum().unwrap_or(0) == 0
        }
    };
    Ok(same.then(|| Scalar::new(column.dtype().clone(), first)))
}
