use protocols::record::{Http, Record};

use super::{Store, StoreOptions};
use crate::generate::{Generator, START};
use crate::{Context, Query, Snapshot, Value};

const CONTEXT: Context = Context { now: START as i64, start: START as i64, end: START as i64, live: false };

fn rows(snapshot: &Snapshot, query: &str) -> Vec<Vec<Value>> {
    let table = Query::parse(query).expect("is a query").run(snapshot, &CONTEXT).expect("runs");
    (0..table.height()).map(|row| table.row(row).collect()).collect()
}

fn number(snapshot: &Snapshot, query: &str) -> u64 {
    match rows(snapshot, query)[0][0] {
        Value::U64(number) => number,
        ref other => panic!("{query}: {other:?}"),
    }
}

fn record(time: u64, body: usize) -> Record {
    let mut http = Http { path: Some("/".to_owned()), resp_body: Some(vec![b'x'; body]), ..Http::default() };
    http.common.time.0 = time;
    http.common.id = time;
    http.req_headers = Some(vec![protocols::record::Header {
        name: Some("x-long-header-name".into()),
        value: Some("a value of some length".into()),
    }]);
    Record::Http(Box::new(http))
}

/// However rows are cut into chunks, the table is the same.
#[test]
fn chunks_do_not_show() {
    let mut generator = Generator::new(5);
    let records: Vec<Record> = (0..1500).map(|_| generator.any()).collect();
    let mut whole = Store::new(StoreOptions::default());
    records.iter().cloned().for_each(|record| whole.append(record));
    let whole = whole.snapshot();
    for every in [1, 7, 100] {
        let mut parts = Store::new(StoreOptions::default());
        for (number, record) in records.iter().cloned().enumerate() {
            parts.append(record);
            if number % every == 0 {
                let _ = parts.snapshot();
            }
        }
        let parts = parts.snapshot();
        for table in ["http", "pgsql", "dns", "conns", "requests"] {
            assert_eq!(rows(&whole, table), rows(&parts, table), "{table}, cut every {every}");
        }
        assert!(parts.chunks("http").expect("has chunks").len() < 20, "small chunks are merged");
    }
}

#[test]
fn a_snapshot_does_not_change() {
    let mut store = Store::new(StoreOptions::default());
    let mut generator = Generator::new(5);
    (0..10).for_each(|_| store.append(generator.http()));
    let before = store.snapshot();
    (0..10).for_each(|_| store.append(generator.http()));
    assert_eq!((before.rows("http"), store.snapshot().rows("http")), (10, 20));
    assert_eq!(number(&before, "http | summarize count()"), 10);
}

#[test]
fn what_was_stored_is_read() {
    let mut store = Store::new(StoreOptions::default());
    store.append(record(START, 3));
    let mut empty = Http::default();
    empty.common.time.0 = START + 1;
    store.append(Record::Http(Box::new(empty)));
    let found = rows(&store.snapshot(), "http | select time, path, status, error, tls, req_headers, resp_body");
    let header = (Some("x-long-header-name".to_owned()), Some("a value of some length".to_owned()));
    let time = |ns: u64| Value::Time(i64::try_from(ns).expect("fits"));
    assert_eq!(
        found,
        [
            vec![
                time(START),
                Value::String("/".to_owned()),
                Value::Null,
                Value::Null,
                Value::Bool(false),
                Value::Headers(vec![header]),
                Value::Blob(b"xxx".to_vec()),
            ],
            vec![time(START + 1), Value::Null, Value::Null, Value::Null, Value::Bool(false), Value::Null, Value::Null],
        ]
    );
}

#[test]
fn bodies_go_before_headers_before_rows() {
    let budget = 16 << 20;
    let mut store = Store::new(StoreOptions { memory: Some(budget), retain: None });
    let count = 60_000;
    for number in 0..count {
        store.append(record(START + number, 1000));
        assert!(store.bytes() <= budget + (1 << 20), "{} bytes", store.bytes());
    }
    let snapshot = store.snapshot();
    let evicted = store.evicted();
    assert!(evicted.bodies > 0, "{evicted:?}");
    assert_eq!(evicted.rows + snapshot.rows("http"), count, "every row is kept or counted");
    let without_body = number(&snapshot, "http where resp_body is null | count");
    assert_eq!(without_body + evicted.rows, evicted.bodies.max(evicted.rows), "{evicted:?}");
    let newest = rows(&snapshot, "http | sort id desc | take 1 | select len(resp_body), len(req_headers)");
    assert_eq!(newest, [vec![Value::U64(1000), Value::U64(1)]], "the newest rows are whole");
    let ids = rows(&snapshot, "http | sort id | select id");
    assert_eq!(ids.last().expect("has rows"), &vec![Value::U64(START + count - 1)]);
}

#[test]
fn old_rows_go_and_are_counted() {
    let mut store = Store::new(StoreOptions { memory: Some(4 << 20), retain: None });
    let mut generator = Generator::new(5);
    for _ in 0..100_000 {
        store.append(generator.dns());
    }
    let snapshot = store.snapshot();
    assert!(store.evicted().rows > 10_000);
    assert_eq!(store.evicted().rows + snapshot.rows("dns"), 100_000);
    assert_eq!(snapshot.evicted(), store.evicted().rows);
}

#[test]
fn rows_are_kept_for_a_time() {
    let second = 1_000_000_000;
    let mut store = Store::new(StoreOptions { memory: None, retain: Some(10 * second) });
    for number in 0..100 {
        store.append(record(START + number * second, 1));
        let _ = store.snapshot();
    }
    let snapshot = store.snapshot();
    let oldest = rows(&snapshot, "http | summarize min(id)")[0][0].clone();
    assert_eq!(oldest, Value::U64(START + 89 * second));
    assert_eq!(store.evicted().rows, 89);
}
