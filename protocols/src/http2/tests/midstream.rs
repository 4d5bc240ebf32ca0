//! Joined in the middle, and bytes that are missing.

use super::super::frame::{flag, kind};
use super::wire::{Wire, block, data, frame, headers, part};
use super::{GET, OK};
use crate::event::Direction::{Received, Sent};
use crate::record::Record;

#[test]
fn joined_between_requests() {
    let mut wire = Wire::joined();
    wire.send(Sent, 1, &headers(101, true, GET));
    wire.send(Received, 2, &headers(101, true, OK));
    assert_eq!(wire.rows(), ["101 GET /cart 200 req=0 resp=0"]);
}

#[test]
fn joined_within_a_response() {
    let mut wire = Wire::joined();
    wire.send(Received, 1, b"the end of a body that began before");
    wire.send(Received, 2, &data(99, true, b"not asked for while we looked"));
    wire.send(Sent, 3, &headers(101, true, GET));
    wire.send(Received, 4, &headers(101, true, OK));
    assert_eq!(wire.rows(), ["101 GET /cart 200 req=0 resp=0"]);
    assert_eq!(wire.skipped(), 35);
}

#[test]
fn trailers_of_a_request_before() {
    let mut wire = Wire::joined();
    wire.send(Sent, 1, &headers(7, true, &[("x-checksum", "1")]));
    wire.send(Received, 2, &headers(7, true, &[(":status", "200")]));
    assert_eq!(wire.begun_count(), 1);
    wire.close();
    assert_eq!(wire.rows(), ["7 - - 200 req=- resp=0"], "how much was asked for is not known");
    assert_eq!(wire.times(), "2 - - -", "nor how long it took");
}

#[test]
fn answers_to_requests_before() {
    let mut wire = Wire::joined();
    let end = flag::END_HEADERS | flag::END_STREAM;
    // Status and type from the table; then a status that is known, and another block of literals.
    wire.send(Received, 1, &frame(kind::HEADERS, flag::END_HEADERS, 5, b"\x88\xbe"));
    wire.send(Received, 2, &part(7, &[(":status", "404"), ("content-type", "text/html")]));
    wire.send(Received, 3, &data(7, true, b"nowhere"));
    wire.send(Received, 4, &data(5, true, b"here"));
    // The second is answered first; both are told as soon as a later request shows that theirs will not come.
    assert_eq!(wire.rows(), [""; 0]);
    wire.send(Sent, 5, &headers(9, true, GET));
    assert_eq!(wire.rows(), ["5 - - 200 req=- resp=4", "7 - - 404 req=- resp=7"]);
    assert!(wire.http(0).common.midstream && wire.http(0).req_headers.is_none());
    // Nobody asked for these: a stream that is idle yet, one that the server opens, one that has its row.
    for stream in [11, 4, 7] {
        wire.send(Received, 6, &headers(stream, true, OK));
    }
    // A redirection (303) whose status is in the table; it can only be the status.
    wire.send(Received, 7, &frame(kind::HEADERS, flag::END_HEADERS, 3, b"\xbe"));
    wire.send(Received, 8, &data(3, true, b"not messages"));
    // Trailers, or an answer that is no more than a head.
    wire.send(Received, 9, &frame(kind::HEADERS, end, 1, b"\xbe\xbf"));
    wire.send(Received, 10, &headers(9, true, OK));
    wire.close();
    assert_eq!(wire.rows()[2..], ["3 - - - req=- resp=12", "9 GET /cart 200 req=0 resp=0"]);
}

#[test]
fn calls_that_were_made_before() {
    let mut wire = Wire::joined();
    let end = flag::END_HEADERS | flag::END_STREAM;
    // Of one only the trailers are seen; of one an answer whose type and status are in the table; of one only trailers.
    wire.send(Received, 1, &headers(1, true, &[("grpc-status", "5"), ("grpc-message", "none")]));
    wire.send(Received, 2, &frame(kind::HEADERS, flag::END_HEADERS, 3, b"\x88\xbe"));
    wire.send(Received, 3, &data(3, false, b"\0\0\0\0\x01z\0\0\0\0\0"));
    wire.send(Received, 4, &frame(kind::HEADERS, end, 3, b"\xbf\xc0"));
    let refused = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "12")];
    wire.send(Received, 5, &headers(5, true, &refused));
    // It may be either protocol's.
    wire.send(Received, 6, &frame(kind::HEADERS, end, 7, b"\x88\xbe"));
    wire.send(Sent, 7, &headers(9, true, GET));
    let expected = ["1 -/- 5 NOT_FOUND - -/- -/-", "3 -/- - - - -/2 -/11", "5 -/- 12 UNIMPLEMENTED - -/0 -/0"];
    assert_eq!(wire.rows(), expected);
}

