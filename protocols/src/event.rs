//! `SocketEvent`: everything that explore knows about the outside world, in the order in which it happened.
//!
//! Live probes, capture files and `.events` recordings all give this one type. It is all that a replay needs to give the
//! same rows again, so nothing above it may look at a clock, at `/proc` or at the network.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

/// Wall-clock time in nanoseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Nanoseconds from `earlier` to `self`; 0 if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// One end of one connection (or one UDP socket) for as long as the session lasts: never used again for another socket.
///
/// When both ends of a loopback connection are watched they are two sockets. A capture file has one socket a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketEvent {
    /// First event of every session.
    Session(Session),
    /// A process started, changed its image, was named, or ended.
    Process(ProcessEvent),
    /// A socket was seen for the first time.
    Open(Open),
    /// A socket's connection changed.
    State(State),
    /// Bytes were sent or received.
    Data(Data),
    /// The socket is gone: no event of it follows.
    Close {
        /// When it was destroyed.
        time: Timestamp,
        /// Which.
        socket: SocketId,
    },
    /// Something that explore meant to keep did not arrive.
    Lost(Lost),
    /// Time went on with nothing to tell: lets time-outs fall due. About ten a second when live.
    Clock {
        /// Now.
        time: Timestamp,
    },
    /// Names from a hosts file.
    Hosts {
        /// When it was read.
        time: Timestamp,
        /// Addresses and the first name of each.
        names: Vec<(IpAddr, Arc<str>)>,
    },
    /// Logged secrets of TLS connections, from `--tls-keys` or out of a pcapng. They may come after the bytes that they
    /// open, and often come more than once.
    Keys {
        /// When they were read; in captures the time of the packets around them.
        time: Timestamp,
        /// Lines as in NSS's `SSLKEYLOGFILE`.
        log: Arc<[u8]>,
    },
}

impl SocketEvent {
    /// When it happened.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Session(event) => event.time,
            Self::Process(event) => event.time,
            Self::Open(event) => event.time,
            Self::State(event) => event.time,
            Self::Data(event) => event.time,
            Self::Lost(event) => event.time,
            Self::Close { time, .. } | Self::Clock { time } | Self::Hosts { time, .. } | Self::Keys { time, .. } => {
                *time
            }
        }
    }
}

/// Where the events come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// When it began.
    pub time: Timestamp,
    /// The machine's host name; null in captures that do not tell.
    pub node: Option<Arc<str>>,
    /// Kernel release, as `uname -r`.
    pub kernel: Option<Arc<str>>,
    /// Who is looking.
    pub vantage: Vantage,
}

/// From where a session's connections are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Vantage {
    /// From inside processes: `local` is the watched process's end.
    Process,
    /// From the wire: nobody is watched; rows are turned so that `local` is the server's end.
    Capture,
}

/// Something about a process. A process is (pid, start time); a `Started` for a known pid replaces the old process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessEvent {
    /// When.
    pub time: Timestamp,
    /// Thread-group id in the pid namespace in which explore runs.
    pub pid: u32,
    /// What.
    pub change: ProcessChange,
}

/// What happened to a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcessChange {
    /// It was forked from `parent`, and has its parent's names until it is named.
    Started {
        /// Its parent's pid.
        parent: u32,
    },
    /// It is, or has become, this.
    Named(Arc<ProcessNames>),
    /// What is known of the TLS library in it.
    Tls(TlsStatus),
    /// It moves bytes through its sockets by io_uring, or might: they cannot be read, at best counted.
    Ring,
    /// Its last thread ended.
    Exited,
}

/// A process's identity, as far as it could be read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ProcessNames {
    /// Thread-group leader's name (`comm`).
    pub process: Option<Arc<str>>,
    /// Executable's path, without ` (deleted)`.
    pub exe: Option<Arc<str>>,
    /// Container id, 12 hex digits.
    pub container: Option<Arc<str>>,
    /// First known of: its `OTEL_SERVICE_NAME`, the pod's workload, the container's name, the systemd unit, `process`.
    pub service: Option<Arc<str>>,
    /// A language runtime that changes how bytes are read (`go`), else null.
    pub runtime: Option<Arc<str>>,
    /// The Kubernetes pod it runs in.
    pub pod: Option<Arc<Pod>>,
}

/// A Kubernetes pod, as far as its node tells without asking the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Pod {
    /// Its UID, from the control group.
    pub uid: Option<Arc<str>>,
    /// Its name, such as `checkout-7d9f8b6c5-x2x4z`.
    pub name: Option<Arc<str>>,
    /// Its namespace.
    pub namespace: Option<Arc<str>>,
    /// Name of the container in it.
    pub container: Option<Arc<str>>,
}

/// Whether a process's TLS can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsStatus {
    /// `openssl`, `gnutls`, `go`, …; null if none was found.
    pub library: Option<Arc<str>>,
    /// Version or build id.
    pub version: Option<Arc<str>>,
    /// Null when plaintext is read, else why not (`no library found`, `static, no symbols`, …).
    pub reason: Option<Arc<str>>,
}

/// How bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP and MPTCP.
    Tcp,
    /// UDP: every `Data` is one datagram.
    Udp,
    /// Unix stream or sequenced-packet socket.
    Unix,
}

/// An end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Endpoint {
    /// Null where unknown, or bound to a wildcard. IPv4-mapped IPv6 addresses are IPv4.
    pub address: Option<Address>,
    /// Null for Unix sockets and where unknown.
    pub port: Option<u16>,
}

