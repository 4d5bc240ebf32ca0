//! Keys out of secrets: the PRF of TLS 1.2 (RFC 5246, 5), HKDF-Expand-Label of TLS 1.3 (RFC 8446, 7.1).

use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Sha256, Sha384};

/// The hash function of a cipher suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
}

impl Hash {
    /// Bytes of a digest, and of every secret that is made with it.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Option<Vec<u8>> {
        macro_rules! with {
            ($hash:ty) => {{
                let mut mac = <Hmac<$hash> as Mac>::new_from_slice(key).ok()?;
                parts.iter().for_each(|part| mac.update(part));
                Some(mac.finalize().into_bytes().to_vec())
            }};
        }
        match self {
            Self::Sha256 => with!(Sha256),
            Self::Sha384 => with!(Sha384),
        }
    }

    /// `P_hash(secret, label + seed)`, its first `len` bytes.
    pub(super) fn prf(self, secret: &[u8], label: &[u8], seed: &[&[u8]], len: usize) -> Option<Vec<u8>> {
        let seed: Vec<u8> = [label].iter().chain(seed).flat_map(|part| part.iter().copied()).collect();
        let mut output = Vec::with_capacity(len);
        let mut a = self.hmac(secret, &[&seed])?;
        while output.len() < len {
            output.extend(self.hmac(secret, &[&a, &seed])?);
            a = self.hmac(secret, &[&a])?;
        }
        output.truncate(len);
        Some(output)
    }

    /// `HKDF-Expand-Label(secret, label, "", len)`.
    pub(super) fn expand_label(self, secret: &[u8], label: &str, len: usize) -> Option<Vec<u8>> {
        let label = [b"tls13 ", label.as_bytes()].concat();
        let mut info = u16::try_from(len).ok()?.to_be_bytes().to_vec();
        info.push(u8::try_from(label.len()).ok()?);
        info.extend(label);
        info.push(0);
        let mut output = vec![0; len];
        match self {
            Self::Sha256 => Hkdf::<Sha256>::from_prk(secret).ok()?.expand(&info, &mut output).ok()?,
            Self::Sha384 => Hkdf::<Sha384>::from_prk(secret).ok()?.expand(&info, &mut output).ok()?,
        }
        Some(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    /// RFC 8448, 3: the server's handshake traffic secret, and the key and iv made of it.
    #[test]
    fn expand_label_of_the_rfc() {
        let secret =
            unhex("b6 7b 7d 69 0c c1 6c 4e 75 e5 42 13 cb 2d 37 b4 e9 c9 12 bc de d9 10 5d 42 be fd 59 d3 91 ad 38");
        let key = unhex("3f ce 51 60 09 c2 17 27 d0 f2 e4 e8 6e e4 03 bc");
        let iv = unhex("5d 31 3e b2 67 12 76 ee 13 00 0b 30");
        assert_eq!(Hash::Sha256.expand_label(&secret, "key", 16), Some(key));
        assert_eq!(Hash::Sha256.expand_label(&secret, "iv", 12), Some(iv));
    }

    /// The test vector for the PRF with SHA-256 from the TLS working group's list (2009).
    #[test]
    fn prf_of_the_working_group() {
        let secret = unhex("9b be 43 6b a9 40 f0 17 b1 76 52 84 9a 71 db 35");
        let seed = unhex("a0 ba 9f 93 6c da 31 18 27 a6 f7 96 ff d5 19 8c");
        let output =
            unhex("e3 f2 29 ba 72 7b e1 7b 8d 12 26 20 55 7c d4 53 c2 aa b2 1d 07 c3 d4 95 32 9b 52 d4 e6 1e db 5a");
        assert_eq!(Hash::Sha256.prf(&secret, b"test label", &[&seed], 32), Some(output));
    }
}
