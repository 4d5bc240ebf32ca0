//! RawEvent: what one record of the ring buffer holds.
//!
//! ```text
//! Header | body, by kind                | payload
//!        | Data   Peer                  | `captured` bytes of the call
//!        | Open   Tuple                 | Unix path, `captured` bytes
//!        | State  Change                |
//!        | Exec   comm[16]              | file name, `captured` bytes
//!        | Plain  Decrypted               | `captured` bytes of the call, then padding
//!        | Close, Fork, Exit, Listen, Ring: none
//! ```

/// First part of every record.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// `CLOCK_BOOTTIME` in nanoseconds.
    pub time: u64,
    /// The connection's number ([`Conn::id`]); 0 in process events.
    pub conn: u64,
    /// Data: stream offset of the first byte, or the datagram's running number. State: where the direction ended.
    pub position: u64,
    /// Data: true length. Listen: the port. Fork: the parent's thread-group id. State, `RETRANSMIT`: the number of segments.
    pub len: u64,
    /// Thread-group id.
    pub pid: u32,
    /// Thread id.
    pub tid: u32,
    /// Bytes of payload behind the body.
    pub captured: u32,
    /// One of [`kind`].
    pub kind: u16,
    /// Of [`flag`].
    pub flags: u16,
}

/// Values of [`Header::kind`].
pub mod kind {
    /// Bytes passed.
    pub const DATA: u16 = 1;
    /// A socket was seen for the first time.
    pub const OPEN: u16 = 2;
    /// A connection changed.
    pub const STATE: u16 = 3;
    /// A socket was destroyed.
    pub const CLOSE: u16 = 4;
    /// A process changed its image.
    pub const EXEC: u16 = 5;
    /// A process started.
    pub const FORK: u16 = 6;
    /// A process's last thread ended.
    pub const EXIT: u16 = 7;
    /// A process began to listen.
    pub const LISTEN: u16 = 8;
    /// Plaintext passed a TLS library; without bytes: its connection is known now.
    pub const PLAIN: u16 = 9;
    /// A process has set up an io_uring.
    pub const RING: u16 = 10;
}

/// Bits of [`Header::flags`].
pub mod flag {
    /// Data, State: the direction is "sent".
    pub const SENT: u16 = 1;
    /// Data: [`super::Peer`] is filled in.
    pub const PEER: u16 = 2;
    /// Data: part of the buffer could not be read.
    pub const FAULT: u16 = 4;
    /// Exec, Fork: watched from now on, until user space decides otherwise.
    pub const WATCHED: u16 = 8;
    /// Close: `position` says how much of the peer's stream the process has read.
    pub const READ: u16 = 16;
    /// Data: the first eight bytes of [`super::Peer::address`] are what the register holds in which Go keeps its goroutine.
    pub const TASK: u16 = 32;
    /// Data: moved by io_uring, so that only their number is known.
    pub const RING: u16 = 64;
    /// Data: what the kernel encrypts, or has decrypted; `position` counts only that. State: `position` counts plaintext.
    pub const KTLS: u16 = 128;
}

/// An internet address as the kernel holds it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// IPv4 in the first four bytes, or IPv6; network order.
    pub address: [u8; 16],
    /// `AF_INET`, `AF_INET6`, or 0 if unknown.
    pub family: u16,
    /// Host order.
    pub port: u16,
    /// None.
    pub padding: u32,
}

/// Body of a Plain event. [`Header::conn`] is 0 where the connection is not known.
///
/// rustls's connections are values that a program moves: what is read tells the connection each time, what is written never
/// does; an event without bytes tells it when the records have been sent.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decrypted {
    /// The library's handle.
    pub handle: u64,
    /// Goroutine, else 0.
    pub task: u64,
    /// Positions count from then on; `CLOCK_BOOTTIME`.
    pub epoch: u64,
    /// One of [`family`].
    pub family: u32,
    /// None.
    pub padding: u32,
}

/// Values of [`Decrypted::family`].
pub mod family {
    /// OpenSSL and LibreSSL.
    pub const SSL: u32 = 1;
    /// GnuTLS.
    pub const GNUTLS: u32 = 2;
    /// Go's `crypto/tls`.
    pub const GO: u32 = 3;
    /// rustls, whose handles move: see [`super::Decrypted`].
    pub const RUSTLS: u32 = 4;
    /// BoringSSL and AWS-LC: as [`SSL`], but a process may have both.
    pub const BORING: u32 = 5;
}

/// Both ends and the nature of a socket.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tuple {
    /// This end.
    pub local: Peer,
    /// The other end.
    pub remote: Peer,
    /// sockfs inode number; 0 if not yet known.
    pub inode: u64,
    /// Address of the `struct sock`: key of the map of connections.
    pub sk: u64,
    /// `AF_INET`, `AF_INET6`, `AF_UNIX`.
    pub family: u16,
    /// One of [`transport`].
    pub transport: u8,
    /// One of [`initiator`].
    pub initiator: u8,
    /// Bytes passed before it was first seen.
    pub midstream: u8,
    /// The Unix path is the other end's.
    pub remote_path: u8,
    /// None.
    pub padding: u16,
}

/// Values of [`Tuple::transport`].
pub mod transport {
    /// TCP.
    pub const TCP: u8 = 1;
    /// MPTCP: TCP, with own counters.
    pub const MPTCP: u8 = 2;
    /// UDP.
    pub const UDP: u8 = 3;
    /// Unix stream or seqpacket.
    pub const UNIX: u8 = 4;
}

