//! Whose traffic is watched.

use aya_ebpf::helpers::bpf_get_current_uid_gid;
use aya_ebpf::helpers::generated::bpf_get_current_ancestor_cgroup_id;
use probes_common::event::{Target, loss};
use probes_common::settings::{MAX_CGROUPS, filter, port};

use crate::current;
use crate::emit::lost;
use crate::maps::{CGROUPS, PORTS, TARGETS, USERS};
use crate::settings::{OWN_PID, filters};

/// Whether the current process, `pid`, is watched.
#[inline(always)]
pub fn watched(pid: u32) -> bool {
    if !chosen(pid) {
        return false;
    }
    if filters(filter::USERS | filter::CGROUPS) && !exempt(pid) {
        return user_watched() && cgroup_watched();
    }
    true
}

/// Whether a process is watched, as far as its pid tells.
#[inline(always)]
pub fn chosen(pid: u32) -> bool {
    if pid == OWN_PID.load() || current::is_outside(pid) {
        return false;
    }
    match target(pid) {
        Some(target) => target.watch != 0,
        None => !filters(filter::PROCESSES),
    }
}

/// A command that explore started, and descendants of targets: watched whoever they are.
#[inline(always)]
fn exempt(pid: u32) -> bool {
    matches!(target(pid), Some(target) if target.sticky != 0)
}

#[inline(always)]
fn user_watched() -> bool {
    // SAFETY: entries are never changed.
    !filters(filter::USERS) || unsafe { USERS.get(bpf_get_current_uid_gid() as u32) }.is_some()
}

#[inline(always)]
fn cgroup_watched() -> bool {
    if !filters(filter::CGROUPS) {
        return true;
    }
    for index in 0..MAX_CGROUPS {
        let Some(group) = CGROUPS.get(index) else { break };
        if group.id == 0 {
            break;
        }
        // SAFETY: has no preconditions.
        if unsafe { bpf_get_current_ancestor_cgroup_id(group.level as i32) } == group.id {
            return true;
        }
    }
    false
}

/// Watches a process, and its children, until user space has looked at it, so that nothing is missed in between. What user
/// space refuses it drops.
#[inline(always)]
pub fn review(pid: u32) {
    if TARGETS.insert(pid, Target { watch: 1, inherit: 1, sticky: 0, padding: 0 }, 0).is_err() {
        lost(loss::TARGETS_FULL, 0);
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
    let rules = port_rules(local) | port_rules(remote);
    rules & port::EXCLUDE == 0 && (!filters(filter::PORTS) || rules & port::INCLUDE != 0)
}

/// What was asked for about a port.
#[inline(always)]
pub fn port_rules(number: u16) -> u8 {
    // SAFETY: as in [`target`].
    unsafe { PORTS.get(number) }.copied().unwrap_or(0)
}
