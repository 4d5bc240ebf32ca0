//! Parquet snapshots that stay where they are: a query reads the columns and row groups that it needs, whatever the size of
//! the file.

use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Arc;

use polars::io::HiveOptions;
use polars::io::mmap::MmapBytesReader;
use polars::prelude::*;
use polars_arrow::datatypes::Field;
use polars_buffer::Buffer;
use polars_parquet::parquet::metadata::RowGroupMetadata;
use polars_parquet::parquet::statistics::Statistics;

use super::read::{distinct, manifest_of, table_of};
use super::{Manifest, TABLE};
use crate::schema;
use crate::store::physical::{SEQ, TIE, dtype};
use crate::store::{IDS, Store};
use crate::types::Type;

/// Where the bytes of a file are.
#[derive(Debug, Clone)]
pub(super) enum Bytes {
    Path(PathBuf),
    Memory(Buffer<u8>),
}

/// A Parquet file whose footer was read.
#[derive(Debug)]
pub(super) struct ParquetFile {
    pub(super) bytes: Bytes,
    pub(super) metadata: FileMetadataRef,
    /// Its columns, in its own types.
    pub(super) columns: PlHashMap<PlSmallStr, DataType>,
    pub(super) fields: PlHashMap<PlSmallStr, Field>,
}

/// The rows of one table in one file.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(super) file: Arc<ParquetFile>,
    pub(crate) table: &'static schema::Table,
    pub(crate) groups: Vec<Group>,
    /// What is added to numbers of exchanges and of connections, so that those of several files never clash.
    add_id: u64,
    add_conn: u64,
}

/// The rows of one table in one row group.
#[derive(Debug)]
pub(crate) struct Group {
    /// Which group of the file it is.
    pub(super) number: usize,
    /// Number of the group's first row in the file, and of its rows, also those of other tables.
    start: usize,
    pub(super) length: usize,
    /// Rows of the table.
    pub(crate) rows: usize,
    /// Earliest and latest `time`, ns.
    pub(crate) range: (i64, i64),
}

/// What a hidden column [`SEQ`] orders rows by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The moment at which they were complete.
    Completion,
    /// Their `time`.
    Time,
}

/// Makes the rows of a file part of `store`; only those of the tables that are pictures of a moment are read at once.
pub(super) fn scan(source: Source, store: &mut Store) -> PolarsResult<Option<Manifest>> {
    let file = Arc::new(ParquetFile::open(source)?);
    let manifest = manifest_of(&file.metadata);
    let tables = file.tables()?;
    let names: Vec<_> = tables.iter().map(|(table, _)| table.name).collect();
    let (add_id, add_conn) = store.added_numbers(manifest.as_ref(), &names);
    for (table, groups) in tables {
        let scan = Scan { file: Arc::clone(&file), table, groups, add_id, add_conn };
        if table.is_log {
            store.add_scan(scan)?;
            continue;
        }
        let names: Vec<String> = table.columns.iter().map(|column| column.name.to_owned()).collect();
        for group in &scan.groups {
            store.append_moment(table.name, scan.read(group, &names, By::Time)?.drop_many([SEQ, TIE]))?;
        }
    }
    Ok(manifest)
}

/// Where a Parquet file comes from.
#[derive(Debug)]
pub enum Source {
    /// A file that can be read again and again.
    Path(PathBuf),
    /// Its bytes, of a pipe or a compressed file.
    Bytes(Vec<u8>),
}

impl ParquetFile {
    fn open(source: Source) -> PolarsResult<Self> {
        let bytes = match source {
            Source::Path(path) => Bytes::Path(std::fs::canonicalize(path)?),
            Source::Bytes(bytes) => Bytes::Memory(Buffer::from_vec(bytes)),
        };
        let mut reader = reader(&bytes)?;
        let metadata = reader.get_metadata()?.clone();
        let schema = reader.schema()?;
        let columns =
            schema.iter_values().map(|field| (field.name.clone(), DataType::from_arrow_field(field))).collect();
        let fields = schema.iter_values().map(|field| (field.name.clone(), field.clone())).collect();
        Ok(Self { bytes, metadata, columns, fields })
    }

