//! Every operator, aggregate, function and stage over a million rows with nulls everywhere, empty texts, lists and bodies,
//! and the ends of every type. DuckDB makes the rows, and answers beside.

use query::generate::START;
use query::{Context, FUNCTIONS, Query, Store, StoreOptions, Value, snapshot};

use super::ask::{difference, duckdb, python};

/// Conditions on rows of `http`: here, and in SQL. All are asked in one query, a column each.
const CONDITIONS: &[(&str, &str)] = &[
    ("status = 200", "status = 200"),
    ("status == 404", "status = 404"),
    ("status != 200", "status <> 200"),
    ("status < 404", "status < 404"),
    ("status <= 404", "status <= 404"),
    ("status > 65534", "status > 65534"),
    ("status >= 65535", "status >= 65535"),
    ("status > -1", "status > -1"),
    ("status < 100000", "status < 100000"),
    ("status in (0, 404, 65535)", "status in (0, 404, 65535)"),
    ("status not in (200, 404)", "status not in (200, 404)"),
    ("status in (404, null)", "status in (404, null)"),
    ("status not in (404, null)", "status not in (404, null)"),
    ("status between 200 and 404", "status between 200 and 404"),
    ("status not between 200 and 404", "status not between 200 and 404"),
    ("status is null", "status is null"),
    ("status is not null", "status is not null"),
    ("status = null", "status = null"),
    ("status = 5xx", "status between 500 and 599"),
    ("status != 5xx", "status not between 500 and 599"),
    ("status in (4xx, 200)", "status between 400 and 499 or status = 200"),
    ("not (status = 200)", "not (status = 200)"),
    ("!error", "not error"),
    ("error and truncated", "error and truncated"),
    ("error && status = 200", "error and status = 200"),
    ("error or status = 200", "error or status = 200"),
    ("error || truncated", "error or truncated"),
    ("error and null", "error and null"),
    ("error = truncated", "error = truncated"),
    ("pid = 4294967295", "pid = 4294967295"),
    ("pid > 0 and pid < 4294967295", "pid > 0 and pid < 4294967295"),
    ("resp_bytes = 18446744073709551615", "resp_bytes = 18446744073709551615"),
    ("resp_bytes > 0.5MB", "resp_bytes > 500000"),
    ("resp_bytes <= 4KiB", "resp_bytes <= 4096"),
    ("resp_bytes > req_bytes", "resp_bytes > req_bytes"),
    ("latency > 200ms", "latency > 200000000"),
    ("latency = 0ns", "latency = 0"),
    ("latency < ttfb", "latency < ttfb"),
    ("latency between 1us and 1h30m", "latency between 1000 and 5400000000000"),
    ("id > parent + 3", "id > parent + 3"),
    ("time < '1970-01-02T00:00:00Z'", "epoch_ns(time) < 86400000000000"),
    ("time > now + 1d", "epoch_ns(time) > 1795341600000000000 + 86400000000000"),
    (
        "time between '2026-11-22T10:01:00Z' and '10:02'",
        "epoch_ns(time) between 1795341660000000000 and 1795341720000000000",
    ),
    ("path = ''", "path = ''"),
    ("path = '/it\\'s \"quoted\"'", "path = '/it''s \"quoted\"'"),
    ("path < '/cart'", "path < '/cart'"),
    ("path ~ '^/users/\\d+$'", "regexp_matches(path, '^/users/\\d+$')"),
    ("path ~ '(?i)ÜN'", "regexp_matches(path, '(?i)ÜN')"),
    ("path !~ 'cart|long'", "not regexp_matches(path, 'cart|long')"),
    ("path like '/a\\%%'", "path like '/a\\%%' escape '\\'"),
    ("path like '/_sers/%'", "path like '/_sers/%'"),
    ("path not like '%s%'", "path not like '%s%'"),
    ("path contains '日'", "contains(path, '日')"),
    ("path not contains 'a'", "not contains(path, 'a')"),
    ("path startswith '/c'", "starts_with(path, '/c')"),
    ("path not startswith '/c'", "not starts_with(path, '/c')"),
    ("path endswith '本'", "ends_with(path, '本')"),
    ("path not endswith ''", "not ends_with(path, '')"),
    ("method in ('GET', '')", "method in ('GET', '')"),
    ("remote_addr = 10.0.0.1", "remote_addr = '10.0.0.1'"),
    ("remote_addr = 2001:db8::1", "remote_addr = '2001:db8::1'"),
    ("remote_addr in 10.0.0.0/8", "remote_addr like '10.%'"),
    ("remote_addr not in 10.0.0.0/8", "remote_addr not like '10.%'"),
    ("remote_addr in ::/0", "remote_addr like '%:%'"),
    ("remote_addr in (10.0.0.1, 11.0.0.0)", "remote_addr in ('10.0.0.1', '11.0.0.0')"),
    ("ip_in(remote_addr, 10.0.0.0/9)", "remote_addr = '10.0.0.1'"),
    ("req_headers['X-Tenant'] = 'acme'", "list_filter(req_headers, lambda h: h.name = 'x-tenant')[1].value = 'acme'"),
    (
        "header(req_headers, 'x-tenant') is null",
        "list_filter(req_headers, lambda h: h.name = 'x-tenant')[1].value is null",
    ),
    (
        "resp_body contains 'order'",
        "contains(case when resp_body <> '\\xFF\\xFE'::blob then decode(resp_body) end, 'order')",
    ),
    (
        "json(resp_body, '$.order.id') = '7'",
        "case when resp_body = '{\"order\":{\"id\":7,\"tags\":[\"a\",\"b\"]}}'::blob then true end",
    ),
    ("coalesce(path, method) = ''", "coalesce(path, method) = ''"),
    ("iff(error, status, 0) = 200", "case when error then status else 0 end = 200"),
    ("1 = 1", "1 = 1"),
];

