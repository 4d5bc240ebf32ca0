//! The vectors of llhttp, http-parser and httparse give their answers; those that differ are listed, with the reason, in
//! `protocols/tests/corpora-differences.md`.

use serde_json::Value;

use crate::event::Side;
use crate::record::Http;
use crate::testing::Script;

const DIFFERENCES: &str = include_str!("../../tests/corpora-differences.md");

/// What is compared of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Message {
    /// Method and target, or status and reason.
    start: (String, String),
    version: Option<String>,
    headers: Vec<(String, String)>,
    /// Null: not complete, or its length is not told.
    body: Option<u64>,
}

fn corpus(name: &str) -> Vec<Value> {
    let path = format!("{}/../../shared/corpora/{name}/vectors.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(&path).expect(&path)).expect("JSON")
}

fn unhex(hex: &Value) -> Vec<u8> {
    let digits = hex.as_str().unwrap().as_bytes();
    digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

/// White space at folds and around values is the parser's choice.
fn squeeze(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn headers(fields: Option<&Vec<crate::record::Header>>) -> Vec<(String, String)> {
    let pair = |header: &crate::record::Header| {
        (header.name.as_deref().unwrap().to_owned(), squeeze(header.value.as_deref().unwrap()))
    };
    fields.into_iter().flatten().map(pair).collect()
}

/// The target as it was sent, as far as columns tell; user and password are not among them.
fn target(http: &Http) -> String {
    let query = http.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
    match &http.path {
        Some(path) => format!("{path}{query}"),
        None => http.host.clone().unwrap_or_default(),
    }
}

/// Brings an expected target to the same form.
fn split_target(url: &str, method: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) if method != "CONNECT" && scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            let at = rest.find(['/', '?']).unwrap_or(rest.len());
            let path = &rest[at..];
            if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
        }
        _ if method == "CONNECT" => url.rsplit('@').next().unwrap().to_owned(),
        _ => url.to_owned(),
    }
}

fn requests(bytes: &[u8]) -> Vec<Message> {
    let rows = Script::capture().open(1, 40000, 80, Side::Local).sent(1, bytes).close(1).run();
    let mut rows = rows.http();
    rows.sort_by_key(|http| http.common.id);
    let message = |http: &&Http| Message {
        start: (http.method.clone().unwrap_or_default(), target(http)),
        version: http.version.map(str::to_owned),
        headers: headers(http.req_headers.as_ref()),
        body: http.req_bytes,
    };
    rows.iter().map(message).collect()
}

fn responses(bytes: &[u8]) -> Vec<Message> {
    let asked = "GET / HTTP/1.1\r\n\r\n".repeat(8);
    let rows = Script::capture().open(1, 40000, 80, Side::Local).sent(1, asked).received(1, bytes).close(1).run();
    let message = |http: &&Http| Message {
        start: (http.status.unwrap().to_string(), http.reason.clone().unwrap_or_default()),
        version: None,
        headers: headers(http.resp_headers.as_ref()),
        body: http.resp_bytes,
    };
    rows.http().iter().filter(|http| http.status.is_some()).map(message).collect()
}

/// The messages of a log of llhttp, and whether it ended in an error.
fn read_log(log: &str) -> (Vec<Message>, bool) {
    let mut messages: Vec<Message> = Vec::new();
    let mut current: Option<Message> = None;
    let (mut name, mut value, mut url, mut body) = (String::new(), String::new(), String::new(), 0_u64);
    let mut whole = false;
    let mut error = false;
    for line in log.lines() {
        let text = line.split_once("]=\"").map(|(_, text)| text.strip_suffix('"').unwrap_or(text)).unwrap_or_default();
        let text = text.replace("\\r", "\r").replace("\\n", "\n").replace("\\t", "\t");
        let Some(message) = &mut current else {
            if line.contains("message begin") {
                current = Some(Message::default());
                (url, body, whole) = (String::new(), 0, false);
            }
            continue;
        };
        if line.contains("span[method]") {
            message.start.0.push_str(&text);
        } else if line.contains("span[url]") {
            url.push_str(&text);
        } else if line.contains("span[status]") {
            message.start.1.push_str(&text);
        } else if line.contains("span[version]") {
            message.version = Some(text);
        } else if line.contains("span[header_field]") && !whole {
            name.push_str(&text);
        } else if line.contains("span[header_value]") && !whole {
            value.push_str(&text);
        } else if line.contains("header_value complete") && !whole {
            message
                .headers
                .push((std::mem::take(&mut name).to_ascii_lowercase(), squeeze(&std::mem::take(&mut value))));
        } else if let Some((_, rest)) = line.split_once("headers complete ") {
            whole = true;
            if let Some((_, status)) = rest.split_once("status=") {
                message.start.0 = status.split(' ').next().unwrap().to_owned();
            } else {
                message.start.1 = split_target(&url, &message.start.0);
            }
        } else if line.contains("span[body]") {
            let length = line.split_once("len=").unwrap().1.split(' ').next().unwrap();
            body += length.parse::<u64>().unwrap();
        } else if line.contains("message complete") {
            message.body = Some(body);
            messages.extend(current.take());
        } else if line.contains("error code") {
            error = true;
            break;
        }
    }
    messages.extend(current.filter(|_| whole && !error));
    (messages, error)
}

/// Whether what was read is what was expected: bodies only where both tell, and after an error anything.
fn agrees(read: &[Message], expected: &[Message], error: bool, is_response: bool) -> bool {
    let version = |message: &Message| message.version.clone().filter(|_| !is_response);
    let same = |(read, expected): (&Message, &Message)| {
        read.start == expected.start
            && version(read) == version(expected)
            && read.headers == expected.headers
            && (expected.body.is_none() || read.body == expected.body)
    };
    (read.len() == expected.len() || (error && read.len() > expected.len())) && read.iter().zip(expected).all(same)
}

