//! DNS: over UDP and TCP, multicast DNS and LLMNR (RFC 1035, 1995, 1996, 2136, 4795, 5936, 6762, 6891, 7766).
//!
//! ```text
//! datagram, or length-prefixed frame -> Message -> Stitcher -> one row a question
//! ```
//! * Every question of every query message is a row of its own; a query that is sent again is asked again. An answer goes
//!   to the latest open query of the same id, peer and question, a second one to the query before that; copies of an
//!   answer, and answers after the time-out, give no row.
//! * A response whose query was not seen is a row with null `latency`. Where it repeats no question (announcements of
//!   mDNS) `name`, `type` and `class` are those of its first answer.
//! * A query without a response is finished after [`TIMEOUT`], or with its connection. A zone transfer is one exchange:
//!   all its messages are the response.
//! * `answers` are zone-file text, names in them absolute (with trailing dot); `name` and `cname` go without.

use crate::infer::{DatagramProtocol, Protocol};

mod message;
mod name;
mod rdata;
mod recognise;
mod registry;
mod stitch;
mod tcp;
mod transfer;
mod udp;
mod wire;
mod zone_text;

#[cfg(test)]
mod tests;

pub use message::{Extent, HEADER_LEN, Header, Message, Question, Resource};
pub use name::Name;
pub use registry::{class_name, rcode_name, type_name};
pub use stitch::TIMEOUT;
pub use wire::Fault;

/// DNS over TCP: every message behind its length in two bytes.
pub const PROTOCOL: Protocol = Protocol {
    name: "dns",
    tables: &["dns"],
    recognise: recognise::stream,
    start: |start| Box::new(tcp::Connection::new(start.transport, start.midstream)),
};

/// DNS over UDP.
pub const DATAGRAMS: DatagramProtocol = DatagramProtocol {
    name: "dns",
    tables: &["dns"],
    recognise: recognise::datagram,
    start: |_| Box::new(udp::Socket::new()),
};
