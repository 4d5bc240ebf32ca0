//! Rows of snapshots on their way to the exporter: read table by table, given in order of completion, as live ones are.
//!
//! Only what the exporter looks at is read: no bodies, no answers' headers. What a snapshot does not hold (a pod, a column
//! that another version did not have) stays unobserved.

use std::net::IpAddr;
use std::sync::Arc;

use protocols::event::{Address, ProcessNames, Timestamp, Transport};
use protocols::record::{Common, Dns, Ends, Grpc, Header, Http, Identity, Pgsql, Record, Role};
use query::{Context, Query, QueryError, Snapshot, Streaming, Table, Value};

/// Reads `rows`, and gives each exchange of a table that is exported once, until `take` says that it is enough; returns how
/// many are left then.
///
/// # Errors
/// When a file cannot be read to its end; what came before was given.
pub(super) fn read(rows: &Snapshot, take: &mut dyn FnMut(Record) -> bool) -> Result<u64, QueryError> {
    let mut left: u64 = TABLES.iter().map(|(table, ..)| rows.rows(table)).sum();
    let mut sources: Vec<Source> = TABLES.iter().map(Source::open).collect::<Result<_, _>>()?;
    loop {
        for source in &mut sources {
            source.fill(rows)?;
        }
        let next = sources.iter_mut().filter(|source| source.completed.is_some()).min_by_key(|source| source.completed);
        let Some(source) = next else { return Ok(0) };
        left = left.saturating_sub(1);
        if source.next().is_some_and(|record| !take(record)) {
            return Ok(left);
        }
    }
}

/// How a row of some table becomes a record.
type Make = fn(&Row<'_>, Common) -> Record;

/// The tables whose rows are exported, their own columns, and what becomes of a row.
const TABLES: [(&str, &str, Make); 4] = [
    (
        "http",
        "version, method, scheme, host, path, query, route, status, user_agent, req_bytes, resp_bytes, req_headers",
        http,
    ),
    ("grpc", "rpc_service, method, path, host, status_name, req_headers", grpc),
    ("pgsql", "operation, query, shape, rows, tag, sqlstate, database", pgsql),
    ("dns", "name, type, rcode, answers, transport", dns),
];

/// The common columns that spans and metrics say.
const COMMON: &str = "time, latency, id, parent, twin, role, process, pid, exe, container, service, node, local_addr, \
                      local_port, remote_addr, remote_port, remote_name, tls, trace_id, span_id, error, truncated, gap, \
                      midstream";

/// One table, a part of it at a time.
struct Source {
    rows: Streaming,
    make: Make,
    part: Option<Table>,
    at: usize,
    /// When the row at hand was complete; null when there is none.
    completed: Option<u64>,
}

impl Source {
    fn open((table, own, make): &(&str, &str, Make)) -> Result<Self, QueryError> {
        let query = Query::parse(&format!("{table} | select {COMMON}, {own}"))?;
        let rows = query.streaming().ok_or_else(|| QueryError::run(format!("{table} gives no rows one by one")))?;
        Ok(Self { rows, make: *make, part: None, at: 0, completed: None })
    }

    /// Reads on where the part at hand is used up.
    fn fill(&mut self, rows: &Snapshot) -> Result<(), QueryError> {
        if self.completed.is_some() {
            return Ok(());
        }
        while self.part.as_ref().is_none_or(|part| self.at >= part.height()) {
            if !self.rows.has_more(rows) {
                return Ok(());
            }
            self.part = Some(self.rows.push(rows, &NO_CONTEXT)?);
            self.at = 0;
        }
        let row = self.part.as_ref().map(|table| Row { table, at: self.at });
        self.completed =
            row.map(|row| row.time().unwrap_or(0).saturating_add(row.number::<u64>("latency").unwrap_or(0)));
        Ok(())
    }

    /// The row at hand; null where it has no time, as no row of explore.
    fn next(&mut self) -> Option<Record> {
        let row = Row { table: self.part.as_ref()?, at: self.at };
        let record = row.common().map(|common| (self.make)(&row, common));
        self.at = self.at.saturating_add(1);
        self.completed = None;
        record
    }
}

/// Nothing that is read depends on it.
const NO_CONTEXT: Context = Context { now: 0, start: 0, end: 0, live: false };

/// A row of a result.
struct Row<'a> {
    table: &'a Table,
    at: usize,
}

