//! Choices that are the same for the same seed: SplitMix64 (Steele, Lea, Flood 2014).

use std::time::Duration;

/// A generator.
#[derive(Debug, Clone)]
pub(super) struct Rng(u64);

impl Rng {
    /// One for each `stream` of a seed.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stream.wrapping_mul(0xd1b5_4a32_d192_ed03))
    }

    /// The next number.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to before `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// Once in `n`.
    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Sleeps for `base` ms and up to half of it more.
    pub(super) fn pause(&mut self, base: u64) {
        let micros = base * 1000 + self.below(base * 500 + 1);
        std::thread::sleep(Duration::from_micros(micros));
    }
}
