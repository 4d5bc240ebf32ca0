//! The nine screens: each is a query that can be edited, or a few, and a way to draw their answers.

/// A screen.
#[derive(Debug)]
pub(super) struct Screen {
    /// In the first line, after its digit.
    pub(super) short: &'static str,
    /// What it shows.
    pub(super) name: &'static str,
    /// From top to bottom. The query of the one with the cursor is shown.
    pub(super) parts: &'static [Part],
}

/// A query and how its answer is drawn.
#[derive(Debug)]
pub(super) struct Part {
    /// Above its rows; empty for the first part.
    pub(super) title: &'static str,
    /// The query that makes it.
    pub(super) query: &'static str,
    /// A query for counts by second, drawn beside the rows; empty: none.
    pub(super) sparks: &'static str,
    /// Columns to show first, in this order; empty: as the query gives them.
    pub(super) columns: &'static [&'static str],
    /// Of these, the ones that are left out first where the window is narrow.
    pub(super) least: &'static [&'static str],
    pub(super) kind: Kind,
    /// Said when there are no rows: why, and what would give some.
    pub(super) empty: &'static str,
}

/// How an answer is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Rows and columns.
    Table,
    /// Latency over time.
    Heat,
    /// Who calls whom.
    Map,
    /// Rows, below the state of the run.
    Health,
}

/// Place of the Requests screen, to which drill-downs lead.
pub(super) const REQUESTS: usize = 0;
/// Place of the Connections screen.
const CONNECTIONS: usize = 5;
/// Place of the Waiting screen.
const WAITING: usize = 7;
/// Place of the Health screen.
pub(super) const HEALTH: usize = 8;

/// The query of a screen's first part.
pub(super) fn query_of(screen: usize) -> &'static str {
    SCREENS.get(screen).and_then(|screen| screen.parts.first()).map_or("requests", |part| part.query)
}

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
        "conns" => SCREENS[CONNECTIONS].parts[0].columns,
        "inflight" => SCREENS[WAITING].parts[0].columns,
        "probes" => SCREENS[HEALTH].parts[0].columns,
        _ => SCREENS[REQUESTS].parts[0].columns,
    }
}

const PART: Part = Part { title: "", query: "", sparks: "", columns: &[], least: &[], kind: Kind::Table, empty: "" };

