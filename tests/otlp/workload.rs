//! Known workloads: every span and metric of what a server's own log, or tshark, says was asked.

use std::collections::{BTreeMap, HashMap};

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use crate::collector::{Collector, Transport};
use crate::program::explore;
use crate::received::{Received, Seen, attributes};

pub(crate) const HTTP1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/captures/http1.pcap.xz");
const HTTP1_LOG: &str = include_str!("../../fixtures/captures/http1.access.jsonl");
pub(crate) const GRPC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/captures/grpc.pcap");
pub(crate) const DNS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/captures/dns.pcap");
pub(crate) const PGSQL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/pgsql/psycopg.pcap");
const PGSQL_LOG: &str = include_str!("../../fixtures/pgsql/psycopg.expected.tsv");
pub(crate) const SHOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/shop.events");

/// `GET /` and a line end: the one request without a version, whose answer has no status on the wire.
const HTTP09_LENGTH: u64 = 7;

/// Reads a file with `--otlp`.
#[track_caller]
pub(crate) fn export(transport: Transport, file: &str, more: &[&str], environment: &[(&str, &str)]) -> Received {
    let collector = Collector::start(transport);
    let endpoint = collector.endpoint();
    let mut args = vec!["--read", file, "--otlp", &endpoint];
    args.extend(more);
    let ended = explore(&args).envs(environment.iter().copied()).output().unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && ended.stdout.is_empty(), "{stderr}");
    assert!(!stderr.contains("lost.otlp"), "{stderr}");
    collector.received()
}

/// The requests of nginx's log that are HTTP: method, path and the status on the wire, and when it was logged.
fn logged() -> Vec<(String, String, String, serde_json::Value)> {
    let lines = HTTP1_LOG.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let requests = lines.filter(|line| line["method"] != "").map(|line| {
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        let path = text("uri").split('?').next().unwrap().to_owned();
        let status = if line["req_len"] == HTTP09_LENGTH { String::new() } else { line["status"].to_string() };
        (text("method"), path, status, line)
    });
    requests.collect()
}

fn text(seen: &Seen, key: &str) -> String {
    seen.attributes.get(key).cloned().unwrap_or_default()
}

fn counted<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    items.into_iter().for_each(|item| *counts.entry(item).or_default() += 1);
    counts
}

#[test]
fn every_request_of_the_log_is_a_span_over_both_transports() {
    for (transport, protocol) in [
        (Transport::Grpc, Some("grpc")),
        (Transport::Http, Some("http/protobuf")),
        // Whoever answers tells.
        (Transport::Grpc, None),
        (Transport::Http, None),
    ] {
        let environment: Vec<_> =
            protocol.map(|protocol| ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)).into_iter().collect();
        let spans = export(transport, HTTP1, &[], &environment).spans();
        let seen = spans.iter().map(|span| {
            assert_eq!(span.span.kind, SpanKind::Server as i32);
            (text(span, "http.request.method"), text(span, "url.path"), text(span, "http.response.status_code"))
        });
        let log = logged().into_iter().map(|(method, path, status, _)| (method, path, status));
        assert_eq!(counted(seen), counted(log), "{transport:?} {protocol:?}");
    }
}

#[test]
fn spans_lie_where_the_log_says_and_only_server_errors_are_errors() {
    let spans = export(Transport::Grpc, HTTP1, &[], &[]).spans();
    let mut by_port: BTreeMap<String, Vec<&Seen>> = BTreeMap::new();
    for span in &spans {
        by_port.entry(text(span, "client.port")).or_default().push(span);
    }
    by_port.values_mut().for_each(|spans| spans.sort_by_key(|seen| seen.span.start_time_unix_nano));
    for (method, path, status, line) in logged() {
        let port = line["client_port"].to_string();
        let seen = by_port.get_mut(&port).unwrap().remove(0);
        assert_eq!((text(seen, "http.request.method"), text(seen, "url.path")), (method, path));
        assert_eq!(text(seen, "server.port"), line["server_port"].to_string());
        // nginx logs when it has answered, to the millisecond.
        let at = line["t"].as_str().unwrap().parse::<f64>().unwrap();
        let (start, end) = (seen.span.start_time_unix_nano as f64 / 1e9, seen.span.end_time_unix_nano as f64 / 1e9);
        let took = line["rt"].as_str().unwrap().parse::<f64>().unwrap();
        assert!(start <= end && (end - at).abs() < 0.05, "{start} {end} {at}");
        assert!((end - start - took).abs() < 0.05, "{start} {end} {took}");
        let failed = status.starts_with('5');
        let code = if failed { StatusCode::Error } else { StatusCode::Unset };
        assert_eq!(seen.span.status.as_ref().unwrap().code, code as i32, "{line}");
        assert_eq!(text(seen, "error.type"), if failed { status } else { String::new() });
        assert_eq!(text(seen, "user_agent.original"), line["ua"].as_str().unwrap());
    }
}

