//! What a cipher suite means for decryption.

use tls_parser::{TlsCipherEnc, TlsCipherEncMode, TlsCipherMac, TlsCipherSuite, TlsPRF};

use super::Hash;
use super::ServerHello;
use crate::tls::names;

/// Hash of the key derivation, and cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Suite {
    pub(super) hash: Hash,
    pub(super) cipher: Kind,
}

/// A cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
    AesCcm { key: usize, tag: usize },
    AesCbc { key: usize, mac: usize, encrypt_then_mac: bool },
}

impl Kind {
    /// Bytes of the key.
    pub(super) fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
            Self::AesCcm { key, .. } | Self::AesCbc { key, .. } => key,
        }
    }
}

impl Suite {
    /// The suite that a server chose.
    ///
    /// # Errors
    /// With the reason, as in column `reason`, if its records cannot be opened here.
    pub(super) fn of(server: &ServerHello) -> Result<Self, String> {
        let version = names::version(server.version);
        if !matches!(version, Some("1.2" | "1.3")) {
            return Err(format!("TLS {} is not decrypted", version.unwrap_or("?")));
        }
        let refused = || format!("{} is not decrypted", names::cipher(server.cipher));
        let suite = TlsCipherSuite::from_id(server.cipher).ok_or_else(refused)?;
        let hash = match suite.prf {
            TlsPRF::Sha384 => Hash::Sha384,
            TlsPRF::Sha256 | TlsPRF::Default => Hash::Sha256,
            _ => return Err(refused()),
        };
        let key = usize::from(suite.enc_size / 8);
        let cipher = match (suite.enc, suite.enc_mode, suite.enc_size) {
            (TlsCipherEnc::Aes, TlsCipherEncMode::Gcm, 128) => Kind::Aes128Gcm,
            (TlsCipherEnc::Aes, TlsCipherEncMode::Gcm, 256) => Kind::Aes256Gcm,
            (TlsCipherEnc::Chacha20_Poly1305, ..) => Kind::ChaCha20Poly1305,
            (TlsCipherEnc::Aes, TlsCipherEncMode::Ccm, 128 | 256) => {
                Kind::AesCcm { key, tag: if suite.name.contains("CCM_8") { 8 } else { 16 } }
            }
            (TlsCipherEnc::Aes, TlsCipherEncMode::Cbc, 128 | 256) => {
                let mac = match suite.mac {
                    TlsCipherMac::HmacSha1 => 20,
                    TlsCipherMac::HmacSha256 => 32,
                    TlsCipherMac::HmacSha384 => 48,
                    _ => return Err(refused()),
                };
                Kind::AesCbc { key, mac, encrypt_then_mac: server.encrypt_then_mac }
            }
            _ => return Err(refused()),
        };
        Ok(Self { hash, cipher })
    }
}