    /// The tables that it has, and where.
    fn tables(&self) -> PolarsResult<Vec<(&'static schema::Table, Vec<Group>)>> {
        let mut found: Vec<(&'static schema::Table, Vec<Group>)> = Vec::new();
        let only = match self.columns.contains_key(TABLE) {
            true => None,
            false => Some(table_of(&self.columns.keys().map(PlSmallStr::as_str).collect::<Vec<_>>())?),
        };
        let mut start = 0;
        for (number, group) in self.metadata.row_groups.iter().enumerate() {
            let length = group.num_rows();
            if length > 0 {
                for (table, rows) in self.tables_of(group, only, start)? {
                    let range = self.range(group, start)?;
                    let group = Group { number, start, length, rows, range };
                    match found.iter_mut().find(|(known, _)| known.name == table.name) {
                        Some((_, groups)) => groups.push(group),
                        None => found.push((table, vec![group])),
                    }
                }
            }
            start += length;
        }
        Ok(found)
    }

    /// The tables in a row group, and how many rows each has. It holds one, unless another program has written the file.
    fn tables_of(
        &self,
        group: &RowGroupMetadata,
        only: Option<&'static schema::Table>,
        start: usize,
    ) -> PolarsResult<Vec<(&'static schema::Table, usize)>> {
        if let Some(table) = only {
            return Ok(vec![(table, group.num_rows())]);
        }
        if let Some(Statistics::Binary(statistics)) = self.statistics(group, TABLE)
            && let (Some(min), Some(max)) = (&statistics.min_value, &statistics.max_value)
            && min == max
            && statistics.null_count == Some(0)
        {
            let table = std::str::from_utf8(min).ok().and_then(schema::table).filter(|table| table.name != "requests");
            return Ok(table.map(|table| (table, group.num_rows())).into_iter().collect());
        }
        let tables = self.read(vec![TABLE.to_owned()], start, group.num_rows())?;
        let names = tables.column(TABLE)?.cast(&DataType::String)?;
        let count = |table: &schema::Table| {
            names.str().map(|names| names.iter().filter(|name| *name == Some(table.name)).count())
        };
        distinct(&tables)?.into_iter().map(|table| Ok((table, count(table)?))).collect()
    }

    fn range(&self, group: &RowGroupMetadata, start: usize) -> PolarsResult<(i64, i64)> {
        let Some(own) = self.columns.get("time") else { return Ok((0, 0)) };
        if let Some(Statistics::Int64(statistics)) = self.statistics(group, "time")
            && matches!(own, DataType::Datetime(TimeUnit::Nanoseconds, _))
            && let (Some(min), Some(max)) = (statistics.min_value, statistics.max_value)
        {
            return Ok((min, max));
        }
        let time = self.read(vec!["time".to_owned()], start, group.num_rows())?;
        let time = time.column("time")?.cast(&dtype(Type::Time))?.cast(&DataType::Int64)?;
        let time = time.i64()?;
        Ok((time.min().unwrap_or(0), time.max().unwrap_or(0)))
    }

    pub(super) fn statistics(&self, group: &RowGroupMetadata, column: &str) -> Option<Statistics> {
        group.columns_under_root_iter(column)?.next()?.statistics(&self.metadata.footer_buf)?.ok()
    }

    /// Some columns of some rows.
    fn read(&self, columns: Vec<String>, start: usize, length: usize) -> PolarsResult<DataFrame> {
        let mut reader = reader(&self.bytes)?;
        reader.set_metadata(self.metadata.clone());
        reader.with_columns(Some(columns)).with_slice(Some((start, length))).finish()
    }

    fn sources(&self) -> PolarsResult<ScanSources> {
        Ok(match &self.bytes {
            Bytes::Path(path) => ScanSources::Paths(Buffer::from_iter([PlRefPath::try_from_path(path)?])),
            Bytes::Memory(bytes) => ScanSources::Buffers(Arc::new([bytes.clone()])),
        })
    }
}

fn reader(bytes: &Bytes) -> PolarsResult<ParquetReader<Box<dyn MmapBytesReader>>> {
    Ok(ParquetReader::new(match bytes {
        Bytes::Path(path) => Box::new(std::fs::File::open(path)?),
        Bytes::Memory(bytes) => Box::new(Cursor::new(bytes.clone())),
    }))
}

impl Scan {
    /// How many rows it has.
    pub(crate) fn rows(&self) -> usize {
        self.groups.iter().map(|group| group.rows).sum()
    }

