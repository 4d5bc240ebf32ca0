//! Which protocol a connection speaks: told by what its bytes look like first, by its ports second.
//!
//! A protocol is one folder with a `PROTOCOL` (or `DATAGRAMS`) constant, and one line in the tables here. The order
//! decides only when two recognise the same bytes: the stricter signature comes first.

use std::sync::Arc;

use crate::event::{Direction, Transport};
use crate::keys::KeyLog;
use crate::session::{DatagramSession, Exchange, Glimpse, Guess, Session};
use crate::{dns, http1, http2, pgsql, tls, tracker};

/// Protocols on byte streams (TCP, Unix sockets, decrypted TLS).
const STREAMS: &[Protocol] = &[tls::PROTOCOL, http2::PROTOCOL, http1::PROTOCOL, pgsql::PROTOCOL, dns::PROTOCOL];

/// Protocols on UDP.
const DATAGRAMS: &[DatagramProtocol] = &[dns::DATAGRAMS];

/// The protocol that [`crate::session::Switch::Http2`] starts.
const HTTP2: Option<Protocol> = Some(http2::PROTOCOL);

/// The protocol that [`crate::session::Switch::Tls`] starts.
const TLS: Option<Protocol> = Some(tls::PROTOCOL);

/// A protocol on byte streams.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    /// Column `protocol` of `conns`.
    pub name: &'static str,
    /// Tables that its exchanges go to: left out when `--protocol` names none of them.
    pub tables: &'static [&'static str],
    /// What it says of the first bytes of one direction. Called again with more bytes after [`Guess::Maybe`].
    pub recognise: fn(&Glimpse<'_>) -> Guess,
    /// Begins to read a connection.
    pub start: fn(Start) -> Box<dyn Session>,
}

/// A protocol on UDP.
#[derive(Debug, Clone, Copy)]
pub struct DatagramProtocol {
    /// Column `protocol` of `conns`.
    pub name: &'static str,
    /// As in [`Protocol::tables`].
    pub tables: &'static [&'static str],
    /// What it says of one datagram.
    pub recognise: fn(&Glimpse<'_>) -> Guess,
    /// Begins to read a socket. `Start::requests` is only how the first recognised datagram goes: a forwarder both asks
    /// and answers on one socket.
    pub start: fn(Start) -> Box<dyn DatagramSession>,
}

/// What a session is told when it begins.
#[derive(Debug, Clone)]
pub struct Start {
    /// Which way requests go.
    pub requests: Direction,
    /// Joined after the connection began: the first bytes may be the middle of anything.
    pub midstream: bool,
    /// How the bytes travel.
    pub transport: Transport,
    /// The bytes come decrypted out of TLS.
    pub decrypted: bool,
    /// The HTTP/1 request that asked for `Upgrade: h2c`, and that goes on as stream 1.
    pub upgrade: Option<Box<Exchange>>,
    /// Logged TLS secrets. When new ones come, every TLS session is advanced again.
    pub keys: KeyLog,
    /// What is kept of bodies, and the bounds on memory.
    pub config: Arc<tracker::Config>,
}

/// What inference has found.
#[derive(Debug, Clone, Copy)]
pub enum Verdict<P> {
    /// This protocol; requests are sent by the side whose bytes were looked at (or by the other one).
    Is(P, Asker),
    /// More bytes may tell.
    Maybe,
    /// None that is known here.
    Unknown,
}

/// Which end asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// The sender of the bytes that were looked at.
    Sender,
    /// The other one.
    Receiver,
}

/// What the bytes of a stream are. `wanted` says which tables may get rows.
pub fn stream(glimpse: &Glimpse<'_>, wanted: &dyn Fn(&[&str]) -> bool) -> Verdict<Protocol> {
    let guesses = STREAMS.iter().filter(|protocol| wanted(protocol.tables)).map(|p| (*p, (p.recognise)(glimpse)));
    decide(guesses)
}

/// What a datagram is.
pub fn datagram(glimpse: &Glimpse<'_>, wanted: &dyn Fn(&[&str]) -> bool) -> Verdict<DatagramProtocol> {
    let guesses = DATAGRAMS.iter().filter(|protocol| wanted(protocol.tables)).map(|p| (*p, (p.recognise)(glimpse)));
    decide(guesses)
}

/// HTTP/2, where it is built in.
#[must_use]
pub fn http2() -> Option<Protocol> {
    HTTP2
}

/// TLS, where it is built in.
#[must_use]
pub fn tls() -> Option<Protocol> {
    TLS
}

fn decide<P>(guesses: impl Iterator<Item = (P, Guess)>) -> Verdict<P> {
    let mut verdict = Verdict::Unknown;
    for (protocol, guess) in guesses {
        match guess {
            Guess::Request => return Verdict::Is(protocol, Asker::Sender),
            Guess::Response => return Verdict::Is(protocol, Asker::Receiver),
            Guess::Maybe => verdict = Verdict::Maybe,
            Guess::No => {}
        }
    }
    verdict
}
