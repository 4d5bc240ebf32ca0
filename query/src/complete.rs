//! What could stand at the cursor.

use crate::error::Span;

/// Something that could stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// What to put in place of `replace`.
    pub text: String,
    /// The part of the query that it replaces (empty: insert).
    pub replace: Span,
    /// What it is.
    pub kind: CompletionKind,
    /// Type or meaning, for the list.
    pub detail: String,
}

/// What a completion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CompletionKind {
    /// Name of a table.
    Table,
    /// Name of a column.
    Column,
    /// Word of the language.
    Keyword,
    /// Function or aggregate.
    Function,
    /// A value seen in the column.
    Value,
}

/// Candidates at byte `cursor` of `text`, best first.
#[must_use]
pub fn complete(_text: &str, _cursor: usize) -> Vec<Completion> {
    Vec::new()
}