#[test]
fn metrics_count_every_request_in_the_buckets_of_the_conventions() {
    // http-metrics.md of the conventions, 1.42.0.
    const SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
    for temporality in ["cumulative", "delta"] {
        let received =
            export(Transport::Http, HTTP1, &[], &[("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", temporality)]);
        let points = received.points("http.server.request.duration");
        let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
        for point in &points {
            let attributes = attributes(&point.attributes);
            let text = |key: &str| attributes.get(key).cloned().unwrap_or_default();
            let key = (text("http.request.method"), text("http.response.status_code"));
            *seen.entry(key).or_default() += usize::try_from(point.count).unwrap();
            assert_eq!(point.explicit_bounds, SECONDS);
            assert_eq!(point.bucket_counts.len(), 15);
            assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
            assert!(point.start_time_unix_nano < point.time_unix_nano);
        }
        assert_eq!(seen, counted(logged().into_iter().map(|(method, _, status, _)| (method, status))));
        // What nginx says that it sent of bodies, of answers that have one.
        let sizes = received.points("http.server.response.body.size");
        let sent: u64 = logged().iter().map(|(.., line)| line["body_sent"].as_u64().unwrap()).sum();
        let chunked_and_ninth = |point: &f64| (point - sent as f64).abs() < 200.0;
        assert!(
            Some(sizes.iter().filter_map(|point| point.sum).sum::<f64>()).is_some_and(|sum| chunked_and_ninth(&sum))
        );
        for (name, unit) in [("http.server.request.duration", "s"), ("http.server.response.body.size", "By")] {
            let (_, metric) = received.last_metrics().into_iter().find(|(_, metric)| metric.name == name).unwrap();
            assert_eq!(metric.unit, unit);
        }
    }
}

