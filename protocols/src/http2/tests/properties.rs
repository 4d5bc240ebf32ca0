//! What must hold for any connection: however it is cut into chunks, wherever it is joined, whatever is lost, and for bytes
//! that are none.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::frame::{PREFACE, flag, kind};
use super::wire::{Wire, data, frame, settings};
use crate::event::Direction::{self, Received, Sent};
use crate::record::{Header, Http, Record};

/// What is sent in one go.
#[derive(Debug, Clone)]
struct Call {
    direction: Direction,
    bytes: Vec<u8>,
}

/// One exchange, as its parts are to be sent.
#[derive(Debug, Clone)]
struct Plan {
    method: &'static str,
    path: String,
    status: u16,
    upload: Vec<u8>,
    answer: Vec<Vec<u8>>,
    trailers: bool,
}

fn plan() -> impl Strategy<Value = Plan> {
    let method = prop_oneof![Just("GET"), Just("POST"), Just("PUT")];
    let path = prop_oneof![Just("/".to_owned()), (0..9_u8).prop_map(|n| format!("/item/{n}")), "/[a-z]{1,8}"];
    let body = || vec(any::<u8>(), 0..60);
    (method, path, 200..600_u16, body(), vec(body(), 0..3), any::<bool>()).prop_map(
        |(method, path, status, upload, answer, trailers)| Plan { method, path, status, upload, answer, trailers },
    )
}

/// A sound encoder: fields that are in either table are indexed, others are literals that are added to the table.
#[derive(Default)]
struct Encoder {
    table: Vec<(String, String)>,
}

/// RFC 7541, Appendix A, as indexed fields.
const STATIC: [((&str, &str), u8); 4] =
    [((":method", "GET"), 0x82), ((":method", "POST"), 0x83), ((":path", "/"), 0x84), ((":scheme", "http"), 0x86)];

impl Encoder {
    fn block(&mut self, fields: &[(&str, &str)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, value) in fields {
            if let Some((_, index)) = STATIC.iter().find(|(field, _)| field == &(*name, *value)) {
                bytes.push(*index);
                continue;
            }
            let name_at = self.table.iter().position(|(known, _)| known == name);
            let at = self.table.iter().position(|(known, text)| known == name && text == value);
            if let Some(at) = at {
                bytes.push(0x80 | u8::try_from(62 + at).unwrap());
                continue;
            }
            match name_at {
                // 0x7f is the largest that the prefix leaves room for.
                Some(0) => bytes.push(0x7e),
                _ => {
                    bytes.extend([0x40, u8::try_from(name.len()).unwrap()]);
                    bytes.extend(name.as_bytes());
                }
            }
            bytes.push(u8::try_from(value.len()).unwrap());
            bytes.extend(value.as_bytes());
            self.table.insert(0, ((*name).to_owned(), (*value).to_owned()));
            // Well within 4096 bytes, and within one byte of index.
            self.table.truncate(50);
        }
        bytes
    }
}

/// The calls of a whole connection, exchanges interleaved.
fn connection(plans: &[Plan]) -> Vec<Call> {
    let (mut client, mut server) = (Encoder::default(), Encoder::default());
    let mut calls = vec![
        Call { direction: Sent, bytes: [PREFACE, &settings()].concat() },
        Call { direction: Received, bytes: settings() },
    ];
    let mut later = Vec::new();
    for (number, plan) in plans.iter().enumerate() {
        let stream = u32::try_from(number).unwrap() * 2 + 1;
        let fields =
            [(":method", plan.method), (":scheme", "http"), (":path", &plan.path), ("x-number", &number.to_string())];
        let has_upload = !plan.upload.is_empty();
        let end = if has_upload { 0 } else { flag::END_STREAM };
        let mut bytes = frame(kind::HEADERS, flag::END_HEADERS | end, stream, &client.block(&fields));
        if has_upload {
            bytes.extend(data(stream, true, &plan.upload));
        }
        calls.push(Call { direction: Sent, bytes });
        later.push((stream, plan));
        // Two answers behind: what is under way overlaps.
        if later.len() > 2 {
            let (stream, plan) = later.remove(0);
            calls.push(Call { direction: Received, bytes: answer(stream, plan, &mut server) });
        }
    }
    for (stream, plan) in later {
        calls.push(Call { direction: Received, bytes: answer(stream, plan, &mut server) });
    }
    calls
}

