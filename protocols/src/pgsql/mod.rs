//! PostgreSQL, protocol 3 (3.0 and 3.2): one row a statement executed.
//!
//! ```text
//! bytes -> read (messages, across holes) -> talk (queue of what is expected) -> exchange -> record::Pgsql
//!                                             requests.rs | responses.rs
//! ```
//! * A simple Query gives a row for each statement in it, an extended batch one for each Execute. Messages that prepare an
//!   execution in the same batch (Parse, Bind, Describe) belong to its row: its request begins with the first of them and
//!   ends with Execute (with the last byte of COPY data, where the client sends some).
//! * The response ends with CommandComplete, EmptyQueryResponse, PortalSuspended or ErrorResponse. ReadyForQuery, which
//!   ends a whole batch, only tells `txn`.
//! * What was prepared and never executed is no row, unless it failed; neither is what the server skipped after an error.
//! * A login is one `STARTUP` row, from the start-up message to ReadyForQuery or the error that refuses it; `AUTH` where
//!   the start-up message was not seen. A request to cancel is a `CANCEL` row without an answer.
//! * A FATAL error that answers nothing (57P01 at shutdown, 25P03 and 57P05 at time-outs) is a row without an operation and
//!   without `latency`, so that connections that were ended can be counted by `sqlstate`.
//! * Passwords, keys, rows and COPY data are stepped over, never read.
//!
//! Source: PostgreSQL documentation, chapter "Frontend/Backend Protocol".

mod content;
mod exchange;
mod memory;
mod read;
mod recognise;
mod requests;
mod responses;
mod session;
mod shape;
mod sql;
mod talk;
mod values;
mod wire;

use crate::infer::Protocol;

pub use session::PgsqlSession;

/// PostgreSQL on TCP and on Unix sockets.
pub const PROTOCOL: Protocol = Protocol {
    name: "pgsql",
    tables: &["pgsql"],
    recognise: recognise::recognise,
    start: |start| Box::new(PgsqlSession::new(start.requests, start.config.limits.open_exchanges)),
};

#[cfg(test)]
mod tests;
