//! HTTP/2: bytes, frames and header fields a second, from stream to row.

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use protocols::event::{Direction, Source, Timestamp, Transport};
use protocols::http2::PROTOCOL;
use protocols::http2::frame::{PREFACE, flag, kind};
use protocols::http2::hpack::Decoder;
use protocols::infer::Start;
use protocols::session::Sink;
use protocols::stream::{Mark, Streams};

/// A first request of a browser, 12 fields, most of them added to the table (as in RFC 7541, C.4, but longer).
const FIRST: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "www.example.com"),
    (":path", "/catalogue/items?page=1&sort=price"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-US,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("cookie", "session=0123456789abcdef0123456789abcdef"),
    ("upgrade-insecure-requests", "1"),
    ("te", "trailers"),
    ("priority", "u=0, i"),
];

/// Requests of one connection.
const REQUESTS: u32 = 1000;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).expect("short").to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// All fields as literals that are added to the table.
fn literals() -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in FIRST {
        block.push(0x40);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).expect("short"));
            block.extend(text.as_bytes());
        }
    }
    block
}

/// The same fields out of the table.
fn indexed() -> Vec<u8> {
    (0..FIRST.len()).rev().map(|back| 0x80 | u8::try_from(62 + back).expect("few")).collect()
}

fn conversation() -> [Vec<u8>; 2] {
    let (mut asked, mut answered) = (PREFACE.to_vec(), frame(kind::SETTINGS, 0, 0, &[]));
    asked.extend(frame(kind::SETTINGS, 0, 0, &[]));
    for number in 0..REQUESTS {
        let stream = 2 * number + 1;
        let block = if number == 0 { literals() } else { indexed() };
        asked.extend(frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &block));
        // 200, and content-type: text/html.
        let block = if number == 0 { b"\x88\x5f\x09text/html".to_vec() } else { b"\x88\xbe".to_vec() };
        answered.extend(frame(kind::HEADERS, flag::END_HEADERS, stream, &block));
        answered.extend(frame(kind::DATA, flag::END_STREAM, stream, &[b'x'; 1000]));
    }
    [asked, answered]
}

fn run([asked, answered]: &[Vec<u8>; 2], start: Start) -> usize {
    let mut session = (PROTOCOL.start)(start);
    let mut streams = Streams::default();
    let mut next_id = 1;
    let mut sink = Sink::new(&mut next_id);
    for (direction, bytes) in [(Direction::Sent, asked), (Direction::Received, answered)] {
        let mut position = 0;
        for chunk in bytes.chunks(16 << 10) {
            let mark = Mark { time: Timestamp(1), pid: 1, tid: 1, task: 0, source: Source::Socket };
            streams[direction].insert(position, chunk, chunk.len() as u64, mark);
            position += chunk.len() as u64;
            session.advance(&mut streams, &mut sink);
        }
    }
    sink.take().len()
}

fn connections(criterion: &mut Criterion) {
    let start = Start {
        requests: Direction::Sent,
        midstream: false,
        transport: Transport::Tcp,
        decrypted: false,
        upgrade: None,
        keys: protocols::keys::KeyLog::default(),
        config: Arc::default(),
    };
    let bytes = conversation();
    let mut group = criterion.benchmark_group("http2");
    group.throughput(Throughput::Bytes((bytes[0].len() + bytes[1].len()) as u64));
    group.bench_function("bytes", |bencher| bencher.iter(|| run(&bytes, start.clone())));
    group.throughput(Throughput::Elements(3 * u64::from(REQUESTS)));
    group.bench_function("frames", |bencher| bencher.iter(|| run(&bytes, start.clone())));
    group.throughput(Throughput::Elements(u64::from(REQUESTS)));
    group.bench_function("exchanges", |bencher| bencher.iter(|| run(&bytes, start.clone())));
}

fn header_blocks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hpack");
    group.throughput(Throughput::Elements(FIRST.len() as u64));
    let (literals, indexed) = (literals(), indexed());
    group.bench_function("literal fields", |bencher| {
        bencher.iter_batched_ref(
            Decoder::new,
            |decoder| decoder.decode(&literals, 1 << 16).map(|list| list.fields.len()),
            BatchSize::SmallInput,
        );
    });
    let mut decoder = Decoder::new();
    decoder.decode(&literals, 1 << 16).expect("sound");
    group.bench_function("indexed fields", |bencher| {
        bencher.iter(|| decoder.decode(&indexed, 1 << 16).map(|list| list.fields.len()));
    });
    // RFC 7541, C.6.3: 69 octets of Huffman code.
    let huffman =
        b"\x0f\x28\x2d\x94\xe7\x82\x1d\xd7\xf2\xe6\xc7\xb3\x35\xdf\xdf\xcd\x5b\x39\x60\xd5\xaf\x27\x08\x7f\x36\x72\
        \xc1\xab\x27\x0f\xb5\x29\x1f\x95\x87\x31\x60\x65\xc0\x03\xed\x4e\xe5\xb1\x06\x3d\x50\x07";
    group.throughput(Throughput::Bytes(huffman.len() as u64));
    group.bench_function("huffman", |bencher| {
        bencher.iter(|| decoder.decode(huffman, 1 << 16).map(|list| list.fields.len()));
    });
}

criterion_group!(benches, connections, header_blocks);
criterion_main!(benches);
