//! The program `explore`: options, the run from source to rows, output, screens, the demo.
//!
//! ```text
//! options -> run: source thread -> trackers -> store -> output (rows, coverage) or screen
//! ```
//! Everything below is told apart by what it may do: only [`output`] writes to stdout and stderr, only `run` and
//! `otlp` start threads, only `screen` touches the terminal, and `screen`'s model knows neither of them.

#![forbid(unsafe_code)]

mod completion;
mod demo;
mod diff;
mod doctor;
mod failure;
mod options;
mod otlp;
mod output;
mod reference;
mod run;
mod screen;
mod time;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use failure::Failure;
use options::{Invocation, Parsed, Terminals};
use query::snapshot::is_of_a_damaged_file;

/// This program, to be started once more. By this name it starts wherever it lies: its path may lead through folders that
/// an ordinary user may not enter (started by `sudo -u` or `setpriv`), and its file may have been replaced since.
const OWN_PROGRAM: &str = "/proc/self/exe";

#[doc(hidden)]
pub use screen::Rehearsal;

/// Runs `explore` with the process's own arguments, environment and streams.
#[must_use]
pub fn main() -> ExitCode {
    let former = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !is_of_a_damaged_file(panic) {
            former(panic);
        }
    }));
    let argv: Vec<OsString> = std::env::args_os().collect();
    let terminals = Terminals { stdout: std::io::stdout().is_terminal(), stderr: std::io::stderr().is_terminal() };
    let result = options::parse(&argv, &|name| std::env::var_os(name), terminals).and_then(|parsed| match parsed {
        Parsed::Text(text) => output::data(&text).map(|()| 0),
        Parsed::Run(invocation) => invoke(*invocation),
    });
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output::error(&failure.text);
            ExitCode::from(failure.code)
        }
    }
}

fn invoke(invocation: Invocation) -> Result<u8, Failure> {
    match invocation {
        Invocation::Explore(explore) => run::explore(*explore),
        Invocation::Doctor { json, pid } => doctor::doctor(json, pid),
        Invocation::Schema { table, json } => reference::schema(table.as_deref(), json),
        Invocation::Diff { a, b, by, json } => diff::diff(&a, &b, &by, json),
        Invocation::Completions(shell) => reference::completions(shell),
        Invocation::Complete { shell, line, listing } => completion::print(shell, &line, listing),
        Invocation::Man => reference::man(),
        Invocation::Held(command) => run::held(&command),
        Invocation::DemoPart { part, seed, peers } => demo::part(&part, seed, &peers),
    }
}
