//! What the real binary exports, as the official services of the protocol receive it. No privilege needed.
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test that panics has failed")]

mod collector;
mod connection;
mod program;
mod received;
mod registry;
mod sampling;
mod snapshots;
mod trouble;
mod workload;
