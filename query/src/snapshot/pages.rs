//! Pages of a column chunk as values: of texts and whole numbers, which are most of a snapshot; the rest is left to polars.
//!
//! ```text
//! column chunk: [dictionary page: GET POST …] [data page: which rows have a value; numbers of values, in few bits] …
//!                        |                          |
//!                     values                      codes
//! ```
//! (<https://parquet.apache.org/docs/file-format/data-pages/encodings/>)

use std::sync::Arc;

use polars::prelude::*;
use polars_arrow::array::PrimitiveArray;
use polars_arrow::bitmap::{Bitmap, BitmapBuilder};
use polars_parquet::parquet::encoding::hybrid_rle::{HybridRleChunk, HybridRleDecoder};
use polars_parquet::parquet::metadata::ColumnChunkMetadata;
use polars_parquet::parquet::page::{DataPage, DataPageHeader, DictPage, FormatEncoding};
use polars_parquet::parquet::read::BasicDecompressor;
use polars_parquet::parquet::schema::types::PhysicalType;
use polars_parquet::read::{ParquetTimeUnit, PrimitiveLogicalType};

use super::column::{Coded, Values, damaged};

/// The values of a column chunk of `rows` rows, of those that are set in `wanted`; null where they are said in a way, or
/// have a type, that is seldom met.
pub(super) fn decoded(
    pages: impl Fn() -> BasicDecompressor,
    chunk: &ColumnChunkMetadata,
    own: &DataType,
    rows: usize,
    wanted: Option<&Bitmap>,
) -> PolarsResult<Option<Values>> {
    let descriptor = &chunk.descriptor().descriptor;
    let Some(stored) = Stored::of(chunk, own) else { return Ok(None) };
    if descriptor.max_rep_level > 0 || descriptor.max_def_level > 1 {
        return Ok(None);
    }
    let optional = descriptor.max_def_level > 0;
    let mut pages_once = pages();
    let dictionary = match chunk.dictionary_page_offset() {
        Some(_) => pages_once.read_dict_page()?,
        None => None,
    };
    let dictionary = dictionary.map(|page| Dictionary::of(&page, stored)).transpose()?;
    if let Some(dictionary) = &dictionary
        && let Some(codes) = codes(pages_once, dictionary.count(), optional, rows)?
    {
        let codes = match wanted {
            Some(wanted) => wanted.true_idx_iter().filter_map(|row| codes.get(row).copied()).collect(),
            None => codes,
        };
        return Ok(Some(match dictionary {
            // Nearly as many as there are rows.
            Dictionary::Long(values) if values.len() > rows / 4 => {
                let value = |code: &u32| values.get(*code as usize).copied();
                // What is no value is null.
                match codes.iter().all(|code| (*code as usize) < values.len()) {
                    true => whole(codes.iter().map(|code| value(code).unwrap_or(0)).collect(), None, own)?,
                    false => {
                        let known = codes.iter().map(|code| (*code as usize) < values.len()).collect();
                        whole(codes.iter().map(|code| value(code).unwrap_or(0)).collect(), Some(known), own)?
                    }
                }
            }
            _ => Values::Coded(Coded { values: dictionary.column(own)?, codes: Arc::new(codes) }),
        }));
    }
    if stored != Stored::Long {
        return Ok(None);
    }
    let Some((numbers, known)) = numbers(pages(), dictionary.as_ref(), optional, rows)? else { return Ok(None) };
    let all = whole(numbers, known, own)?;
    Ok(Some(match (all, wanted) {
        (Values::Plain(column), Some(wanted)) => {
            Values::Plain(column.filter(&BooleanChunked::from_bitmap(PlSmallStr::EMPTY, wanted.clone()))?)
        }
        (all, _) => all,
    }))
}

/// How values lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    Text,
    /// 8 bytes.
    Long,
    /// 4 bytes.
    Short,
}

impl Stored {
    fn of(chunk: &ColumnChunkMetadata, own: &DataType) -> Option<Self> {
        let logical = &chunk.descriptor().descriptor.primitive_type.logical_type;
        let in_ns = matches!(logical, Some(PrimitiveLogicalType::Timestamp { unit: ParquetTimeUnit::Nanoseconds, .. }));
        match (chunk.physical_type(), own) {
            (PhysicalType::ByteArray, DataType::String) => Some(Self::Text),
            (PhysicalType::Int64, DataType::Int64 | DataType::UInt64) => Some(Self::Long),
            (PhysicalType::Int64, DataType::Datetime(TimeUnit::Nanoseconds, _)) if in_ns => Some(Self::Long),
            (PhysicalType::Int32, DataType::UInt16 | DataType::UInt32) => Some(Self::Short),
            _ => None,
        }
    }
}

/// Distinct values.
#[derive(Debug)]
enum Dictionary {
    Texts(StringChunked),
    Long(Vec<i64>),
    Short(Vec<u32>),
}

