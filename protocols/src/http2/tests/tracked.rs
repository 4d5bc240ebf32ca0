//! Whole connections through the trackers: recognised, read, and given their common columns.

use super::super::frame::{PREFACE, flag, kind};
use super::wire::{data, frame, headers, part, settings};
use super::{GET, OK};
use crate::event::{Direction, Side, SocketEvent, StateChange};
use crate::record::{Record, Role};
use crate::testing::{Rows, Script};

fn server() -> Script {
    let mut script = Script::live();
    script.open(1, 80, 40000, Side::Remote);
    script
}

/// `stream status error truncated midstream` of each row.
fn rows(rows: &Rows) -> Vec<String> {
    let line = |record: &Record| match record {
        Record::Http(row) => {
            let status = row.status.map_or("-".to_owned(), |status| status.to_string());
            let error = row.common.error.map_or("-".to_owned(), |error| error.to_string());
            Some(format!("{} {status} {error} {} {}", row.stream?, row.common.truncated, row.common.midstream))
        }
        _ => None,
    };
    rows.records.iter().filter_map(line).collect()
}

#[test]
fn prior_knowledge() {
    let mut script = server();
    script.received(1, [PREFACE, &settings()].concat()).sent(1, settings());
    script.at(1_000_000).received(1, headers(1, true, GET)).at(2_000_000).sent(1, headers(1, false, OK));
    let seen = script.at(4_000_000).sent(1, data(1, true, b"hello")).close(1).run();
    assert_eq!(rows(&seen), ["1 200 false false false"]);
    let common = &seen.http()[0].common;
    assert_eq!((common.latency, common.ttfb), (Some(3_000_000), Some(1_000_000)));
    assert_eq!(common.role, Some(Role::Server));
    assert_eq!((seen.conns()[0].requests, seen.conns()[0].protocol), (1, Some("http2")));
    assert_eq!(seen.coverage.parsed_bytes, seen.coverage.bytes);
}

#[test]
fn upgrade_from_http1() {
    let mut script = server();
    script.received(
        1,
        "GET /first HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    );
    script.sent(1, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    script.sent(1, [settings(), headers(1, false, OK), data(1, true, b"upgraded")].concat());
    script.received(1, [PREFACE, &settings()].concat());
    script.received(1, headers(3, true, GET)).sent(1, headers(3, true, &[(":status", "404")]));
    let seen = script.close(1).run();
    assert_eq!(rows(&seen), ["1 200 false false false", "3 404 false false false"]);
    let first = seen.http()[0];
    assert_eq!((first.path.as_deref(), first.host.as_deref()), (Some("/first"), Some("shop")));
    assert_eq!((first.version, first.resp_bytes), (Some("2"), Some(8)));
    assert_eq!(seen.coverage.parsed_bytes, seen.coverage.bytes);
}

#[test]
fn joined_after_it_began() {
    let mut script = Script::live();
    script.joined(1, 80, 40000);
    // The client's WINDOW_UPDATE says nothing of the roles; its request does.
    script.received(1, frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 1, 0]));
    script.sent(1, b"the end of a body");
    script.received(1, headers(77, true, GET)).sent(1, headers(77, true, OK));
    assert_eq!(rows(&script.close(1).run()), ["77 200 false false true"]);
}

#[test]
fn joined_where_only_answers_tell() {
    let mut script = Script::live();
    script.joined(1, 40000, 80);
    script.received(1, headers(77, false, OK)).received(1, data(77, true, b"answered"));
    script.sent(1, headers(79, true, GET)).received(1, headers(79, true, OK));
    let seen = script.close(1).run();
    assert_eq!(rows(&seen), ["77 200 false false true", "79 200 false false true"]);
    let [before, after] = [seen.http()[0], seen.http()[1]];
    assert_eq!((before.common.role, after.common.role), (Some(Role::Client), Some(Role::Client)));
    assert_eq!((&before.method, before.common.latency, before.common.ttfb), (&None, None, None));
    assert!(after.common.latency.is_some());
}

#[test]
fn who_ended_it() {
    let mut script = server();
    script.received(1, [PREFACE, &settings()].concat()).sent(1, settings());
    for stream in [1, 3, 5] {
        script.received(1, part(stream, GET));
    }
    let reset = |stream| frame(kind::RST_STREAM, 0, stream, &[0, 0, 0, 8]);
    script.received(1, reset(1)).sent(1, reset(3));
    script.state(1, StateChange::Reset);
    // Given up by the client; refused by the server; cut off with the connection.
    assert_eq!(rows(&script.close(1).run()), ["1 - - false false", "3 - true false false", "5 - true false false"]);
}

#[test]
fn a_stream_that_outlives_its_answer() {
    let mut script = server();
    script.received(1, [PREFACE, &settings()].concat()).sent(1, settings());
    script.received(1, part(1, GET)).sent(1, headers(1, true, OK));
    let time = script.at(1_000_000_000).tick();
    script.event(SocketEvent::Clock { time });
    let open = script.run();
    assert_eq!(rows(&open), ["1 200 false false false"], "given with the clock, the connection still open");
}

#[test]
fn large_writes_of_which_only_the_beginning_is_kept() {
    let mut script = server();
    script.received(1, [PREFACE, &settings()].concat()).sent(1, settings());
    script.received(1, headers(1, true, GET));
    let answer =
        [part(1, &[(":status", "200"), ("content-length", "60000")]), data(1, false, &[b'x'; 16_000])].concat();
    script.data(1, Direction::Sent, &answer, answer.len() as u64 + 2 * 16_009);
    let end = frame(kind::DATA, flag::END_STREAM, 1, &[b'x'; 12_000]);
    script.sent(1, &end);
    script.received(1, headers(3, true, GET)).sent(1, headers(3, true, OK));
    let seen = script.close(1).run();
    assert_eq!(rows(&seen), ["1 200 false true false", "3 200 false false false"]);
    assert_eq!(seen.http()[0].resp_bytes, Some(60_000));
}
