//! Names and limits of what user space sets before the programs are loaded.

/// Bytes copied at most from one call, whatever `--capture` says. A power of two.
pub const MAX_CAPTURE: usize = 1 << 16;
/// Where a connection carries HTTP/2, so many times `--capture` is copied of a call. A frame's head in a part that was cut
/// would cost the framing, and with it the compression state of all that follows.
pub const FRAMES_FACTOR: u32 = 256;
/// Data events that one call makes at most: [`FRAMES_FACTOR`] times [`MAX_CAPTURE`], and one for what does not divide.
pub const MAX_PARTS: u32 = FRAMES_FACTOR + 1;
/// Segments of one call that are followed: as many as a call can have (`UIO_MAXIOV`).
pub const MAX_SEGMENTS: u32 = 1024;
/// Messages of one sendmmsg or recvmmsg that are followed.
pub const MAX_MESSAGES: u32 = 64;
/// Segments that are followed where the kernel has no `bpf_loop` (before 5.17), and messages.
pub const INLINE_SEGMENTS: u32 = 4;

/// Bits of the global `FILTER`.
pub mod filter {
    /// Only processes in the map of targets; else all but those that the map excludes.
    pub const PROCESSES: u32 = 1;
    /// Only ports in the map of ports.
    pub const PORTS: u32 = 2;
    /// The map of ports holds excluded ones.
    pub const EXCLUDE_PORTS: u32 = 4;
    /// A process that changes its image is watched until user space has looked at it.
    pub const REVIEW_EXEC: u32 = 8;
    /// Only users in the map of users.
    pub const USERS: u32 = 16;
    /// Only control groups in the array of groups, and those below them.
    pub const CGROUPS: u32 = 32;
    /// User space asked for the processes that listen on a port.
    pub const LISTENERS: u32 = 64;
}

/// Control groups that can be asked for.
pub const MAX_CGROUPS: u32 = 16;

/// Bits of the values in the map of ports.
pub mod port {
    /// Watched.
    pub const INCLUDE: u8 = 1;
    /// Not watched.
    pub const EXCLUDE: u8 = 2;
    /// Whoever listens on it is watched.
    pub const LISTEN: u8 = 4;
}

/// Bits of the global `TLS`.
pub mod tls {
    /// Plaintext of TLS libraries is read.
    pub const ON: u32 = 1;
    /// Goroutines can be told from the registers of a system call.
    pub const GO: u32 = 2;
}
