//! SIGINT, SIGTERM and SIGHUP end a run, a second one at once; SIGUSR1 asks for a snapshot.
//!
//! Before a run has begun there is nothing to bring to an end: the first signal ends the process, which may be waiting for
//! the first bytes of a pipe.

use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, bounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use crate::failure::Failure;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// End; the exit code to use if nothing else decides it.
    End(u8),
    /// Write a snapshot.
    Snapshot,
}

/// From now on the first signal is an order to end well, no longer an end.
pub(crate) fn begun() {
    BEGUN.store(true, Ordering::Relaxed);
}

static BEGUN: AtomicBool = AtomicBool::new(false);

/// Listens from now on. The second signal that asks for an end is not waited for: the process exits at once.
///
/// # Errors
/// When the system refuses the handlers.
pub(crate) fn listen() -> Result<Receiver<Signal>, Failure> {
    let refuse = |error: std::io::Error| Failure::usage(format!("cannot listen to signals: {error}"));
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGUSR1]).map_err(refuse)?;
    let (sender, receiver) = bounded(16);
    let listen = move || {
        // It needs none, and `--no-tls` promises that no thread has any.
        let _refused = probes::privileges::drop_of_thread();
        let mut ending = false;
        for signal in signals.forever() {
            let what = match signal {
                SIGUSR1 => Signal::Snapshot,
                other => Signal::End(u8::try_from(128 + other).unwrap_or(130)),
            };
            if let Signal::End(code) = what {
                if ending || !BEGUN.load(Ordering::Relaxed) {
                    crate::screen::let_go();
                    std::process::exit(i32::from(code));
                }
                ending = true;
            }
            if sender.send(what).is_err() {
                crate::screen::let_go();
                std::process::exit(130);
            }
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(listen).map_err(refuse)?;
    Ok(receiver)
}
