//! Two modes of AES that have no crate here: CBC, and CCM (RFC 3610).

use aes_gcm::aes::cipher::{BlockDecrypt, BlockEncrypt};
use aes_gcm::aes::{Aes128, Aes256, Block as Bytes};

/// AES with its key.
pub(super) enum Block {
    Aes128(Box<Aes128>),
    Aes256(Box<Aes256>),
}

impl Block {
    fn encrypt(&self, bytes: [u8; 16]) -> [u8; 16] {
        let mut bytes = Bytes::from(bytes);
        match self {
            Self::Aes128(aes) => aes.encrypt_block(&mut bytes),
            Self::Aes256(aes) => aes.encrypt_block(&mut bytes),
        }
        bytes.into()
    }

    fn decrypt(&self, bytes: [u8; 16]) -> [u8; 16] {
        let mut bytes = Bytes::from(bytes);
        match self {
            Self::Aes128(aes) => aes.decrypt_block(&mut bytes),
            Self::Aes256(aes) => aes.decrypt_block(&mut bytes),
        }
        bytes.into()
    }
}

/// Cipher block chaining; null if `text` is no whole number of blocks.
pub(super) fn cbc(block: &Block, iv: &[u8; 16], text: &[u8]) -> Option<Vec<u8>> {
    let (blocks, []) = text.as_chunks::<16>() else { return None };
    let mut plain = Vec::with_capacity(text.len());
    let mut before = *iv;
    for sealed in blocks {
        plain.extend(xor(block.decrypt(*sealed), &before));
        before = *sealed;
    }
    Some(plain)
}

/// Counter with CBC-MAC, a nonce of 12 bytes and so a length of three; null if the tag is wrong.
pub(super) fn ccm(block: &Block, nonce: &[u8; 12], additional: &[u8], text: &[u8], tag: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(text.len());
    for (number, sealed) in (1_u32..).zip(text.chunks(16)) {
        let stream = block.encrypt(prefixed(2, nonce, number)?);
        plain.extend(sealed.iter().zip(stream).map(|(byte, key)| byte ^ key));
    }
    let flags = u8::try_from(tag.len().checked_sub(2)? / 2).ok()?.checked_mul(8)?.checked_add(64 + 2)?;
    let mut mac = block.encrypt(prefixed(flags, nonce, u32::try_from(text.len()).ok()?)?);
    let described = [&u16::try_from(additional.len()).ok()?.to_be_bytes(), additional].concat();
    for part in described.chunks(16).chain(plain.chunks(16)) {
        mac = block.encrypt(xor(mac, part));
    }
    let expect = xor(mac, &block.encrypt(prefixed(2, nonce, 0)?));
    (expect.get(..tag.len()) == Some(tag)).then_some(plain)
}

/// Flags, nonce, and a number in three bytes.
fn prefixed(flags: u8, nonce: &[u8; 12], number: u32) -> Option<[u8; 16]> {
    let [0, number @ ..] = number.to_be_bytes() else { return None };
    [&[flags][..], nonce, &number].concat().try_into().ok()
}

/// `part` may be shorter: it counts as followed by zeros.
fn xor(mut bytes: [u8; 16], part: &[u8]) -> [u8; 16] {
    for (byte, other) in bytes.iter_mut().zip(part) {
        *byte ^= other;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use aes_gcm::KeyInit;

    use super::*;

    /// RFC 3610 has nonces of 13 bytes only; this is example 3 of NIST SP 800-38C, C.3: 12 bytes, 32 bits of plaintext
    /// length in three bytes, and a tag of eight.
    #[test]
    fn ccm_of_nist() {
        let key: [u8; 16] = std::array::from_fn(|at| 0x40 + at as u8);
        let block = Block::Aes128(Box::new(Aes128::new_from_slice(&key).unwrap()));
        let nonce: [u8; 12] = std::array::from_fn(|at| 0x10 + at as u8);
        let additional: Vec<u8> = (0..20).collect();
        let plain: Vec<u8> = (0x20..0x38).collect();
        let sealed = [
            0xe3, 0xb2, 0x01, 0xa9, 0xf5, 0xb7, 0x1a, 0x7a, 0x9b, 0x1c, 0xea, 0xec, 0xcd, 0x97, 0xe7, 0x0b, 0x61, 0x76,
            0xaa, 0xd9, 0xa4, 0x42, 0x8a, 0xa5,
        ];
        let mut tag = [0x48, 0x43, 0x92, 0xfb, 0xc1, 0xb0, 0x99, 0x51];
        assert_eq!(ccm(&block, &nonce, &additional, &sealed, &tag), Some(plain));
        tag[0] ^= 1;
        assert_eq!(ccm(&block, &nonce, &additional, &sealed, &tag), None);
    }
}
