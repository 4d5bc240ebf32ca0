//! Files that are nearly right: fixtures with bytes changed, cut out, put in and doubled.

use std::io::Read;
use std::path::Path;

use super::super::{fuzz, recognise};
use super::*;

/// Rounds over each fixture; `EXPLORE_FUZZ_ROUNDS` for more.
const ROUNDS: u64 = 400;

/// Numbers that look random and are the same each time (xorshift, Marsaglia 2003).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(name);
    let file = std::fs::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    recognise::decompress(Box::new(file)).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn mutate(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    for _ in 0..=numbers.below(6) {
        let at = numbers.below(bytes.len());
        let len = numbers.below(64).min(bytes.len() - at);
        match numbers.below(5) {
            0 => bytes[at] ^= 1 << numbers.below(8),
            1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][numbers.below(5)],
            2 => drop(bytes.drain(at..at + len)),
            3 => {
                let again = bytes[at..at + len].to_vec();
                bytes.splice(at..at, again);
            }
            _ => bytes[at..at + len].fill(0xff),
        }
        if bytes.is_empty() {
            return;
        }
    }
}

/// What `fuzz/run` found, and what it starts from.
#[test]
fn every_seed_and_finding() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/fuzz/captures");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(!files.is_empty());
    for path in files {
        eprintln!("{}", path.display());
        fuzz::file(&std::fs::read(path).unwrap());
    }
}

#[test]
fn files_that_are_nearly_right_make_no_panic() {
    let rounds = std::env::var("EXPLORE_FUZZ_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let mut seeds: Vec<_> =
        ["captures/grpc.pcap", "captures/dns.pcap", "captures/https-h2.pcapng.gz", "pgsql/lossy.pcap"]
            .map(fixture)
            .into();
    seeds.push(recording(300));
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for seed in seeds {
        assert!(fuzz::file(&seed) > 20, "a fixture gives events");
        for _ in 0..rounds {
            let mut bytes = seed.clone();
            mutate(&mut bytes, &mut numbers);
            fuzz::file(&bytes);
        }
    }
}
