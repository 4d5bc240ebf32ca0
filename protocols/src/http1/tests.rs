//! Whole connections.

use crate::event::{Direction, Side, Source};
use crate::record::Role;
use crate::testing::{Rows, START, Script};

const GET: &str = "GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nUser-Agent: t\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: Text/HTML; charset=utf-8\r\n\r\nhello";

fn server() -> Script {
    let mut script = Script::live();
    script.open(1, 80, 40000, Side::Remote);
    script
}

fn exchange(request: &str, response: &str) -> Rows {
    server().received(1, request).sent(1, response).close(1).run()
}

#[test]
fn a_request_and_its_response_are_one_row() {
    let rows = server().at(1_000_000).received(1, GET).at(3_000_000).sent(1, OK).close(1).run();
    let [http] = rows.http()[..] else { panic!("{rows:?}") };
    assert_eq!(http.method.as_deref(), Some("GET"));
    assert_eq!((http.path.as_deref(), http.query.as_deref()), (Some("/a"), Some("b=c")));
    assert_eq!(http.host.as_deref(), Some("example.com"));
    assert_eq!((http.scheme.as_deref(), http.version), (Some("http"), Some("1.1")));
    assert_eq!((http.status, http.reason.as_deref()), (Some(200), Some("OK")));
    assert_eq!(http.user_agent.as_deref(), Some("t"));
    assert_eq!((http.req_type.as_deref(), http.resp_type.as_deref()), (None, Some("text/html")));
    assert_eq!((http.req_bytes, http.resp_bytes), (Some(0), Some(5)));
    assert_eq!((http.req_body.as_deref(), http.resp_body.as_deref()), (None, Some(&b"hello"[..])));
    let common = &http.common;
    assert_eq!(common.time.0, START + 1_000_000);
    assert_eq!((common.latency, common.ttfb), (Some(2_000_000), Some(2_000_000)));
    assert_eq!((common.id, common.conn), (1, 1));
    assert_eq!(common.role, Some(Role::Server));
    assert_eq!((common.tls, common.source), (false, Some(Source::Socket)));
    assert_eq!(common.error, Some(false));
    assert_eq!((common.ends.local_port, common.ends.remote_port), (Some(80), Some(40000)));
    assert_eq!(common.identity.names.as_ref().unwrap().process.as_deref(), Some("nginx"));
    let [conn] = rows.conns()[..] else { panic!("{rows:?}") };
    assert_eq!((conn.protocol, conn.requests, conn.state.unwrap().name()), (Some("http"), 1, "closed"));
    assert_eq!((conn.bytes_sent, conn.bytes_received), (OK.len() as u64, GET.len() as u64));
    assert_eq!(rows.coverage.parsed_bytes, rows.coverage.bytes);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let requests: String = (0..5).map(|n| format!("GET /{n} HTTP/1.1\r\n\r\n")).collect();
    let responses: String =
        (0..5).map(|n| format!("HTTP/1.1 21{n} X\r\nContent-Length: {n}\r\n\r\n{}", "x".repeat(n))).collect();
    let rows = exchange(&requests, &responses);
    let seen: Vec<_> =
        rows.http().iter().map(|h| (h.path.clone().unwrap(), h.status.unwrap(), h.resp_bytes.unwrap())).collect();
    let expect: Vec<_> = (0..5_u16).map(|n| (format!("/{n}"), 210 + n, u64::from(n))).collect();
    assert_eq!(seen, expect);
}

#[track_caller]
fn check_bodies(request: &str, response: &str, expect: (Option<u64>, Option<u64>)) {
    let rows = exchange(&format!("{request}GET /next HTTP/1.1\r\n\r\n"), &format!("{response}{OK}"));
    let [first, next] = rows.http()[..] else { panic!("{rows:#?}") };
    assert_eq!((first.req_bytes, first.resp_bytes), expect, "{request:?} {response:?}");
    assert_eq!(next.path.as_deref(), Some("/next"), "{request:?} {response:?}");
    assert_eq!((next.status, next.resp_bytes), (Some(200), Some(5)), "{request:?} {response:?}");
}

#[test]
fn every_kind_of_body_ends_where_it_should() {
    let get = "GET / HTTP/1.1\r\n\r\n";
    check_bodies("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", OK, (Some(3), Some(5)));
    let chunked = "Transfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\n5;ext=\"a b\"\r\npedia\r\n0\r\nTrailer: x\r\n\r\n";
    check_bodies(
        &format!("POST / HTTP/1.1\r\n{chunked}"),
        &format!("HTTP/1.1 200 OK\r\n{chunked}"),
        (Some(9), Some(9)),
    );
    check_bodies("HEAD / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", (Some(0), Some(0)));
    check_bodies(get, "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", (Some(0), Some(0)));
    check_bodies(get, "HTTP/1.1 204 No Content\r\n\r\n", (Some(0), Some(0)));
    check_bodies(
        get,
        &format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n{OK}"),
        (Some(0), Some(5)),
    );
    check_bodies("\r\n\r\nGET / HTTP/1.1\n\n", "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", (Some(0), Some(2)));
}

