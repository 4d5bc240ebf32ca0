//! The server's own log: the rows are the requests that nginx says it answered, each once.

use serde_json::Value;

use crate::facts::{Facts, fixtures};
use crate::rows::rows;

#[track_caller]
fn check(capture: &str, log: &str) {
    let mut logged = Facts::default();
    for line in std::fs::read_to_string(fixtures().join(log)).unwrap().lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        // nginx logs no protocol for HTTP/0.9, and a status that is not on the wire.
        let status = if text("proto").is_empty() && !text("method").is_empty() {
            String::new()
        } else {
            entry["status"].to_string()
        };
        logged.add(format!("{} {} {} {status}", entry["client_port"], text("method"), text("uri")));
    }
    let mut found = Facts::default();
    for row in rows(&fixtures().join(capture), "http | select method, path, query, status, remote_port") {
        let query = Some(row.text("query")).filter(|query| !query.is_empty());
        let uri = row.text("path") + &query.map(|query| format!("?{query}")).unwrap_or_default();
        found.add(format!("{} {} {uri} {}", row.text("remote_port"), row.text("method"), row.text("status")));
    }
    let differences = found.beside(&logged);
    assert!(differences.is_empty(), "{capture} beside {log}:\n{differences}");
}

#[test]
fn http1_rows_are_what_nginx_logged() {
    check("http1.pcap.xz", "http1.access.jsonl");
}

#[test]
fn http2_rows_are_what_nginx_logged() {
    check("h2c.pcap.zst", "h2c.access.jsonl");
}

#[test]
fn decrypted_rows_are_what_nginx_logged() {
    check("https-h2.pcapng.gz", "https-h2.access.jsonl");
}
