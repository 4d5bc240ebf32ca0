//! `Record`: one finished exchange, handshake or connection, with the columns of its table.
//!
//! A field that was not observed is `None`, never a made-up value. Field names are column names.

use std::sync::Arc;

use crate::event::{Address, ProcessNames, Source, Timestamp, Transport};

/// A row on its way to the store.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// Table `http`.
    Http(Box<Http>),
    /// Table `grpc`.
    Grpc(Box<Grpc>),
    /// Table `pgsql`.
    Pgsql(Box<Pgsql>),
    /// Table `dns`.
    Dns(Box<Dns>),
    /// Table `tls`.
    Tls(Box<Tls>),
    /// Table `conns`.
    Conn(Box<Conn>),
}

impl Record {
    /// Its table.
    #[must_use]
    pub fn table(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Grpc(_) => "grpc",
            Self::Pgsql(_) => "pgsql",
            Self::Dns(_) => "dns",
            Self::Tls(_) => "tls",
            Self::Conn(_) => "conns",
        }
    }

    /// The common columns of an exchange; null for a connection.
    #[must_use]
    pub fn common_mut(&mut self) -> Option<&mut Common> {
        match self {
            Self::Http(row) => Some(&mut row.common),
            Self::Grpc(row) => Some(&mut row.common),
            Self::Pgsql(row) => Some(&mut row.common),
            Self::Dns(row) => Some(&mut row.common),
            Self::Tls(row) => Some(&mut row.common),
            Self::Conn(_) => None,
        }
    }

    /// Table and common columns of an exchange; null for a connection.
    #[must_use]
    pub fn exchange(&self) -> Option<(&'static str, &Common)> {
        let common = match self {
            Self::Http(row) => &row.common,
            Self::Grpc(row) => &row.common,
            Self::Pgsql(row) => &row.common,
            Self::Dns(row) => &row.common,
            Self::Tls(row) => &row.common,
            Self::Conn(_) => return None,
        };
        Some((self.table(), common))
    }

    /// As [`Self::exchange`], to be changed.
    pub fn exchange_mut(&mut self) -> Option<(&'static str, &mut Common)> {
        let table = self.table();
        let common = match self {
            Self::Http(row) => &mut row.common,
            Self::Grpc(row) => &mut row.common,
            Self::Pgsql(row) => &mut row.common,
            Self::Dns(row) => &mut row.common,
            Self::Tls(row) => &mut row.common,
            Self::Conn(_) => return None,
        };
        Some((table, common))
    }
}

/// The columns that every table of exchanges has.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Common {
    /// First byte of the request.
    pub time: Timestamp,
    /// First byte of the request to last byte of the response, ns.
    pub latency: Option<u64>,
    /// Last byte of the request to first byte of the response, ns; null when the response began earlier.
    pub ttfb: Option<u64>,
    /// Unique in the session, from 1 in order of first byte.
    pub id: u64,
    /// `id` of the server exchange during which this one was made.
    pub parent: Option<u64>,
    /// How `parent` is known.
    pub parent_by: Option<ParentBy>,
    /// `id` of the same exchange as seen from its other end.
    pub twin: Option<u64>,
    /// Which side the watched process is; null in captures.
    pub role: Option<Role>,
    /// Who the watched process is.
    pub identity: Identity,
    /// Where the two ends are.
    pub ends: Ends,
    /// Joins with `conns`.
    pub conn: u64,
    /// The bytes were encrypted on the wire.
    pub tls: bool,
    /// Where the plain bytes were taken.
    pub source: Option<Source>,
    /// 32 hex digits (16 from short B3), lower case.
    pub trace_id: Option<String>,
    /// The caller's span, 16 hex digits.
    pub span_id: Option<String>,
    /// Whether it failed; null when that cannot be judged.
    pub error: Option<bool>,
    /// Fewer bytes were kept than sent.
    pub truncated: bool,
    /// Bytes were lost inside.
    pub gap: bool,
    /// The connection was joined after it began.
    pub midstream: bool,
}

/// The process columns: `process exe container service pid node`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// Thread-group id.
    pub pid: Option<u32>,
    /// Its names.
    pub names: Option<Arc<ProcessNames>>,
    /// The machine.
    pub node: Option<Arc<str>>,
}

/// The address columns.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Ends {
    /// `local_addr`.
    pub local_addr: Option<Address>,
    /// `local_port`.
    pub local_port: Option<u16>,
    /// `remote_addr`.
    pub remote_addr: Option<Address>,
    /// `remote_port`.
    pub remote_port: Option<u16>,
    /// The name that a DNS answer or a hosts file gave for `remote_addr`.
    pub remote_name: Option<Arc<str>>,
}

