//! The first rows of an order, kept while rows come, are those that the whole store gives; open connections are part of a
//! result until they close, and of none that rows are added to.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use query::export::{Format, TextOptions, writer};
use query::generate::{Generator, START};
use query::{Context, Query, Store, StoreOptions, Table};

fn context() -> Context {
    let start = i64::try_from(START).unwrap();
    Context { now: start, start, end: start + 60_000_000_000, live: false }
}

fn text(query: &Query, table: &Table) -> String {
    let options = TextOptions { width: None, human: false, ascii: false };
    let mut writer = writer(Format::Json, query.columns(), options);
    let mut bytes = Vec::new();
    writer.write(&mut bytes, table).and_then(|()| writer.finish(&mut bytes)).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn what_is_kept_is_what_all_rows_give() {
    for source in [
        "requests where role = 'server' | sort time desc | take 20",
        "http | sort latency desc, id | take 7 | where status >= 400 | select id, latency",
        "requests | extend slow = latency > 1ms | sort slow, time | take 50",
        "pgsql | sort rows | take 0",
    ] {
        let query = Query::parse(source).unwrap();
        let mut first = query.first().unwrap();
        let mut store = Store::new(StoreOptions::default());
        let mut generator = Generator::new(7);
        for count in [0, 3, 40, 1, 0, 200, 33] {
            (0..count).for_each(|_| store.append(generator.any()));
            let snapshot = store.snapshot();
            let (kept, whole) = (first.push(&snapshot, &context()).unwrap(), query.run(&snapshot, &context()).unwrap());
            assert_eq!(text(&query, &kept), text(&query, &whole), "{source}");
        }
    }
}

#[test]
fn only_rows_that_stay_as_they_are_can_be_kept() {
    for source in [
        "http",
        "http | take 5",
        "http | sort time",
        "http | count by route | sort count | take 5",
        "inflight | sort age desc | take 5",
        "http where time > now - 5s | sort time | take 5",
    ] {
        assert!(Query::parse(source).unwrap().first().is_none(), "{source}");
    }
}

#[test]
fn open_connections_are_rows_until_they_close() {
    let mut store = Store::new(StoreOptions::default());
    let query = Query::parse("conns | count").unwrap();
    let count = |store: &mut Store| text(&query, &query.run(&store.snapshot(), &context()).unwrap());
    let mut running = query.running().unwrap();
    let mut generator = Generator::new(1);
    let mut conn = || match generator.conn() {
        protocols::record::Record::Conn(row) => *row,
        _ => unreachable!(),
    };
    store.append(protocols::record::Record::Conn(Box::new(conn())));
    store.set_open(vec![conn(), conn()]);
    assert_eq!(count(&mut store), "{\"count\":3}\n");
    assert_eq!(store.snapshot().rows("conns"), 3);
    assert_eq!(text(&query, &running.push(&store.snapshot(), &context()).unwrap()), "{\"count\":1}\n");
    store.set_open(Vec::new());
    assert_eq!(count(&mut store), "{\"count\":1}\n");
}
