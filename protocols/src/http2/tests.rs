//! Connections made by hand, from bytes to exchanges.

mod corpora;
mod midstream;
mod properties;
mod tracked;
mod wire;

use super::frame::{flag, kind};
use crate::event::Direction::{Received, Sent};
use wire::{Wire, data, frame, headers, part, settings};

const GET: &[(&str, &str)] =
    &[(":method", "GET"), (":scheme", "http"), (":path", "/cart?id=7"), (":authority", "shop"), ("user-agent", "t/1")];
const OK: &[(&str, &str)] = &[(":status", "200"), ("content-type", "text/plain; charset=utf-8")];

#[test]
fn one_request() {
    let mut wire = Wire::begun();
    wire.send(Sent, 10, &headers(1, true, GET));
    wire.send(Received, 30, &headers(1, false, OK));
    wire.send(Received, 40, &data(1, true, b"hello"));
    let http = wire.only_http();
    assert_eq!(wire.times(), "10 10 30 40");
    assert_eq!(http.version, Some("2"));
    assert_eq!(http.method.as_deref(), Some("GET"));
    assert_eq!(http.scheme.as_deref(), Some("http"));
    assert_eq!(http.host.as_deref(), Some("shop"));
    assert_eq!((http.path.as_deref(), http.query.as_deref()), (Some("/cart"), Some("id=7")));
    assert_eq!((http.status, http.reason.as_deref()), (Some(200), None));
    assert_eq!((http.req_type.as_deref(), http.resp_type.as_deref()), (None, Some("text/plain")));
    assert_eq!(http.user_agent.as_deref(), Some("t/1"));
    assert_eq!((http.req_bytes, http.resp_bytes), (Some(0), Some(5)));
    assert_eq!((http.req_body, http.resp_body.as_deref()), (None, Some(&b"hello"[..])));
    assert_eq!(http.stream, Some(1));
    let names: Vec<_> = http.req_headers.unwrap().iter().map(|header| header.name.clone().unwrap()).collect();
    assert_eq!(names, ["user-agent".into()], "pseudo-headers have columns of their own");
    assert_eq!((http.common.truncated, http.common.gap), (false, false));
}

#[test]
fn every_byte_by_itself() {
    let mut wire = Wire::begun();
    let request = [part(1, GET), data(1, false, b"ab"), data(1, true, b"c")].concat();
    for (at, byte) in request.iter().enumerate() {
        wire.send(Sent, 100 + at as u64, &[*byte]);
    }
    let answer = [headers(1, false, &[(":status", "100")]), headers(1, false, OK), data(1, true, b"ok")].concat();
    let interim = headers(1, false, &[(":status", "100")]).len() as u64;
    for (at, byte) in answer.iter().enumerate() {
        wire.send(Received, 1000 + at as u64, &[*byte]);
    }
    let expected = [100, 99 + request.len() as u64, 1000 + interim, 999 + answer.len() as u64];
    assert_eq!(wire.times(), expected.map(|time| time.to_string()).join(" "));
    assert_eq!(wire.rows(), ["1 GET /cart 200 req=3 resp=2"]);
}

#[test]
fn hundreds_interleaved() {
    let mut wire = Wire::begun();
    let streams: Vec<u32> = (0..300).map(|n| 2 * n + 1).collect();
    for stream in &streams {
        let path = format!("/{stream}");
        wire.send(Sent, 1, &headers(*stream, true, &[(":method", "GET"), (":path", &path)]));
    }
    for stream in streams.iter().rev() {
        wire.send(Received, 2, &headers(*stream, false, &[(":status", &(200 + stream % 100).to_string())]));
    }
    for stream in &streams {
        wire.send(Received, 3, &data(*stream, true, &vec![b'x'; *stream as usize]));
    }
    let expected: Vec<String> = streams
        .iter()
        .map(|stream| format!("{stream} GET /{stream} {} req=0 resp={stream}", 200 + stream % 100))
        .collect();
    assert_eq!(wire.rows(), expected);
}