/// Values of [`Tuple::initiator`].
pub mod initiator {
    /// Not seen.
    pub const UNKNOWN: u8 = 0;
    /// This end.
    pub const LOCAL: u8 = 1;
    /// The other end.
    pub const REMOTE: u8 = 2;
}

/// Body of a State event.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Both ends, as known now.
    pub tuple: Tuple,
    /// One of [`change`].
    pub change: u32,
    /// Positive error number, for `FAILED`.
    pub errno: u32,
}

/// Values of [`Change::change`].
pub mod change {
    /// `connect` began.
    pub const CONNECTING: u32 = 1;
    /// The connection stands.
    pub const ESTABLISHED: u32 = 2;
    /// `connect` failed.
    pub const FAILED: u32 = 3;
    /// One direction ended, at [`super::Header::position`].
    pub const ENDED: u32 = 4;
    /// Reset by either side, or timed out.
    pub const RESET: u32 = 5;
    /// Segments were sent again.
    pub const RETRANSMIT: u32 = 6;
}

/// Longest Unix path (`sun_path`).
pub const UNIX_PATH: usize = 108;
/// Length of `comm`.
pub const COMM: usize = 16;
/// Bytes kept of an executable's file name.
pub const FILE_NAME: usize = 256;

/// A connection, in the kernel's map of connections (key: address of `struct sock`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conn {
    /// Unique in the session: per-CPU counter and CPU number.
    pub id: u64,
    /// sockfs inode number at first sight; tells the socket from a later one at the same address.
    pub inode: u64,
    /// Sent bytes (datagrams) so far.
    pub sent: u64,
    /// Received bytes (datagrams) so far.
    pub received: u64,
    /// `CLOCK_BOOTTIME` when bytes were last sampled while the verdict was [`verdict::SKIP`].
    pub sampled: u64,
    /// TCP `write_seq` that belongs to `sent`.
    pub write_seq: u32,
    /// TCP `copied_seq` that belongs to `received`.
    pub copied_seq: u32,
    /// Thread group that first used it; 0 if unknown.
    pub pid: u32,
    /// Payloads in a row that no protocol recognised.
    pub unknown: u16,
    /// One of [`transport`].
    pub transport: u8,
    /// One of [`verdict`].
    pub verdict: u8,
    /// The Open event has been delivered.
    pub announced: u8,
    /// 1 sent, 2 received: the direction of the last payload.
    pub direction: u8,
    /// One of [`initiator`].
    pub initiator: u8,
    /// Bytes had passed at first sight.
    pub midstream: u8,
    /// Bit 0: Ended was told for sent, bit 1: for received.
    pub ended: u8,
    /// It carries HTTP/2, for all that its first bytes tell: more is copied, so that its framing is not lost.
    pub frames: u8,
    /// Bit 0: the kernel encrypts what is sent, bit 1: decrypts what is received; from then on the direction's counter
    /// counts plaintext, from 0.
    pub ktls: u8,
    /// None.
    pub padding: u8,
}

/// Values of [`Conn::verdict`]: what happens to its payloads. Never final.
pub mod verdict {
    /// Not recognised yet: bytes are copied.
    pub const UNKNOWN: u8 = 0;
    /// One of ours: bytes are copied.
    pub const COPY: u8 = 1;
    /// Nothing known for a while: positions only, and a sample now and then.
    pub const SKIP: u8 = 2;
    /// TLS: its beginning is copied, then positions only.
    pub const TLS: u8 = 3;
}

/// Value of the map of processes (key: thread-group id).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Whether its sockets are watched.
    pub watch: u8,
    /// A child gets the same value.
    pub inherit: u8,
    /// It stays as it is when the process changes its image.
    pub sticky: u8,
    /// None.
    pub padding: u8,
}

/// A control group asked for.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CgroupTarget {
    /// Its id: the inode number of its directory. 0: none.
    pub id: u64,
    /// How deep it is below the root, which is 0.
    pub level: u64,
}

/// What is shed (`--max-cpu`): the one value of the map of that name.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brake {
    /// Bytes copied at most from a call, whatever else allows more.
    pub most: u32,
    /// Nothing is copied of connections whose number, without the CPU's part, has one of these bits.
    pub mask: u32,
}

/// A cause of loss: index of the per-CPU counters.
pub mod loss {
    /// The ring buffer had no room.
    pub const RING_FULL: u32 = 0;
    /// The map of connections had no room.
    pub const MAP_FULL: u32 = 1;
    /// User memory could not be read.
    pub const FAULT: u32 = 2;
    /// More segments or messages in one call than are followed.
    pub const SEGMENTS: u32 = 3;
    /// The map of processes had no room.
    pub const TARGETS_FULL: u32 = 4;
    /// The map of calls in flight had no room.
    pub const CALLS_FULL: u32 = 5;
    /// Number of causes.
    pub const COUNT: u32 = 6;
    /// Their names, as in column `loss.cause`.
    pub const NAMES: [&str; COUNT as usize] =
        ["ring_full", "map_full", "fault", "segments", "targets_full", "calls_full"];
}

/// Per-CPU counter of one cause.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossCount {
    /// Events.
    pub events: u64,
    /// Bytes, as far as known.
    pub bytes: u64,
}
