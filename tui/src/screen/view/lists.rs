//! Help, and lists to choose from.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use super::super::findings::RULES;
use super::super::format::{cut, safe};
use super::super::keys::BINDINGS;
use super::super::model::{Chooser, Model};
use super::put;

/// Every key and what it does.
pub(super) fn help(model: &Model, scroll: usize, buffer: &mut Buffer, area: Rect) {
    let theme = model.theme;
    let mut lines = vec![("Keys".to_owned(), theme.heading())];
    for binding in BINDINGS.iter().filter(|binding| !binding.help.is_empty()) {
        lines.push((format!("  {:9} {}", binding.name, binding.help), Style::new()));
    }
    lines.push((String::new(), Style::new()));
    lines.push((
        "Every screen is made by the query in its third line; `/` edits it. Some to try:".to_owned(),
        theme.heading(),
    ));
    for example in EXAMPLES {
        lines.push((format!("  {example}"), theme.name()));
    }
    lines.push((String::new(), Style::new()));
    lines.push((
        "What is found by itself is told in the last line; ! opens the rows behind it:".to_owned(),
        theme.heading(),
    ));
    for rule in &RULES {
        lines.push((format!("  {}", rule.name), Style::new()));
    }
    let last = lines.len().saturating_sub(usize::from(area.height));
    for (place, (text, style)) in (0..area.height).zip(lines.iter().skip(scroll.min(last))) {
        put(buffer, area, place, &cut(text, usize::from(area.width), theme.ellipsis()), *style);
    }
}

/// A text over as many lines as it needs.
pub(super) fn wrapped(text: &str, buffer: &mut Buffer, area: Rect) {
    let letters: Vec<char> = safe(text).chars().collect();
    for (line, part) in (0..area.height).zip(letters.chunks(usize::from(area.width).max(1))) {
        put(buffer, area, line, &part.iter().collect::<String>(), Style::new());
    }
}

/// A text cut at spaces.
pub(super) fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A list to choose from.
pub(super) fn chooser(model: &Model, chooser: &Chooser, buffer: &mut Buffer, area: Rect) {
    let theme = model.theme;
    let width = usize::from(area.width);
    let mut lines = Vec::new();
    let mut chosen_end = 0;
    for (index, (name, detail, _)) in chooser.items.iter().enumerate() {
        let chosen = index == chooser.chosen;
        lines.push((format!("  {}", safe(name)), if chosen { theme.cursor() } else { Style::new() }));
        if !detail.is_empty() {
            lines.push((format!("      {}", safe(detail)), theme.faint()));
        }
        // What is cut off of a chosen line follows below it.
        let rest: String = safe(name).chars().skip(width.saturating_sub(3)).collect();
        if chosen && !rest.is_empty() {
            lines.push((format!("    {rest}"), theme.faint()));
        }
        if chosen {
            chosen_end = lines.len();
        }
    }
    put(buffer, area, 0, chooser.title, theme.heading());
    // The chosen one is always in view.
    let first = (chosen_end + 1).saturating_sub(usize::from(area.height));
    for (line, (text, style)) in (1..area.height).zip(lines.iter().skip(first)) {
        put(buffer, area, line, &cut(text, width, theme.ellipsis()), *style);
    }
}

const EXAMPLES: [&str; 5] = [
    "http where status >= 500 and latency > 200ms",
    "http | summarize n=count(), p99(latency) by route | sort p99 desc",
    "pgsql | summarize calls=count(), total=sum(latency) by shape | top 10 by total",
    "dns where rcode != 'NOERROR' | count by name, rcode",
    "requests where error since 5m",
];
