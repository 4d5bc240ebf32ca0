use proptest::prelude::*;

use super::*;
use crate::record::{Http, Record};

fn headers(fields: &[(&str, &str)]) -> Vec<Header> {
    let header = |(name, value): &(&str, &str)| Header { name: Some(Arc::from(*name)), value: Some(Arc::from(*value)) };
    fields.iter().map(header).collect()
}

fn frame(flags: u8, message: &[u8]) -> Vec<u8> {
    let mut bytes = vec![flags];
    bytes.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    bytes.extend(message);
    bytes
}

#[test]
fn media_types() {
    for name in ["application/grpc", "application/grpc+proto", "Application/GRPC;charset=x"] {
        assert!(is_grpc(name) && !is_web(name), "{name}");
    }
    for name in ["application/grpc-web", "application/grpc-web-text+proto"] {
        assert!(is_web(name) && !is_grpc(name), "{name}");
    }
    for name in ["application/grpcx", "application/json", "", "text/grpc"] {
        assert!(!is_grpc(name) && !is_web(name), "{name}");
    }
}

#[test]
fn timeouts() {
    let cases = [
        ("1S", Some(1_000_000_000)),
        ("99999999n", Some(99_999_999)),
        ("250m", Some(250_000_000)),
        ("7u", Some(7_000)),
        ("2M", Some(120_000_000_000)),
        ("99999999H", Some(359_999_996_400_000_000_000_u128)),
        ("1H", Some(3_600_000_000_000)),
        ("", None),
        ("S", None),
        ("1", None),
        ("123456789S", None),
        ("-1S", None),
        ("1s", None),
        ("1é", None),
    ];
    for (text, expected) in cases {
        let expected = expected.and_then(|ns| u64::try_from(ns).ok());
        assert_eq!(metadata::timeout(text), expected, "{text}");
    }
}

#[test]
fn messages_in_percent() {
    for (text, expected) in [
        ("not found", "not found"),
        ("100%25 %e2%82%ac", "100% €"),
        ("50% of %zz %2", "50% of %zz %2"),
        ("%ff", "\u{fffd}"),
    ] {
        assert_eq!(metadata::percent_decode(text), expected);
    }
}

#[test]
fn one_call() {
    let mut request = Messages::default();
    request.push(&frame(1, b"zip"));
    let mut response = Messages::default();
    response.push(&[frame(0, b"a"), frame(0, b""), frame(1, b"b")].concat());
    assert_eq!((request.compressed(), response.compressed()), (Some(1), Some(1)));
    let call = Call {
        path: Some("/pkg.Shop/Find".to_owned()),
        http_status: Some(200),
        req_headers: Some(headers(&[("grpc-timeout", "2S"), ("grpc-encoding", "gzip")])),
        resp_headers: Some(headers(&[("content-type", "application/grpc")])),
        resp_trailers: Some(headers(&[("grpc-status", "5"), ("grpc-message", "no%20such")])),
        request: Some(&request),
        response: Some(&response),
        ..Call::default()
    };
    let row = call.into_record();
    assert_eq!((row.rpc_service.as_deref(), row.method.as_deref()), (Some("pkg.Shop"), Some("Find")));
    assert_eq!((row.status, row.status_name.as_deref()), (Some(5), Some("NOT_FOUND")));
    assert_eq!(row.message.as_deref(), Some("no such"));
    assert_eq!(row.timeout, Some(2_000_000_000));
    assert_eq!(row.encoding.as_deref(), Some("gzip"));
    assert_eq!((row.req_messages, row.resp_messages, row.kind), (Some(1), Some(3), Some("server_streaming")));
}

#[test]
fn trailers_only() {
    let resp_headers = Some(headers(&[("content-type", "application/grpc"), ("grpc-status", "12")]));
    let row = Call { resp_headers, ..Call::default() }.into_record();
    assert_eq!((row.status, row.status_name.as_deref()), (Some(12), Some("UNIMPLEMENTED")));
}

#[test]
fn no_status_is_null() {
    for value in ["", "x", "-1", "99999"] {
        let row = Call { resp_trailers: Some(headers(&[("grpc-status", value)])), ..Call::default() }.into_record();
        assert_eq!((row.status, row.status_name), (None, None), "{value}");
    }
    let row = Call { resp_trailers: Some(headers(&[("grpc-status", "99")])), ..Call::default() }.into_record();
    assert_eq!(row.status_name.as_deref(), Some("CODE_99"));
}