#[test]
fn continuation_padding_and_priority() {
    let mut wire = Wire::begun();
    let block = wire::block(GET);
    let (one, rest) = block.split_at(3);
    let (two, three) = rest.split_at(rest.len() / 2);
    let mut first = vec![4];
    first.extend([0, 0, 0, 0, 7]);
    first.extend(one);
    first.extend([0; 4]);
    wire.send(Sent, 1, &frame(kind::HEADERS, flag::END_STREAM | flag::PADDED | flag::PRIORITY, 1, &first));
    wire.send(Sent, 2, &frame(kind::CONTINUATION, 0, 1, two));
    wire.send(Sent, 3, &frame(kind::CONTINUATION, flag::END_HEADERS, 1, three));
    wire.send(Received, 4, &headers(1, false, OK));
    let padded = [&[3][..], b"body", &[0; 3]].concat();
    wire.send(Received, 5, &frame(kind::DATA, flag::PADDED | flag::END_STREAM, 1, &padded));
    assert_eq!(wire.rows(), ["1 GET /cart 200 req=0 resp=4"]);
    assert_eq!(wire.times(), "1 3 4 5");
}

#[test]
fn all_other_frames_are_read_over() {
    let mut wire = Wire::begun();
    wire.send(Sent, 1, &headers(1, true, GET));
    for (kind, flags, stream, payload) in [
        (kind::PRIORITY, 0, 1, &[0; 5][..]),
        (kind::PRIORITY, 0, 99, &[0; 5]),
        (kind::SETTINGS, flag::ACK, 0, &[]),
        (kind::PING, 0, 0, &[0; 8]),
        (kind::WINDOW_UPDATE, 0, 0, &[0, 0, 1, 0]),
        (kind::WINDOW_UPDATE, 0, 1, &[0, 0, 1, 0]),
        (0xa, 0, 0, b"altsvc"),
        (0xc, 0, 0, b"origin"),
        (0x10, 0, 0, b"\0\0\0\x01u=2"),
        (0xbe, 0xff, 77, b"grease"),
        // For streams that never were.
        (kind::RST_STREAM, 0, 55, &[0, 0, 0, 8]),
        (kind::DATA, 0, 57, b"idle"),
        (kind::DATA, flag::END_STREAM, 58, b"idle"),
    ] {
        wire.send(Sent, 2, &frame(kind, flags, stream, payload));
        wire.send(Received, 3, &frame(kind, flags, stream, payload));
    }
    wire.send(Received, 4, &headers(59, true, OK));
    // They may have been opened by a request that is told of late, for so long.
    wire.send(Received, 1_000_000_004, &headers(1, true, OK));
    assert_eq!(wire.rows(), ["1 GET /cart 200 req=0 resp=0"]);
    assert_eq!(wire.skipped(), 0);
}

/// Another thread may read the answer before the call that asked returns.
#[test]
fn an_answer_that_is_told_of_before_its_request() {
    let mut wire = Wire::begun();
    wire.send(Received, 3, &[headers(1, false, OK), data(1, true, b"early")].concat());
    assert_eq!(wire.rows(), [""; 0]);
    wire.send(Sent, 1, &headers(1, true, GET));
    assert_eq!(wire.rows(), ["1 GET /cart 200 req=0 resp=5"]);
    assert_eq!(wire.times(), "1 1 3 3");
}

#[test]
fn trailers_and_interim_responses() {
    let mut wire = Wire::begun();
    wire.send(Sent, 1, &part(1, GET));
    wire.send(Sent, 2, &data(1, false, b"abc"));
    wire.send(Sent, 3, &headers(1, true, &[("x-checksum", "1")]));
    wire.send(Received, 4, &headers(1, false, &[(":status", "103"), ("link", "</a.css>")]));
    wire.send(Received, 5, &headers(1, false, OK));
    wire.send(Received, 6, &data(1, false, b"d"));
    wire.send(Received, 7, &headers(1, true, &[("x-took", "3")]));
    assert_eq!(wire.rows(), ["1 GET /cart 200 req=3 resp=1"]);
    assert_eq!(wire.times(), "1 3 5 7");
}

