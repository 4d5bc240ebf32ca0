//! DNS rows of real captures against tshark's view of the same frames.

use crate::capture::{corpora, find};
use crate::truth::{Frame, frames, nanoseconds};
use protocols::dns::{rcode_name, type_name};
use protocols::record::{Dns, Record};

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
            let mut answers = frames.iter().filter(|other| {
                let mut answered = other["dns.response_to"].split('|').zip(other["dns.id"].split('|'));
                answered.any(|answered| answered == (frame["frame.number"].as_str(), id))
            });
            // A malformed answer is named by the question only.
            let last =
                answers.next_back().or_else(|| frames.iter().find(|f| f["frame.number"] == frame["dns.response_in"]));
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
        let capture = tsv.to_str().unwrap().strip_suffix(".tshark-dns.tsv").unwrap();
        let of_dns = |record| if let Record::Dns(dns) = record { Some(dns) } else { None };
        let mut rows: Vec<_> = crate::truth::rows(capture.as_ref(), "").into_iter().filter_map(of_dns).collect();
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

/// What dig printed of one response.
#[derive(Debug, Default)]
struct Printed {
    id: u16,
    status: String,
    flags: Vec<String>,
    /// Type, TTL and text of each record.
    answers: Vec<(String, u32, String)>,
}

/// Every response in the output of dig that has a header (a zone transfer's has none).
fn printed(output: &str) -> Vec<Printed> {
    let mut all: Vec<Printed> = Vec::new();
    let mut inside = false;
    for line in output.lines() {
        let after = |mark: &str| line.split_once(mark).map(|(_, rest)| rest.split([',', ';']).next().unwrap().trim());
        if let (Some(status), Some(id)) = (after("status: "), after("id: ")) {
            all.push(Printed { id: id.parse().unwrap(), status: status.to_owned(), ..Printed::default() });
        } else if let Some(flags) = line.strip_prefix(";; flags: ") {
            let (flags, _) = flags.split_once(';').unwrap();
            all.last_mut().unwrap().flags = flags.split(' ').map(str::to_owned).collect();
        } else if line.is_empty() || line.starts_with(';') {
            inside = line == ";; ANSWER SECTION:";
        } else if inside {
            let mut words = line.split(['\t', ' ']).filter(|word| !word.is_empty());
            let (ttl, rtype) = (words.nth(1).unwrap().parse().unwrap(), words.nth(1).unwrap());
            let (_, text) = line.split_once(&format!("\t{rtype}\t")).unwrap();
            all.last_mut().unwrap().answers.push((rtype.to_owned(), ttl, text.to_owned()));
        }
    }
    all
}

/// The text of every answer, the codes and flags, as BIND's own client printed them.
#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn answers_read_as_dig_prints_them() {
    let folder = corpora().join("recorded/dns");
    let output = std::fs::read_to_string(folder.join("dig-mix.client.txt")).unwrap();
    let records = crate::truth::rows(&folder.join("dig-mix.pcap"), "");
    let rows: Vec<_> =
        records.iter().filter_map(|row| if let Record::Dns(dns) = row { Some(dns) } else { None }).collect();
    let mut compared = 0;
    for printed in printed(&output) {
        // The answer that was truncated came first, under the same id where dig went on over TCP.
        let row = rows.iter().rfind(|row| row.dns_id == Some(printed.id) && row.rcode.is_some());
        let Some(row) = row else { panic!("no row for {printed:?}") };
        assert_eq!(row.rcode.as_ref(), Some(&printed.status), "{printed:?}");
        let flag = |name: &str| Some(printed.flags.iter().any(|flag| flag == name));
        let flags = (row.authoritative, row.recursion_available, row.authenticated);
        assert_eq!(flags, (flag("aa"), flag("ra"), flag("ad")), "{printed:?}");
        assert_eq!(row.ttl, printed.answers.iter().map(|(_, ttl, _)| *ttl).min(), "{printed:?}");
        let types: Vec<_> = printed.answers.iter().map(|(rtype, ..)| rtype.clone()).collect();
        assert_eq!(row.answer_types.as_ref(), Some(&types), "{printed:?}");
        for ((rtype, _, text), ours) in printed.answers.iter().zip(row.answers.as_ref().unwrap()) {
            // dig breaks long hexadecimal.
            let plain = |text: &String| if rtype == "SSHFP" { text.replace(' ', "") } else { text.clone() };
            assert_eq!(plain(text), plain(ours), "{printed:?}");
            compared += 1;
        }
    }
    assert!(compared > 200, "{compared}");
}
