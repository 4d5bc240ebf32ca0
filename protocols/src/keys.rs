//! Logged TLS secrets (`SSLKEYLOGFILE`), by the connection that they open.
//!
//! One line a secret: `LABEL CLIENT_RANDOM SECRET`, the last two in hex (NSS Key Log Format,
//! draft-ietf-tls-keylogfile). Lines of other forms are passed over.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Most connections whose secrets are kept: what a long-running browser logs in a day is far below.
const MOST_CONNECTIONS: usize = 1 << 18;

/// Most secrets of one connection; TLS 1.3 has seven labels.
const MOST_SECRETS: usize = 16;

/// Longest secret that is kept, in bytes; SHA-384 gives 48.
const LONGEST_SECRET: usize = 128;

/// Most encrypted bytes that all connections together keep while their keys may still come.
const MOST_HELD: usize = 64 << 20;

/// All secrets known so far; clones share them.
#[derive(Debug, Clone, Default)]
pub struct KeyLog {
    connections: Arc<RwLock<HashMap<[u8; 32], Vec<Secret>>>>,
    held: Arc<AtomicUsize>,
}

/// One secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// `CLIENT_RANDOM`, `SERVER_TRAFFIC_SECRET_0`, …
    pub label: String,
    /// Its bytes.
    pub secret: Vec<u8>,
}

impl KeyLog {
    /// Takes in lines. What is known already changes nothing. Returns whether something new came.
    pub fn add(&self, log: &[u8]) -> bool {
        let mut connections = self.connections.write().unwrap_or_else(PoisonError::into_inner);
        let mut fresh = false;
        for line in log.split(|byte| *byte == b'\n') {
            let Some((client_random, secret)) = parse(line) else { continue };
            if connections.len() >= MOST_CONNECTIONS && !connections.contains_key(&client_random) {
                continue;
            }
            let secrets = connections.entry(client_random).or_default();
            if secrets.len() < MOST_SECRETS && !secrets.contains(&secret) {
                secrets.push(secret);
                fresh = true;
            }
        }
        fresh
    }

    /// The secret of that label for the connection that began with this client random.
    #[must_use]
    pub fn secret(&self, client_random: &[u8; 32], label: &str) -> Option<Vec<u8>> {
        let connections = self.connections.read().unwrap_or_else(PoisonError::into_inner);
        let secrets = connections.get(client_random)?;
        secrets.iter().find(|secret| secret.label == label).map(|secret| secret.secret.clone())
    }

    /// A connection wants to keep that many encrypted bytes; whether it may.
    pub(crate) fn hold(&self, bytes: usize) -> bool {
        let before = self.held.fetch_add(bytes, Ordering::Relaxed);
        let may = before.saturating_add(bytes) <= MOST_HELD;
        if !may {
            self.let_go(bytes);
        }
        may
    }

    /// It keeps them no longer.
    pub(crate) fn let_go(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// No secret is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connections.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

fn parse(line: &[u8]) -> Option<([u8; 32], Secret)> {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let label = std::str::from_utf8(words.next()?).ok()?;
    let client_random = unhex(words.next()?)?;
    let secret = unhex(words.next()?)?;
    if label.starts_with('#') || secret.len() > LONGEST_SECRET {
        return None;
    }
    Some((client_random.try_into().ok()?, Secret { label: label.to_owned(), secret }))
}

fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    pairs.iter().map(|[high, low]| Some(value(*high)? << 4 | value(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_bounded_in_all() {
        let keys = KeyLog::default();
        let other = keys.clone();
        assert!(keys.hold(MOST_HELD - 1));
        assert!(!other.hold(2));
        keys.let_go(MOST_HELD - 1);
        assert!(other.hold(2));
    }

    #[test]
    fn a_line_is_found_by_its_client_random_and_label() {
        let keys = KeyLog::default();
        let random = "ab".repeat(32);
        let log = format!("# comment\nCLIENT_RANDOM {random} 00ff10\r\nRSA 0011 2233\nbroken\nX {random} 0\n");
        assert!(keys.add(log.as_bytes()));
        assert!(!keys.add(log.as_bytes()), "nothing new the second time");
        assert_eq!(keys.secret(&[0xab; 32], "CLIENT_RANDOM"), Some(vec![0, 0xff, 0x10]));
        assert_eq!(keys.secret(&[0xab; 32], "RSA"), None);
        assert_eq!(keys.secret(&[0; 32], "CLIENT_RANDOM"), None);
    }
}
