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

/// Arrow IPC, in either of its two formats.
pub(super) struct Arrow {
    columns: Vec<OutputColumn>,
    buffer: Buffer,
    in_file: bool,
    /// Made with the first rows, or at the end.
    writer: Option<Ipc>,
}

/// polars' two writers, which share no trait.
enum Ipc {
    Stream(StreamWriter<Buffer>),
    File(FileWriter<Buffer>),
}

impl Arrow {
    /// In the file format, or in the stream format.
    pub(super) fn new(columns: &[OutputColumn], in_file: bool) -> Self {
        Self { columns: columns.to_vec(), buffer: Buffer::default(), in_file, writer: None }
    }

    fn started(&mut self) -> PolarsResult<&mut Ipc> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => Ipc::start(self.buffer.clone(), arrow_schema(&self.columns), self.in_file)?,
        };
        Ok(self.writer.insert(writer))
    }
}

impl Ipc {
    fn start(buffer: Buffer, schema: ArrowSchema, in_file: bool) -> PolarsResult<Self> {
        let options = WriteOptions { compression: None };
        if in_file {
            return FileWriter::try_new(buffer, Arc::new(schema), None, options).map(Self::File);
        }
        let mut writer = StreamWriter::new(buffer, options);
        writer.start(&schema, None)?;
        Ok(Self::Stream(writer))
    }

    fn write(&mut self, rows: &DataFrame) -> PolarsResult<()> {
        for batch in rows.iter_chunks(CompatLevel::oldest(), false) {
            match self {
                Self::Stream(writer) => writer.write(&batch, None)?,
                Self::File(writer) => writer.write(&batch, None)?,
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> PolarsResult<()> {
        match self {
            Self::Stream(writer) => writer.finish(),
            Self::File(writer) => writer.finish(),
        }
    }
}

impl RowWriter for Arrow {
    fn write(&mut self, out: &mut dyn Write, table: &Table) -> io::Result<()> {
        self.started().and_then(|writer| writer.write(&aligned(&table.frame))).map_err(failed)?;
        self.buffer.empty_into(out)
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.started().and_then(Ipc::finish).map_err(failed)?;
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