#[test]
fn explore_tells_of_itself_under_a_name_of_its_own() {
    let environment =
        [("OTEL_SERVICE_NAME", "watcher"), ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=t%20e,team=a")];
    let received = export(Transport::Grpc, SHOP, &[], &environment);
    let own: Vec<_> =
        received.last_metrics().into_iter().filter(|(_, metric)| metric.name == "explore.events").collect();
    assert_eq!(own.len(), 1);
    assert_eq!(own[0].0["service.name"], "watcher");
    let names: Vec<_> = received
        .last_metrics()
        .iter()
        .map(|(resource, metric)| {
            assert_eq!((resource["deployment.environment.name"].as_str(), resource["team"].as_str()), ("t e", "a"));
            assert!(!resource.contains_key("process.pid"));
            metric.name.clone()
        })
        .collect();
    for name in ["explore.events", "explore.lost", "explore.export.failed", "process.cpu.time", "process.memory.usage"]
    {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
    assert!(received.numbers("explore.events")[0].1 > 1000.0);
    assert_eq!(received.numbers("explore.export.failed")[0].1, 0.0);
    let modes: Vec<_> =
        received.numbers("process.cpu.time").into_iter().map(|(labels, _)| labels["cpu.mode"].clone()).collect();
    assert_eq!(modes, ["user", "system"]);
    for span in received.spans() {
        assert_eq!(span.resource["team"], "a");
        assert_ne!(span.resource["service.name"], "watcher");
    }
}

#[test]
fn grpc_calls_have_their_status_by_name() {
    let spans = export(Transport::Grpc, GRPC, &[], &[]).spans();
    // gRPC's own list of what a server is to blame for, as the conventions have it.
    let faults = ["UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"];
    let unary = spans.iter().filter(|span| span.span.name == "grpc.testing.TestService/UnaryCall").count();
    assert!(unary > 0);
    for span in &spans {
        assert_eq!(text(span, "rpc.system.name"), "grpc");
        assert_eq!(text(span, "rpc.method"), span.span.name);
        let status = text(span, "rpc.response.status_code");
        let error = span.span.status.as_ref().unwrap().code == StatusCode::Error as i32;
        assert_eq!(error, faults.contains(&status.as_str()), "{status}");
        assert_eq!(text(span, "error.type"), if error { status } else { String::new() });
    }
}

#[test]
fn statements_of_a_database_server_only_when_asked_for_and_without_their_values() {
    assert!(export(Transport::Grpc, PGSQL, &[], &[]).spans().is_empty());
    let shapes = export(Transport::Grpc, PGSQL, &["--otlp-db-server"], &[]).spans();
    let statements = PGSQL_LOG.lines().filter(|line| line.split('\t').nth(1) == Some("S")).count();
    assert!(shapes.len() >= statements, "{} spans of {statements} statements", shapes.len());
    for span in &shapes {
        assert_eq!(span.span.kind, SpanKind::Internal as i32);
        assert_eq!(text(span, "db.system.name"), "postgresql");
        assert!(!text(span, "db.query.text").contains("'name 0'"));
    }
    let named = |name: &str| shapes.iter().filter(|span| span.span.name == name).count();
    let inserts =
        PGSQL_LOG.lines().filter(|line| line.split('\t').nth(2).unwrap().starts_with("INSERT INTO t ")).count();
    assert_eq!(named("INSERT t"), inserts);
    let asked = export(Transport::Grpc, PGSQL, &["--otlp-db-server", "--otlp-query-text"], &[]).spans();
    let texts = asked.iter().filter(|span| text(span, "db.query.text") == "INSERT INTO t VALUES ($1, $2, $3)").count();
    assert!(texts > 0);
}

#[test]
fn questions_are_the_askers_spans() {
    let received = export(Transport::Http, DNS, &[], &[]);
    let spans = received.spans();
    assert!(!spans.is_empty());
    for span in &spans {
        assert_eq!(span.span.kind, SpanKind::Client as i32);
        // One message of the capture answers without repeating a question.
        let asks = span.attributes.contains_key("dns.question.name");
        assert!(if asks { span.span.name.starts_with("DNS ") } else { span.span.name == "DNS" }, "{}", span.span.name);
        assert_eq!(text(span, "server.port"), text(span, "network.peer.port"));
    }
    let lookups: u64 = received.points("dns.lookup.duration").iter().map(|point| point.count).sum();
    assert_eq!(lookups, spans.len() as u64);
}

#[test]
fn the_shop_is_one_tree_across_processes_and_protocols() {
    let spans = export(Transport::Grpc, SHOP, &[], &[]).spans();
    let by_id: HashMap<&[u8], &Seen> = spans.iter().map(|seen| (seen.span.span_id.as_slice(), seen)).collect();
    assert_eq!(by_id.len(), spans.len(), "span ids are unique");
    let parent = |seen: &Seen| by_id.get(seen.span.parent_span_id.as_slice()).copied();
    let service = |seen: &Seen| seen.resource["service.name"].clone();
    let is = |seen: &Seen, kind: SpanKind| seen.span.kind == kind as i32;
    let (mut nested, mut crossed) = (0, 0);
    for seen in &spans {
        assert!(seen.span.start_time_unix_nano <= seen.span.end_time_unix_nano);
        assert_eq!((seen.span.trace_id.len(), seen.span.span_id.len()), (16, 8));
        let Some(above) = parent(seen) else { continue };
        assert_eq!(seen.span.trace_id, above.span.trace_id);
        assert!(above.span.start_time_unix_nano <= seen.span.start_time_unix_nano);
        if is(seen, SpanKind::Client) {
            // Made while its own process served a request.
            assert!(is(above, SpanKind::Server) && service(seen) == service(above));
            assert_eq!(seen.resource["process.pid"], above.resource["process.pid"]);
            nested += 1;
        } else {
            assert!(is(above, SpanKind::Client) && service(seen) != service(above));
            assert_eq!(text(seen, "url.path").is_empty(), text(above, "url.full").is_empty());
            crossed += 1;
        }
    }
    assert!(nested > 1000 && crossed > 100, "{nested} {crossed}");
    // The browser asks, nobody asks the browser.
    for seen in spans.iter().filter(|seen| service(seen) == "browser") {
        assert!(parent(seen).is_none() && is(seen, SpanKind::Client));
    }
    // /checkout asks the database once for each thing in the cart: all of it is in the trace of that request.
    let checkout =
        spans.iter().find(|seen| seen.span.name == "GET /checkout" || seen.span.name == "POST /checkout").unwrap();
    let statements = spans
        .iter()
        .filter(|seen| seen.span.trace_id == checkout.span.trace_id && seen.attributes.contains_key("db.system.name"));
    assert!(statements.count() > 5);
}

#[test]
fn given_routes_are_routes_and_found_ones_are_templates() {
    let spans = export(Transport::Grpc, SHOP, &["--route", "/products/{sku}"], &[]).spans();
    let servers = || {
        spans
            .iter()
            .filter(|seen| seen.span.kind == SpanKind::Server as i32 && seen.attributes.contains_key("url.path"))
    };
    let (mut given, mut found) = (0, 0);
    for seen in servers() {
        if text(seen, "url.path").starts_with("/products/") {
            assert_eq!(text(seen, "http.route"), "/products/{sku}");
            assert_eq!(seen.span.name, "GET /products/{sku}");
            assert!(
                !seen.attributes.contains_key("explore.route.inferred")
                    && !seen.attributes.contains_key("url.template")
            );
            given += 1;
        } else {
            assert!(!seen.attributes.contains_key("http.route"));
            assert_eq!(
                (text(seen, "url.template").is_empty(), text(seen, "explore.route.inferred").as_str()),
                (false, "true")
            );
            found += 1;
        }
    }
    assert!(given > 0 && found > 0);
}
