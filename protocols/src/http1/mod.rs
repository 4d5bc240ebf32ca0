//! HTTP/1.0 and 1.1 (RFC 9110, RFC 9112).

mod recognise;

use crate::infer::{Protocol, Start};
use crate::session::{Session, Sink};
use crate::stream::Streams;

/// HTTP/1 in the table of protocols.
pub const PROTOCOL: Protocol =
    Protocol { name: "http", tables: &["http", "grpc"], recognise: recognise::recognise, start };

fn start(_start: Start) -> Box<dyn Session> {
    Box::new(Http1)
}

#[derive(Debug)]
struct Http1;

impl Session for Http1 {
    fn advance(&mut self, _streams: &mut Streams, _sink: &mut Sink<'_>) {}

    fn finish(&mut self, _streams: &mut Streams, _closed: bool, _sink: &mut Sink<'_>) {}
}
