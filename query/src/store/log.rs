//! `Log`: one table that grows: the rows still being built, and the sealed chunks before them.

use std::sync::Arc;

use polars::prelude::{Column, DataFrame, IntoColumn, NamedFrom, PolarsResult, Series};
use protocols::record::Common;

use super::chunk::{Chunk, MAX_ROWS};
use super::physical::SEQ;
use super::rows::RowBuilder;
use crate::schema::Field;

/// After how many rows the size of the open rows is looked at.
const CHECK: usize = 256;

#[derive(Debug)]
pub(super) struct Log<R: 'static> {
    open: RowBuilder<R>,
    chunks: Vec<Arc<Chunk>>,
    /// Size at which a chunk is sealed, and up to which small ones are merged.
    chunk_bytes: u64,
    /// Time that merged chunks span at most, ns: what is kept for a time goes chunk by chunk.
    chunk_span: i64,
    /// Rows that polars refused: never seen, but not passed over.
    refused: u64,
}

/// What retention needs to know of a table.
pub(super) trait Part {
    fn chunks(&self) -> &[Arc<Chunk>];
    fn chunks_mut(&mut self) -> &mut Vec<Arc<Chunk>>;
    /// Adds a sealed chunk after all others.
    fn add(&mut self, chunk: Chunk);
    /// Rows held.
    fn rows(&self) -> u64;
    /// Bytes held.
    fn bytes(&self) -> u64;
    /// Rows that could not be kept since the last call.
    fn take_refused(&mut self) -> u64;
}

impl<R> Log<R> {
    pub(super) fn new(fields: &'static [Field<R>], common: bool, chunk_bytes: u64, chunk_span: i64) -> Self {
        Self { open: RowBuilder::new(fields, common), chunks: Vec::new(), chunk_bytes, chunk_span, refused: 0 }
    }

    /// Returns whether that sealed a chunk.
    pub(super) fn push(&mut self, row: &R, common: Option<&Common>, seq: u64) -> bool {
        self.open.push(row, common, seq);
        let rows = self.open.rows();
        let full = rows >= MAX_ROWS || (rows.is_multiple_of(CHECK) && self.open.bytes() as u64 >= self.chunk_bytes);
        if full {
            self.seal();
        }
        full
    }

    /// Turns the open rows into a chunk, and merges small chunks so that there are never many.
    pub(super) fn seal(&mut self) {
        let rows = self.open.rows() as u64;
        match self.open.seal() {
            Ok(Some(chunk)) => self.add(chunk),
            Ok(None) => {}
            Err(_) => self.refused += rows,
        }
    }

    fn merge_small(&mut self) {
        while let [.., previous, last] = self.chunks.as_slice() {
            let fits = previous.rows() + last.rows() <= MAX_ROWS && previous.bytes + last.bytes <= self.chunk_bytes;
            let span = |chunk: &Chunk| chunk.range.unwrap_or((0, 0));
            let (one, next) = (span(previous), span(last));
            let fits = fits && one.1.max(next.1).saturating_sub(one.0.min(next.0)) <= self.chunk_span;
            // Each row is then copied at most once for every doubling of its chunk.
            if !fits || previous.rows() > 2 * last.rows() {
                return;
            }
            let Ok(merged) = previous.merge(last) else { return };
            self.chunks.truncate(self.chunks.len() - 2);
            self.chunks.push(Arc::new(merged));
        }
    }
}

impl<R> Part for Log<R> {
    fn chunks(&self) -> &[Arc<Chunk>] {
        &self.chunks
    }

    fn chunks_mut(&mut self) -> &mut Vec<Arc<Chunk>> {
        &mut self.chunks
    }

    fn add(&mut self, chunk: Chunk) {
        self.chunks.push(Arc::new(chunk));
        self.merge_small();
    }

    fn rows(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.rows() as u64).sum::<u64>() + self.open.rows() as u64
    }

    fn bytes(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.bytes).sum::<u64>() + self.open.bytes() as u64
    }

    fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }
}

/// A chunk of rows that were read from a file.
pub(super) fn sealed_frame(frame: DataFrame, numbers: Vec<u64>) -> PolarsResult<Chunk> {
    let rows = frame.height();
    let mut columns: Vec<Column> = frame.into_columns();
    columns.retain(|column| column.name().as_str() != SEQ);
    columns.push(Series::new(SEQ.into(), numbers).into_column());
    Chunk::new(rows, columns)
}