    /// Earliest and latest `time`, ns.
    pub(crate) fn range(&self) -> Option<(i64, i64)> {
        self.groups.iter().map(|group| group.range).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// The largest number of an exchange, and of a connection, that it says.
    pub(crate) fn largest(&self) -> PolarsResult<(u64, u64)> {
        let mut largest = (self.add_id, self.add_conn);
        for name in IDS {
            largest.0 = largest.0.max(self.add_id.saturating_add(self.largest_of(name)?));
        }
        largest.1 = largest.1.max(self.add_conn.saturating_add(self.largest_of("conn")?));
        Ok(largest)
    }

    fn largest_of(&self, column: &str) -> PolarsResult<u64> {
        let mut largest = 0;
        if !self.file.columns.contains_key(column) || self.table.column(column).is_none() {
            return Ok(0);
        }
        let mut start = 0;
        for group in &self.file.metadata.row_groups {
            let length = group.num_rows();
            if self.groups.iter().any(|own| own.start == start && own.length > 0) {
                largest = largest.max(match self.file.statistics(group, column) {
                    Some(Statistics::Int64(statistics)) if statistics.max_value.is_some() => {
                        statistics.max_value.map_or(0, i64::cast_unsigned)
                    }
                    Some(Statistics::Int64(statistics)) if statistics.null_count == i64::try_from(length).ok() => 0,
                    _ => {
                        let frame = self.file.read(vec![column.to_owned()], start, length)?;
                        frame.column(column)?.cast(&DataType::UInt64)?.u64()?.max().unwrap_or(0)
                    }
                });
            }
            start += length;
        }
        Ok(largest)
    }

    /// Whether each of its row groups holds rows of this table only.
    pub(crate) fn is_alone(&self) -> bool {
        self.groups.iter().all(|group| group.rows == group.length)
    }

    /// Columns `reads` of all rows. With `by` there are two more, [`SEQ`] and [`TIE`], whose order is that of the rows.
    pub(crate) fn lazy(&self, reads: &[String], by: Option<By>) -> PolarsResult<LazyFrame> {
        let hive_options = HiveOptions::new_disabled();
        let args = ScanArgsParquet { glob: false, cache: false, hive_options, ..ScanArgsParquet::default() };
        let rows = LazyFrame::scan_parquet_sources(self.file.sources()?, args)?;
        let has = |name: &str| self.file.columns.contains_key(name);
        let rows = match self.span() {
            Some((0, length)) if length == self.file.metadata.num_rows => rows,
            Some((start, length)) => {
                rows.slice(i64::try_from(start).unwrap_or(i64::MAX), IdxSize::try_from(length).unwrap_or(IdxSize::MAX))
            }
            None => rows.filter(col(TABLE).eq(lit(self.table.name))),
        };
        let mut columns = self.columns(reads, by);
        if !reads.iter().any(|name| has(name)) && by.is_none() {
            // Constants alone would give one row.
            let any = [TABLE, "time"].into_iter().find(|name| has(name));
            columns.extend(any.map(|name| col(name).alias(SEQ)));
        }
        Ok(rows.select(columns))
    }

    /// Number of the first row and of all rows, where these stand together and there is no other table's row between.
    fn span(&self) -> Option<(usize, usize)> {
        let start = self.groups.first()?.start;
        let mut length = 0;
        for group in &self.groups {
            if group.start != start + length || group.rows != group.length {
                return None;
            }
            length += group.length;
        }
        Some((start, length))
    }

    /// The same of one row group, read at once.
    pub(crate) fn read(&self, group: &Group, reads: &[String], by: By) -> PolarsResult<DataFrame> {
        let order = ["time", "latency", "closed", "id", "conn"].map(str::to_owned);
        let mut names: Vec<String> = reads.iter().chain(&order).cloned().collect();
        names.push(TABLE.to_owned());
        names.sort();
        names.dedup();
        names.retain(|name| self.file.columns.contains_key(name.as_str()));
        let frame = self.file.read(names, group.start, group.length)?;
        let rows = if group.rows < group.length {
            frame.lazy().filter(col(TABLE).eq(lit(self.table.name)))
        } else {
            frame.lazy()
        };
        rows.select(self.columns(reads, Some(by))).collect()
    }

    fn columns(&self, reads: &[String], by: Option<By>) -> Vec<Expr> {
        let mut columns: Vec<Expr> = reads.iter().filter_map(|name| self.column(name)).collect();
        if let Some(by) = by {
            let number = if self.table.column("id").is_some() { "id" } else { "conn" };
            let tie = self.column(number).unwrap_or_else(|| lit(0_u64));
            columns.push(order(by, |name| self.column(name)).alias(SEQ));
            columns.push(tie.alias(TIE));
        }
        columns
    }

    /// Whether the file's column `name`, of type `own`, is that of the table.
    pub(super) fn is_as_stored(&self, name: &str, own: &DataType) -> bool {
        let numbered = name == "conn" || IDS.contains(&name);
        let plain = !numbered || (self.add_id == 0 && self.add_conn == 0);
        plain && self.table.column(name).is_some_and(|column| *own == dtype(column.ty))
    }

    /// A column in the type that it has here; null where the file has none.
    pub(super) fn column(&self, name: &str) -> Option<Expr> {
        let wanted = dtype(self.table.column(name)?.ty);
        let Some(own) = self.file.columns.get(name) else { return Some(lit(NULL).cast(wanted).alias(name)) };
        let column = if *own == wanted { col(name) } else { col(name).cast(wanted) };
        let add = match name {
            "conn" => self.add_conn,
            name if IDS.contains(&name) => self.add_id,
            _ => 0,
        };
        Some(if add == 0 { column } else { column + lit(Scalar::from(add)) })
    }
}

/// The moment of a row as ns since the epoch. A row is complete when its answer is, or when its connection was closed.
pub(crate) fn order(by: By, column: impl Fn(&str) -> Option<Expr>) -> Expr {
    let ns = |name: &str| column(name).map(|column| column.cast(DataType::Int64));
    let time = ns("time").unwrap_or_else(|| lit(NULL).cast(DataType::Int64)).fill_null(lit(0_i64));
    let at = match by {
        By::Time => time,
        By::Completion => match (ns("closed"), ns("latency")) {
            (Some(closed), _) => closed.fill_null(time),
            (None, Some(latency)) => time + latency.fill_null(lit(0_i64)),
            (None, None) => time,
        },
    };
    at.cast(DataType::UInt64)
}
