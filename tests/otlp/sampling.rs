//! Which spans are sent; metrics are of everything.

use std::collections::BTreeSet;

use crate::collector::Transport;
use crate::received::Received;
use crate::workload::{SHOP, export};

fn sampled(sampler: &str, argument: &str, more: &[&str]) -> Received {
    export(Transport::Grpc, SHOP, more, &[("OTEL_TRACES_SAMPLER", sampler), ("OTEL_TRACES_SAMPLER_ARG", argument)])
}

fn requests(received: &Received) -> u64 {
    let names = ["http.server.request.duration", "db.client.operation.duration", "rpc.client.call.duration"];
    names.iter().flat_map(|name| received.points(name)).map(|point| point.count).sum()
}

#[test]
fn traces_are_kept_whole_and_metrics_are_of_everything() {
    let all = sampled("always_on", "1", &[]);
    let half = sampled("traceidratio", "0.5", &[]);
    let none = sampled("always_off", "1", &[]);
    assert!(none.spans().is_empty());
    assert_eq!(requests(&all), requests(&none));
    assert_eq!(requests(&all), requests(&half));
    // A file has the same ids each time: what is kept of a trace is all of it.
    let ids = |received: &Received| -> BTreeSet<(Vec<u8>, Vec<u8>)> {
        received.spans().into_iter().map(|seen| (seen.span.trace_id, seen.span.span_id)).collect()
    };
    let kept: BTreeSet<Vec<u8>> = ids(&half).into_iter().map(|(trace, _)| trace).collect();
    let expected: BTreeSet<_> = ids(&all).into_iter().filter(|(trace, _)| kept.contains(trace)).collect();
    assert_eq!(ids(&half), expected);
    let traces: BTreeSet<Vec<u8>> = ids(&all).into_iter().map(|(trace, _)| trace).collect();
    let share = kept.len() as f64 / traces.len() as f64;
    assert!((0.4..0.6).contains(&share), "{share}");
}

#[test]
fn errors_and_slow_ones_are_kept_and_say_so() {
    let all = sampled("always_on", "1", &[]);
    let failed =
        |received: &Received| received.spans().iter().filter(|seen| seen.attributes.contains_key("error.type")).count();
    let kept = sampled("always_off", "1", &["--otlp-keep", "errors"]);
    assert!(failed(&all) > 0 && kept.spans().len() == failed(&all), "{} of {}", kept.spans().len(), failed(&all));
    assert!(kept.spans().iter().all(|seen| seen.attributes["explore.kept"] == "error"));
    let slow = sampled("always_off", "1", &["--otlp-keep", "slow:5ms"]);
    let took = |span: &opentelemetry_proto::tonic::trace::v1::Span| span.end_time_unix_nano - span.start_time_unix_nano;
    assert_eq!(slow.spans().len(), all.spans().iter().filter(|seen| took(&seen.span) >= 5_000_000).count());
    assert!(slow.spans().iter().all(|seen| seen.attributes["explore.kept"] == "slow"));
    assert!(all.spans().iter().all(|seen| !seen.attributes.contains_key("explore.kept")));
}