fn answer(stream: u32, plan: &Plan, encoder: &mut Encoder) -> Vec<u8> {
    let block = encoder.block(&[(":status", &plan.status.to_string()), ("server", "test")]);
    let mut bytes = frame(kind::HEADERS, flag::END_HEADERS, stream, &block);
    for part in &plan.answer {
        bytes.extend(data(stream, false, part));
    }
    if plan.trailers {
        let block = encoder.block(&[("x-took", "1")]);
        bytes.extend(frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &block));
    } else {
        bytes.extend(data(stream, true, b""));
    }
    bytes
}

/// The rows of these calls, each cut where `cuts` say.
fn rows(mut wire: Wire, calls: &[Call], cuts: &[usize]) -> Vec<crate::session::Exchange> {
    let mut cuts = cuts.iter().cycle();
    for (time, call) in calls.iter().enumerate() {
        let mut rest = call.bytes.as_slice();
        while !rest.is_empty() {
            let piece = cuts.next().map_or(rest.len(), |cut| (*cut).clamp(1, rest.len()));
            wire.send(call.direction, time as u64, &rest[..piece]);
            rest = &rest[piece..];
        }
    }
    wire.close();
    wire.exchanges
}

fn http(exchange: &crate::session::Exchange) -> &Http {
    let Record::Http(http) = &exchange.record else { panic!("not http") };
    http
}