#[test]
fn kinds() {
    let cases = [
        ((Some(1), Some(1), Some(0)), Some("unary")),
        ((Some(1), Some(0), Some(5)), Some("unary")),
        ((Some(3), Some(1), Some(0)), Some("client_streaming")),
        ((Some(1), Some(9), Some(0)), Some("server_streaming")),
        ((Some(2), Some(2), None), Some("bidi")),
        ((Some(1), Some(0), Some(0)), Some("server_streaming")),
        ((None, Some(1), Some(0)), None),
        ((Some(0), Some(0), None), None),
    ];
    for ((request, response, status), expected) in cases {
        assert_eq!(kind(request, response, status), expected, "{request:?} {response:?} {status:?}");
    }
}

#[test]
fn holes_within_messages_and_between() {
    let mut messages = Messages::default();
    messages.push(&[0, 0, 0, 0, 100, 1, 2]);
    messages.hole(98);
    messages.push(&frame(0, b"next"));
    assert_eq!(messages.count(), Some(2));
    messages.hole(1);
    messages.push(&frame(0, b"unknown"));
    assert_eq!(messages.count(), None);
}

#[test]
fn web_with_trailers_in_the_body() {
    let body = [frame(0, b"hello"), frame(0x80, b"grpc-status: 3\r\nGrpc-Message: a%20b\r\n")].concat();
    // Each part padded by itself, as servers flush it (PROTOCOL-WEB.md, base64-encoded streams).
    let text = "AAAAAAVoZWxsbw==gAAAACVncnBjLXN0YXR1czogMw0KR3JwYy1NZXNzYWdlOiBhJTIwYg0K";
    for (kind, body) in [("application/grpc-web+proto", &body[..]), ("application/grpc-web-text", text.as_bytes())] {
        let mut response = web::Body::new(kind);
        for byte in body {
            response.push(&[*byte]);
        }
        let http = Http { path: Some("/a.B/C".to_owned()), status: Some(200), ..Http::default() };
        let row = web::call(http, None, Some(&response));
        assert_eq!((row.status, row.message.as_deref()), (Some(3), Some("a b")), "{kind}");
        assert_eq!((row.resp_messages, row.req_messages, row.http_status), (Some(1), None, Some(200)));
        assert_eq!(row.method.as_deref(), Some("C"));
    }
}

#[test]
fn web_over_http1() {
    use crate::event::Side;
    use crate::testing::Script;
    let request = "POST /shop.Cart/Add HTTP/1.1\r\nHost: shop\r\nContent-Type: application/grpc-web-text\r\n\
                   Content-Length: 12\r\n\r\nAAAAAAJhYg==";
    let mut response = b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc-web+proto\r\n\
                         Transfer-Encoding: chunked\r\n\r\n"
        .to_vec();
    let body = [frame(0, &[b'x'; 3000]), frame(1, b"zip"), frame(0x80, b"grpc-status:9\r\n")].concat();
    for chunk in body.chunks(1000) {
        response.extend(format!("{:x}\r\n", chunk.len()).bytes());
        response.extend(chunk);
        response.extend(b"\r\n");
    }
    response.extend(b"0\r\n\r\n");
    let mut script = Script::live();
    script.open(1, 80, 40000, Side::Remote);
    let rows = script.received(1, request).sent(1, &response).close(1).run();
    let grpc = rows.records.iter().find_map(|row| if let Record::Grpc(row) = row { Some(row) } else { None }).unwrap();
    assert_eq!((grpc.rpc_service.as_deref(), grpc.method.as_deref()), (Some("shop.Cart"), Some("Add")));
    assert_eq!((grpc.status, grpc.status_name.as_deref()), (Some(9), Some("FAILED_PRECONDITION")));
    assert_eq!((grpc.req_messages, grpc.resp_messages), (Some(1), Some(2)));
    assert_eq!((grpc.http_status, grpc.stream), (Some(200), None));
    assert!(!grpc.common.truncated && rows.http().is_empty());
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces(bytes in proptest::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..200),
                               cuts in proptest::collection::vec(0_usize..200, 0..9)) {
        let mut whole = Messages::default();
        whole.push(&bytes);
        let mut pieces = Messages::default();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        for pair in cuts.windows(2) {
            pieces.push(&bytes[pair[0]..pair[1]]);
        }
        prop_assert_eq!((whole.count(), whole.trailers()), (pieces.count(), pieces.trailers()));
    }
}
