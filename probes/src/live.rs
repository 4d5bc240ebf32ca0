//! The live kernel: loads and attaches the BPF programs, reads their ring buffer, and decodes it to socket events.

use std::time::Duration;

use crate::targets::Targets;
use crate::{EventSource, Next, SourceError};

/// How to capture.
#[derive(Debug, Clone)]
pub struct Options {
    /// What to watch.
    pub targets: Targets,
    /// Bytes copied at most from one call (`--capture`).
    pub capture: usize,
    /// Which kernel hooks.
    pub backend: Backend,
    /// Read plaintext from TLS libraries too.
    pub tls: bool,
}

/// Kernel hooks that see socket calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backend {
    /// Socket tracepoints where the kernel has them (6.3 and later), else syscall hooks.
    #[default]
    Auto,
    /// Socket tracepoints.
    Sock,
    /// Syscall hooks.
    Syscall,
}

/// A running capture. Dropping it detaches every hook.
#[derive(Debug)]
pub struct Capture {
    _private: (),
}

impl Capture {
    /// Loads and attaches. When it returns, everything that the targets do from now on is seen.
    ///
    /// # Errors
    /// `unsupported` when privileges or kernel features are missing: `advice` names the command that mends it.
    pub fn attach(_options: &Options) -> Result<Self, SourceError> {
        Err(SourceError { what: "not built yet".to_owned(), offset: None, advice: None, unsupported: true })
    }

    /// Watched processes, for the ready line.
    #[must_use]
    pub fn processes(&self) -> usize {
        0
    }

    /// Watches this pid, and its children, from now on (`-- COMMAND`, held before its exec).
    ///
    /// # Errors
    /// When the kernel's table of targets is full.
    pub fn watch(&mut self, _pid: u32) -> Result<(), SourceError> {
        Ok(())
    }

    /// Every hook, for table `probes` and the ready line.
    #[must_use]
    pub fn hooks(&self) -> Vec<Hook> {
        Vec::new()
    }

    /// Stops the kernel side. `next` then gives what was already produced, and `End` after it.
    pub fn stop(&mut self) {}
}

impl EventSource for Capture {
    fn next(&mut self, _wait: Duration) -> Result<Next, SourceError> {
        Ok(Next::End)
    }
}

/// A row of table `probes`.
#[derive(Debug, Clone, PartialEq)]
pub struct Hook {
    /// BPF program.
    pub program: String,
    /// Where it is attached: tracepoint, or symbol with offset.
    pub hook: String,
    /// Library or executable; null for kernel hooks.
    pub target: Option<String>,
    /// How it went.
    pub state: HookState,
    /// Why not, where it is not active.
    pub reason: Option<String>,
    /// Runs so far, where counted.
    pub hits: Option<u64>,
    /// Mean cost, where the kernel counts it.
    pub ns_per_hit: Option<f64>,
}

/// Column `state` of `probes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookState {
    /// Attached.
    Active,
    /// Should have worked, did not.
    Failed,
    /// This kernel cannot.
    Unsupported,
    /// Not needed for these targets.
    Skipped,
}
