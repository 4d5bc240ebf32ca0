//! What to watch: OR within a kind, AND across kinds (INTERFACES section 1).

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
