//! The columns that an expression can name.

use std::collections::BTreeSet;

use crate::ast::Name;
use crate::error::{QueryError, Span, nearest};
use crate::schema;
use crate::types::Type;

/// A column in scope.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ScopeColumn {
    pub(crate) name: String,
    pub(crate) ty: Type,
    /// It is the table's own, not computed.
    pub(crate) stored: bool,
}

/// The columns after a stage.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scope {
    pub(crate) columns: Vec<ScopeColumn>,
    /// The stored columns that were named so far: only these are read.
    pub(crate) used: BTreeSet<String>,
}

/// Names that other tools use.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("code", "status"),
    ("status_code", "status"),
    ("response_code", "status"),
    ("duration", "latency"),
    ("elapsed", "latency"),
    ("response_time", "latency"),
    ("url", "path"),
    ("uri", "path"),
    ("endpoint", "route"),
    ("verb", "method"),
    ("timestamp", "time"),
    ("ts", "time"),
    ("src_ip", "remote_addr"),
    ("client_ip", "remote_addr"),
    ("ip", "remote_addr"),
    ("addr", "remote_addr"),
    ("port", "remote_port"),
    ("comm", "process"),
    ("command", "process"),
    ("sql", "query"),
    ("statement_text", "query"),
    ("domain", "name"),
    ("qname", "name"),
    ("qtype", "type"),
    ("response_body", "resp_body"),
    ("request_body", "req_body"),
    ("body", "resp_body"),
    ("headers", "req_headers"),
    ("size", "resp_bytes"),
    ("host_name", "host"),
    ("hostname", "node"),
    ("server_name", "sni"),
    ("fqdn", "name"),
];

impl Scope {
    pub(crate) fn of(table: &schema::Table) -> Self {
        let column =
            |column: &schema::Column| ScopeColumn { name: column.name.to_owned(), ty: column.ty, stored: true };
        Self { columns: table.columns.iter().map(column).collect(), used: BTreeSet::new() }
    }

    pub(crate) fn find(&self, name: &str) -> Option<&ScopeColumn> {
        let exact = self.columns.iter().find(|column| column.name == name);
        exact.or_else(|| self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)))
    }

    /// Looks `name` up for reading it.
    pub(crate) fn resolve(&mut self, name: &str, span: Span) -> Result<ScopeColumn, QueryError> {
        let Some(column) = self.find(name).cloned() else { return Err(self.unknown(name, span)) };
        if column.stored {
            self.used.insert(column.name.clone());
        }
        Ok(column)
    }

    pub(crate) fn resolve_name(&mut self, name: &Name) -> Result<ScopeColumn, QueryError> {
        self.resolve(&name.text, name.span)
    }

    /// Whatever is still a stored column here is read.
    pub(crate) fn use_all(&mut self) {
        self.used.extend(self.columns.iter().filter(|column| column.stored).map(|column| column.name.clone()));
    }

    fn unknown(&self, name: &str, span: Span) -> QueryError {
        let error = QueryError::new(span, format!("there is no column `{name}`"));
        let names = || self.columns.iter().map(|column| column.name.as_str());
        let lower = name.to_ascii_lowercase();
        let other = OTHER_NAMES.iter().filter(|(theirs, ours)| *theirs == lower && self.find(ours).is_some());
        let mut near: Vec<&str> = other.map(|(_, ours)| *ours).collect();
        near.extend(nearest(name, names()));
        near.dedup();
        let elsewhere: Vec<&str> = schema::tables()
            .iter()
            .filter(|table| table.column(name).is_some())
            .map(|table| table.name)
            .take(3)
            .collect();
        let error = match near.as_slice() {
            [] => error,
            near => {
                let quoted: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
                error.hint(format!("did you mean {}?", quoted.join(" or ")))
            }
        };
        let error = match elsewhere.as_slice() {
            [] => error,
            [table] if near.is_empty() => error.hint(format!("table {table} has such a column")),
            tables if near.is_empty() => error.hint(format!("tables {} have such a column", tables.join(", "))),
            _ => error,
        };
        let all: Vec<&str> = names().collect();
        match all.as_slice() {
            [] => error,
            all if (near.is_empty() && elsewhere.is_empty()) || all.len() <= 12 => {
                error.hint(format!("columns here: {}", all.join(" ")))
            }
            _ => error,
        }
    }
}
