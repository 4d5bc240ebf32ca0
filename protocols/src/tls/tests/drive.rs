//! A connection driven by chunks of bytes.

use serde_json::Value;

use crate::event::{Direction, Source, Timestamp};
use crate::keys::KeyLog;
use crate::record::{Record, Tls};
use crate::session::{Exchange, Session, Sink, Step};
use crate::stream::{Hole, Mark, Streams};
use crate::tls::connection::Connection;

pub(super) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap()).collect()
}

/// Bytes of one direction, as they came.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    pub(super) direction: Direction,
    pub(super) time: u64,
    pub(super) bytes: Vec<u8>,
    /// How many were sent.
    pub(super) original_len: u64,
}

impl Chunk {
    pub(super) fn new(direction: Direction, time: u64, bytes: &[u8]) -> Self {
        Self { direction, time, bytes: bytes.to_vec(), original_len: bytes.len() as u64 }
    }
}

/// What a connection said.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Said {
    pub(super) rows: Vec<Exchange>,
    /// By client, by server.
    pub(super) plain: [Vec<u8>; 2],
    pub(super) holes: Vec<(Direction, Hole)>,
    pub(super) skipped: u64,
}

impl Said {
    pub(super) fn record(&self, at: usize) -> &Tls {
        match &self.rows[at].record {
            Record::Tls(record) => record,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn take(&mut self, sink: &mut Sink<'_>) {
        for step in sink.take() {
            match step {
                Step::Finish(exchange) => self.rows.push(*exchange),
                Step::Plaintext { direction, bytes, mark } => {
                    assert_eq!(mark.source, Source::Keylog);
                    self.plain[usize::from(direction == Direction::Received)].extend(bytes);
                }
                Step::PlaintextHole { direction, hole } => self.holes.push((direction, hole)),
                Step::Skipped { bytes } => self.skipped += bytes,
                _ => {}
            }
        }
    }
}

pub(super) fn mark(time: u64) -> Mark {
    Mark { time: Timestamp(time), pid: 0, tid: 0, task: 0, source: Source::Pcap }
}

/// Runs a connection over chunks; `keys` come before the first of them.
pub(super) fn run(chunks: &[Chunk], keys: &str) -> Said {
    let log = KeyLog::default();
    log.add(keys.as_bytes());
    run_with(chunks, &log, |_| ())
}

/// As [`run`]; `before_end` is called when all chunks have come.
pub(super) fn run_with(chunks: &[Chunk], log: &KeyLog, before_end: impl FnOnce(&KeyLog)) -> Said {
    let mut connection = Connection::new(log.clone());
    let mut streams = Streams::default();
    let mut next_id = 1;
    let mut sink = Sink::new(&mut next_id);
    let mut said = Said::default();
    for chunk in chunks {
        let stream = &mut streams[chunk.direction];
        let position = stream.tail();
        stream.insert(position, &chunk.bytes, chunk.original_len, mark(chunk.time));
        connection.advance(&mut streams, &mut sink);
        said.take(&mut sink);
    }
    before_end(log);
    connection.advance(&mut streams, &mut sink);
    connection.finish(&mut streams, true, &mut sink);
    said.take(&mut sink);
    said
}

/// A recorded connection and what openssl said of it.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) name: String,
    pub(super) chunks: Vec<Chunk>,
    pub(super) keys: String,
    pub(super) truth: Value,
}

impl Recording {
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.truth[key].as_str()
    }
}

pub(super) fn recordings() -> Vec<Recording> {
    let lines = include_str!("../../../../fixtures/tls/handshakes.jsonl").lines();
    lines.map(|line| recording(serde_json::from_str(line).unwrap())).collect()
}

pub(super) fn recording_named(name: &str) -> Recording {
    recordings().into_iter().find(|recording| recording.name == name).unwrap()
}

fn recording(truth: Value) -> Recording {
    let chunk = |chunk: &Value| {
        let direction = if chunk[0] == "c" { Direction::Sent } else { Direction::Received };
        // Chunks of the same millisecond still came one after the other.
        Chunk::new(direction, chunk[1].as_u64().unwrap() * 1_000_000, &unhex(chunk[2].as_str().unwrap()))
    };
    let mut chunks: Vec<Chunk> = truth["chunks"].as_array().unwrap().iter().map(chunk).collect();
    for (number, chunk) in chunks.iter_mut().enumerate() {
        chunk.time += number as u64;
    }
    Recording {
        name: truth["name"].as_str().unwrap().to_owned(),
        keys: truth["keys"].as_str().unwrap().to_owned(),
        chunks,
        truth,
    }
}
