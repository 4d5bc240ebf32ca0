//! Asks DuckDB, and compares what it says.

use std::io::Write;
use std::process::{Command, Stdio};

use query::Value;

/// A script of this folder, in the environment with the packages that the runner of the tests has made.
pub(crate) fn python(script: &str) -> Command {
    let python = std::env::var("EXPLORE_TEST_TOOLS")
        .map_or_else(|_| "python3".to_owned(), |tools| format!("{tools}/bin/python"));
    let mut command = Command::new(python);
    command.arg(format!("{}/tests/duckdb/{script}", env!("CARGO_MANIFEST_DIR")));
    command
}

/// The results of every statement.
pub(crate) fn duckdb<'a>(path: &std::path::Path, statements: impl Iterator<Item = &'a str>) -> Vec<serde_json::Value> {
    let mut child =
        python("ask.py").arg(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3 is there");
    let text: String = statements.map(|statement| format!("{statement}\n")).collect();
    child.stdin.take().expect("has a stdin").write_all(text.as_bytes()).expect("writes");
    let output = child.wait_with_output().expect("runs");
    assert!(output.status.success(), "the script failed (its message is above)");
    let text = String::from_utf8(output.stdout).expect("is text");
    text.lines().map(|line| serde_json::from_str(line).expect("is JSON")).collect()
}

/// What is different, if anything.
pub(crate) fn difference(found: &[Vec<Value>], expected: &serde_json::Value) -> Option<String> {
    let expected = expected.as_array()?;
    if found.len() != expected.len() {
        return Some(format!("{} rows, DuckDB {}", found.len(), expected.len()));
    }
    found.iter().zip(expected).enumerate().find_map(|(number, (row, other))| {
        let other = other.as_array()?;
        let same = row.len() == other.len() && row.iter().zip(other).all(|(value, other)| is_same(value, other));
        let odd = row.iter().zip(other).enumerate().filter(|(_, (value, other))| !is_same(value, other));
        let odd: Vec<_> =
            odd.map(|(column, (value, other))| format!("column {column}: {value:?}, DuckDB {other}")).collect();
        (!same).then(|| format!("row {number} of {} columns: {}", row.len(), odd.join("; ")))
    })
}

fn is_same(value: &Value, other: &serde_json::Value) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0);
    match value {
        Value::Null => other.is_null(),
        Value::Bool(value) => other.as_bool() == Some(*value),
        Value::String(text) => other.as_str() == Some(text),
        Value::U64(number) | Value::Bytes(number) => {
            other.as_u64() == Some(*number) || other.as_f64().is_some_and(|other| near(*number as f64, other))
        }
        Value::I64(number) | Value::Duration(number) => {
            other.as_i64() == Some(*number) || other.as_f64().is_some_and(|other| near(*number as f64, other))
        }
        Value::F64(number) => other.as_f64().is_some_and(|other| near(*number, other)),
        _ => false,
    }
}
