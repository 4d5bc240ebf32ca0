//! Answers that other tools published with captures of the corpora, or that a client logged itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use protocols::record::{Http, Record};
use serde_json::Value;

use crate::capture::{corpora, find};
use crate::truth::rows;

/// How often each fact was told.
type Facts = BTreeMap<String, usize>;

fn facts(all: impl Iterator<Item = String>) -> Facts {
    let mut facts = Facts::new();
    all.for_each(|fact| *facts.entry(fact).or_default() += 1);
    facts
}

fn http(records: &[Record]) -> impl Iterator<Item = &Http> {
    records.iter().filter_map(|record| if let Record::Http(row) = record { Some(&**row) } else { None })
}

fn lines(path: &Path) -> Vec<String> {
    String::from_utf8_lossy(&fs::read(path).unwrap()).lines().map(str::to_owned).collect()
}

/// grpc-js logged every call with its status and message; a deadline that passed is none on the wire.
#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn calls_are_those_of_the_clients_log() {
    let folder = corpora().join("recorded/grpc");
    let expected = facts(lines(&folder.join("grpc-js.client.jsonl")).iter().map(|line| {
        let call: Value = serde_json::from_str(line).unwrap();
        let on_wire = |column: &str| if call["code"] == 4 { Value::Null } else { call[column].clone() };
        format!("{} {} {} {}", call["method"], on_wire("code"), on_wire("details"), call["msgs"])
    }));
    let records = rows(&folder.join("grpc-js.pcap"), "");
    let calls = records.iter().filter_map(|record| if let Record::Grpc(row) = record { Some(row) } else { None });
    let found = facts(calls.map(|row| {
        let streams = row.resp_messages.filter(|_| !row.path.as_deref().unwrap().ends_with("/UnaryCall"));
        let messages = streams.filter(|count| *count > 0);
        format!(
            "{} {} {} {}",
            Value::from(row.path.clone()),
            Value::from(row.status),
            Value::from(row.message.clone().filter(|message| !message.is_empty())),
            Value::from(messages)
        )
    }));
    assert_eq!(found, expected);
}

/// nginx's pages, as Postman's captures have them beside.
#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn bodies_are_those_that_were_served() {
    let folder = corpora().join("postman-insights");
    let page = |number: u8| fs::read(folder.join(format!("simple_http_response_body_{number}"))).unwrap();
    for (capture, pages) in [("simple_http", 1), ("simple_http_two", 2), ("simple_http_two_with_noise", 2)] {
        let records = rows(&folder.join(capture).with_extension("pcap"), "");
        let bodies: Vec<_> = http(&records).map(|row| row.resp_body.clone().unwrap()).collect();
        assert_eq!(bodies, (1..=pages).map(page).collect::<Vec<_>>(), "{capture}");
    }
}

/// The value behind `name: ` in Rust's debug text.
fn debug_field<'a>(line: &'a str, name: &str) -> &'a str {
    let rest = line.split_once(&format!(" {name}: ")).unwrap().1;
    match rest.strip_prefix('"') {
        Some(text) => text.split('"').next().unwrap(),
        None => rest.split([',', ' ']).next().unwrap(),
    }
}

/// DeepFlow's view of requests and answers, one a line.
#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn http_is_what_deepflow_says() {
    let mut truths = Vec::new();
    find(&corpora().join("deepflow/http"), ".result", &mut truths);
    assert!(truths.len() >= 4);
    for truth in truths {
        let records = rows(&truth.with_extension("pcap"), "");
        let expected = facts(lines(&truth).iter().filter_map(|line| match debug_field(line, "msg_type") {
            "Request" => Some(format!(
                "{} {} {}",
                debug_field(line, "method").to_uppercase(),
                debug_field(line, "host"),
                debug_field(line, "path")
            )),
            "Response" => Some(debug_field(line, "status_code").to_owned()),
            // A segment in the middle.
            _ => None,
        }));
        let found = facts(http(&records).flat_map(|row| {
            let query = row.query.as_ref().map_or(String::new(), |query| format!("?{query}"));
            let asked = row.method.as_ref().map(|method| {
                format!("{method} {} {}{query}", row.host.as_deref().unwrap(), row.path.as_deref().unwrap()) //
            });
            asked.into_iter().chain(row.status.map(|status| format!("Some({status})")))
        }));
        assert_eq!(found, expected, "{}", truth.display());
    }
}

