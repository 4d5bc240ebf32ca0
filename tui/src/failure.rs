//! Why a run could not do what was asked, and the exit code that says so (INTERFACES 1.2).

use probes::SourceError;

/// What the user is told, and the exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Exit code.
    pub(crate) code: u8,
    /// Text for stderr, one or more lines, without a final newline.
    pub(crate) text: String,
}

/// Usage, query or file error.
pub(crate) const USAGE: u8 = 2;
/// The machine cannot do it.
pub(crate) const UNSUPPORTED: u8 = 3;
/// More was lost than `--fail-on-loss` allows.
pub(crate) const LOSS: u8 = 4;

impl Failure {
    /// What was asked for is wrong.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self { code: USAGE, text: text.into() }
    }

    /// A file could not be read or written.
    pub(crate) fn file(what: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::usage(format!("cannot {what} {}: {}", path.display(), reason(error)))
    }

    /// A source could not be opened, or broke.
    pub(crate) fn source(error: &SourceError) -> Self {
        Self { code: if error.unsupported { UNSUPPORTED } else { USAGE }, text: error.to_string() }
    }
}

/// An I/O error without `(os error 2)`.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
