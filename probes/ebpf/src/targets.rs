//! Whose traffic is watched.

use probes_common::event::Target;
use probes_common::settings::{filter, port};

use crate::maps::{PORTS, TARGETS};
use crate::settings::{OWN_PID, filters};

/// Whether the process's sockets are watched.
#[inline(always)]
pub fn watched(pid: u32) -> bool {
    if pid == OWN_PID.load() {
        return false;
    }
    match target(pid) {
        Some(target) => target.watch != 0,
        None => !filters(filter::PROCESSES),
    }
}

/// What was decided about a process.
#[inline(always)]
pub fn target(pid: u32) -> Option<Target> {
    // SAFETY: entries are only ever written whole.
    unsafe { TARGETS.get(pid) }.copied()
}

/// Whether a connection between these ports is watched.
#[inline(always)]
pub fn ports_watched(local: u16, remote: u16) -> bool {
    if !filters(filter::PORTS | filter::EXCLUDE_PORTS) {
        return true;
    }
    let local = port_rule(local);
    let remote = port_rule(remote);
    if local == port::EXCLUDE || remote == port::EXCLUDE {
        return false;
    }
    !filters(filter::PORTS) || local == port::INCLUDE || remote == port::INCLUDE
}

#[inline(always)]
fn port_rule(number: u16) -> u8 {
    // SAFETY: as in [`target`].
    unsafe { PORTS.get(number) }.copied().unwrap_or(0)
}