/// Values of rows of `http`, and in SQL; asked for as smallest, largest, sum and number of different ones.
const NUMBERS: &[(&str, &str)] = &[
    ("abs(status - 300)", "abs(status::bigint - 300)"),
    ("round(status / 7)", "round(status / 7)"),
    ("round(status / 7, 2)", "round(status / 7, 2)"),
    ("floor(status / 7)", "floor(status / 7)"),
    ("ceil(status / 7)", "ceil(status / 7)"),
    ("mod(status, 7)", "status % 7"),
    ("mod(status - 300, 7)", "(status::bigint - 300) % 7"),
    ("mod(5, status - 200)", "case when status <> 200 then 5 % (status::bigint - 200) end"),
    ("status + 1", "status::bigint + 1"),
    ("status - 500", "status::bigint - 500"),
    ("status * 2", "status::bigint * 2"),
    ("-status", "-(status::bigint)"),
    ("status / (status - 200)", "status / nullif(status::bigint - 200, 0)"),
    ("bin(status, 100)", "status // 100 * 100"),
    ("bin(latency, 5ms)", "latency // 5000000 * 5000000"),
    ("latency / ttfb", "latency / nullif(ttfb, 0)"),
    ("ttfb - latency", "ttfb - latency"),
    ("req_bytes / ttfb", "req_bytes / nullif(ttfb / 1e9, 0)"),
    ("len(path)", "length(path)"),
    ("len(req_headers)", "len(req_headers)"),
    ("len(resp_body)", "octet_length(resp_body)"),
    ("len(split(path, '/'))", "len(string_split(path, '/'))"),
    ("len(lower(path))", "length(lower(path))"),
    ("len(replace(path, 'long', ''))", "length(replace(path, 'long', ''))"),
    ("coalesce(parent, id)", "coalesce(parent, id)"),
    ("iff(error, 1, 0)", "case when error then 1 else 0 end"),
];

/// Texts of rows of `http`, and in SQL; asked for as smallest, largest and number of different ones.
const TEXTS: &[(&str, &str)] = &[
    ("lower(method)", "lower(method)"),
    ("upper(path)", "upper(path)"),
    ("substr(path, 2, 3)", "substr(path, 2, 3)"),
    ("substr(path, -3)", "case when length(path) <= 3 then path else right(path, 3) end"),
    ("replace(path, '/', '__')", "replace(path, '/', '__')"),
    ("coalesce(route, method, '-')", "coalesce(route, method, '-')"),
    ("iff(error, path, method)", "case when error then path else method end"),
    ("class(status)", "case when status between 100 and 599 then (status // 100)::varchar || 'xx' end"),
    ("req_headers['x-tenant']", "list_filter(req_headers, lambda h: h.name = 'x-tenant')[1].value"),
    (
        "json(resp_body, '$.order.tags[1]')",
        "case when resp_body = '{\"order\":{\"id\":7,\"tags\":[\"a\",\"b\"]}}'::blob then 'b' end",
    ),
];

