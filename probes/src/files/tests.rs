//! Opening files of every kind.

mod captures;
mod formats;
mod mutations;

use super::*;
use std::io::{Cursor, Write};
use std::time::Duration;

use crate::{EventSource, Next};
use protocols::event::{SocketEvent, Timestamp};

/// Reads a source to its end: the events, and the error if it was not a good one.
pub(super) fn drain(source: &mut dyn EventSource) -> (Vec<SocketEvent>, Option<SourceError>) {
    let mut events = Vec::new();
    loop {
        match source.next(Duration::from_secs(5)) {
            Ok(Next::Event(event)) => events.push(event),
            Ok(Next::Idle) => {}
            Ok(Next::End) => return (events, None),
            Err(error) => return (events, Some(error)),
        }
    }
}

pub(super) fn open_bytes(bytes: Vec<u8>) -> Result<Input, SourceError> {
    let size = Some(bytes.len() as u64);
    open(Box::new(Cursor::new(bytes)), "it", &Options { size, ..Options::default() })
}

fn recording(count: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let header = events::Header { program: "0.1.0".to_owned(), ..events::Header::default() };
    let mut writer = events::Writer::new(&mut bytes, "it", &header, events::Compression::None).unwrap();
    for time in 0..count {
        writer.record(&SocketEvent::Clock { time: Timestamp(time) }).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

fn compressed(plain: &[u8]) -> [(&'static str, Vec<u8>); 3] {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(plain).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(plain).unwrap();
    [("gzip", gzip.finish().unwrap()), ("zstd", zstd::encode_all(plain, 1).unwrap()), ("xz", xz.finish().unwrap())]
}

#[test]
fn compressed_files_are_read_as_plain_ones() {
    let plain = recording(1000);
    for (name, packed) in compressed(&plain) {
        let total = packed.len() as u64;
        let Input::Events(mut replay) = open_bytes(packed).unwrap() else { panic!("{name}: no events") };
        let (events, error) = drain(&mut replay);
        assert_eq!((events.len(), error), (1000, None), "{name}");
        assert_eq!((replay.progress().read(), replay.progress().total()), (total, Some(total)), "{name}");
    }
}

#[test]
fn members_one_after_another_are_one_file() {
    let plain = recording(1000);
    let (first, second) = plain.split_at(plain.len() / 3);
    for ((name, mut packed), (_, rest)) in compressed(first).into_iter().zip(compressed(second)) {
        packed.extend(rest);
        let Input::Events(mut replay) = open_bytes(packed).unwrap() else { panic!("{name}: no events") };
        assert_eq!(drain(&mut replay).0.len(), 1000, "{name}");
    }
}

#[test]
fn a_cut_compressed_file_gives_what_precedes_the_cut() {
    let plain = recording(200_000);
    for (name, mut packed) in compressed(&plain) {
        packed.truncate(packed.len() / 2);
        let Input::Events(mut replay) = open_bytes(packed).unwrap() else { panic!("{name}: no events") };
        let (events, error) = drain(&mut replay);
        assert!(events.len() > 10_000, "{name}: {}", events.len());
        let error = error.unwrap();
        assert!(error.offset.unwrap() > 100_000, "{name}: {error}");
    }
}

#[test]
fn what_is_no_capture_is_named() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "is empty"),
        (b"{\"a\": 1}\n", "looks like JSON"),
        (b"<!doctype html>", "looks like HTML"),
        (b"Hello, world\n", "looks like text"),
        (b"# keys\nCLIENT_RANDOM 00 11\n", "TLS key log"),
        (b"BZh91AY", "bzip2"),
        (b"\x7fELF\x02\x01", "program"),
        (b"\x00\x01\x02\x03\x04", "unknown bytes 00 01 02 03"),
        (b"snoop\0\0\0\0\0\0\x02", "snoop"),
    ];
    for (bytes, expected) in cases {
        let error = open_bytes(bytes.to_vec()).unwrap_err();
        assert!(error.what.contains(expected), "{error}");
        assert!(error.advice.as_ref().unwrap().contains("pcapng"), "{error}");
        assert!(!error.to_string().contains('\n') && !error.unsupported);
    }
}

#[test]
fn tables_are_handed_back_whole() {
    let stream = [&[0xff_u8; 4][..], &[0x10, 1, 0, 0], &[0; 40]].concat();
    let cases = [
        (b"PAR1 and so on".to_vec(), Kind::Parquet),
        (b"ARROW1\0\0 and so on".to_vec(), Kind::ArrowFile),
        (stream, Kind::ArrowStream),
    ];
    for (bytes, expected) in cases {
        for packed in [bytes.clone(), zstd::encode_all(bytes.as_slice(), 1).unwrap()] {
            let Input::Table(mut table) = open_bytes(packed).unwrap() else { panic!("{expected:?} is no table") };
            let mut read = Vec::new();
            table.input.read_to_end(&mut read).unwrap();
            assert_eq!((table.kind, read), (expected, bytes.clone()));
        }
    }
}

/// Gives one byte a read, then nothing for as long as the test runs.
struct Trickle(Vec<u8>, usize);

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let Some(byte) = self.0.get(self.1) else {
            std::thread::park();
            return Ok(0);
        };
        self.1 += 1;
        buffer[0] = *byte;
        Ok(1)
    }
}

#[test]
fn a_silent_pipe_gives_what_came_and_then_idles() {
    let plain = recording(3);
    let end = plain.len() - 7;
    let input = Trickle(plain[..end].to_vec(), 0);
    let Input::Events(mut replay) = open(Box::new(input), "-", &Options::default()).unwrap() else { panic!() };
    let mut count = 0;
    while count < 3 {
        match replay.next(Duration::from_secs(5)).unwrap() {
            Next::Event(_) => count += 1,
            Next::Idle => {}
            Next::End => panic!("ended"),
        }
    }
    assert!(matches!(replay.next(Duration::ZERO).unwrap(), Next::Idle));
}
