//! HTTP/2 and gRPC: every `:method` and `:path`, every `:status`, every `grpc-status`.

use std::path::Path;

use crate::facts::Facts;
use crate::rows::rows;
use crate::truth::Table;

pub(crate) fn expected(table: &Table) -> Facts {
    let mut facts = Facts::default();
    for frame in table.frames() {
        let (source, destination) = frame.ends();
        for (method, path) in frame.pairs("http2.headers.method", "http2.headers.path") {
            facts.add(format!("{source} -> {destination} {method} {path}"));
        }
        for status in frame.all("http2.headers.status") {
            facts.add(format!("{source} -> {destination} {status}"));
        }
        let (names, values) = (frame.all("http2.header.name"), frame.all("http2.header.value"));
        if names.len() == values.len() {
            for (_, status) in names.iter().zip(values).filter(|(name, _)| **name == "grpc-status") {
                facts.add(format!("{source} -> {destination} grpc-status {status}"));
            }
        }
    }
    facts
}

pub(crate) fn found(capture: &Path) -> Facts {
    let ends = "local_addr, local_port, remote_addr, remote_port";
    let mut facts = Facts::default();
    for row in rows(capture, &format!("http where version = '2' | select method, path, query, status, {ends}")) {
        let (client, server) = row.ends();
        let (method, path, query, status) =
            (row.text("method"), row.text("path"), row.text("query"), row.text("status"));
        if !method.is_empty() && !path.is_empty() {
            let mark = if query.is_empty() { "" } else { "?" };
            facts.add(format!("{client} -> {server} {method} {path}{mark}{query}"));
        }
        if !status.is_empty() {
            facts.add(format!("{server} -> {client} {status}"));
        }
    }
    for row in rows(capture, &format!("grpc | select path, http_status, status, {ends}")) {
        let (client, server) = row.ends();
        let (path, http_status, status) = (row.text("path"), row.text("http_status"), row.text("status"));
        if !path.is_empty() {
            facts.add(format!("{client} -> {server} POST {path}"));
        }
        if !http_status.is_empty() {
            facts.add(format!("{server} -> {client} {http_status}"));
        }
        if !status.is_empty() {
            facts.add(format!("{server} -> {client} grpc-status {status}"));
        }
    }
    facts
}
