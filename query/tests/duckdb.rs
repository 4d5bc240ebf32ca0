//! The same questions to explore and to DuckDB, over the same snapshot.
//!
//! `cargo test -p query --test duckdb -- --include-ignored`. These are made-up exchanges, in memory and in a file; `million`
//! asks about a million rows with the ends of every type.

#[path = "duckdb/ask.rs"]
mod ask;
#[path = "duckdb/million.rs"]
mod million;

use ask::{difference, duckdb};
use query::generate::{Generator, START};
use query::{Context, Query, Store, StoreOptions, Value, snapshot};

/// A query, and what it is in SQL.
const SAME: &[(&str, &str)] = &[
    // Counting and where
    ("http | count", "select count(*) from http"),
    ("http where status >= 500 | count", "select count(*) from http where status >= 500"),
    ("http where status >= 70000 | count", "select count(*) from http where status >= 70000"),
    ("http where status > -1 | count", "select count(*) from http where status > -1"),
    ("http where status != 200 | count", "select count(*) from http where status != 200"),
    ("http where not (status = 200) | count", "select count(*) from http where not (status = 200)"),
    ("http where status is null | count", "select count(*) from http where status is null"),
    ("http where status = 5xx | count", "select count(*) from http where status between 500 and 599"),
    ("http where status in (4xx, 200) | count", "select count(*) from http where status in (404, 200)"),
    ("http where status not in (404, 200) | count", "select count(*) from http where status not in (404, 200)"),
    ("http where status not in (404, null) | count", "select count(*) from http where status not in (404, null)"),
    ("http where status in (404, null) | count", "select count(*) from http where status in (404, null)"),
    ("http where status = null | count", "select count(*) from http where status = null"),
    (
        "http where latency > 1ms and (error or parent is null) | count",
        "select count(*) from http where latency > 1000000 and (error or parent is null)",
    ),
    ("http where error or latency > 5ms | count", "select count(*) from http where error or latency > 5000000"),
    ("http where not error | count", "select count(*) from http where not error"),
    (
        "http where latency between 1ms and 5ms | count",
        "select count(*) from http where latency between 1000000 and 5000000",
    ),
    (
        "http where latency not between 1ms and 5ms | count",
        "select count(*) from http where latency not between 1000000 and 5000000",
    ),
    ("http where resp_bytes > 0.5MB | count", "select count(*) from http where resp_bytes > 500000"),
    ("http where resp_bytes > 1000 | count", "select count(*) from http where resp_bytes > 1000"),
    ("http where latency > ttfb | count", "select count(*) from http where latency > ttfb"),
    ("http where id > parent + 3 | count", "select count(*) from http where id > parent + 3"),
    (
        "http where time >= '2026-11-22T10:00:01Z' | count",
        "select count(*) from http where epoch_ns(time) >= 1795341601000000000",
    ),
    // Text
    (
        "http where path ~ '^/users/\\d+$' | count",
        "select count(*) from http where regexp_matches(path, '^/users/\\d+$')",
    ),
    ("http where path !~ 'cart' | count", "select count(*) from http where not regexp_matches(path, 'cart')"),
    ("http where path like '/%a%' | count", "select count(*) from http where path like '/%a%'"),
    ("http where path like '/car_' | count", "select count(*) from http where path like '/car_'"),
    ("http where path not like '%s%' | count", "select count(*) from http where path not like '%s%'"),
    ("http where path contains 'us' | count", "select count(*) from http where contains(path, 'us')"),
    ("http where path startswith '/c' | count", "select count(*) from http where starts_with(path, '/c')"),
    ("http where path endswith '1' | count", "select count(*) from http where ends_with(path, '1')"),
    ("http where upper(method) = 'GET' | count", "select count(*) from http where upper(method) = 'GET'"),
    ("http where len(path) > 5 | count", "select count(*) from http where length(path) > 5"),
    (
        "http | summarize count() by s=substr(path, 2, 3)",
        "select substr(path, 2, 3) s, count(*) from http group by 1 order by 1 nulls last",
    ),
    (
        "http | summarize count() by s=substr(path, -2)",
        "select substr(path, -2) s, count(*) from http group by 1 order by 1 nulls last",
    ),
    (
        "http | summarize count() by r=replace(path, 'a', '__')",
        "select replace(path, 'a', '__') r, count(*) from http group by 1 order by 1 nulls last",
    ),
    ("http | summarize sum(len(split(path, '/')))", "select sum(len(string_split(path, '/'))) from http"),
    (
        "http | summarize count() by c=coalesce(query, path, '-')",
        "select coalesce(query, path, '-') c, count(*) from http group by 1 order by 1",
    ),
    (
        "http | summarize count() by c=iff(error, 'bad', 'good')",
        "select case when error then 'bad' else 'good' end c, count(*) from http group by 1 order by 1",
    ),
    // Lists, headers, addresses, bodies
    (
        "dns where answers contains '192.0.2.2' | count",
        "select count(*) from dns where list_contains(answers, '192.0.2.2')",
    ),
    ("pgsql | summarize sum(len(params))", "select sum(len(params)) from pgsql"),
    (
        "http | count by req_headers['X-Tenant']",
        "select list_filter(req_headers, lambda h: h.name = 'x-tenant')[1].value v, count(*) from http group by 1 order by 2 desc, 1 nulls last",
    ),
    ("http where remote_addr in 10.0.0.0/8 | count", "select count(*) from http where remote_addr like '10.%'"),
    ("http where remote_addr not in 10.0.0.0/8 | count", "select count(*) from http where remote_addr not like '10.%'"),
    ("http where ip_in(remote_addr, fd00::/8) | count", "select count(*) from http where remote_addr like 'fd%'"),
    (
        "http where remote_addr = '/run/shop.sock' | count",
        "select count(*) from http where remote_addr = '/run/shop.sock'",
    ),
    (
        "http | summarize count() by o=json(resp_body, '$.order.id')",
        "select json_extract_string(decode(resp_body), '$.order.id') o, count(*) from http group by 1 order by 1 nulls last",
    ),
    (
        "http where resp_body contains 'order' | count",
        "select count(*) from http where contains(decode(resp_body), 'order')",
    ),
    ("http | summarize sum(len(resp_body))", "select sum(octet_length(resp_body)) from http"),
    // Aggregates
    (
        "http | summarize count(), count(status), sum(latency), min(latency), max(latency) by method",
        "select method, count(*), count(status), sum(latency), min(latency), max(latency) from http group by 1 order by 1 nulls last",
    ),
    (
        "http | summarize avg(latency), stddev(latency) by route",
        "select route, round(avg(latency))::bigint, round(stddev(latency))::bigint from http group by 1 order by 1 nulls last",
    ),
    (
        "http | summarize avg(status), stddev(status) by route",
        "select route, avg(status), stddev(status) from http group by 1 order by 1 nulls last",
    ),
    (
        "http | summarize p50(latency), p90(latency), p95(latency), p99(latency) by route",
        "select route, quantile_disc(latency, 0.5), quantile_disc(latency, 0.9), quantile_disc(latency, 0.95), quantile_disc(latency, 0.99) from http group by 1 order by 1 nulls last",
    ),
    (
        "http | summarize quantile(latency, 0), quantile(latency, 1), quantile(latency, 0.123)",
        "select quantile_disc(latency, 0), quantile_disc(latency, 1), quantile_disc(latency, 0.123) from http",
    ),
    (
        "http | summarize p50(status), p99(resp_bytes) by status",
        "select status, quantile_disc(status, 0.5), quantile_disc(resp_bytes, 0.99) from http group by 1 order by 1 nulls last",
    ),
    (
        "http | summarize dcount(path), dcount(trace_id), dcount(parent) by method",
        "select method, count(distinct path), count(distinct trace_id), count(distinct parent) from http group by 1 order by 1 nulls last",
    ),
    (
        "http | summarize first(status), last(path) by method",
        "select method, arg_min(status, time), arg_max(path, time) from http group by 1 order by 1 nulls last",
    ),
    (
        "http | summarize count(if error), sum(latency if status = 404), p99(latency if error), avg(status if error) by route",
        "select route, count(*) filter (error), sum(latency) filter (status = 404), quantile_disc(latency, 0.99) filter (error), avg(status) filter (error) from http group by 1 order by 1 nulls last",
    ),
    (
        "http | summarize error_rate() by route",
        "select route, count(*) filter (error) / count(error) from http group by 1 order by 1 nulls last",
    ),
    (
        "http | summarize share=count(if status >= 500)/count() by route | sort share desc, route",
        "select route, count(*) filter (status >= 500) / count(*) share from http group by 1 order by 2 desc, 1 nulls last",
    ),
    (
        "http where status = 999 | summarize count(), sum(latency), avg(latency), max(latency), p99(latency), dcount(path)",
        "select count(*), sum(latency), avg(latency), max(latency), quantile_disc(latency, 0.99), count(distinct path) from http where status = 999",
    ),
    (
        "http where status = 999 | summarize count() by path",
        "select path, count(*) from http where status = 999 group by 1",
    ),
    ("http | summarize sum(local_port), sum(pid)", "select sum(local_port), sum(pid) from http"),
    ("http | summarize min(path), max(path)", "select min(path), max(path) from http"),
    (
        "http | summarize rate() by b=bin(time, 500ms) | select n=rate | sort n desc | take 5",
        "select count(*) / 0.5 from http group by epoch_ns(time) // 500000000 order by 1 desc limit 5",
    ),
    (
        "http | summarize n=count() by b=bin(latency, 5ms)",
        "select latency // 5000000 * 5000000 b, count(*) from http group by 1 order by 1 nulls last",
    ),
    (
        "http | summarize n=count() by b=bin(status, 100)",
        "select status // 100 * 100 b, count(*) from http group by 1 order by 1 nulls last",
    ),
    (
        "http | count by class(status)",
        "select (status // 100)::varchar || 'xx' c, count(*) from http group by 1 order by 2 desc, 1 nulls last",
    ),
    (
        "http | summarize count() by b=bin(time, 1s) | select n=b - '1970-01-01', count",
        "select epoch_ns(time) // 1000000000 * 1000000000 b, count(*) from http group by 1 order by 1",
    ),
    // Arithmetic
    (
        "http | select id, a=latency / 2, b=latency * 2, c=latency * 1.5, d=resp_bytes / latency | sort id",
        "select id, round(latency / 2)::bigint, latency * 2, round(latency * 1.5::double)::bigint, resp_bytes / (latency / 1e9) from http order by 1",
    ),
    (
        "http | select id, a=status / 7, b=status + 1, c=status - 500, d=-status, e=status * 2 | sort id",
        "select id, status / 7, status + 1, status::int - 500, -(status::int), status::int * 2 from http order by 1",
    ),
    (
        "http | select id, a=status / (status - 200), b=mod(status, 7), c=mod(status - 300, 7), d=mod(5, status - 200) | sort id",
        "select id, status / nullif(status::int - 200, 0), status % 7, (status::int - 300) % 7, case when status::int - 200 = 0 then null else 5 % (status::int - 200) end from http order by 1",
    ),
    (
        "http | select id, a=abs(status - 300), b=round(status / 7), c=round(status / 7, 2), d=floor(status / 7), e=ceil(status / 7) | sort id",
        "select id, abs(status::int - 300), round(status / 7), round(status / 7, 2), floor(status / 7), ceil(status / 7) from http order by 1",
    ),
    (
        "http | select id, a=latency / ttfb, b=latency - ttfb | sort id",
        "select id, latency / ttfb, latency - ttfb from http order by 1",
    ),
    // Sort, take, distinct
    (
        "http | sort latency desc, id | take 20 | select id, latency",
        "select id, latency from http order by latency desc nulls last, id limit 20",
    ),
    (
        "http | sort latency, id desc | take 20 | select id, latency",
        "select id, latency from http order by latency nulls last, id desc limit 20",
    ),
    (
        "http | sort status desc, path, id | select id, status, path",
        "select id, status, path from http order by status desc nulls last, path nulls last, id",
    ),
    ("http | top 7 by latency | select latency", "select latency from http order by latency desc nulls last limit 7"),
    ("http | top 7 by latency asc | select latency", "select latency from http order by latency nulls last limit 7"),
    (
        "http | distinct method, status | sort method, status",
        "select distinct method, status from http order by 1 nulls last, 2 nulls last",
    ),
    (
        "http | summarize n=count() by route, status | where n > 3 | sort n desc, route, status",
        "select route, status, count(*) n from http group by 1, 2 having n > 3 order by n desc, 1 nulls last, 2 nulls last",
    ),
    (
        "http | extend slow = latency > 5ms | summarize count() by slow",
        "select latency > 5000000 slow, count(*) from http group by 1 order by 1 nulls last",
    ),
    // Join
    (
        "http | join (pgsql | summarize queries=count(), db=sum(latency) by parent) on id == parent | select id, queries, db | sort id",
        "select id, queries, db from http join (select parent, count(*) queries, sum(latency) db from pgsql group by 1) p on id = p.parent order by 1",
    ),
    (
        "http | join left (pgsql | summarize queries=count() by parent) on id == parent | select id, queries | sort id",
        "select id, queries from http left join (select parent, count(*) queries from pgsql group by 1) p on id = p.parent order by 1",
    ),
    (
        "http | join (pgsql) on conn | summarize count(), sum(pgsql_latency)",
        "select count(*), sum(p.latency) from http h join pgsql p on h.conn = p.conn",
    ),
    (
        "http | join (grpc) on parent | summarize count()",
        "select count(*) from http h join grpc p on h.parent = p.parent",
    ),
    (
        "conns | sort bytes_sent + bytes_received desc | take 10 | select total=bytes_sent + bytes_received",
        "select bytes_sent + bytes_received from conns order by 1 desc limit 10",
    ),
];

