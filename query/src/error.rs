//! What is wrong with a query: where, why, and what would be right. Drawn only at the edge.

use std::fmt;

use unicode_width::UnicodeWidthStr;

use crate::export::escape;

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
    pub fn render(&self, text: &str, width: usize, color: bool) -> String {
        let paint = |code: &str, text: &str| if color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
        let mut drawn = format!("{}: {}\n", paint("1;31", "error"), shortened(&escape(&self.message)));
        if let Some(span) = self.span {
            let (number, line, column, length) = excerpt(text, span);
            let gutter = number.to_string();
            let space = " ".repeat(gutter.len());
            let bar = paint("1;34", "|");
            let (line, column, length) = window(&line, column, length, width.saturating_sub(gutter.len() + 4).max(20));
            let carets = paint("1;31", &"^".repeat(length));
            let label = if self.label.is_empty() { String::new() } else { paint("1;31", &format!(" {}", self.label)) };
            drawn.push_str(&format!("{space} {bar}\n{} {bar} {line}\n", paint("1;34", &gutter)));
            drawn.push_str(&format!("{space} {bar} {}{carets}{label}\n", " ".repeat(column)));
            if !self.hints.is_empty() {
                drawn.push_str(&format!("{space} {bar}\n"));
            }
        }
        for hint in &self.hints {
            let lines = wrapped(&shortened(&escape(hint)), width.saturating_sub(8).max(20));
            drawn.push_str(&format!("  {} {}\n", paint("1;36", "help:"), lines.join("\n        ")));
        }
        drawn
    }
}

/// Words of the query in a message may be of any length.
fn shortened(text: &str) -> String {
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(LONGEST).collect();
    if chars.next().is_some() { start + "…" } else { start }
}

/// Characters of a message or a hint.
const LONGEST: usize = 1000;

/// `text` in lines of at most `width`, broken at spaces.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() || line.width() + 1 + word.width() <= width => {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The line that `span` begins in: its number, its text, where in it the span begins, how much of it the span covers.
fn excerpt(text: &str, span: Span) -> (usize, String, usize, usize) {
    let start = floor(text, span.start);
    let end = floor(text, span.end).max(start);
    let line_start = text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let line_end = text.get(start..).and_then(|after| after.find('\n')).map_or(text.len(), |at| start + at);
    let number = text.get(..line_start).map_or(0, |before| before.matches('\n').count()) + 1;
    let shown = |from: usize, to: usize| escape(text.get(from..to).unwrap_or_default());
    let column = shown(line_start, start).width();
    let length = shown(start, end.min(line_end)).width().max(1);
    (number, shown(line_start, line_end), column, length)
}

/// The nearest place at or before `at` where a character begins.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The part of a long line around the span.
fn window(line: &str, column: usize, length: usize, width: usize) -> (String, usize, usize) {
    let length = length.min(width / 2 + 1);
    if line.width() <= width {
        return (line.to_owned(), column, length);
    }
    let from = (column + length + 10).saturating_sub(width).min(column.saturating_sub(8));
    let chars: Vec<char> = line.chars().collect();
    let mut part: String = chars.iter().skip(from).take(width.saturating_sub(2)).collect();
    if from > 0 {
        part.insert(0, '…');
    }
    if chars.len() > from + width.saturating_sub(2) {
        part.push('…');
    }
    (part, column - from + usize::from(from > 0), length)
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
