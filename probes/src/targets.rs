//! What to watch: OR within a kind, AND across kinds (INTERFACES section 1).

mod glob;

use crate::process::{Facts, parent, user};
use glob::matches;

/// The target options as they were typed. All empty: the whole host, except explore itself and its SSH session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets {
    /// `--pid`.
    pub pids: Vec<u32>,
    /// `--comm`: globs on the process's name or its executable's base name.
    pub comms: Vec<String>,
    /// `--exe`: globs on the executable's path.
    pub exes: Vec<String>,
    /// `--user`: names or uids.
    pub users: Vec<String>,
    /// `--container`: id prefixes.
    pub containers: Vec<String>,
    /// `--cgroup`: paths below the cgroup root, with all below them.
    pub cgroups: Vec<String>,
    /// `--listen`: processes that listen on this port, with all their connections.
    pub listen: Vec<u16>,
    /// `--port`: connections with this port at either end.
    pub ports: Vec<u16>,
    /// `--children`: the targets' descendants too.
    pub children: bool,
    /// `--exclude-comm`.
    pub exclude_comms: Vec<String>,
    /// `--exclude-port`.
    pub exclude_ports: Vec<u16>,
}

impl Targets {
    /// Whether processes are chosen, by any kind of option.
    pub(crate) fn choose_processes(&self) -> bool {
        !(self.pids.is_empty() && self.listen.is_empty()) || self.choose_by_name()
    }

    /// Whether the choice has to be made again when a process changes its image.
    pub(crate) fn review_on_exec(&self) -> bool {
        self.choose_by_name() || !self.exclude_comms.is_empty() || !self.listen.is_empty()
    }

    /// Whether processes that do not exist yet may be watched.
    pub(crate) fn may_start_later(&self) -> bool {
        self.choose_by_name() || self.children || !self.choose_processes()
    }

    /// Whether nothing was asked for.
    pub(crate) fn whole_host(&self) -> bool {
        !self.choose_processes() && self.ports.is_empty()
    }

    /// Ids of the users asked for.
    ///
    /// # Errors
    /// The name of one that does not exist.
    pub(crate) fn user_ids(&self) -> Result<Vec<u32>, &str> {
        self.users.iter().map(|name| name.parse().ok().or_else(|| uid_of(name)).ok_or(name.as_str())).collect()
    }

    /// A forked child is what its parent is, in everything but its pid.
    pub(crate) fn children_match(&self) -> bool {
        self.children || self.pids.is_empty()
    }

    /// Whether this process is asked for by itself. `listens`: on one of the ports asked for.
    pub(crate) fn accept(&self, facts: &Facts, listens: bool) -> bool {
        if self.excludes(facts) {
            return false;
        }
        let container = facts.cgroup.container_id();
        (self.pids.is_empty() || self.pids.contains(&facts.pid))
            && (self.comms.is_empty() || self.comms.iter().any(|glob| is_called(facts, glob)))
            && any(&self.exes, |glob| facts.exe.as_deref().is_some_and(|exe| matches(glob, exe)))
            && any(&self.containers, |prefix| container.is_some_and(|id| id.starts_with(prefix.as_str())))
            && any(&self.cgroups, |group| facts.cgroup.is_below(group))
            && (self.users.is_empty()
                || user(facts.pid).is_some_and(|uid| self.users.iter().any(|name| is_user(name, uid))))
            && (self.listen.is_empty() || listens)
    }

    /// Whether this process is left out by name.
    pub(crate) fn excludes(&self, facts: &Facts) -> bool {
        self.exclude_comms.iter().any(|glob| is_called(facts, glob))
    }

    fn choose_by_name(&self) -> bool {
        [&self.comms, &self.exes, &self.users, &self.containers, &self.cgroups].iter().any(|kind| !kind.is_empty())
    }
}

/// The SSH server processes that this one runs below: their traffic is its own output.
pub(crate) fn ssh_session() -> Vec<u32> {
    let mut found = Vec::new();
    let mut pid = std::process::id();
    // A chain of ancestors is short; the bound is against a cycle through a pid that was used again.
    for _ in 0..64 {
        let Some(above) = parent(pid).filter(|&above| above > 1) else { break };
        pid = above;
        if Facts::of(pid).and_then(|facts| facts.comm).is_some_and(|comm| comm.starts_with("sshd")) {
            found.push(pid);
        }
    }
    found
}

fn any(wanted: &[String], test: impl Fn(&String) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(test)
}

fn is_called(facts: &Facts, glob: &str) -> bool {
    facts.comm.as_deref().is_some_and(|comm| matches(glob, comm))
        || facts.base_name().is_some_and(|name| matches(glob, name))
}

fn is_user(name: &str, uid: u32) -> bool {
    name.parse() == Ok(uid) || uid_of(name) == Some(uid)
}

/// From `/etc/passwd`: users of other directories are given by number.
fn uid_of(name: &str) -> Option<u32> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Membership;

    fn nginx() -> Facts {
        Facts {
            pid: 7,
            comm: Some("nginx".to_owned()),
            exe: Some("/usr/sbin/nginx".to_owned()),
            cgroup: Membership::parse("0::/system.slice/nginx.service"),
            is_gone: false,
        }
    }

    fn list(items: &[&str]) -> Vec<String> {
        items.iter().map(|&item| item.to_owned()).collect()
    }

    #[test]
    fn kinds_are_anded_and_their_values_ored() {
        let check =
            |targets: Targets, expected: bool| assert_eq!(targets.accept(&nginx(), false), expected, "{targets:?}");
        check(Targets { comms: list(&["apache", "ngin*"]), ..Targets::default() }, true);
        check(Targets { comms: list(&["apache"]), ..Targets::default() }, false);
        check(Targets { comms: list(&["nginx"]), pids: vec![7], ..Targets::default() }, true);
        check(Targets { comms: list(&["nginx"]), pids: vec![8], ..Targets::default() }, false);
        check(Targets { exes: list(&["/usr/*/nginx"]), ..Targets::default() }, true);
        check(Targets { cgroups: list(&["system.slice"]), ..Targets::default() }, true);
        check(Targets { containers: list(&["4c01"]), ..Targets::default() }, false);
        check(Targets { listen: vec![80], ..Targets::default() }, false);
        check(Targets { exclude_comms: list(&["nginx"]), ..Targets::default() }, false);
    }

    #[test]
    fn users_are_names_or_numbers() {
        assert!(is_user("root", 0));
        assert!(is_user("0", 0));
        assert!(!is_user("root", 1000));
        assert!(!is_user("nobody-of-that-name", 0));
    }
}