/// Checks that the vectors that differ are those that are listed.
#[track_caller]
fn check_differences(corpus: &str, mut found: Vec<String>, shown: &[String]) {
    let prefix = format!("- {corpus}: ");
    let mut listed: Vec<String> = DIFFERENCES
        .lines()
        .filter_map(|line| Some(line.strip_prefix(&prefix)?.split_once(" — ")?.0.trim_matches('`').to_owned()))
        .collect();
    found.sort();
    listed.sort();
    assert_eq!(found, listed, "{}", shown.join("\n"));
}

#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn llhttp() {
    let (mut found, mut shown, mut compared) = (Vec::new(), Vec::new(), 0);
    for vector in corpus("llhttp") {
        let meta = &vector["meta"];
        let is_response = match meta["type"].as_str() {
            Some("request") => false,
            Some("response") => true,
            _ => continue,
        };
        if meta.get("pause").is_some() || meta.get("skipBody").is_some() {
            continue;
        }
        let bytes = unhex(&vector["input_hex"]);
        let (mut expected, error) = read_log(vector["expected_log"].as_str().unwrap());
        // Interim responses belong to the final one.
        expected.retain(|message| !is_response || !message.start.0.starts_with('1') || message.start.0 == "101");
        let read = if is_response { responses(&bytes) } else { requests(&bytes) };
        compared += 1;
        if !agrees(&read, &expected, error, is_response) {
            let name = vector["name"].as_str().unwrap().replace('`', "");
            shown.push(format!("{name}\n  {}\n  read     {read:?}\n  expected {expected:?}", bytes.escape_ascii()));
            found.push(name);
        }
    }
    assert!(compared > 170, "{compared}");
    check_differences("llhttp", found, &shown);
}

#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn http_parser() {
    let (mut found, mut shown) = (Vec::new(), Vec::new());
    for vector in corpus("http-parser") {
        let text = |key: &str| vector[key].as_str().unwrap_or_default().to_owned();
        let is_response = vector["kind"] == "response";
        let bytes = unhex(&vector["raw_hex"]);
        let pair = |pair: &Value| (pair[0].as_str().unwrap().to_ascii_lowercase(), squeeze(pair[1].as_str().unwrap()));
        let body = vector["body_size_only"].as_u64().filter(|size| *size > 0);
        let minor = vector["http_minor"].as_u64().unwrap();
        let expected = Message {
            start: if is_response {
                (vector["status"].to_string(), text("reason"))
            } else {
                (text("method"), split_target(&text("url"), &text("method")))
            },
            version: (vector["http_major"] == 1).then(|| format!("1.{minor}")),
            headers: vector["headers"].as_array().unwrap().iter().map(pair).collect(),
            body: body.or_else(|| Some(unhex(&vector["body_hex"]).len() as u64)),
        };
        let read = if is_response { responses(&bytes) } else { requests(&bytes) };
        if !agrees(&read, std::slice::from_ref(&expected), true, is_response) {
            shown.push(format!(
                "{}\n  {}\n  read     {read:?}\n  expected {expected:?}",
                text("name"),
                bytes.escape_ascii()
            ));
            found.push(text("name"));
        }
    }
    check_differences("http-parser", found, &shown);
}

#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn httparse_vectors() {
    let (mut found, mut shown) = (Vec::new(), Vec::new());
    for vector in corpus("httparse") {
        let bytes = unhex(&vector["input_hex"]);
        let start = match (vector["method"].as_str(), vector["code"].as_u64()) {
            (Some(method), _) => (method.to_owned(), vector["path"].as_str().unwrap().replace("\\\\", "\\")),
            (_, Some(code)) => (code.to_string(), vector["reason"].as_str().unwrap_or_default().replace("\\t", "")),
            // Without asserted parts it says only whether httparse takes it, which is not asked here.
            _ => continue,
        };
        let read = if vector["kind"] == "response" { responses(&bytes) } else { requests(&bytes) };
        if read.first().map(|message| &message.start) != Some(&start) {
            let name = vector["name"].as_str().unwrap().to_owned();
            shown.push(format!("{name}\n  {}\n  read {read:?}\n  expected {start:?}", bytes.escape_ascii()));
            found.push(name);
        }
    }
    check_differences("httparse", found, &shown);
}

/// What httparse takes as a head is read with the same fields.
#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn httparse_agrees_on_every_head_of_the_corpora() {
    let mut compared = 0;
    for (name, key) in [("llhttp", "input_hex"), ("http-parser", "raw_hex"), ("httparse", "input_hex")] {
        for vector in corpus(name) {
            let bytes = unhex(&vector[key]);
            let mut fields = [httparse::EMPTY_HEADER; 64];
            let mut request = httparse::Request::new(&mut fields);
            let Ok(httparse::Status::Complete(_)) = request.parse(&bytes) else { continue };
            let expect: Vec<_> = request
                .headers
                .iter()
                .map(|field| (field.name.to_ascii_lowercase(), String::from_utf8_lossy(field.value).into_owned()))
                .collect();
            let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap();
            let head = super::head::read(&bytes[start..], &[]);
            let read: Vec<_> = head
                .headers
                .iter()
                .map(|h| (h.name.as_deref().unwrap().to_owned(), h.value.as_deref().unwrap().to_owned()))
                .collect();
            assert_eq!(read, expect, "{}", bytes.escape_ascii());
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}
