//! Builds the rows of one table.

use polars::prelude::{Column, PolarsResult};
use protocols::record::Common;

use super::builder::ColumnBuilder;
use super::chunk::Chunk;
use super::physical::SEQ;
use crate::schema::{COMMON, Cell, Field};
use crate::types::Type;

/// Rows of one table that are not sealed into a chunk yet.
#[derive(Debug)]
pub(super) struct RowBuilder<R: 'static> {
    fields: &'static [Field<R>],
    common: Vec<ColumnBuilder>,
    own: Vec<ColumnBuilder>,
    seq: ColumnBuilder,
    rows: usize,
}

impl<R> std::fmt::Debug for Field<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.column.fmt(f)
    }
}

fn builders<R>(fields: &[Field<R>]) -> Vec<ColumnBuilder> {
    fields.iter().map(|field| ColumnBuilder::new(field.column.name, field.column.ty)).collect()
}

impl<R> RowBuilder<R> {
    /// For a table of `fields`, with the common columns in front if `common`.
    pub(super) fn new(fields: &'static [Field<R>], common: bool) -> Self {
        Self {
            fields,
            common: if common { builders(COMMON) } else { Vec::new() },
            own: builders(fields),
            seq: ColumnBuilder::new(SEQ, Type::U64),
            rows: 0,
        }
    }

    pub(super) fn push(&mut self, record: &R, common: Option<&Common>, seq: u64) {
        if let Some(common) = common {
            for (field, column) in COMMON.iter().zip(&mut self.common) {
                column.push((field.get)(common));
            }
        }
        for (field, column) in self.fields.iter().zip(&mut self.own) {
            column.push((field.get)(record));
        }
        self.seq.push(Cell::U64(seq));
        self.rows += 1;
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Roughly how many bytes it holds.
    pub(super) fn bytes(&self) -> usize {
        self.common.iter().chain(&self.own).map(ColumnBuilder::bytes).sum()
    }

    /// The rows since the last call; null if there were none.
    pub(super) fn seal(&mut self) -> PolarsResult<Option<Chunk>> {
        if self.rows == 0 {
            return Ok(None);
        }
        let rows = std::mem::take(&mut self.rows);
        let mut columns: Vec<Column> = Vec::with_capacity(self.common.len() + self.own.len() + 1);
        for column in self.common.iter_mut().chain(&mut self.own).chain([&mut self.seq]) {
            columns.extend(column.finish()?);
        }
        Chunk::new(rows, columns).map(Some)
    }
}
