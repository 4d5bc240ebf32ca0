//! Every example of the reference (`README.md`) runs, and the reference names every function.

use query::generate::{Generator, START};
use query::{Context, FUNCTIONS, Query, Store, StoreOptions};

const REFERENCE: &str = include_str!("../README.md");

/// The lines in code blocks without a language.
fn examples() -> Vec<&'static str> {
    // Inside a block: whether it is one of queries.
    let mut inside: Option<bool> = None;
    let mut found = Vec::new();
    for line in REFERENCE.lines() {
        match (line.strip_prefix("```"), inside) {
            (Some(language), None) => inside = Some(language.is_empty()),
            (Some(_), Some(_)) => inside = None,
            (None, Some(true)) => found.push(line),
            (None, _) => {}
        }
    }
    found
}

#[test]
fn every_example_runs() {
    let mut store = Store::new(StoreOptions::default());
    let mut rows = Generator::new(9);
    (0..1000).for_each(|_| store.append(rows.any()));
    let snapshot = store.snapshot();
    let start = i64::try_from(START).expect("fits");
    let context = Context { now: start + 2_000_000_000, start, end: start + 2_000_000_000, live: false };
    let examples = examples();
    assert!(examples.len() > 30, "{}", examples.len());
    for example in examples {
        let query = Query::parse(example).unwrap_or_else(|error| panic!("{}", error.render(example, 120, false)));
        query.run(&snapshot, &context).unwrap_or_else(|error| panic!("{example}: {error}"));
    }
}

#[test]
fn every_function_is_described() {
    for function in FUNCTIONS {
        let row = format!("| `{}` | {} |", function.usage.replace('|', "\\|"), function.meaning);
        assert!(REFERENCE.contains(&row), "{row}");
    }
}

#[test]
fn the_table_for_those_who_know_sql_is_right() {
    let ours = REFERENCE.lines().filter(|line| line.starts_with("| `SELECT") || line.starts_with("| `…"));
    let queries = ours.flat_map(|line| line.rsplit(" | ").next().unwrap_or_default().split('`').skip(1).step_by(2));
    let queries: Vec<String> = queries.map(|query| query.replace("\\|", "|").replace("a, b", "host, path")).collect();
    assert_eq!(queries.len(), 6);
    for query in queries {
        let query = query.replace("where c ", "where error ").replace("by a", "by host");
        Query::parse(&query).unwrap_or_else(|error| panic!("{}", error.render(&query, 120, false)));
    }
}
