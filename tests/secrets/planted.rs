//! The secrets, and how they are looked for.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Numbers that are the same every time (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % end
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub(crate) fn word<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// How much of a secret counts as the secret. (A mask may leave the first characters of what was cut after them.)
const WINDOW: usize = 8;

/// The planted secrets.
pub(crate) struct Planted {
    secrets: Vec<String>,
    windows: HashSet<[u8; WINDOW]>,
    /// By the first two bytes: whether a window may begin there.
    begins: Vec<bool>,
}

impl Planted {
    pub(crate) fn new(random: &mut Random, count: usize) -> Self {
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let mut planted = Self { secrets: Vec::new(), windows: HashSet::new(), begins: vec![false; 1 << 16] };
        for _ in 0..count {
            let length = 20 + random.below(20);
            // With a digit near its beginning, as every random token has one: `1` is in none of the harmless values.
            let text: String = (0..length).map(|_| char::from(*random.pick(LETTERS))).collect();
            let secret = format!("{}1{text}", char::from(*random.pick(&LETTERS[..26])));
            planted.watch(secret.as_bytes());
            // In base64 it looks different at each of three places.
            for skip in 0..3 {
                let encoded = STANDARD.encode(&secret.as_bytes()[skip..]);
                planted.watch(encoded.trim_end_matches('=').as_bytes());
            }
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            planted.watch_only(&hex.as_bytes()[..2 * WINDOW]);
            planted.secrets.push(secret);
        }
        planted
    }

    fn watch(&mut self, text: &[u8]) {
        for window in text.windows(WINDOW) {
            self.watch_only(window);
        }
    }

    fn watch_only(&mut self, text: &[u8]) {
        let window: [u8; WINDOW] = text[..WINDOW].try_into().unwrap();
        self.begins[usize::from(u16::from_be_bytes([window[0], window[1]]))] = true;
        self.windows.insert(window);
    }

    pub(crate) fn pick(&self, random: &mut Random) -> &str {
        &self.secrets[random.below(self.secrets.len())]
    }

    /// What stands around the first part of a secret in there.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<String> {
        const AROUND: usize = 70;
        let at = bytes.windows(WINDOW).position(|window| {
            let begins = self.begins[usize::from(u16::from_be_bytes([window[0], window[1]]))];
            begins && self.windows.contains::<[u8; WINDOW]>(window.try_into().unwrap())
        })?;
        let end = bytes.len().min(at + AROUND);
        Some(String::from_utf8_lossy(&bytes[at.saturating_sub(AROUND)..end]).into_owned())
    }
}

/// A JSON web token that carries the secret in its claims and as its signature.
pub(crate) fn jwt(secret: &str) -> String {
    let claims = URL_SAFE_NO_PAD.encode(format!("{{\"sub\":\"{secret}\"}}"));
    format!("eyJhbGciOiJIUzI1NiJ9.{claims}.{secret}")
}

pub(crate) fn basic(secret: &str) -> String {
    STANDARD.encode(format!("me:{secret}"))
}

/// A private key in one line or several.
pub(crate) fn pem(secret: &str, line_end: &str) -> String {
    let label = "PRIVATE KEY";
    format!("-----BEGIN {label}-----{line_end}{secret}{line_end}{secret}{line_end}-----END {label}-----{line_end}")
}

pub(crate) fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