/// Which side of an exchange the watched process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// It asked.
    Client,
    /// It answered.
    Server,
}

impl Role {
    /// As in column `role`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// How a parent is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParentBy {
    /// Both carry the same trace id.
    Trace,
    /// The thread had one server exchange open, and is no event loop.
    Thread,
    /// The goroutine had one server exchange open.
    Goroutine,
}

impl ParentBy {
    /// As in column `parent_by`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Thread => "thread",
            Self::Goroutine => "goroutine",
        }
    }
}

/// One header or trailer field, in wire order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Lower case; null where an HPACK table was joined too late to know it.
    pub name: Option<Arc<str>>,
    /// Null where an HPACK table was joined too late to know it.
    pub value: Option<Arc<str>>,
}

/// Table `http`: HTTP/1.0, 1.1 and 2 (RFC 9110), but not gRPC.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Http {
    /// The common columns.
    pub common: Common,
    /// `1.0`, `1.1` or `2`.
    pub version: Option<&'static str>,
    /// Request method.
    pub method: Option<String>,
    /// `http` or `https`.
    pub scheme: Option<String>,
    /// The Host field or `:authority`.
    pub host: Option<String>,
    /// Path, without query.
    pub path: Option<String>,
    /// Query, without `?`.
    pub query: Option<String>,
    /// Route pattern that the path belongs to.
    pub route: Option<String>,
    /// Status code.
    pub status: Option<u16>,
    /// Reason phrase.
    pub reason: Option<String>,
    /// Media type of the request, without parameters.
    pub req_type: Option<String>,
    /// Media type of the response, without parameters.
    pub resp_type: Option<String>,
    /// User-Agent.
    pub user_agent: Option<String>,
    /// Body bytes after transfer decoding.
    pub req_bytes: Option<u64>,
    /// Body bytes after transfer decoding.
    pub resp_bytes: Option<u64>,
    /// Request header fields.
    pub req_headers: Option<Vec<Header>>,
    /// Response header fields (of the final response).
    pub resp_headers: Option<Vec<Header>>,
    /// First bytes of the body, content-decoded.
    pub req_body: Option<Vec<u8>>,
    /// First bytes of the body, content-decoded.
    pub resp_body: Option<Vec<u8>>,
    /// HTTP/2 stream id.
    pub stream: Option<u32>,
}

/// Table `grpc`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Grpc {
    /// The common columns.
    pub common: Common,
    /// `package.Service`.
    pub rpc_service: Option<String>,
    /// Method name.
    pub method: Option<String>,
    /// `:path`.
    pub path: Option<String>,
    /// `:authority`.
    pub host: Option<String>,
    /// `grpc-status`.
    pub status: Option<u16>,
    /// Its name, such as `OK`; unknown codes as `CODE_99`.
    pub status_name: Option<String>,
    /// `grpc-message`, percent-decoded.
    pub message: Option<String>,
    /// `unary`, `client_streaming`, `server_streaming` or `bidi`, as seen by message counts.
    pub kind: Option<&'static str>,
    /// Messages sent by the client.
    pub req_messages: Option<u32>,
    /// Messages sent by the server.
    pub resp_messages: Option<u32>,
    /// DATA bytes of the client.
    pub req_bytes: Option<u64>,
    /// DATA bytes of the server.
    pub resp_bytes: Option<u64>,
    /// `grpc-timeout`, ns.
    pub timeout: Option<u64>,
    /// `grpc-encoding` of the response, else of the request.
    pub encoding: Option<String>,
    /// `:status`.
    pub http_status: Option<u16>,
    /// Request metadata.
    pub req_headers: Option<Vec<Header>>,
    /// Response metadata.
    pub resp_headers: Option<Vec<Header>>,
    /// Trailing metadata.
    pub resp_trailers: Option<Vec<Header>>,
    /// HTTP/2 stream id.
    pub stream: Option<u32>,
}

