//! Entry point for fuzzing: any bytes, as any kind of file. Nothing may panic, and it must not matter how the bytes come.
//!
//! Unit tests call it over mutated fixtures; a cargo-fuzz target is one line around it.

use protocols::event::SocketEvent;

use super::format::{Format, Queue};
use super::{events, pcap, pcapng};

/// Reads the bytes as a recording, as pcap and as pcapng, whole and in small pieces. Returns how many events that gave.
///
/// # Panics
/// When pieces give other events than the whole, or another end: the finding.
pub fn file(bytes: &[u8]) -> usize {
    let formats: [fn() -> Box<dyn Format>; 3] = [
        || Box::new(events::Decoder::default()),
        || Box::new(pcap::Pcap::new(None)),
        || Box::new(pcapng::PcapNg::new(None)),
    ];
    let mut count = 0;
    for format in formats {
        let whole = read(format(), bytes, usize::MAX);
        let pieces = read(format(), bytes, 61);
        assert_eq!(whole, pieces, "the same however the bytes come");
        count += whole.0.len();
    }
    count
}

/// The events, and the offset of the damage.
fn read(mut format: Box<dyn Format>, bytes: &[u8], piece: usize) -> (Vec<SocketEvent>, Option<usize>) {
    let mut queue = Queue::new();
    let (mut done, mut come) = (0_usize, 0_usize);
    let damage = loop {
        come = bytes.len().min(come.saturating_add(piece));
        let last = come == bytes.len();
        match format.decode(bytes.get(done..come).unwrap_or_default(), last, &mut queue) {
            Ok(count) => done += count,
            Err(damage) => break Some(done + damage.at),
        }
        if last {
            break None;
        }
    };
    format.close(&mut queue);
    (queue.into(), damage)
}
