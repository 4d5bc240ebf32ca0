//! The values of one column in one row group: where the file says each distinct value once and a number a row, they stay
//! so.
//!
//! ```text
//! column chunk: [dictionary page: GET POST …] [data page: lengths of runs, numbers in few bits] …
//!                        |                          |
//!                     values                      codes
//! ```
//! (<https://parquet.apache.org/docs/file-format/data-pages/encodings/>)

use std::fs::File;
use std::io::Cursor;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use polars::prelude::*;
use polars_arrow::bitmap::Bitmap;
use polars_buffer::Buffer;
use polars_parquet::parquet::encoding::hybrid_rle::HybridRleDecoder;
use polars_parquet::parquet::metadata::ColumnChunkMetadata;
use polars_parquet::parquet::page::{DataPage, DataPageHeader, DictPage, FormatEncoding};
use polars_parquet::parquet::read::{BasicDecompressor, PageReader};
use polars_parquet::parquet::schema::types::PhysicalType;
use polars_parquet::parquet::statistics::Statistics;
use polars_parquet::read::{Filter, column_iter_to_arrays};

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

fn damaged() -> PolarsError {
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
            BasicDecompressor::new(
                PageReader::new(Cursor::new(bytes.clone()), chunk, Vec::new(), usize::MAX),
                Vec::new(),
            )
        };
        if let (Some(chunk), [bytes]) = (chunks().next(), bytes.as_slice())
            && chunk.dictionary_page_offset().is_some()
            && let Some((values, codes)) = coded(pages(chunk, bytes), chunk, own, group.length)?
        {
            let codes = match rows {
                Some(rows) => rows.true_idx_iter().filter_map(|row| codes.get(row).copied()).collect(),
                None => codes,
            };
            let values = values.with_name(name.into()).into_column();
            return Ok(Values::Coded(Coded { values, codes: Arc::new(codes) }));
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

/// The distinct values (null is the last one) and their numbers; null where some values are said another way, or have a
/// type that is seldom said so.
fn coded(
    mut pages: BasicDecompressor,
    chunk: &ColumnChunkMetadata,
    own: &DataType,
    rows: usize,
) -> PolarsResult<Option<(Series, Vec<u32>)>> {
    let descriptor = &chunk.descriptor().descriptor;
    if descriptor.max_rep_level > 0 || descriptor.max_def_level > 1 {
        return Ok(None);
    }
    let Some(dictionary) = pages.read_dict_page()? else { return Ok(None) };
    let Some(values) = distinct_values(&dictionary, chunk.physical_type(), own)? else { return Ok(None) };
    let null = u32::try_from(dictionary.num_values).map_err(|_| damaged())?;
    let mut codes = Vec::with_capacity(rows);
    while let Some(page) = pages.next() {
        let page = page?.decompress(&mut pages)?;
        let encoding = match page.header() {
            DataPageHeader::V1(header) => header.encoding,
            DataPageHeader::V2(header) => header.encoding,
        };
        if !matches!(encoding, FormatEncoding::RLE_DICTIONARY | FormatEncoding::PLAIN_DICTIONARY) {
            return Ok(None);
        }
        if page.num_values() > rows.saturating_sub(codes.len()) {
            return Err(damaged());
        }
        add_codes(&page, descriptor.max_def_level > 0, null, &mut codes)?;
        pages.reuse_page_buffer(page);
    }
    // Whatever a damaged file says must be a value.
    if codes.len() != rows || codes.iter().any(|code| *code > null) {
        return Err(damaged());
    }
    Ok(Some((values, codes)))
}

fn distinct_values(page: &DictPage, physical: PhysicalType, own: &DataType) -> PolarsResult<Option<Series>> {
    let (bytes, count): (&[u8], usize) = (&page.buffer, page.num_values);
    let name = PlSmallStr::EMPTY;
    Ok(Some(
        match (physical, own) {
            (PhysicalType::ByteArray, DataType::String) => texts(bytes, count)
                .ok_or_else(damaged)?
                .into_iter()
                .map(Some)
                .chain([None])
                .collect::<StringChunked>()
                .into_series(),
            (PhysicalType::Int64, DataType::Int64 | DataType::UInt64) => {
                let numbers = || bytes.as_chunks::<8>().0.iter().take(count).map(|bytes| i64::from_le_bytes(*bytes));
                if numbers().len() != count {
                    return Err(damaged());
                }
                match own {
                    DataType::Int64 => numbers().map(Some).chain([None]).collect::<Int64Chunked>().into_series(),
                    _ => {
                        let numbers = numbers().map(|number| Some(number.cast_unsigned()));
                        numbers.chain([None]).collect::<UInt64Chunked>().into_series()
                    }
                }
            }
            (PhysicalType::Int32, DataType::UInt16 | DataType::UInt32) => {
                let numbers = bytes.as_chunks::<4>().0.iter().take(count).map(|bytes| Some(u32::from_le_bytes(*bytes)));
                if numbers.len() != count {
                    return Err(damaged());
                }
                numbers.chain([None]).collect::<UInt32Chunked>().into_series().cast(own)?
            }
            _ => return Ok(None),
        }
        .with_name(name),
    ))
}

/// Texts that each have their length in front.
fn texts(mut bytes: &[u8], count: usize) -> Option<Vec<&str>> {
    let mut texts = Vec::with_capacity(count.min(bytes.len()));
    for _ in 0..count {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (text, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        texts.push(std::str::from_utf8(text).ok()?);
        bytes = rest;
    }
    Some(texts)
}

/// Adds the numbers of one page's rows; rows without a value have number `null`.
fn add_codes(page: &DataPage, optional: bool, null: u32, codes: &mut Vec<u32>) -> PolarsResult<()> {
    let rows = page.num_values();
    let (levels, body) = parts(page, optional).ok_or_else(damaged)?;
    let Some((bits, body)) = body.split_first() else {
        // Nothing but nulls.
        codes.resize(codes.len() + rows, null);
        return Ok(());
    };
    if *bits > 32 {
        return Err(damaged());
    }
    let defined = match levels {
        Some(levels) => HybridRleDecoder::new(levels, 1, rows).collect()?,
        None => Vec::new(),
    };
    let count = if levels.is_some() { defined.iter().filter(|level| **level == 1).count() } else { rows };
    let numbers = HybridRleDecoder::new(body, u32::from(*bits), count).collect()?;
    if numbers.len() != count || (levels.is_some() && defined.len() != rows) {
        return Err(damaged());
    }
    if count == rows {
        codes.extend_from_slice(&numbers);
    } else {
        let mut numbers = numbers.into_iter();
        codes.extend(defined.iter().map(|level| if *level == 1 { numbers.next().unwrap_or(null) } else { null }));
    }
    Ok(())
}

/// The definition levels, where there are some, and what follows them.
fn parts(page: &DataPage, optional: bool) -> Option<(Option<&[u8]>, &[u8])> {
    let bytes = page.buffer();
    match page.header() {
        DataPageHeader::V1(_) if optional => {
            let (length, rest) = bytes.split_first_chunk::<4>()?;
            let (levels, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
            Some((Some(levels), rest))
        }
        DataPageHeader::V1(_) => Some((None, bytes)),
        DataPageHeader::V2(header) => {
            let repetition = usize::try_from(header.repetition_levels_byte_length).ok()?;
            let (_, rest) = bytes.split_at_checked(repetition)?;
            let (levels, rest) = rest.split_at_checked(usize::try_from(header.definition_levels_byte_length).ok()?)?;
            Some((optional.then_some(levels), rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Generator;

    /// The pages of a column of texts, some of which are null.
    fn pages(texts: &[Option<&str>]) -> (DictPage, Vec<DataPage>) {
        let mut frame = DataFrame::new(texts.len(), vec![Column::new("text".into(), texts)]).expect("is a frame");
        let mut bytes = Vec::new();
        let writer = ParquetWriter::new(&mut bytes).with_compression(ParquetCompression::Uncompressed);
        writer.finish(&mut frame).expect("writes");
        let metadata = ParquetReader::new(Cursor::new(&bytes)).get_metadata().expect("reads").clone();
        let chunk = &metadata.row_groups[0].parquet_columns()[0];
        let range = chunk.byte_range();
        let range = usize::try_from(range.start).expect("fits")..usize::try_from(range.end).expect("fits");
        let reader =
            PageReader::new(Cursor::new(Buffer::from_vec(bytes[range].to_vec())), chunk, Vec::new(), usize::MAX);
        let mut pages = BasicDecompressor::new(reader, Vec::new());
        let dictionary = pages.read_dict_page().expect("reads").expect("is there");
        let mut data = Vec::new();
        while let Some(page) = pages.next() {
            data.push(page.expect("reads").decompress(&mut pages).expect("is not compressed"));
        }
        (dictionary, data)
    }

    fn texts() -> Vec<Option<&'static str>> {
        let names = [Some("/"), Some("/cart"), None, Some("/users/{id}"), Some("")];
        (0..5_000).map(|row| names[row % 7 % names.len()]).collect()
    }

    #[test]
    fn values_and_codes_are_the_rows() {
        let texts = texts();
        let (dictionary, pages) = pages(&texts);
        let values =
            distinct_values(&dictionary, PhysicalType::ByteArray, &DataType::String).expect("reads").expect("some");
        let mut codes = Vec::new();
        for page in &pages {
            add_codes(page, true, u32::try_from(dictionary.num_values).expect("few"), &mut codes).expect("reads");
        }
        let values = values.str().expect("is text");
        let rows: Vec<Option<&str>> = codes.iter().map(|code| values.get(*code as usize)).collect();
        assert_eq!(rows, texts);
        assert_eq!(values.len(), 5, "each once, and null");
    }

    #[test]
    fn damaged_pages_are_errors_or_other_values() {
        let (dictionary, pages) = pages(&texts());
        let mut numbers = Generator::new(5);
        let mut refused = 0;
        for _ in 0..3_000 {
            let mut broken = dictionary.clone();
            let bytes = broken.buffer.to_mut();
            let at = usize::try_from(numbers.below(bytes.len() as u64)).expect("fits");
            bytes[at] = u8::try_from(numbers.below(256)).expect("fits");
            bytes.truncate(bytes.len() - usize::try_from(numbers.below(2)).expect("fits"));
            refused += u32::from(distinct_values(&broken, PhysicalType::ByteArray, &DataType::String).is_err());
            let mut page = pages[0].clone();
            let bytes = page.buffer_mut();
            // What says lengths stands at the beginning.
            for _ in 0..3 {
                let at = usize::try_from(numbers.below(16)).expect("fits");
                bytes[at] = u8::try_from(numbers.below(256)).expect("fits");
            }
            bytes.truncate(usize::try_from(numbers.below(bytes.len() as u64 + 1)).expect("fits"));
            let mut codes = Vec::new();
            refused += u32::from(add_codes(&page, true, 4, &mut codes).is_err());
        }
        assert!(refused > 100, "{refused}");
    }
}
