//! What is added up as rows come is what one run over all rows gives, although the store has let most of them go.

use query::generate::{Generator, START};
use query::{Context, Query, Store, StoreOptions, Value};

const QUERIES: &[&str] = &[
    "http | summarize count()",
    "http | count by route",
    "http where status >= 500 | count by path, method",
    "http | summarize n=count(), errors=count(if error), p50(latency), p99(latency) by service, route | sort p99 desc, route, service",
    "http | summarize sum(latency), avg(latency), stddev(latency), min(latency), max(latency), dcount(path), dcount(trace_id) by method",
    "http | summarize share=count(if status >= 500)/count(), error_rate() by route",
    "http | summarize first(status), last(path), count(status) by method",
    "http | summarize rate() by bin(time, 1s), class(status)",
    "http | extend slow = latency > 5ms | summarize count(), avg(resp_bytes), p90(resp_bytes if slow) by slow",
    "http | summarize p50(status), quantile(status, 0.9), p50(time)",
    "http where status = 999 | summarize count(), sum(latency), p99(latency)",
    "http where status = 999 | count by path",
    "requests | summarize count(), p99(latency) by protocol",
    "pgsql | summarize calls=count(), total=sum(latency) by shape | top 1 by total",
    "http | summarize n = count() by parent | summarize max(n), count()",
    "http | summarize n=count() by conn | join left (pgsql | summarize queries=count(), db=sum(latency) by conn) on conn | sort conn",
    "requests where role = 'client' | summarize n=count() by remote_addr | join (requests where role = 'server' | summarize served=count(), callee=min(service) by remote_addr) on remote_addr | sort remote_addr",
    "dns | summarize min(name), max(name) by rcode | where rcode != 'NOERROR'",
];

#[test]
fn adding_up_is_running_over_all() {
    let start = i64::try_from(START).expect("fits");
    let context = Context { now: start + 9_000_000_000, start, end: start + 9_000_000_000, live: true };
    let mut small = Store::new(StoreOptions { memory: Some(2 << 20), retain: None });
    let mut whole = Store::new(StoreOptions::default());
    let queries: Vec<Query> = QUERIES.iter().map(|text| Query::parse(text).expect("is a query")).collect();
    let mut running: Vec<_> = queries.iter().map(|query| query.running().expect("adds up")).collect();
    let mut rows = Generator::new(21);
    let mut last = Vec::new();
    for _ in 0..30 {
        for _ in 0..500 {
            let record = rows.any();
            small.append(record.clone());
            whole.append(record);
        }
        let snapshot = small.snapshot();
        last = running.iter_mut().map(|running| running.push(&snapshot, &context).expect("runs")).collect();
    }
    assert!(small.evicted().rows > 1000, "{:?}", small.evicted());
    let snapshot = whole.snapshot();
    for ((text, query), found) in QUERIES.iter().zip(&queries).zip(&last) {
        let expected = query.run(&snapshot, &context).expect("runs");
        assert_eq!(found.height(), expected.height(), "{text}");
        for row in 0..expected.height() {
            let (found, expected): (Vec<Value>, Vec<Value>) = (found.row(row).collect(), expected.row(row).collect());
            let same = found.iter().zip(&expected).all(|(found, expected)| near(found, expected));
            assert!(same, "{text}\nrow {row}: {found:?}\nexpected {expected:?}");
        }
    }
}

/// Within 0.05 %, for quantiles; everything else is exact but for the order in which fractions were added.
fn near(found: &Value, expected: &Value) -> bool {
    let close = |a: f64, b: f64| (a - b).abs() <= b.abs() * 0.0005;
    match (found, expected) {
        (Value::Duration(a), Value::Duration(b)) => close(*a as f64, *b as f64),
        (Value::Bytes(a), Value::Bytes(b)) => close(*a as f64, *b as f64),
        (Value::F64(a), Value::F64(b)) => close(*a, *b),
        (found, expected) => found == expected,
    }
}

#[test]
fn what_depends_on_now_or_on_other_rows_does_not_add_up() {
    for text in [
        "http",
        "http since 5m | count",
        "http where time > now - 1m | count",
        "http | take 5 | count",
        "http | distinct path | count",
        "http | sort time | summarize last(path)",
        "inflight | count",
        "http | join (dns) on conn | count",
    ] {
        assert!(Query::parse(text).expect("is a query").running().is_none(), "{text}");
    }
    assert!(Query::parse("http since '10:00' | count").expect("is a query").running().is_none());
    assert!(Query::parse("http since '2026-11-22T10:00:00Z' | count").expect("is a query").running().is_some());
}
