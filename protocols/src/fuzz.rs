//! Entry points for fuzzing: any bytes, through everything that meets bytes from outside. None may panic, whatever comes,
//! hold more memory than its bounds, or give other rows because the bytes came in other pieces.
//!
//! [`TARGETS`] are what `fuzz/run` runs under libFuzzer; the unit tests here run the same over mutated seeds, and over
//! everything that was ever found (`fixtures/fuzz/TARGET`).

mod events;
mod parts;
mod script;
#[cfg(test)]
mod tests;

use crate::event::{
    Data, Direction, Endpoint, Open, Session, SocketEvent, SocketId, Source, Timestamp, Transport, Vantage,
};
use crate::record::Record;
use crate::tracker::{Config, Limits, Trackers};
use crate::{content, dns, http1, http2, pgsql, redact, tls, trace};

pub use events::events;
pub use parts::{grpc, grpc_web, hpack, messages, sql};
pub use script::{Move, datagrams, session, write};

/// A name, and what is done with the bytes.
pub type Target = (&'static str, fn(&[u8]));

/// What is fuzzed.
pub const TARGETS: &[Target] = &[
    ("http1", |bytes| session(http1::PROTOCOL, bytes)),
    ("http2", |bytes| session(http2::PROTOCOL, bytes)),
    ("hpack", hpack),
    ("grpc", grpc),
    ("grpc_web", grpc_web),
    ("pgsql", |bytes| session(pgsql::PROTOCOL, bytes)),
    ("sql", sql),
    ("dns", |bytes| {
        messages(bytes);
        datagrams(bytes);
        session(dns::PROTOCOL, bytes);
    }),
    ("tls", |bytes| session(tls::PROTOCOL, bytes)),
    ("text", text),
    ("infer", |bytes| {
        connection(bytes);
        datagram(bytes);
    }),
    ("events", events),
];

/// One of [`TARGETS`], by its name.
pub fn run(target: &str, bytes: &[u8]) {
    let known = TARGETS.iter().find(|(name, _)| *name == target);
    debug_assert!(known.is_some(), "no target {target}");
    if let Some((_, fuzz)) = known {
        fuzz(bytes);
    }
}

/// A TCP connection: the bytes come as requests, as responses, and as both, whole and in small pieces, from the beginning
/// and joined in the middle. Returns how many rows that gave.
pub fn connection(bytes: &[u8]) -> usize {
    let mut rows = 0_usize;
    for midstream in [false, true] {
        for chunk in [usize::MAX, 97] {
            for ways in [&[Direction::Sent][..], &[Direction::Received], &[Direction::Sent, Direction::Received]] {
                rows = rows.saturating_add(rows_of(bytes, midstream, chunk, ways, Transport::Tcp));
            }
        }
    }
    rows
}

/// A UDP socket: one datagram each way.
pub fn datagram(bytes: &[u8]) -> usize {
    rows_of(bytes, false, usize::MAX, &[Direction::Sent, Direction::Received], Transport::Udp)
}

/// What is done to headers, bodies and statements beside parsing them.
pub fn text(bytes: &[u8]) {
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let _ = content::decode(Some(coding), bytes, 4096);
    }
    let text = String::from_utf8_lossy(bytes);
    let header = crate::record::Header { name: Some("traceparent".into()), value: Some(text.as_ref().into()) };
    let _ = trace::context(std::slice::from_ref(&header));
    for kind in ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let headers = vec![crate::record::Header { name: Some("content-type".into()), value: Some(kind.into()) }];
        let kind = kind.split(';').next().map(str::to_owned);
        let http = crate::record::Http {
            query: Some(text.to_string()),
            req_type: kind,
            req_headers: Some(headers),
            req_body: Some(bytes.to_vec()),
            ..crate::record::Http::default()
        };
        redact::record(&mut Record::Http(Box::new(http)), &redact::Rules::default(), false);
    }
    let query = Some(text.into_owned());
    let statement = crate::record::Pgsql { query, ..Default::default() };
    redact::record(&mut Record::Pgsql(Box::new(statement)), &redact::Rules::default(), false);
}

fn rows_of(bytes: &[u8], midstream: bool, chunk: usize, ways: &[Direction], transport: Transport) -> usize {
    let time = Timestamp(1);
    let socket = SocketId(1);
    let limits = Limits { stream_bytes: 1 << 16, ..Limits::default() };
    let mut trackers = Trackers::new(Config { limits, ..Config::default() });
    let mut rows = 0_usize;
    let mut take = |event| trackers.handle(event, &mut |_| rows = rows.saturating_add(1));
    take(SocketEvent::Session(Session { time, node: None, kernel: None, vantage: Vantage::Capture }));
    let (local, remote) = (Endpoint::default(), Endpoint::default());
    take(SocketEvent::Open(Open { time, socket, transport, local, remote, initiator: None, pid: None, midstream }));
    for direction in ways {
        let mut position = 0_u64;
        for part in bytes.chunks(chunk) {
            let data = Data {
                time,
                socket,
                direction: *direction,
                position,
                bytes: part.to_vec(),
                original_len: part.len() as u64,
                pid: 0,
                tid: 0,
                task: 0,
                peer: None,
                source: Source::Pcap,
            };
            take(SocketEvent::Data(data));
            position = position.saturating_add(part.len() as u64);
        }
    }
    take(SocketEvent::Close { time, socket });
    rows
}