/// Aggregates, and in SQL: asked for as a whole, by groups (one of them null), and over no row at all.
const AGGREGATES: &[(&str, &str)] = &[
    ("count()", "count(*)"),
    ("count(status)", "count(status)"),
    ("count(if error)", "count(*) filter (error)"),
    ("sum(req_bytes)", "sum(req_bytes)"),
    ("sum(ttfb)", "sum(ttfb)"),
    ("sum(latency if status = 404)", "sum(latency) filter (status = 404)"),
    ("avg(status)", "avg(status)"),
    ("avg(ttfb)", "round(avg(ttfb))"),
    ("avg(status if error)", "avg(status) filter (error)"),
    ("min(path)", "min(path)"),
    ("max(path)", "max(path)"),
    ("min(resp_bytes)", "min(resp_bytes)"),
    ("max(resp_bytes)", "max(resp_bytes)"),
    ("min(latency)", "min(latency)"),
    ("max(latency)", "max(latency)"),
    ("max(pid)", "max(pid)"),
    ("max(time) - '1970-01-01'", "epoch_ns(max(time))"),
    ("min(method)", "min(method)"),
    ("stddev(status)", "stddev(status)"),
    ("p50(latency)", "quantile_disc(latency, 0.5)"),
    ("p90(latency)", "quantile_disc(latency, 0.9)"),
    ("p95(resp_bytes)", "quantile_disc(resp_bytes, 0.95)"),
    ("p99(status)", "quantile_disc(status, 0.99)"),
    ("p99(latency if error)", "quantile_disc(latency, 0.99) filter (error)"),
    ("quantile(latency, 0)", "quantile_disc(latency, 0)"),
    ("quantile(latency, 1)", "quantile_disc(latency, 1)"),
    ("quantile(latency, 12.3%)", "quantile_disc(latency, 0.123)"),
    ("dcount(path)", "count(distinct path)"),
    ("dcount(parent)", "count(distinct parent)"),
    ("dcount(status if error)", "count(distinct status) filter (error)"),
    ("first(status)", "arg_min(status, time)"),
    ("last(path)", "arg_max(path, time)"),
    ("last(id if error)", "arg_max(id, time) filter (error)"),
    ("any(1)", "any_value(1)"),
    ("error_rate()", "count(*) filter (error) / nullif(count(error), 0)"),
    ("error_rate(if truncated)", "count(*) filter (error and truncated) / nullif(count(error) filter (truncated), 0)"),
    ("rate()", "count(*) / 1000"),
];

