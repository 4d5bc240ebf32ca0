//! The only place that writes to stdout and stderr. stdout is data only; everything else goes to stderr.

mod rows;

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use query::export::escape;
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

/// One line for the user, as `explore: …`. Names of files and processes may be in it.
pub(crate) fn note(text: &str) {
    line(&format!("explore: {}", printable(text, false)));
}

/// What was wrong, as `explore: error: …`. It may be painted.
pub(crate) fn error(text: &str) {
    line(&format!("explore: error: {}", printable(text, true)));
}

/// Lines of text without anything that a terminal acts upon but, in what is painted, colours.
fn printable(text: &str, painted: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\n', '\x1b']) {
        let (before, special) = rest.split_at(at);
        out.push_str(&escape(before));
        let color = special.strip_prefix("\x1b[").filter(|_| painted).and_then(|parameters| {
            let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
            parameters[end..].starts_with('m').then_some(end + "\x1b[m".len())
        });
        let (taken, after) = special.split_at(color.unwrap_or(1));
        match color.is_some() || taken == "\n" {
            true => out.push_str(taken),
            false => out.push_str(&escape(taken)),
        }
        rest = after;
    }
    out.push_str(&escape(rest));
    out
}

/// A line as it is, to stderr. Nobody can be told when stderr is gone.
pub(crate) fn line(text: &str) {
    log(text);
    if let Ok(mut held) = HELD.lock()
        && let Some(lines) = held.as_mut()
    {
        return lines.push(text.to_owned());
    }
    let mut err = io::stderr().lock();
    let _gone = err.write_all(format!("{text}\n").as_bytes());
}

/// Keeps lines back while the screens have the terminal; they are written when `false` gives it back.
pub(crate) fn hold(hold: bool) {
    let held = HELD.lock().ok().and_then(|mut held| std::mem::replace(&mut *held, hold.then(Vec::new)));
    let mut err = io::stderr().lock();
    for line in held.into_iter().flatten() {
        let _gone = err.write_all(format!("{line}\n").as_bytes());
    }
}

static HELD: Mutex<Option<Vec<String>>> = Mutex::new(None);

/// Puts `text` in the place of the last such text, on the line where the cursor is. For terminals only.
pub(crate) fn status(text: &str) {
    if HELD.lock().is_ok_and(|held| held.is_some()) {
        return;
    }
    let mut err = io::stderr().lock();
    let _gone = err.write_all(format!("\r\x1b[K{text}").as_bytes()).and_then(|()| err.flush());
}

fn unwritable(error: &io::Error) -> Failure {
    Failure::usage(format!("cannot write to stdout: {}", crate::failure::reason(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_and_line_ends_reach_a_terminal() {
        assert_eq!(printable("a\x1b]0;x\x07b\n  c\r", false), "a\\x1b]0;x\\x07b\n  c\\r");
        assert_eq!(
            printable("\x1b[1;31merror\x1b[0m \x1b[2J\u{202e}", true),
            "\x1b[1;31merror\x1b[0m \\x1b[2J\\u{202e}"
        );
        assert_eq!(printable("\x1b[1;31m\x1b[", false), "\\x1b[1;31m\\x1b[");
        assert_eq!(printable("\x1b[1", true), "\\x1b[1");
    }
}
