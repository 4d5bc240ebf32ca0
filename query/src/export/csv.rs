//! CSV (RFC 4180): a header line, then rows. Null is an empty field, empty text is `""`.

use std::io::{self, Write};

use super::value::escape;
use super::{RowWriter, json};
use crate::table::{OutputColumn, Table, Value};
use crate::time;

pub(super) struct Csv {
    header: String,
    started: bool,
    /// On a terminal: control characters are escaped.
    terminal: bool,
}

impl Csv {
    pub(super) fn new(columns: &[OutputColumn], terminal: bool) -> Self {
        let names: Vec<String> = columns.iter().map(|column| field(&column.name)).collect();
        Self { header: names.join(","), started: false, terminal }
    }

    fn start(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if std::mem::replace(&mut self.started, true) {
            return Ok(());
        }
        writeln!(out, "{}", self.header)
    }
}

impl RowWriter for Csv {
    fn write(&mut self, out: &mut dyn Write, table: &Table) -> io::Result<()> {
        self.start(out)?;
        let mut line = String::new();
        for row in 0..table.height() {
            line.clear();
            for (at, value) in table.row(row).enumerate() {
                if at > 0 {
                    line.push(',');
                }
                self.push(&mut line, &value);
            }
            line.push('\n');
            out.write_all(line.as_bytes())?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.start(out)
    }
}

impl Csv {
    fn push(&self, line: &mut String, value: &Value) {
        let text = match value {
            Value::Null => return,
            Value::Time(ns) => time::format(*ns),
            Value::String(text) => text.clone(),
            Value::Blob(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => text.to_owned(),
                Err(_) => as_json(value),
            },
            Value::F64(number) if !number.is_finite() => number.to_string(),
            other => as_json(other),
        };
        line.push_str(&field(&if self.terminal { escape(&text) } else { text }));
    }
}

fn as_json(value: &Value) -> String {
    let mut text = String::new();
    json::push(&mut text, value);
    text
}

fn field(text: &str) -> String {
    let plain = !text.is_empty() && !text.contains([',', '"', '\n', '\r']) && text.trim() == text;
    if plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}
