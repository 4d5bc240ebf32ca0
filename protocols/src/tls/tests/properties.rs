use proptest::prelude::*;

use super::drive::{Chunk, Said, recordings, run};
use crate::event::{Direction, Transport};
use crate::session::Glimpse;
use crate::tls::PROTOCOL;

/// The same bytes in other chunks, each with the time of the chunk that it was in.
fn chop(chunks: &[Chunk], sizes: &[usize]) -> Vec<Chunk> {
    let mut sizes = sizes.iter().copied().cycle();
    let mut chopped = Vec::new();
    for chunk in chunks {
        let mut rest = chunk.bytes.as_slice();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(sizes.next().unwrap().min(rest.len()));
            chopped.push(Chunk::new(chunk.direction, chunk.time, piece));
            rest = after;
        }
    }
    chopped
}

fn comparable(said: &Said) -> (String, &[Vec<u8>; 2], u64) {
    (format!("{:?}", said.rows), &said.plain, said.skipped)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn chunks_make_no_difference(sizes in proptest::collection::vec(1_usize..300, 1..20)) {
        for recording in recordings() {
            for keys in ["", &recording.keys] {
                let whole = run(&recording.chunks, keys);
                let chopped = run(&chop(&recording.chunks, &sizes), keys);
                prop_assert_eq!(comparable(&whole), comparable(&chopped), "{}", recording.name);
            }
        }
    }

    #[test]
    fn changed_bytes_never_panic(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        for recording in recordings() {
            let mut chunks = recording.chunks.clone();
            for (chunk, byte, value) in &changes {
                let chunk = chunk.index(chunks.len());
                let byte = byte.index(chunks[chunk].bytes.len());
                chunks[chunk].bytes[byte] = *value;
            }
            let said = run(&chunks, &recording.keys);
            prop_assert!(said.rows.len() <= 3);
        }
    }

    #[test]
    fn cut_and_missing_chunks_never_panic(cuts in proptest::collection::vec(any::<prop::sample::Index>(), 1..4), keep in any::<prop::sample::Index>()) {
        for recording in recordings() {
            let mut chunks = recording.chunks.clone();
            for cut in &cuts {
                let chunk = cut.index(chunks.len());
                let len = keep.index(chunks[chunk].bytes.len() + 1);
                chunks[chunk].bytes.truncate(len);
            }
            run(&chunks, &recording.keys);
        }
    }

    #[test]
    fn no_bytes_panic(sent in proptest::collection::vec(any::<u8>(), 0..400), received in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = (PROTOCOL.recognise)(&Glimpse {
            bytes: &sent,
            complete: false,
            midstream: true,
            source_port: None,
            destination_port: None,
            transport: Transport::Tcp,
        });
        run(&[Chunk::new(Direction::Sent, 1, &sent), Chunk::new(Direction::Received, 2, &received)], "");
    }
}

#[test]
fn every_prefix_gives_no_more_than_the_whole() {
    for recording in recordings() {
        let whole = run(&recording.chunks, &recording.keys);
        for end in 0..recording.chunks.len() {
            let said = run(&recording.chunks[..end], &recording.keys);
            assert!(said.rows.len() <= whole.rows.len());
            for (part, all) in said.plain.iter().zip(&whole.plain) {
                assert!(all.starts_with(part), "{}", recording.name);
            }
        }
    }
}
