//! The rows of real captures beside what others saw in them: tshark, Suricata, servers' own logs.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

mod capture;
mod dns;
mod http2;
mod kindling;
mod others;
mod suricata;
mod tls;
mod truth;
