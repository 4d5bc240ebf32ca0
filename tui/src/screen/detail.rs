//! One exchange in full: what it was, where its time went, what it caused, heads and bodies.

use std::collections::BTreeMap;

use query::{Table, Value};

use super::columns::show;
use super::format::{cut, duration, safe};
use super::theme::Theme;

/// The exchange that is looked at.
#[derive(Debug)]
pub(super) struct Detail {
    pub(super) id: u64,
    pub(super) protocol: String,
    /// When it began, ns since the epoch, and how long it took.
    pub(super) time: i64,
    pub(super) latency: Option<i64>,
    /// As in the list it was opened from.
    pub(super) summary: String,
    /// Its row; null until it is there.
    pub(super) row: Option<Table>,
    /// Everything with a parent that began meanwhile.
    pub(super) chain: Option<Table>,
    pub(super) scroll: usize,
    pub(super) search: String,
}

/// A line, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) kind: Kind,
    pub(super) text: String,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Title,
    Heading,
    Plain,
    Faint,
    Error,
    Warning,
}

impl Detail {
    /// The lines of the detail, for a screen of `width` columns.
    pub(super) fn lines(&self, width: usize, theme: Theme) -> Vec<Line> {
        let mut lines = vec![Line { kind: Kind::Title, text: cut(&safe(&self.summary), width, theme.ellipsis()) }];
        let Some(row) = &self.row else {
            lines.push(Line { kind: Kind::Faint, text: "…".to_owned() });
            return lines;
        };
        if row.height() == 0 {
            lines.push(Line { kind: Kind::Faint, text: "its row has been let go (retention)".to_owned() });
            return lines;
        }
        let value = |name: &str| row.column(name).map_or(Value::Null, |column| row.value(0, column));
        let text = |name: &str| show(&value(name), name);
        self.facts(&mut lines, &text, &value);
        self.time_spent(&mut lines, &value, width, theme);
        self.causes(&mut lines, &value, width, theme);
        for (heading, name) in HEADS {
            headers(&mut lines, heading, &value(name));
        }
        for (heading, name) in BODIES {
            body(&mut lines, heading, &value(name));
        }
        others(&mut lines, row);
        lines
    }

    fn facts(&self, lines: &mut Vec<Line>, text: &dyn Fn(&str) -> String, value: &dyn Fn(&str) -> Value) {
        let mut outcome = Vec::new();
        for name in ["status", "status_name", "sqlstate", "rcode", "tag", "message", "alert"] {
            if !matches!(value(name), Value::Null) {
                outcome.push(text(name));
            }
        }
        let failed = matches!(value("error"), Value::Bool(true));
        let outcome = if outcome.is_empty() { "no answer seen".to_owned() } else { outcome.join(" ") };
        let kind = if failed { Kind::Error } else { Kind::Plain };
        let mark = if failed { "failed: " } else { "" };
        lines.push(Line { kind, text: format!("{mark}{outcome} after {}", text("latency")) });
        let role = match value("role") {
            Value::String(role) => format!(" ({role})"),
            _ => String::new(),
        };
        lines.push(plain(format!(
            "{} at {}, process {}[{}]{role}, {}:{} with {}:{}, connection {}",
            self.protocol,
            text("time"),
            text("process"),
            text("pid"),
            text("local_addr"),
            text("local_port"),
            text("remote_addr"),
            text("remote_port"),
            text("conn"),
        )));
        let flags: Vec<_> =
            ["truncated", "gap", "midstream"].into_iter().filter(|flag| value(flag) == Value::Bool(true)).collect();
        if !flags.is_empty() {
            lines.push(Line { kind: Kind::Warning, text: format!("not seen whole: {}", flags.join(", ")) });
        }
    }

    /// Where the time went: up to the first byte of the answer, and after it.
    fn time_spent(&self, lines: &mut Vec<Line>, value: &dyn Fn(&str) -> Value, width: usize, theme: Theme) {
        let (Some(latency), Value::Duration(ttfb)) = (self.latency, value("ttfb")) else { return };
        if latency <= 0 {
            return;
        }
        let columns = width.saturating_sub(4).min(60);
        let waiting = scaled(ttfb, latency, columns);
        let bar = theme.bar().to_string();
        let rest = theme.shade(0.3).to_string();
        lines.push(heading("Time"));
        lines.push(plain(format!("  {}{}", bar.repeat(waiting), rest.repeat(columns.saturating_sub(waiting)))));
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        let (ttfb, other) = (ttfb as f64, (latency - ttfb) as f64);
        lines.push(plain(format!("  waiting {} · sending and receiving {}", duration(ttfb), duration(other))));
    }

