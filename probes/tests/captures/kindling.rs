//! Calls of sockets as Kindling recorded them, another tool that sits at the kernel, and what it expects of each trace
//! (`../shared/corpora/kindling`). Of what it expects is compared what is said on the wire; how it divides times is its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use protocols::event::{
    Data, Direction, Endpoint, Open, Session, Side, SocketEvent, SocketId, Source, Timestamp, Transport, Vantage,
};
use protocols::record::Record;
use protocols::tracker::{Config, Trackers};

use crate::capture::{corpora, find};

/// One call.
#[derive(Debug, Default)]
struct Call {
    name: String,
    is_answer: bool,
    /// When it returned, ns.
    time: u64,
    /// What was kept.
    bytes: Vec<u8>,
    /// How much it moved.
    length: u64,
}

/// `hex|0a0b`, `03|com` (a byte and a text), or a text with escapes.
fn bytes(quoted: &str) -> Vec<u8> {
    let text: String = serde_json::from_str(quoted).unwrap();
    let hex = |digits: &str| -> Vec<u8> {
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.as_bytes().chunks(2).map(byte).collect()
    };
    match text.split_once('|') {
        Some(("hex", digits)) => hex(digits),
        Some((length, rest)) if length.len() == 2 => [hex(length), rest.as_bytes().to_vec()].concat(),
        _ => text.into_bytes(),
    }
}

/// The calls of a trace, and for each exchange that is expected its values by name.
fn trace(yaml: &str) -> (Vec<Call>, Vec<BTreeMap<String, String>>) {
    let (mut calls, mut expected, mut section) = (Vec::<Call>::new(), Vec::<BTreeMap<_, _>>::new(), "");
    for line in yaml.lines() {
        let line = line.trim();
        if let Some(quoted) = line.strip_prefix("- \"").map(|_| &line[2..]) {
            calls.last_mut().unwrap().bytes.extend(bytes(quoted));
            continue;
        }
        let Some((key, value)) = line.strip_prefix("- ").unwrap_or(line).split_once(':') else { continue };
        let value = value.trim().trim_matches('"');
        match (section, key) {
            (_, "requests" | "responses" | "expects") => section = key,
            ("expects", "Timestamp") => expected.push(BTreeMap::new()),
            ("expects", _) => drop(expected.last_mut().unwrap().insert(key.to_owned(), value.to_owned())),
            (_, "name") => {
                let is_answer = section == "responses";
                calls.push(Call { name: value.to_owned(), is_answer, ..Call::default() });
            }
            (_, "timestamp") => calls.last_mut().unwrap().time = value.parse().unwrap(),
            (_, "res") => calls.last_mut().unwrap().length = value.parse().unwrap(),
            _ => {}
        }
    }
    calls.sort_by_key(|call| call.time);
    (calls, expected)
}

/// The messages of a call: `sendmmsg` has each behind its length.
fn messages(call: &Call) -> Vec<(Vec<u8>, u64)> {
    if call.name != "sendmmsg" {
        return vec![(call.bytes.clone(), call.length)];
    }
    let (mut rest, mut all) = (&call.bytes[..], Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (message, after) = after.split_at(u32::from_le_bytes(*length).try_into().unwrap());
        all.push((message.to_vec(), message.len() as u64));
        rest = after;
    }
    all
}

