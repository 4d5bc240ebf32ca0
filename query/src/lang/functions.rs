//! Functions and aggregates: their names, how they are called, what they do. Feeds checks, completion and the reference.

/// A function or an aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// How it is called.
    pub usage: &'static str,
    /// What it gives.
    pub meaning: &'static str,
    /// It stands only in `summarize`.
    pub aggregate: bool,
    /// Fewest and most arguments.
    pub(crate) arguments: (usize, usize),
}

const fn function(
    name: &'static str,
    usage: &'static str,
    meaning: &'static str,
    least: usize,
    most: usize,
) -> Function {
    Function { name, usage, meaning, aggregate: false, arguments: (least, most) }
}

const fn aggregate(
    name: &'static str,
    usage: &'static str,
    meaning: &'static str,
    least: usize,
    most: usize,
) -> Function {
    Function { name, usage, meaning, aggregate: true, arguments: (least, most) }
}

/// Every function and aggregate.
pub const FUNCTIONS: &[Function] = &[
    aggregate("count", "count([x] [if c])", "rows, or rows where x is not null", 0, 1),
    aggregate("sum", "sum(x [if c])", "sum; null without values", 1, 1),
    aggregate("avg", "avg(x [if c])", "mean", 1, 1),
    aggregate("min", "min(x [if c])", "smallest", 1, 1),
    aggregate("max", "max(x [if c])", "largest", 1, 1),
    aggregate("stddev", "stddev(x [if c])", "standard deviation of the sample", 1, 1),
    aggregate("p50", "p50(x [if c])", "median", 1, 1),
    aggregate("p90", "p90(x [if c])", "90th percentile", 1, 1),
    aggregate("p95", "p95(x [if c])", "95th percentile", 1, 1),
    aggregate("p99", "p99(x [if c])", "99th percentile", 1, 1),
    aggregate(
        "quantile",
        "quantile(x, q [if c])",
        "the smallest value that a share q of the values do not exceed",
        2,
        2,
    ),
    aggregate("dcount", "dcount(x [if c])", "number of different values, without null", 1, 1),
    aggregate("first", "first(x [if c])", "earliest value that is not null, by time", 1, 1),
    aggregate("last", "last(x [if c])", "latest value that is not null, by time", 1, 1),
    aggregate("any", "any(x [if c])", "some value that is not null", 1, 1),
    aggregate("rate", "rate([if c])", "rows a second", 0, 0),
    aggregate("error_rate", "error_rate([if c])", "share of errors among rows where error is known, 0 to 1", 0, 0),
    function("bin", "bin(x, width)", "x rounded down to a multiple of width: time, duration or number", 2, 2),
    function("class", "class(status)", "class of a status: '2xx' … '5xx'", 1, 1),
    function("header", "header(headers, 'name')", "first value of a header; the same as headers['name']", 2, 2),
    function("json", "json(body, '$.a.b')", "a value inside JSON, as text; null when it is not there", 2, 2),
    function("lower", "lower(s)", "in lower case", 1, 1),
    function("upper", "upper(s)", "in upper case", 1, 1),
    function("len", "len(x)", "characters of a text, elements of a list, bytes of a blob", 1, 1),
    function("substr", "substr(s, start [, length])", "part of a text; the first character is 1", 2, 3),
    function("split", "split(s, separator)", "parts of a text as a list", 2, 2),
    function("replace", "replace(s, from, to)", "every occurrence of a text replaced", 3, 3),
    function("coalesce", "coalesce(a, b, …)", "the first that is not null", 1, 64),
    function("iff", "iff(c, a, b)", "a where c is true, else b", 3, 3),
    function("ip_in", "ip_in(address, network)", "whether an address is in a network", 2, 2),
    function("round", "round(x [, digits])", "rounded, halves away from zero", 1, 2),
    function("floor", "floor(x)", "rounded down", 1, 1),
    function("ceil", "ceil(x)", "rounded up", 1, 1),
    function("abs", "abs(x)", "without sign", 1, 1),
    function("mod", "mod(a, b)", "remainder of a / b, with the sign of a; null when b is 0", 2, 2),
];

/// The function called `name`, whatever its case.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name.eq_ignore_ascii_case(name))
}

/// Whether `name` is an aggregate.
pub(crate) fn is_aggregate(name: &str) -> bool {
    find(name).is_some_and(|function| function.aggregate)
}

/// What other languages call a function, and the form here.
pub(crate) const OTHER_NAMES: &[(&str, &str)] = &[
    ("average", "avg(x)"),
    ("is_null", "x is null"),
    ("date", "bin(time, 1d)"),
    ("mean", "avg(x)"),
    ("median", "p50(x)"),
    ("percentile", "quantile(x, 0.99)"),
    ("quantile_over_time", "quantile(x, 0.99)"),
    ("histogram_quantile", "quantile(x, 0.99)"),
    ("p999", "quantile(x, 0.999)"),
    ("p75", "quantile(x, 0.75)"),
    ("count_distinct", "dcount(x)"),
    ("distinct_count", "dcount(x)"),
    ("uniq", "dcount(x)"),
    ("countif", "count(if c)"),
    ("count_if", "count(if c)"),
    ("sumif", "sum(x if c)"),
    ("stdev", "stddev(x)"),
    ("std", "stddev(x)"),
    ("ago", "since 5m, or now - 5m"),
    ("date_trunc", "bin(time, 1m)"),
    ("time_bucket", "bin(time, 1m)"),
    ("if", "iff(c, a, b)"),
    ("iif", "iff(c, a, b)"),
    ("ifnull", "coalesce(a, b)"),
    ("isnull", "x is null"),
    ("isnotnull", "x is not null"),
    ("length", "len(x)"),
    ("strlen", "len(x)"),
    ("substring", "substr(s, start, length)"),
    ("tolower", "lower(s)"),
    ("toupper", "upper(s)"),
    ("arg_max", "last(x)"),
    ("take_any", "any(x)"),
    ("ipv4_is_in_range", "ip_in(a, 10.0.0.0/8)"),
    ("extract_json", "json(body, '$.a')"),
    ("json_extract", "json(body, '$.a')"),
];
