//! Rows a second: appended, filtered, grouped, and told apart from those given before.
//!
//! `cargo bench -p query`; `ROWS=10000000` for the size that the contract speaks of.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use protocols::record::Record;
use query::generate::{Generator, START};
use query::{Context, Query, Snapshot, Store, StoreOptions};

const QUERIES: [(&str, &str); 8] = [
    ("filter", "http where status >= 500 and latency > 200ms"),
    ("count by", "http | count by route"),
    ("quantiles", "http | summarize n=count(), p50(latency), p99(latency) by service, route | sort p99 desc"),
    ("bins", "http | summarize rate() by bin(time, 1s), class(status)"),
    ("header", "http where req_headers['x-tenant'] = 'acme' | count by route"),
    ("regex", "http where path ~ '^/users/\\d+$' | count"),
    ("top", "http | top 10 by latency"),
    ("join", "http | join (pgsql | summarize queries=count() by parent) on id == parent | count"),
];

fn size() -> usize {
    std::env::var("ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(200_000)
}

fn filled(rows: usize) -> (Store, Snapshot) {
    let mut store = Store::new(StoreOptions::default());
    let mut generator = Generator::new(1);
    (0..rows).for_each(|_| store.append(generator.any()));
    let snapshot = store.snapshot();
    (store, snapshot)
}

fn context() -> Context {
    let start = i64::try_from(START).unwrap_or(0);
    Context { now: start, start, end: start + 60_000_000_000, live: false }
}

fn append(c: &mut Criterion) {
    let mut generator = Generator::new(1);
    let records: Vec<Record> = (0..10_000).map(|_| generator.http()).collect();
    let mut group = c.benchmark_group("append");
    group.throughput(Throughput::Elements(records.len() as u64));
    group.bench_function("http", |b| {
        let fresh = || (Store::new(StoreOptions::default()), records.clone());
        let fill = |(mut store, records): (Store, Vec<Record>)| {
            records.into_iter().for_each(|record| store.append(record));
            black_box(store.snapshot());
        };
        b.iter_batched(fresh, fill, BatchSize::LargeInput);
    });
    group.finish();
}

#[expect(clippy::print_stderr, reason = "criterion has no place for a figure of memory")]
fn queries(c: &mut Criterion) {
    let rows = size();
    let (store, snapshot) = filled(rows);
    let mut group = c.benchmark_group("query");
    group.throughput(Throughput::Elements(rows as u64)).sample_size(10).measurement_time(Duration::from_secs(3));
    for (name, text) in QUERIES {
        let query = Query::parse(text).unwrap_or_else(|error| panic!("{}", error.render(text, 100, false)));
        group.bench_function(name, |b| b.iter(|| black_box(query.run(&snapshot, &context()))));
    }
    group.finish();
    let bytes = store.bytes() as f64 / rows as f64;
    eprintln!("{bytes:.0} bytes a row in memory");
}

/// A tick of a live filter: 2,000 new rows after many.
fn live(c: &mut Criterion) {
    let (mut store, _) = filled(size());
    let query = Query::parse("http where status >= 500").unwrap_or_else(|error| panic!("{error}"));
    let Some(mut streaming) = query.streaming() else { return };
    let _ = streaming.push(&store.snapshot(), &context());
    let mut generator = Generator::new(2);
    let mut group = c.benchmark_group("live");
    group.throughput(Throughput::Elements(2_000)).sample_size(20);
    group.bench_function("2,000 rows and a filter", |b| {
        b.iter(|| {
            (0..2_000).for_each(|_| store.append(generator.any()));
            black_box(streaming.push(&store.snapshot(), &context()))
        });
    });
    group.finish();
}

fn parse(c: &mut Criterion) {
    c.bench_function("check a query", |b| b.iter(|| Query::parse(black_box(QUERIES[2].1))));
}

criterion_group!(benches, append, queries, live, parse);
criterion_main!(benches);
