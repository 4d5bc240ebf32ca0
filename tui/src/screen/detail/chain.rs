//! The cause chain: what was asked of others while an exchange was served, as a waterfall, and what repeats in it.

use std::collections::BTreeMap;

use query::{Table, Value};
use unicode_width::UnicodeWidthStr;

use super::{Detail, Kind, Line, OnEnter, Target, heading, line, plain, scaled, span};
use crate::screen::format::{cut, safe};
use crate::screen::theme::Theme;

/// Writes it, if there is any.
pub(super) fn write(
    lines: &mut Vec<Line>,
    detail: &Detail,
    table: &Table,
    twin: Option<u64>,
    width: usize,
    theme: Theme,
) {
    let calls = Calls::of(table);
    let mut tree = Vec::new();
    calls.below(detail.id, twin, 0, &mut tree);
    if tree.is_empty() {
        return;
    }
    lines.push(heading("Cause chain: what was asked of others meanwhile (Enter opens one)"));
    let whole = detail.latency.unwrap_or(1).max(1);
    for (protocol, count, spent) in calls.spent(&tree) {
        let share = spent.saturating_mul(100) / whole;
        let calls = if count == 1 { "call" } else { "calls" };
        lines.push(plain(format!("  {protocol}: {count} {calls}, {} of {} ({share}%)", span(spent), span(whole))));
    }
    for (shape, times, spent) in calls.repeated(&tree) {
        let text = format!("  N+1: {times} times the same statement, {} in all: {}", span(spent), safe(&shape));
        lines.push(line(Kind::Warning, cut(&text, width, theme.ellipsis())));
    }
    let columns = (width / 4).clamp(10, 30);
    for (call, depth) in &tree {
        let Some(call) = calls.0.get(*call) else { continue };
        let before = scaled(call.target.time - detail.time, whole, columns).min(columns.saturating_sub(1));
        let latency = call.target.latency.unwrap_or(0);
        let long = scaled(latency, whole, columns).clamp(1, columns - before);
        let bar = format!("{}{}", " ".repeat(before), theme.bar().to_string().repeat(long));
        let took = call.target.latency.map_or_else(|| "-".to_owned(), span);
        let (indent, mark) = ("  ".repeat(*depth), if call.error { "failed " } else { "" });
        let (summary, outcome) = (safe(&call.target.summary), safe(&call.outcome));
        // `BEGIN` answers `BEGIN`: that says nothing more.
        let outcome = if summary == outcome { String::new() } else { format!("  {outcome}") };
        let before = format!("  {bar:columns$} {took:>7} {indent}{mark}");
        // What came of it stays in view, the statement gives way.
        let room = width.saturating_sub(before.width() + outcome.width()).max(12);
        let text = format!("{before}{}{outcome}", cut(&summary, room, theme.ellipsis()));
        let kind = if call.error { Kind::Error } else { Kind::Plain };
        let on_enter = OnEnter::Open(Box::new(call.target.clone()));
        lines.push(Line { kind, text: cut(&text, width, theme.ellipsis()), on_enter });
    }
    if tree.len() >= MOST_CALLS {
        lines.push(line(Kind::Faint, format!("  only the first {MOST_CALLS} are shown")));
    }
}

/// One row of the chain.
struct Call {
    target: Target,
    twin: Option<u64>,
    parent: u64,
    outcome: String,
    error: bool,
}

struct Calls(Vec<Call>);

impl Calls {
    fn of(table: &Table) -> Self {
        let column = |name| table.column(name);
        let value = |row, name| column(name).map_or(Value::Null, |column| table.value(row, column));
        let number = |row, name| if let Value::U64(number) = value(row, name) { Some(number) } else { None };
        let text = |row, name| if let Value::String(text) = value(row, name) { text } else { String::new() };
        let calls = (0..table.height()).filter_map(|row| {
            let target = Target {
                id: number(row, "id")?,
                protocol: text(row, "protocol"),
                time: if let Value::Time(time) = value(row, "time") { time } else { 0 },
                latency: if let Value::Duration(latency) = value(row, "latency") { Some(latency) } else { None },
                summary: text(row, "summary"),
            };
            Some(Call {
                target,
                twin: number(row, "twin"),
                parent: number(row, "parent")?,
                outcome: text(row, "outcome"),
                error: value(row, "error") == Value::Bool(true),
            })
        });
        Self(calls.collect())
    }

    /// Places and depths of everything that was made during `id` (or its twin), in order of time.
    fn below(&self, id: u64, twin: Option<u64>, depth: usize, found: &mut Vec<(usize, usize)>) {
        if depth > DEEPEST {
            return;
        }
        for (place, call) in self.0.iter().enumerate() {
            let own = call.target.id == id || Some(call.target.id) == twin;
            if !own && (call.parent == id || Some(call.parent) == twin) && found.len() < MOST_CALLS {
                found.push((place, depth));
                self.below(call.target.id, call.twin, depth + 1, found);
            }
        }
    }

    /// Direct calls by protocol: how many, and how long at least one of them was under way, ns.
    fn spent(&self, tree: &[(usize, usize)]) -> Vec<(&str, usize, i64)> {
        let mut by_protocol: BTreeMap<&str, Vec<(i64, i64)>> = BTreeMap::new();
        for call in tree.iter().filter(|(_, depth)| *depth == 0).filter_map(|(place, _)| self.0.get(*place)) {
            let end = call.target.time.saturating_add(call.target.latency.unwrap_or(0));
            by_protocol.entry(&call.target.protocol).or_default().push((call.target.time, end));
        }
        let mut spent: Vec<_> =
            by_protocol.into_iter().map(|(protocol, spans)| (protocol, spans.len(), covered(spans))).collect();
        spent.sort_by_key(|(_, _, spent)| std::cmp::Reverse(*spent));
        spent
    }

    /// Statements that were made often: how often, and how long in all, ns.
    fn repeated(&self, tree: &[(usize, usize)]) -> Vec<(String, usize, i64)> {
        let mut counts: BTreeMap<&str, (usize, i64)> = BTreeMap::new();
        for call in tree.iter().filter_map(|(place, _)| self.0.get(*place)) {
            if call.target.protocol == "pgsql" {
                let (times, spent) = counts.entry(&call.target.summary).or_default();
                *times += 1;
                *spent = spent.saturating_add(call.target.latency.unwrap_or(0));
            }
        }
        let often = counts.into_iter().filter(|(_, (times, _))| *times >= MANY);
        often.map(|(shape, (times, spent))| (shape.to_owned(), times, spent)).collect()
    }
}

/// How much time spans cover together.
fn covered(mut spans: Vec<(i64, i64)>) -> i64 {
    spans.sort_unstable();
    let (mut sum, mut reached) = (0_i64, i64::MIN);
    for (start, end) in spans {
        let from = start.max(reached);
        sum = sum.saturating_add(end.saturating_sub(from).max(0));
        reached = reached.max(end);
    }
    sum
}

/// Chains are followed so far.
const DEEPEST: usize = 8;
/// No more calls are shown.
const MOST_CALLS: usize = 400;
/// From so many equal statements on it is a pattern.
const MANY: usize = 5;

#[cfg(test)]
mod tests {
    use super::covered;

    #[test]
    fn time_that_is_covered_twice_counts_once() {
        assert_eq!(covered(vec![(0, 10), (5, 12), (20, 25), (21, 22)]), 17);
        assert_eq!(covered(Vec::new()), 0);
    }
}
