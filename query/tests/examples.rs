//! Every example of the contract parses, passes the checks and runs.

use query::generate::{Generator, START};
use query::{Context, ProbeRow, Query, Snapshot, Store, StoreOptions};

/// Copied from the contract.
const EXAMPLES: &[&str] = &[
    "http where status>=500",
    "http where status >= 500 and latency > 200ms | select time, process, method, host, path, status, latency",
    "http | summarize n=count(), errors=count(if error), p50(latency), p99(latency) by service, route | sort p99 desc | take 20",
    "http | summarize rate() by bin(time, 1s), class(status)",
    "http | summarize share=count(if status >= 500)/count() by route | sort share desc",
    "http where req_headers['x-tenant'] = 'acme' and remote_addr not in 10.0.0.0/8 | count by route",
    "pgsql | summarize calls=count(), total=sum(latency), p99(latency) by shape | top 10 by total",
    "pgsql where sqlstate is not null | count by sqlstate",
    "grpc where status_name != 'OK' | summarize count(), p99(latency) by rpc_service, method",
    "dns where rcode != 'NOERROR' | count by name, rcode",
    "http | join (pgsql | summarize queries=count(), db=sum(latency) by parent) on id == parent | where queries > 10",
    "requests where error since 5m",
    "inflight where age > 5s",
    "tls where not decrypted | count by process, reason",
    "tls where cert_not_after < now + 30d | distinct sni, cert_not_after",
    "conns where state = 'open' | sort bytes_sent + bytes_received desc | take 10",
    "loss | sort events desc",
];

fn snapshot() -> Snapshot {
    let mut store = Store::new(StoreOptions::default());
    let mut rows = Generator::new(7);
    for _ in 0..2000 {
        store.append(rows.any());
    }
    store.set_probes(vec![ProbeRow { program: "recv".to_owned(), ..ProbeRow::default() }]);
    store.snapshot()
}

fn context() -> Context {
    let start = i64::try_from(START).expect("fits");
    Context { now: start + 3_000_000_000, start, end: start + 3_000_000_000, live: false }
}

#[test]
fn every_example_runs() {
    let snapshot = snapshot();
    for example in EXAMPLES {
        let query = Query::parse(example).unwrap_or_else(|error| panic!("{}", error.render(example, 100, false)));
        let table = query.run(&snapshot, &context()).unwrap_or_else(|error| panic!("{example}: {error}"));
        assert_eq!(table.columns(), query.columns(), "{example}");
        let empty = example.starts_with("inflight") || example.starts_with("loss") || example.contains("queries > 10");
        assert_eq!(table.height() == 0, empty, "{example}: {} rows", table.height());
    }
}

#[test]
fn every_table_runs_as_it_is() {
    let snapshot = snapshot();
    for table in query::schema::tables() {
        let query = Query::parse(table.name).expect("is a query");
        let rows = query.run(&snapshot, &context()).expect("runs");
        assert_eq!(rows.columns().len(), table.columns.len(), "{}", table.name);
    }
}

#[test]
fn streaming_gives_what_a_final_run_gives() {
    for example in EXAMPLES.iter().filter(|text| Query::parse(text).is_ok_and(|query| query.is_streaming())) {
        let query = Query::parse(example).expect("is a query");
        let mut streaming = query.streaming().expect("streams");
        let mut store = Store::new(StoreOptions::default());
        let mut rows = Generator::new(7);
        let mut found = Vec::new();
        for _ in 0..20 {
            for _ in 0..100 {
                store.append(rows.any());
            }
            let table = streaming.push(&store.snapshot(), &context()).expect("runs");
            found.extend((0..table.height()).map(|row| table.row(row).collect::<Vec<_>>()));
        }
        let all = query.run(&store.snapshot(), &context()).expect("runs");
        let expected: Vec<_> = (0..all.height()).map(|row| all.row(row).collect::<Vec<_>>()).collect();
        assert_eq!(found, expected, "{example}");
        assert!(!found.is_empty(), "{example}");
    }
}
