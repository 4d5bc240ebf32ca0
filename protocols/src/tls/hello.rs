//! What the two hellos say.

use tls_parser::{
    TlsExtension, parse_tls_client_hello_extension, parse_tls_handshake_client_hello, parse_tls_handshake_server_hello,
    parse_tls_server_hello_extension,
};

/// SHA-256 of "HelloRetryRequest": a ServerHello with this random is none (RFC 8446, 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

const ENCRYPT_THEN_MAC: u16 = 22;

/// What explore keeps of a ClientHello.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClientHello {
    pub(super) random: [u8; 32],
    pub(super) sni: Option<String>,
}

impl ClientHello {
    /// Reads a message's body.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let (_, hello) = parse_tls_handshake_client_hello(body).ok()?;
        let mut sni = None;
        for extension in extensions(hello.ext.unwrap_or_default()) {
            if let Ok((_, TlsExtension::SNI(names))) = parse_tls_client_hello_extension(extension) {
                // Type 0 is the only one there is: host_name (RFC 6066, 3).
                let host = names.iter().find(|(kind, _)| kind.0 == 0).map(|(_, name)| *name);
                sni = sni.or_else(|| host.map(|name| String::from_utf8_lossy(name).into_owned()));
            }
        }
        Some(Self { random: hello.random.try_into().ok()?, sni })
    }
}

/// What explore keeps of a ServerHello or HelloRetryRequest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerHello {
    pub(super) random: [u8; 32],
    /// It is a HelloRetryRequest.
    pub(super) retry: bool,
    pub(super) version: u16,
    pub(super) cipher: u16,
    pub(super) alpn: Option<String>,
    /// It accepts a pre-shared key.
    pub(super) psk: bool,
    pub(super) encrypt_then_mac: bool,
}

impl ServerHello {
    /// Reads a message's body.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let (_, hello) = parse_tls_handshake_server_hello(body).ok()?;
        let random: [u8; 32] = hello.random.try_into().ok()?;
        let mut parsed = Self {
            random,
            retry: random == RETRY,
            version: hello.version.0,
            cipher: hello.cipher.0,
            alpn: None,
            psk: false,
            encrypt_then_mac: false,
        };
        for extension in extensions(hello.ext.unwrap_or_default()) {
            match parse_tls_server_hello_extension(extension) {
                // "legacy_version" stays 1.2 (RFC 8446, 4.2.1).
                Ok((_, TlsExtension::SupportedVersions(versions))) => {
                    parsed.version = versions.first().map_or(parsed.version, |version| version.0);
                }
                Ok((_, TlsExtension::ALPN(protocols))) => parsed.alpn = first(&protocols),
                Ok((_, TlsExtension::PreSharedKey(_))) => parsed.psk = true,
                Ok((_, TlsExtension::EncryptThenMac)) => parsed.encrypt_then_mac = true,
                Ok((_, TlsExtension::Unknown(kind, _))) if kind.0 == ENCRYPT_THEN_MAC => parsed.encrypt_then_mac = true,
                _ => {}
            }
        }
        Some(parsed)
    }
}

/// The protocol that the server chose, from EncryptedExtensions (RFC 8446, 4.3.1).
pub(super) fn chosen_protocol(body: &[u8]) -> Option<String> {
    let (_, list) = body.split_first_chunk::<2>()?;
    extensions(list).find_map(|extension| match parse_tls_server_hello_extension(extension) {
        Ok((_, TlsExtension::ALPN(protocols))) => first(&protocols),
        _ => None,
    })
}

fn first(protocols: &[&[u8]]) -> Option<String> {
    protocols.first().map(|protocol| String::from_utf8_lossy(protocol).into_owned())
}

/// The extensions of a list, each with its type and length, so that one that cannot be read does not hide the others.
fn extensions(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = list;
    std::iter::from_fn(move || {
        let len = rest.get(2..)?.first_chunk::<2>()?;
        let (extension, after) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)).saturating_add(4))?;
        rest = after;
        Some(extension)
    })
}
