//! What `fuzz/run` found, and what it starts from, once more; and seeds with bytes changed, cut out, put in and doubled.

use std::path::{Path, PathBuf};

use super::*;

/// Rounds over the seeds of each target; `EXPLORE_FUZZ_ROUNDS` for more.
const ROUNDS: usize = 1500;

fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/fuzz").join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn every_seed_and_finding() {
    for (target, fuzz) in TARGETS {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{target}");
        for (path, bytes) in seeds {
            eprintln!("{}", path.display());
            fuzz(&bytes);
        }
    }
}

#[test]
fn what_is_nearly_right_makes_no_panic() {
    let rounds = std::env::var("EXPLORE_FUZZ_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for (target, fuzz) in TARGETS {
        let seeds = seeds(target);
        for round in 0..rounds {
            let (path, seed) = &seeds[round % seeds.len()];
            let mut bytes = seed.clone();
            numbers.change(&mut bytes);
            let survived = std::panic::catch_unwind(|| fuzz(&bytes)).is_ok();
            assert!(
                survived,
                "{target}: {} changed in round {round}: {}",
                path.display(),
                String::from_utf8_lossy(&bytes).escape_debug()
            );
        }
    }
}

/// Numbers that look random and are the same each time (xorshift, Marsaglia 2003).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(6) {
            let at = self.below(bytes.len());
            let len = self.below(64).min(bytes.len() - at);
            match self.below(5) {
                _ if bytes.is_empty() => return,
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                2 => drop(bytes.drain(at..at + len)),
                3 => {
                    let again = bytes[at..at + len].to_vec();
                    bytes.splice(at..at, again);
                }
                _ => bytes[at..at + len].fill(0xff),
            }
        }
    }
}

#[test]
fn a_request_gives_rows() {
    // Eight times: whole and in pieces, from the beginning and joined, as requests and on both sides; and connections.
    assert!(connection(b"GET / HTTP/1.1\r\n\r\n") >= 8 + 12);
}

#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn malformed_http_is_survived() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpora/h2o-fuzz-corpus");
    let mut count = 0;
    for folder in ["http1-corpus", "http2-corpus"] {
        for file in std::fs::read_dir(format!("{corpus}/{folder}")).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            connection(&bytes);
            text(&bytes);
            count += 1;
        }
    }
    assert!(count > 1500, "{count}");
}
