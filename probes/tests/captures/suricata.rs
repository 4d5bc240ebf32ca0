//! What Suricata's own tests expect of their captures (`../shared/corpora/suricata-verify`), of HTTP and DNS: so many events
//! with such values. An event is a request or an answer, a row is both, so each is counted among the rows whose half says
//! it. What Suricata tells beyond our columns (flags, transaction and packet numbers, other sections) is left out.
//!
//! Where the two rightly differ, `tests/tshark/differences.txt` says why.

use std::collections::BTreeSet;
use std::fs;

use crate::capture::corpora;
use protocols::event::Address;
use protocols::record::{Dns, Http, Record};

/// So many events have these values.
#[derive(Debug, Default)]
struct Expectation {
    count: usize,
    values: Vec<(String, String)>,
    /// Not of the usual log: it tests which events are logged.
    elsewhere: bool,
}

impl Expectation {
    fn event(&self) -> &str {
        self.values.iter().find(|(key, _)| key == "event_type").map_or("", |(_, value)| value)
    }
}

/// The filters of a `test.yaml`: of all YAML, they are lines `key: value` that are deeper than `match:`.
fn expectations(yaml: &str) -> Vec<Expectation> {
    let mut all: Vec<Expectation> = Vec::new();
    let mut match_at = None;
    for line in yaml.lines() {
        let text = line.trim();
        let depth = line.len() - line.trim_start().len();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if text.starts_with("- ") {
            match_at = None;
            all.push(Expectation::default());
            continue;
        }
        let (Some(one), Some((key, value))) = (all.last_mut(), text.split_once(':')) else { continue };
        let value = value.split(" #").next().unwrap().trim();
        let quoted = value.strip_prefix(['"', '\'']).and_then(|value| value.strip_suffix(['"', '\'']));
        let value = quoted.unwrap_or(value).to_owned();
        match (key, match_at) {
            (key, Some(at)) if depth > at => one.values.push((key.to_owned(), value)),
            ("match", _) => match_at = Some(depth),
            ("count", _) => one.count = value.parse().unwrap_or_default(),
            ("filename", _) => one.elsewhere = true,
            _ => {}
        }
    }
    all
}

/// Whether a row is such an event: null where a value has no column.
fn http(row: &Http, key: &str, value: &str) -> Option<bool> {
    let is = |column: &Option<String>| column.as_deref() == Some(value);
    Some(match key {
        "event_type" => value == "http",
        "http.http_method" => is(&row.method),
        "http.hostname" => {
            row.host.as_deref().is_some_and(|host| host == value || host.starts_with(&format!("{value}:")))
        }
        "http.http_user_agent" => is(&row.user_agent),
        "http.status" => row.status.is_some_and(|status| status.to_string() == value),
        "http.protocol" => row.version.is_some_and(|version| value == format!("HTTP/{version}")),
        "http.url" => {
            let query = row.query.as_ref().map_or(String::new(), |query| format!("?{query}"));
            row.path.as_ref().is_some_and(|path| format!("{path}{query}") == value)
        }
        _ => return None,
    })
}

fn is_answer(kind: &str) -> bool {
    kind == "answer" || kind == "response"
}

/// The question was seen: what took a time, or has no answer.
fn is_asked(row: &Dns) -> bool {
    row.common.latency.is_some() || row.rcode.is_none()
}