impl Dictionary {
    fn of(page: &DictPage, stored: Stored) -> PolarsResult<Self> {
        let (bytes, count): (&[u8], usize) = (&page.buffer, page.num_values);
        let found = match stored {
            Stored::Text => {
                let texts = texts(bytes, count).ok_or_else(damaged)?;
                Self::Texts(texts.into_iter().map(Some).chain([None]).collect())
            }
            Stored::Long => Self::Long(longs(bytes).take(count).collect()),
            Stored::Short => {
                let numbers = bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
                Self::Short(numbers.take(count).collect())
            }
        };
        if found.count() == count { Ok(found) } else { Err(damaged()) }
    }

    fn count(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len().saturating_sub(1),
            Self::Long(numbers) => numbers.len(),
            Self::Short(numbers) => numbers.len(),
        }
    }

    /// The values, and null as the last one.
    fn column(&self, own: &DataType) -> PolarsResult<Column> {
        let known = |count: usize| Some((0..=count).map(|at| at < count).collect());
        Ok(match self {
            Self::Texts(texts) => texts.clone().into_column(),
            Self::Long(numbers) => {
                let all = numbers.iter().copied().chain([0]).collect();
                whole(all, known(numbers.len()), own)?.column()?
            }
            Self::Short(numbers) => {
                let all: UInt32Chunked = numbers.iter().copied().map(Some).chain([None]).collect();
                all.into_series().cast(own)?.into_column()
            }
        })
    }
}

fn longs(bytes: &[u8]) -> impl Iterator<Item = i64> {
    bytes.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes))
}

/// Numbers of 8 bytes in the file's type; null where `known` says so.
fn whole(numbers: Vec<i64>, known: Option<Bitmap>, own: &DataType) -> PolarsResult<Values> {
    let name = PlSmallStr::EMPTY;
    let series = match own {
        DataType::UInt64 => {
            let numbers = numbers.into_iter().map(i64::cast_unsigned).collect();
            UInt64Chunked::with_chunk(name, PrimitiveArray::from_vec(numbers).with_validity(known)).into_series()
        }
        _ => Int64Chunked::with_chunk(name, PrimitiveArray::from_vec(numbers).with_validity(known)).into_series(),
    };
    let series = if series.dtype() == own { series } else { series.cast(own)? };
    Ok(Values::Plain(series.into_column()))
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

fn encoding(page: &DataPage) -> FormatEncoding {
    match page.header() {
        DataPageHeader::V1(header) => header.encoding,
        DataPageHeader::V2(header) => header.encoding,
    }
}

fn is_coded(page: &DataPage) -> bool {
    matches!(encoding(page), FormatEncoding::RLE_DICTIONARY | FormatEncoding::PLAIN_DICTIONARY)
}

/// The numbers of the values of all rows, `count` where there is none; null where a page says values themselves.
fn codes(mut pages: BasicDecompressor, count: usize, optional: bool, rows: usize) -> PolarsResult<Option<Vec<u32>>> {
    let null = u32::try_from(count).map_err(|_| damaged())?;
    let mut codes = Vec::with_capacity(rows);
    while let Some(page) = pages.next() {
        let page = page?.decompress(&mut pages)?;
        if !is_coded(&page) {
            return Ok(None);
        }
        if page.num_values() > rows.saturating_sub(codes.len()) {
            return Err(damaged());
        }
        add_codes(&page, optional, null, &mut codes)?;
        pages.reuse_page_buffer(page);
    }
    // Whatever a damaged file says must be a value.
    if codes.len() != rows || codes.iter().fold(0, |most, code| most.max(*code)) > null {
        return Err(damaged());
    }
    Ok(Some(codes))
}

/// Whole numbers of pages that say them themselves, or their number in the dictionary.
fn numbers(
    mut pages: BasicDecompressor,
    dictionary: Option<&Dictionary>,
    optional: bool,
    rows: usize,
) -> PolarsResult<Option<(Vec<i64>, Option<Bitmap>)>> {
    let values: &[i64] = match dictionary {
        Some(Dictionary::Long(values)) => values,
        _ => &[],
    };
    if dictionary.is_some() {
        pages.read_dict_page()?;
    }
    let null = u32::try_from(values.len()).map_err(|_| damaged())?;
    let mut numbers = Vec::with_capacity(rows);
    let mut known = BitmapBuilder::with_capacity(rows);
    while let Some(page) = pages.next() {
        let page = page?.decompress(&mut pages)?;
        if page.num_values() > rows.saturating_sub(numbers.len()) {
            return Err(damaged());
        }
        if is_coded(&page) {
            let mut codes = Vec::with_capacity(page.num_values());
            add_codes(&page, optional, null, &mut codes)?;
            for code in codes {
                let value = values.get(code as usize);
                known.push(value.is_some());
                numbers.push(value.copied().unwrap_or(0));
            }
        } else if encoding(&page) == FormatEncoding::PLAIN {
            let (runs, body) = parts(&page, optional)?;
            let mut values = longs(body);
            for run in runs {
                if run.defined {
                    numbers.extend(values.by_ref().take(run.length));
                } else {
                    numbers.resize(numbers.len() + run.length, 0);
                }
                known.extend_constant(run.length, run.defined);
            }
            if numbers.len() != known.len() {
                return Err(damaged());
            }
        } else {
            return Ok(None);
        }
        pages.reuse_page_buffer(page);
    }
    if numbers.len() != rows {
        return Err(damaged());
    }
    Ok(Some((numbers, known.into_opt_validity())))
}

/// Adds the numbers of one page's rows; rows without a value have number `null`.
fn add_codes(page: &DataPage, optional: bool, null: u32, codes: &mut Vec<u32>) -> PolarsResult<()> {
    let (runs, body) = parts(page, optional)?;
    let count = runs.iter().filter(|run| run.defined).map(|run| run.length).sum();
    let Some((bits, body)) = body.split_first().filter(|_| count > 0) else {
        codes.resize(codes.len() + runs.iter().map(|run| run.length).sum::<usize>(), null);
        return if count == 0 { Ok(()) } else { Err(damaged()) };
    };
    if *bits > 32 {
        return Err(damaged());
    }
    let numbers = decoder(body, *bits, count).ok_or_else(damaged)?;
    if let [_] = runs.as_slice() {
        let before = codes.len();
        add_numbers(numbers, codes)?;
        return if codes.len() == before + count { Ok(()) } else { Err(damaged()) };
    }
    let numbers = numbers.collect()?;
    let mut numbers = numbers.as_slice();
    for run in runs {
        if run.defined {
            let (some, rest) = numbers.split_at_checked(run.length).ok_or_else(damaged)?;
            codes.extend_from_slice(some);
            numbers = rest;
        } else {
            codes.resize(codes.len() + run.length, null);
        }
    }
    Ok(())
}

fn add_numbers(numbers: HybridRleDecoder, codes: &mut Vec<u32>) -> PolarsResult<()> {
    for chunk in numbers.into_chunk_iter() {
        match chunk? {
            HybridRleChunk::Rle(value, length) => codes.resize(codes.len() + length, value),
            HybridRleChunk::Bitpacked(packed) => packed.collect_into(codes),
        }
    }
    Ok(())
}

/// Rows that follow each other and have a value, or have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    defined: bool,
    length: usize,
}

