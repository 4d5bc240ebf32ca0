//! Snapshots to Parquet.

use std::fs;
use std::io;
use std::path::Path;

use polars::io::parquet::write::BatchedWriter;
use polars::prelude::*;
use serde_json::{Map, Value, json};

use super::file::{Out, replace};
use super::{MANIFEST, Manifest, NUMBERS, TABLE, VERSION, stored};
use crate::arrow::{frame_schema, key_values};
use crate::lower::stored_rows;
use crate::schema;
use crate::store::Snapshot;
use crate::store::physical::dtype;
use crate::types::Type;

/// Row groups have at most so many rows.
const GROUP: usize = 1 << 17;

/// All tables in one file: column `table` and the union of all columns.
pub(super) fn whole(out: &mut Out, snapshot: &Snapshot, manifest: &Manifest) -> io::Result<()> {
    let mut columns = vec![(TABLE, Type::String)];
    for column in stored().flat_map(|table| &table.columns) {
        if !columns.iter().any(|(name, _)| *name == column.name) {
            columns.push((column.name, column.ty));
        }
    }
    let mut write = || -> PolarsResult<()> {
        let mut writer = writer(&mut *out, &columns, &text(snapshot, manifest))?;
        let mut names: Vec<&schema::Table> = stored().collect();
        names.sort_by_key(|table| table.name);
        for table in names {
            groups(&mut writer, snapshot, table, |group| union(group, table.name, &columns))?;
        }
        writer.finish().map(|_| ())
    };
    write().map_err(io_error)
}

/// `DIR/node=NODE/TABLE.parquet`.
pub(super) fn directory(path: &Path, snapshot: &Snapshot, manifest: &Manifest, force: bool) -> io::Result<()> {
    let node = manifest.members.get("node").and_then(Value::as_str).unwrap_or("unknown");
    // A host name cannot hold these, but it comes from outside.
    let node: String = node.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    let folder = path.join(format!("node={node}"));
    fs::create_dir_all(&folder)?;
    for table in stored() {
        if snapshot.rows(table.name) == 0 {
            continue;
        }
        let columns: Vec<(&str, Type)> = table.columns.iter().map(|column| (column.name, column.ty)).collect();
        replace(&folder.join(format!("{}.parquet", table.name)), force, |out| {
            let mut write = || -> PolarsResult<()> {
                let mut writer = writer(&mut *out, &columns, &text(snapshot, manifest))?;
                groups(&mut writer, snapshot, table, Ok)?;
                writer.finish().map(|_| ())
            };
            write().map_err(io_error)
        })?;
    }
    Ok(())
}

fn writer<'a>(out: &'a mut Out, columns: &[(&str, Type)], manifest: &str) -> PolarsResult<BatchedWriter<&'a mut Out>> {
    let schema: Schema = columns.iter().map(|(name, ty)| Field::new((*name).into(), dtype(*ty))).collect();
    let entries = key_values(&frame_schema(columns.iter().copied()), vec![(MANIFEST.to_owned(), manifest.to_owned())]);
    ParquetWriter::new(out)
        .with_compression(ParquetCompression::Zstd(None))
        .with_key_value_metadata(Some(entries))
        .batched(&schema)
}

/// Writes the rows of a table, each group in the shape that `shape` gives it.
fn groups(
    writer: &mut BatchedWriter<&mut Out>,
    snapshot: &Snapshot,
    table: &'static schema::Table,
    shape: impl Fn(DataFrame) -> PolarsResult<DataFrame>,
) -> PolarsResult<()> {
    let mut write = |rows: DataFrame| {
        let mut group = shape(rows)?;
        group.rechunk_mut();
        writer.write_batch(&group)
    };
    let mut rest: Option<DataFrame> = None;
    stored_rows(snapshot, table, |rows| {
        let rows = match rest.take() {
            Some(rest) => rest.vstack(&rows)?,
            None => rows,
        };
        let full = rows.height() / GROUP * GROUP;
        for start in (0..full).step_by(GROUP) {
            write(rows.slice(i64::try_from(start).unwrap_or(i64::MAX), GROUP))?;
        }
        rest = (full < rows.height()).then(|| rows.slice(i64::try_from(full).unwrap_or(i64::MAX), GROUP));
        Ok(())
    })?;
    rest.map_or(Ok(()), write)
}

fn union(rows: DataFrame, table: &'static str, columns: &[(&str, Type)]) -> PolarsResult<DataFrame> {
    let height = rows.height();
    let column = |(name, ty): &(&str, Type)| match rows.column(name) {
        _ if *name == TABLE => Column::new_scalar(TABLE.into(), Scalar::from(PlSmallStr::from_static(table)), height),
        Ok(found) => found.clone(),
        Err(_) => Column::full_null((*name).into(), height, &dtype(*ty)),
    };
    DataFrame::new(height, columns.iter().map(column).collect())
}

/// The manifest's JSON.
fn text(snapshot: &Snapshot, manifest: &Manifest) -> String {
    let mut members = Map::new();
    members.insert("version".to_owned(), json!(VERSION));
    members.extend(manifest.members.clone());
    let (id, conn) = snapshot.last_numbers();
    members.insert(NUMBERS.to_owned(), json!({"id": id, "conn": conn}));
    let rows: Map<String, Value> =
        stored().map(|table| (table.name.to_owned(), json!(snapshot.rows(table.name)))).collect();
    members.insert("tables".to_owned(), Value::Object(rows));
    let losses = snapshot
        .losses()
        .iter()
        .map(|loss| (loss.cause.to_string(), json!({"events": loss.events, "bytes": loss.bytes})));
    members.insert("loss".to_owned(), Value::Object(losses.collect()));
    Value::Object(members).to_string()
}

fn io_error(error: PolarsError) -> io::Error {
    match error {
        PolarsError::IO { error, .. } => io::Error::new(error.kind(), error.to_string()),
        other => {
            // The writer of Parquet calls whatever its output says a fault of the file.
            let text = other.to_string();
            let cause = text.rsplit_once("underlying IO error: ").map_or(text.as_str(), |(_, cause)| cause);
            io::Error::other(cause)
        }
    }
}