#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn dns_is_what_deepflow_says() {
    let mut truths = Vec::new();
    find(&corpora().join("deepflow/dns"), ".result", &mut truths);
    assert!(truths.len() >= 5);
    for truth in truths {
        let records = rows(&truth.with_extension("pcap"), "");
        let expected = facts(lines(&truth).iter().filter_map(|line| {
            let message: Value = serde_json::from_str(line.rsplit_once(" headers_offset").unwrap().0).unwrap();
            let (id, name) = (message["request_id"].as_u64()?, message["request_resource"].as_str()?);
            let code = match message["response_code"].as_u64() {
                Some(0) => "NOERROR",
                Some(3) => "NXDOMAIN",
                Some(code) => panic!("{code}"),
                None => return (message["msg_type"] == "Request").then(|| format!("{id} {name}")),
            };
            Some(format!("{id} {name} {code}"))
        }));
        let found = facts(records.iter().flat_map(|record| {
            let Record::Dns(row) = record else { return Vec::new() };
            let question = format!("{} {}", row.dns_id.unwrap(), row.name.as_deref().unwrap());
            let answer = row.rcode.as_ref().map(|code| format!("{question} {code}"));
            let asked = row.common.latency.is_some() || answer.is_none();
            asked.then_some(question).into_iter().chain(answer).collect()
        }));
        assert_eq!(found, expected, "{}", truth.display());
    }
}

/// Zeek's log of PostgreSQL: start-ups and simple queries, each with whether it went well; rows of what returns some.
#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn statements_are_what_zeek_says() {
    let folder = corpora().join("zeek");
    let (mut compared, map) = (0, fs::read_to_string(folder.join("MAP.tsv")).unwrap());
    for line in map.lines().filter(|line| line.starts_with("postgresql/") && line.contains("postgresql.cut")) {
        let [trace, _, baseline] = line.split('\t').take(3).collect::<Vec<_>>()[..] else { panic!("{line}") };
        let path = folder.join("Baseline").join(baseline).join("postgresql.cut");
        if !path.exists() {
            continue;
        }
        let log = lines(&path);
        let mut log = log.iter().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect::<Vec<_>>());
        let names = log.next().unwrap();
        let entries: Vec<BTreeMap<_, _>> = log.map(|values| names.iter().copied().zip(values).collect()).collect();
        let expected = facts(entries.iter().filter_map(|entry| {
            let what = match entry["frontend"] {
                "startup" => "startup".to_owned(),
                "simple_query" => entry["frontend_arg"].to_owned(),
                _ => return None,
            };
            let returned = if what.starts_with("SELECT") || what.starts_with("select") { entry["rows"] } else { "-" };
            let by = ["id.orig_p", "user", "database", "application_name", "success"].map(|column| entry[column]);
            Some(format!("{what} | {returned} | {}", by.join(" ")))
        }));
        let records = rows(&folder.join("Traces").join(trace), "");
        let found = facts(records.iter().filter_map(|record| {
            let Record::Pgsql(row) = record else { return None };
            let text = |column: &Option<String>| column.clone().unwrap_or("-".to_owned());
            let is_startup = row.operation.as_deref() == Some("STARTUP");
            let what = if is_startup { "startup".to_owned() } else { text(&row.query) };
            let rows = row.rows.filter(|_| row.operation.as_deref() == Some("SELECT"));
            let rows = rows.map_or("-".to_owned(), |rows| rows.to_string());
            let success = match (&row.sqlstate, row.txn) {
                (Some(_), _) => "F",
                // The client left when it was asked for a password.
                (None, None) => "-",
                (None, Some(_)) => "T",
            };
            let port = row.common.ends.remote_port.unwrap().to_string();
            let by = [port, text(&row.user), text(&row.database), text(&row.application), success.to_owned()];
            Some(format!("{what} | {rows} | {}", by.join(" ")))
        }));
        assert_eq!(found, expected, "{trace}");
        compared += 1;
    }
    assert!(compared >= 4, "{compared}");
}
