//! TLS: every ClientHello's server name, every ServerHello's version and cipher suite.

use std::path::Path;

use crate::facts::Facts;
use crate::rows::rows;
use crate::truth::Table;

pub(crate) fn expected(table: &Table) -> Facts {
    let mut facts = Facts::default();
    for frame in table.frames() {
        let (source, destination) = frame.ends();
        let types = frame.all("tls.handshake.type");
        if types.contains(&"1") {
            let name = frame.text("tls.handshake.extensions_server_name");
            facts.add(format!("{source} -> {destination} hello {name}"));
        }
        if types.contains(&"2") {
            let chosen = frame.all("tls.handshake.extensions.supported_version");
            let version = chosen.first().or(frame.all("tls.handshake.version").first()).copied().map(version);
            let cipher = cipher(frame.text("tls.handshake.ciphersuite"));
            facts.add(format!("{source} -> {destination} {} {cipher}", version.unwrap_or_default()));
        }
    }
    facts
}

pub(crate) fn found(capture: &Path) -> Facts {
    let query = "tls | select sni, version, cipher, local_addr, local_port, remote_addr, remote_port";
    let mut facts = Facts::default();
    for row in rows(capture, query) {
        let (client, server) = row.ends();
        facts.add(format!("{client} -> {server} hello {}", row.text("sni")));
        let cipher = row.text("cipher");
        if !cipher.is_empty() {
            facts.add(format!("{server} -> {client} {} {cipher}", row.text("version")));
        }
    }
    facts
}

fn version(number: &str) -> &'static str {
    match number {
        "0x0301" => "1.0",
        "0x0302" => "1.1",
        "0x0303" => "1.2",
        "0x0304" => "1.3",
        _ => "?",
    }
}

/// IANA, "TLS Cipher Suites": those that the captures hold.
fn cipher(number: &str) -> &str {
    match number {
        "0x000a" => "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
        "0x002f" => "TLS_RSA_WITH_AES_128_CBC_SHA",
        "0x0035" => "TLS_RSA_WITH_AES_256_CBC_SHA",
        "0x1301" => "TLS_AES_128_GCM_SHA256",
        "0x1302" => "TLS_AES_256_GCM_SHA384",
        "0x1303" => "TLS_CHACHA20_POLY1305_SHA256",
        "0xc02b" => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "0xc02c" => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "0xc02f" => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "0xc030" => "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "0xc09c" => "TLS_RSA_WITH_AES_128_CCM",
        "0x00a9" => "TLS_PSK_WITH_AES_256_GCM_SHA384",
        "0xc0a4" => "TLS_PSK_WITH_AES_128_CCM",
        "0x009d" => "TLS_RSA_WITH_AES_256_GCM_SHA384",
        "0xcca8" => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "0xcca9" => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "0xccaa" => "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "0xccab" => "TLS_PSK_WITH_CHACHA20_POLY1305_SHA256",
        "0xccac" => "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256",
        "0xccad" => "TLS_DHE_PSK_WITH_CHACHA20_POLY1305_SHA256",
        "0xccae" => "TLS_RSA_PSK_WITH_CHACHA20_POLY1305_SHA256",
        other => other,
    }
}
