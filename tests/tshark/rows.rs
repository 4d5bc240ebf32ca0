//! explore's rows of a capture.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::facts::corpora;

/// One row.
#[derive(Debug)]
pub(crate) struct Row(Value);

/// The rows that a query gives over a capture; what precedes the damage when it is damaged.
#[track_caller]
pub(crate) fn rows(capture: &Path, query: &str) -> Vec<Row> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_explore"));
    command.args(["--format", "json", "--no-redact", "--query", query, "--read"]).arg(capture);
    if let Some(keys) = keys(capture) {
        command.arg("--tls-keys").arg(keys);
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    // A damaged capture gives what precedes the damage, and says where that is.
    let good = output.status.success() || output.status.code() == Some(2) && errors.contains(" at offset ");
    assert!(good, "{}: {}\n{errors}", capture.display(), output.status);
    assert!(!errors.contains("panicked"), "{}: {errors}", capture.display());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| Row(serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))).collect()
}

/// The key log that was published with a capture.
fn keys(capture: &Path) -> Option<std::path::PathBuf> {
    let path = corpora().join("wireshark-captures/keys").join(capture.file_stem()?).with_extension("keys");
    path.exists().then_some(path)
}

impl Row {
    /// A column as text: numbers as digits, null as nothing.
    #[track_caller]
    pub(crate) fn text(&self, column: &str) -> String {
        match self.0.get(column) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) => String::new(),
            Some(other) => other.to_string(),
            None => panic!("no column {column} in {}", self.0),
        }
    }

    /// Client and server, as `address:port`.
    pub(crate) fn ends(&self) -> (String, String) {
        let end = |side: &str| format!("{}:{}", self.text(&format!("{side}_addr")), self.text(&format!("{side}_port")));
        (end("remote"), end("local"))
    }
}
