//! Parquet and Arrow IPC: native types; a field's metadata says the unit of its numbers.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use polars::prelude::*;
use polars_arrow::datatypes::ArrowSchema;
use polars_arrow::io::ipc::write::{FileWriter, StreamWriter, WriteOptions};

use super::RowWriter;
use crate::arrow::{frame_schema, key_values};
use crate::store::physical::dtype;
use crate::table::{OutputColumn, Table};

/// Row groups have about so many rows.
const GROUP: usize = 1 << 17;

/// A buffer that a writer fills and that is emptied into the real output: writers want to own what they write to.
#[derive(Debug, Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn empty_into(&self, out: &mut dyn Write) -> io::Result<()> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        out.write_all(&bytes)
    }
}

fn failed(error: PolarsError) -> io::Error {
    match error {
        PolarsError::IO { error, .. } => io::Error::new(error.kind(), error.to_string()),
        other => io::Error::other(other.to_string()),
    }
}

fn empty(columns: &[OutputColumn]) -> DataFrame {
    let schema: Schema =
        columns.iter().map(|column| Field::new(column.name.as_str().into(), dtype(column.ty))).collect();
    DataFrame::empty_with_schema(&schema)
}

pub(super) struct ArrowStream {
    columns: Vec<OutputColumn>,
    buffer: Buffer,
    writer: Option<StreamWriter<Buffer>>,
}

impl ArrowStream {
    pub(super) fn new(columns: &[OutputColumn]) -> Self {
        Self { columns: columns.to_vec(), buffer: Buffer::default(), writer: None }
    }

    fn started(&mut self) -> PolarsResult<&mut StreamWriter<Buffer>> {
        let schema = arrow_schema(&self.columns);
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => {
                let mut writer = StreamWriter::new(self.buffer.clone(), WriteOptions { compression: None });
                writer.start(&schema, None)?;
                writer
            }
        };
        Ok(self.writer.insert(writer))
    }
}

impl RowWriter for ArrowStream {
    fn write(&mut self, out: &mut dyn Write, table: &Table) -> io::Result<()> {
        let write = |writer: &mut StreamWriter<Buffer>| -> PolarsResult<()> {
            for batch in aligned(&table.frame).iter_chunks(CompatLevel::oldest(), false) {
                writer.write(&batch, None)?;
            }
            Ok(())
        };
        self.started().and_then(write).map_err(failed)?;
        self.buffer.empty_into(out)
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.started().and_then(StreamWriter::finish).map_err(failed)?;
        self.buffer.empty_into(out)
    }
}

pub(super) struct ArrowFile {
    columns: Vec<OutputColumn>,
    buffer: Buffer,
    writer: Option<FileWriter<Buffer>>,
}

impl ArrowFile {
    pub(super) fn new(columns: &[OutputColumn]) -> Self {
        Self { columns: columns.to_vec(), buffer: Buffer::default(), writer: None }
    }

    fn started(&mut self) -> PolarsResult<&mut FileWriter<Buffer>> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => {
                let schema = Arc::new(arrow_schema(&self.columns));
                FileWriter::try_new(self.buffer.clone(), schema, None, WriteOptions { compression: None })?
            }
        };
        Ok(self.writer.insert(writer))
    }
}

impl RowWriter for ArrowFile {
    fn write(&mut self, out: &mut dyn Write, table: &Table) -> io::Result<()> {
        let write = |writer: &mut FileWriter<Buffer>| -> PolarsResult<()> {
            for batch in aligned(&table.frame).iter_chunks(CompatLevel::oldest(), false) {
                writer.write(&batch, None)?;
            }
            Ok(())
        };
        self.started().and_then(write).map_err(failed)?;
        self.buffer.empty_into(out)
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.started().and_then(FileWriter::finish).map_err(failed)?;
        self.buffer.empty_into(out)
    }
}

pub(super) struct Parquet {
    columns: Vec<OutputColumn>,
    waiting: DataFrame,
    buffer: Buffer,
    writer: Option<polars::io::parquet::write::BatchedWriter<Buffer>>,
}

impl Parquet {
    pub(super) fn new(columns: &[OutputColumn]) -> Self {
        Self { columns: columns.to_vec(), waiting: empty(columns), buffer: Buffer::default(), writer: None }
    }

    fn group(&mut self) -> PolarsResult<()> {
        let schema = self.waiting.schema().clone();
        if self.writer.is_none() {
            let metadata = key_values(&arrow_schema(&self.columns), Vec::new());
            let writer = ParquetWriter::new(self.buffer.clone())
                .with_compression(ParquetCompression::Zstd(None))
                .with_key_value_metadata(Some(metadata))
                .batched(&schema)?;
            self.writer = Some(writer);
        }
        let group = std::mem::replace(&mut self.waiting, empty(&self.columns));
        match &mut self.writer {
            Some(writer) if group.height() > 0 => writer.write_batch(&aligned(&group)),
            _ => Ok(()),
        }
    }
}

impl RowWriter for Parquet {
    fn write(&mut self, out: &mut dyn Write, table: &Table) -> io::Result<()> {
        self.waiting.vstack_mut(&table.frame).map_err(failed)?;
        if self.waiting.height() >= GROUP {
            self.group().map_err(failed)?;
        }
        self.buffer.empty_into(out)
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.group().map_err(failed)?;
        if let Some(writer) = &self.writer {
            writer.finish().map_err(failed)?;
        }
        self.buffer.empty_into(out)
    }
}

/// One run of memory a column.
fn aligned(frame: &DataFrame) -> DataFrame {
    let mut frame = frame.clone();
    frame.rechunk_mut();
    frame
}

fn arrow_schema(columns: &[OutputColumn]) -> ArrowSchema {
    frame_schema(columns.iter().map(|column| (column.name.as_str(), column.ty)))
}
