//! One sender's keys, and the number of its next record.

use super::Sender;
use super::cipher::Cipher;
use super::kdf::Hash;
use super::suite::{Kind, Suite};
use crate::tls::frame::Header;

/// RFC 5246, 6.2.3.3 and RFC 8446, 5.3.
const NONCE_LEN: usize = 12;

#[derive(Debug)]
pub(super) struct Opener {
    suite: Suite,
    cipher: Cipher,
    /// All of the nonce, or (GCM and CCM of TLS 1.2) its first four bytes and zeros.
    iv: [u8; NONCE_LEN],
    sequence: u64,
    /// TLS 1.3: what the keys were made of.
    secret: Option<Vec<u8>>,
}

impl Opener {
    /// RFC 8446, 7.3.
    pub(super) fn tls13(suite: Suite, secret: Vec<u8>) -> Option<Self> {
        if secret.len() != suite.hash.len() {
            return None;
        }
        let key = suite.hash.expand_label(&secret, "key", suite.cipher.key_len())?;
        let iv = suite.hash.expand_label(&secret, "iv", NONCE_LEN)?.try_into().ok()?;
        Some(Self { suite, cipher: Cipher::new(suite.cipher, &key)?, iv, sequence: 0, secret: Some(secret) })
    }

    /// RFC 5246, 6.3.
    pub(super) fn tls12(
        suite: Suite,
        master: &[u8],
        client_random: &[u8],
        server_random: &[u8],
        sender: Sender,
    ) -> Option<Self> {
        let (mac, fixed_iv) = match suite.cipher {
            Kind::AesCbc { mac, .. } => (mac, 0),
            Kind::ChaCha20Poly1305 => (0, NONCE_LEN),
            _ => (0, 4),
        };
        let lengths = [mac, suite.cipher.key_len(), fixed_iv];
        let total = lengths.iter().fold(0_usize, |sum, len| sum.saturating_add(len.saturating_mul(2)));
        let block = suite.hash.prf(master, b"key expansion", &[server_random, client_random], total)?;
        // The client's MAC key, the server's; the client's key, the server's; the client's IV, the server's.
        let mut rest = block.as_slice();
        let mut parts = lengths.map(|len| {
            let mut next = || {
                let (part, after) = rest.split_at_checked(len).unwrap_or_default();
                rest = after;
                part
            };
            let (client, server) = (next(), next());
            if sender == Sender::Client { client } else { server }
        });
        let [_, key, fixed] = &mut parts;
        let mut iv = [0; NONCE_LEN];
        iv.get_mut(..fixed.len())?.copy_from_slice(fixed);
        Some(Self { suite, cipher: Cipher::new(suite.cipher, key)?, iv, sequence: 0, secret: None })
    }

    /// Passes over a record that cannot be opened.
    pub(super) fn skip(&mut self) {
        self.sequence = self.sequence.saturating_add(1);
    }

    /// TLS 1.3: with the next keys.
    pub(super) fn next(&self) -> Option<Self> {
        let hash: Hash = self.suite.hash;
        let secret = hash.expand_label(self.secret.as_ref()?, "traffic upd", hash.len())?;
        Self::tls13(self.suite, secret)
    }

    /// About how many bytes are in a record.
    pub(super) fn content_len(&self, header: Header) -> u64 {
        let overhead = match (self.suite.cipher, self.secret.is_some()) {
            (Kind::AesCbc { mac, .. }, _) => mac.saturating_add(17),
            (Kind::AesCcm { tag, .. }, true) => tag.saturating_add(1),
            (_, true) => 17,
            (Kind::ChaCha20Poly1305, false) => 16,
            (Kind::AesCcm { tag, .. }, false) => tag.saturating_add(8),
            (_, false) => 24,
        };
        u64::from(header.len).saturating_sub(overhead as u64)
    }

    /// Opens a record before which `skipped` others are missing; if that fails nothing changes.
    pub(super) fn open(&mut self, skipped: u64, header: Header, payload: &[u8]) -> Option<(u8, Vec<u8>)> {
        let sequence = self.sequence.checked_add(skipped)?;
        let opened = match (self.suite.cipher, self.secret.is_some()) {
            (_, true) => self.open13(sequence, header, payload),
            (Kind::AesCbc { mac, encrypt_then_mac, .. }, false) => {
                let plain = self.cipher.open_cbc(payload, mac, encrypt_then_mac)?;
                Some((header.content_type, plain))
            }
            (kind, false) => self.open12(kind, sequence, header, payload),
        }?;
        self.sequence = sequence.saturating_add(1);
        Some(opened)
    }

    /// RFC 8446, 5.2: the content type stands behind the content, before zeros.
    fn open13(&self, sequence: u64, header: Header, payload: &[u8]) -> Option<(u8, Vec<u8>)> {
        let [high, low] = header.len.to_be_bytes();
        let [major, minor] = header.version.to_be_bytes();
        let additional = [header.content_type, major, minor, high, low];
        let mut plain = self.cipher.open(&self.nonce(sequence), &additional, payload)?;
        let last = plain.iter().rposition(|byte| *byte != 0)?;
        let content_type = *plain.get(last)?;
        plain.truncate(last);
        Some((content_type, plain))
    }

    /// RFC 5288, 3 and RFC 6655, 3: eight bytes of the nonce come with the record. RFC 7905, 2: none do.
    fn open12(&self, kind: Kind, sequence: u64, header: Header, payload: &[u8]) -> Option<(u8, Vec<u8>)> {
        let (nonce, sealed) = if kind == Kind::ChaCha20Poly1305 {
            (self.nonce(sequence), payload)
        } else {
            let (explicit, sealed) = payload.split_first_chunk::<8>()?;
            let mut nonce = self.iv;
            nonce.get_mut(4..)?.copy_from_slice(explicit);
            (nonce, sealed)
        };
        let len = u16::try_from(sealed.len().checked_sub(self.cipher.tag_len())?).ok()?;
        let mut additional = sequence.to_be_bytes().to_vec();
        additional.push(header.content_type);
        additional.extend(header.version.to_be_bytes());
        additional.extend(len.to_be_bytes());
        Some((header.content_type, self.cipher.open(&nonce, &additional, sealed)?))
    }

    /// The record's number, padded on the left, XOR the IV.
    fn nonce(&self, sequence: u64) -> [u8; NONCE_LEN] {
        let mut nonce = self.iv;
        for (byte, number) in nonce.iter_mut().skip(4).zip(sequence.to_be_bytes()) {
            *byte ^= number;
        }
        nonce
    }
}
