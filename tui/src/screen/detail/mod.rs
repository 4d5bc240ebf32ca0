//! One exchange in full: what it was, where its time went, what it caused, heads and bodies.

mod chain;
mod json;
mod sql;

use std::collections::BTreeSet;

use query::{Table, Value};

use super::columns::show;
use super::format::{bytes, cut, duration, safe};
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
    /// The line under the cursor, and the first one on the screen.
    pub(super) line: usize,
    pub(super) scroll: usize,
    pub(super) search: String,
    /// What was folded or unfolded by the user, against its beginning.
    toggled: BTreeSet<String>,
}

/// A line, what it is, and what `Enter` does on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) kind: Kind,
    pub(super) text: String,
    pub(super) on_enter: OnEnter,
}

/// What `Enter` does on a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OnEnter {
    Nothing,
    /// Folds or unfolds what begins here.
    Fold(String),
    /// Opens another exchange.
    Open(Box<Target>),
}

/// An exchange that a line is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) id: u64,
    pub(super) protocol: String,
    pub(super) time: i64,
    pub(super) latency: Option<i64>,
    pub(super) summary: String,
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
    pub(super) fn new(target: Target) -> Self {
        let Target { id, protocol, time, latency, summary } = target;
        let (row, chain, search, toggled) = (None, None, String::new(), BTreeSet::new());
        Self { id, protocol, time, latency, summary, row, chain, line: 0, scroll: 0, search, toggled }
    }

    /// Folds or unfolds.
    pub(super) fn toggle(&mut self, path: &str) {
        if !self.toggled.remove(path) {
            self.toggled.insert(path.to_owned());
        }
    }

    /// The lines of the detail, for a screen of `width` columns.
    pub(super) fn lines(&self, width: usize, theme: Theme) -> Vec<Line> {
        let mut lines = vec![line(Kind::Title, cut(&safe(&self.summary), width, theme.ellipsis()))];
        let Some(row) = &self.row else {
            lines.push(line(Kind::Faint, theme.ellipsis().to_string()));
            return lines;
        };
        if row.height() == 0 {
            lines.push(line(Kind::Faint, "its row is gone: retention has let it go (--memory keeps more)".to_owned()));
            return lines;
        }
        let value = |name: &str| row.column(name).map_or(Value::Null, |column| row.value(0, column));
        facts(&mut lines, &self.protocol, &value);
        self.time_spent(&mut lines, &value, width, theme);
        if let Some(chain) = &self.chain {
            let twin = if let Value::U64(twin) = value("twin") { Some(twin) } else { None };
            chain::write(&mut lines, self, chain, twin, width, theme);
        }
        for (heading, name) in self.texts() {
            self.text(&mut lines, heading, name, &value(name));
        }
        for (heading, name) in HEADS {
            self.headers(&mut lines, heading, name, &value(name));
        }
        for (heading, name) in BODIES {
            self.body(&mut lines, heading, name, &value(name));
        }
        self.others(&mut lines, row);
        lines
    }

    /// Columns that are statements; in `http` column `query` is none.
    fn texts(&self) -> &'static [(&'static str, &'static str)] {
        if self.protocol == "pgsql" { &TEXTS } else { &[] }
    }

    /// A heading that folds what is below it; true when that is to be shown.
    fn section(&self, lines: &mut Vec<Line>, title: &str, path: &str, folded: bool) -> bool {
        let open = folded == self.toggled.contains(path);
        let text = if open { title.to_owned() } else { format!("{title} +") };
        lines.push(Line { kind: Kind::Heading, text, on_enter: OnEnter::Fold(path.to_owned()) });
        open
    }

    /// Where the time went: up to the first byte of the answer, and while bytes were on their way.
    fn time_spent(&self, lines: &mut Vec<Line>, value: &dyn Fn(&str) -> Value, width: usize, theme: Theme) {
        let Some(latency) = self.latency.filter(|latency| *latency > 0) else { return };
        lines.push(heading("Time"));
        let Value::Duration(waiting) = value("ttfb") else {
            lines.push(plain(format!("  {} in all; the answer began before the request had ended", span(latency))));
            return;
        };
        let columns = width.saturating_sub(4).min(60);
        let filled = scaled(waiting, latency, columns);
        let (bar, rest) = (theme.bar().to_string(), theme.shade(0.3).to_string());
        lines.push(plain(format!("  {}{}", bar.repeat(filled), rest.repeat(columns.saturating_sub(filled)))));
        let moving = latency.saturating_sub(waiting);
        lines.push(plain(format!(
            "  {bar} waiting for the first byte {}  {rest} transfer {}  in all {}",
            span(waiting),
            span(moving),
            span(latency)
        )));
    }

    fn headers(&self, lines: &mut Vec<Line>, title: &str, name: &str, value: &Value) {
        let Value::Headers(fields) = value else { return };
        if !self.section(lines, title, name, false) {
            return;
        }
        for (name, value) in fields {
            let part = |part: &Option<String>| part.as_deref().map_or_else(|| "?".to_owned(), safe);
            lines.push(plain(format!("  {}: {}", part(name), part(value))));
        }
    }

    /// A statement and what goes with it.
    fn text(&self, lines: &mut Vec<Line>, title: &str, name: &str, value: &Value) {
        match value {
            Value::String(text) if !text.is_empty() && self.section(lines, title, name, false) => {
                lines.extend(sql::lines(text).iter().map(|text| plain(format!("  {}", safe(text)))));
            }
            Value::List(items) if !items.is_empty() => {
                lines.push(heading(title));
                for (number, item) in (1..).zip(items) {
                    let item = item.as_deref().map_or_else(|| "null".to_owned(), safe);
                    lines.push(plain(format!("  ${number} = {item}")));
                }
            }
            _ => {}
        }
    }

    fn body(&self, lines: &mut Vec<Line>, title: &str, name: &str, value: &Value) {
        let kept = match value {
            Value::Blob(bytes) if !bytes.is_empty() => bytes.as_slice(),
            Value::String(text) if !text.is_empty() => text.as_bytes(),
            _ => return,
        };
        let title = format!("{title} ({} kept)", bytes(kept.len() as u64));
        if !self.section(lines, &title, name, false) {
            return;
        }
        match text_of(kept) {
            Some(text) => match json::read(text) {
                Some(json) => self.json(lines, name, &json),
                None => lines.extend(text.lines().map(|text| plain(format!("  {}", safe(text))))),
            },
            None => lines.extend(hex(kept)),
        }
    }

    fn json(&self, lines: &mut Vec<Line>, name: &str, json: &json::Node) {
        // A long document begins with what is deep in it folded.
        let long = json.lines(name, &|_, _| false).len() > LONG;
        let folded = |path: &str, depth: usize| (long && depth >= FOLDED_FROM) != self.toggled.contains(path);
        for json::JsonLine { depth, text, fold } in json.lines(&format!("{name}:"), &folded) {
            let on_enter = fold.map_or(OnEnter::Nothing, OnEnter::Fold);
            lines.push(Line { kind: Kind::Plain, text: format!("  {}{text}", "  ".repeat(depth)), on_enter });
        }
    }

    /// Every other column that says something.
    fn others(&self, lines: &mut Vec<Line>, row: &Table) {
        if !self.section(lines, "All columns", "columns", false) {
            return;
        }
        for (index, column) in row.columns().iter().enumerate() {
            let shown = HEADS.iter().chain(&BODIES).chain(self.texts()).any(|(_, name)| *name == column.name);
            let value = row.value(0, index);
            if !shown && value != Value::Null {
                lines.push(plain(format!("  {:20} {}", column.name, show(&value, &column.name))));
            }
        }
    }
}

