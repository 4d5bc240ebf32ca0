//! Parquet snapshots and Arrow IPC back into a store.

use std::io::Cursor;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicUsize, Ordering};

use polars::io::parquet::read::FileMetadata;
use polars::prelude::*;
use polars_arrow::array::Array;
use polars_arrow::io::ipc::read::{StreamReader, StreamState, read_stream_metadata};
use polars_arrow::record_batch::RecordBatchT;

use super::{MANIFEST, Manifest, TABLE};
use crate::error::QueryError;
use crate::schema;
use crate::store::Store;
use crate::store::physical::dtype;

/// Some rows of one table.
pub(crate) type Part = (&'static str, DataFrame);

/// Reads Parquet snapshots and Arrow IPC (told apart by content) into `store`; returns the manifest if there is one.
///
/// # Errors
/// When it is neither, or damaged.
pub fn read(bytes: Vec<u8>, store: &mut Store) -> Result<Option<Manifest>, QueryError> {
    let (parts, manifest) = match () {
        () if bytes.starts_with(b"PAR1") => unbroken(|| parquet(&bytes)),
        () if bytes.starts_with(b"ARROW1") => arrow_file(bytes).map(|parts| (parts, None)),
        () => arrow_stream(bytes).map(|parts| (parts, None)),
    }
    .map_err(damaged)?;
    store.append_parts(parts, manifest.as_ref()).map_err(damaged)?;
    Ok(manifest)
}

/// polars has invariants of Parquet files that it asserts rather than checks. That a damaged file breaks one of them is an
/// error of the file.
pub(crate) fn unbroken<T>(read: impl FnOnce() -> PolarsResult<T>) -> PolarsResult<T> {
    BEING_READ.fetch_add(1, Ordering::Relaxed);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(read));
    BEING_READ.fetch_sub(1, Ordering::Relaxed);
    result.unwrap_or_else(|_| Err(polars_err!(ComputeError: "the Parquet file cannot be read")))
}

/// How many of them are being read just now. polars has threads of its own, so that it counts for all of them.
static BEING_READ: AtomicUsize = AtomicUsize::new(0);

/// Whether a panic is polars' way to say that a file is damaged: the caller gets an error, and nobody needs to be told twice.
#[must_use]
pub fn is_of_a_damaged_file(panic: &PanicHookInfo<'_>) -> bool {
    let within_polars = panic.location().is_some_and(|location| location.file().contains("/polars-"));
    within_polars && BEING_READ.load(Ordering::Relaxed) > 0
}

pub(super) fn damaged(error: PolarsError) -> QueryError {
    match error {
        PolarsError::ColumnNotFound(reason) => QueryError::run(reason.to_string()),
        other => QueryError::run(format!("the file is damaged, or no snapshot: {other}")),
    }
}

fn parquet(bytes: &[u8]) -> PolarsResult<(Vec<Part>, Option<Manifest>)> {
    let reader = || ParquetReader::new(Cursor::new(bytes));
    let mut first = reader();
    let metadata = first.get_metadata()?.clone();
    let schema = first.schema()?;
    let names: Vec<&str> = schema.iter_names().map(PlSmallStr::as_str).collect();
    let mut parts = Vec::new();
    let mut start = 0;
    for group in &metadata.row_groups {
        let rows = group.num_rows();
        let (at, end) = (start, start + rows);
        start = end;
        if rows == 0 {
            continue;
        }
        let slice = |length| Some((at, length));
        let select = |columns: Vec<String>| reader().with_columns(Some(columns));
        if !names.contains(&TABLE) {
            let table = table_of(&names)?;
            parts.push((table.name, select(own(table, &names)).with_slice(slice(rows)).finish()?));
            continue;
        }
        // A row group holds one table, unless another program has written the file anew.
        let tables = select(vec![TABLE.to_owned()]).with_slice(slice(rows)).finish()?;
        for table in distinct(&tables)? {
            let mut columns = own(table, &names);
            columns.push(TABLE.to_owned());
            let frame = select(columns).with_slice(slice(rows)).finish()?;
            parts.push((table.name, of_table(frame, table.name)?));
        }
    }
    Ok((parts, manifest_of(&metadata)))
}

