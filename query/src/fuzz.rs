//! Entry point for fuzzing: any bytes, as a query. Nothing may panic, a message must be drawable, completions must fit the
//! text, and what passes the checks must run.
//!
//! Unit tests call it over the examples and what was ever found (`fixtures/fuzz/query`); `fuzz/run` under libFuzzer.

use std::sync::LazyLock;

use crate::complete;
use crate::generate::{Generator, START};
use crate::query::{Context, Query};
#[cfg(test)]
use crate::schema;
use crate::store::{Snapshot, Store, StoreOptions};

/// Reads, checks, completes and runs `bytes`; returns whether they were a query.
pub fn query(bytes: &[u8]) -> bool {
    // The program takes text only: what is none is refused before it comes here.
    let text = String::from_utf8_lossy(bytes);
    completions(&text);
    let query = match Query::parse(&text) {
        Ok(query) => query,
        Err(error) => {
            assert!(!error.to_string().is_empty(), "{text}");
            for width in [20, 100] {
                assert!(!error.render(&text, width, true).is_empty(), "{text}");
            }
            return false;
        }
    };
    assert!(!query.columns().is_empty(), "{text}");
    // However long it is, it was read; polars takes the square of that for some.
    if text.len() > LONGEST_RUN {
        return true;
    }
    let table = query.run(&ROWS, &CONTEXT).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(table.columns(), query.columns(), "{text}");
    if let Some(mut streaming) = query.streaming() {
        let streamed = streaming.push(&ROWS, &CONTEXT).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(streamed.height(), table.height(), "{text}");
    }
    if let Some(mut running) = query.running() {
        let added = running.push(&ROWS, &CONTEXT).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(added.height(), table.height(), "{text}");
    }
    if let Some(mut first) = query.first() {
        let kept = first.push(&ROWS, &CONTEXT).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(kept.height(), table.height(), "{text}");
    }
    true
}

/// At the end, at places all over the text, and past it.
fn completions(text: &str) {
    let step = text.len() / 16 + 1;
    for cursor in (0..text.len()).step_by(step).chain([text.len(), text.len() + 1]) {
        for completion in complete(text, cursor) {
            let span = completion.replace;
            assert!(text.get(span.start..span.end).is_some(), "{text:?} at {cursor}: {span:?}");
            assert!(!completion.text.is_empty(), "{text:?} at {cursor}");
        }
    }
}

static ROWS: LazyLock<Snapshot> = LazyLock::new(|| {
    let mut store = Store::new(StoreOptions::default());
    let mut rows = Generator::new(7);
    (0..40).for_each(|_| store.append(rows.any()));
    store.snapshot()
});

static CONTEXT: LazyLock<Context> = LazyLock::new(|| {
    let start = i64::try_from(START).unwrap_or_default();
    Context { now: start + 3_000_000_000, start, end: start + 3_000_000_000, live: false }
});

/// The longest query that is run, in bytes.
const LONGEST_RUN: usize = 400;

/// The examples, which `fuzz/run` starts from as well, and every table.
#[cfg(test)]
fn seeds() -> impl Iterator<Item = String> {
    let examples = include_str!("../tests/examples.txt").lines().map(str::to_owned);
    examples.chain(schema::tables().iter().map(|table| table.name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_queries_and_their_beginnings_are_none_that_panics() {
        for seed in seeds() {
            assert!(query(seed.as_bytes()), "{seed}");
            for end in 0..seed.len() {
                query(&seed.as_bytes()[..end]);
            }
        }
    }

    #[test]
    fn mutated_examples() {
        let mut random = Generator::new(11);
        let mut at = |most: usize| usize::try_from(random.below(most as u64)).expect("fits");
        let all: Vec<String> = seeds().collect();
        for _ in 0..400 {
            let (one, other) = (&all[at(all.len())], &all[at(all.len())]);
            // The beginning of one and the end of another, and a byte that was not there.
            let mut bytes = one.as_bytes()[..at(one.len() + 1)].to_vec();
            bytes.extend(&other.as_bytes()[at(other.len() + 1)..]);
            if !bytes.is_empty() {
                let place = at(bytes.len());
                bytes[place] = u8::try_from(at(256)).expect("fits");
            }
            query(&bytes);
        }
    }

    #[test]
    fn what_was_ever_found() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/fuzz/query");
        for entry in std::fs::read_dir(folder).expect("is there") {
            query(&std::fs::read(entry.expect("is there").path()).expect("can be read"));
        }
    }
}
