//! From what was typed ([`cli`], [`layers`]) to what it means ([`meaning`]).

pub(crate) mod cli;
mod config;
mod layers;
mod meaning;
mod values;

use std::ffi::OsString;
use std::path::Path;

pub(crate) use meaning::{CoverageStyle, Explore, Files, Input, Invocation, Keep, Live, Output, Terminals, View};
pub(crate) use values::duration;

use crate::failure::Failure;

/// What comes of reading the command line.
pub(crate) enum Parsed {
    /// Do this.
    Run(Box<Invocation>),
    /// Help or version, for stdout.
    Text(String),
}

/// Reads the command line with the layers below it.
///
/// # Errors
/// Usage errors, exit code 2.
pub(crate) fn parse(
    argv: &[OsString],
    environment: &dyn Fn(&str) -> Option<OsString>,
    terminals: Terminals,
) -> Result<Parsed, Failure> {
    let layered = match layers::read(argv, environment) {
        Ok(layered) => layered,
        Err(layers::Wrong::Layer(text)) => return Err(Failure::usage(text)),
        Err(layers::Wrong::Clap(error)) if !error.use_stderr() => return Ok(Parsed::Text(error.render().to_string())),
        Err(layers::Wrong::Clap(error)) => {
            let text = error.render().to_string();
            return Err(Failure::usage(text.trim_end().trim_start_matches("error: ").to_owned()));
        }
    };
    let no_color = environment("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = environment("TERM").is_some_and(|term| term == "dumb");
    let place = meaning::Place { terminals, no_color, dumb };
    let text = |name: &str| environment(name)?.into_string().ok();
    meaning::resolve(layered.cli, layered.config, place, &text).map(|invocation| Parsed::Run(Box::new(invocation)))
}

/// A path of which `-` means a standard stream.
pub(crate) fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

#[cfg(test)]
mod tests;