/// What came of it, when, between whom, how much.
fn facts(lines: &mut Vec<Line>, protocol: &str, value: &dyn Fn(&str) -> Value) {
    let text = |name: &str| show(&value(name), name);
    let has = |name: &&str| !matches!(value(name), Value::Null);
    let mut outcome: Vec<_> = OUTCOMES.iter().filter(|name| has(name)).map(|name| text(name)).collect();
    if protocol == "tls" && outcome.is_empty() && has(&"version") {
        outcome.push(format!("TLS {} {}", text("version"), text("cipher")));
    }
    let failed = value("error") == Value::Bool(true);
    let outcome = if outcome.is_empty() { "no answer seen".to_owned() } else { outcome.join(" ") };
    let (kind, mark) = if failed { (Kind::Error, "failed: ") } else { (Kind::Plain, "") };
    let after = if has(&"latency") { format!(" after {}", text("latency")) } else { String::new() };
    lines.push(line(kind, format!("{mark}{outcome}{after}")));
    let end = |addr: &str, port: &str, name: &str| {
        let named = if has(&name) { format!(" ({})", text(name)) } else { String::new() };
        let port = if has(&port) { format!(":{}", text(port)) } else { String::new() };
        format!("{}{port}{named}", text(addr))
    };
    let (local, remote) = (end("local_addr", "local_port", ""), end("remote_addr", "remote_port", "remote_name"));
    let process = if has(&"process") { format!("{}[{}]", text("process"), text("pid")) } else { "capture".to_owned() };
    let between = match value("role") {
        Value::String(role) if role == "client" => format!("{process} asked {remote} from {local}"),
        Value::String(_) => format!("{process} at {local} was asked by {remote}"),
        _ => format!("{local} was asked by {remote}"),
    };
    lines.push(plain(between));
    lines.push(plain(format!("{protocol} at {}, connection {}", text("time"), text("conn"))));
    let mut sizes = Vec::new();
    for (name, what) in
        [("req_bytes", "asked"), ("resp_bytes", "answered"), ("rows", "rows"), ("req_messages", "messages sent")]
    {
        if has(&name) {
            sizes.push(format!("{what} {}", text(name)));
        }
    }
    if !sizes.is_empty() {
        lines.push(plain(sizes.join(", ")));
    }
    let flags: Vec<_> =
        FLAGS.iter().filter(|(flag, _)| value(flag) == Value::Bool(true)).map(|(_, why)| *why).collect();
    if !flags.is_empty() {
        lines.push(line(Kind::Warning, format!("not seen whole: {}", flags.join("; "))));
    }
}

