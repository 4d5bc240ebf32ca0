//! Snapshots that stay where they are give the same rows as those that are loaded, whoever wrote them.

use std::fs::File;
use std::path::{Path, PathBuf};

use polars::prelude::*;
use query::generate::{Generator, START};
use query::snapshot::{self, Manifest, Source};
use query::{Context, Query, Snapshot, Store, StoreOptions};

/// Every kind of plan: with and without an order of its own, with hidden columns on the way, over views and joins.
const QUERIES: &[&str] = &[
    "http",
    "http where status >= 500 and latency > 2ms | select time, process, path, status, latency",
    "http where status = 5xx | select id, half = latency / 2 | where half > 1ms | take 20",
    "http | summarize n=count(), errors=count(if error), p50(latency), p99(latency) by service, route | sort p99 desc, n",
    "http | summarize rate() by bin(time, 1s), class(status)",
    "http | summarize count()",
    "http | summarize count() by one = 1",
    "http | summarize sum(latency), avg(latency), min(path), max(path), dcount(trace_id), first(path), last(path) by method",
    "http | summarize first(status), last(status) by path = method",
    "http | count by req_headers['x-tenant']",
    "http | sort status | select id, status",
    "http | select id, status | sort status desc | take 30",
    "http | extend slow = latency > 5ms | sort slow, method | select id, slow, method",
    "http | top 10 by latency",
    "http | take 7",
    "http | distinct method, status",
    "http | select 1",
    "http since '10:00:01' | count by path",
    "http where req_headers['x-tenant'] = 'acme' and remote_addr not in 10.0.0.0/8 | count by route",
    "pgsql | summarize calls=count(), total=sum(latency) by shape | top 10 by total",
    "http | join (pgsql | summarize queries=count(), db=sum(latency) by parent) on id == parent | where queries > 0",
    "http | join left (dns | select conn, name) on conn | select id, name | take 50",
    "requests where error",
    "requests | summarize count(), p99(latency) by protocol, outcome",
    "requests | count by protocol",
    "requests | count by status",
    "requests | count by outcome",
    "requests | count",
    "requests where protocol = 'tls' | select summary, id | sort id",
    "requests where protocol = 'dns' | select summary, outcome, conn | take 9",
    "conns | sort bytes_sent desc | take 5",
    "conns",
    "tls where not decrypted | count by process, reason",
    "inflight | count",
    "probes",
    "loss",
    "grpc where status = 99",
    "grpc where status = 99 | count by method",
    "grpc where status = 99 | summarize count(), p99(latency), dcount(path) by method",
    "http | summarize p50(ttfb if error), p90(resp_bytes), avg(latency), dcount(trace_id), first(status), rate(), error_rate() by path",
    "http where status >= 500 and latency > 2ms and path ~ '^/c' | summarize count(), sum(resp_bytes) by path",
    "http where latency > 399ms or path is null | select id, path",
    "http where 500 <= status and id < 900 | count",
    "http where status = 999 | select id, path",
    "http where status > -1 and latency < 2ms | count",
    "http where status <= 404 and 200 < status and status >= 0 | count by status",
    "http where status > 70000 or id < 5 | select id",
    "http where time > '2026-11-22T10:00:01Z' and ttfb != 5ms and conn = 7 | select id, time, conn",
    "http where latency > -1ms and resp_bytes >= 1KB | summarize count(), min(latency)",
    "http where id > 100000 | summarize count(), sum(latency), dcount(path)",
    "http since '10:00:01' until '10:00:02' | summarize count(), min(time), max(latency) by method",
    "http | summarize n=count(status), dcount(status), dcount(tls), dcount(remote_addr), min(ttfb), max(ttfb), p50(status) by role, error, route",
    "http | summarize sum(latency if path ~ 'c'), avg(ttfb if error), p50(latency if error), count(if status >= 500) by len(path)",
    "http | summarize sum(latency / 2), p90(resp_bytes / latency), avg(resp_bytes) by bin(latency, 5ms), bin(time, 100ms), tls",
    "http | summarize count() by coalesce(query, path, '-'), upper(method), error is null",
    "http | summarize dcount(id), count() by conn",
    "http | summarize count() by id | take 5",
    "http | summarize dcount(trace_id), count() by trace_id | sort trace_id | take 3",
    "http where error | top 7 by latency | select id, latency, path",
    "http | top 5 by latency asc | select id, latency",
    "http | top 7 by status | select id, path",
    "http | top 9 by conn asc | select id, conn",
    "http | top 3 by time | select id, path",
    "http where status = 999 | top 3 by latency",
    "http | top 3 by latency + ttfb | select id",
    "http | sort latency desc, path | take 9 | select id, path",
    "http | top 2500 by ttfb | select id, ttfb",
    "http | summarize p50(status), stddev(latency), p99(latency if status = 999) by path",
];

