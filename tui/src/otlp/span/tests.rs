//! Details that no capture at hand shows.

use std::sync::Arc;

use protocols::event::Timestamp;

use super::*;

fn row(role: Option<Role>) -> Http {
    let common = Common { id: 1, role, latency: Some(5), time: Timestamp(10), error: Some(false), ..Common::default() };
    Http { common, method: Some("GET".to_owned()), path: Some("/a".to_owned()), status: Some(200), ..Http::default() }
}

fn drafted(row: Http) -> Draft {
    draft(&Record::Http(Box::new(row)), &Rules::default()).unwrap()
}

fn header(name: &str, value: &str) -> Header {
    Header { name: Some(Arc::from(name)), value: Some(Arc::from(value)) }
}

#[test]
fn an_exchange_without_an_end_is_no_span_but_may_have_spans_below_it() {
    let mut open = row(Some(Role::Server));
    open.common.latency = None;
    let draft = drafted(open);
    assert!(draft.span.is_none());
    assert_eq!(draft.id, 1);
}

#[test]
fn ok_is_never_said_and_errors_exactly_when_they_are() {
    for (error, code) in [(Some(true), StatusCode::Error), (Some(false), StatusCode::Unset), (None, StatusCode::Unset)]
    {
        let mut judged = row(None);
        judged.common.error = error;
        let span = drafted(judged).span.unwrap();
        assert_eq!(span.status.unwrap().code, code as i32);
        assert_eq!(span.attributes.iter().any(|attribute| attribute.key == "error.type"), error == Some(true));
    }
}

#[test]
fn methods_of_nobody_are_other() {
    let span =
        drafted(Http { method: Some("BREW".to_owned()), route: Some("/pot".to_owned()), ..row(None) }).span.unwrap();
    assert_eq!(span.name, "HTTP /pot");
    let text =
        |key: &str| format!("{:?}", span.attributes.iter().find(|attribute| attribute.key == key).unwrap().value);
    assert!(text("http.request.method").contains("_OTHER") && text("http.request.method_original").contains("BREW"));
}

#[test]
fn above_is_the_parent_or_for_servers_the_other_side() {
    for (role, parent, twin, above) in [
        (Role::Client, Some(7), Some(8), Some(7)),
        (Role::Client, None, Some(8), None),
        (Role::Server, None, Some(8), Some(8)),
        (Role::Server, None, None, None),
    ] {
        let mut linked = row(Some(role));
        (linked.common.parent, linked.common.twin) = (parent, twin);
        assert_eq!(drafted(linked).above, above, "{role:?} {parent:?} {twin:?}");
    }
}

#[test]
fn short_ids_are_padded_and_zero_is_none() {
    assert_eq!(
        id::<16>("80f198ee56343ba8"),
        Some([0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0xf1, 0x98, 0xee, 0x56, 0x34, 0x3b, 0xa8])
    );
    assert_eq!(id::<8>("00000000000000ff"), Some([0, 0, 0, 0, 0, 0, 0, 0xff]));
    assert_eq!(id::<8>("0000000000000000"), None);
    assert_eq!(id::<16>("no"), None);
}

#[test]
fn the_callers_decision_in_every_form() {
    for (name, value, expect) in [
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Some(true)),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", Some(false)),
        ("b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-d", Some(true)),
        ("b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1", None),
        ("b3", "0", Some(false)),
        ("x-b3-sampled", "1", Some(true)),
        ("x-b3-flags", "1", Some(true)),
        ("uber-trace-id", "3b8f2c1d:1a2b:0:0", Some(false)),
        ("uber-trace-id", "3b8f2c1d%3A1a2b%3A0%3A3", Some(true)),
        ("other", "1", None),
    ] {
        assert_eq!(sampled(&[header(name, value)]), expect, "{name}: {value}");
    }
}

#[test]
fn exports_of_explore_are_not_exported() {
    let http = |agent: &str| Record::Http(Box::new(Http { user_agent: Some(agent.to_owned()), ..row(None) }));
    let grpc = |agent: &str| {
        let req_headers = Some(vec![header("te", "trailers"), header("user-agent", agent)]);
        Record::Grpc(Box::new(Grpc { req_headers, ..Grpc::default() }))
    };
    assert!(is_export(&http("explore/0.1.0")) && is_export(&grpc("explore/0.1.0 tonic/0.14.9")));
    assert!(!is_export(&http("curl/8")) && !is_export(&grpc("grpc-node-js/1.14.7")));
    assert!(!is_export(&Record::Http(Box::new(row(None)))));
}

#[test]
fn hosts_with_and_without_ports() {
    for (host, expect) in [
        ("shop.test:8080", ("shop.test", Some(8080))),
        ("shop.test", ("shop.test", None)),
        ("[::1]:80", ("::1", Some(80))),
        ("[::1]", ("::1", None)),
        ("::1", ("::1", None)),
        ("odd:port", ("odd:port", None)),
    ] {
        assert_eq!(split_host(host), expect);
    }
}
