//! The server's certificate: the first of the Certificate message.

use std::net::{Ipv4Addr, Ipv6Addr};

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::event::Timestamp;
use crate::record::Tls;

/// Writes what the first certificate of a Certificate message says into `record`. In TLS 1.3 the list comes behind a
/// context (RFC 8446, 4.4.2; RFC 5246, 7.4.2).
pub(super) fn read(body: &[u8], tls13: bool, record: &mut Tls) {
    let list = if tls13 {
        let Some((len, rest)) = body.split_first() else { return };
        rest.get(usize::from(*len)..).unwrap_or_default()
    } else {
        body
    };
    let Some(certificate) = list.get(3..).and_then(prefixed) else { return };
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return };
    record.cert_subject = Some(certificate.subject().to_string());
    record.cert_issuer = Some(certificate.issuer().to_string());
    let not_after = u64::try_from(certificate.validity().not_after.timestamp()).ok();
    // Beyond the year 2554 nanoseconds do not fit.
    record.cert_not_after = not_after.and_then(|seconds| seconds.checked_mul(1_000_000_000)).map(Timestamp);
    let names = certificate.subject_alternative_name().ok().flatten();
    record.cert_names =
        Some(names.map(|names| names.value.general_names.iter().filter_map(text).collect()).unwrap_or_default());
}

/// Bytes behind their length in three bytes.
fn prefixed(bytes: &[u8]) -> Option<&[u8]> {
    let (&[high, middle, low], rest) = bytes.split_first_chunk::<3>()?;
    rest.get(..usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?)
}

/// A name as in column `cert_names`; null for kinds that name no host or person.
fn text(name: &GeneralName<'_>) -> Option<String> {
    Some(match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => (*name).to_owned(),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => Ipv4Addr::from(<[u8; 4]>::try_from(*bytes).ok()?).to_string(),
            _ => Ipv6Addr::from(<[u8; 16]>::try_from(*bytes).ok()?).to_string(),
        },
        GeneralName::DirectoryName(name) => name.to_string(),
        _ => return None,
    })
}
