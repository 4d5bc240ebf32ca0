//! Queries and what becomes of them: `golden.txt`. `UPDATE=1 cargo test -p query --lib golden` writes it anew, to be read
//! before it is committed.

use std::fmt::Write;

use regex::Regex;

use super::Plan;
use crate::export::{Format, TextOptions, writer};
use crate::generate::{Generator, START};
use crate::parse::parse;
use crate::{Context, Query, Store, StoreOptions};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/lang/plan/golden.txt");

/// Without places, which say the same as the text, and with each stage on a line of its own.
fn shown(value: &impl std::fmt::Debug) -> String {
    let places = Regex::new(r",? ?span: Span \{ start: \d+, end: \d+ \},?").expect("is a pattern");
    let text = places.replace_all(&format!("{value:?}"), "").replace("{  }", "").replace(" }", "}").replace("{ ", "{");
    text.replace("Stage {", "\n    Stage {")
        .replace("steps: [", "\n    steps: [")
        .replace(", columns: [", ",\n    columns: [")
}

#[test]
fn golden() {
    let golden = std::fs::read_to_string(FILE).expect("the golden file is there");
    let mut store = Store::new(StoreOptions::default());
    let mut rows = Generator::new(7);
    (0..200).for_each(|_| store.append(rows.any()));
    let snapshot = store.snapshot();
    let start = i64::try_from(START).expect("fits");
    let context = Context { now: start + 1_000_000_000, start, end: start + 1_000_000_000, live: false };
    let mut found = String::new();
    for text in golden.lines().filter_map(|line| line.strip_prefix("> ")) {
        let query = Query::parse(text).unwrap_or_else(|error| panic!("{}", error.render(text, 100, false)));
        let table = query.run(&snapshot, &context).expect("runs");
        let mut out = Vec::new();
        let mut rows = writer(Format::Csv, table.columns(), TextOptions { width: None, human: false, ascii: false });
        rows.write(&mut out, &table.slice(0, 4)).expect("writes");
        rows.finish(&mut out).expect("writes");
        let ast = shown(&parse(text).expect("is a query"));
        let plan = shown(&Plan::parse(text).expect("is a query"));
        let rows = String::from_utf8(out).expect("is text");
        writeln!(found, "> {text}\nAst: {ast}\nPlan: {plan}\nTable, {} rows:\n{rows}", table.height()).expect("writes");
    }
    if std::env::var_os("UPDATE").is_some() {
        return std::fs::write(FILE, &found).expect("writes");
    }
    let first = golden.lines().zip(found.lines()).find(|(golden, found)| golden != found);
    assert!(golden == found, "the first difference, expected and found: {first:#?}");
}
