//! `explore diff A B`: what is new, gone, slower or fails more often, and whether that is more than noise.

use std::path::{Path, PathBuf};

use query::Value;
use query::diff::{Change, Difference, Side, diff as compare};
use query::export::human;
use serde_json::json;

use crate::failure::Failure;
use crate::{output, run};

/// Compares two files of any kind that `--read` takes.
///
/// # Errors
/// When a file cannot be read, or no table has the columns.
pub(crate) fn diff(a: &Path, b: &Path, by: &[String], as_json: bool) -> Result<u8, Failure> {
    let (first, second) = (run::load(&[PathBuf::from(a)])?, run::load(&[PathBuf::from(b)])?);
    let differences = compare(&first, &second, by).map_err(|error| {
        let hints: String = error.hints.iter().map(|hint| format!("\n\ntry: {hint}")).collect();
        Failure::usage(format!("{error}{hints}"))
    })?;
    let text: String = match as_json {
        true => differences.iter().map(|difference| format!("{}\n", object(difference))).collect(),
        false => text(&differences),
    };
    output::data(&text).map(|()| 0)
}

/// `more errors`, `slower`, …
pub(crate) fn name(change: Change) -> &'static str {
    match change {
        Change::MoreErrors => "more errors",
        Change::Slower => "slower",
        Change::New => "new",
        Change::Gone => "gone",
        Change::FewerErrors => "fewer errors",
        Change::Faster => "faster",
        Change::Same => "same",
    }
}

/// The values compared by, as one text.
pub(crate) fn key(difference: &Difference) -> String {
    difference.key.iter().map(human).collect::<Vec<_>>().join(" ")
}

/// Figures of both sides.
pub(crate) fn figures(difference: &Difference) -> String {
    let [a, b] = &difference.sides;
    let time = |ns: Option<i64>| ns.map_or_else(|| "-".to_owned(), |ns| human(&Value::Duration(ns)));
    format!(
        "rows {} -> {}, p50 {} -> {}, p99 {} -> {}, errors {} -> {}",
        a.count,
        b.count,
        time(a.p50),
        time(b.p50),
        time(a.p99),
        time(b.p99),
        a.errors,
        b.errors
    )
}

fn text(differences: &[Difference]) -> String {
    if differences.is_empty() {
        return "there is nothing to compare: neither has exchanges\n".to_owned();
    }
    let mut text = String::new();
    for difference in differences {
        text.push_str(&format!("{:12} {:6} {}\n", name(difference.change), difference.table, key(difference)));
        text.push_str(&format!("{:12} {}\n{:12} {}\n", "", figures(difference), "", difference.statement()));
    }
    text
}

fn object(difference: &Difference) -> serde_json::Value {
    let side = |side: &Side| json!({ "count": side.count, "judged": side.judged, "errors": side.errors, "p50": side.p50, "p99": side.p99 });
    json!({
        "change": name(difference.change),
        "table": difference.table,
        "key": difference.key.iter().map(human).collect::<Vec<_>>(),
        "a": side(&difference.sides[0]),
        "b": side(&difference.sides[1]),
        "latency_p": difference.latency_p,
        "errors_p": difference.errors_p,
        "statement": difference.statement(),
    })
}
