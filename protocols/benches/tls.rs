//! TLS: whole connections without keys, and bytes a second with them.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use protocols::event::{Direction, Source, Timestamp, Transport};
use protocols::infer::Start;
use protocols::keys::KeyLog;
use protocols::session::Sink;
use protocols::stream::{Mark, Streams};
use protocols::tls::PROTOCOL;

/// Direction and bytes of one chunk.
type Chunk = (Direction, Vec<u8>);

fn recording(name: &str) -> (Vec<Chunk>, String) {
    let lines = include_str!("../../fixtures/tls/handshakes.jsonl").lines();
    let mut recordings = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let recording = recordings.find(|recording| recording["name"] == name).expect("the recording");
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let chunk = |chunk: &serde_json::Value| {
        let direction = if chunk[0] == "c" { Direction::Sent } else { Direction::Received };
        let digits = text(&chunk[2]);
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex");
        (direction, (0..digits.len()).step_by(2).map(byte).collect())
    };
    (recording["chunks"].as_array().expect("chunks").iter().map(chunk).collect(), text(&recording["keys"]))
}

fn run(chunks: &[Chunk], keys: &KeyLog) -> usize {
    let start = Start {
        requests: Direction::Sent,
        midstream: false,
        transport: Transport::Tcp,
        decrypted: false,
        upgrade: None,
        keys: keys.clone(),
        config: std::sync::Arc::default(),
    };
    let mut session = (PROTOCOL.start)(start);
    let (mut streams, mut next_id) = (Streams::default(), 1);
    let mut sink = Sink::new(&mut next_id);
    for (number, (direction, bytes)) in (0..).zip(chunks) {
        let mark = Mark { time: Timestamp(number), pid: 0, tid: 0, task: 0, source: Source::Pcap };
        let position = streams[*direction].tail();
        streams[*direction].insert(position, bytes, bytes.len() as u64, mark);
        session.advance(&mut streams, &mut sink);
    }
    session.finish(&mut streams, true, &mut sink);
    sink.take().len()
}

fn connections(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tls");
    for name in ["tls12-aes128-gcm", "tls13-aes128", "tls13-chacha"] {
        let (chunks, keys) = recording(name);
        let log = KeyLog::default();
        log.add(keys.as_bytes());
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("{name}/in clear"), |bencher| bencher.iter(|| run(&chunks, &KeyLog::default())));
        group.bench_function(format!("{name}/with keys"), |bencher| bencher.iter(|| run(&chunks, &log)));
    }
    // What is passed over once nothing more can be read: 16 MiB of records.
    let (mut chunks, _) = recording("tls13-aes128");
    let record = [&b"\x17\x03\x03\x40\x00"[..], &[0; 0x4000]].concat();
    let handshakes = chunks.len();
    chunks.extend((0..1024).map(|_| (Direction::Received, record.clone())));
    group.throughput(Throughput::Bytes(chunks[handshakes..].iter().map(|(_, bytes)| bytes.len() as u64).sum()));
    group.sample_size(20);
    group.bench_function("passed over", |bencher| bencher.iter(|| run(&chunks, &KeyLog::default())));
}

criterion_group!(benches, connections);
criterion_main!(benches);
