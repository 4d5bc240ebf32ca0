//! What is wrong with a query: where, why, and what would be right. Drawn only at the edge.

use std::fmt;

/// A range of bytes in the query's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// After the last byte.
    pub end: usize,
}

impl Span {
    /// The range from `start` to before `end`.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The smallest range that holds both.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// Why a query cannot be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    /// Where; null when it failed while running.
    pub span: Option<Span>,
    /// What is wrong, one sentence.
    pub message: String,
    /// Said beside the caret; may be empty.
    pub label: String,
    /// What would be right: candidates and suggested forms.
    pub hints: Vec<String>,
}

impl QueryError {
    /// An error at `span`.
    #[must_use]
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span: Some(span), message: message.into(), label: String::new(), hints: Vec::new() }
    }

    /// An error without a place.
    #[must_use]
    pub fn run(message: impl Into<String>) -> Self {
        Self { span: None, message: message.into(), label: String::new(), hints: Vec::new() }
    }

    /// The same, with words beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The same, with one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Draws it under the query `text`, at most `width` columns wide, with colours if `color`.
    #[must_use]
    pub fn render(&self, _text: &str, _width: usize, _color: bool) -> String {
        format!("error: {}\n", self.message)
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for QueryError {}