#[test]
fn an_answer_that_is_told_of_before_its_request_when_joined() {
    let mut wire = Wire::joined();
    wire.send(Received, 2, &part(7, OK));
    wire.send(Received, 3, &data(7, true, b"here"));
    wire.send(Sent, 1, &headers(7, true, GET));
    assert_eq!(wire.rows(), ["7 GET /cart 200 req=0 resp=4"]);
    assert_eq!(wire.times(), "1 1 2 3");
    assert!(!wire.http(0).common.midstream);
    // Not for ever; and then its row has been given.
    wire = Wire::joined();
    wire.send(Received, 2, &headers(7, true, OK));
    wire.tick(200_000_000);
    wire.send(Sent, 1, &headers(7, true, GET));
    wire.send(Received, 2, &headers(7, true, OK));
    wire.close();
    assert_eq!(wire.rows(), ["7 - - 200 req=- resp=0"]);
}

#[test]
fn answers_to_requests_in_a_hole() {
    let mut wire = Wire::begun();
    wire.send(Sent, 1, &headers(1, true, GET));
    wire.lose(Sent, 500);
    wire.send(Sent, 2, &headers(7, true, GET));
    wire.send(Received, 3, &[headers(1, true, OK), headers(5, true, OK), headers(7, true, OK)].concat());
    wire.send(Received, 4, &headers(9, true, OK));
    wire.close();
    assert_eq!(
        wire.rows(),
        ["1 GET /cart 200 req=0 resp=0", "5 - - 200 req=- resp=0 gap", "7 GET /cart 200 req=0 resp=0"]
    );
}

#[test]
fn a_preface_means_the_beginning() {
    let mut wire = Wire::joined();
    wire.send(Sent, 1, super::super::frame::PREFACE);
    // A dynamic entry that was never inserted cannot be: the block is wrong, and the row has no names.
    wire.send(Sent, 2, &frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 1, &[0x82, 0xbe]));
    wire.send(Received, 3, &headers(1, true, OK));
    assert_eq!(wire.rows(), ["1 - - 200 req=0 resp=0 truncated"]);
}

#[test]
fn what_was_indexed_before_is_null() {
    let mut wire = Wire::joined();
    let end = flag::END_HEADERS | flag::END_STREAM;
    // GET, http, two entries from before, and `accept-language: de` inserted.
    wire.send(Sent, 1, &frame(kind::HEADERS, end, 5, b"\x82\x86\xbe\xbf\x51\x02de"));
    wire.send(Received, 2, &frame(kind::HEADERS, end, 5, b"\xbe\xbf"));
    // The same again, one further on, and the one that is known by now.
    wire.send(Sent, 3, &frame(kind::HEADERS, end, 7, b"\x82\x86\xbf\xc0\xbe"));
    wire.send(Received, 4, &frame(kind::HEADERS, end, 7, b"\x88"));
    assert_eq!(wire.rows(), ["5 GET - - req=0 resp=0", "7 GET - 200 req=0 resp=0"]);
    let fields = wire.http(1).req_headers.unwrap();
    let fields: Vec<_> = fields.iter().map(|field| (field.name.as_deref(), field.value.as_deref())).collect();
    assert_eq!(fields, [(None, None), (None, None), (Some("accept-language"), Some("de"))]);
    // The first field of a response is its status: its name is known, and so it is left out of the others.
    assert_eq!(wire.http(0).resp_headers.unwrap().len(), 1);
}

#[test]
fn a_path_under_a_name_from_before() {
    let mut wire = Wire::joined();
    let end = flag::END_HEADERS | flag::END_STREAM;
    // GET, http, (name from before): /found, `:authority: a`.
    wire.send(Sent, 1, &frame(kind::HEADERS, end, 5, b"\x82\x86\x0f\x2f\x06/found\x01\x01a"));
    wire.send(Received, 2, &frame(kind::HEADERS, end, 5, b"\x88"));
    assert_eq!(wire.rows(), ["5 GET /found 200 req=0 resp=0"]);
}

