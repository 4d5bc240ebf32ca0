//! Where plaintext can be read in a process that speaks TLS: which library it has, and where to hook it.
//!
//! ```text
//! /proc/PID/maps -> mapped::executables -> image::Image -> library::inspect -> Hook { symbol, entry, exit }
//! ```
//! This half only reads files. Hooks are file offsets, so that one attachment serves every process that maps the file.

pub mod golang;
pub mod image;
pub mod library;
pub mod mapped;
pub mod quic;
pub mod sites;

pub use library::{Library, Refusal, inspect};

/// One function to hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Function, as users know it.
    pub symbol: &'static str,
    /// What it does.
    pub call: Call,
    /// File offset of its first instruction.
    pub start: u64,
    /// File offset of the instruction at which the arguments are in their registers.
    pub entry: u64,
    /// Where its result is read.
    pub exit: Exit,
}

/// What a hooked function does, and how its arguments and result are passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// `int read(handle, buffer, length)`: the result is the number of bytes, or not positive.
    Read,
    /// As `Read`, for `write`.
    Write,
    /// `int read_ex(handle, buffer, length, size_t *count)`: positive on success, the number of bytes is in `*count`.
    ReadCounted,
    /// As `ReadCounted`, for `write`.
    WriteCounted,
    /// `ssize_t sendfile(handle, file, …)`: as `Write`, but the bytes are in no buffer.
    SendFile,
    /// `crypto/tls.(*Conn).Read`: register ABI, the result's first word is the number of bytes.
    GoRead,
    /// As `GoRead`, for `Write`.
    GoWrite,
    /// `void take_received_plaintext(connection, &payload)` of rustls.
    RustlsRead,
    /// `usize buffer_plaintext(connection, &chunks, …)` of rustls: the result is the number of bytes.
    RustlsWrite,
    /// `int handshake(handle)`, `int shutdown(handle)`: their records tell the handle's connection.
    Handshake,
    /// `void free(handle)`: the handle may be used for another connection.
    Free,
}

/// Where a hooked function's result is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// By a return probe, which sits on the function's first instruction.
    Return,
    /// File offsets of its `ret` instructions. The only way in Go, where stacks move.
    Instructions(Vec<u64>),
    /// Not needed.
    None,
}
