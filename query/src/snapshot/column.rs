//! The values of one column in one row group: where the file says each distinct value once and a number a row, they stay
//! so.

use std::fs::File;
use std::io::Cursor;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use polars::prelude::*;
use polars_arrow::bitmap::Bitmap;
use polars_buffer::Buffer;
use polars_parquet::parquet::metadata::ColumnChunkMetadata;
use polars_parquet::parquet::read::{BasicDecompressor, PageReader};
use polars_parquet::parquet::statistics::Statistics;
use polars_parquet::read::{Filter, column_iter_to_arrays};

use super::pages::decoded;
use super::scan::{Bytes, Group, Scan};
use crate::store::physical::dtype;

/// The values of a column in some rows.
#[derive(Debug, Clone)]
pub(crate) enum Values {
    Coded(Coded),
    /// One a row.
    Plain(Column),
}

/// Values that are held apart from the rows that have them.
#[derive(Debug, Clone)]
pub(crate) struct Coded {
    /// One of them may be null; two may be equal.
    pub(crate) values: Column,
    /// Which of them each row has.
    pub(crate) codes: Arc<Vec<u32>>,
}

impl Values {
    /// How many rows.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Coded(coded) => coded.codes.len(),
            Self::Plain(column) => column.len(),
        }
    }

    pub(crate) fn dtype(&self) -> &DataType {
        match self {
            Self::Coded(coded) => coded.values.dtype(),
            Self::Plain(column) => column.dtype(),
        }
    }

    /// One value a row.
    pub(crate) fn column(&self) -> PolarsResult<Column> {
        match self {
            Self::Plain(column) => Ok(column.clone()),
            Self::Coded(coded) => coded.values.take(&IdxCa::from_vec("codes".into(), coded.codes.to_vec())),
        }
    }
}

/// Where the column chunks of a file are read from.
#[derive(Debug)]
pub(crate) enum Reader {
    File(File),
    Memory(Buffer<u8>),
}

impl Reader {
    fn of(bytes: &Bytes) -> PolarsResult<Self> {
        Ok(match bytes {
            Bytes::Path(path) => Self::File(File::open(path)?),
            Bytes::Memory(bytes) => Self::Memory(bytes.clone()),
        })
    }

    fn bytes(&self, range: &Range<u64>) -> PolarsResult<Buffer<u8>> {
        let length = usize::try_from(range.end.saturating_sub(range.start)).map_err(|_| damaged())?;
        match self {
            Self::Memory(all) => {
                let start = usize::try_from(range.start).map_err(|_| damaged())?;
                let end = start.checked_add(length).filter(|end| *end <= all.len()).ok_or_else(damaged)?;
                Ok(all.clone().sliced(start..end))
            }
            Self::File(file) => {
                if range.end > file.metadata()?.len() {
                    return Err(damaged());
                }
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, range.start)?;
                Ok(Buffer::from_vec(bytes))
            }
        }
    }
}

pub(super) fn damaged() -> PolarsError {
    polars_err!(ComputeError: "the Parquet file is damaged")
}

impl Scan {
    /// Opens the file once more.
    pub(crate) fn reader(&self) -> PolarsResult<Reader> {
        Reader::of(&self.file.bytes)
    }

    /// A column of the table, of those rows of `group` that are set in `rows`. The group must hold no other table's.
    pub(crate) fn values(
        &self,
        reader: &Reader,
        group: &Group,
        name: &str,
        rows: Option<&Bitmap>,
    ) -> PolarsResult<Values> {
        let height = rows.map_or(group.length, Bitmap::set_bits);
        let nothing = |ty: &DataType| {
            let values = Column::full_null(name.into(), 1, ty);
            Values::Coded(Coded { values, codes: Arc::new(vec![0; height]) })
        };
        let Some(known) = self.table.column(name) else { return Err(damaged()) };
        let Some(own) = self.file.columns.get(name) else { return Ok(nothing(&dtype(known.ty))) };
        let raw = self.raw(reader, group, name, rows)?;
        let height_of = |column: &Column| column.len() == height;
        if !matches!(&raw, Values::Plain(column) if !height_of(column)) {
            return if self.is_as_stored(name, own) { Ok(raw) } else { self.converted(raw, name) };
        }
        Err(damaged())
    }