fn rows(calls: &[Call], transport: Transport, is_server: bool) -> Vec<Record> {
    let mut trackers = Trackers::new(Config::default());
    let mut rows = Vec::new();
    let mut emit = |row| rows.push(row);
    let time = Timestamp(1);
    trackers
        .handle(SocketEvent::Session(Session { time, node: None, kernel: None, vantage: Vantage::Process }), &mut emit);
    let end = |port| Endpoint::ip("127.0.0.1".parse().unwrap(), port);
    let port = if transport == Transport::Udp || calls[0].name != "read" { 53 } else { 9001 };
    let (local, remote) = if is_server { (end(port), end(56_266)) } else { (end(60_129), end(port)) };
    let initiator = Some(if is_server { Side::Remote } else { Side::Local });
    let open =
        Open { time, socket: SocketId(1), transport, local, remote, initiator, pid: Some(12_345), midstream: false };
    trackers.handle(SocketEvent::Open(open), &mut emit);
    let mut positions = [0; 2];
    for call in calls {
        let direction = if call.is_answer == is_server { Direction::Sent } else { Direction::Received };
        for (bytes, original_len) in messages(call) {
            let next = &mut positions[usize::from(call.is_answer)];
            let position = *next;
            *next += if transport == Transport::Udp { 1 } else { original_len };
            trackers.handle(
                SocketEvent::Data(Data {
                    time: Timestamp(call.time),
                    socket: SocketId(1),
                    direction,
                    position,
                    bytes,
                    original_len,
                    pid: 12_345,
                    tid: 12_346,
                    task: 0,
                    peer: None,
                    source: Source::Socket,
                }),
                &mut emit,
            );
        }
    }
    trackers.finish(&mut emit);
    rows.retain(|row| matches!(row, Record::Http(_) | Record::Dns(_)));
    rows
}

/// What both say of an exchange.
type Said = BTreeMap<&'static str, String>;

fn said(row: &Record) -> Said {
    let mut said = Said::new();
    match row {
        Record::Http(row) => {
            let url = row.query.iter().fold(row.path.clone(), |path, query| Some(format!("{}?{query}", path?)));
            said.extend(row.method.clone().map(|method| ("http_method", method)));
            said.extend(url.map(|url| ("http_url", url)));
            said.extend(row.status.map(|status| ("http_status_code", status.to_string())));
        }
        Record::Dns(row) => {
            said.extend(row.name.clone().map(|name| ("dns_domain", format!("{name}."))));
            said.extend(row.dns_id.map(|id| ("dns_id", id.to_string())));
            let code = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN"];
            let number = |name: &String| code.iter().position(|code| code == name);
            said.extend(row.rcode.as_ref().and_then(number).map(|code| ("dns_rcode", code.to_string())));
            let mut addresses = row.answers.iter().flatten().zip(row.answer_types.iter().flatten());
            // Of several addresses Kindling tells the first.
            let first = addresses.find(|(_, kind)| *kind == "A");
            said.extend(first.map(|(address, _)| ("dns_ip", address.clone())));
        }
        other => panic!("{other:?}"),
    }
    said
}

#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn exchanges_are_what_kindling_expects() {
    let mut files = Vec::new();
    find(&corpora().join("kindling"), ".yml", &mut files);
    let mut compared = 0;
    for file in files {
        let (calls, expected) = trace(&fs::read_to_string(&file).unwrap());
        let name = file.file_stem().unwrap().to_str().unwrap();
        if expected.is_empty() {
            continue;
        }
        let is_dns = file.parent().is_some_and(|folder| folder.ends_with(Path::new("dns")));
        let transport = if is_dns && !name.ends_with("tcp") { Transport::Udp } else { Transport::Tcp };
        let rows = rows(&calls, transport, name.starts_with("server"));
        let mut found: Vec<Said> = rows.iter().map(said).collect();
        let mut wanted: Vec<Said> = Vec::new();
        for values in &expected {
            let keys = ["http_method", "http_url", "http_status_code", "dns_domain", "dns_id", "dns_rcode", "dns_ip"];
            wanted.push(keys.into_iter().filter_map(|key| Some((key, values.get(key)?.clone()))).collect());
        }
        // Rightly differs (`tests/tshark/differences.txt`).
        if name == "server-trace-split" {
            wanted[0].insert("http_method", "ET".to_owned());
        }
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted, "{name}: {rows:?}");
        compared += wanted.len();
    }
    assert_eq!(compared, 12);
}