#[test]
fn a_body_until_close_ends_with_the_connection() {
    let rows = exchange("GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nall of this");
    let [http] = rows.http()[..] else { panic!("{rows:?}") };
    assert_eq!((http.version, http.resp_bytes, http.common.error), (Some("1.0"), Some(11), Some(false)));
    assert!(http.common.latency.is_some());
}

#[test]
fn a_simple_request_is_answered_by_a_body_or_by_a_head() {
    for (response, status, body) in [("<p>old</p>", None, "<p>old</p>"), ("HTT", None, "HTT"), (OK, Some(200), "hello")]
    {
        let rows = exchange("GET /old\r\n", response);
        let [http] = rows.http()[..] else { panic!("{rows:?}") };
        assert_eq!((http.path.as_deref(), http.status), (Some("/old"), status), "{response}");
        assert_eq!(http.resp_body.as_deref(), Some(body.as_bytes()), "{response}");
    }
}

#[test]
fn a_connection_closed_before_the_answer_is_an_error() {
    let rows = server().received(1, GET).close(1).run();
    let [http] = rows.http()[..] else { panic!("{rows:?}") };
    assert_eq!((http.status, http.common.latency, http.common.error), (None, None, Some(true)));
    let rows = server().received(1, GET).run();
    let [http] = rows.http()[..] else { panic!("{rows:?}") };
    assert_eq!((http.status, http.common.latency, http.common.error), (None, None, None), "the input ended");
}

#[test]
fn an_upload_larger_than_what_is_kept_is_counted_whole() {
    let mut script = server();
    script.received(1, "PUT /big HTTP/1.1\r\nContent-Length: 50000000\r\n\r\n");
    for _ in 0..50 {
        script.data(1, Direction::Received, &[b'x'; 16384], 1_000_000);
    }
    let rows = script.sent(1, OK).close(1).run();
    let [http] = rows.http()[..] else { panic!("{rows:?}") };
    assert_eq!((http.req_bytes, http.req_body.as_ref().unwrap().len()), (Some(50_000_000), 1024));
    assert!(http.common.truncated && !http.common.gap);
    assert!(rows.coverage.losses.is_empty());
}

#[test]
fn an_upgrade_to_websocket_ends_http() {
    let ask = "GET /ws HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let agree = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x01\x02GET ";
    let rows = server().received(1, ask).sent(1, agree).received(1, "GET /no HTTP/1.1\r\n\r\n").close(1).run();
    let [http] = rows.http()[..] else { panic!("{rows:#?}") };
    assert_eq!((http.status, http.resp_bytes, http.common.error), (Some(101), Some(0), Some(false)));
    assert_eq!(rows.conns()[0].requests, 1);
    assert!(rows.coverage.parsed_bytes < rows.coverage.bytes, "frames are read by no parser");
}

#[test]
fn an_upgrade_that_is_declined_goes_on_with_http() {
    let ask = "GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let rows = server().received(1, ask).sent(1, OK).received(1, GET).sent(1, OK).close(1).run();
    let statuses: Vec<_> = rows.http().iter().map(|http| (http.path.clone().unwrap(), http.status)).collect();
    assert_eq!(statuses, [("/ws".to_owned(), Some(200)), ("/a".to_owned(), Some(200))]);
}

#[test]
fn inside_a_tunnel_the_protocol_is_found_anew() {
    let ask = "CONNECT inner.example:80 HTTP/1.1\r\nHost: inner.example:80\r\n\r\n";
    let agree = "HTTP/1.1 200 Connection established\r\nContent-Length: 99\r\n\r\n";
    let rows = server().received(1, ask).sent(1, agree).received(1, GET).sent(1, OK).close(1).run();
    let [tunnel, inner] = rows.http()[..] else { panic!("{rows:#?}") };
    assert_eq!((tunnel.host.as_deref(), tunnel.path.as_deref()), (Some("inner.example:80"), None));
    assert_eq!((tunnel.status, tunnel.resp_bytes, tunnel.scheme.as_deref()), (Some(200), Some(0), None));
    assert_eq!((inner.path.as_deref(), inner.status), (Some("/a"), Some(200)));
    let refused = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno";
    let rows = server().received(1, ask).sent(1, refused).received(1, GET).sent(1, OK).close(1).run();
    let statuses: Vec<_> = rows.http().iter().map(|http| http.status).collect();
    assert_eq!(statuses, [Some(407), Some(200)]);
}

#[test]
fn http_0_9_has_a_target_and_a_body() {
    let rows = server().received(1, "GET /old\r\n").sent(1, "<p>all of it").close(1).run();
    let [http] = rows.http()[..] else { panic!("{rows:#?}") };
    assert_eq!((http.method.as_deref(), http.path.as_deref()), (Some("GET"), Some("/old")));
    assert_eq!((http.version, http.status, http.resp_bytes), (None, None, Some(12)));
    assert_eq!((http.common.error, http.common.latency.is_some()), (None, true));
    let refused = "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno";
    let rows = server().received(1, "GET /old\r\n").sent(1, refused).close(1).run();
    let [http] = rows.http()[..] else { panic!("{rows:#?}") };
    assert_eq!((http.path.as_deref(), http.status, http.resp_bytes), (Some("/old"), Some(400), Some(2)));
}

