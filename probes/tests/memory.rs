//! Memory stays bounded whatever comes: hostile messages, and captures far larger than what may be held. Every byte that
//! is allocated is counted; the bounds leave room for the default limits, not for the input.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::io::Read;
use std::sync::Mutex;
use std::time::Duration;

use peak_alloc::PeakAlloc;
use probes::files::{Input, Options, open};
use probes::{EventSource, Next};
use protocols::event::{
    Data, Direction, Endpoint, Open, Session, Side, SocketEvent, SocketId, Source, Timestamp, Transport, Vantage,
};
use protocols::record::Record;
use protocols::tracker::{Config, Trackers};

const MIB: usize = 1 << 20;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// One measurement at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// What was held at most while it ran, beyond what was held before; and what it returned.
fn peak<T>(run: impl FnOnce() -> T) -> (usize, T) {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let result = run();
    (ALLOCATOR.peak_usage().saturating_sub(before), result)
}

/// One connection, seen from its beginning.
struct Talk {
    trackers: Trackers,
    rows: Vec<Record>,
    positions: [u64; 2],
}

impl Talk {
    fn new() -> Self {
        let mut talk = Self { trackers: Trackers::new(Config::default()), rows: Vec::new(), positions: [0; 2] };
        let time = Timestamp(1);
        talk.take(SocketEvent::Session(Session { time, node: None, kernel: None, vantage: Vantage::Capture }));
        let end = |port| Endpoint::ip("10.0.0.1".parse().unwrap(), port);
        talk.take(SocketEvent::Open(Open {
            time,
            socket: SocketId(1),
            transport: Transport::Tcp,
            local: end(40_000),
            remote: end(8080),
            initiator: Some(Side::Local),
            pid: None,
            midstream: false,
        }));
        talk
    }

    fn take(&mut self, event: SocketEvent) {
        let rows = &mut self.rows;
        self.trackers.handle(event, &mut |row| rows.push(row));
    }

    fn say(&mut self, direction: Direction, bytes: &[u8]) {
        for bytes in bytes.chunks(16 << 10) {
            let position = &mut self.positions[usize::from(direction == Direction::Received)];
            let start = *position;
            *position += bytes.len() as u64;
            let time = Timestamp(1_000 + start);
            self.take(SocketEvent::Data(Data {
                time,
                socket: SocketId(1),
                direction,
                position: start,
                bytes: bytes.to_vec(),
                original_len: bytes.len() as u64,
                pid: 0,
                tid: 0,
                task: 0,
                peer: None,
                source: Source::Pcap,
            }));
        }
    }