impl Endpoint {
    /// An internet end; the unspecified address and port 0 are null, IPv4-mapped addresses are IPv4.
    #[must_use]
    pub fn ip(address: IpAddr, port: u16) -> Self {
        let address = address.to_canonical();
        Self { address: (!address.is_unspecified()).then_some(Address::Ip(address)), port: (port != 0).then_some(port) }
    }
}

/// Where an end is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// IPv4 or IPv6.
    Ip(IpAddr),
    /// A Unix socket's path; abstract ones as `@name`.
    Unix(Arc<str>),
}

/// A socket seen for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// When it was opened if that was seen, else when it was first seen.
    pub time: Timestamp,
    /// Its name from here on.
    pub socket: SocketId,
    /// How bytes travel.
    pub transport: Transport,
    /// The watched end; in captures the end that `Sent` bytes come from.
    pub local: Endpoint,
    /// The other end.
    pub remote: Endpoint,
    /// Which end asked for the connection, where that was seen.
    pub initiator: Option<Side>,
    /// Process that owns it; null in captures and where not yet known.
    pub pid: Option<u32>,
    /// Bytes had already passed when it was first seen.
    pub midstream: bool,
}

/// One of a connection's two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The watched one.
    Local,
    /// The other one.
    Remote,
}

/// A change of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// When.
    pub time: Timestamp,
    /// Which.
    pub socket: SocketId,
    /// What.
    pub change: StateChange,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateChange {
    /// `connect` began (`Open` precedes it).
    Connecting,
    /// The connection stands; ends that were unknown may now be known.
    Established {
        /// As in [`Open`].
        local: Endpoint,
        /// As in [`Open`].
        remote: Endpoint,
    },
    /// `connect` failed.
    Failed {
        /// The error's name, such as `ECONNREFUSED`.
        errno: Arc<str>,
    },
    /// No byte follows in that direction after `position` (null: after what has been seen).
    Ended {
        /// The direction that ended.
        direction: Direction,
        /// Length of that direction's stream.
        position: Option<u64>,
    },
    /// The connection was reset, by either side.
    Reset,
    /// A segment was sent again.
    Retransmit,
    /// Another process uses the socket from now on (accepted in one, served in another; or passed on).
    Owner {
        /// Its pid.
        pid: u32,
    },
}

/// Which way bytes go, seen from the watched process (in captures: from [`Open::local`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From local to remote.
    Sent,
    /// From remote to local.
    Received,
}

impl Direction {
    /// The other one.
    #[must_use]
    pub fn reverse(self) -> Self {
        match self {
            Self::Sent => Self::Received,
            Self::Received => Self::Sent,
        }
    }
}

/// Bytes that were sent or received by one call (live), one segment (captures) or one datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    /// Live: entry of the call for `Sent`, return of the call for `Received`.
    pub time: Timestamp,
    /// Which socket.
    pub socket: SocketId,
    /// Which way.
    pub direction: Direction,
    /// Offset of the first byte in this direction's stream. Starts at 0 with the connection, or at any value when it was
    /// joined midstream: only differences count. A jump means that bytes went by unseen: for good in captures, whose
    /// segments are put in order before, perhaps for a moment when live. Datagrams: their running number.
    pub position: u64,
    /// What was kept.
    pub bytes: Vec<u8>,
    /// True length; more than `bytes` when cut by a limit (`truncated`, not lost).
    pub original_len: u64,
    /// Process that made the call; 0 in captures.
    pub pid: u32,
    /// Thread that made the call; 0 in captures.
    pub tid: u32,
    /// Goroutine that made the call, else 0.
    pub task: u64,
    /// The other end, where it is not that of the socket (unconnected UDP).
    pub peer: Option<Endpoint>,
    /// Where the bytes came from. Plaintext from a TLS library is a stream of its own beside the socket's bytes.
    pub source: Source,
}

/// Where plain bytes were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// Socket calls.
    Socket,
    /// OpenSSL and LibreSSL.
    OpenSsl,
    /// BoringSSL and AWS-LC.
    BoringSsl,
    /// GnuTLS.
    GnuTls,
    /// Go `crypto/tls`.
    Go,
    /// rustls.
    Rustls,
    /// Kernel TLS, at the socket.
    Ktls,
    /// A capture file.
    Pcap,
    /// A capture file, decrypted with logged keys.
    Keylog,
}

impl Source {
    /// As in column `source`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::OpenSsl => "openssl",
            Self::BoringSsl => "boringssl",
            Self::GnuTls => "gnutls",
            Self::Go => "go",
            Self::Rustls => "rustls",
            Self::Ktls => "ktls",
            Self::Pcap => "pcap",
            Self::Keylog => "keylog",
        }
    }

    /// Whether the bytes were encrypted on the wire.
    #[must_use]
    pub fn is_decrypted(self) -> bool {
        !matches!(self, Self::Socket | Self::Pcap)
    }
}

/// Cause of what was left out on purpose, because of the brake (`--max-cpu`): counted as shed, not as lost.
pub const SHED: &str = "shed";

/// Cause of calls that io_uring made: their bytes are events too, of which only the length is known.
pub const IO_URING: &str = "io_uring";

/// A loss, counted where it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// When it was noticed.
    pub time: Timestamp,
    /// Which socket, where that is known.
    pub socket: Option<SocketId>,
    /// Why, in snake case: `ring_full`, `map_full`, `fault`, …; becomes `lost.CAUSE` and column `loss.cause`.
    pub cause: Cow<'static, str>,
    /// How many events.
    pub events: u64,
    /// How many bytes, as far as known.
    pub bytes: u64,
}
