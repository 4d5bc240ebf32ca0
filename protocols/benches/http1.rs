//! HTTP/1 from socket events to rows: bytes and messages a second.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use protocols::event::{
    Data, Direction, Endpoint, Open, Session, Side, SocketEvent, SocketId, Source, Timestamp, Transport, Vantage,
};
use protocols::tracker::{Config, Trackers};

/// Exchanges on one kept-alive connection.
const EXCHANGES: u64 = 1000;

/// What a browser and nginx say to each other.
const REQUEST: &str = "GET /api/users/42/orders?limit=20&sort=created HTTP/1.1\r\nHost: shop.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: application/json\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n\
    Authorization: Bearer 0123456789abcdef0123456789abcdef0123\r\nConnection: keep-alive\r\n\
    traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n";

fn response(body: usize) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 22 Nov 2026 18:00:00 GMT\r\n\
         Content-Type: application/json\r\nContent-Length: {body}\r\nConnection: keep-alive\r\n\r\n{}",
        "x".repeat(body)
    )
}

fn events(body: usize) -> Vec<SocketEvent> {
    let (time, socket) = (Timestamp(1), SocketId(1));
    let session = Session { time, node: Some("bench".into()), kernel: None, vantage: Vantage::Process };
    let open = Open {
        time,
        socket,
        transport: Transport::Tcp,
        local: Endpoint::ip([127, 0, 0, 1].into(), 80),
        remote: Endpoint::ip([127, 0, 0, 1].into(), 40000),
        initiator: Some(Side::Remote),
        pid: Some(1),
        midstream: false,
    };
    let mut events = vec![SocketEvent::Session(session), SocketEvent::Open(open)];
    let response = response(body);
    for at in 0..EXCHANGES {
        for (direction, text) in [(Direction::Received, REQUEST), (Direction::Sent, response.as_str())] {
            events.push(SocketEvent::Data(Data {
                time: Timestamp(at * 1000),
                socket,
                direction,
                position: at * text.len() as u64,
                bytes: text.as_bytes().to_vec(),
                original_len: text.len() as u64,
                pid: 1,
                tid: 1,
                task: 0,
                peer: None,
                source: Source::Socket,
            }));
        }
    }
    events
}

fn run(events: Vec<SocketEvent>, redact: bool) -> usize {
    let mut rows = 0;
    let mut trackers = Trackers::new(Config { redact, ..Config::default() });
    for event in events {
        trackers.handle(event, &mut |_| rows += 1);
    }
    trackers.finish(&mut |_| rows += 1);
    rows
}

fn http1(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("http1");
    group.sample_size(20);
    for (name, body, redact) in
        [("small", 200, true), ("small unredacted", 200, false), ("64 KiB bodies", 65_536, true)]
    {
        let events = events(body);
        assert_eq!(run(events.clone(), redact) as u64, EXCHANGES + 1);
        let bytes = EXCHANGES * (REQUEST.len() + response(body).len()) as u64;
        for (unit, throughput) in
            [("bytes", Throughput::Bytes(bytes)), ("messages", Throughput::Elements(2 * EXCHANGES))]
        {
            group.throughput(throughput);
            group.bench_function(format!("{name}/{unit}"), |bencher| {
                bencher.iter_batched(|| events.clone(), |events| run(events, redact), BatchSize::LargeInput);
            });
        }
    }
    group.finish();
}

criterion_group!(benches, http1);
criterion_main!(benches);
