//! The real binary against real peers, on a live kernel: what explore prints is compared with the peer's own log.
//!
//! Every test is ignored unless asked for (`tests/run` asks as root): each captures only the processes that it starts.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

mod chains;
mod cluster;
mod connections;
mod dns;
mod examples;
mod explore;
mod full_disk;
mod identity;
mod otlp;
mod peers;
mod pgsql;
mod privileges;
mod protocols;
mod rings;
mod scenarios;
mod servers;
mod targets;
mod tls;
mod why_not;