fn dns(row: &Dns, key: &str, value: &str, of_answer: bool) -> Option<bool> {
    let is = |column: &Option<String>| column.as_ref().is_some_and(|column| column.eq_ignore_ascii_case(value));
    let answers = row.answers.as_deref().unwrap_or_default();
    let types = row.answer_types.as_deref().unwrap_or_default();
    let plain = |text: &str| text.replace('"', "").trim_end_matches('.').to_owned();
    // Each string of a text is an answer of its own there.
    let has = |wanted: &str| {
        let quoted = format!("\"{wanted}\"");
        answers.iter().any(|answer| plain(answer) == plain(wanted) || answer.contains(&quoted))
    };
    let ends = &row.common.ends;
    let has_address = |known: &Option<Address>| {
        matches!(known, Some(Address::Ip(known)) if value.parse() == Ok(*known)) //
    };
    let has_port = |known: Option<u16>| known.is_some_and(|known| known.to_string() == value);
    Some(match key {
        "event_type" => value == "dns",
        "dns.type" if is_answer(value) => row.rcode.is_some(),
        "dns.type" => is_asked(row),
        "dns.rrname" | "dns.queries[0].rrname" => {
            let name = if value.is_empty() { "." } else { value };
            row.name.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(name))
        }
        "dns.rrtype" | "dns.queries[0].rrtype" => is(&row.r#type),
        "dns.id" => row.dns_id.is_some_and(|id| id.to_string() == value),
        "dns.rcode" if of_answer => is(&row.rcode),
        "dns.ra" if of_answer => row.recursion_available.is_some_and(|available| available.to_string() == value),
        "dns.answers.__len" => answers.len().to_string() == value,
        "proto" => row.transport.is_some_and(|transport| transport.name().eq_ignore_ascii_case(value)),
        // Suricata turns answers round, or not, by version.
        "src_ip" | "dest_ip" => has_address(&ends.remote_addr) || has_address(&ends.local_addr),
        "src_port" | "dest_port" => has_port(ends.remote_port) || has_port(ends.local_port),
        _ if key.starts_with("dns.grouped.") => has(value),
        _ if key.starts_with("dns.answers[") && key.ends_with(".rdata") => has(value),
        _ if key.starts_with("dns.answers[") && key.ends_with("].rrtype") => {
            types.iter().any(|known| known.eq_ignore_ascii_case(value))
        }
        _ => return None,
    })
}

fn found(rows: &[Record], expected: &Expectation) -> usize {
    let told = expected.values.iter().find(|(key, _)| key == "dns.type").map(|(_, value)| &**value);
    let tells_answer = |(key, _): &(String, String)| {
        ["dns.rcode", "dns.answers", "dns.authorities", "dns.grouped"].iter().any(|start| key.starts_with(start))
    };
    let kind = told.unwrap_or(if expected.values.iter().any(tells_answer) { "answer" } else { "" });
    let matches = |row: &&Record| {
        expected.values.iter().all(|(key, value)| match row {
            Record::Http(row) => http(row, key, value).unwrap_or(true),
            Record::Dns(row) => dns(row, key, value, is_answer(kind)).unwrap_or(true),
            _ => false,
        })
    };
    let halves = |row: &Record| match row {
        // Nothing says which half: both are events.
        Record::Dns(row) if kind.is_empty() => usize::from(is_asked(row)) + usize::from(row.rcode.is_some()),
        _ => 1,
    };
    rows.iter().filter(matches).map(halves).sum()
}

/// Tests that are listed as rightly differing.
fn listed() -> BTreeSet<String> {
    let lines = include_str!("../../../tests/tshark/differences.txt").lines();
    let of_suricata = lines.filter_map(|line| line.strip_prefix("suricata "));
    of_suricata.map(|line| line.split_once(": ").unwrap().0.to_owned()).collect()
}

#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn suricatas_own_tests() {
    let folder = corpora().join("suricata-verify");
    let map = fs::read_to_string(folder.join("MAP.tsv")).unwrap();
    let (mut compared, mut differ, mut report) = (0, BTreeSet::new(), String::new());
    let listed = listed();
    for line in map.lines().skip(1) {
        let mut columns = line.split('\t');
        let (Some(test), Some(capture)) = (columns.next(), columns.next()) else { continue };
        let (Ok(yaml), capture) = (fs::read_to_string(folder.join(test).join("test.yaml")), folder.join(capture))
        else {
            continue;
        };
        let wanted = |one: &Expectation| !one.elsewhere && matches!(one.event(), "http" | "dns");
        let expected: Vec<_> = expectations(&yaml).into_iter().filter(wanted).collect();
        if expected.is_empty() || !capture.exists() {
            continue;
        }
        let rows = crate::truth::rows(&capture, "");
        for one in expected {
            compared += 1;
            let found = found(&rows, &one);
            if found != one.count {
                differ.insert(test.to_owned());
                if !listed.contains(test) {
                    report.push_str(&format!("{test}: {found} instead of {}: {:?}\n", one.count, one.values));
                }
            }
        }
    }
    for name in listed.difference(&differ) {
        report.push_str(&format!("{name} is listed, but does not differ\n"));
    }
    assert!(report.is_empty(), "of {compared} expectations these differ\n{report}");
    assert!(compared > 400, "{compared}");
}