impl Row<'_> {
    fn value(&self, name: &str) -> Value {
        self.table.column(name).map_or(Value::Null, |column| self.table.value(self.at, column))
    }

    fn text(&self, name: &str) -> Option<String> {
        match self.value(name) {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    fn shared(&self, name: &str) -> Option<Arc<str>> {
        self.text(name).map(Arc::from)
    }

    fn number<T: TryFrom<u64>>(&self, name: &str) -> Option<T> {
        let number = match self.value(name) {
            Value::U64(number) | Value::Bytes(number) => number,
            Value::Duration(ns) => u64::try_from(ns).ok()?,
            _ => return None,
        };
        T::try_from(number).ok()
    }

    fn flag(&self, name: &str) -> Option<bool> {
        match self.value(name) {
            Value::Bool(flag) => Some(flag),
            _ => None,
        }
    }

    fn time(&self) -> Option<u64> {
        match self.value("time") {
            Value::Time(time) => u64::try_from(time).ok(),
            _ => None,
        }
    }

    fn address(&self, name: &str) -> Option<Address> {
        let text = self.text(name)?;
        Some(text.parse::<IpAddr>().map_or_else(|_| Address::Unix(text.into()), Address::Ip))
    }

    fn headers(&self, name: &str) -> Option<Vec<Header>> {
        let Value::Headers(headers) = self.value(name) else { return None };
        let header = |(name, value): (Option<String>, Option<String>)| Header {
            name: name.map(Arc::from),
            value: value.map(Arc::from),
        };
        Some(headers.into_iter().map(header).collect())
    }

    fn texts(&self, name: &str) -> Option<Vec<String>> {
        let Value::List(texts) = self.value(name) else { return None };
        Some(texts.into_iter().flatten().collect())
    }

    fn common(&self) -> Option<Common> {
        Some(Common {
            time: Timestamp(self.time()?),
            latency: self.number("latency"),
            id: self.number("id")?,
            parent: self.number("parent"),
            twin: self.number("twin"),
            role: one_of(self.text("role"), [Role::Client, Role::Server], Role::name),
            identity: self.identity(),
            ends: Ends {
                local_addr: self.address("local_addr"),
                local_port: self.number("local_port"),
                remote_addr: self.address("remote_addr"),
                remote_port: self.number("remote_port"),
                remote_name: self.shared("remote_name"),
            },
            tls: self.flag("tls").unwrap_or_default(),
            trace_id: self.text("trace_id"),
            span_id: self.text("span_id"),
            error: self.flag("error"),
            truncated: self.flag("truncated").unwrap_or_default(),
            gap: self.flag("gap").unwrap_or_default(),
            midstream: self.flag("midstream").unwrap_or_default(),
            ..Common::default()
        })
    }

    fn identity(&self) -> Identity {
        let names = ProcessNames {
            process: self.shared("process"),
            exe: self.shared("exe"),
            container: self.shared("container"),
            service: self.shared("service"),
            ..ProcessNames::default()
        };
        let known = names != ProcessNames::default();
        Identity { pid: self.number("pid"), names: known.then(|| Arc::new(names)), node: self.shared("node") }
    }
}

fn http(row: &Row<'_>, common: Common) -> Record {
    Record::Http(Box::new(Http {
        common,
        version: one_of(row.text("version"), ["1.0", "1.1", "2"], |version| version),
        method: row.text("method"),
        scheme: row.text("scheme"),
        host: row.text("host"),
        path: row.text("path"),
        query: row.text("query"),
        route: row.text("route"),
        status: row.number("status"),
        user_agent: row.text("user_agent"),
        req_bytes: row.number("req_bytes"),
        resp_bytes: row.number("resp_bytes"),
        req_headers: row.headers("req_headers"),
        ..Http::default()
    }))
}

fn grpc(row: &Row<'_>, common: Common) -> Record {
    Record::Grpc(Box::new(Grpc {
        common,
        rpc_service: row.text("rpc_service"),
        method: row.text("method"),
        path: row.text("path"),
        host: row.text("host"),
        status_name: row.text("status_name"),
        req_headers: row.headers("req_headers"),
        ..Grpc::default()
    }))
}

fn pgsql(row: &Row<'_>, common: Common) -> Record {
    Record::Pgsql(Box::new(Pgsql {
        common,
        operation: row.text("operation"),
        query: row.text("query"),
        shape: row.text("shape"),
        rows: row.number("rows"),
        tag: row.text("tag"),
        sqlstate: row.text("sqlstate"),
        database: row.text("database"),
        ..Pgsql::default()
    }))
}

fn dns(row: &Row<'_>, common: Common) -> Record {
    Record::Dns(Box::new(Dns {
        common,
        name: row.text("name"),
        r#type: row.text("type"),
        rcode: row.text("rcode"),
        answers: row.texts("answers"),
        transport: one_of(row.text("transport"), [Transport::Tcp, Transport::Udp, Transport::Unix], Transport::name),
        ..Dns::default()
    }))
}

/// The one of `all` that is called so.
fn one_of<T: Copy, const N: usize>(text: Option<String>, all: [T; N], name: fn(T) -> &'static str) -> Option<T> {
    let text = text?;
    all.into_iter().find(|one| name(*one) == text)
}
