//! From socket events to records: reassembly, protocol parsers, stitching.
//!
//! ```text
//! SocketEvent -> Trackers -> Streams -> infer -> Session (http1, http2, …) -> Exchange -> Record
//! ```
//! Pure: no eBPF, no polars, no clock, no I/O. Never panics on any bytes; memory is bounded by `Limits`.
#![forbid(unsafe_code)]
#![warn(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used,
        reason = "a test that panics has failed, as it should"
    )
)]

pub mod content;
pub mod dns;
pub mod event;
pub mod fuzz;
pub mod grpc;
pub mod http1;
pub mod http2;
pub mod infer;
pub mod keys;
pub mod pgsql;
pub mod record;
pub mod redact;
pub mod route;
mod scan;
pub mod session;
pub mod stream;
#[cfg(test)]
pub(crate) mod testing;
pub mod tls;
pub mod trace;
pub mod tracker;
