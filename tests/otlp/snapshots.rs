//! Snapshots say the same to a collector as what they were made of.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use opentelemetry_proto::tonic::trace::v1::Span;

use crate::collector::{Collector, Transport};
use crate::program::explore;
use crate::received::{Attributes, Received};
use crate::workload::{DNS, GRPC, HTTP1, PGSQL, SHOP, export};

/// A folder of its own that goes away.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("explore-otlp-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

#[track_caller]
fn run(args: &[&str]) -> String {
    let ended = explore(args).output().unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{args:?}: {stderr}");
    stderr
}

/// Spans with their resources, in an order of their own.
fn spans(received: &Received) -> Vec<(String, Span, Attributes)> {
    let mut spans: Vec<_> = received
        .spans()
        .into_iter()
        .map(|seen| (format!("{:?}", seen.span.span_id), seen.span, seen.resource))
        .collect();
    spans.sort_by(|a, b| a.0.cmp(&b.0));
    spans
}

/// Histograms: name, attributes, count, sum and buckets of every series.
fn series(received: &Received) -> Vec<String> {
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    let mut all = Vec::new();
    for (resource, metric) in received.last_metrics() {
        let Some(Data::Histogram(histogram)) = metric.data else { continue };
        for point in histogram.data_points {
            let attributes = crate::received::attributes(&point.attributes);
            let sum = point.sum.map(|sum| (sum * 1e6).round());
            let (name, count, buckets) = (&metric.name, point.count, &point.bucket_counts);
            all.push(format!("{resource:?} {name} {attributes:?} {count} {sum:?} {buckets:?}"));
        }
    }
    all.sort();
    all
}

#[test]
fn every_kind_of_snapshot_exports_what_its_capture_does() {
    let folder = Folder::new("kinds");
    for (name, file, more) in [
        ("http", HTTP1, &[][..]),
        ("grpc", GRPC, &[]),
        ("dns", DNS, &[]),
        ("pgsql", PGSQL, &["--otlp-db-server"]),
        ("shop", SHOP, &["--otlp-db-server"]),
    ] {
        let parquet = folder.file(&format!("{name}.parquet"));
        let directory = folder.file(&format!("{name}/"));
        run(&["--read", file, "--snapshot", &parquet]);
        run(&["--read", file, "--snapshot", &directory]);
        let from_capture = export(Transport::Grpc, file, more, &[]);
        let expected = spans(&from_capture);
        assert!(!expected.is_empty());
        for snapshot in [&parquet, &directory] {
            let from_snapshot = export(Transport::Http, snapshot, more, &[]);
            assert_eq!(spans(&from_snapshot), expected, "{snapshot}");
            assert_eq!(series(&from_snapshot), series(&from_capture), "{snapshot}");
        }
    }
}

#[test]
fn rows_of_a_pipe_are_exported() {
    let folder = Folder::new("pipe");
    let arrow = folder.file("rows.arrows");
    run(&["--read", HTTP1, "-q", "http", "--format", "arrow", "-o", &arrow]);
    let expected = export(Transport::Grpc, HTTP1, &[], &[]);
    let collector = Collector::start(Transport::Grpc);
    let rows = std::fs::File::open(&arrow).unwrap();
    let endpoint = collector.endpoint();
    let ended = explore(&["--read", "-", "--otlp", &endpoint]).stdin(rows).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(spans(&collector.received()), spans(&expected));
}

#[test]
fn several_files_are_exported_once_each_and_keep_their_ids_apart() {
    let folder = Folder::new("several");
    let (one, two) = (folder.file("one.parquet"), folder.file("two.parquet"));
    run(&["--read", HTTP1, "--snapshot", &one]);
    run(&["--read", SHOP, "--snapshot", &two]);
    let alone: usize =
        [HTTP1, SHOP, GRPC].map(|file| export(Transport::Grpc, file, &[], &[]).spans().len()).iter().sum();
    // Two snapshots and a capture.
    let collector = Collector::start(Transport::Grpc);
    run(&[
        "--read",
        &one,
        &two,
        GRPC,
        "--otlp",
        &collector.endpoint(),
        "-q",
        "http | count",
        "-o",
        &folder.file("count"),
    ]);
    let received = collector.received();
    let ids: HashSet<_> = received.spans().into_iter().map(|seen| seen.span.span_id).collect();
    assert_eq!((ids.len(), received.spans().len()), (alone, alone));
    // Exported apart, they do not share an id either.
    let apart = [&one, &two].map(|file| export(Transport::Grpc, file, &[], &[]));
    let ids = apart.map(|received| received.spans().into_iter().map(|seen| seen.span.trace_id).collect::<HashSet<_>>());
    assert!(ids[0].is_disjoint(&ids[1]));
}

#[test]
fn a_snapshot_that_is_damaged_inside_ends_with_an_error() {
    let folder = Folder::new("damaged");
    let path = folder.file("http.parquet");
    run(&["--read", HTTP1, "--snapshot", &path]);
    // Pages are read while rows are exported; the footer, which is read first, stays whole.
    let mut bytes = std::fs::read(&path).unwrap();
    let footer = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap()) as usize;
    let end = bytes.len() - 8 - footer;
    bytes[64..end].fill(0xff);
    std::fs::write(Path::new(&path), bytes).unwrap();
    let collector = Collector::start(Transport::Grpc);
    let ended = explore(&["--read", &path, "--otlp", &collector.endpoint()]).output().unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("error: "), "{stderr}");
}

#[test]
fn metrics_alone_are_of_every_row() {
    let folder = Folder::new("metrics");
    let path = folder.file("http.parquet");
    run(&["--read", HTTP1, "--snapshot", &path]);
    let expected = export(Transport::Http, HTTP1, &[], &[]);
    let only = export(Transport::Http, &path, &[], &[("OTEL_TRACES_EXPORTER", "none")]);
    assert!(only.traces.is_empty());
    assert_eq!(series(&only), series(&expected));
}