    /// What was asked of others meanwhile, as a waterfall.
    fn causes(&self, lines: &mut Vec<Line>, value: &dyn Fn(&str) -> Value, width: usize, theme: Theme) {
        let Some(chain) = &self.chain else { return };
        let calls = Calls::of(chain);
        let twin = if let Value::U64(twin) = value("twin") { Some(twin) } else { None };
        let mut tree = Vec::new();
        calls.below(self.id, twin, 0, &mut tree);
        if tree.is_empty() {
            return;
        }
        lines.push(heading("Cause chain: what was asked of others meanwhile"));
        for (shape, times) in repeated(&calls, &tree) {
            let spent: i64 = tree
                .iter()
                .filter(|(call, _)| calls.0[*call].summary == shape)
                .map(|(call, _)| calls.0[*call].latency)
                .sum();
            #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
            let text =
                format!("  N+1: {times} times the same statement, {} in all: {}", duration(spent as f64), safe(&shape));
            lines.push(Line { kind: Kind::Warning, text: cut(&text, width, theme.ellipsis()) });
        }
        let whole = self.latency.unwrap_or(1).max(1);
        let columns = (width / 4).clamp(10, 30);
        for (call, depth) in &tree {
            let call = &calls.0[*call];
            let before = scaled(call.time - self.time, whole, columns).min(columns.saturating_sub(1));
            let long = scaled(call.latency, whole, columns).clamp(1, columns - before);
            let bar = format!("{}{}", " ".repeat(before), theme.bar().to_string().repeat(long));
            #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
            let text = format!(
                "  {bar:columns$} {:>7} {}{} {}",
                duration(call.latency as f64),
                "  ".repeat(*depth),
                safe(&call.summary),
                safe(&call.outcome),
            );
            let kind = if call.error { Kind::Error } else { Kind::Plain };
            lines.push(Line { kind, text: cut(&text, width, theme.ellipsis()) });
        }
    }
}

/// One row of the chain.
struct Call {
    id: u64,
    twin: Option<u64>,
    parent: u64,
    time: i64,
    latency: i64,
    protocol: String,
    summary: String,
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
            Some(Call {
                id: number(row, "id")?,
                twin: number(row, "twin"),
                parent: number(row, "parent")?,
                time: if let Value::Time(time) = value(row, "time") { time } else { 0 },
                latency: if let Value::Duration(latency) = value(row, "latency") { latency } else { 0 },
                protocol: text(row, "protocol"),
                summary: text(row, "summary"),
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
            let own = call.id == id || Some(call.id) == twin;
            if !own && (call.parent == id || Some(call.parent) == twin) && found.len() < MOST_CALLS {
                found.push((place, depth));
                self.below(call.id, call.twin, depth + 1, found);
            }
        }
    }
}

/// Statements that were made often, with their counts.
fn repeated(calls: &Calls, tree: &[(usize, usize)]) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (call, _) in tree {
        let call = &calls.0[*call];
        if call.protocol == "pgsql" {
            *counts.entry(&call.summary).or_default() += 1;
        }
    }
    counts.into_iter().filter(|(_, times)| *times >= MANY).map(|(shape, times)| (shape.to_owned(), times)).collect()
}

fn headers(lines: &mut Vec<Line>, title: &str, value: &Value) {
    let Value::Headers(fields) = value else { return };
    lines.push(heading(title));
    for (name, value) in fields {
        let part = |part: &Option<String>| part.as_deref().map_or_else(|| "?".to_owned(), safe);
        lines.push(plain(format!("  {}: {}", part(name), part(value))));
    }
}

fn body(lines: &mut Vec<Line>, title: &str, value: &Value) {
    let bytes = match value {
        Value::Blob(bytes) if !bytes.is_empty() => bytes.as_slice(),
        Value::String(text) if !text.is_empty() => text.as_bytes(),
        _ => return,
    };
    lines.push(heading(title));
    match (serde_json::from_slice::<serde_json::Value>(bytes), std::str::from_utf8(bytes)) {
        (Ok(json), _) if json.is_object() || json.is_array() => {
            let pretty = serde_json::to_string_pretty(&json).unwrap_or_default();
            lines.extend(pretty.lines().map(|line| plain(format!("  {}", safe(line)))));
        }
        (_, Ok(text)) => lines.extend(text.lines().map(|line| plain(format!("  {}", safe(line))))),
        (_, Err(_)) => {
            for (number, chunk) in bytes.chunks(16).enumerate() {
                let hex: Vec<_> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
                let text: String =
                    chunk.iter().map(|b| if b.is_ascii_graphic() { char::from(*b) } else { '.' }).collect();
                lines.push(plain(format!("  {:06x}  {:47}  {text}", number * 16, hex.join(" "))));
            }
        }
    }
}

/// Every other column that says something.
fn others(lines: &mut Vec<Line>, row: &Table) {
    lines.push(heading("All columns"));
    for (index, column) in row.columns().iter().enumerate() {
        let shown = HEADS.iter().chain(&BODIES).any(|(_, name)| *name == column.name);
        let value = row.value(0, index);
        if !shown && value != Value::Null {
            lines.push(plain(format!("  {:20} {}", column.name, show(&value, &column.name))));
        }
    }
}

fn scaled(part: i64, whole: i64, columns: usize) -> usize {
    let columns = i64::try_from(columns).unwrap_or(0);
    usize::try_from(part.max(0).saturating_mul(columns) / whole.max(1))
        .unwrap_or(0)
        .min(usize::try_from(columns).unwrap_or(0))
}

fn heading(text: &str) -> Line {
    Line { kind: Kind::Heading, text: text.to_owned() }
}

fn plain(text: String) -> Line {
    Line { kind: Kind::Plain, text }
}

const HEADS: [(&str, &str); 3] =
    [("Request head", "req_headers"), ("Response head", "resp_headers"), ("Response trailers", "resp_trailers")];
const BODIES: [(&str, &str); 3] = [("Request body", "req_body"), ("Response body", "resp_body"), ("SQL", "query")];
/// Chains are followed so far.
const DEEPEST: usize = 8;
/// No more calls are shown.
const MOST_CALLS: usize = 400;
/// From so many equal statements on it is a pattern.
const MANY: usize = 5;