fn store(seed: u64, rows: usize) -> Store {
    let mut store = Store::new(StoreOptions::default());
    let mut generator = Generator::new(seed);
    (0..rows).for_each(|_| store.append(generator.any()));
    store.set_probes(vec![query::ProbeRow { program: "recv".to_owned(), ..query::ProbeRow::default() }]);
    store
}

fn write(folder: &Path, name: &str, seed: u64, rows: usize) -> PathBuf {
    let path = folder.join(name);
    snapshot::write(&path, &store(seed, rows).snapshot(), &Manifest::default(), false).expect("writes");
    path
}

fn opened(sources: Vec<Source>) -> Snapshot {
    let mut store = Store::new(StoreOptions::default());
    for source in sources {
        snapshot::open(source, &mut store).expect("is a snapshot");
    }
    store.snapshot()
}

fn loaded(paths: &[&Path]) -> Snapshot {
    let mut store = Store::new(StoreOptions::default());
    for path in paths {
        snapshot::read(std::fs::read(path).expect("reads"), &mut store).expect("is a snapshot");
    }
    store.snapshot()
}

fn context() -> Context {
    let start = i64::try_from(START).expect("fits");
    Context { now: start + 3_000_000_000, start, end: start + 3_000_000_000, live: false }
}

fn run(query: &Query, snapshot: &Snapshot) -> Vec<String> {
    let table = query.run(snapshot, &context()).unwrap_or_else(|error| panic!("{}: {error}", query.text()));
    (0..table.height()).map(|row| format!("{:?}", table.row(row).collect::<Vec<_>>())).collect()
}

/// The rows of a streaming query, which come some at a time.
fn stream(query: &Query, snapshot: &Snapshot) -> Option<Vec<String>> {
    let mut streaming = query.streaming()?;
    let mut rows = Vec::new();
    while streaming.has_more(snapshot) {
        let table = streaming.push(snapshot, &context()).expect("runs");
        rows.extend((0..table.height()).map(|row| format!("{:?}", table.row(row).collect::<Vec<_>>())));
    }
    Some(rows)
}

#[track_caller]
fn same(found: &Snapshot, expected: &Snapshot, what: &str) {
    for text in QUERIES {
        let query = Query::parse(text).unwrap_or_else(|error| panic!("{}", error.render(text, 100, false)));
        let (one, other) = (run(&query, found), run(&query, expected));
        let different = one.iter().zip(&other).position(|(one, other)| one != other);
        assert!(
            one == other,
            "{what}: {text}\n{} rows, expected {}; row {different:?}:\n{:?}\n{:?}",
            one.len(),
            other.len(),
            different.map(|at| &one[at]),
            different.map(|at| &other[at])
        );
        if let Some(streamed) = stream(&query, found) {
            assert!(streamed == other, "{what}, streamed: {text}: {} rows, expected {}", streamed.len(), other.len());
        }
    }
}

#[test]
fn one_file() {
    let folder = tempfile::tempdir().expect("makes a folder");
    let path = write(folder.path(), "a.parquet", 3, 3000);
    let expected = loaded(&[&path]);
    same(&opened(vec![Source::Path(path.clone())]), &expected, "a file");
    same(&opened(vec![Source::Bytes(std::fs::read(&path).expect("reads"))]), &expected, "a pipe");
}