#[test]
#[ignore = "needs python3 with the package duckdb"]
fn duckdb_gives_the_same_answers() {
    let count = std::env::var("ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(20_000);
    let mut store = Store::new(StoreOptions::default());
    let mut rows = Generator::new(11);
    for _ in 0..count {
        store.append(rows.any());
    }
    let folder = tempfile::tempdir().expect("makes a folder");
    let path = folder.path().join("s.parquet");
    let taken = store.snapshot();
    snapshot::write(&path, &taken, &snapshot::Manifest::default(), false).expect("writes");
    let mut scanned = Store::new(StoreOptions::default());
    snapshot::open(snapshot::Source::Path(path.clone()), &mut scanned).expect("opens");
    let opened = scanned.snapshot();
    let expected = duckdb(&path, SAME.iter().map(|(_, sql)| *sql));
    let start = i64::try_from(START).expect("fits");
    let context = Context { now: start, start, end: start + 1, live: false };
    let mut wrong = Vec::new();
    for ((text, sql), expected) in SAME.iter().zip(expected) {
        let query = Query::parse(text).unwrap_or_else(|error| panic!("{}", error.render(text, 120, false)));
        for (where_they_are, rows) in [("in memory", &taken), ("in the file", &opened)] {
            let table = query.run(rows, &context).unwrap_or_else(|error| panic!("{text}: {error}"));
            let found: Vec<Vec<Value>> = (0..table.height()).map(|row| table.row(row).collect()).collect();
            if let Some(difference) = difference(&found, &expected) {
                wrong.push(format!("{text}, rows {where_they_are}\n{sql}\n{difference}\n"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ\n{}", wrong.len(), SAME.len(), wrong.join("\n"));
}
