//! Collectors that are down, slow, hung, or refuse.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

use crate::collector::{Collector, Transport};
use crate::program::explore;
use crate::workload::SHOP;

/// Runs to the end; returns stderr.
#[track_caller]
fn run(args: &[&str], environment: &[(&str, &str)]) -> String {
    let ended = explore(args).envs(environment.iter().copied()).output().unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success(), "{stderr}");
    stderr
}

/// `lost.CAUSE=N` of the coverage line.
fn lost(stderr: &str, cause: &str) -> u64 {
    let line = stderr.lines().last().unwrap();
    let found = line.split(' ').find_map(|part| part.strip_prefix(&format!("lost.{cause}=")));
    found.unwrap_or_else(|| panic!("no {cause} in {line}")).parse().unwrap()
}

fn all_spans() -> u64 {
    let collector = Collector::start(Transport::Grpc);
    run(&["--read", SHOP, "--otlp", &collector.endpoint()], &[]);
    collector.received().spans().len() as u64
}

#[test]
fn a_collector_that_is_busy_for_a_while_and_slow_gets_everything() {
    let expected = all_spans();
    for transport in [Transport::Grpc, Transport::Http] {
        let collector = Collector::start(transport);
        collector.mood.unavailable.store(true, Ordering::Relaxed);
        let endpoint = collector.endpoint();
        let protocol = if transport == Transport::Grpc { "grpc" } else { "http/protobuf" };
        let mut child = explore(&["--read", SHOP, "--otlp", &endpoint])
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        collector.wait_for("a second attempt", |received| received.requests >= 2);
        // From now on it is only slow.
        collector.mood.slow.store(20, Ordering::Relaxed);
        collector.mood.unavailable.store(false, Ordering::Relaxed);
        assert!(child.wait().unwrap().success());
        assert_eq!(collector.received().spans().len() as u64, expected, "{transport:?}");
    }
}

#[test]
fn what_a_collector_refuses_or_rejects_is_counted() {
    let expected = all_spans();
    let refuser = Collector::start(Transport::Grpc);
    refuser.mood.refuses.store(true, Ordering::Relaxed);
    let stderr = run(&["--read", SHOP, "--otlp", &refuser.endpoint()], &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]);
    assert_eq!(lost(&stderr, "otlp_refused"), expected);
    assert!(stderr.contains("not you"), "{stderr}");

    let rejecter = Collector::start(Transport::Http);
    rejecter.mood.rejects.store(3, Ordering::Relaxed);
    let stderr = run(&["--read", SHOP, "--otlp", &rejecter.endpoint()], &[]);
    let in_one = |request: &ExportTraceServiceRequest| {
        let scopes = request.resource_spans.iter().flat_map(|of| &of.scope_spans);
        scopes.map(|scope| scope.spans.len() as u64).sum::<u64>()
    };
    let rejected: u64 = rejecter.received().traces.iter().map(|request| in_one(request).min(3)).sum();
    assert_eq!(lost(&stderr, "otlp_rejected"), rejected);
    assert!(stderr.contains("too odd"), "{stderr}");
}

#[test]
fn nobody_there_ends_and_everything_is_counted() {
    let expected = all_spans();
    // A port that was just given back.
    let nobody = Collector::start(Transport::Grpc).address;
    let endpoint = format!("http://{nobody}");
    let stderr = run(&["--read", SHOP, "--otlp", &endpoint], &[("OTEL_EXPORTER_OTLP_TIMEOUT", "500")]);
    assert_eq!(lost(&stderr, "otlp_unreachable"), expected);
    let table = explore(&["--read", SHOP, "--otlp", &endpoint, "-q", "loss where cause like 'otlp%'"])
        .env("OTEL_EXPORTER_OTLP_TIMEOUT", "500")
        .output()
        .unwrap();
    let row: serde_json::Value = serde_json::from_slice(&table.stdout).unwrap();
    assert_eq!((row["cause"].as_str(), row["events"].as_u64()), (Some("otlp_unreachable"), Some(expected)));
}

#[test]
fn a_hung_collector_does_not_hold_up_the_end_and_costs_no_rows() {
    let collector = Collector::start(Transport::Grpc);
    collector.mood.hangs.store(true, Ordering::Relaxed);
    let endpoint = collector.endpoint();
    // The recorded demo is played as if it were live: nothing waits for the collector.
    let small = [("OTEL_BSP_MAX_QUEUE_SIZE", "100"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "50")];
    let stderr = run(&["demo", "--recorded", "--headless", "--otlp", &endpoint], &small);
    let quiet = run(&["demo", "--recorded", "--headless"], &[]);
    let rows = |stderr: &str| stderr.lines().last().unwrap().split(' ').nth(1).unwrap().to_owned();
    assert_eq!(rows(&stderr), rows(&quiet));
    assert_eq!(collector.received().spans().len(), 0);
    assert_eq!(lost(&stderr, "otlp_queue_full") + lost(&stderr, "otlp_unsent"), all_spans());
}

#[test]
fn a_collector_that_dies_and_comes_back_is_found_again() {
    let first = Collector::start(Transport::Grpc);
    let address: SocketAddr = first.address;
    let endpoint = format!("http://{address}");
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut child = explore(&["--read", "-", "--otlp", &endpoint])
        .stdin(reader)
        .env("OTEL_BSP_SCHEDULE_DELAY", "50")
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Half of the recording, then the collector goes.
    let recording = std::fs::read(SHOP).unwrap();
    let (before, after) = recording.split_at(recording.len() / 2);
    std::io::Write::write_all(&mut writer, before).unwrap();
    let early = first.wait_for("the first spans", |received| !received.spans().is_empty());
    drop(early);
    let mut received = first.received();
    drop(first);
    std::io::Write::write_all(&mut writer, after).unwrap();
    drop(writer);
    let second = Collector::start_at(Transport::Grpc, address);
    let began = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if began.elapsed() > Duration::from_secs(60) => panic!("it never ended"),
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    assert!(status.success());
    received.traces.extend(second.received().traces);
    let ids: std::collections::BTreeSet<_> = received.spans().into_iter().map(|seen| seen.span.span_id).collect();
    // What the first one had taken without being able to say so came twice; nothing is missing.
    assert_eq!(ids.len() as u64, all_spans());
}
