//! Frames good and bad, from two other projects' vectors.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::*;

/// RFC 9113, 6.5.2.
const MAX: u32 = 16_384;

fn corpora() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora")
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn read(wire: &[u8]) -> Result<(Head, Payload<'_>), Violation> {
    let head = Head::parse(wire).unwrap();
    head.check(MAX)?;
    let payload = parse(&head, &wire[9..])?;
    Ok((head, payload))
}

#[test]
fn too_short_for_a_head() {
    for length in 0..9 {
        assert_eq!(Head::parse(&[0; 9][..length]), None);
    }
}

#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn http2_frame_test_case() {
    let (mut good, mut bad) = (0, 0);
    for folder in fs::read_dir(corpora().join("http2-frame-test-case")).unwrap() {
        let folder = folder.unwrap().path();
        if !folder.is_dir() || folder.ends_with(".git") {
            continue;
        }
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let case: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let wire = hex(case["wire"].as_str().unwrap());
            let result = read(&wire);
            if let Some(codes) = case["error"].as_array() {
                let violation = result.expect_err(&path.display().to_string());
                assert!(codes.contains(&Value::from(violation as u32)), "{}: {violation:?}", path.display());
                bad += 1;
            } else {
                let (head, payload) = result.unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
                compare(&head, &payload, &case["frame"]);
                good += 1;
            }
        }
    }
    assert_eq!((good, bad), (12, 22));
}

fn compare(head: &Head, payload: &Payload<'_>, frame: &Value) {
    let numbers = [("length", head.length), ("type", head.kind.into()), ("flags", head.flags.into())];
    for (name, number) in numbers {
        assert_eq!(frame[name], number, "{name} of {frame}");
    }
    assert_eq!(frame["stream_identifier"], head.stream);
    let expected = &frame["frame_payload"];
    let text = |bytes: &[u8]| Value::from(std::str::from_utf8(bytes).unwrap());
    match payload {
        Payload::Data(data) => assert_eq!(expected["data"], text(data)),
        Payload::Headers(block) | Payload::Continuation(block) => {
            assert_eq!(expected["header_block_fragment"], text(block));
        }
        Payload::RstStream(code) => assert_eq!(expected["error_code"], *code),
        Payload::Settings(settings) => {
            let settings: Vec<Value> = settings.iter().map(|(id, value)| vec![id.into(), value].into()).collect();
            assert_eq!(expected["settings"], Value::from(settings));
        }
        Payload::PushPromise(promised, block) => {
            assert_eq!(expected["promised_stream_id"], *promised);
            assert_eq!(expected["header_block_fragment"], text(block));
        }
        Payload::GoAway(last, code) => {
            assert_eq!(expected["last_stream_id"], *last);
            assert_eq!(expected["error_code"], *code);
        }
        Payload::WindowUpdate(increment) => assert_eq!(expected["window_size_increment"], *increment),
        Payload::Priority | Payload::Ping => {}
        Payload::Unknown(_) => panic!("{frame}"),
    }
}

/// Every h2spec violation as bytes; the answers are an independent reader's frame lists.
#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn nghttp2_fuzz_corpus() {
    let folder = corpora().join("nghttp2-fuzz-corpus");
    let answers = fs::read_to_string(folder.join("http2-frames.jsonl")).unwrap();
    let mut frames = 0_u64;
    for answer in answers.lines() {
        let answer: Value = serde_json::from_str(answer).unwrap();
        let name = answer["file"].as_str().unwrap();
        let bytes = fs::read(folder.join(name)).unwrap();
        let mut rest = bytes.as_slice();
        if answer["preface"] == true {
            rest = rest.strip_prefix(PREFACE).unwrap();
        }
        // The answer lists at most the first 200 frames, and counts all.
        let mut listed = answer["list"].as_array().unwrap().iter();
        let mut count = 0_u64;
        while !rest.is_empty() {
            let head = Head::parse(rest).unwrap();
            let whole = rest.get(9..9 + head.payload_len());
            let verdict = match whole {
                None => "truncated",
                // That reader knows no largest frame.
                Some(payload) if head.check(u32::MAX).and_then(|()| parse(&head, payload)).is_ok() => "ok",
                Some(_) => "Invalid",
            };
            if let Some(expected) = listed.next() {
                let numbers = [head.kind.into(), head.flags.into(), head.stream, head.length];
                assert_eq!(expected.as_array().unwrap()[..4], numbers.map(Value::from), "{name}");
                assert!(expected[4].as_str().unwrap().starts_with(verdict), "{name}: {verdict} instead of {expected}");
            }
            rest = &rest[9 + whole.map_or(rest.len() - 9, <[u8]>::len)..];
            count += 1;
        }
        assert_eq!(answer["frames"], count, "{name}");
        frames += count;
    }
    assert!(frames > 600, "{frames}");
}