/// Stages, and the tables beside `http`.
const STAGES: &[(&str, &str)] = &[
    ("http | count", "select count(*) from http"),
    ("http | count by method", "select method, count(*) from http group by 1 order by 2 desc, 1 nulls last"),
    (
        "http since '10:01' until '10:02' | count",
        "select count(*) from http where epoch_ns(time) >= 1795341660000000000 and epoch_ns(time) < 1795341720000000000",
    ),
    (
        "http where id <= 50 | select id, path, s = status, latency as l, status * 2 | sort id",
        "select id, path, status, latency, status::bigint * 2 from http where id <= 50 order by id",
    ),
    (
        "http where id <= 50 | select *, x = 1 | select id, x | order by id desc | limit 7",
        "select id, 1 from http where id <= 50 order by id desc limit 7",
    ),
    (
        "http | extend path = upper(path), long = len(path) > 20 | summarize count() by path = substr(path, 1, 6), long",
        "select substr(upper(path), 1, 6), length(path) > 20, count(*) from http group by 1, 2 order by 1 nulls last, 2 nulls last",
    ),
    (
        "http | sort latency desc, id | take 50 | select id, latency",
        "select id, latency from http order by latency desc nulls last, id limit 50",
    ),
    (
        "http | sort path, status desc, id | take 50 | select id, path, status",
        "select id, path, status from http order by path nulls last, status desc nulls last, id limit 50",
    ),
    (
        "http | top 20 by resp_bytes | select resp_bytes",
        "select resp_bytes from http order by 1 desc nulls last limit 20",
    ),
    ("http | top 20 by ttfb asc | select ttfb", "select ttfb from http order by 1 nulls last limit 20"),
    (
        "http | distinct method, status, error | sort method, status, error",
        "select distinct method, status, error from http order by 1 nulls last, 2 nulls last, 3 nulls last",
    ),
    (
        "http | summarize n=count() by route, status | where n > 30000 | sort n desc, route, status",
        "select route, status, count(*) n from http group by 1, 2 having n > 30000 order by n desc, 1 nulls last, 2 nulls last",
    ),
    (
        "http | summarize n=count(), rate() by b=bin(time, 100s), class(status) | summarize count(), sum(n), max(rate)",
        "select count(*), sum(n), max(n / 100) from (select count(*) n from http group by epoch_ns(time) // 100000000000, case when status between 100 and 599 then status // 100 end)",
    ),
    (
        "http | join (pgsql | summarize queries=count(), db=sum(latency) by parent) on id == parent | summarize count(), sum(queries), sum(db), max(id)",
        "select count(*), sum(queries), sum(db), max(id) from http join (select parent, count(*) queries, sum(latency) db from pgsql group by 1) p on id = p.parent",
    ),
    (
        "http | join left (pgsql | summarize queries=count() by parent) on id == parent | summarize count(), count(queries), sum(queries)",
        "select count(*), count(queries), sum(queries) from http left join (select parent, count(*) queries from pgsql group by 1) p on id = p.parent",
    ),
    (
        "http where id < 20000 | join (dns where id < 20000) on parent, service | summarize count(), sum(dns_id), dcount(name)",
        "select count(*), sum(d.id), count(distinct d.name) from http h join dns d on h.parent = d.parent and h.service = d.service where h.id < 20000 and d.id < 20000",
    ),
    (
        "requests | summarize count(), sum(ttfb), dcount(id) by protocol, service",
        "select \"table\", service, count(*), sum(ttfb), count(distinct id) from everything where \"table\" in ('http', 'pgsql', 'dns') group by 1, 2 order by 1, 2 nulls last",
    ),
    (
        "requests | count by protocol",
        "select \"table\", count(*) from everything where \"table\" in ('http', 'pgsql', 'dns') group by 1 order by 2 desc, 1",
    ),
    (
        "dns | summarize a=count(if answers contains '192.0.2.2'), b=count(if answers not contains '192.0.2.2'), c=sum(len(answers)), d=max(ttl), e=count(if ttl is null) by name",
        "select name, count(*) filter (list_contains(answers, '192.0.2.2')), count(*) filter (not list_contains(answers, '192.0.2.2')), sum(len(answers)), max(ttl), count(*) filter (ttl is null) from dns group by 1 order by 1 nulls last",
    ),
    (
        "pgsql where sqlstate is not null | count by sqlstate",
        "select sqlstate, count(*) from pgsql where sqlstate is not null group by 1 order by 2 desc",
    ),
    (
        "pgsql | summarize calls=count(), total=sum(ttfb), sum(len(params)) by shape | top 10 by total",
        "select shape, count(*), sum(ttfb) t, sum(len(params)) from pgsql group by 1 order by t desc limit 10",
    ),
    (
        "conns where state = 'open' | sort bytes_sent desc, time | take 10 | select bytes_sent",
        "select bytes_sent from conns where state = 'open' order by 1 desc limit 10",
    ),
    (
        "conns | summarize count(), sum(bytes_sent), max(duration) by state",
        "select state, count(*), sum(bytes_sent), max(duration) from conns group by 1 order by 1 nulls last",
    ),
];

