//! Queries made at random: whatever passes the checks must run, and nothing may panic.

use query::generate::{Generator, START};
use query::{Context, Query, Store, StoreOptions, schema};

/// Makes queries: most of them wrong, many right.
struct Writer(Generator);

impl Writer {
    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let at = usize::try_from(self.0.below(from.len() as u64)).expect("fits");
        from[at]
    }

    fn column(&mut self, table: &schema::Table) -> String {
        let at = usize::try_from(self.0.below(table.columns.len() as u64)).expect("fits");
        table.columns[at].name.to_owned()
    }

    fn value(&mut self, table: &schema::Table, depth: u64) -> String {
        let literals = [
            "1",
            "0",
            "-3",
            "2.5",
            "200ms",
            "1h",
            "4KiB",
            "50%",
            "true",
            "null",
            "now",
            "'GET'",
            "'10:15'",
            "'a'",
            "5xx",
            "10.0.0.1",
            "10.0.0.0/8",
            "18446744073709551615",
            "'2026-11-22T10:00:00Z'",
            "'$.a'",
            "''",
        ];
        match self.0.below(if depth == 0 { 6 } else { 11 }) {
            0..=2 => self.column(table),
            3..=5 => self.pick(&literals).to_owned(),
            6 => format!("({})", self.value(table, depth - 1)),
            7 => format!("-{}", self.value(table, depth - 1)),
            8 => {
                let op = self.pick(&["+", "-", "*", "/"]);
                format!("{} {op} {}", self.value(table, depth - 1), self.value(table, depth - 1))
            }
            _ => self.call(table, depth - 1),
        }
    }

    fn call(&mut self, table: &schema::Table, depth: u64) -> String {
        let all: Vec<&str> = query::FUNCTIONS.iter().filter(|f| !f.aggregate).map(|f| f.name).collect();
        let name = self.pick(&all).to_owned();
        self.applied(&name, table, depth)
    }

    fn applied(&mut self, name: &str, table: &schema::Table, depth: u64) -> String {
        let count = self.0.below(4);
        let arguments: Vec<String> = (0..count).map(|_| self.value(table, depth)).collect();
        format!("{name}({})", arguments.join(", "))
    }

    fn condition(&mut self, table: &schema::Table, depth: u64) -> String {
        let value = self.value(table, 1);
        match self.0.below(if depth == 0 { 6 } else { 9 }) {
            0 => format!("{value} is not null"),
            1 | 2 => {
                let op = self.pick(&["=", "!=", "<", ">=", "~", "contains", "like", "startswith", "not endswith"]);
                format!("{value} {op} {}", self.value(table, 1))
            }
            3 => format!("{value} in ({}, {})", self.value(table, 0), self.value(table, 0)),
            4 => format!("{value} not between {} and {}", self.value(table, 0), self.value(table, 0)),
            5 => value,
            6 => format!("not {}", self.condition(table, depth - 1)),
            7 => format!("{} and {}", self.condition(table, depth - 1), self.condition(table, depth - 1)),
            _ => format!("({}) or {}", self.condition(table, depth - 1), self.condition(table, depth - 1)),
        }
    }

    fn aggregate(&mut self, table: &schema::Table) -> String {
        let all: Vec<&str> = query::FUNCTIONS.iter().filter(|f| f.aggregate).map(|f| f.name).collect();
        let name = self.pick(&all).to_owned();
        let argument = match name.as_str() {
            "count" | "rate" | "error_rate" => String::new(),
            "quantile" => format!("{}, 0.9", self.value(table, 1)),
            _ => self.value(table, 1),
        };
        let filter = if self.0.below(3) == 0 { format!(" if {}", self.condition(table, 0)) } else { String::new() };
        let scaled = self.pick(&["", "", " / 2", " + count()"]);
        format!("{name}({argument}{filter}){scaled}")
    }

    fn query(&mut self) -> String {
        let at = usize::try_from(self.0.below(schema::tables().len() as u64)).expect("fits");
        let table = &schema::tables()[at];
        let mut text = table.name.to_owned();
        for _ in 0..self.0.below(3) {
            let stage = match self.0.below(9) {
                0 | 1 => format!("where {}", self.condition(table, 2)),
                2 => format!("extend x = {}", self.value(table, 2)),
                3 => format!("select {}, y = {}", self.column(table), self.value(table, 2)),
                4 => format!(
                    "summarize {}, {} by {}",
                    self.aggregate(table),
                    self.aggregate(table),
                    self.value(table, 1)
                ),
                5 => format!("summarize {}", self.aggregate(table)),
                6 => format!("sort {} {}, {}", self.value(table, 1), self.pick(&["asc", "desc"]), self.column(table)),
                7 => format!("distinct {}, z = {}", self.column(table), self.value(table, 1)),
                _ => format!("top 3 by {}", self.value(table, 1)),
            };
            text = format!("{text} | {stage}");
        }
        text
    }
}

#[test]
fn what_passes_the_checks_runs() {
    let mut store = Store::new(StoreOptions::default());
    let mut rows = Generator::new(13);
    (0..60).for_each(|_| store.append(rows.any()));
    let snapshot = store.snapshot();
    let start = i64::try_from(START).expect("fits");
    let context = Context { now: start + 2_000_000_000, start, end: start + 2_000_000_000, live: false };
    let count = std::env::var("QUERIES").ok().and_then(|count| count.parse().ok()).unwrap_or(3_000);
    let mut writer = Writer(Generator::new(count));
    let (mut right, mut failed) = (0, Vec::new());
    for _ in 0..count {
        let text = writer.query();
        let Ok(query) = Query::parse(&text) else { continue };
        right += 1;
        let run = std::panic::AssertUnwindSafe(|| query.run(&snapshot, &context));
        match std::panic::catch_unwind(run) {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => failed.push(format!("{text}\n    {}", error.message.lines().next().unwrap_or_default())),
            Err(_) => failed.push(format!("{text}\n    panicked")),
        }
    }
    assert!(failed.is_empty(), "{} of {right}:\n{}", failed.len(), failed.join("\n"));
    assert!(right > count / 20, "only {right} of {count} were right");
}

#[test]
fn any_tokens_end_in_an_answer() {
    let words = [
        "http",
        "|",
        "where",
        "select",
        "summarize",
        "by",
        "(",
        ")",
        "[",
        "]",
        "'",
        "\"",
        "`",
        "status",
        "=",
        "5xx",
        "1h",
        ",",
        "not",
        "and",
        "in",
        "join",
        "on",
        "as",
        "if",
        "count",
        "top",
        "take",
        "since",
        "until",
        "é",
        "\u{0}",
        "10.0.0.0/8",
        "is",
        "null",
        "between",
        "-",
        "~",
        "*",
        "9999999999999999999999",
        "1e999",
        "now",
        "::",
        "&",
    ];
    let mut writer = Writer(Generator::new(17));
    for _ in 0..20_000 {
        let length = writer.0.below(12);
        let separator = writer.pick(&["", " "]);
        let text = (0..length).map(|_| writer.pick(&words)).collect::<Vec<_>>().join(separator);
        if let Err(error) = Query::parse(&text) {
            assert!(!error.render(&text, 60, false).is_empty());
        }
        let _ = query::complete(&text, usize::try_from(writer.0.below(40)).expect("fits"));
    }
}
