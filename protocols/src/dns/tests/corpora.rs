//! Real messages from `../shared/corpora`.

use std::fs;
use std::path::PathBuf;

use super::vectors::unhex;
use crate::dns::{Extent, Message, type_name};

fn corpora() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora")
}

/// PowerDNS' fuzzing seeds, and what dnspython reads in them.
#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn powerdns_seeds_read_as_dnspython_reads_them() {
    let folder = corpora().join("pdns-fuzz");
    let vectors = fs::read_to_string(folder.join("dnspython.jsonl")).unwrap();
    let mut records = 0;
    for line in vectors.lines() {
        let expect: serde_json::Value = serde_json::from_str(line).unwrap();
        let bytes = fs::read(folder.join(expect["file"].as_str().unwrap())).unwrap();
        if !expect["ok"].as_bool().unwrap() {
            continue;
        }
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(u64::from(message.header.id), expect["id"].as_u64().unwrap());
        let questions: Vec<_> = message
            .questions
            .iter()
            .map(|question| [question.name.to_string(), type_name(question.rtype).into()])
            .collect();
        assert_eq!(serde_json::json!(questions), expect["question"]);
        let mut found: Vec<String> = message
            .answers
            .iter()
            .map(|answer| format!("{} {} {}", answer.name, type_name(answer.rtype), message.data(answer)))
            .collect();
        let mut answers = Vec::new();
        for set in expect["answer"].as_array().unwrap() {
            for data in set[3].as_array().unwrap() {
                let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
                answers.push(format!("{} {} {}", text(&set[0]), text(&set[2]), text(data)));
            }
        }
        // dnspython groups records by type, breaks Base64 and has small hexadecimal digits.
        let plain = |text: &String| text.replace(' ', "").to_lowercase();
        let (mut found_plain, mut expect_plain): (Vec<_>, Vec<_>) =
            (found.iter().map(plain).collect(), answers.iter().map(plain).collect());
        found_plain.sort();
        expect_plain.sort();
        assert_eq!(found_plain, expect_plain);
        records += found.len();
        found.clear();
    }
    assert!(records > 10, "{records} records");
}

/// Unbound's test packets, many of them malformed, and what dnspython reads in them (`fixtures/dns/make-unbound`).
#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn unbound_packets_read_as_dnspython_reads_them() {
    let mut expect = include_str!("../../../../fixtures/dns/unbound.tsv").lines();
    for number in 2..=9 {
        let path = corpora().join(format!("unbound/test_packets.{number}"));
        let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        let is_message = |line: &&str| {
            line.len() >= 24 && line.len().is_multiple_of(2) && line.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        for line in text.lines().filter(is_message) {
            assert_eq!(summary(&unhex(line)), expect.next().unwrap(), "test_packets.{number}: {line}");
            // Through everything else that a datagram meets.
            crate::fuzz::datagram(&unhex(line));
        }
    }
    assert_eq!(expect.next(), None);
}

fn summary(bytes: &[u8]) -> String {
    let Ok(message) = Message::parse(bytes) else { return "-".to_owned() };
    if !matches!(message.extent, Extent::Whole | Extent::Trailing) {
        return "-".to_owned();
    }
    let questions: Vec<_> =
        message.questions.iter().map(|question| format!("{} {}", question.name, type_name(question.rtype))).collect();
    let (id, rcode, answers) = (message.header.id, message.rcode(), message.answers.len());
    format!("{id}\t{rcode}\t{}\t{answers}", questions.join(" "))
}
