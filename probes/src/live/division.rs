//! Which targets the kernel compares by itself at each call, and which are decided process by process.

use probes_common::event::CgroupTarget;
use probes_common::settings::MAX_CGROUPS;

use super::cgroups;
use crate::SourceError;
use crate::targets::Targets;

/// Targets, divided.
pub(super) struct Division {
    /// User ids that the kernel compares; empty: any.
    pub(super) users: Vec<u32>,
    /// Control groups that the kernel compares; empty: any.
    pub(super) cgroups: Vec<CgroupTarget>,
    /// What is left for user space.
    pub(super) rest: Targets,
}

/// The kernel takes users and control groups, because a process may change both after it was looked at (a server that drops
/// its privileges). Not with `--children`: the descendants of a match may be in another group.
pub(super) fn divide(targets: &Targets) -> Result<Division, SourceError> {
    let mut division = Division { users: Vec::new(), cgroups: Vec::new(), rest: targets.clone() };
    let users = targets.user_ids().map_err(|name| SourceError {
        what: format!("there is no user {name:?} on this machine"),
        offset: None,
        advice: Some("give a name of /etc/passwd, or a number".to_owned()),
        unsupported: false,
    })?;
    if targets.children {
        return Ok(division);
    }
    division.users = users;
    division.rest.users.clear();
    if let Some(groups) = cgroups::resolve(&targets.cgroups).filter(|groups| groups.len() <= MAX_CGROUPS as usize) {
        division.cgroups = groups;
        division.rest.cgroups.clear();
    }
    Ok(division)
}
