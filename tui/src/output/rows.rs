//! Where the rows of a query go: stdout or a file, printed once or refreshed in place.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;

use query::export::{Format, RowWriter, TextOptions, file_writer, writer};
use query::{OutputColumn, Table};

use crate::failure::Failure;
use crate::options::Output;

/// A destination of rows.
pub(crate) struct Rows {
    out: Box<dyn Write + Send>,
    name: String,
    format: Format,
    columns: Vec<OutputColumn>,
    options: TextOptions,
    writer: Box<dyn RowWriter + Send>,
    written: u64,
    /// Lines on the screen that the next refresh replaces.
    drawn: usize,
    /// The reader has gone away: nothing more is to be written, and that is no error.
    pub(crate) broken: bool,
}

impl Rows {
    /// Opens the destination.
    ///
    /// # Errors
    /// When `-o FILE` cannot be made, or holds something and may not be overwritten.
    pub(crate) fn open(output: &Output, columns: &[OutputColumn], ascii: bool, force: bool) -> Result<Self, Failure> {
        let (out, name): (Box<dyn Write + Send>, _) = match &output.file {
            Some(path) => (Box::new(BufWriter::new(create(path, force)?)), path.display().to_string()),
            // Standard output alone would be written to line by line.
            None => (Box::new(BufWriter::with_capacity(STDOUT_BUFFER, io::stdout())), "stdout".to_owned()),
        };
        let width = output.terminal.then(terminal_width);
        let options = TextOptions { width, human: output.terminal, ascii };
        let writer = if output.file.is_some() { file_writer } else { writer }(output.format, columns, options);
        let columns = columns.to_vec();
        Ok(Self { out, name, format: output.format, columns, options, writer, written: 0, drawn: 0, broken: false })
    }

    /// Rows written so far.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Writes rows and hands them to the reader at once.
    ///
    /// # Errors
    /// When the destination cannot be written; a broken pipe only sets [`broken`](Self::broken).
    pub(crate) fn write(&mut self, table: &Table) -> Result<(), Failure> {
        if self.broken || table.height() == 0 {
            return Ok(());
        }
        self.written = self.written.saturating_add(u64::try_from(table.height()).unwrap_or(u64::MAX));
        let result = self.writer.write(&mut *self.out, table).and_then(|()| self.out.flush());
        self.settle(result)
    }

    /// Writes what follows the last row.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        if self.broken {
            return Ok(());
        }
        let result = self.writer.finish(&mut *self.out).and_then(|()| self.out.flush());
        self.settle(result)
    }

    /// Draws a result that may yet change over the one that was drawn before.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub(crate) fn refresh(&mut self, table: &Table) -> Result<(), Failure> {
        let text = self.draw(table)?;
        let height = terminal_height().saturating_sub(1).max(1);
        let mut frame = self.erase();
        for line in text.lines().take(height) {
            frame.push_str(line);
            frame.push('\n');
        }
        self.drawn = text.lines().count().min(height);
        let result = self.out.write_all(frame.as_bytes()).and_then(|()| self.out.flush());
        self.settle(result)
    }

    /// Takes away what was drawn, so that the final rows stand alone.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub(crate) fn clear(&mut self) -> Result<(), Failure> {
        let erase = self.erase();
        self.drawn = 0;
        let result = self.out.write_all(erase.as_bytes());
        self.settle(result)
    }

    fn erase(&self) -> String {
        match self.drawn {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\r\x1b[J"),
        }
    }

    fn draw(&self, table: &Table) -> Result<String, Failure> {
        let mut bytes = Vec::new();
        let mut writer = writer(self.format, &self.columns, self.options);
        let result = writer.write(&mut bytes, table).and_then(|()| writer.finish(&mut bytes));
        result.map_err(|error| self.unwritable(&error))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn settle(&mut self, result: io::Result<()>) -> Result<(), Failure> {
        match result {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.broken = true;
                Ok(())
            }
            Err(error) => Err(self.unwritable(&error)),
            Ok(()) => Ok(()),
        }
    }

    fn unwritable(&self, error: &io::Error) -> Failure {
        Failure::usage(format!("cannot write to {}: {}", self.name, crate::failure::reason(error)))
    }
}

const STDOUT_BUFFER: usize = 1 << 16;

/// Makes an output file; one that holds something is only replaced with `force`.
fn create(path: &Path, force: bool) -> Result<std::fs::File, Failure> {
    let holds = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0);
    if holds && !force {
        return Err(Failure::usage(format!("{} exists\n\ntry: --force to overwrite it", path.display())));
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .map_err(|error| Failure::file("write", path, &error))
}

fn terminal_width() -> usize {
    // A terminal that does not know its size says 0.
    crossterm::terminal::size().map_or(80, |(columns, _)| if columns == 0 { 80 } else { usize::from(columns.max(20)) })
}

fn terminal_height() -> usize {
    crossterm::terminal::size().map_or(24, |(_, rows)| if rows == 0 { 24 } else { usize::from(rows.max(2)) })
}
