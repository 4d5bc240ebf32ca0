//! Rows to bytes: text, JSON lines, CSV, Parquet, Arrow IPC (INTERFACES "Rendering").

mod binary;
mod csv;
mod json;
#[cfg(test)]
mod tests;
mod text;
mod value;

use std::io::{self, Write};

pub use value::{escape, human};

use crate::table::{OutputColumn, Table};

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Aligned text.
    Table,
    /// One object a line.
    Json,
    /// Header line, then rows.
    Csv,
    /// One Parquet file.
    Parquet,
    /// Arrow IPC: the stream format in pipes, the file format in files.
    Arrow,
}

impl Format {
    /// Whether it is not for terminals.
    #[must_use]
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow)
    }
}

/// How text is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextOptions {
    /// Columns of the screen; null: as wide as needed.
    pub width: Option<usize>,
    /// Units for people (`1.2ms`, `4.0MiB`), not raw values; no control characters in any text format.
    pub human: bool,
    /// No characters beyond ASCII (`--ascii`).
    pub ascii: bool,
}

/// Writes rows as they come: the header once, then rows of any number of tables with the same columns.
pub trait RowWriter {
    /// Writes the rows of `table`.
    ///
    /// # Errors
    /// As the output says.
    fn write(&mut self, out: &mut dyn Write, table: &Table) -> io::Result<()>;

    /// Writes what follows the last row. Without any row this is still a valid (empty) output.
    ///
    /// # Errors
    /// As the output says.
    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()>;
}

/// A writer of `format` for rows of `columns`, into a pipe or a terminal.
#[must_use]
pub fn writer(format: Format, columns: &[OutputColumn], options: TextOptions) -> Box<dyn RowWriter + Send> {
    match format {
        Format::Table => Box::new(text::Text::new(columns, options)),
        Format::Json => Box::new(json::Json::new(columns)),
        Format::Csv => Box::new(csv::Csv::new(columns, options.human)),
        Format::Parquet => Box::new(binary::Parquet::new(columns)),
        Format::Arrow => Box::new(binary::Arrow::new(columns, false)),
    }
}

/// As [`writer`], into a file: Arrow as the file format.
#[must_use]
pub fn file_writer(format: Format, columns: &[OutputColumn], options: TextOptions) -> Box<dyn RowWriter + Send> {
    match format {
        Format::Arrow => Box::new(binary::Arrow::new(columns, true)),
        _ => writer(format, columns, options),
    }
}
