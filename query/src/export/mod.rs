//! Rows to bytes: text, JSON lines, CSV, Parquet, Arrow IPC (INTERFACES "Rendering").

use std::io::{self, Write};

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
    /// Arrow IPC file.
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
    /// Units for people (`1.2ms`, `4.0MiB`), not raw values.
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

    /// Writes what follows the last row.
    ///
    /// # Errors
    /// As the output says.
    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()>;
}

/// A writer of `format` for rows of `columns`.
#[must_use]
pub fn writer(_format: Format, _columns: &[OutputColumn], _options: TextOptions) -> Box<dyn RowWriter + Send> {
    Box::new(Nothing)
}

struct Nothing;

impl RowWriter for Nothing {
    fn write(&mut self, _out: &mut dyn Write, _table: &Table) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// One value as a screen shows it: human units, control characters escaped.
#[must_use]
pub fn human(_value: &crate::table::Value) -> String {
    String::new()
}
