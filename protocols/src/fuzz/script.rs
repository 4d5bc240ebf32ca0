//! What happens on one connection, written as bytes: so that a fuzzer can change what comes, in which order, with which holes.
//!
//! ```text
//! flags (8): joined midstream, decrypted, requests are received
//! move, move, …     operation (8): direction, kind | length (16, little endian) | bytes
//! ```

use std::sync::Arc;

use crate::dns;
use crate::event::{Direction, Source, Timestamp, Transport};
use crate::infer::{Protocol, Start};
use crate::keys::KeyLog;
use crate::session::{Datagram, Exchange, Sink, Step};
use crate::stream::{Hole, Mark, Streams};
use crate::tracker::Config;

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move<'a> {
    /// Bytes, and how many more of the same call were cut.
    Data(Direction, &'a [u8], u64),
    /// That many bytes are lost.
    Lost(Direction, u64),
    /// The direction has ended.
    End(Direction),
    /// Time passes: that many seconds.
    Wait(u64),
}

/// The beginning, and what follows.
#[derive(Debug, Clone, Copy)]
struct Flags {
    midstream: bool,
    decrypted: bool,
    requests: Direction,
}

/// Writes a script down, for seeds: of a connection whose client's bytes are `Sent`.
#[must_use]
pub fn write(midstream: bool, moves: &[Move<'_>]) -> Vec<u8> {
    let mut script = vec![u8::from(midstream)];
    for step in moves {
        let (way, kind, bytes): (_, u8, &[u8]) = match step {
            Move::Data(way, bytes, 0) => (*way, 0, bytes),
            Move::Data(way, bytes, _) => (*way, 4, bytes),
            Move::Lost(way, _) => (*way, 5, &[]),
            Move::End(way) => (*way, 6, &[]),
            Move::Wait(_) => (Direction::Sent, 7, &[]),
        };
        let operation = kind << 1 | u8::from(way == Direction::Received);
        for piece in bytes.chunks(usize::from(u16::MAX)).chain(bytes.is_empty().then_some(&[][..])) {
            let length = match step {
                Move::Lost(_, length) => u16::try_from(*length).unwrap_or(u16::MAX),
                _ => u16::try_from(piece.len()).unwrap_or(u16::MAX),
            };
            script.push(operation);
            script.extend_from_slice(&length.to_le_bytes());
            script.extend_from_slice(piece);
        }
    }
    script
}

fn read(script: &[u8]) -> Option<(Flags, Vec<Move<'_>>)> {
    let (flags, mut rest) = script.split_first()?;
    let requests = if flags & 4 == 0 { Direction::Sent } else { Direction::Received };
    let flags = Flags { midstream: flags & 1 != 0, decrypted: flags & 2 != 0, requests };
    let mut moves = Vec::new();
    while let Some(([operation, low, high], behind)) = rest.split_first_chunk::<3>() {
        let length = u16::from_le_bytes([*low, *high]);
        let way = if operation & 1 == 0 { Direction::Sent } else { Direction::Received };
        let (bytes, behind_bytes) = behind.split_at_checked(length.into()).unwrap_or((behind, &[]));
        rest = behind_bytes;
        moves.push(match (operation >> 1) & 7 {
            0..=3 => Move::Data(way, bytes, 0),
            // As much more as a limit may cut, and far more than any stream can hold.
            4 => Move::Data(way, bytes, 1 << (operation >> 4 << 2).min(60)),
            kind => {
                rest = behind;
                match kind {
                    5 => Move::Lost(way, u64::from(length) << (operation >> 4).min(15)),
                    6 => Move::End(way),
                    _ => Move::Wait(u64::from(length) % 60),
                }
            }
        });
    }
    Some((flags, moves))
}

fn start(flags: Flags, transport: Transport) -> Start {
    Start {
        requests: flags.requests,
        midstream: flags.midstream,
        transport,
        decrypted: flags.decrypted,
        upgrade: None,
        keys: KeyLog::default(),
        config: Arc::new(Config::default()),
    }
}

/// One session of a protocol over a script.
///
/// # Panics
/// When it holds far more memory than it was given bytes, or gives other exchanges of bytes that make sense because they
/// came in other pieces.
pub fn session(protocol: Protocol, script: &[u8]) {
    let Some((flags, moves)) = read(script) else { return };
    let (whole, pieces) = (run(protocol, flags, &moves, usize::MAX), run(protocol, flags, &moves, 5));
    // Where bytes made no sense, the place at which reading goes on is a guess by what is there.
    if whole.skipped || pieces.skipped {
        return;
    }
    let (whole, pieces) = (whole.exchanges, pieces.exchanges);
    for (number, (one, other)) in whole.iter().zip(&pieces).enumerate() {
        assert_eq!(one, other, "exchange {number} is the same in whatever pieces the bytes come");
    }
    assert_eq!(whole.len(), pieces.len(), "as many exchanges in whatever pieces the bytes come");
}

/// The DNS session of a UDP socket over a script.
///
/// # Panics
/// When it holds far more memory than it was given bytes.
pub fn datagrams(script: &[u8]) {
    let Some((flags, moves)) = read(script) else { return };
    let mut session = (dns::DATAGRAMS.start)(start(flags, Transport::Udp));
    let (mut next_id, mut time) = (1, 1_u64);
    let mut sink = Sink::new(&mut next_id);
    for step in moves {
        time = time.saturating_add(1_000_000);
        match step {
            Move::Data(direction, bytes, more) => {
                let original_len = (bytes.len() as u64).saturating_add(more);
                session.datagram(&Datagram { mark: mark(time), direction, bytes, original_len, peer: None }, &mut sink);
            }
            Move::Lost(..) | Move::End(_) => {}
            Move::Wait(seconds) => {
                time = time.saturating_add(seconds.saturating_mul(1_000_000_000));
                session.tick(Timestamp(time), &mut sink);
            }
        }
        check_memory(session.memory(), script.len());
    }
    session.finish(true, &mut sink);
}

fn mark(time: u64) -> Mark {
    Mark { time: Timestamp(time), pid: 1, tid: 1, task: 0, source: Source::Pcap }
}

#[track_caller]
fn check_memory(held: usize, given: usize) {
    let bound = given.saturating_mul(64).saturating_add(1 << 20);
    assert!(held <= bound, "{held} bytes are held of {given} that were given");
}

/// What a session gave.
#[derive(Debug, Default)]
struct Outcome {
    exchanges: Vec<Exchange>,
    skipped: bool,
    /// The connection turned into something else.
    switched: bool,
}

impl Outcome {
    fn take(&mut self, sink: &mut Sink<'_>) {
        for step in sink.take() {
            match step {
                // What was begun and taken back may have had a number.
                Step::Finish(exchange) => self.exchanges.push(Exchange { id: 0, ..*exchange }),
                Step::Switch(_) => self.switched = true,
                Step::Skipped { bytes } => self.skipped |= bytes > 0,
                _ => {}
            }
        }
    }
}

fn run(protocol: Protocol, flags: Flags, moves: &[Move<'_>], piece: usize) -> Outcome {
    let mut session = (protocol.start)(start(flags, Transport::Tcp));
    let mut streams = Streams::default();
    let (mut next_id, mut time) = (1, 1_u64);
    let mut sink = Sink::new(&mut next_id);
    let mut outcome = Outcome::default();
    let bytes = moves.iter().map(|step| if let Move::Data(_, bytes, _) = step { bytes.len() } else { 3 }).sum();
    for way in [Direction::Sent, Direction::Received] {
        streams[way].begin_at(0);
    }
    for step in moves {
        time = time.saturating_add(1_000_000);
        match *step {
            // Nothing follows an end.
            Move::Data(way, ..) | Move::Lost(way, _) if streams[way].end_time().is_some() => {}
            Move::Data(way, bytes, more) => {
                for part in bytes.chunks(piece) {
                    let at = streams[way].tail();
                    streams[way].insert(at, part, part.len() as u64, mark(time));
                    session.advance(&mut streams, &mut sink);
                    outcome.take(&mut sink);
                    if outcome.switched {
                        return outcome;
                    }
                }
                streams[way].miss(Hole { len: more, lost: false });
            }
            Move::Lost(way, length) => streams[way].miss(Hole { len: length, lost: true }),
            Move::End(way) => streams[way].end(None, Timestamp(time)),
            Move::Wait(seconds) => {
                time = time.saturating_add(seconds.saturating_mul(1_000_000_000));
                session.tick(Timestamp(time), &mut sink);
            }
        }
        session.advance(&mut streams, &mut sink);
        check_memory(session.memory(), bytes);
        outcome.take(&mut sink);
        if outcome.switched {
            return outcome;
        }
    }
    session.finish(&mut streams, true, &mut sink);
    outcome.take(&mut sink);
    outcome
}
