//! Two snapshots side by side: per route, shape or any other key what is new, gone, slower, or fails more often.
//!
//! Whether a difference is more than noise is tested, not guessed: latencies by the Mann-Whitney U test (ranks, so that a
//! few outliers decide nothing), shares of errors by the two-proportion z-test, both two-sided, and all of them together
//! corrected after Holm, since hundreds of routes would otherwise give a few "significant" ones by chance.

mod statistics;

use std::collections::BTreeMap;

use crate::error::QueryError;
use crate::query::{Context, Query};
use crate::schema;
use crate::store::Snapshot;
use crate::table::{Table, Value};

/// A difference is called real when its corrected probability under "no difference" is below this.
pub const LEVEL: f64 = 0.01;

/// One side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Side {
    /// Exchanges.
    pub count: u64,
    /// Exchanges of which it is known whether they failed.
    pub judged: u64,
    /// Those that failed.
    pub errors: u64,
    /// Median latency, ns; null without answers.
    pub p50: Option<i64>,
    /// 99th percentile, ns.
    pub p99: Option<i64>,
}

/// What became of a key from the first snapshot to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Change {
    /// Its share of errors rose, more than by chance.
    MoreErrors,
    /// It became slower, more than by chance.
    Slower,
    /// It is only in the second.
    New,
    /// It is only in the first.
    Gone,
    /// Its share of errors fell, more than by chance.
    FewerErrors,
    /// It became faster, more than by chance.
    Faster,
    /// Nothing that chance would not explain.
    Same,
}

/// One key of one table in both snapshots.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The table.
    pub table: &'static str,
    /// Values of the columns compared by.
    pub key: Vec<Value>,
    /// In the first and in the second snapshot.
    pub sides: [Side; 2],
    /// What changed most.
    pub change: Change,
    /// Corrected probability of such a difference in latency by chance; null when there is nothing to compare.
    pub latency_p: Option<f64>,
    /// The same of the difference in errors.
    pub errors_p: Option<f64>,
}

impl Difference {
    /// In words, with the test that says so.
    #[must_use]
    pub fn statement(&self) -> String {
        let (latency, errors) = (self.of_latency(), self.of_errors());
        match self.change {
            Change::New => "only in the second".to_owned(),
            Change::Gone => "only in the first".to_owned(),
            Change::MoreErrors => format!("fails more often, {errors}"),
            Change::FewerErrors => format!("fails less often, {errors}"),
            Change::Slower => format!("slower, {latency}"),
            Change::Faster => format!("faster, {latency}"),
            Change::Same => format!("latency {latency}; errors {errors}"),
        }
    }

    /// Whether the latencies differ by more than noise, and which test says so.
    #[must_use]
    pub fn of_latency(&self) -> String {
        verdict("Mann-Whitney U", self.latency_p, "fewer than 8 answers on a side")
    }

    /// The same of the shares of errors.
    #[must_use]
    pub fn of_errors(&self) -> String {
        verdict("two-proportion z-test", self.errors_p, "on a side no outcome is known")
    }
}

/// A plain statement, with test and probability; `untested`: why there was nothing to test.
fn verdict(test: &str, p: Option<f64>, untested: &str) -> String {
    let said = |p: f64| if p < 0.0001 { "p < 0.0001".to_owned() } else { format!("p = {p:.4}") };
    match p {
        Some(p) if p < LEVEL => format!("more than noise ({test}, {})", said(p)),
        Some(p) => format!("no more than noise ({test}, {})", said(p)),
        None => format!("not tested ({untested})"),
    }
}

/// What the tables are compared by unless the user says otherwise.
const KEYS: [(&str, &[&str]); 4] =
    [("http", &["route"]), ("grpc", &["rpc_service", "method"]), ("pgsql", &["shape"]), ("dns", &["name", "type"])];

/// Compares two snapshots, by the columns `by` (those tables that have them all) or by route, method, shape and name.
/// The worst changes come first.
///
/// # Errors
/// When no table has the columns.
pub fn diff(first: &Snapshot, second: &Snapshot, by: &[String]) -> Result<Vec<Difference>, QueryError> {
    let mut all = Vec::new();
    let mut compared = false;
    for (table, keys) in KEYS {
        let keys: Vec<String> =
            if by.is_empty() { keys.iter().map(|key| (*key).to_owned()).collect() } else { by.to_vec() };
        let has_all = schema::table(table).is_some_and(|table| keys.iter().all(|key| table.column(key).is_some()));
        if !has_all {
            continue;
        }
        compared = true;
        all.extend(compare(table, &keys, first, second)?);
    }
    if !compared {
        return Err(QueryError::run(format!("no table of exchanges has the columns {}", by.join(", ")))
            .hint("`explore schema http` lists the columns of a table"));
    }
    judge(&mut all);
    let weight = |row: &Difference| row.sides[0].count + row.sides[1].count;
    all.sort_by(|a, b| a.change.cmp(&b.change).then(weight(b).cmp(&weight(a))));
    Ok(all)
}