#[test]
fn several_files_are_merged_by_time_and_their_numbers_never_clash() {
    let folder = tempfile::tempdir().expect("makes a folder");
    let (a, b) = (write(folder.path(), "a.parquet", 3, 2000), write(folder.path(), "b.parquet", 4, 1500));
    let both = opened(vec![Source::Path(a.clone()), Source::Path(b.clone())]);
    same(&both, &loaded(&[&a, &b]), "two files");
    let completed = Query::parse("requests | select time + coalesce(latency, 0ns)").expect("is a query");
    assert!(stream(&completed, &both).expect("streams").is_sorted());
    let ids = Query::parse("requests | summarize count() by id | where count > 1").expect("is a query");
    assert_eq!(run(&ids, &both), Vec::<String>::new());
    let of_another = "requests | join (requests | select id, other = remote_port) on parent == id | count";
    let alone = |path: &Path| run(&Query::parse(of_another).expect("is a query"), &loaded(&[path]));
    let count = |rows: Vec<String>| -> u64 {
        let number = rows[0].trim_start_matches("[U64(").trim_end_matches(")]");
        number.parse().expect("a number")
    };
    let together = count(run(&Query::parse(of_another).expect("is a query"), &both));
    assert_eq!(together, count(alone(&a)) + count(alone(&b)), "no row finds the parent of another file");
}

/// Another program may write the rows in any order, without statistics, in groups of many tables, with other types.
#[test]
fn files_that_others_have_written() {
    let folder = tempfile::tempdir().expect("makes a folder");
    let path = write(folder.path(), "a.parquet", 3, 3000);
    let whole = ParquetReader::new(File::open(&path).expect("is there")).finish().expect("reads");
    let by_id = whole.sort(["id", "table"], SortMultipleOptions::default()).expect("sorts");
    let mut cast = by_id.lazy().with_columns([col("status").cast(DataType::Int64)]).collect().expect("casts");
    let other = folder.path().join("other.parquet");
    ParquetWriter::new(File::create(&other).expect("makes a file"))
        .with_statistics(StatisticsOptions::empty())
        .with_row_group_size(Some(700))
        .finish(&mut cast)
        .expect("writes");
    same(&opened(vec![Source::Path(other)]), &loaded(&[&path]), "another program's file");
}

/// Groups of rows are read by several threads, and passed over where the file says that they hold nothing of interest.
#[test]
fn many_groups_of_rows() {
    let folder = tempfile::tempdir().expect("makes a folder");
    let path = write(folder.path(), "a.parquet", 3, 3000);
    let whole = ParquetReader::new(File::open(&path).expect("is there")).finish().expect("reads");
    for (name, pages, compression) in [
        ("small.parquet", None, ParquetCompression::Snappy),
        ("pages.parquet", Some(300), ParquetCompression::Uncompressed),
    ] {
        let path = folder.path().join(name);
        let mut http = whole.clone().lazy().filter(col("table").eq(lit("http"))).collect().expect("filters");
        ParquetWriter::new(File::create(&path).expect("makes a file"))
            .with_row_group_size(Some(150))
            .with_data_page_size(pages)
            .with_compression(compression)
            .finish(&mut http)
            .expect("writes");
        same(&opened(vec![Source::Path(path.clone())]), &loaded(&[&path]), name);
    }
}

#[test]
fn a_snapshot_of_snapshots_has_their_rows() {
    let folder = tempfile::tempdir().expect("makes a folder");
    let (a, b) = (write(folder.path(), "a.parquet", 3, 2000), write(folder.path(), "b.parquet", 4, 1500));
    let both = opened(vec![Source::Path(a), Source::Path(b)]);
    let all = folder.path().join("all.parquet");
    snapshot::write(&all, &both, &Manifest::default(), false).expect("writes");
    same(&opened(vec![Source::Path(all)]), &both, "all");
}

#[test]
fn a_damaged_file_is_an_error() {
    let folder = tempfile::tempdir().expect("makes a folder");
    let path = write(folder.path(), "a.parquet", 3, 200);
    let bytes = std::fs::read(&path).expect("reads");
    for length in [4, 100, bytes.len() / 2, bytes.len() - 1] {
        let mut store = Store::new(StoreOptions::default());
        assert!(snapshot::open(Source::Bytes(bytes[..length].to_vec()), &mut store).is_err(), "{length}");
    }
    let missing = Source::Path(folder.path().join("no.parquet"));
    assert!(snapshot::open(missing, &mut Store::new(StoreOptions::default())).is_err());
}
