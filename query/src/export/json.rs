//! One JSON object a line.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::RowWriter;
use super::value::is_dangerous;
use crate::table::{OutputColumn, Table, Value};
use crate::time;

pub(super) struct Json {
    /// `"name":`, escaped.
    names: Vec<String>,
}

impl Json {
    pub(super) fn new(columns: &[OutputColumn]) -> Self {
        Self { names: columns.iter().map(|column| format!("{}:", quoted(&column.name))).collect() }
    }
}

impl RowWriter for Json {
    fn write(&mut self, out: &mut dyn Write, table: &Table) -> io::Result<()> {
        let mut line = String::new();
        for row in 0..table.height() {
            line.clear();
            line.push('{');
            for (at, (name, value)) in self.names.iter().zip(table.row(row)).enumerate() {
                if at > 0 {
                    line.push(',');
                }
                line.push_str(name);
                push(&mut line, &value);
            }
            line.push_str("}\n");
            out.write_all(line.as_bytes())?;
        }
        Ok(())
    }

    fn finish(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// A value as JSON.
pub(super) fn push(line: &mut String, value: &Value) {
    match value {
        Value::Null => line.push_str("null"),
        Value::Time(ns) => line.push_str(&quoted(&time::format(*ns))),
        Value::Duration(number) | Value::I64(number) => line.push_str(&number.to_string()),
        Value::Bytes(number) | Value::U64(number) => line.push_str(&number.to_string()),
        // JSON has no infinities.
        Value::F64(number) => line.push_str(&serde_json::Value::from(*number).to_string()),
        Value::Bool(value) => line.push_str(if *value { "true" } else { "false" }),
        Value::String(text) => line.push_str(&quoted(text)),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(nullable).collect();
            line.push_str(&format!("[{}]", items.join(",")));
        }
        Value::Headers(fields) => {
            let field = |(name, value): &(Option<String>, Option<String>)| {
                format!("{{\"name\":{},\"value\":{}}}", nullable(name), nullable(value))
            };
            let fields: Vec<String> = fields.iter().map(field).collect();
            line.push_str(&format!("[{}]", fields.join(",")));
        }
        Value::Blob(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => line.push_str(&quoted(text)),
            Err(_) => line.push_str(&format!("{{\"base64\":\"{}\"}}", STANDARD.encode(bytes))),
        },
    }
}

fn nullable(text: &Option<String>) -> String {
    text.as_deref().map_or_else(|| "null".to_owned(), quoted)
}

/// A JSON string; what could move a terminal's cursor is escaped although JSON allows it.
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    if !json.chars().any(is_dangerous) {
        return json;
    }
    json.chars().fold(String::with_capacity(json.len()), |mut safe, c| {
        if is_dangerous(c) {
            safe.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            safe.push(c);
        }
        safe
    })
}