/// UTF-8 text, also when a letter at its end is cut.
fn text_of(bytes: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    // Control characters mean that it is no text.
    (!text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\x1b'))).then_some(text)
}

fn hex(bytes: &[u8]) -> Vec<Line> {
    let one = |(number, chunk): (usize, &[u8])| {
        let hex: Vec<_> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
        let text: String = chunk.iter().map(|b| if b.is_ascii_graphic() { char::from(*b) } else { '.' }).collect();
        plain(format!("  {:06x}  {:47}  {text}", number * 16, hex.join(" ")))
    };
    bytes.chunks(16).enumerate().map(one).collect()
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn span(ns: i64) -> String {
    duration(ns as f64)
}

fn scaled(part: i64, whole: i64, columns: usize) -> usize {
    let columns = i64::try_from(columns).unwrap_or(0);
    usize::try_from(part.max(0).saturating_mul(columns) / whole.max(1))
        .unwrap_or(0)
        .min(usize::try_from(columns).unwrap_or(0))
}

fn heading(text: &str) -> Line {
    line(Kind::Heading, text.to_owned())
}

fn plain(text: String) -> Line {
    line(Kind::Plain, text)
}

fn line(kind: Kind, text: String) -> Line {
    Line { kind, text, on_enter: OnEnter::Nothing }
}

const OUTCOMES: [&str; 8] = ["status", "reason", "status_name", "sqlstate", "rcode", "tag", "message", "alert"];
const FLAGS: [(&str, &str); 3] = [
    ("truncated", "longer than --capture or --body keeps (truncated)"),
    ("gap", "bytes were lost (gap)"),
    ("midstream", "the connection had begun before (midstream)"),
];
const HEADS: [(&str, &str); 3] =
    [("Request head", "req_headers"), ("Response head", "resp_headers"), ("Response trailers", "resp_trailers")];
const BODIES: [(&str, &str); 2] = [("Request body", "req_body"), ("Response body", "resp_body")];
const TEXTS: [(&str, &str); 2] = [("SQL", "query"), ("Parameters", "params")];
/// From so many lines on a document begins folded, from this depth on.
const LONG: usize = 40;
const FOLDED_FROM: usize = 2;
