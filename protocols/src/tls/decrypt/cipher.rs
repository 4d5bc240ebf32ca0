//! The ciphers.
//!
//! CBC (TLS 1.2 only) is decrypted without checking the MAC: the padding must be right, which a wrong key passes once in
//! some two hundred times. Every other cipher authenticates.

use std::fmt;

use aes_gcm::aead::generic_array::GenericArray;
use aes_gcm::aes::{Aes128, Aes256};
use aes_gcm::{AeadInPlace, Aes128Gcm, Aes256Gcm, KeyInit};
use chacha20poly1305::ChaCha20Poly1305;

use super::block::{Block, cbc, ccm};
use super::suite::Kind;

const TAG_LEN: usize = 16;

/// A cipher with its key.
pub(super) enum Cipher {
    Aes128Gcm(Box<Aes128Gcm>),
    Aes256Gcm(Box<Aes256Gcm>),
    ChaCha(Box<ChaCha20Poly1305>),
    Ccm { block: Block, tag: usize },
    Cbc(Block),
}

/// Without the key.
impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher")
    }
}

impl Cipher {
    /// Null if the key has not the cipher's length.
    pub(super) fn new(kind: Kind, key: &[u8]) -> Option<Self> {
        let block = || match key.len() {
            16 => Aes128::new_from_slice(key).ok().map(|aes| Block::Aes128(Box::new(aes))),
            _ => Aes256::new_from_slice(key).ok().map(|aes| Block::Aes256(Box::new(aes))),
        };
        Some(match kind {
            Kind::Aes128Gcm => Self::Aes128Gcm(Box::new(Aes128Gcm::new_from_slice(key).ok()?)),
            Kind::Aes256Gcm => Self::Aes256Gcm(Box::new(Aes256Gcm::new_from_slice(key).ok()?)),
            Kind::ChaCha20Poly1305 => Self::ChaCha(Box::new(ChaCha20Poly1305::new_from_slice(key).ok()?)),
            Kind::AesCcm { tag, .. } => Self::Ccm { block: block()?, tag },
            Kind::AesCbc { .. } => Self::Cbc(block()?),
        })
    }

    /// Bytes that authentication adds.
    pub(super) fn tag_len(&self) -> usize {
        match self {
            Self::Ccm { tag, .. } => *tag,
            _ => TAG_LEN,
        }
    }

    /// Opens what an AEAD has sealed; null if it was not sealed with this key, nonce and additional data.
    pub(super) fn open(&self, nonce: &[u8; 12], additional: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (text, tag) = sealed.split_at_checked(sealed.len().checked_sub(self.tag_len())?)?;
        let mut plain = text.to_vec();
        let number = GenericArray::from_slice(nonce);
        match self {
            Self::Ccm { block, .. } => return ccm(block, nonce, additional, text, tag),
            Self::Cbc(_) => return None,
            Self::Aes128Gcm(aead) => {
                aead.decrypt_in_place_detached(number, additional, &mut plain, GenericArray::from_slice(tag)).ok()?;
            }
            Self::Aes256Gcm(aead) => {
                aead.decrypt_in_place_detached(number, additional, &mut plain, GenericArray::from_slice(tag)).ok()?;
            }
            Self::ChaCha(aead) => {
                aead.decrypt_in_place_detached(number, additional, &mut plain, GenericArray::from_slice(tag)).ok()?;
            }
        }
        Some(plain)
    }

    /// Opens a CBC record of TLS 1.2: IV, then content, MAC (before or behind the encryption) and padding (RFC 5246,
    /// 6.2.3.2; RFC 7366).
    pub(super) fn open_cbc(&self, payload: &[u8], mac: usize, encrypt_then_mac: bool) -> Option<Vec<u8>> {
        let Self::Cbc(block) = self else { return None };
        let (outer, inner) = if encrypt_then_mac { (mac, 0) } else { (0, mac) };
        let (iv, text) = payload.get(..payload.len().checked_sub(outer)?)?.split_first_chunk::<16>()?;
        let mut plain = cbc(block, iv, text)?;
        let padding = *plain.last()?;
        let padded = usize::from(padding).checked_add(1)?;
        let content = plain.len().checked_sub(padded)?;
        if plain.get(content..)?.iter().any(|byte| *byte != padding) {
            return None;
        }
        plain.truncate(content.checked_sub(inner)?);
        Some(plain)
    }
}
