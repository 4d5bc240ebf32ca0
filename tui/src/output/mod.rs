//! The only place that writes to stdout and stderr. stdout is data only; everything else goes to stderr.

mod rows;

use std::io::{self, ErrorKind, Write};

pub(crate) use rows::Rows;

use crate::failure::Failure;

/// Writes data to stdout; a reader that has gone away is no error.
///
/// # Errors
/// When stdout cannot be written for another reason.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(unwritable(&error)),
        _ => Ok(()),
    }
}

/// One line for the user, as `explore: …`.
pub(crate) fn note(text: &str) {
    line(&format!("explore: {text}"));
}

/// What was wrong, as `explore: error: …`.
pub(crate) fn error(text: &str) {
    line(&format!("explore: error: {text}"));
}

/// A line as it is, to stderr. Nobody can be told when stderr is gone.
pub(crate) fn line(text: &str) {
    let mut err = io::stderr().lock();
    let _gone = err.write_all(format!("{text}\n").as_bytes());
}

fn unwritable(error: &io::Error) -> Failure {
    Failure::usage(format!("cannot write to stdout: {}", crate::failure::reason(error)))
}