/// Everything that `part` says is what `whole` says.
fn agrees(part: &Http, whole: &Http) -> bool {
    fn text<T: PartialEq>(part: &Option<T>, whole: &Option<T>) -> bool {
        part.is_none() || part == whole
    }
    let headers = |part: &Option<Vec<Header>>, whole: &Option<Vec<Header>>| {
        let all: Vec<_> = whole.iter().flatten().collect();
        // A pseudo-header of which the name is not known stands among the others.
        part.iter().flatten().filter(|header| header.name.is_some()).all(|header| {
            all.iter().any(|known| known.name == header.name && (header.value.is_none() || known.value == header.value))
        })
    };
    text(&part.method, &whole.method)
        && text(&part.path, &whole.path)
        && text(&part.scheme, &whole.scheme)
        && text(&part.status, &whole.status)
        && text(&part.req_bytes, &whole.req_bytes)
        && text(&part.resp_bytes, &whole.resp_bytes)
        && headers(&part.req_headers, &whole.req_headers)
        && headers(&part.resp_headers, &whole.resp_headers)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn chunks_do_not_matter(plans in vec(plan(), 1..12), cuts in vec(1_usize..40, 1..20)) {
        let calls = connection(&plans);
        let whole = rows(Wire::new(), &calls, &[]);
        prop_assert_eq!(whole.len(), plans.len());
        for (exchange, plan) in whole.iter().zip(&plans) {
            let http = http(exchange);
            prop_assert_eq!(http.method.as_deref(), Some(plan.method));
            prop_assert_eq!(http.path.as_ref(), Some(&plan.path));
            prop_assert_eq!(http.status, Some(plan.status));
            prop_assert_eq!(http.req_bytes, Some(plan.upload.len() as u64));
            prop_assert_eq!(http.resp_bytes, Some(plan.answer.concat().len() as u64));
        }
        prop_assert_eq!(rows(Wire::new(), &calls, &cuts), whole.clone());
        prop_assert_eq!(rows(Wire::new(), &calls, &[1]), whole);
    }

    /// The same when it is joined within a call, where chunks are what decides what is seen first.
    #[test]
    fn chunks_do_not_matter_when_joined(plans in vec(plan(), 1..12), cuts in vec(1_usize..40, 1..20),
                                        skip in 2_usize..8, into in 0_usize..60) {
        let mut calls = connection(&plans);
        calls.drain(..skip.min(calls.len() - 1));
        let into = into.min(calls[0].bytes.len() - 1);
        calls[0].bytes.drain(..into);
        let whole = rows(Wire::joined(), &calls, &[]);
        prop_assert_eq!(rows(Wire::joined(), &calls, &cuts), whole);
    }

    #[test]
    fn joined_anywhere_nothing_is_wrong(plans in vec(plan(), 3..12), into in 0_usize..60) {
        let calls = connection(&plans);
        let whole = rows(Wire::new(), &calls, &[]);
        for skip in 2..calls.len() {
            let mut calls = calls[skip..].to_vec();
            let into = into.min(calls[0].bytes.len() - 1);
            calls[0].bytes.drain(..into);
            let requests = calls.iter().skip(1).filter(|call| call.direction == Sent).count();
            let joined = rows(Wire::joined(), &calls, &[]);
            prop_assert!(joined.len() >= requests, "{} rows of {requests} requests", joined.len());
            for exchange in &joined {
                let part = http(exchange);
                let whole = whole.iter().map(http).find(|whole| whole.stream == part.stream);
                prop_assert!(whole.is_some_and(|whole| agrees(part, whole)), "{part:?} is not {whole:?}");
            }
        }
    }

    /// A hole anywhere, of any length: what is still said is right, but for bytes that were counted before.
    #[test]
    fn holes_make_nothing_wrong(plans in vec(plan(), 3..12), at in 2_usize..30, from in 0_usize..200, length in 1_usize..300) {
        let mut calls = connection(&plans);
        let whole = rows(Wire::new(), &calls, &[]);
        let at = at.min(calls.len() - 1);
        let bytes = calls[at].bytes.clone();
        let from = from.min(bytes.len() - 1);
        let to = (from + length).min(bytes.len());
        let after = calls.split_off(at + 1);
        let mut wire = Wire::new();
        for call in &calls[..at] {
            wire.send(call.direction, 0, &call.bytes);
        }
        wire.send(calls[at].direction, 0, &bytes[..from]);
        wire.lose(calls[at].direction, (to - from) as u64);
        wire.send(calls[at].direction, 0, &bytes[to..]);
        for call in &after {
            wire.send(call.direction, 0, &call.bytes);
        }
        wire.close();
        for exchange in &wire.exchanges {
            let Record::Http(part) = &exchange.record else { continue };
            let whole = whole.iter().map(http).find(|whole| whole.stream == part.stream).unwrap();
            let mut part = (**part).clone();
            if exchange.cut_short || part.common.gap || exchange.timing.request_end.is_none() {
                // Fewer bytes were seen; never more.
                prop_assert!(part.resp_bytes <= whole.resp_bytes && part.req_bytes <= whole.req_bytes);
                (part.resp_bytes, part.req_bytes) = (None, None);
            }
            prop_assert!(agrees(&part, whole), "{part:?} is not {whole:?}");
        }
    }

    #[test]
    fn any_bytes(calls in vec((any::<bool>(), bytes(), 0_u64..40), 0..40), midstream in any::<bool>()) {
        let mut wire = if midstream { Wire::joined() } else { Wire::begun() };
        for (is_sent, bytes, missing) in &calls {
            let direction = if *is_sent { Sent } else { Received };
            wire.cut(direction, 1, bytes, bytes.len() as u64 + missing);
        }
        wire.close();
        prop_assert!(wire.memory() < 1 << 20);
    }

    /// A sound connection of which single bytes are wrong. (Here the chunks may matter: see `sync`.)
    #[test]
    fn flipped_bytes(plans in vec(plan(), 1..12), flips in vec((0_usize..2000, any::<u8>()), 1..10)) {
        let mut calls = connection(&plans);
        for (at, byte) in flips {
            let call = at % calls.len();
            let length = calls[call].bytes.len();
            calls[call].bytes[at % length] = byte;
        }
        for cuts in [&[][..], &[1], &[7]] {
            let rows = rows(Wire::new(), &calls, cuts);
            let mut streams: Vec<_> = rows.iter().filter_map(stream).collect();
            streams.sort_unstable();
            streams.dedup();
            prop_assert_eq!(streams.len(), rows.len(), "no stream has two rows");
        }
    }
}