#[test]
fn grpc_without_any_known_header() {
    let mut wire = Wire::joined();
    wire.send(Sent, 1, &frame(kind::HEADERS, flag::END_HEADERS, 5, b"\x83\x86\xbe\xbf\xc0\xc1"));
    wire.send(Sent, 2, &data(5, true, b"\0\0\0\0\x03abc"));
    wire.send(Received, 3, &frame(kind::HEADERS, flag::END_HEADERS, 5, b"\x88\xbe"));
    wire.send(Received, 4, &data(5, false, b"\0\0\0\0\x01z"));
    wire.send(Received, 5, &frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 5, b"\xbf\xc0"));
    assert_eq!(wire.rows(), ["5 -/- - - unary 1/1 8/6"]);
}

#[test]
fn guessed_the_wrong_way_round() {
    let mut wire = Wire::joined();
    wire.send(Received, 1, &headers(9, true, GET));
    wire.send(Sent, 2, &headers(9, true, OK));
    assert_eq!(wire.rows(), ["9 GET /cart 200 req=0 resp=0"]);
}

#[test]
fn holes_within_data_keep_the_framing() {
    let mut wire = Wire::begun();
    wire.send(Sent, 1, &headers(1, true, GET));
    wire.send(Received, 2, &headers(1, false, OK));
    let body = data(1, false, &[b'x'; 8000]);
    wire.cut(Received, 3, &body[..100], body.len() as u64);
    wire.send(Received, 4, &data(1, true, b"end"));
    wire.send(Sent, 5, &headers(3, true, GET));
    wire.send(Received, 6, &headers(3, false, OK));
    wire.send(Received, 7, &data(3, false, &[b'y'; 500])[..300]);
    wire.lose(Received, 209);
    wire.send(Received, 8, &data(3, true, b"end"));
    assert_eq!(wire.rows(), ["1 GET /cart 200 req=0 resp=8003 truncated", "3 GET /cart 200 req=0 resp=503 gap"]);
    assert_eq!(wire.http(0).resp_body.unwrap().len(), 91);
}

#[test]
fn a_header_block_with_a_hole() {
    let mut wire = Wire::begun();
    wire.send(Sent, 1, &headers(1, true, GET));
    let head = headers(1, false, OK);
    wire.cut(Received, 2, &head[..12], head.len() as u64);
    wire.send(Received, 3, &data(1, true, b"body"));
    assert_eq!(wire.rows(), ["1 GET /cart - req=0 resp=4 truncated"]);
    // The table is joined anew: what is inserted from here on is known.
    wire.send(Sent, 4, &headers(3, true, GET));
    wire.send(Received, 5, &frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 3, b"\x48\x03404\xbf\xbe"));
    assert_eq!(wire.rows()[1], "3 GET /cart 404 req=0 resp=0");
    // And the same for a request.
    let head = headers(5, true, GET);
    wire.send(Sent, 6, &head[..30]);
    wire.lose(Sent, head.len() as u64 - 30);
    wire.send(Sent, 7, &headers(7, true, GET));
    wire.send(Received, 8, &[headers(5, true, OK), headers(7, true, OK)].concat());
    assert_eq!(wire.rows()[2..], ["5 - - 200 req=0 resp=0 gap", "7 GET /cart 200 req=0 resp=0"]);
}

#[test]
fn a_continuation_with_a_hole() {
    let mut wire = Wire::begun();
    let block = block(GET);
    wire.send(Sent, 1, &frame(kind::HEADERS, flag::END_STREAM, 1, &block[..10]));
    let rest = frame(kind::CONTINUATION, flag::END_HEADERS, 1, &block[10..]);
    wire.send(Sent, 2, &rest[..20]);
    wire.lose(Sent, rest.len() as u64 - 20);
    wire.send(Sent, 3, &headers(3, true, GET));
    wire.send(Received, 4, &[headers(1, true, OK), headers(3, true, OK)].concat());
    assert_eq!(wire.rows(), ["1 - - 200 req=0 resp=0 gap", "3 GET /cart 200 req=0 resp=0"]);
}

#[test]
fn framing_lost_and_found() {
    let mut wire = Wire::begun();
    wire.send(Sent, 1, &headers(1, true, GET));
    wire.send(Received, 2, &[headers(1, false, OK), data(1, false, b"some")].concat());
    wire.lose(Received, 5000);
    wire.send(Received, 3, b"the rest of a frame that began in the hole");
    wire.send(Received, 4, &data(1, true, b"end"));
    wire.send(Sent, 5, &headers(3, true, GET));
    wire.send(Received, 6, &headers(3, true, OK));
    // How long the body was is not known.
    assert_eq!(wire.rows(), ["1 GET /cart 200 req=0 resp=- gap", "3 GET /cart 200 req=0 resp=0"]);
    assert_eq!(wire.skipped(), 42);
}

