//! A sealed run of rows of one table. Never changed, only replaced.

use polars::prelude::*;

use super::compact::compact;
use super::physical::{SEQ, dtype};
use super::size::column_bytes;
use crate::types::Type;

/// The largest chunk that merging makes, in rows.
pub(super) const MAX_ROWS: usize = 1 << 16;

/// Some rows of one table, in order of completion.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// A column that is missing here is null in every row.
    frame: DataFrame,
    /// Running numbers of the first and the last row.
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    /// Earliest and latest `time`, ns.
    pub(crate) range: Option<(i64, i64)>,
    /// Bytes held: in all, in headers and in bodies.
    pub(crate) bytes: u64,
    pub(crate) header_bytes: u64,
    pub(crate) body_bytes: u64,
}

impl Chunk {
    pub(crate) fn new(rows: usize, columns: Vec<Column>) -> PolarsResult<Self> {
        let frame = DataFrame::new(rows, columns)?;
        let size = |filter: fn(&Column) -> bool| -> u64 {
            frame.columns().iter().filter(|column| filter(column)).map(|column| column_bytes(column) as u64).sum()
        };
        let (bytes, header_bytes, body_bytes) = (size(|_| true), size(is_headers), size(is_body));
        let seq = frame.column(SEQ)?.u64()?;
        let (first_seq, last_seq) = (seq.first().unwrap_or(0), seq.last().unwrap_or(0));
        let range = match frame.column("time") {
            Ok(time) => {
                let time = time.cast(&DataType::Int64)?;
                time.i64()?.min().zip(time.i64()?.max())
            }
            Err(_) => None,
        };
        Ok(Self { frame, first_seq, last_seq, range, bytes, header_bytes, body_bytes })
    }

    pub(crate) fn rows(&self) -> usize {
        self.frame.height()
    }

    /// The column called `name`, all null where it is missing.
    pub(crate) fn column(&self, name: &str, ty: Type) -> Column {
        match self.frame.column(name) {
            Ok(column) => column.clone(),
            Err(_) => Column::full_null(name.into(), self.rows(), &dtype(ty)),
        }
    }

    /// The same rows without the columns that `drop` names.
    pub(super) fn without(&self, drop: fn(&Column) -> bool) -> PolarsResult<Self> {
        let columns = self.frame.columns().iter().filter(|column| !drop(column)).cloned().collect();
        Self::new(self.rows(), columns)
    }

    /// The rows of both, `self` first.
    pub(super) fn merge(&self, next: &Self) -> PolarsResult<Self> {
        let mut columns = Vec::with_capacity(self.frame.width());
        let only_next = next.frame.columns().iter().filter(|column| self.frame.column(column.name()).is_err());
        for column in self.frame.columns().iter().chain(only_next) {
            let name = column.name().as_str();
            let of = |chunk: &Self| match chunk.frame.column(name) {
                Ok(column) => column.clone(),
                Err(_) => Column::full_null(name.into(), chunk.rows(), column.dtype()),
            };
            columns.push(append(of(self), of(next))?);
        }
        Self::new(self.rows() + next.rows(), columns)
    }
}

pub(super) fn is_body(column: &Column) -> bool {
    matches!(column.dtype(), DataType::Binary)
}

pub(super) fn is_headers(column: &Column) -> bool {
    matches!(column.dtype(), DataType::List(inner) if matches!(**inner, DataType::Struct(_)))
}

fn append(first: Column, second: Column) -> PolarsResult<Column> {
    if let (Column::Scalar(a), Column::Scalar(b)) = (&first, &second)
        && a.scalar() == b.scalar()
    {
        return Ok(Column::Scalar(a.resize(a.len() + b.len())));
    }
    let mut series = first.take_materialized_series();
    series.append_owned(second.take_materialized_series())?;
    Ok(compact(&series.rechunk())?.into_column())
}
