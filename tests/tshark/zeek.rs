//! Zeek's logs of its own test captures, where the capture is read as it is: every request with its status, every DNS
//! question with its code. `../shared/corpora/zeek/MAP.tsv` says which log belongs to which capture.

use std::collections::BTreeSet;
use std::path::Path;

use crate::facts::{Facts, corpora, listed};
use crate::rows::rows;
use crate::truth::Table;

/// Zeek writes `-` for nothing.
fn or_dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

fn http(log: &Table) -> Facts {
    let mut facts = Facts::default();
    for line in log.frames() {
        let [port, method, uri, status] = ["id.orig_p", "method", "uri", "status_code"].map(|column| line.text(column));
        facts.add(format!("{port} {method} {uri} {status}"));
    }
    facts
}

fn http_rows(capture: &Path) -> Facts {
    let mut facts = Facts::default();
    for row in rows(capture, "http | select method, path, query, status, local_addr, remote_port") {
        let [port, method, path, query, status] =
            ["remote_port", "method", "path", "query", "status"].map(|column| row.text(column));
        let mark = if query.is_empty() { "" } else { "?" };
        facts.add(format!("{port} {} {}{mark}{query} {}", or_dash(method), or_dash(path), or_dash(status)));
    }
    facts
}

fn dns(log: &Table) -> Facts {
    let mut facts = Facts::default();
    for line in log.frames() {
        let [port, id, name, kind, code] =
            ["id.orig_p", "trans_id", "query", "qtype_name", "rcode_name"].map(|column| line.text(column));
        facts.add(format!("{port} {id} {} {kind} {code}", name.to_lowercase()));
    }
    facts
}

fn dns_rows(capture: &Path) -> Facts {
    let mut facts = Facts::default();
    for row in rows(capture, "dns | select dns_id, name, type, rcode, remote_port") {
        let [port, id, name, kind, code] =
            ["remote_port", "dns_id", "name", "type", "rcode"].map(|column| or_dash(row.text(column)));
        facts.add(format!("{port} {id} {} {kind} {code}", name.to_lowercase()));
    }
    facts
}

/// A log that says what these columns hold.
fn log(path: &Path, columns: &[&str]) -> Option<Table> {
    let text = std::fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let fields = text.lines().find_map(|line| line.strip_prefix("#fields\t"))?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let table = Table::of(fields, lines);
    columns.iter().all(|column| table.has(column)).then_some(table)
}

#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn zeeks_own_logs() {
    let folder = corpora().join("zeek");
    let mut listed = listed("zeek", &corpora());
    let map = std::fs::read_to_string(folder.join("MAP.tsv")).unwrap();
    // Tests of other things change what is read: signatures, analyzers of their own.
    let lines = map.lines().skip(1).filter(|line| !line.contains("spicy"));
    let tests: BTreeSet<(&str, &str)> = lines.filter_map(|line| Some((field(line, 0)?, field(line, 2)?))).collect();
    let (mut compared, mut report, mut differ) = (0, String::new(), BTreeSet::new());
    for (trace, baseline) in tests {
        let capture = folder.join("Traces").join(trace);
        let Ok(logs) = std::fs::read_dir(folder.join("Baseline").join(baseline)) else { continue };
        if !capture.exists() {
            continue;
        }
        for path in logs.map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let lines = if name.starts_with("http") && name.ends_with(".log") {
                let Some(log) = log(&path, &["id.orig_p", "method", "uri", "status_code"]) else { continue };
                http_rows(&capture).beside(&http(&log))
            } else if name.starts_with("dns") && name.ends_with(".log") {
                let Some(log) = log(&path, &["id.orig_p", "trans_id", "query", "qtype_name", "rcode_name"]) else {
                    continue;
                };
                dns_rows(&capture).beside(&dns(&log))
            } else {
                continue;
            };
            compared += 1;
            if !lines.is_empty() {
                differ.insert(trace.to_owned());
                if !listed.contains(trace) {
                    report.push_str(&format!("{trace} ({baseline}/{name})\n{lines}"));
                }
            }
        }
    }
    for name in std::mem::take(&mut listed).difference(&differ) {
        report.push_str(&format!("{name} is listed, but does not differ\n"));
    }
    assert!(report.is_empty(), "zeek: of {compared} logs these differ\n{report}");
    assert!(compared >= 45, "{compared}");
}

fn field(line: &str, at: usize) -> Option<&str> {
    line.split('\t').nth(at)
}