/// A decoder of runs whose lengths are numbers of at most 35 bits, as the format has them: unoptimised, it panics on others.
fn decoder(data: &[u8], bits: u8, count: usize) -> Option<HybridRleDecoder<'_>> {
    let (mut rest, mut left) = (data, count);
    while left > 0 && !rest.is_empty() {
        let last = rest.iter().take(5).position(|byte| byte & 0x80 == 0)?;
        let (length, values) = rest.split_at(last + 1);
        let head = length.iter().rev().fold(0_usize, |head, byte| head << 7 | usize::from(byte & 0x7f));
        // Groups of eight packed values, or one value so many times.
        let (count, bytes) = match (head & 1, head >> 1) {
            (1, groups) => (groups * 8, groups * usize::from(bits)),
            (_, times) => (times, usize::from(bits.div_ceil(8))),
        };
        left = left.saturating_sub(count);
        rest = values.get(bytes..).unwrap_or_default();
    }
    Some(HybridRleDecoder::new(data, u32::from(bits), count))
}

/// Which rows of a page have a value, and what the page says of these.
fn parts(page: &DataPage, optional: bool) -> PolarsResult<(Vec<Run>, &[u8])> {
    let rows = page.num_values();
    let (levels, body) = split(page, optional).ok_or_else(damaged)?;
    let Some(levels) = levels else { return Ok((vec![Run { defined: true, length: rows }], body)) };
    let mut runs: Vec<Run> = Vec::new();
    let mut add = |defined: bool, length: usize| match runs.last_mut() {
        Some(last) if last.defined == defined => last.length += length,
        _ => runs.push(Run { defined, length }),
    };
    let mut total = 0;
    let mut bits = Vec::new();
    for chunk in decoder(levels, 1, rows).ok_or_else(damaged)?.into_chunk_iter() {
        match chunk? {
            HybridRleChunk::Rle(level, length) => {
                add(level == 1, length);
                total += length;
            }
            HybridRleChunk::Bitpacked(packed) => {
                bits.clear();
                packed.collect_into(&mut bits);
                bits.iter().for_each(|level| add(*level == 1, 1));
                total += bits.len();
            }
        }
    }
    if total == rows { Ok((runs, body)) } else { Err(damaged()) }
}

/// The definition levels, where there are some, and what follows them.
fn split(page: &DataPage, optional: bool) -> Option<(Option<&[u8]>, &[u8])> {
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
    use std::io::Cursor;

    use polars_buffer::Buffer;
    use polars_parquet::parquet::read::PageReader;

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
        let values = Dictionary::of(&dictionary, Stored::Text).expect("reads");
        let values = values.column(&DataType::String).expect("are texts");
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
            refused += u32::from(Dictionary::of(&broken, Stored::Text).is_err());
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
