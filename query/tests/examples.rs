//! Every example of the contract parses, passes the checks and runs.

use query::generate::{Generator, START};
use query::{Context, ProbeRow, Query, Snapshot, Store, StoreOptions};

/// Copied from the contract, one a line.
const EXAMPLES: &str = include_str!("examples.txt");

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
    for example in EXAMPLES.lines() {
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
    for example in EXAMPLES.lines().filter(|text| Query::parse(text).is_ok_and(|query| query.is_streaming())) {
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

/// A handshake that says no name is known by the certificate's, else by where the server is.
#[test]
fn a_handshake_without_a_name_has_a_summary() {
    use protocols::event::Address;
    use protocols::record::{Common, Ends, Record, Role, Tls};
    let ends = |local: [u8; 4], remote: [u8; 4], name: Option<&str>| Ends {
        local_addr: Some(Address::Ip(local.into())),
        remote_addr: Some(Address::Ip(remote.into())),
        remote_name: name.map(Into::into),
        ..Ends::default()
    };
    let (here, there) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    let rows = [
        (Some(Role::Client), ends(here, there, None), Some("a.test"), Some("CN=b"), "a.test"),
        (Some(Role::Client), ends(here, there, None), None, Some("CN=b"), "CN=b"),
        (Some(Role::Client), ends(here, there, Some("c.test")), None, None, "c.test"),
        (Some(Role::Client), ends(here, there, None), None, None, "10.0.0.2"),
        (None, ends(here, there, None), None, None, "10.0.0.1"),
    ];
    let mut store = Store::new(StoreOptions::default());
    for ((role, ends, sni, subject, _), id) in rows.clone().into_iter().zip(1..) {
        let common = Common { id, role, ends, ..Common::default() };
        let (sni, cert_subject) = (sni.map(str::to_owned), subject.map(str::to_owned));
        store.append(Record::Tls(Box::new(Tls { common, sni, cert_subject, ..Tls::default() })));
    }
    let query = Query::parse("requests | select summary, id | sort id").expect("is a query");
    let table = query.run(&store.snapshot(), &context()).expect("runs");
    for (row, (.., expected)) in rows.iter().enumerate() {
        assert_eq!(table.value(row, 0), query::Value::String((*expected).to_owned()));
    }
}