/// All screens, in the order of their digits.
pub(super) const SCREENS: [Screen; 9] = [
    Screen {
        short: "Req",
        name: "Requests: every exchange, the newest first",
        parts: &[Part {
            query: "requests where role = 'server' or twin is null | sort time desc | take 500",
            columns: &[
                "time",
                "latency",
                "outcome",
                "process",
                "summary",
                "protocol",
                "remote_addr",
                "remote_name",
                "pid",
            ],
            empty: "No exchange yet. Rows come as soon as a watched program sends or answers a request.",
            ..PART
        }],
    },
    Screen {
        short: "Svc",
        name: "Services: rate, errors and latency by route",
        parts: &[
            Part {
                title: "HTTP",
                query: "http where role = 'server' or twin is null | summarize n=count(), rate(), errors=error_rate(), \
                        p50(latency), p90(latency), p99(latency) by service, method, route | sort n desc | take 200",
                sparks: "http where role = 'server' or twin is null since 30s \
                         | summarize n=count() by service, method, route, bin(time, 1s)",
                columns: &["service", "method", "route", "rate", "errors", "p50", "p90", "p99", "n"],
                least: &["n", "p90", "method"],
                empty: "No HTTP exchange yet.",
                ..PART
            },
            Part {
                title: "gRPC",
                query: "grpc where role = 'server' or twin is null | summarize n=count(), rate(), errors=error_rate(), \
                        p50(latency), p90(latency), p99(latency) by service, rpc_service, method | sort n desc | take 200",
                sparks: "grpc where role = 'server' or twin is null since 30s \
                         | summarize n=count() by service, rpc_service, method, bin(time, 1s)",
                columns: &["service", "rpc_service", "method", "rate", "errors", "p50", "p90", "p99", "n"],
                least: &["n", "p90"],
                ..PART
            },
        ],
    },
    Screen {
        short: "Lat",
        name: "Latency: over time, and how it is spread",
        parts: &[Part {
            query: "requests where (role = 'server' or twin is null) and protocol != 'tls' and latency is not null \
                    | select time, latency",
            kind: Kind::Heat,
            empty: "No answered exchange yet.",
            ..PART
        }],
    },
    Screen {
        short: "SQL",
        name: "SQL by shape: what takes the time",
        parts: &[Part {
            query: "pgsql where (role = 'client' or twin is null) and shape is not null \
                    | summarize calls=count(), total=sum(latency), avg(latency), \
                    p99(latency), rows=sum(rows), errors=count(if error) by shape, process | sort total desc | take 200",
            columns: &["total", "calls", "avg", "p99", "rows", "errors", "shape", "process"],
            least: &["process", "rows", "errors"],
            empty: "No SQL statement yet. PostgreSQL is read from sockets and from TLS libraries.",
            ..PART
        }],
    },
    Screen {
        short: "DNS",
        name: "DNS: names, answers and resolvers",
        parts: &[
            Part {
                title: "names",
                query: "dns where role = 'client' or twin is null | summarize n=count(), errors=error_rate(), \
                        p50(latency), p99(latency), no_answer=count(if rcode is null) by name, type, rcode, process \
                        | sort n desc | take 200",
                columns: &["n", "rcode", "type", "name", "p50", "p99", "errors", "no_answer", "process"],
                least: &["process", "no_answer", "errors"],
                empty: "No DNS question yet. Programs ask when they first connect to a name; many cache the answer.",
                ..PART
            },
            Part {
                title: "resolvers: slow is over 30ms, no_name a name that does not exist",
                query: "dns where role = 'client' or twin is null | summarize n=count(), errors=error_rate(), \
                        no_answer=count(if rcode is null), slow=count(if latency > 30ms), \
                        no_name=count(if rcode = 'NXDOMAIN'), p50(latency), p99(latency) \
                        by remote_addr, remote_port, transport | sort n desc | take 50",
                columns: &[
                    "remote_addr",
                    "remote_port",
                    "transport",
                    "n",
                    "errors",
                    "no_answer",
                    "slow",
                    "no_name",
                    "p50",
                    "p99",
                ],
                least: &["transport"],
                ..PART
            },
        ],
    },
    Screen {
        short: "Conn",
        name: "Connections and TLS: open ones first",
        parts: &[
            Part {
                title: "connections",
                query: "conns | sort closed is not null, time desc | take 500",
                columns: &[
                    "state",
                    "time",
                    "process",
                    "protocol",
                    "remote_addr",
                    "remote_port",
                    "requests",
                    "bytes_sent",
                    "bytes_received",
                    "duration",
                    "retransmits",
                    "role",
                    "tls",
                    "errno",
                    "remote_name",
                ],
                least: &["remote_name", "errno", "tls", "role", "duration"],
                empty: "No connection yet.",
                ..PART
            },
            Part {
                title: "TLS handshakes",
                query: "tls where role = 'client' or twin is null | summarize n=count(), resumed=count(if resumed), \
                        failed=count(if error), unread=count(if not decrypted), p50(handshake) \
                        by version, cipher, process | sort n desc | take 50",
                columns: &["version", "cipher", "process", "n", "resumed", "failed", "unread", "p50"],
                ..PART
            },
            Part {
                title: "certificates, the first to expire on top",
                query: "tls where cert_not_after is not null | summarize n=count() by cert_not_after, sni, cert_subject \
                        | extend left=cert_not_after - now | sort cert_not_after | take 50",
                columns: &["left", "cert_not_after", "sni", "cert_subject", "n"],
                ..PART
            },
        ],
    },
    Screen {
        short: "Map",
        name: "Map: who calls whom",
        parts: &[Part {
            query: "requests where role = 'client' or twin is null \
                    | summarize n=count(), rate(), errors=error_rate(), p99(latency) by role, service, remote_addr, \
                    remote_name, port=iff(role = 'client', remote_port, local_port), protocol \
                    | join left (requests where role = 'server' | summarize callee=any(service) by local_addr, local_port) \
                    on remote_addr == local_addr, port == local_port | sort n desc | take 200",
            columns: &["protocol", "rate", "errors", "p99", "n"],
            kind: Kind::Map,
            empty: "No call yet.",
            ..PART
        }],
    },
    Screen {
        short: "Wait",
        name: "Waiting: asked and not answered, the longest first",
        parts: &[Part {
            query: "inflight | sort age desc | take 500",
            columns: &[
                "age",
                "protocol",
                "summary",
                "process",
                "remote_addr",
                "remote_port",
                "role",
                "remote_name",
                "pid",
            ],
            empty: "Nothing is waiting: every request that was seen has been answered.",
            ..PART
        }],
    },
    Screen {
        short: "Health",
        name: "Health: what is seen, what was lost, what it costs",
        parts: &[
            Part {
                title: "hooks",
                query: "probes | sort hits desc",
                columns: &["program", "state", "hits", "ns_per_hit", "hook", "target", "reason"],
                least: &["hook", "target"],
                kind: Kind::Health,
                empty: "No hooks: these rows come from a file.",
                ..PART
            },
            Part {
                title: "lost",
                query: "loss | sort events desc",
                columns: &["cause", "events", "bytes", "first_seen"],
                ..PART
            },
        ],
    },
];
