//! PostgreSQL: statements and bytes a second, from stream to row.

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use protocols::event::{Direction, Source, Timestamp, Transport};
use protocols::infer::Start;
use protocols::keys::KeyLog;
use protocols::pgsql::PROTOCOL;
use protocols::session::Sink;
use protocols::stream::{Mark, Streams};

const CLIENT: Direction = Direction::Sent;
const SERVER: Direction = Direction::Received;

fn message(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u32::try_from(body.len() + 4).unwrap_or(4);
    [&[tag][..], &length.to_be_bytes(), &body].concat()
}

fn login() -> Vec<(Direction, Vec<u8>)> {
    let body = b"\0\x03\0\0user\0ann\0database\0shop\0\0";
    let startup = [&(u32::try_from(body.len() + 4).unwrap_or(4)).to_be_bytes()[..], body].concat();
    vec![(CLIENT, startup), (SERVER, [message(b'R', &[&[0; 4]]), ready()].concat())]
}

fn ready() -> Vec<u8> {
    message(b'Z', &[b"I"])
}

/// The update of pgbench, with another literal each time.
fn simple(count: u32) -> Vec<(Direction, Vec<u8>)> {
    let mut steps = login();
    for number in 0..count {
        let sql = format!("UPDATE pgbench_accounts SET abalance = abalance + {number} WHERE aid = {};\0", number * 7);
        steps.push((CLIENT, message(b'Q', &[sql.as_bytes()])));
        steps.push((SERVER, [message(b'C', &[b"UPDATE 1\0"]), ready()].concat()));
    }
    steps
}

/// The same, prepared once.
fn prepared(count: u32) -> Vec<(Direction, Vec<u8>)> {
    let sql = b"P_1\0UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2\0\0\0";
    let mut steps = login();
    steps.push((CLIENT, [message(b'P', &[sql]), message(b'S', &[])].concat()));
    steps.push((SERVER, [message(b'1', &[]), ready()].concat()));
    for number in 0..count {
        let text = format!("{number:05}");
        let value = [&5_u32.to_be_bytes()[..], text.as_bytes()].concat();
        let bind = message(b'B', &[b"\0P_1\0\0\0\0\x02", &value, &value, b"\0\0"]);
        let execute = message(b'E', &[b"\0\0\0\0\0"]);
        steps.push((CLIENT, [bind, execute, message(b'S', &[])].concat()));
        steps.push((SERVER, [message(b'2', &[]), message(b'C', &[b"UPDATE 1\0"]), ready()].concat()));
    }
    steps
}

/// One query of many rows, in chunks of the size that the server sends.
fn rows(count: usize) -> Vec<(Direction, Vec<u8>)> {
    let row = message(b'D', &[&[0, 2, 0, 0, 0, 4], b"1234", &[0, 0, 0, 80], &[b'x'; 80]]);
    let answer = [row.repeat(count), message(b'C', &[b"SELECT 100000\0"]), ready()].concat();
    let mut steps = login();
    steps.push((CLIENT, message(b'Q', &[b"SELECT id, filler FROM pgbench_accounts\0"])));
    steps.extend(answer.chunks(8192).map(|chunk| (SERVER, chunk.to_vec())));
    steps
}

fn run(steps: &[(Direction, Vec<u8>)]) -> usize {
    let start = Start {
        requests: CLIENT,
        midstream: false,
        transport: Transport::Tcp,
        decrypted: false,
        upgrade: None,
        keys: KeyLog::default(),
        config: Arc::default(),
    };
    let mut session = (PROTOCOL.start)(start);
    let mut streams = Streams::default();
    let mut positions = [0_u64; 2];
    let mut next_id = 1;
    let mut said = 0;
    for (time, (direction, bytes)) in (0_u64..).zip(steps) {
        let mark = Mark { time: Timestamp(time * 1000), pid: 1, tid: 1, task: 0, source: Source::Socket };
        let position = &mut positions[usize::from(*direction == SERVER)];
        streams[*direction].insert(*position, bytes, bytes.len() as u64, mark);
        *position += bytes.len() as u64;
        let mut sink = Sink::new(&mut next_id);
        session.advance(&mut streams, &mut sink);
        said += sink.take().len();
    }
    said
}

fn pgsql(criterion: &mut Criterion) {
    const STATEMENTS: u32 = 1000;
    let mut group = criterion.benchmark_group("pgsql");
    let kinds = [("simple", simple(STATEMENTS)), ("prepared", prepared(STATEMENTS)), ("rows", rows(10_000))];
    for (name, steps) in kinds {
        let bytes = steps.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        group.throughput(Throughput::Bytes(bytes));
        group.bench_function(format!("{name}/bytes"), |bencher| bencher.iter(|| run(&steps)));
        if name != "rows" {
            group.throughput(Throughput::Elements(u64::from(STATEMENTS)));
            group.bench_function(format!("{name}/statements"), |bencher| bencher.iter(|| run(&steps)));
        }
    }
}

criterion_group!(benches, pgsql);
criterion_main!(benches);