fn stream(exchange: &crate::session::Exchange) -> Option<u32> {
    match &exchange.record {
        Record::Http(row) => row.stream,
        Record::Grpc(row) => row.stream,
        _ => None,
    }
}

/// Random bytes that now and then look like frames.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let head = (0_u8..3, any::<u8>(), 0_u8..11, any::<u8>(), 0_u8..6, vec(any::<u8>(), 0..80)).prop_map(
        |(high, low, kind, flags, stream, payload)| {
            [vec![0, high, low, kind, flags, 0, 0, 0, stream], payload].concat()
        },
    );
    let right = (0_u8..11, any::<u8>(), 0_u32..6, vec(any::<u8>(), 0..80))
        .prop_map(|(kind, flags, stream, payload)| frame(kind, flags, stream, &payload));
    prop_oneof![vec(any::<u8>(), 0..100), head, right]
}

#[test]
fn every_prefix_gives_a_prefix_of_the_rows() {
    let plan = |n: u16| Plan {
        method: "POST",
        path: format!("/{n}"),
        status: 200 + n,
        upload: vec![1, 2],
        answer: vec![vec![3; 5]],
        trailers: n.is_multiple_of(2),
    };
    let calls = connection(&[plan(1), plan(2), plan(3)]);
    let whole = rows(Wire::new(), &calls, &[]);
    let length: usize = calls.iter().map(|call| call.bytes.len()).sum();
    for end in 0..length {
        let mut wire = Wire::new();
        let mut left = end;
        for (time, call) in calls.iter().enumerate() {
            let piece = left.min(call.bytes.len());
            wire.send(call.direction, time as u64, &call.bytes[..piece]);
            left -= piece;
        }
        let rows = wire.exchanges;
        assert_eq!(rows, whole[..rows.len()], "after {end} bytes");
    }
}

#[test]
fn memory_is_bounded() {
    // Requests that are never answered, with large headers; bodies and header blocks that never end.
    let mut wire = Wire::begun();
    let long = "v".repeat(120);
    let fields: Vec<(&str, &str)> =
        [(":method", "GET"), (":path", "/")].into_iter().chain((0..100).map(|_| ("x", &*long))).collect();
    for stream in 0..20_000_u32 {
        wire.send(Sent, 1, &super::wire::headers(2 * stream + 1, false, &fields[..3]));
    }
    assert_eq!(wire.exchanges.len(), 10_000, "the oldest are let go");
    assert!(wire.memory() < 32 << 20, "{} bytes", wire.memory());
    let mut wire = Wire::begun();
    wire.send(Sent, 1, &frame(kind::HEADERS, 0, 1, b""));
    for _ in 0..1000 {
        wire.send(Sent, 1, &frame(kind::CONTINUATION, 0, 1, &[0; 10_000]));
    }
    assert!(wire.memory() < 1 << 20, "{} bytes", wire.memory());
    wire.send(Sent, 2, &frame(kind::CONTINUATION, flag::END_HEADERS, 1, b""));
    wire.send(Sent, 3, &super::wire::headers(3, false, &fields));
    for _ in 0..10_000 {
        wire.send(Sent, 4, &data(3, false, &[0; 1000]));
    }
    wire.close();
    assert_eq!(
        wire.rows(),
        ["1 - - - req=0 resp=- cut_short truncated", "3 GET / - req=10000000 resp=- cut_short truncated"]
    );
}
