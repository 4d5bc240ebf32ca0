//! Names of versions, cipher suites and alerts (IANA, Transport Layer Security Parameters).

use tls_parser::TlsCipherSuite;

/// As in column `version`; null for a version that is none.
#[must_use]
pub fn version(code: u16) -> Option<&'static str> {
    Some(match code {
        0x0300 => "SSL 3.0",
        0x0301 => "1.0",
        0x0302 => "1.1",
        0x0303 => "1.2",
        // Drafts of 1.3 had numbers of their own.
        0x0304 | 0x7f00..=0x7fff => "1.3",
        _ => return None,
    })
}

/// As in column `cipher`; unknown ones `0x1234`.
#[must_use]
pub fn cipher(code: u16) -> String {
    TlsCipherSuite::from_id(code).map_or_else(|| format!("0x{code:04X}"), |suite| suite.name.to_owned())
}

/// As in column `alert`; unknown ones `alert_99`.
#[must_use]
pub fn alert(code: u8) -> String {
    let name = match code {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        21 => "decryption_failed",
        22 => "record_overflow",
        30 => "decompression_failure",
        40 => "handshake_failure",
        41 => "no_certificate",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        52 => "too_many_cids_requested",
        60 => "export_restriction",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        100 => "no_renegotiation",
        109 => "missing_extension",
        110 => "unsupported_extension",
        111 => "certificate_unobtainable",
        112 => "unrecognized_name",
        113 => "bad_certificate_status_response",
        114 => "bad_certificate_hash_value",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        120 => "no_application_protocol",
        121 => "ech_required",
        _ => return format!("alert_{code}"),
    };
    name.to_owned()
}
