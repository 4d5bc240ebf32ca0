//! Buckets, bounds on memory, and what is told twice.

use opentelemetry_proto::tonic::metrics::v1::{HistogramDataPoint, metric::Data};
use protocols::event::Timestamp;
use protocols::record::{Common, Dns, Http, Role};

use super::super::settings::Temporality;
use super::*;

fn http(latency: u64, method: &str) -> Record {
    let common =
        Common { role: Some(Role::Server), latency: Some(latency), time: Timestamp(1_000), ..Common::default() };
    Record::Http(Box::new(Http { common, method: Some(method.to_owned()), status: Some(200), ..Http::default() }))
}

fn dns(name: String) -> Record {
    let common = Common { role: Some(Role::Client), latency: Some(1_000_000), ..Common::default() };
    Record::Dns(Box::new(Dns { common, name: Some(name), ..Dns::default() }))
}

fn saying(temporality: Temporality) -> Saying {
    Saying { temporality, added: Vec::new(), own_name: None, file: false }
}

fn points(metrics: &Metrics, temporality: Temporality, now: u64) -> (Vec<HistogramDataPoint>, request::Sent) {
    let (request, sent) = metrics.request(&saying(temporality), now);
    let all = request.resource_metrics.into_iter().flat_map(|of| of.scope_metrics).flat_map(|scope| scope.metrics);
    let points = all.filter_map(|metric| match metric.data {
        Some(Data::Histogram(histogram)) => Some(histogram.data_points),
        _ => None,
    });
    (points.flatten().collect(), sent)
}

fn name_of(point: &HistogramDataPoint) -> String {
    format!("{:?}", point.attributes.iter().find(|attribute| attribute.key == "dns.question.name").unwrap().value)
}

#[test]
fn a_value_on_a_boundary_is_below_it() {
    let mut metrics = Metrics::new(1);
    for latency in [5_000_000, 5_000_001, 10_000_000_000, 10_000_000_001] {
        metrics.take(&http(latency, "GET"), &Rules::default());
    }
    let (points, _) = points(&metrics, Temporality::Cumulative, 9);
    // 14 boundaries of 5 ms to 10 s make 15 buckets.
    assert_eq!(points[0].bucket_counts, [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
    assert_eq!((points[0].count, points[0].min, points[0].max), (4, Some(0.005), Some(10.000_000_001)));
    assert_eq!((points[0].start_time_unix_nano, points[0].time_unix_nano), (1, 9));
}

#[test]
fn a_difference_is_told_once_and_kept_until_it_arrives() {
    let mut metrics = Metrics::new(1);
    metrics.take(&http(1_000_000, "GET"), &Rules::default());
    let (first, _lost) = points(&metrics, Temporality::Delta, 5);
    metrics.take(&http(1_000_000, "GET"), &Rules::default());
    // The first request did not arrive: the second tells of both.
    let (second, sent) = points(&metrics, Temporality::Delta, 6);
    assert_eq!((first[0].count, second[0].count), (1, 2));
    metrics.arrived(sent, &saying(Temporality::Delta));
    assert!(points(&metrics, Temporality::Delta, 7).0.is_empty(), "nothing was added");
    metrics.take(&http(2_000_000_000, "GET"), &Rules::default());
    let (third, _) = points(&metrics, Temporality::Delta, 8);
    assert_eq!((third[0].count, third[0].start_time_unix_nano, third[0].time_unix_nano), (1, 6, 8));
    assert!((third[0].sum.unwrap() - 2.0).abs() < 1e-9);
    // Prometheus is always told all.
    assert!(metrics.prometheus(&saying(Temporality::Delta)).contains("http_server_request_duration_seconds_count"));
}

#[test]
fn names_beyond_the_bound_are_other() {
    let mut metrics = Metrics::new(1);
    for number in 0..MOST_NAMES + 500 {
        metrics.take(&dns(format!("host{number}.example")), &Rules::default());
        metrics.take(&dns("host0.example".to_owned()), &Rules::default());
    }
    let (points, _) = points(&metrics, Temporality::Cumulative, 9);
    let other = points.iter().find(|point| name_of(point).contains("_OTHER")).unwrap();
    assert_eq!((other.count, points.len()), (500, MOST_NAMES + 1));
    assert_eq!(points.iter().map(|point| point.count).sum::<u64>(), 2 * (MOST_NAMES as u64 + 500));
}

#[test]
fn series_beyond_the_bound_are_one() {
    let mut metrics = Metrics::new(1);
    for number in 0..u16::try_from(MOST_SERIES).unwrap() + 300 {
        let mut row = http(1_000_000, "GET");
        if let Record::Http(row) = &mut row {
            row.route = Some(format!("/{number}"));
        }
        metrics.take(&row, &Rules::default());
    }
    let (points, _) = points(&metrics, Temporality::Cumulative, 9);
    let overflow =
        points.iter().find(|point| point.attributes.iter().any(|a| a.key == "otel.metric.overflow")).unwrap();
    assert_eq!((overflow.count, points.len()), (300, MOST_SERIES + 1));
}

#[test]
fn labels_are_escaped() {
    let mut metrics = Metrics::new(1);
    metrics.take(&dns("a\"b\\c\nd".to_owned()), &Rules::default());
    let text = metrics.prometheus(&saying(Temporality::Cumulative));
    assert!(text.contains(r#"dns_question_name="a\"b\\c\nd""#), "{text}");
}
