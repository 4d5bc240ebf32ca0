//! The binary under test.

use std::process::{Command, Stdio};

/// `explore ARGS`, with an environment of its own: no `EXPLORE_*`, no `OTEL_*`, nothing on stdin.
pub(crate) fn explore(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_explore"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("EXPLORE_") || name.starts_with("OTEL_") {
            command.env_remove(name);
        }
    }
    command.args(args).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}