    fn finish(mut self) -> Vec<Record> {
        let rows = &mut self.rows;
        self.trackers.finish(&mut |row| rows.push(row));
        self.rows
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header list of 250 MB in 64 KB: one field of 4,000 bytes, named 64,000 times by its index (RFC 7541, 7.3).
#[test]
fn an_hpack_bomb_stays_small() {
    let (most, rows) = peak(|| {
        let mut talk = Talk::new();
        let value = vec![b'x'; 4_000];
        // `:method: GET`, `:path: /`, then a literal with indexing and a length in 7 bits and more.
        let length =
            [0x7f, u8::try_from((4_000 - 127) & 0x7f).unwrap() | 0x80, u8::try_from((4_000 - 127) >> 7).unwrap()];
        let insert = [&[0x82, 0x84, 0x40, 1, b'a'][..], &length, &value].concat();
        talk.say(Direction::Sent, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        talk.say(Direction::Sent, &frame(4, 0, 0, &[]));
        talk.say(Direction::Received, &frame(4, 0, 0, &[]));
        talk.say(Direction::Sent, &frame(1, 1, 1, &insert));
        for last in [0, 0, 0, 4] {
            talk.say(Direction::Sent, &frame(9, last, 1, &[0xbe; 16_000]));
        }
        talk.finish()
    });
    let Some(Record::Http(row)) = rows.iter().find(|row| matches!(row, Record::Http(_))) else { panic!("{rows:?}") };
    assert_eq!((row.path.as_deref(), row.common.truncated), (Some("/"), true));
    assert!(most < 4 * MIB, "{most} bytes");
}

/// A length of 4 GiB, and 64 MiB of what it announces: nothing is set aside for it, and little is kept.
#[test]
fn a_length_of_four_gigabytes_is_not_believed() {
    let grpc = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(4, 0, 0, &[]),
        frame(1, 4, 1, b"\x83\x84\x5f\x10application/grpc"),
        frame(0, 0, 1, b"\0\xff\xff\xff\xff"),
    ]
    .concat();
    let startup = b"\0\0\0\x13\0\x03\0\0user\0ann\0\0\0".to_vec();
    let cases: [(&str, Vec<u8>, Vec<u8>); 6] = [
        ("HTTP/1 length", b"POST / HTTP/1.1\r\nContent-Length: 4294967296\r\n\r\n".to_vec(), vec![b'x'; 16 << 10]),
        (
            "HTTP/1 chunk",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n".to_vec(),
            vec![b'x'; 16 << 10],
        ),
        ("gRPC message", grpc, frame(0, 0, 1, &[0; 16_000])),
        (
            "HTTP/2 frame",
            [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\0\0\0\0\0\x01".to_vec()].concat(),
            vec![0; 16 << 10],
        ),
        ("pgsql message", [startup, b"Q\xff\xff\xff\xff".to_vec()].concat(), vec![b'x'; 16 << 10]),
        ("pgsql start-up", b"\xff\xff\xff\xff\0\x03\0\0user\0".to_vec(), vec![b'x'; 16 << 10]),
    ];
    for (what, head, more) in cases {
        let (most, _) = peak(|| {
            let mut talk = Talk::new();
            talk.say(Direction::Sent, &head);
            for _ in 0..64 * MIB / more.len() {
                talk.say(Direction::Sent, &more);
            }
            talk.finish()
        });
        assert!(most < 6 * MIB, "{what}: {most} bytes");
    }
}

/// The same of files: what a record says of itself is not believed either.
#[test]
fn a_record_of_four_gigabytes_is_damage() {
    let pcap = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff";
    let section = b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0";
    let pcapng = [&section[..], b"\x06\0\0\0\xfc\xff\xff\xff"].concat();
    for (name, head) in [("pcap", pcap.to_vec()), ("pcapng", pcapng)] {
        let (most, error) = peak(|| {
            let input = std::io::Cursor::new(head).chain(std::io::repeat(0).take(64 << 20));
            let Ok(Input::Events(mut replay)) = open(Box::new(input), name, &Options::default()) else {
                panic!("{name}")
            };
            loop {
                match replay.next(Duration::from_secs(10)) {
                    Ok(Next::End) => return None,
                    Ok(_) => {}
                    Err(error) => return Some(error),
                }
            }
        });
        assert!(error.is_some_and(|error| error.offset.is_some()), "{name}");
        assert!(most < 24 * MIB, "{name}: {most} bytes");
    }
}

/// Connections of the generated capture.
const CONNECTIONS: u32 = 3_000;

/// A capture without end in sight: HTTP on thousands of connections that never close, some with a packet missing now and
/// then, some of which only one direction is seen.
struct Generated {
    left: usize,
    round: u32,
    connection: u32,
    packet: Vec<u8>,
    at: usize,
}

impl Generated {
    fn new(bytes: usize) -> Self {
        let header = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0";
        Self { left: bytes, round: 0, connection: 0, packet: header.to_vec(), at: 0 }
    }

    /// The next packet: one of a connection's request or response.
    fn fill(&mut self) {
        const REQUEST: &[u8] = b"GET /item HTTP/1.1\r\nHost: shop\r\nAccept: */*\r\n\r\n";
        let response = [&b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"[..], &[b'x'; 900]].concat();
        self.connection += 1;
        if self.connection == CONNECTIONS {
            (self.connection, self.round) = (0, self.round + 1);
        }
        let (number, turn) = (self.connection, self.round / 2);
        let asks = self.round.is_multiple_of(2);
        self.packet.clear();
        self.at = 0;
        let missing = number % 10 == 3 && turn % 5 == 4 && asks;
        let unseen = number % 10 == 7 && !asks;
        if missing || unseen {
            return;
        }
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
        let (asked, answered) = (1 + turn * length(REQUEST), 1 + turn * length(&response));
        let payload = if asks { REQUEST } else { &response };
        let (sequence, acknowledged) = if asks { (asked, answered) } else { (answered, asked + length(REQUEST)) };
        let port = u16::try_from(10_000 + number).unwrap();
        let (source, destination) = if asks { (port, 80) } else { (80, port) };
        let (from, to) = if asks { ([10, 0, 0, 1], [10, 0, 0, 2]) } else { ([10, 0, 0, 2], [10, 0, 0, 1]) };
        let total = u16::try_from(40 + payload.len()).unwrap();
        let size = (14 + u32::from(total)).to_le_bytes();
        let time = self.round * CONNECTIONS + number;
        let parts: [&[u8]; 18] = [
            &(time / 100_000).to_le_bytes(),
            &(time % 100_000 * 10).to_le_bytes(),
            &size,
            &size,
            &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0],
            &[0x45, 0],
            &total.to_be_bytes(),
            &[0, 0, 0x40, 0, 64, 6, 0, 0],
            &from,
            &to,
            &source.to_be_bytes(),
            &u16::to_be_bytes(destination),
            &sequence.to_be_bytes(),
            &acknowledged.to_be_bytes(),
            &[0x50, 0x18],
            &[0xff, 0xff],
            &[0, 0, 0, 0],
            payload,
        ];
        self.packet = parts.concat();
    }
}

impl Read for Generated {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.at == self.packet.len() {
            if self.left == 0 {
                return Ok(0);
            }
            self.fill();
            self.left = self.left.saturating_sub(self.packet.len());
        }
        let count = buffer.len().min(self.packet.len() - self.at);
        buffer[..count].copy_from_slice(&self.packet[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// From a capture of `bytes`: the most memory held, and the rows of exchanges.
fn read_generated(bytes: usize) -> (usize, usize) {
    peak(|| {
        let Ok(Input::Events(mut replay)) = open(Box::new(Generated::new(bytes)), "generated", &Options::default())
        else {
            panic!("a capture")
        };
        let mut trackers = Trackers::new(Config::default());
        let mut rows = 0;
        let mut count = |record: Record| rows += usize::from(matches!(record, Record::Http(_)));
        while let Next::Event(event) = replay.next(Duration::from_secs(10)).unwrap() {
            trackers.handle(event, &mut count);
        }
        trackers.finish(&mut count);
        rows
    })
}

/// Four times the capture takes hardly more memory, and gives four times the rows.
#[test]
fn a_capture_may_be_of_any_size() {
    let (small, few) = read_generated(24 * MIB);
    let (large, many) = read_generated(96 * MIB);
    assert!(few > 20_000 && many > 3 * few, "{few} and {many} rows");
    assert!(large < small + small / 2 + 8 * MIB, "{small}, then {large} bytes");
}
