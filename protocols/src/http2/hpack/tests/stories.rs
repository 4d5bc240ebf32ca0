//! hpack-test-case: every story decodes to exactly its headers; and joined at any of its blocks it gives no wrong value,
//! and as much as can be known.
//!
//! What can be known is found without the decoder: a walk over the representations notes for every entry the earliest
//! block that one must have seen for its name, and for its value. Joined at block `j`, a string is known if that is `j`
//! or later.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{LIMIT, hex};
use crate::http2::hpack::{Decoder, FieldList};

const ENCODERS: [&str; 4] = ["go-hpack", "haskell-http2-linear-huffman", "haskell-http2-static", "nghttp2"];

struct Case {
    wire: Vec<u8>,
    headers: Vec<(String, String)>,
}

fn stories() -> Vec<(PathBuf, Vec<Case>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora/hpack-test-case");
    let mut stories = Vec::new();
    for encoder in ENCODERS {
        let mut files: Vec<_> = fs::read_dir(root.join(encoder)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        stories.extend(files.into_iter().map(|path| (path.clone(), story(&path))));
    }
    assert!(stories.len() > 100, "only {} stories", stories.len());
    stories
}

fn story(path: &Path) -> Vec<Case> {
    let json: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let header = |field: &Value| {
        let (name, value) = field.as_object().unwrap().iter().next().unwrap();
        (name.clone(), value.as_str().unwrap().to_owned())
    };
    let case = |case: &Value| Case {
        wire: hex(case["wire"].as_str().unwrap()),
        headers: case["headers"].as_array().unwrap().iter().map(header).collect(),
    };
    json["cases"].as_array().unwrap().iter().map(case).collect()
}

#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn every_story() {
    for (path, cases) in stories() {
        let mut decoder = Decoder::new();
        for (number, case) in cases.iter().enumerate() {
            let list = decoder.decode(&case.wire, LIMIT).unwrap();
            let got: Vec<_> = list
                .fields
                .iter()
                .map(|field| (field.name.known().unwrap().to_owned(), field.value.as_deref().unwrap().to_owned()))
                .collect();
            assert_eq!(got, case.headers, "{} block {number}", path.display());
        }
        assert!(decoder.is_complete());
    }
}

#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn every_story_joined_at_every_block() {
    let (mut joins, mut fields, mut unknown) = (0_u64, 0_u64, 0_u64);
    for (path, cases) in stories() {
        let births = births(&cases);
        for join in 0..cases.len() {
            joins += 1;
            let mut decoder = Decoder::joined();
            for block in join..cases.len() {
                let list = decoder.decode(&cases[block].wire, LIMIT).unwrap();
                let missing = compare(&list, &cases[block].headers, &births[block], join)
                    .unwrap_or_else(|error| panic!("{} joined at {join}, block {block}: {error}", path.display()));
                fields += list.fields.len() as u64;
                unknown += missing;
            }
        }
    }
    assert!(joins > 10_000 && unknown > 10_000 && unknown < fields, "{joins} joins, {unknown} of {fields} unknown");
}

#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn a_lost_block_is_as_joining_behind_it() {
    for (path, cases) in stories().into_iter().step_by(7) {
        let births = births(&cases);
        for lost in 0..cases.len() {
            let mut decoder = Decoder::new();
            for (block, case) in cases.iter().enumerate() {
                if block == lost {
                    decoder.forget();
                    continue;
                }
                let list = decoder.decode(&case.wire, LIMIT).unwrap();
                let join = if block > lost { lost + 1 } else { 0 };
                compare(&list, &case.headers, &births[block], join)
                    .unwrap_or_else(|error| panic!("{} without {lost}, block {block}: {error}", path.display()));
            }
        }
    }
}

/// How many fields are not wholly known; or what is wrong.
fn compare(list: &FieldList, truth: &[(String, String)], births: &[Birth], join: usize) -> Result<u64, String> {
    if list.fields.len() != truth.len() {
        return Err(format!("{} fields instead of {}", list.fields.len(), truth.len()));
    }
    let mut missing = 0;
    for ((field, (name, value)), birth) in list.fields.iter().zip(truth).zip(births) {
        let name = (birth.name >= join).then_some(name.as_str());
        let value = (birth.value >= join).then_some(value.as_str());
        if field.name.known() != name || field.value.as_deref() != value {
            return Err(format!("{field:?} instead of {name:?}: {value:?}"));
        }
        missing += u64::from(name.is_none() || value.is_none());
    }
    Ok(missing)
}

/// The earliest blocks that one must have seen to know a field's strings.
#[derive(Clone, Copy)]
struct Birth {
    name: usize,
    value: usize,
}

/// Nothing earlier is needed: spelt out in the block itself, or in the static table.
const ALWAYS: usize = usize::MAX;

/// The births of every field of every block. The strings themselves are taken from the answers.
fn births(cases: &[Case]) -> Vec<Vec<Birth>> {
    let mut table: Vec<(Birth, usize)> = Vec::new();
    let mut capacity = 4096;
    let mut all = Vec::new();
    for (block, case) in cases.iter().enumerate() {
        let mut births = Vec::new();
        let mut at = 0;
        while at < case.wire.len() {
            let byte = case.wire[at];
            if byte >> 5 == 1 {
                capacity = integer(&case.wire, &mut at, 5);
            } else if byte >> 7 == 1 {
                let index = integer(&case.wire, &mut at, 7);
                births.push(if index < 62 { Birth { name: ALWAYS, value: ALWAYS } } else { table[index - 62].0 });
            } else {
                let insert = byte >> 6 == 1;
                let index = integer(&case.wire, &mut at, if insert { 6 } else { 4 });
                let name = match index {
                    0 => {
                        skip_string(&case.wire, &mut at);
                        block
                    }
                    1..62 => ALWAYS,
                    _ => table[index - 62].0.name,
                };
                skip_string(&case.wire, &mut at);
                let (text, value) = &case.headers[births.len()];
                births.push(Birth { name, value: block });
                if insert {
                    // Even a static name is not known of an entry whose insertion was missed.
                    table.insert(0, (Birth { name: name.min(block), value: block }, text.len() + value.len() + 32));
                }
            }
            while table.iter().map(|(_, size)| size).sum::<usize>() > capacity {
                table.pop();
            }
        }
        assert_eq!(births.len(), case.headers.len());
        all.push(births);
    }
    all
}

fn integer(wire: &[u8], at: &mut usize, bits: u32) -> usize {
    let mask = (1 << bits) - 1;
    let mut value = usize::from(wire[*at]) & mask;
    *at += 1;
    if value < mask {
        return value;
    }
    let mut shift = 0;
    loop {
        let byte = usize::from(wire[*at]);
        *at += 1;
        value += (byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return value;
        }
    }
}

fn skip_string(wire: &[u8], at: &mut usize) {
    let length = integer(wire, at, 7);
    *at += length;
}
