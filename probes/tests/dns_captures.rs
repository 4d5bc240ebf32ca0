//! DNS rows of real captures against tshark's view of the same frames.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use probes::files::{self, Input};
use probes::{EventSource, Next};
use protocols::dns::{rcode_name, type_name};
use protocols::record::{Dns, Record};
use protocols::tracker::{Config, Trackers};

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora")
}

/// Every file of which the name ends so.
fn find(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, ending, found);
        } else if path.to_str().is_some_and(|path| path.ends_with(ending)) {
            found.push(path);
        }
    }
    found.sort();
}

fn rows(capture: &Path) -> Vec<Dns> {
    let input = files::open(Box::new(File::open(capture).unwrap()), "capture", &files::Options::default());
    let Ok(Input::Events(mut replay)) = input else { panic!("{}", capture.display()) };
    let mut trackers = Trackers::new(Config::default());
    let mut rows = Vec::new();
    let mut emit = |record| {
        if let Record::Dns(dns) = record {
            rows.push(*dns);
        }
    };
    while let Ok(next) = replay.next(Duration::from_secs(10)) {
        match next {
            Next::Event(event) => trackers.handle(event, &mut emit),
            _ => break,
        }
    }
    trackers.finish(&mut emit);
    rows
}

/// One frame, by tshark's field names.
type Frame = BTreeMap<String, String>;

fn frames(tsv: &Path) -> Vec<Frame> {
    let text = String::from_utf8_lossy(&fs::read(tsv).unwrap()).into_owned();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let frame = |line: &str| {
        names.iter().zip(line.split('\t')).map(|(name, value)| ((*name).to_owned(), value.to_owned())).collect()
    };
    lines.map(frame).collect()
}

/// One question as tshark saw it.
#[derive(Debug)]
struct Question {
    /// Of the frame in which its message ended.
    time: u64,
    id: u16,
    name: String,
    rtype: String,
    /// Time of the answer's last frame, and its rcode without the bits from EDNS.
    answer: Option<(u64, u16)>,
}

fn nanoseconds(epoch: &str) -> u64 {
    let (seconds, fraction) = epoch.split_once('.').unwrap();
    seconds.parse::<u64>().unwrap() * 1_000_000_000 + fraction.parse::<u64>().unwrap()
}

fn questions(frames: &[Frame]) -> Vec<Question> {
    let mut questions = Vec::new();
    for frame in frames.iter().filter(|frame| frame["dns.flags.response"].starts_with('0')) {
        if !frame["_ws.malformed"].is_empty() || frame["dns.qry.name"].starts_with("<Name") {
            continue;
        }
        // A frame may hold several messages of one question each, or one message of several questions.
        let ids: Vec<&str> = frame["dns.id"].split('|').collect();
        let asked = frame["dns.qry.name"].split('|').zip(frame["dns.qry.type"].split('|'));
        for (number, (name, rtype)) in asked.enumerate() {
            let id = ids.get(number).or(ids.first()).unwrap();
            let answers = frames.iter().filter(|other| {
                let mut answered = other["dns.response_to"].split('|').zip(other["dns.id"].split('|'));
                answered.any(|answered| answered == (frame["frame.number"].as_str(), id))
            });
            // A malformed answer is named by the question only.
            let last = answers.last().or_else(|| frames.iter().find(|f| f["frame.number"] == frame["dns.response_in"]));
            questions.push(Question {
                time: nanoseconds(&frame["frame.time_epoch"]),
                id: u16::from_str_radix(&id[2..], 16).unwrap(),
                name: if name == "<Root>" { ".".to_owned() } else { name.to_lowercase() },
                rtype: rtype.parse().map(|code| type_name(code).into_owned()).unwrap_or_default(),
                answer: last.map(|answer| {
                    let rcode = answer["dns.flags.rcode"].split('|').next().unwrap().parse().unwrap();
                    (nanoseconds(&answer["frame.time_epoch"]), rcode)
                }),
            });
        }
    }
    questions
}

/// What explore says of the row of `question`.
fn is_row_of(row: &Dns, question: &Question) -> bool {
    // tshark does not escape a dot inside a label.
    let name = row.name.clone().unwrap_or_default().to_lowercase().replace("\\.", ".");
    (row.dns_id, name) == (Some(question.id), question.name.clone())
        && row.r#type.clone().unwrap_or_default() == question.rtype
        && row.common.time.0 <= question.time
        && question.time - row.common.time.0 < 1_000_000_000
}

fn disagreement(row: &Dns, question: &Question) -> Option<String> {
    let ours = row.common.latency.map(|latency| row.common.time.0 + latency);
    if ours != question.answer.map(|(time, _)| time) {
        return Some(format!("answered at {ours:?}, not {:?}", question.answer));
    }
    let (_, base) = question.answer?;
    let rcode = row.rcode.clone().unwrap_or_default();
    // tshark's field has not the bits from EDNS: 16 is BADVERS.
    let extended = rcode_name(base + 16);
    (rcode != rcode_name(base) && rcode != extended).then(|| format!("{rcode}, not {base}"))
}

/// Where explore rightly says something else, by the beginning of the capture's path.
const OTHERWISE: &[(&str, &str)] = &[
    (
        "suricata-verify/tests/dns/dns-forward-pointer/",
        "a pointer forward is no pointer to a prior name (RFC 1035, 4.1.4)",
    ),
    ("suricata-verify/tests/dns/dns-incomplete/", "an answer to another question than the one of its id"),
    ("suricata-verify/tests/dns-tcp-ts-gap/", "a query in a segment that tshark calls malformed"),
    ("zeek/Traces/dns/mdns", "in a capture the answers of a group come from other flows than the questions"),
    ("zeek/Traces/dns-edns-ecs-weirds.pcap", "an option that is malformed, in a message that is not"),
    ("zeek/Traces/ipv6-fragmented-dns.pcap", "an answer in IPv6 fragments"),
];

#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn rows_agree_with_tshark() {
    let mut truths = Vec::new();
    find(&corpora(), ".tshark-dns.tsv", &mut truths);
    let (mut compared, mut differences) = (0, Vec::new());
    for tsv in &truths {
        let name = tsv.strip_prefix(corpora()).unwrap().display().to_string();
        if OTHERWISE.iter().any(|(path, _)| name.starts_with(path)) {
            continue;
        }
        let mut rows = rows(&PathBuf::from(tsv.to_str().unwrap().strip_suffix(".tshark-dns.tsv").unwrap()));
        for question in questions(&frames(tsv)) {
            let Some(at) = rows.iter().position(|row| is_row_of(row, &question)) else {
                differences.push(format!("{name}: no row for {question:?}"));
                continue;
            };
            let row = rows.remove(at);
            differences.extend(disagreement(&row, &question).map(|what| format!("{name}: {question:?}: {what}")));
            compared += 1;
        }
        let asked = rows.iter().filter(|row| row.common.latency.is_some() || row.rcode.is_none());
        differences.extend(asked.map(|row| format!("{name}: row without frame: {:?} {:?}", row.name, row.common.time)));
    }
    assert_eq!(differences, [""; 0]);
    println!("{compared} questions of {} captures", truths.len());
    assert!(compared > 300, "{compared}");
}
