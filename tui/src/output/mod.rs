//! The only place that writes to stdout and stderr. stdout is data only; everything else goes to stderr.

mod rows;

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::{Mutex, OnceLock};

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

/// Everything that is said on stderr goes to this file too (`--log`), and so does what `-v` would say.
///
/// # Errors
/// When the file cannot be made.
pub(crate) fn log_to(path: &Path) -> Result<(), Failure> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    let file = file.map_err(|error| Failure::file("write", path, &error))?;
    let _only_once = LOG.set(Mutex::new(file));
    Ok(())
}

/// Says more when asked to: `-v` once for `level` 1.
pub(crate) fn detail(level: u8, asked: u8, text: &str) {
    if asked >= level {
        note(text);
    } else {
        log(&format!("explore: {text}"));
    }
}

fn log(text: &str) {
    let Some(mut file) = LOG.get().and_then(|log| log.lock().ok()) else { return };
    let _full = writeln!(file, "{} {text}", crate::time::rfc3339(crate::time::now()));
}

static LOG: OnceLock<Mutex<File>> = OnceLock::new();

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
    log(text);
    let mut err = io::stderr().lock();
    let _gone = err.write_all(format!("{text}\n").as_bytes());
}

/// Puts `text` in the place of the last such text, on the line where the cursor is. For terminals only.
pub(crate) fn status(text: &str) {
    let mut err = io::stderr().lock();
    let _gone = err.write_all(format!("\r\x1b[K{text}").as_bytes()).and_then(|()| err.flush());
}

fn unwritable(error: &io::Error) -> Failure {
    Failure::usage(format!("cannot write to stdout: {}", crate::failure::reason(error)))
}
