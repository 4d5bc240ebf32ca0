//! What holds for every connection, however its bytes come.

use proptest::prelude::*;

use super::Http1;
use crate::event::{Direction, Side, SocketEvent, Source, Timestamp, Transport};
use crate::infer::Start;
use crate::keys::KeyLog;
use crate::session::{Session, Sink, Step};
use crate::stream::{Mark, Streams};
use crate::testing::{Rows, Script, rechunk, run};
use crate::tracker::{Config, Limits, Trackers};

/// Message pairs that give one row each and keep the connection open; `{n}` and `{status}` tell them apart.
const PAIRS: [(&str, &str); 8] = [
    ("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\nhello"),
    (
        "POST /{n} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nT: 1\r\n\r\n",
        "HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ),
    ("HEAD /{n} HTTP/1.1\r\n\r\n", "HTTP/1.1 {status} X\r\nContent-Length: 500\r\n\r\n"),
    (
        "PUT /{n} HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "GET /{n} HTTP/1.1\nA: b\n c\n\n",
        "HTTP/1.1 103 Early Hints\nLink: x\n\nHTTP/1.1 {status}\nContent-Length: 1\n\n!",
    ),
    (
        "POST /{n} HTTP/1.1\r\nContent-Length: 42\r\n\r\nGET /inner HTTP/1.1\r\nHost: not-a-request\r\n\r\n",
        "HTTP/1.1 {status} X\r\nContent-Length: 19\r\n\r\nHTTP/1.1 999 Fake\r\n",
    ),
    ("GET http://h:8080/{n}?q HTTP/1.0\r\n\r\n", "HTTP/1.0 {status} Reason words\r\nContent-Length: 0\r\n\r\n"),
    (
        "OPTIONS /{n} HTTP/1.1\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        "HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n",
    ),
];

fn pair(n: usize) -> (String, String) {
    let (request, response) = PAIRS[n % PAIRS.len()];
    (request.replace("{n}", &n.to_string()), response.replace("{status}", &(205 + 5 * n).to_string()))
}

/// One exchange after the other.
fn conversation(count: usize) -> Script {
    talk((0..count).collect())
}

/// As [`conversation`], without bodies that look like heads: behind a hole nobody can tell them apart.
fn honest_conversation(count: usize) -> Script {
    talk((0..count).filter(|n| n % PAIRS.len() != 5).collect())
}

fn talk(exchanges: Vec<usize>) -> Script {
    let mut script = Script::live();
    script.open(1, 80, 40000, Side::Remote);
    for n in exchanges {
        let (request, response) = pair(n);
        script.received(1, request).sent(1, response);
    }
    script.close(1);
    script
}

/// All requests at once, then all responses.
fn pipeline(count: usize) -> Script {
    let mut script = Script::live();
    script.open(1, 80, 40000, Side::Remote);
    let pairs: Vec<_> = (0..count).filter(|n| n % PAIRS.len() != 7).map(pair).collect();
    script.received(1, pairs.iter().map(|(request, _)| request.as_str()).collect::<String>());
    script.sent(1, pairs.iter().map(|(_, response)| response.as_str()).collect::<String>());
    script.close(1);
    script
}

fn run_all(events: &[SocketEvent]) -> Rows {
    run(events, Config { redact: false, ..Config::default() })
}

/// Rows whose request and response do not belong together.
fn mismatched(rows: &Rows) -> Vec<String> {
    let wrong = |http: &&crate::record::Http| {
        let Some(path) = &http.path else { return false };
        let Ok(n) = path.trim_start_matches('/').parse::<u16>() else { return true };
        http.status.is_some_and(|status| status != 205 + 5 * n)
    };
    rows.http().into_iter().filter(wrong).map(|http| format!("{:?} {:?}", http.path, http.status)).collect()
}

#[test]
fn every_pair_gives_its_row() {
    for script in [conversation(16), pipeline(16)] {
        let rows = script.run();
        assert_eq!(mismatched(&rows), Vec::<String>::new());
        assert!(rows.http().iter().all(|http| http.status.is_some() && http.common.latency.is_some()), "{rows:#?}");
        assert!(matches!(rows.http().len(), 14 | 16));
        assert_eq!(rows.coverage.parsed_bytes, rows.coverage.bytes);
    }
}

#[test]
fn one_byte_at_a_time_changes_nothing() {
    for script in [conversation(16), pipeline(16)] {
        assert_eq!(run_all(&rechunk(&script.events, &[1])), script.run());
    }
}

/// Feeds two directions to a bare session; returns what it said.
fn steps(requests: &[u8], responses: &[u8]) -> Vec<Step> {
    let start = Start {
        requests: Direction::Received,
        midstream: false,
        transport: Transport::Tcp,
        decrypted: false,
        upgrade: None,
        keys: KeyLog::default(),
        config: std::sync::Arc::new(Config::default()),
    };
    let mut session = Http1::new(&start);
    let mut streams = Streams::default();
    let mark = Mark { time: Timestamp(1), pid: 0, tid: 0, task: 0, source: Source::Pcap };
    streams[Direction::Received].insert(0, requests, requests.len() as u64, mark);
    streams[Direction::Sent].insert(0, responses, responses.len() as u64, mark);
    let mut id = 1;
    let mut sink = Sink::new(&mut id);
    session.advance(&mut streams, &mut sink);
    session.finish(&mut streams, false, &mut sink);
    sink.take()
}

/// Every prefix of a valid message is incomplete, never invalid.
#[test]
fn no_prefix_of_a_valid_message_is_an_error() {
    for n in 0..PAIRS.len() {
        let (request, response) = pair(n);
        let whole = steps(request.as_bytes(), response.as_bytes());
        assert_eq!(whole.iter().filter(|step| matches!(step, Step::Finish(_))).count(), 1);
        for end in 0..request.len() {
            let said = steps(&request.as_bytes()[..end], b"");
            assert!(!said.iter().any(|step| matches!(step, Step::Skipped { .. })), "{:?}", &request[..end]);
        }
        for end in 0..response.len() {
            let said = steps(request.as_bytes(), &response.as_bytes()[..end]);
            assert!(!said.iter().any(|step| matches!(step, Step::Skipped { .. })), "{:?}", &response[..end]);
            let finished: Vec<_> =
                said.iter().filter_map(|step| if let Step::Finish(row) = step { Some(row) } else { None }).collect();
            assert_eq!(finished.len(), 1);
            assert!(finished[0].cut_short && finished[0].timing.response_end.is_none(), "{:?}", &response[..end]);
        }
    }
}

fn is_data(event: &SocketEvent) -> bool {
    matches!(event, SocketEvent::Data(_))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Splitting the chunks changes no row.
    #[test]
    fn cutting_the_chunks_changes_nothing(cuts in proptest::collection::vec(1..80_usize, 1..20), piped in any::<bool>()) {
        let script = if piped { pipeline(12) } else { conversation(12) };
        prop_assert_eq!(run_all(&rechunk(&script.events, &cuts)), script.run());
    }

    /// Whatever is lost, no response is ever put to another's request.
    #[test]
    fn losses_never_mix_rows(lost in proptest::collection::vec(any::<bool>(), 24), cut in 1..200_usize) {
        let script = honest_conversation(12);
        let mut lost = lost.iter().cycle();
        let events: Vec<_> = rechunk(&script.events, &[cut])
            .into_iter()
            .filter(|event| !is_data(event) || !lost.next().unwrap())
            .collect();
        let rows = run_all(&events);
        prop_assert_eq!(mismatched(&rows), Vec::<String>::new());
    }

    /// Joined anywhere, the same.
    #[test]
    fn joining_midstream_never_mixes_rows(skip in 0..300_usize, cut in 1..40_usize) {
        let script = honest_conversation(12);
        let mut left = skip;
        let events: Vec<_> = rechunk(&script.events, &[cut])
            .into_iter()
            .filter(|event| !is_data(event) || { let keep = left == 0; left = left.saturating_sub(1); keep })
            .map(|event| match event {
                SocketEvent::Open(open) => SocketEvent::Open(crate::event::Open { midstream: true, ..open }),
                event => event,
            })
            .collect();
        let rows = run_all(&events);
        prop_assert_eq!(mismatched(&rows), Vec::<String>::new());
        prop_assert!(rows.http().iter().all(|http| http.common.midstream));
    }

    /// Any bytes at all: no panic, and memory stays bounded.
    #[test]
    fn any_bytes_are_survived(
        chunks in proptest::collection::vec((any::<bool>(), prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..60),
            "(GET|HTTP/1.1|POST|HEAD) [ -~]{0,30}( HTTP/1\\.[01])?\r?\n".prop_map(String::into_bytes),
            "(Content-Length|Transfer-Encoding|Upgrade|Connection): ?(chunked|h2c|websocket|upgrade|[0-9]{1,20})\r\n(\r\n)?"
                .prop_map(String::into_bytes),
            "[0-9a-f]{1,16}\r\n".prop_map(String::into_bytes),
        ], 0..40_u64), 0..60),
        midstream in any::<bool>(),
    ) {
        let mut script = Script::live();
        if midstream { script.joined(1, 80, 40000) } else { script.open(1, 80, 40000, Side::Remote) };
        for (received, bytes, more) in &chunks {
            let direction = if *received { Direction::Received } else { Direction::Sent };
            if *more % 7 == 6 {
                script.missed(1, direction, *more);
            }
            let extra = if *more % 5 == 4 { *more } else { 0 };
            script.data(1, direction, bytes, bytes.len() as u64 + extra);
        }
        script.close(1);
        let limits = Limits { stream_bytes: 512, ..Limits::default() };
        let mut trackers = Trackers::new(Config { limits, ..Config::default() });
        for event in script.events {
            trackers.handle(event, &mut |_| ());
            prop_assert!(trackers.load().1 < 200_000, "{:?}", trackers.load());
        }
        trackers.finish(&mut |_| ());
        prop_assert_eq!(trackers.load(), (0, 0));
        prop_assert!(trackers.in_flight().is_empty());
    }
}