/// Table `pgsql`: one statement executed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pgsql {
    /// The common columns.
    pub common: Common,
    /// `SELECT`, …, `BEGIN`, `COPY`, `STARTUP`, `AUTH`, `CANCEL`.
    pub operation: Option<String>,
    /// SQL text.
    pub query: Option<String>,
    /// The text with literals and parameters replaced by `?`.
    pub shape: Option<String>,
    /// Prepared statement's name; null when unnamed.
    pub statement: Option<String>,
    /// Parameters of Bind.
    pub params: Option<Vec<Option<String>>>,
    /// Rows returned or affected.
    pub rows: Option<u64>,
    /// Command tag.
    pub tag: Option<String>,
    /// SQLSTATE of the ErrorResponse.
    pub sqlstate: Option<String>,
    /// Its severity.
    pub severity: Option<String>,
    /// Its message.
    pub message: Option<String>,
    /// From the startup message.
    pub database: Option<String>,
    /// From the startup message.
    pub user: Option<String>,
    /// `application_name`.
    pub application: Option<String>,
    /// `idle`, `open` or `failed`, at the end.
    pub txn: Option<&'static str>,
    /// Since the connection's previous response, while a transaction was open, ns.
    pub idle_before: Option<u64>,
    /// Bytes of the messages that make up the request.
    pub req_bytes: Option<u64>,
    /// Bytes of the messages that make up the response.
    pub resp_bytes: Option<u64>,
}

/// Table `dns`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dns {
    /// The common columns.
    pub common: Common,
    /// Question name without trailing dot; the root is `.`.
    pub name: Option<String>,
    /// Question type; unknown ones `TYPE123`.
    pub r#type: Option<String>,
    /// Question class.
    pub class: Option<String>,
    /// Response code, `RCODE12` where unknown.
    pub rcode: Option<String>,
    /// Answer section's data as in zone files.
    pub answers: Option<Vec<String>>,
    /// Their types.
    pub answer_types: Option<Vec<String>>,
    /// Lowest TTL of the answers, seconds.
    pub ttl: Option<u32>,
    /// How it travelled.
    pub transport: Option<Transport>,
    /// Message id.
    pub dns_id: Option<u16>,
    /// AA.
    pub authoritative: Option<bool>,
    /// RA.
    pub recursion_available: Option<bool>,
    /// AD.
    pub authenticated: Option<bool>,
    /// Last target of the CNAME chain.
    pub cname: Option<String>,
}

/// Table `tls`: one handshake.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tls {
    /// The common columns.
    pub common: Common,
    /// `1.0` to `1.3`.
    pub version: Option<String>,
    /// IANA name of the cipher suite.
    pub cipher: Option<String>,
    /// Server name indication.
    pub sni: Option<String>,
    /// The protocol that the server chose, where in clear.
    pub alpn: Option<String>,
    /// An earlier session was resumed.
    pub resumed: Option<bool>,
    /// ClientHello to the end of the handshake, ns.
    pub handshake: Option<u64>,
    /// Subject of the server's certificate.
    pub cert_subject: Option<String>,
    /// Its issuer.
    pub cert_issuer: Option<String>,
    /// Its subject alternative names.
    pub cert_names: Option<Vec<String>>,
    /// When it expires.
    pub cert_not_after: Option<Timestamp>,
    /// Name of the fatal alert.
    pub alert: Option<String>,
    /// Plaintext of this connection is read.
    pub decrypted: bool,
    /// Why not.
    pub reason: Option<String>,
}

/// Table `conns`: one connection, at its close or at the end of the session.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Conn {
    /// Opened, or first seen.
    pub time: Timestamp,
    /// When it ended.
    pub closed: Option<Timestamp>,
    /// `closed - time`, ns; null while open.
    pub duration: Option<u64>,
    /// The connection's number.
    pub conn: u64,
    /// Who the watched process is.
    pub identity: Identity,
    /// Where the two ends are.
    pub ends: Ends,
    /// How bytes travel.
    pub transport: Option<Transport>,
    /// Protocol name; null: not recognised.
    pub protocol: Option<&'static str>,
    /// Which side the watched process is.
    pub role: Option<Role>,
    /// TLS was seen.
    pub tls: bool,
    /// Where it stands.
    pub state: Option<ConnState>,
    /// SYN to established, ns.
    pub connect: Option<u64>,
    /// By local.
    pub bytes_sent: u64,
    /// By local.
    pub bytes_received: u64,
    /// Exchanges begun on it.
    pub requests: u64,
    /// Segments sent again.
    pub retransmits: u64,
    /// It ended with a reset.
    pub reset: bool,
    /// Why `connect` failed.
    pub errno: Option<Arc<str>>,
    /// Joined after it began.
    pub midstream: bool,
}

/// A connection's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnState {
    /// `connect` is under way.
    Connecting,
    /// Both directions are open.
    Open,
    /// One direction has ended.
    HalfClosed,
    /// It is gone.
    Closed,
    /// It never stood.
    Failed,
}

impl ConnState {
    /// As in column `state`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Open => "open",
            Self::HalfClosed => "half_closed",
            Self::Closed => "closed",
            Self::Failed => "failed",
        }
    }
}

impl Transport {
    /// As in column `transport`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Unix => "unix",
        }
    }
}