/// Query and statement, made of the lists above.
fn questions() -> Vec<(String, String)> {
    let numbered = |all: &[(&str, &str)], one: &dyn Fn(usize, &str) -> String, other: &dyn Fn(&str) -> String| {
        let here: Vec<_> = all.iter().enumerate().map(|(number, (text, _))| one(number, text)).collect();
        let there: Vec<_> = all.iter().map(|(_, sql)| other(sql)).collect();
        (here.join(", "), there.join(", "))
    };
    let mut questions = Vec::new();
    let (here, there) =
        numbered(CONDITIONS, &|n, text| format!("c{n} = count(if {text})"), &|sql| format!("count(*) filter ({sql})"));
    questions.push((format!("http | summarize {here}"), format!("select {there} from http")));
    let each = |n: usize, text: &str| {
        format!("a{n} = min({text}), b{n} = max({text}), c{n} = sum({text}), d{n} = dcount({text})")
    };
    for some in NUMBERS.chunks(9) {
        let (here, there) =
            numbered(some, &each, &|sql| format!("min({sql}), max({sql}), sum({sql}), count(distinct {sql})"));
        questions.push((format!("http | summarize {here}"), format!("select {there} from http")));
    }
    let each = |n: usize, text: &str| format!("a{n} = min({text}), b{n} = max({text}), d{n} = dcount({text})");
    let (here, there) = numbered(TEXTS, &each, &|sql| format!("min({sql}), max({sql}), count(distinct {sql})"));
    questions.push((format!("http | summarize {here}"), format!("select {there} from http")));
    let (here, there) = numbered(AGGREGATES, &|n, text| format!("a{n} = {text}"), &str::to_owned);
    questions.push((format!("http | summarize {here}"), format!("select {there} from http")));
    questions.push((
        format!("http | summarize {here} by method"),
        format!("select method, {there} from http group by 1 order by 1 nulls last"),
    ));
    questions.push((
        format!("http where status = 999 | summarize {here}"),
        format!("select {there} from http where status = 999"),
    ));
    questions.push((
        format!("http where status = 999 | summarize {here} by method"),
        format!("select method, {there} from http where status = 999 group by 1"),
    ));
    questions.extend(STAGES.iter().map(|(text, sql)| ((*text).to_owned(), (*sql).to_owned())));
    questions
}

#[test]
fn nothing_of_the_language_is_left_out() {
    let all: String = questions().into_iter().map(|(text, _)| text + "\n").collect();
    let missing = |word: &&str| !all.contains(*word);
    let calls: Vec<String> = FUNCTIONS.iter().map(|function| format!("{}(", function.name)).collect();
    assert_eq!(calls.iter().map(String::as_str).filter(missing).collect::<Vec<_>>(), [""; 0]);
    let words = [
        "where ",
        " since ",
        " until ",
        "select ",
        " as ",
        "extend ",
        "summarize ",
        " by ",
        "count by",
        "sort ",
        "order by",
        " desc",
        " asc",
        "take ",
        "limit ",
        "top ",
        "distinct ",
        "join (",
        "join left (",
        " on ",
        " == ",
        " and ",
        " or ",
        " && ",
        " || ",
        "not (",
        "(if !",
        " = ",
        " != ",
        " < ",
        " <= ",
        " > ",
        " >= ",
        " ~ ",
        " !~ ",
        " in (",
        " not in (",
        " like ",
        " not like ",
        " contains ",
        " not contains ",
        " startswith ",
        " not startswith ",
        " endswith ",
        " not endswith ",
        " between ",
        " not between ",
        " is null",
        " is not null",
        " + ",
        " - ",
        " * ",
        " / ",
        "-status",
        "xx",
        "null)",
        "now",
        "%)",
        "KiB",
        "MB",
        "ns",
        "us ",
        "1h30m",
    ];
    assert_eq!(words.iter().filter(|word| missing(word)).collect::<Vec<_>>(), [&""; 0]);
}

#[test]
#[ignore = "needs python3 with the package duckdb"]
fn duckdb_gives_the_same_answers_about_a_million_rows() {
    let folder = tempfile::tempdir().expect("makes a folder");
    let path = folder.path().join("million.parquet");
    let made = python("extremes.py").arg(&path).arg("1000000").status().expect("python3 is there");
    assert!(made.success(), "the script failed (its message is above)");
    let mut store = Store::new(StoreOptions::default());
    snapshot::open(snapshot::Source::Path(path.clone()), &mut store).expect("opens");
    let rows = store.snapshot();
    let start = i64::try_from(START).expect("fits");
    let context = Context { now: start, start, end: start + 1_000_000_000_000, live: false };
    let questions = questions();
    let expected = duckdb(&path, questions.iter().map(|(_, sql)| sql.as_str()));
    let mut wrong = Vec::new();
    for ((text, sql), expected) in questions.iter().zip(expected) {
        let query = Query::parse(text).unwrap_or_else(|error| panic!("{}", error.render(text, 120, false)));
        let table = query.run(&rows, &context).unwrap_or_else(|error| panic!("{text}: {error}"));
        let found: Vec<Vec<Value>> = (0..table.height()).map(|row| table.row(row).collect()).collect();
        if let Some(difference) = difference(&found, &expected) {
            wrong.push(format!("{}\n{sql}\n{difference}\n", query.text()));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ\n{}", wrong.len(), questions.len(), wrong.join("\n"));
}