#[test]
fn resets() {
    let mut wire = Wire::begun();
    let reset = |stream| frame(kind::RST_STREAM, 0, stream, &[0, 0, 0, 8]);
    for stream in [1, 3, 5, 7] {
        wire.send(Sent, 1, &headers(stream, stream != 7, GET));
    }
    // By the client, before and after the head; by the server; and after the answer, to stop the upload.
    wire.send(Sent, 2, &reset(1));
    wire.send(Received, 3, &headers(3, false, OK));
    wire.send(Sent, 4, &reset(3));
    wire.send(Received, 5, &reset(5));
    wire.send(Received, 6, &headers(7, true, &[(":status", "413")]));
    wire.send(Received, 7, &reset(7));
    // What comes late finds nothing.
    wire.send(Received, 8, &headers(1, true, OK));
    assert_eq!(
        wire.rows(),
        [
            "1 GET /cart - req=0 resp=-",
            "3 GET /cart 200 req=0 resp=0",
            "5 GET /cart - req=0 resp=- cut_short",
            "7 GET /cart 413 req=0 resp=0"
        ]
    );
}

#[test]
fn go_away_ends_what_was_not_processed() {
    let mut wire = Wire::begun();
    for stream in [1, 3, 5] {
        wire.send(Sent, 1, &headers(stream, true, GET));
    }
    wire.send(Received, 2, &frame(kind::GOAWAY, 0, 0, &[0, 0, 0, 3, 0, 0, 0, 0, b'b', b'y', b'e']));
    assert_eq!(wire.rows(), ["5 GET /cart - req=0 resp=- cut_short"]);
    wire.send(Received, 3, &headers(1, true, OK));
    wire.close();
    assert_eq!(
        wire.rows(),
        [
            "5 GET /cart - req=0 resp=- cut_short",
            "1 GET /cart 200 req=0 resp=0",
            "3 GET /cart - req=0 resp=- cut_short"
        ]
    );
}

#[test]
fn a_pushed_exchange() {
    let mut wire = Wire::begun();
    wire.send(Sent, 1, &headers(1, true, GET));
    let promised = [&2_u32.to_be_bytes()[..], &wire::block(&[(":method", "GET"), (":path", "/a.css")])].concat();
    wire.send(Received, 2, &frame(kind::PUSH_PROMISE, flag::END_HEADERS, 1, &promised));
    wire.send(Received, 3, &headers(1, true, OK));
    wire.send(Received, 4, &headers(2, false, OK));
    wire.send(Received, 5, &data(2, true, b"body{}"));
    assert_eq!(wire.rows(), ["1 GET /cart 200 req=0 resp=0", "2 GET /a.css 200 req=0 resp=6"]);
    assert_eq!(wire.times(), "2 2 4 5");
}

#[test]
fn connect_ends_with_its_stream() {
    // RFC 8441: WebSocket over HTTP/2.
    let mut wire = Wire::begun();
    let connect = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":path", "/chat")];
    wire.send(Sent, 1, &part(1, &connect));
    wire.send(Received, 2, &headers(1, false, &[(":status", "200")]));
    wire.send(Sent, 3, &data(1, false, b"hi"));
    wire.send(Received, 4, &data(1, false, b"hello"));
    assert!(wire.rows().is_empty());
    wire.send(Sent, 5, &data(1, true, b""));
    wire.send(Received, 6, &data(1, true, b""));
    assert_eq!(wire.rows(), ["1 CONNECT /chat 200 req=2 resp=5"]);
}

#[test]
fn answered_before_the_request_ended() {
    let mut wire = Wire::begun();
    wire.send(Sent, 1_000, &part(1, GET));
    wire.send(Received, 2_000, &headers(1, true, OK));
    wire.send(Sent, 3_000, &data(1, true, b"rest"));
    assert_eq!(wire.rows(), ["1 GET /cart 200 req=4 resp=0"]);
    // It is not waited for without end.
    wire.send(Sent, 4_000, &part(3, GET));
    wire.send(Received, 5_000, &headers(3, true, OK));
    wire.tick(5_000);
    assert_eq!(wire.rows().len(), 1);
    wire.tick(200_000_000);
    assert_eq!(wire.rows()[1], "3 GET /cart 200 req=0 resp=0");
}

#[test]
fn upgraded_from_http1() {
    let mut wire = Wire::upgraded(7);
    wire.send(Sent, 20, super::frame::PREFACE);
    wire.send(Sent, 20, &settings());
    wire.send(Received, 21, &settings());
    wire.send(Received, 22, &headers(1, false, OK));
    wire.send(Received, 23, &data(1, true, b"upgraded"));
    wire.send(Sent, 24, &headers(3, true, GET));
    wire.send(Received, 25, &headers(3, true, OK));
    assert_eq!(wire.rows(), ["1 GET /first 200 req=- resp=8", "3 GET /cart 200 req=0 resp=0"]);
    assert_eq!(wire.exchanges[0].id, 7);
    assert_eq!(wire.exchanges[0].timing.request_start.0, 10);
}