    /// The least and the greatest number in a column of a row group, as the file says; null where it does not.
    pub(crate) fn bounds(&self, group: &Group, name: &str) -> Option<(i128, i128)> {
        let own = self.file.columns.get(name)?;
        if !self.is_as_stored(name, own) || self.table.column(name).is_none() {
            return None;
        }
        let metadata = self.file.metadata.row_groups.get(group.number)?;
        let unsigned = *own == DataType::UInt64;
        match self.file.statistics(metadata, name)? {
            Statistics::Int64(found) if unsigned => {
                Some((i128::from(found.min_value?.cast_unsigned()), i128::from(found.max_value?.cast_unsigned())))
            }
            Statistics::Int64(found) => Some((i128::from(found.min_value?), i128::from(found.max_value?))),
            Statistics::Int32(found) if *own == DataType::UInt32 => {
                Some((i128::from(found.min_value?.cast_unsigned()), i128::from(found.max_value?.cast_unsigned())))
            }
            Statistics::Int32(found) => Some((i128::from(found.min_value?), i128::from(found.max_value?))),
            _ => None,
        }
    }

    fn converted(&self, raw: Values, name: &str) -> PolarsResult<Values> {
        let convert = |column: Column| -> PolarsResult<Column> {
            let frame = DataFrame::new(column.len(), vec![column])?;
            let converted = frame.lazy().select(self.column(name).as_slice()).collect()?;
            Ok(converted.column(name)?.clone())
        };
        Ok(match raw {
            Values::Plain(column) => Values::Plain(convert(column)?),
            Values::Coded(coded) => Values::Coded(Coded { values: convert(coded.values)?, ..coded }),
        })
    }

    /// In the file's own type.
    fn raw(&self, reader: &Reader, group: &Group, name: &str, rows: Option<&Bitmap>) -> PolarsResult<Values> {
        let metadata = self.file.metadata.row_groups.get(group.number).ok_or_else(damaged)?;
        let chunks = || metadata.columns_under_root_iter(name).into_iter().flatten();
        let own = self.file.columns.get(name).ok_or_else(damaged)?;
        let field = self.file.fields.get(name).ok_or_else(damaged)?;
        let mut bytes = Vec::new();
        for chunk in chunks() {
            bytes.push(reader.bytes(&chunk.byte_range())?);
        }
        let pages = |chunk: &ColumnChunkMetadata, bytes: &Buffer<u8>| {
            let reader = PageReader::new(Cursor::new(bytes.clone()), chunk, Vec::new(), usize::MAX);
            BasicDecompressor::new(reader, Vec::new())
        };
        if let (Some(chunk), [bytes]) = (chunks().next(), bytes.as_slice())
            && let Some(values) = decoded(|| pages(chunk, bytes), chunk, own, group.length, rows)?
        {
            let named = |column: Column| column.with_name(name.into());
            return Ok(match values {
                Values::Plain(column) => Values::Plain(named(column)),
                Values::Coded(coded) => Values::Coded(Coded { values: named(coded.values), ..coded }),
            });
        }
        let columns = chunks().zip(&bytes).map(|(chunk, bytes)| pages(chunk, bytes)).collect();
        let types = chunks().map(|chunk| &chunk.descriptor().descriptor.primitive_type).collect();
        let filter = match rows {
            Some(rows) => Filter::new_masked(rows.clone()),
            None => Filter::new_limited(group.length),
        };
        let (arrays, _) = column_iter_to_arrays(columns, types, field.clone(), Some(filter))?;
        Ok(Values::Plain(Series::try_from((field, arrays))?.into_column()))
    }
}
