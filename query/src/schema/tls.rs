//! Table `tls`.

use protocols::record::Tls;

use super::cell::{Field, field};
use crate::types::Type::{Bool, Duration, ListString, String, Time};

pub(crate) static TLS: &[Field<Tls>] = &[
    field("version", String, "1.0, 1.1, 1.2 or 1.3", |r: &Tls| (&r.version).into()).otel("tls.protocol.version"),
    field("cipher", String, "cipher suite", |r: &Tls| (&r.cipher).into()).otel("tls.cipher"),
    field("sni", String, "name of the server that the client asked for", |r: &Tls| (&r.sni).into())
        .otel("server.address"),
    field("alpn", String, "protocol that the server chose", |r: &Tls| (&r.alpn).into()).otel("tls.next_protocol"),
    field("resumed", Bool, "an earlier session was resumed", |r: &Tls| r.resumed.into()).otel("tls.resumed"),
    field("handshake", Duration, "ClientHello to the end of the handshake", |r: &Tls| r.handshake.into()),
    field("cert_subject", String, "subject of the server's certificate", |r: &Tls| (&r.cert_subject).into())
        .otel("tls.server.subject"),
    field("cert_issuer", String, "issuer of the server's certificate", |r: &Tls| (&r.cert_issuer).into())
        .otel("tls.server.issuer"),
    field("cert_names", ListString, "names that the certificate is for", |r: &Tls| (&r.cert_names).into()),
    field("cert_not_after", Time, "when the certificate expires", |r: &Tls| r.cert_not_after.into())
        .otel("tls.server.not_after"),
    field("alert", String, "name of the fatal alert", |r: &Tls| (&r.alert).into()),
    field("decrypted", Bool, "the plain bytes of this connection are read", |r: &Tls| r.decrypted.into()),
    field("reason", String, "why they are not", |r: &Tls| (&r.reason).into()),
];
