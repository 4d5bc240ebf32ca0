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

/// The candidates that look like `name`, the nearest first.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let name: Vec<char> = name.to_lowercase().chars().take(64).collect();
    let mut near: Vec<(usize, &str)> = candidates
        .filter_map(|candidate| {
            let other: Vec<char> = candidate.to_lowercase().chars().collect();
            let distance = distance(&name, &other);
            let contains = name.len() > 2 && candidate.to_lowercase().contains(&name.iter().collect::<String>());
            let limit = (name.len().max(other.len()) / 3).max(1);
            match (distance <= limit, contains) {
                (true, _) => Some((distance, candidate)),
                (false, true) => Some((limit.saturating_add(distance), candidate)),
                _ => None,
            }
        })
        .collect();
    near.sort_by_key(|(distance, _)| *distance);
    near.into_iter().map(|(_, candidate)| candidate).take(3).collect()
}

/// How many letters must be put in, taken out, replaced, or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i.saturating_add(1)];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&last, j).saturating_add(usize::from(x != y));
            let inserted = at(&row, j).saturating_add(1);
            let removed = at(&last, j.saturating_add(1)).saturating_add(1);
            let mut best = replaced.min(inserted).min(removed);
            let swapped = i.checked_sub(1).zip(j.checked_sub(1));
            if let Some((i, j)) = swapped
                && a.get(i) == Some(y)
                && b.get(j) == Some(x)
            {
                best = best.min(at(&before, j).saturating_add(1));
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}
