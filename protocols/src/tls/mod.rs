//! TLS: handshakes read in clear, and with logged keys all of it (RFC 5246, RFC 8446).
//!
//! ```text
//! bytes -> frame (record) -> [decrypt] -> handshake messages, alerts -> one row a handshake
//!                                      -> application data -> Sink::plaintext
//! ```
//! * A row begins with the ClientHello and is given out when the handshake is complete, at a fatal alert, or with the end
//!   of the connection. `handshake` lasts from the ClientHello's first byte to the last byte of the later Finished. In
//!   TLS 1.3 without keys that is the client's first encrypted record after the ServerHello, which holds it (or, where the
//!   server asks for a certificate, the beginning of its flight).
//! * What TLS 1.3 encrypts (certificates, the chosen ALPN, alerts after the ServerHello) is null without keys.
//! * `resumed`: up to TLS 1.2 the server went on to ChangeCipherSpec without a certificate or ServerHelloDone; in TLS 1.3
//!   it accepted a pre-shared key.
//! * Once nothing more can be read the rest of the connection is passed over, whatever it is.

pub use names::{alert as alert_name, cipher as cipher_name, version as version_name};

use crate::infer::Protocol;

mod certificate;
mod connection;
mod decrypt;
mod frame;
mod handshake;
mod held;
mod hello;
mod names;
mod recognise;

#[cfg(test)]
mod tests;

/// TLS on byte streams.
pub const PROTOCOL: Protocol = Protocol {
    name: "tls",
    tables: &["tls"],
    recognise: recognise::recognise,
    start: |start| Box::new(connection::Connection::new(start.keys)),
};
