//! HTTP/1: every request line and every final status.

use std::path::Path;

use crate::facts::Facts;
use crate::rows::rows;
use crate::truth::Table;

pub(crate) fn expected(table: &Table) -> Facts {
    let mut facts = Facts::default();
    // SSDP speaks something alike over UDP.
    for frame in table.frames().filter(|frame| !frame.text("tcp.stream").is_empty()) {
        let (source, destination) = frame.ends();
        for (method, uri) in frame.all("http.request.method").into_iter().zip(targets(frame.text("http.request.uri"))) {
            facts.add(format!("{source} -> {destination} {}", request(method, &uri)));
        }
        for status in frame.all("http.response.code").into_iter().filter(|status| is_final(status)) {
            facts.add(format!("{source} -> {destination} {status}"));
        }
    }
    facts
}

pub(crate) fn found(capture: &Path) -> Facts {
    let query = "http where version != '2' or version is null \
                 | select method, path, query, status, local_addr, local_port, remote_addr, remote_port";
    let mut facts = Facts::default();
    for row in rows(capture, query) {
        let (client, server) = row.ends();
        let (method, path, query, status) =
            (row.text("method"), row.text("path"), row.text("query"), row.text("status"));
        if !method.is_empty() {
            let uri = if query.is_empty() { path } else { format!("{path}?{query}") };
            facts.add(format!("{client} -> {server} {}", request(&method, &uri)));
        }
        if is_final(&status) {
            facts.add(format!("{server} -> {client} {status}"));
        }
    }
    facts
}

/// The targets of a frame, some of which may hold a `|` of their own: each begins as targets do.
fn targets(text: &str) -> Vec<String> {
    let mut targets: Vec<String> = Vec::new();
    for part in text.split('|') {
        let begins = part.starts_with(['/', '*']) || part.contains("://") || part.contains(':');
        match targets.last_mut().filter(|_| !begins) {
            Some(last) => *last = format!("{last}|{part}"),
            None => targets.push(part.to_owned()),
        }
    }
    targets
}

fn is_final(status: &str) -> bool {
    status == "101" || status.parse().is_ok_and(|status: u16| status >= 200)
}

/// Absolute targets lose scheme and host, which have columns of their own; CONNECT's is all host.
fn request(method: &str, uri: &str) -> String {
    if method == "CONNECT" {
        return method.to_owned();
    }
    let rest = uri.split_once("://").filter(|(scheme, _)| scheme.chars().all(char::is_alphanumeric));
    let path = rest.map_or(uri, |(_, rest)| rest.find(['/', '?']).map_or("/", |at| &rest[at..]));
    format!("{method} {}", path.strip_suffix('?').unwrap_or(path))
}