#[test]
fn bodies_are_decoded_and_cut() {
    let mut wire = Wire::begun();
    let zipped = {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(b"plain text ").unwrap();
        encoder.finish().unwrap()
    };
    wire.send(Sent, 1, &headers(1, true, GET));
    wire.send(Received, 2, &headers(1, false, &[(":status", "200"), ("content-encoding", "gzip")]));
    wire.send(Received, 3, &data(1, true, &zipped));
    wire.send(Sent, 4, &headers(3, true, GET));
    wire.send(Received, 5, &headers(3, false, OK));
    for _ in 0..10 {
        wire.send(Received, 6, &data(3, false, &[b'x'; 1000]));
    }
    wire.send(Received, 7, &data(3, true, b""));
    let [first, second] = [0, 1].map(|row| wire.http(row));
    assert_eq!((first.resp_bytes, first.resp_body), (Some(zipped.len() as u64), Some(b"plain text ".to_vec())));
    assert!(!first.common.truncated);
    assert_eq!((second.resp_bytes, second.resp_body), (Some(10_000), Some(vec![b'x'; 1024])));
    assert!(second.common.truncated);
}

#[test]
fn a_body_that_unfolds_beyond_the_limit_is_marked() {
    for coding in ["gzip", "zstd"] {
        let packed = match coding {
            "gzip" => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
                std::io::Write::write_all(&mut encoder, &[b'z'; 1_000_000]).unwrap();
                encoder.finish().unwrap()
            }
            _ => zstd::encode_all(&[b'z'; 1_000_000][..], 3).unwrap(),
        };
        let mut wire = Wire::begun();
        wire.send(Sent, 1, &headers(1, true, GET));
        wire.send(Received, 2, &headers(1, false, &[(":status", "200"), ("content-encoding", coding)]));
        wire.send(Received, 3, &data(1, true, &packed));
        let http = wire.only_http();
        assert_eq!((http.resp_bytes, http.resp_body), (Some(packed.len() as u64), Some(vec![b'z'; 1024])));
        assert!(http.common.truncated, "{coding}");
    }
}

#[test]
fn grpc_calls() {
    let mut wire = Wire::begun();
    let call = [
        (":method", "POST"),
        (":path", "/shop.Cart/Add"),
        (":authority", "shop"),
        ("content-type", "application/grpc+proto"),
        ("grpc-timeout", "250m"),
    ];
    wire.send(Sent, 1, &part(1, &call));
    wire.send(Sent, 2, &data(1, true, b"\0\0\0\0\x02ab"));
    wire.send(Received, 3, &headers(1, false, &[(":status", "200"), ("content-type", "application/grpc")]));
    // A message over two frames, two messages in one.
    wire.send(Received, 4, &data(1, false, b"\0\0\0\0\x04ab"));
    wire.send(Received, 5, &data(1, false, b"cd\0\0\0\0\0\x01\0\0\0\x01z"));
    wire.send(Received, 6, &headers(1, true, &[("grpc-status", "0"), ("grpc-message", "")]));
    // Trailers only.
    wire.send(Sent, 7, &part(3, &call));
    wire.send(Sent, 8, &data(3, true, b"\0\0\0\0\0"));
    wire.send(Received, 9, &headers(3, true, &[(":status", "200"), ("grpc-status", "12"), ("grpc-message", "no%21")]));
    // Cancelled by the client: the status is its own, not on the wire.
    wire.send(Sent, 10, &part(5, &call));
    wire.send(Sent, 11, &frame(kind::RST_STREAM, 0, 5, &[0, 0, 0, 8]));
    assert_eq!(
        wire.rows(),
        [
            "1 shop.Cart/Add 0 OK server_streaming 1/3 7/20 timeout=250000000",
            "3 shop.Cart/Add 12 UNIMPLEMENTED unary 1/0 5/0 timeout=250000000",
            "5 shop.Cart/Add - - - 0/- 0/- timeout=250000000"
        ]
    );
}
