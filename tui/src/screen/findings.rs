//! Things that are wrong, each with its evidence and the query that shows the rows behind it.

use query::{Table, Value};

use super::columns::show;
use super::query_text::string;

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// Number of its rule.
    pub(super) rule: usize,
    /// What is wrong, with figures.
    pub(super) text: String,
    /// The rows behind it.
    pub(super) query: String,
}

/// A rule: a query that gives a row where something is wrong.
pub(super) struct Rule {
    /// What it looks for.
    pub(super) name: &'static str,
    /// `{since}` stands for the last minute while rows come, and for nothing over files.
    query: &'static str,
    tell: fn(&Row<'_>) -> (String, String),
}

impl Rule {
    /// The query to ask.
    pub(super) fn query(&self, live: bool) -> String {
        self.query.replace("{since}", if live { " since 1m" } else { "" })
    }
}

/// All rules, the gravest first.
pub(super) const RULES: [Rule; 8] = [
    Rule {
        name: "an endpoint that fails: 5% and three times or more",
        query: "http where role = 'server' or twin is null | summarize n=count(), failed=count(if error), \
                share=error_rate() by service, method, route | where failed >= 3 and share >= 0.05 \
                | sort failed desc | take 1",
        tell: |row| {
            let (method, route) = (row.text("method"), row.text("route"));
            let text =
                format!("{method} {route} fails: {} of {} ({})", row.text("failed"), row.text("n"), row.text("share"));
            let rows =
                format!("http where method {} and route {} and error", row.equals("method"), row.equals("route"));
            (text, format!("{rows} and (role = 'server' or twin is null) | sort time desc | take 500"))
        },
    },
    Rule {
        name: "N+1: one statement eight times or more for one request",
        query: "pgsql where parent is not null{since} | summarize n=count(), db=sum(latency) by parent, shape | where n >= 8 \
                | join (http | select id, method, route) on parent == id \
                | summarize requests=count(), most=max(n), db=sum(db) by method, route, shape | sort db desc | take 1",
        tell: |row| {
            let text = format!(
                "N+1: {} {} runs one statement up to {} times a request ({} of SQL in {} requests{}): {}",
                row.text("method"),
                row.text("route"),
                row.text("most"),
                row.text("db"),
                row.text("requests"),
                if row.live { " of the last minute" } else { "" },
                row.text("shape"),
            );
            let rows = format!("http where method {} and route {}", row.equals("method"), row.equals("route"));
            (text, format!("{rows} and (role = 'server' or twin is null) | sort latency desc | take 500"))
        },
    },
    Rule {
        name: "a retry storm: 20 failing calls of one route within a second",
        query: "http where role = 'client' and error | summarize n=count() by process, method, route, bin(time, 1s) \
                | where n >= 20 | sort n desc | take 1",
        tell: |row| {
            let (process, route) = (row.text("process"), row.text("route"));
            let text = format!(
                "retry storm: {process} repeated failing {} {} times in a second: {route}",
                row.text("method"),
                row.text("n")
            );
            (
                text,
                format!(
                    "http where error and process {} and route {} | sort time desc | take 500",
                    row.equals("process"),
                    row.equals("route")
                ),
            )
        },
    },
    Rule {
        name: "a slow resolver: answers over 30ms, or none",
        query: "dns where role = 'client' or twin is null | summarize n=count(), slow=count(if latency > 30ms), \
                unanswered=count(if rcode is null), p99(latency) by remote_addr, remote_port \
                | where slow + unanswered >= 3 and (slow + unanswered) / n >= 0.02 | sort slow desc | take 1",
        tell: |row| {
            let text = format!(
                "slow resolver {}:{}: {} of {} answers took over 30ms, {} never came (p99 {})",
                row.text("remote_addr"),
                row.text("remote_port"),
                row.text("slow"),
                row.text("n"),
                row.text("unanswered"),
                row.text("p99"),
            );
            (
                text,
                format!(
                    "dns where remote_addr {} and (latency > 30ms or rcode is null) | sort latency desc | take 500",
                    row.equals("remote_addr")
                ),
            )
        },
    },
    Rule {
        name: "DNS questions in vain: names that do not exist, as search lists make them",
        query: "dns where role = 'client' or twin is null | summarize n=count(), wasted=count(if rcode = 'NXDOMAIN') by process \
                | where wasted >= 10 and wasted / n >= 0.3 | sort wasted desc | take 1",
        tell: |row| {
            let text = format!(
                "{} asks in vain: {} of its {} DNS questions name nothing (search list?)",
                row.text("process"),
                row.text("wasted"),
                row.text("n")
            );
            (text, format!("dns where process {} and rcode = 'NXDOMAIN' | count by name", row.equals("process")))
        },
    },
    Rule {
        name: "no keep-alive: a connection for each request",
        query: "conns where protocol = 'http' and role = 'client' and requests = 1 | summarize n=count() by process, remote_addr, remote_port \
                | where n >= 10 | sort n desc | take 1",
        tell: |row| {
            let text = format!(
                "{} opened {} connections to {}:{} for one request each: no keep-alive",
                row.text("process"),
                row.text("n"),
                row.text("remote_addr"),
                row.text("remote_port"),
            );
            (
                text,
                format!(
                    "conns where process {} and requests = 1 and remote_port {} | sort time desc | take 500",
                    row.equals("process"),
                    row.equals("remote_port")
                ),
            )
        },
    },
    Rule {
        name: "idle in transaction for more than a second",
        query: "pgsql where idle_before > 1s | summarize n=count(), longest=max(idle_before) by process \
                | sort longest desc | take 1",
        tell: |row| {
            let text = format!(
                "{} was idle in transaction {} times, {} at most",
                row.text("process"),
                row.text("n"),
                row.text("longest")
            );
            (
                text,
                format!(
                    "pgsql where process {} and idle_before > 1s | sort idle_before desc | take 500",
                    row.equals("process")
                ),
            )
        },
    },
    Rule {
        name: "a certificate that expires within 30 days",
        query: "tls where cert_not_after is not null | summarize n=count() by sni, cert_subject, cert_not_after \
                | extend left=cert_not_after - now | where left < 30d | sort cert_not_after | take 1",
        tell: |row| {
            let name = if matches!(row.value("sni"), Value::Null) { row.text("cert_subject") } else { row.text("sni") };
            let (day, left) = (row.text("cert_not_after"), row.text("left"));
            let when = match left.strip_prefix('-') {
                Some(ago) => format!("expired {ago} ago"),
                None => format!("expires in {left}"),
            };
            let text = format!("the certificate of {name} {when} ({day}), seen in {} handshakes", row.text("n"));
            let sni = row.equals("sni");
            (text, format!("tls where sni {sni} and cert_not_after is not null | sort time desc | take 500"))
        },
    },
];

/// What the answer to a rule's query says.
pub(super) fn read(rule: usize, table: &Table, live: bool) -> Option<Finding> {
    if table.height() == 0 {
        return None;
    }
    let (text, query) = (RULES.get(rule)?.tell)(&Row { table, live });
    Some(Finding { rule, text, query })
}

/// The first row of an answer.
struct Row<'a> {
    table: &'a Table,
    /// Rows are still coming.
    live: bool,
}

impl Row<'_> {
    fn value(&self, name: &str) -> Value {
        self.table.column(name).map_or(Value::Null, |column| self.table.value(0, column))
    }

    fn text(&self, name: &str) -> String {
        show(&self.value(name), name)
    }

    /// ` = value` or ` is null`, for a query.
    fn equals(&self, name: &str) -> String {
        match self.value(name) {
            Value::String(text) => format!("= {}", string(&text)),
            Value::U64(number) => format!("= {number}"),
            _ => "is null".to_owned(),
        }
    }
}
