//! DNS over UDP: messages and bytes a second, from datagram to row.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use protocols::dns::DATAGRAMS;
use protocols::event::{Direction, Source, Timestamp, Transport};
use protocols::infer::Start;
use protocols::session::{Datagram, Sink};
use protocols::stream::Mark;

/// `www.example.com A`, and its answer: an alias and two addresses, compressed, with OPT.
const QUERY: &[u8] = b"\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x03www\x07example\x03com\x00\x00\x01\x00\x01\
    \x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00";
const RESPONSE: &[u8] =
    b"\x00\x00\x81\x80\x00\x01\x00\x03\x00\x00\x00\x01\x03www\x07example\x03com\x00\x00\x01\x00\x01\
    \xc0\x0c\x00\x05\x00\x01\x00\x00\x01\x2c\x00\x06\x03cdn\xc0\x10\
    \xc0\x2d\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01\
    \xc0\x2d\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x02\
    \x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00";
const PAIRS: u16 = 1000;

fn udp(criterion: &mut Criterion) {
    let start = Start {
        requests: Direction::Sent,
        midstream: false,
        transport: Transport::Udp,
        decrypted: false,
        upgrade: None,
        keys: protocols::keys::KeyLog::default(),
        config: std::sync::Arc::default(),
    };
    let bytes = (QUERY.len() + RESPONSE.len()) as u64 * u64::from(PAIRS);
    let mut group = criterion.benchmark_group("dns");
    let run = |socket: &mut dyn protocols::session::DatagramSession| {
        let mut next_id = 1;
        let mut sink = Sink::new(&mut next_id);
        for id in 0..PAIRS {
            for (direction, message) in [(Direction::Sent, QUERY), (Direction::Received, RESPONSE)] {
                let mut bytes = message.to_vec();
                bytes[..2].copy_from_slice(&id.to_be_bytes());
                let mark = Mark { time: Timestamp(1), pid: 1, tid: 1, task: 0, source: Source::Socket };
                let original_len = bytes.len() as u64;
                socket.datagram(&Datagram { mark, direction, bytes: &bytes, original_len, peer: None }, &mut sink);
            }
        }
        sink.take().len()
    };
    group.throughput(Throughput::Elements(2 * u64::from(PAIRS)));
    group.bench_function("messages", |bencher| {
        bencher.iter(|| run(&mut *(DATAGRAMS.start)(start.clone())));
    });
    group.throughput(Throughput::Bytes(bytes));
    group.bench_function("bytes", |bencher| {
        bencher.iter(|| run(&mut *(DATAGRAMS.start)(start.clone())));
    });
}

criterion_group!(benches, udp);
criterion_main!(benches);