/// All that is known of one key in one snapshot.
#[derive(Default)]
struct Group {
    side: Side,
    key: Vec<Value>,
    latencies: Vec<i64>,
}

fn compare(
    table: &'static str,
    keys: &[String],
    first: &Snapshot,
    second: &Snapshot,
) -> Result<Vec<Difference>, QueryError> {
    let (mut a, mut b) = (groups(table, keys, first)?, groups(table, keys, second)?);
    let names: Vec<String> =
        a.keys().chain(b.keys()).cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    let mut found = Vec::new();
    for name in names {
        let (mut one, mut two) = (a.remove(&name).unwrap_or_default(), b.remove(&name).unwrap_or_default());
        let both = one.side.count > 0 && two.side.count > 0;
        let latency_p = statistics::mann_whitney(&mut one.latencies, &mut two.latencies).filter(|_| both);
        let errors = |side: &Side| (side.errors, side.judged);
        let errors_p = statistics::two_proportions(errors(&one.side), errors(&two.side)).filter(|_| both);
        let key = if one.key.is_empty() { two.key } else { one.key };
        let sides = [finished(one.side, &one.latencies), finished(two.side, &two.latencies)];
        found.push(Difference { table, key, sides, change: Change::Same, latency_p, errors_p });
    }
    Ok(found)
}

fn groups(table: &str, keys: &[String], snapshot: &Snapshot) -> Result<BTreeMap<String, Group>, QueryError> {
    // Where both ends were watched each exchange counts once.
    let twin = "role = 'server' or twin is null";
    let text = format!("{table} where {twin} | select latency, error, {}", keys.join(", "));
    let context = Context { now: 0, start: 0, end: 0, live: false };
    let rows: Table = Query::parse(&text)?.run(snapshot, &context)?;
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for row in 0..rows.height() {
        let key: Vec<Value> = (2..rows.width()).map(|column| rows.value(row, column)).collect();
        let group = groups.entry(format!("{key:?}")).or_default();
        group.side.count += 1;
        if let Value::Duration(latency) = rows.value(row, 0) {
            group.latencies.push(latency);
        }
        if let Value::Bool(error) = rows.value(row, 1) {
            group.side.judged += 1;
            group.side.errors += u64::from(error);
        }
        group.key = key;
    }
    Ok(groups)
}

/// With the quantiles of `latencies`, which are sorted by now.
fn finished(side: Side, latencies: &[i64]) -> Side {
    let at = |percent: usize| latencies.get((latencies.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    Side { p50: at(50), p99: at(99), ..side }
}

/// Corrects the probabilities after Holm and says what changed.
fn judge(all: &mut [Difference]) {
    let mut tests: Vec<(usize, bool, f64)> = Vec::new();
    for (at, row) in all.iter().enumerate() {
        tests.extend(row.latency_p.map(|p| (at, true, p)));
        tests.extend(row.errors_p.map(|p| (at, false, p)));
    }
    tests.sort_by(|a, b| a.2.total_cmp(&b.2));
    let (count, mut largest) = (tests.len(), 0.0_f64);
    for (rank, (at, latency, p)) in tests.into_iter().enumerate() {
        largest = largest.max((p * (count - rank) as f64).min(1.0));
        let slot = if latency { &mut all[at].latency_p } else { &mut all[at].errors_p };
        *slot = Some(largest);
    }
    for row in all {
        row.change = change(row);
    }
}

fn change(row: &Difference) -> Change {
    let [one, two] = &row.sides;
    let real = |p: Option<f64>| p.is_some_and(|p| p < LEVEL);
    match (one.count, two.count) {
        (0, _) => return Change::New,
        (_, 0) => return Change::Gone,
        _ => {}
    }
    // Shares compared without dividing.
    let (before, after) = (one.errors * two.judged, two.errors * one.judged);
    let slower = two.p50 > one.p50 || (two.p50 == one.p50 && two.p99 > one.p99);
    match (real(row.errors_p), real(row.latency_p)) {
        (true, _) if after > before => Change::MoreErrors,
        (_, true) if slower => Change::Slower,
        (true, _) => Change::FewerErrors,
        (_, true) => Change::Faster,
        _ => Change::Same,
    }
}

#[cfg(test)]
mod tests;
