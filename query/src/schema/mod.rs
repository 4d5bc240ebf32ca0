//! Every table and column: one list that feeds completion, help, type checks, `explore schema`, files and OTLP.
//!
//! A protocol is added by one file here that says, for each of its columns, name, type, meaning, and how to read it from
//! the record; then by one entry in `build`.

mod cell;
mod common;
mod conns;
mod dns;
mod http;
mod pgsql;
mod tls;

use std::sync::LazyLock;

use crate::types::Type;

pub(crate) use cell::{Cell, Field};
pub(crate) use common::FIELDS as COMMON;
pub(crate) use conns::{CONNS, INFLIGHT, LOSS, PROBES};
pub(crate) use dns::DNS;
pub(crate) use http::{GRPC, HTTP};
pub(crate) use pgsql::PGSQL;
pub(crate) use tls::TLS;

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub ty: Type,
    /// What it means.
    pub meaning: &'static str,
    /// The OpenTelemetry attribute that says the same.
    pub otel: Option<&'static str>,
}

impl Column {
    /// In which unit its values are; null for plain numbers and text.
    #[must_use]
    pub fn unit(&self) -> Option<&'static str> {
        self.ty.unit()
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What a row of it is.
    pub doc: &'static str,
    /// Its columns, in the order in which they are written.
    pub columns: Vec<Column>,
    /// The columns that a narrow screen shows, most telling first.
    pub headline: &'static [&'static str],
    /// Rows are exchanges or connections, which are given as they complete; else the table is a picture of the moment.
    pub is_log: bool,
}

impl Table {
    /// The column called `name`, whatever its case.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }
}

/// Every table, stored ones and views.
#[must_use]
pub fn tables() -> &'static [Table] {
    &TABLES
}

/// The table called `name`, whatever its case.
#[must_use]
pub fn table(name: &str) -> Option<&'static Table> {
    tables().iter().find(|table| table.name.eq_ignore_ascii_case(name))
}

/// The tables of exchanges: what `requests` is made of.
pub const EXCHANGES: [&str; 5] = ["http", "grpc", "pgsql", "dns", "tls"];

static TABLES: LazyLock<Vec<Table>> = LazyLock::new(build);

fn build() -> Vec<Table> {
    vec![
        exchanges(
            "http",
            "one HTTP/1.0, 1.1 or 2 exchange (gRPC has its own table)",
            HTTP,
            &["time", "process", "method", "host", "path", "status", "latency"],
        ),
        exchanges(
            "grpc",
            "one gRPC call",
            GRPC,
            &["time", "process", "rpc_service", "method", "status_name", "latency", "kind"],
        ),
        exchanges(
            "pgsql",
            "one PostgreSQL statement executed",
            PGSQL,
            &["time", "process", "operation", "rows", "sqlstate", "latency", "query"],
        ),
        exchanges("dns", "one DNS question", DNS, &["time", "process", "type", "name", "rcode", "latency", "answers"]),
        exchanges(
            "tls",
            "one TLS handshake, read without decryption",
            TLS,
            &["time", "process", "sni", "version", "alpn", "handshake", "decrypted", "reason"],
        ),
        Table {
            name: "conns",
            doc: "one connection",
            columns: columns(CONNS),
            headline: &[
                "time",
                "process",
                "remote_addr",
                "remote_port",
                "protocol",
                "state",
                "bytes_sent",
                "bytes_received",
                "duration",
            ],
            is_log: true,
        },
        requests(),
        inflight(),
        Table {
            name: "probes",
            doc: "one BPF program of explore",
            columns: columns(PROBES),
            headline: &["program", "hook", "state", "hits", "ns_per_hit", "reason", "target"],
            is_log: false,
        },
        Table {
            name: "loss",
            doc: "one cause of loss",
            columns: columns(LOSS),
            headline: &["cause", "events", "bytes", "first_seen"],
            is_log: false,
        },
    ]
}

fn columns<R>(fields: &[Field<R>]) -> Vec<Column> {
    fields.iter().map(|field| field.column).collect()
}

fn exchanges<R>(name: &'static str, doc: &'static str, own: &[Field<R>], headline: &'static [&'static str]) -> Table {
    let mut all = columns(COMMON);
    all.extend(columns(own));
    Table { name, doc, columns: all, headline, is_log: true }
}

fn requests() -> Table {
    let mut all = columns(COMMON);
    let column = |name, ty, meaning| Column { name, ty, meaning, otel: None };
    all.push(column("protocol", Type::String, "table that the row is from"));
    all.push(column("summary", Type::String, "what was asked, such as GET /cart or A example.com"));
    all.push(column("status", Type::U16, "status code; http only"));
    all.push(column("outcome", Type::String, "what came of it: status, status name, SQLSTATE or tag, rcode, alert"));
    Table {
        name: "requests",
        doc: "one exchange of any protocol (a view over http, grpc, pgsql, dns and tls)",
        columns: all,
        headline: &["time", "process", "protocol", "summary", "outcome", "latency"],
        is_log: true,
    }
}

fn inflight() -> Table {
    let mut all = columns(COMMON);
    let own = columns(INFLIGHT);
    for column in own {
        match all.iter_mut().find(|common| common.name == "latency" && column.name == "age") {
            Some(latency) => *latency = column,
            None => all.push(column),
        }
    }
    Table {
        name: "inflight",
        doc: "one exchange begun and not answered, oldest first",
        columns: all,
        headline: &["time", "age", "process", "protocol", "summary", "remote_addr"],
        is_log: false,
    }
}

#[cfg(test)]
mod tests;