/// What the footer says.
pub(super) fn manifest_of(metadata: &FileMetadata) -> Option<Manifest> {
    let entries = metadata.key_value_metadata().iter().flatten();
    let manifest = entries.filter(|entry| entry.key == MANIFEST).find_map(|entry| entry.value.as_deref());
    manifest.and_then(|text| serde_json::from_str(text).ok()).map(|members| Manifest { members })
}

/// The tables that column `table` names.
pub(super) fn distinct(tables: &DataFrame) -> PolarsResult<Vec<&'static schema::Table>> {
    let names = tables.column(TABLE)?.cast(&DataType::String)?.unique()?;
    let known = |name: &str| schema::table(name).filter(|table| table.name != "requests");
    Ok(names.str()?.iter().flatten().filter_map(known).collect())
}

fn of_table(frame: DataFrame, table: &str) -> PolarsResult<DataFrame> {
    let names = frame.column(TABLE)?.cast(&DataType::String)?;
    let mask: BooleanChunked = names.str()?.iter().map(|name| Some(name == Some(table))).collect();
    let frame = if mask.all() { frame } else { frame.filter(&mask)? };
    frame.drop(TABLE)
}

/// The columns of `table` among `names`.
fn own(table: &schema::Table, names: &[&str]) -> Vec<String> {
    table.columns.iter().filter(|column| names.contains(&column.name)).map(|column| column.name.to_owned()).collect()
}

/// The table that columns of these names are of: the first that has all of them.
pub(super) fn table_of(names: &[&str]) -> PolarsResult<&'static schema::Table> {
    let has_all = |table: &&schema::Table| names.iter().all(|name| table.columns.iter().any(|own| own.name == *name));
    let found = super::stored().find(has_all).filter(|_| !names.is_empty());
    found.ok_or_else(|| {
        let reason = format!("these columns are of no table of explore: {}", names.join(" "));
        PolarsError::ColumnNotFound(reason.into())
    })
}

fn arrow_file(bytes: Vec<u8>) -> PolarsResult<Vec<Part>> {
    let frame = IpcReader::new(Cursor::new(bytes)).finish()?;
    whole(frame)
}

fn arrow_stream(bytes: Vec<u8>) -> PolarsResult<Vec<Part>> {
    let mut input = Cursor::new(bytes);
    let metadata = read_stream_metadata(&mut input)?;
    let schema = metadata.schema.clone();
    let mut frames = Vec::new();
    for state in StreamReader::new(input, metadata, None) {
        if let StreamState::Some(batch) = state? {
            frames.push(frame_of(&schema, batch)?);
        }
    }
    let mut frames = frames.into_iter();
    let Some(mut all) = frames.next() else { return Ok(Vec::new()) };
    for frame in frames {
        all.vstack_mut(&frame)?;
    }
    whole(all)
}

fn frame_of(schema: &ArrowSchema, batch: RecordBatchT<Box<dyn Array>>) -> PolarsResult<DataFrame> {
    let height = batch.len();
    let columns = schema.iter_names().zip(batch.into_arrays());
    let columns = columns.map(|(name, array)| Ok(Series::try_from((name.clone(), array))?.into_column()));
    DataFrame::new(height, columns.collect::<PolarsResult<Vec<_>>>()?)
}

/// Rows that may be of one table or, with a column `table`, of many.
fn whole(frame: DataFrame) -> PolarsResult<Vec<Part>> {
    if frame.column(TABLE).is_err() {
        let names: Vec<&str> = frame.columns().iter().map(|column| column.name().as_str()).collect();
        let table = table_of(&names)?;
        return Ok(vec![(table.name, frame)]);
    }
    let mut parts = Vec::new();
    for table in distinct(&frame)? {
        parts.push((table.name, of_table(frame.clone(), table.name)?));
    }
    Ok(parts)
}

/// `frame` with exactly the columns of its table that it has, in their types.
pub(crate) fn typed(table: &str, frame: &DataFrame) -> PolarsResult<DataFrame> {
    let Some(table) = schema::table(table) else { return Ok(DataFrame::empty()) };
    let mut columns = Vec::new();
    for column in &table.columns {
        let Ok(found) = frame.column(column.name) else { continue };
        let wanted = dtype(column.ty);
        let found = if *found.dtype() == wanted { found.clone() } else { found.cast(&wanted)? };
        columns.push(found);
    }
    DataFrame::new(frame.height(), columns)
}