#[test]
fn frames_of_one_size_lead_over_a_hole() {
    let mut wire = Wire::begun();
    wire.send(Sent, 1, &headers(1, true, GET));
    // The status goes into the table: what follows refers to it.
    let head = frame(kind::HEADERS, flag::END_HEADERS, 1, b"\x48\x03206");
    let body: Vec<u8> = (0..10).flat_map(|_| data(1, false, &[b'x'; 5000])).collect();
    let call = [head, body, data(1, true, b"end")].concat();
    wire.cut(Received, 2, &call[..6000], call.len() as u64 - 3000);
    // The end comes on its own, and in pieces.
    for piece in call[call.len() - 3000..].chunks(700) {
        wire.send(Received, 2, piece);
    }
    wire.send(Sent, 3, &headers(3, true, GET));
    wire.send(Received, 4, &frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 3, b"\xbe"));
    assert_eq!(wire.rows(), ["1 GET /cart 206 req=0 resp=50003 truncated", "3 GET /cart 206 req=0 resp=0"]);
}

#[test]
fn frames_of_other_sizes_do_not() {
    let mut wire = Wire::begun();
    wire.send(Sent, 1, &headers(1, true, GET));
    let head = frame(kind::HEADERS, flag::END_HEADERS, 1, b"\x48\x03206");
    let body: Vec<u8> = [5000, 5000, 4999, 5000].iter().flat_map(|n| data(1, false, &vec![b'x'; *n])).collect();
    let call = [head, body, data(1, true, b"end")].concat();
    wire.cut(Received, 2, &call[..6000], call.len() as u64 - 3000);
    wire.send(Received, 2, &call[call.len() - 3000..]);
    wire.send(Sent, 3, &headers(3, true, GET));
    wire.send(Received, 4, &frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 3, b"\xbe"));
    wire.send(Sent, 5, &headers(5, true, GET));
    wire.send(Received, 6, &headers(5, true, OK));
    wire.send(Received, 7, &frame(kind::GOAWAY, 0, 0, &[0; 8]));
    // The table may have changed in the hole: an entry from before it means nothing any more.
    let rows = wire.rows();
    assert!(rows.contains(&"5 GET /cart 200 req=0 resp=0".to_owned()), "{rows:?}");
    assert!(!rows.iter().any(|row| row.starts_with("3 GET /cart 206")), "{rows:?}");
}

#[test]
fn a_download_that_ends_in_a_hole() {
    // Of each call only the beginning is kept: the frames behind it, and the end, are never seen.
    let mut wire = Wire::begun();
    wire.send(Sent, 1, &headers(1, true, GET));
    let answer = headers(1, false, &[(":status", "200"), ("content-length", "50000")]);
    let body: Vec<u8> = [15_000, 15_000, 15_000].iter().flat_map(|n| data(1, false, &vec![b'x'; *n])).collect();
    wire.cut(Received, 2, &[&answer[..], &body[..16_000]].concat(), (answer.len() + body.len()) as u64);
    let end = [data(1, true, &[b'x'; 5000])].concat();
    wire.cut(Received, 3, &end[..5], end.len() as u64);
    assert_eq!(wire.rows(), ["1 GET /cart 200 req=0 resp=50000 truncated"]);
    assert_eq!(wire.times(), "1 1 2 3");
}

#[test]
fn an_upload_with_missing_frames() {
    let mut wire = Wire::begun();
    let fields = [(":method", "POST"), (":path", "/a.B/Up"), ("content-type", "application/grpc")];
    wire.send(Sent, 1, &part(1, &fields));
    wire.lose(Sent, 100);
    wire.send(Sent, 2, &data(1, true, b"\0\0\0\0\0"));
    wire.send(Received, 3, &headers(1, true, &[(":status", "200"), ("grpc-status", "0")]));
    // Nor how many messages there were.
    assert_eq!(wire.rows(), ["1 a.B/Up 0 OK - -/0 -/0 gap"]);
    assert!(matches!(wire.exchanges[0].record, Record::Grpc(_)));
}
