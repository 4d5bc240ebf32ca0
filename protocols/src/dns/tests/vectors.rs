//! Text of records against dnspython, by `fixtures/dns/make`.

use crate::dns::{Extent, Message, type_name};

pub(super) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap()).collect()
}

#[test]
fn records_read_as_in_zone_files() {
    let vectors = include_str!("../../../../fixtures/dns/rdata.jsonl");
    let mut count = 0;
    for line in vectors.lines() {
        let vector: serde_json::Value = serde_json::from_str(line).unwrap();
        let bytes = unhex(vector["message"].as_str().unwrap());
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.extent, Extent::Whole, "{line}");
        let types: Vec<_> = message.answers.iter().map(|answer| type_name(answer.rtype)).collect();
        assert_eq!(types, [vector["type"].as_str().unwrap()]);
        let texts: Vec<_> = message.answers.iter().map(|answer| message.data(answer)).collect();
        let expect: Vec<_> = vector["answers"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        assert_eq!(texts, expect, "{}", vector["type"]);
        count += 1;
    }
    assert!(count > 100, "{count} vectors");
}
