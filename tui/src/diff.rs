//! `explore diff A B`: what is new, gone, slower or fails more often, and whether that is more than noise.

use std::path::{Path, PathBuf};

use query::Value;
use query::diff::{Change, Difference, LEVEL, Side, diff as compare};
use query::export::{escape, human};
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
        false => text(&differences, [a, b]),
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

/// The values compared by, as one text that a terminal may see.
pub(crate) fn key(difference: &Difference) -> String {
    escape(&difference.key.iter().map(human).collect::<Vec<_>>().join(" "))
}

/// Figures of both sides.
pub(crate) fn figures(difference: &Difference) -> String {
    let [a, b] = &difference.sides;
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

/// Both sides, what was found in a line, each difference with its figures and what the tests say, and what they mean.
fn text(differences: &[Difference], files: [&Path; 2]) -> String {
    if differences.is_empty() {
        return "there is nothing to compare: neither has exchanges\n".to_owned();
    }
    let mut text = String::new();
    for (side, (name, path)) in ["A", "B"].into_iter().zip(files).enumerate() {
        let rows: u64 = differences.iter().map(|difference| difference.sides[side].count).sum();
        let path = escape(&path.display().to_string());
        text.push_str(&format!("{name}  {} exchanges  {path}\n", human(&Value::U64(rows))));
    }
    text.push_str(&format!("{}\n\n", found(differences)));
    differences.iter().for_each(|difference| text.push_str(&lines(difference)));
    let tests = differences.iter().map(|d| usize::from(d.latency_p.is_some()) + usize::from(d.errors_p.is_some()));
    text.push_str(&format!(
        "\nMore than noise: such a difference by chance in less than {:.0} % (p < {LEVEL}) of cases, corrected for the {} \
         comparisons made (Holm).\n",
        100.0 * LEVEL,
        tests.sum::<usize>()
    ));
    text
}

/// `1 more errors, 2 slower, 40 same`.
fn found(differences: &[Difference]) -> String {
    let changes = [
        Change::MoreErrors,
        Change::Slower,
        Change::New,
        Change::Gone,
        Change::FewerErrors,
        Change::Faster,
        Change::Same,
    ];
    let counted = changes.map(|change| (differences.iter().filter(|found| found.change == change).count(), change));
    let some = counted.iter().filter(|(count, _)| *count > 0);
    some.map(|(count, change)| format!("{count} {}", name(*change))).collect::<Vec<_>>().join(", ")
}

fn lines(difference: &Difference) -> String {
    let head = format!("{:12} {:6} {}\n", name(difference.change), difference.table, key(difference));
    let [a, b] = &difference.sides;
    match difference.change {
        Change::New => format!("{head}   only in B: {}\n", alone(b)),
        Change::Gone => format!("{head}   only in A: {}\n", alone(a)),
        _ => {
            let latency = format!("p50 {} -> {}, p99 {} -> {}", time(a.p50), time(b.p50), time(a.p99), time(b.p99));
            let failed = format!("{} -> {}", share(a), share(b));
            format!(
                "{head}   {:8} {} -> {}\n   {:8} {failed}: {}\n   {:8} {latency}: {}\n",
                "rows",
                a.count,
                b.count,
                "errors",
                difference.of_errors(),
                "latency",
                difference.of_latency()
            )
        }
    }
}

/// The figures of a side that has no other.
fn alone(side: &Side) -> String {
    let rows = if side.count == 1 { "1 row".to_owned() } else { format!("{} rows", side.count) };
    format!("{rows}, errors {}, p50 {}, p99 {}", share(side), time(side.p50), time(side.p99))
}

/// `5 of 120 (4.2 %)`.
fn share(side: &Side) -> String {
    match side.judged {
        0 => "-".to_owned(),
        judged => format!("{} of {judged} ({:.1} %)", side.errors, 100.0 * side.errors as f64 / judged as f64),
    }
}

fn time(ns: Option<i64>) -> String {
    ns.map_or_else(|| "-".to_owned(), |ns| human(&Value::Duration(ns)))
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
