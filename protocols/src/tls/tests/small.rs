//! Single cases: what is cut, lost, old or odd.

use super::drive::{Chunk, Said, mark, recording_named, run};
use crate::event::Direction;
use crate::event::Transport;
use crate::keys::KeyLog;
use crate::session::{Glimpse, Guess, Session, Sink};
use crate::stream::Streams;
use crate::tls::PROTOCOL;
use crate::tls::connection::Connection;

fn glimpse(bytes: &[u8], midstream: bool) -> Guess {
    (PROTOCOL.recognise)(&Glimpse {
        bytes,
        complete: false,
        midstream,
        source_port: Some(50_000),
        destination_port: Some(443),
        transport: Transport::Tcp,
    })
}

#[test]
fn hellos_are_recognised_and_others_are_not() {
    let recording = recording_named("tls13-aes128");
    let (client, server) = (&recording.chunks[0].bytes, &recording.chunks[1].bytes);
    assert_eq!(glimpse(client, false), Guess::Request);
    assert_eq!(glimpse(server, false), Guess::Response);
    for end in 0..11 {
        assert_eq!(glimpse(&client[..end], false), Guess::Maybe, "{end}");
    }
    assert_eq!(glimpse(b"\x15\x03\x01\x00\x02\x02\x46", false), Guess::Response);
    assert_eq!(glimpse(b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10", false), Guess::Request);
    for other in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"\x16\x03\x01\x02\x00\x05\x00\x01\xfc\x03\x03",
        b"\x17\x03\x03\x00\x10abcdef",
        &[0; 16],
    ] {
        assert_eq!(glimpse(other, false), Guess::No, "{other:?}");
    }
}

#[test]
fn joined_between_records() {
    let recording = recording_named("tls12-aes128-gcm");
    let data = recording.chunks.iter().rev().find(|chunk| chunk.direction == Direction::Sent).unwrap();
    assert_eq!(glimpse(&data.bytes, true), Guess::Request);
    let said = run(std::slice::from_ref(data), "");
    assert_eq!((said.rows.len(), said.skipped), (0, 0));
}

#[test]
fn a_server_alone_gives_a_row_without_times() {
    let recording = recording_named("tls12-aes128-gcm");
    let server: Vec<Chunk> =
        recording.chunks.iter().filter(|chunk| chunk.direction == Direction::Received).cloned().collect();
    let said = run(&server, "");
    assert_eq!(said.rows.len(), 1);
    let record = said.record(0);
    assert_eq!((record.sni.as_deref(), record.version.as_deref()), (None, Some("1.2")));
    assert_eq!((record.handshake, said.rows[0].timing.response_end), (None, None));
    assert!(said.rows[0].cut_short);
}

#[test]
fn a_connection_that_ends_in_its_handshake_is_cut_short() {
    let recording = recording_named("tls12-aes128-gcm");
    let said = run(&recording.chunks[..2], "");
    assert_eq!(said.rows.len(), 1);
    assert!(said.rows[0].cut_short);
    assert_eq!(said.record(0).handshake, None);
    assert_eq!(said.record(0).cipher.as_deref(), recording.text("cipher"));
}

/// What kernel TLS encrypts never passes the socket: each direction stops behind its ChangeCipherSpec.
#[test]
fn the_kernel_takes_over_behind_change_cipher_spec() {
    const CHANGE: &[u8] = b"\x14\x03\x03\x00\x01\x01";
    let recording = recording_named("tls12-aes128-gcm");
    let mut changed = [false; 2];
    let mut chunks = Vec::new();
    for mut chunk in recording.chunks.iter().cloned() {
        let changed = &mut changed[usize::from(chunk.direction == Direction::Sent)];
        if let Some(at) = chunk.bytes.windows(CHANGE.len()).position(|bytes| bytes == CHANGE).filter(|_| !*changed) {
            chunk = Chunk::new(chunk.direction, chunk.time, &chunk.bytes[..at + CHANGE.len()]);
            chunks.push(chunk);
            *changed = true;
        } else if !*changed {
            chunks.push(chunk);
        }
    }
    assert_eq!(changed, [true; 2]);
    let said = run_sealed(&chunks);
    assert_eq!(said.rows.len(), 1);
    assert!(!said.rows[0].cut_short);
    // A Finished came in one piece with the ChangeCipherSpec before it.
    assert_eq!(said.record(0), run(&recording.chunks, "").record(0));
    assert_eq!(run_sealed(&chunks[..2]).rows.len(), 0, "not yet");
}

fn run_sealed(chunks: &[Chunk]) -> Said {
    let mut connection = Connection::new(KeyLog::default());
    let (mut streams, mut said, mut next_id) = (Streams::default(), Said::default(), 1);
    let mut sink = Sink::new(&mut next_id);
    for chunk in chunks {
        let position = streams[chunk.direction].tail();
        streams[chunk.direction].insert(position, &chunk.bytes, chunk.original_len, mark(chunk.time));
        connection.advance(&mut streams, &mut sink);
    }
    connection.sealed(&mut sink);
    said.take(&mut sink);
    said
}

/// Of the server's flight only the beginning was kept.
#[test]
fn a_cut_certificate_is_null() {
    let recording = recording_named("tls12-aes128-gcm");
    let mut chunks = recording.chunks.clone();
    chunks[1].bytes.truncate(400);
    let said = run(&chunks, "");
    let record = said.record(0);
    assert_eq!((record.version.as_deref(), &record.cert_subject), (Some("1.2"), &None));
    assert!(record.common.truncated && !record.common.gap);
    assert_eq!(record.resumed, None);
}

/// A chunk was lost: what was in it is missing, what follows is read, even behind new keys.
#[test]
fn records_after_lost_ones_are_opened() {
    for (name, lost) in [("tls13-key-update", 0), ("tls13-key-update", 1), ("tls12-renegotiated", 0)] {
        let recording = recording_named(name);
        let mut chunks = recording.chunks.clone();
        let data = |chunk: &Chunk| chunk.time > 150_000_000 && chunk.direction == Direction::Sent;
        let (at, _) = chunks.iter().enumerate().filter(|(_, chunk)| data(chunk)).nth(lost).unwrap();
        chunks[at].bytes.clear();
        let said = run(&chunks, &recording.keys);
        let mut lines: Vec<_> = recording.text("sent").unwrap().lines().collect();
        if lost == 0 {
            lines.remove(0);
        }
        assert_eq!(String::from_utf8_lossy(&said.plain[0]), lines.join("\n") + "\n", "{name}");
        let missing = said.holes.iter().map(|(_, hole)| hole.len).sum::<u64>();
        assert_eq!(missing, chunks[at].original_len, "{name}");
    }
}

#[test]
fn a_hello_of_ssl_2_begins_a_handshake() {
    let hello = b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10\x00\x00\x39\x00\x00\x38\x00\x00\x35\x00\x00\x16\x00\x00\x13\x00\x00\x0a\
        \x00\x00\xff0123456789abcdef";
    let alert = b"\x15\x03\x01\x00\x02\x02\x28";
    let said = run(&[Chunk::new(Direction::Sent, 5, hello), Chunk::new(Direction::Received, 9, alert)], "");
    assert_eq!(said.rows.len(), 1);
    let record = said.record(0);
    assert_eq!((record.alert.as_deref(), record.version.as_deref()), (Some("handshake_failure"), None));
    assert_eq!(said.skipped, 0);
}

/// Application data that is of no use must not be waited for, nor kept.
#[test]
fn data_without_keys_is_passed_over() {
    let recording = recording_named("tls13-aes128");
    let mut chunks = recording.chunks.clone();
    let record = [&b"\x17\x03\x03\x40\x00"[..], &[0; 0x4000]].concat();
    for _ in 0..100 {
        chunks.push(Chunk::new(Direction::Received, u64::MAX, &record));
    }
    let said = run(&chunks, "");
    assert_eq!((said.rows.len(), said.skipped), (1, 0));
}

/// Without keys a capture's connection keeps little for those that may come, and forgets it in the end.
#[test]
fn what_waits_for_keys_is_bounded() {
    let recording = recording_named("tls13-aes128");
    let mut chunks = recording.chunks.clone();
    let record = [&b"\x17\x03\x03\x10\x00"[..], &[0; 0x1000]].concat();
    chunks.extend((0..1000).map(|_| Chunk::new(Direction::Received, u64::MAX, &record)));
    let mut connection = Connection::new(KeyLog::default());
    let (mut streams, mut next_id, mut most) = (Streams::default(), 1, 0);
    let mut sink = Sink::new(&mut next_id);
    for chunk in &chunks {
        let stream = &mut streams[chunk.direction];
        let position = stream.tail();
        stream.insert(position, &chunk.bytes, chunk.original_len, mark(chunk.time));
        connection.advance(&mut streams, &mut sink);
        most = most.max(connection.memory());
    }
    assert!(most > 4096 && most < 20_000, "{most}");
    assert!(connection.memory() < 2048, "{}", connection.memory());
    assert!(streams[Direction::Received].bytes().is_empty());
}
