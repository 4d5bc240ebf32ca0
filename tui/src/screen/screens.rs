//! The nine screens: each is a query that can be edited, and a way to draw its answer.

/// A screen.
#[derive(Debug)]
pub(super) struct Screen {
    /// In the first line, after its digit.
    pub(super) short: &'static str,
    /// What it shows.
    pub(super) name: &'static str,
    /// The query that makes it.
    pub(super) query: &'static str,
    /// A second query beside it; empty: none.
    pub(super) beside: &'static str,
    /// Columns to show first, the most important ones first; empty: as the query gives them.
    pub(super) columns: &'static [&'static str],
    /// How its answer is drawn.
    pub(super) pane: Pane,
    /// Said when there are no rows yet.
    pub(super) empty: &'static str,
}

/// How an answer is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pane {
    /// Rows and columns.
    Table,
    /// Rows, each with a sparkline from the second query.
    Sparklines,
    /// Latency over time.
    Heat,
    /// Who calls whom.
    Map,
    /// The state of the run, above the rows.
    Health,
}

/// Place of the Requests screen, to which drill-downs lead.
pub(super) const REQUESTS: usize = 0;

/// Columns to show first of a table's own rows, when a query asks for them on any screen.
pub(super) fn columns_of(table: &str) -> &'static [&'static str] {
    match table {
        "http" => &[
            "time",
            "latency",
            "status",
            "method",
            "path",
            "process",
            "host",
            "remote_addr",
            "remote_name",
            "resp_bytes",
        ],
        "grpc" => &["time", "latency", "status_name", "rpc_service", "method", "process", "remote_addr", "message"],
        "pgsql" => &["time", "latency", "tag", "sqlstate", "shape", "rows", "process", "txn", "message"],
        "dns" => &["time", "latency", "rcode", "type", "name", "answers", "process", "remote_addr"],
        "tls" => &["time", "handshake", "version", "sni", "alert", "decrypted", "reason", "process", "cipher", "alpn"],
        "conns" => SCREENS[5].columns,
        "inflight" => SCREENS[7].columns,
        "probes" => SCREENS[8].columns,
        _ => SCREENS[REQUESTS].columns,
    }
}

/// All screens, in the order of their digits.
pub(super) const SCREENS: [Screen; 9] = [
    Screen {
        short: "Req",
        name: "Requests",
        query: "requests where role = 'server' or twin is null | sort time desc | take 500",
        beside: "",
        columns: &["time", "latency", "outcome", "process", "summary", "protocol", "remote_addr", "remote_name", "pid"],
        pane: Pane::Table,
        empty: "no exchange yet",
    },
    Screen {
        short: "Svc",
        name: "Services",
        query: "http where role = 'server' or twin is null | summarize n=count(), rate(), errors=error_rate(), \
                p50(latency), p90(latency), p99(latency) by service, route, method | sort n desc | take 200",
        beside: "http where role = 'server' or twin is null | summarize n=count() by service, route, method, bin(time, 1s)",
        columns: &["service", "method", "route", "rate", "errors", "p50", "p99", "n", "p90"],
        pane: Pane::Sparklines,
        empty: "no HTTP exchange yet",
    },
    Screen {
        short: "Lat",
        name: "Latency",
        query: "requests where (role = 'server' or twin is null) and protocol != 'tls' and latency is not null \
                | select time, latency",
        beside: "",
        columns: &[],
        pane: Pane::Heat,
        empty: "no answered exchange yet",
    },
    Screen {
        short: "SQL",
        name: "SQL by shape",
        query: "pgsql where role = 'client' or twin is null | summarize calls=count(), total=sum(latency), avg(latency), \
                p99(latency), rows=sum(rows), errors=count(if error) by shape, process | sort total desc | take 200",
        beside: "",
        columns: &["total", "calls", "shape", "p99", "avg", "errors", "rows", "process"],
        pane: Pane::Table,
        empty: "no SQL statement yet",
    },
    Screen {
        short: "DNS",
        name: "DNS",
        query: "dns where role = 'client' or twin is null | summarize n=count(), p50(latency), p99(latency), \
                no_answer=count(if rcode is null) by name, type, rcode, process | sort n desc | take 200",
        beside: "",
        columns: &["n", "name", "type", "rcode", "p50", "p99", "no_answer", "process"],
        pane: Pane::Table,
        empty: "no DNS question yet",
    },
    Screen {
        short: "Conn",
        name: "Connections",
        query: "conns | sort time desc | take 500",
        beside: "",
        columns: &[
            "time",
            "state",
            "process",
            "protocol",
            "remote_addr",
            "remote_port",
            "requests",
            "bytes_sent",
            "bytes_received",
            "duration",
            "role",
            "tls",
            "retransmits",
            "errno",
            "remote_name",
        ],
        pane: Pane::Table,
        empty: "no connection has ended yet",
    },
    Screen {
        short: "Map",
        name: "Map: who calls whom",
        query: "requests where role = 'client' or role is null | join left (requests where role = 'server') on twin == id \
                | summarize n=count(), rate(), errors=error_rate(), p99(latency) \
                by service, calls=coalesce(requests_service, remote_name), remote_addr, protocol | sort n desc | take 200",
        beside: "",
        columns: &["service", "calls", "protocol", "rate", "errors", "p99", "n", "remote_addr"],
        pane: Pane::Map,
        empty: "no call between services yet",
    },
    Screen {
        short: "Wait",
        name: "Waiting",
        query: "inflight | sort age desc | take 500",
        beside: "",
        columns: &["age", "protocol", "summary", "process", "remote_addr", "remote_port", "remote_name", "role", "pid"],
        pane: Pane::Table,
        empty: "nothing is waiting",
    },
    Screen {
        short: "Health",
        name: "Health",
        query: "probes | sort hits desc",
        beside: "loss | sort events desc",
        columns: &["program", "hook", "target", "state", "hits", "ns_per_hit", "reason"],
        pane: Pane::Health,
        empty: "no hooks: these rows come from a file",
    },
];
