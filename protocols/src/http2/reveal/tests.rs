use std::fs;
use std::path::Path;

use serde_json::Value;

use super::*;

const LIMIT: usize = 64 << 10;

/// The names of a request joined at this block, `?` where not known.
#[track_caller]
fn check(block: &[u8], expected: &str) {
    let mut decoder = Decoder::joined();
    let list = decoder.decode(block, LIMIT).unwrap();
    request(&list.fields, &mut decoder);
    let names: Vec<String> = list
        .fields
        .iter()
        .map(|field| decoder.resolve(&field.name).map_or_else(|| "?".to_owned(), |name| name.to_string()))
        .collect();
    assert_eq!(names.join(" "), expected);
}

#[test]
fn the_one_that_is_left() {
    // GET, http, and one field that must be the path.
    check(b"\x82\x86\xbe", ":method :scheme :path");
    check(b"\x82\xbe\x84", ":method :scheme :path");
    // With two, either may be the authority.
    check(b"\x82\x86\xbe\xbf", ":method :scheme ? ?");
    check(b"\x82\x86\xbe\x84", ":method :scheme :authority :path");
    // Behind a regular field there are no pseudo-headers.
    check(b"\x82\x86\xbe\x51\x02de\xc0", ":method :scheme :path accept-language ?");
    // Behind the last pseudo-header the authority may come, or not.
    check(b"\x82\x86\x84\xbe", ":method :scheme :path ?");
}

#[test]
fn by_what_a_value_can_be() {
    // (name from before): /x, another one from before, then the scheme.
    check(b"\x82\x0f\x2f\x02/x\xbf\x86", ":method :path :authority :scheme");
}

#[test]
fn connect_has_no_path() {
    check(b"\x02\x07CONNECT\xbe", ":method ?");
    // Nor is it known of an unknown method what it goes with.
    check(b"\xbe\xbf", "? ?");
}

/// Joined at any block of any story, every name that is revealed is the right one.
#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn stories() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora/hpack-test-case");
    let mut revealed = 0;
    for raw in fs::read_dir(root.join("raw-data")).unwrap() {
        let raw = raw.unwrap().path();
        let json: Value = serde_json::from_slice(&fs::read(&raw).unwrap()).unwrap();
        // One story has its pseudo-headers behind the others, as HTTP/2 does not allow.
        let Some(context) = json["context"].as_str() else { continue };
        for encoder in ["go-hpack", "haskell-http2-linear-huffman", "nghttp2"] {
            let path = root.join(encoder).join(raw.file_name().unwrap());
            let Ok(story) = fs::read(&path) else { continue };
            let story: Value = serde_json::from_slice(&story).unwrap();
            let cases = story["cases"].as_array().unwrap();
            for join in (0..cases.len()).step_by(3) {
                revealed += joined(&cases[join..], context == "request");
            }
        }
    }
    assert!(revealed > 100, "only {revealed} names");
}

fn joined(cases: &[Value], is_request: bool) -> usize {
    let mut decoder = Decoder::joined();
    let mut revealed = 0;
    for case in cases.iter().take(20) {
        let wire = case["wire"].as_str().unwrap();
        let wire: Vec<u8> =
            (0..wire.len() / 2).map(|at| u8::from_str_radix(&wire[2 * at..2 * at + 2], 16).unwrap()).collect();
        let list = decoder.decode(&wire, LIMIT).unwrap();
        if is_request {
            request(&list.fields, &mut decoder);
        } else {
            response(&list.fields, &mut decoder);
        }
        for (field, truth) in list.fields.iter().zip(case["headers"].as_array().unwrap()) {
            let (name, _) = truth.as_object().unwrap().iter().next().unwrap();
            if let Some(known) = decoder.resolve(&field.name) {
                assert_eq!(&**known, name);
                revealed += usize::from(field.name.known().is_none());
            }
        }
    }
    revealed
}
