//! Capture files, from bytes to events, and on to rows: bytes and rows a second.
#![allow(clippy::unwrap_used, reason = "a benchmark that panics has failed")]

use std::io::{Cursor, Read};
use std::path::Path;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use probes::files::{Input, Options, open};
use probes::{EventSource, Next};
use protocols::event::SocketEvent;
use protocols::tracker::{Config, Trackers};

/// Recorded from real peers: `fixtures/captures/README.md`, `fixtures/pgsql/record`.
const CAPTURES: [&str; 5] =
    ["captures/http1.pcap.xz", "captures/h2c.pcap.zst", "captures/grpc.pcap", "captures/dns.pcap", "pgsql/copy.pcap"];

/// A capture, decompressed.
fn capture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(name);
    let file = std::fs::File::open(path).unwrap();
    let mut bytes = Vec::new();
    match path_kind(name) {
        "xz" => liblzma::read::XzDecoder::new(file).read_to_end(&mut bytes).unwrap(),
        "zst" => zstd::stream::read::Decoder::new(file).unwrap().read_to_end(&mut bytes).unwrap(),
        _ => { file }.read_to_end(&mut bytes).unwrap(),
    };
    bytes
}

fn path_kind(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or_default()
}

fn events(bytes: &[u8], mut take: impl FnMut(SocketEvent)) {
    let input = Box::new(Cursor::new(bytes.to_vec()));
    let Ok(Input::Events(mut replay)) = open(input, "capture", &Options::default()) else { panic!("a capture") };
    while let Next::Event(event) = replay.next(Duration::from_secs(10)).unwrap() {
        take(event);
    }
}

fn rows(bytes: &[u8]) -> u64 {
    let mut trackers = Trackers::new(Config::default());
    let mut rows = 0;
    events(bytes, |event| trackers.handle(event, &mut |_| rows += 1));
    trackers.finish(&mut |_| rows += 1);
    rows
}

fn reading(criterion: &mut Criterion) {
    for name in CAPTURES {
        let bytes = capture(name);
        let mut group = criterion.benchmark_group("captures");
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(BenchmarkId::new("bytes to events", name), |bencher| {
            bencher.iter(|| {
                let mut count = 0_u64;
                events(&bytes, |_| count += 1);
                count
            });
        });
        group.bench_function(BenchmarkId::new("bytes to rows", name), |bencher| bencher.iter(|| rows(&bytes)));
        group.throughput(Throughput::Elements(rows(&bytes)));
        group.bench_function(BenchmarkId::new("rows", name), |bencher| bencher.iter(|| rows(&bytes)));
    }
}

criterion_group!(benches, reading);
criterion_main!(benches);