#[test]
fn a_server_that_gives_up_on_an_idle_client_gives_a_row_without_a_method() {
    let timeout = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n";
    let rows = server().received(1, GET).sent(1, OK).sent(1, timeout).close(1).run();
    let [_, http] = rows.http()[..] else { panic!("{rows:#?}") };
    assert_eq!((http.method.as_deref(), http.status), (None, Some(408)));
    assert_eq!((http.common.latency, http.common.ttfb), (None, None));
}

#[test]
fn an_answer_before_the_request_has_ended_has_no_ttfb() {
    let large = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n";
    let head = "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n12345";
    let rows = server().received(1, head).sent(1, large).received(1, "67890").close(1).run();
    let [http] = rows.http()[..] else { panic!("{rows:#?}") };
    assert_eq!((http.status, http.req_bytes, http.common.ttfb), (Some(413), Some(10), None));
    assert!(http.common.latency.is_some());
    let rows = server().received(1, head).sent(1, large).close(1).run();
    let [http] = rows.http()[..] else { panic!("{rows:#?}") };
    assert_eq!((http.status, http.req_bytes, http.common.error), (Some(413), Some(5), Some(false)));
}

#[test]
fn a_body_that_is_not_sent_after_a_final_answer_is_not_waited_for() {
    let ask = "PUT /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 400\r\n\r\n";
    let refused = "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n";
    let rows = server().received(1, ask).sent(1, refused).received(1, GET).sent(1, OK).close(1).run();
    let seen: Vec<_> = rows.http().iter().map(|http| (http.path.clone().unwrap(), http.status)).collect();
    assert_eq!(seen, [("/x".to_owned(), Some(417)), ("/a".to_owned(), Some(200))]);
}

#[test]
fn a_client_that_stops_sending_still_gets_its_answer() {
    let mut script = server();
    script.received(1, GET);
    script.state(1, crate::event::StateChange::Ended { direction: Direction::Received, position: None });
    let rows = script.sent(1, OK).close(1).run();
    let [http] = rows.http()[..] else { panic!("{rows:#?}") };
    assert_eq!((http.status, http.common.error), (Some(200), Some(false)));
}

#[test]
fn a_body_in_the_middle_of_which_it_was_joined_is_passed_over() {
    let mut script = Script::live();
    script.joined(1, 80, 40000).sent(1, "the rest of some body\r\nGET /no HTTP").sent(1, "x".repeat(4000));
    let rows = script.received(1, GET).sent(1, OK).close(1).run();
    let [http] = rows.http()[..] else { panic!("{rows:#?}") };
    assert_eq!((http.path.as_deref(), http.status, http.common.midstream), (Some("/a"), Some(200), true));
}

#[test]
fn heads_that_can_be_read_in_two_ways_are_flagged() {
    for fields in [
        "Content-Length: 4\r\nContent-Length: 30\r\n",
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding : chunked\r\nContent-Length: 4\r\n",
    ] {
        let rows =
            server().received(1, format!("POST /two HTTP/1.1\r\n{fields}\r\n0\r\n\r\n")).sent(1, OK).close(1).run();
        let [http] = rows.http()[..] else { panic!("{fields} {rows:#?}") };
        assert_eq!((http.path.as_deref(), http.status), (Some("/two"), Some(200)), "{fields}");
        assert_eq!((http.req_bytes, &http.req_body, http.common.truncated), (None, &None, true), "{fields}");
    }
}

#[test]
fn kept_bodies_are_decoded() {
    let gzip = |text: &[u8]| {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    let body = gzip(b"{\"hello\": \"world\"}");
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
    let rows = server().received(1, GET).sent(1, [head.as_bytes(), &body].concat()).close(1).run();
    let [http] = rows.http()[..] else { panic!("{rows:#?}") };
    assert_eq!(http.resp_body.as_deref(), Some(&b"{\"hello\": \"world\"}"[..]));
    assert_eq!((http.resp_bytes, http.common.truncated), (Some(body.len() as u64), false));
}

#[test]
fn a_head_longer_than_what_was_copied_gives_what_was_seen() {
    let head = "GET /long HTTP/1.1\r\nHost: a\r\nCookie: ";
    let mut script = server();
    script.data(1, Direction::Received, head.as_bytes(), 20_000);
    let rows = script.sent(1, OK).received(1, GET).sent(1, OK).close(1).run();
    let paths: Vec<_> = rows.http().iter().filter_map(|http| http.path.clone()).collect();
    assert_eq!(paths, ["/long", "/a"]);
    let long = rows.http().into_iter().find(|http| http.path.as_deref() == Some("/long")).unwrap();
    assert_eq!((long.status, long.host.as_deref(), long.common.truncated), (Some(200), Some("a"), true));
    assert!(rows.coverage.losses.is_empty());
}
