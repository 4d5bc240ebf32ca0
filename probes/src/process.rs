//! Who a process is: name, executable, container and service, read from `/proc` while it lives.

mod cgroup;
mod pod;
mod runtime;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocols::event::ProcessNames;

pub(crate) use cgroup::Membership;

/// What `/proc` tells of one process, in the units of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Thread-group id.
    pub(crate) pid: u32,
    /// Thread-group leader's name.
    pub(crate) comm: Option<String>,
    /// Executable's path, without ` (deleted)`.
    pub(crate) exe: Option<String>,
    /// Where it is in the hierarchy of control groups.
    pub(crate) cgroup: Membership,
    /// `/proc` has no more to say: the process is gone, and its pid may be another's.
    pub(crate) is_gone: bool,
}

impl Facts {
    /// Reads them; `None` when there is no such process (any more).
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let root = directory(pid);
        let comm = fs::read_to_string(root.join("comm")).ok()?;
        let exe = fs::read_link(root.join("exe")).ok().map(|path| {
            let path = path.to_string_lossy().into_owned();
            path.strip_suffix(" (deleted)").map_or(path.clone(), str::to_owned)
        });
        let cgroup = fs::read_to_string(root.join("cgroup")).map(|text| Membership::parse(&text)).unwrap_or_default();
        Some(Self { pid, comm: Some(comm.trim_end_matches('\n').to_owned()), exe, cgroup, is_gone: false })
    }

    /// Of a process that has just changed its image, to what the kernel said. Where `/proc` shows something else, another
    /// process has its pid by now.
    pub(crate) fn of_image(pid: u32, comm: String, exe: Option<String>) -> Self {
        let said = Self { pid, comm: Some(comm), exe, cgroup: Membership::default(), is_gone: true };
        match Self::of(pid).filter(|facts| facts.is_image(&said)) {
            // One that has ended and waits for its parent has no executable any more.
            Some(facts) => Self { exe: facts.exe.or(said.exe), ..facts },
            None => said,
        }
    }

    /// A process may give itself another name at once, and of a script the kernel names the script: one of the two stays.
    fn is_image(&self, said: &Self) -> bool {
        self.comm == said.comm || (self.base_name().is_some() && self.base_name() == said.base_name())
    }

    /// The executable's base name.
    pub(crate) fn base_name(&self) -> Option<&str> {
        self.exe.as_deref().and_then(|exe| Path::new(exe).file_name()).and_then(|name| name.to_str())
    }

    /// As it is told to the layers above.
    pub(crate) fn names(&self) -> ProcessNames {
        if self.is_gone {
            let [process, exe] = [&self.comm, &self.exe].map(|name| name.as_deref().map(Arc::from));
            return ProcessNames { service: process.clone(), process, exe, ..ProcessNames::default() };
        }
        ProcessNames {
            process: self.comm.as_deref().map(Arc::from),
            exe: self.exe.as_deref().map(Arc::from),
            container: self.cgroup.container().map(Arc::from),
            service: self.service().map(Arc::from),
            runtime: runtime::runtime(self.pid).map(Arc::from),
            pod: self.cgroup.is_pod().then(|| pod::of(self.pid, &self.cgroup)).flatten().map(Arc::new),
        }
    }

    /// First known of: `OTEL_SERVICE_NAME`, workload, container's name, unit, name.
    fn service(&self) -> Option<String> {
        service_variable(self.pid)
            .or_else(|| self.cgroup.is_pod().then(|| workload(self.pid)).flatten())
            .or_else(|| self.cgroup.container_id().and_then(container_name))
            .or_else(|| self.cgroup.unit().map(str::to_owned))
            .or_else(|| self.comm.clone())
    }
}

/// All thread-group ids that `/proc` shows.
pub(crate) fn all() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Parent's thread-group id.
pub(crate) fn parent(pid: u32) -> Option<u32> {
    status_field(pid, "PPid:")?.parse().ok()
}

/// Real user id.
pub(crate) fn user(pid: u32) -> Option<u32> {
    status_field(pid, "Uid:")?.split_ascii_whitespace().next()?.parse().ok()
}

fn status_field(pid: u32, name: &str) -> Option<String> {
    let status = fs::read_to_string(directory(pid).join("status")).ok()?;
    Some(status.lines().find_map(|line| line.strip_prefix(name))?.trim().to_owned())
}

/// The one environment variable that is read.
fn service_variable(pid: u32) -> Option<String> {
    let environment = fs::read(directory(pid).join("environ")).ok()?;
    let value = environment.split(|&byte| byte == 0).find_map(|pair| pair.strip_prefix(b"OTEL_SERVICE_NAME="))?;
    let value = std::str::from_utf8(value).ok()?;
    (!value.is_empty()).then(|| value.to_owned())
}

/// The workload of a pod: its host name, `NAME-HASH-ID` of a deployment or `NAME-0` of a stateful set, without the tail.
fn workload(pid: u32) -> Option<String> {
    let host = fs::read_to_string(directory(pid).join("root/etc/hostname")).ok()?;
    Some(without_replica(host.trim()).to_owned()).filter(|name| !name.is_empty())
}

/// `checkout-7d9f8b6c5-x2x4z` and `db-0` to `checkout` and `db`.
fn without_replica(pod: &str) -> &str {
    // Generated parts leave out vowels and the digits 0, 1 and 3 (k8s.io/apimachinery/pkg/util/rand).
    let generated = |part: &str| part.bytes().all(|byte| b"bcdfghjklmnpqrstvwxz2456789".contains(&byte));
    let Some((rest, last)) = pod.rsplit_once('-') else { return pod };
    if last.bytes().all(|byte| byte.is_ascii_digit()) && !last.is_empty() {
        return rest;
    }
    if last.len() != 5 || !generated(last) {
        return pod;
    }
    match rest.rsplit_once('-') {
        Some((name, hash)) if (8..=10).contains(&hash.len()) && generated(hash) => name,
        _ => rest,
    }
}

/// The name that Docker gave a container.
fn container_name(id: &str) -> Option<String> {
    let config = fs::read_to_string(format!("/var/lib/docker/containers/{id}/config.v2.json")).ok()?;
    let name = config.split("\"Name\":\"/").nth(1)?.split('"').next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

fn directory(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_facts() {
        let facts = Facts::of(std::process::id()).expect("this process lives");
        let exe = std::env::current_exe().expect("known");
        assert_eq!(facts.exe.as_deref(), exe.to_str());
        assert_eq!(facts.base_name(), exe.file_name().and_then(|name| name.to_str()));
        assert!(parent(std::process::id()).is_some());
        assert!(all().contains(&std::process::id()));
        assert_eq!(Facts::of(u32::MAX), None);
    }

    #[test]
    fn a_pid_may_be_another_s_by_now() {
        let own = Facts::of(std::process::id()).expect("this process lives");
        let (pid, comm, exe) = (own.pid, own.comm.clone().expect("known"), own.exe.clone());
        assert_eq!(Facts::of_image(pid, comm, Some("/usr/bin/script".to_owned())), own);
        assert_eq!(Facts::of_image(pid, "worker".to_owned(), exe), own, "it has named itself");
        let names = Facts::of_image(pid, "first".to_owned(), Some("/tmp/first".to_owned())).names();
        assert_eq!((names.process.as_deref(), names.exe.as_deref()), (Some("first"), Some("/tmp/first")));
        assert_eq!((names.service.as_deref(), names.container, names.pod), (Some("first"), None, None));
    }

    #[test]
    fn service_comes_from_the_environment_first() {
        let mut child = std::process::Command::new("sleep")
            .arg("10")
            .env("OTEL_SERVICE_NAME", "checkout")
            .spawn()
            .expect("sleep is installed");
        // The parent of a vfork goes on before the kernel has put the new image's environment in place.
        let environment = format!("/proc/{}/environ", child.id());
        while std::fs::read(&environment).expect("it lives").is_empty() {
            std::thread::yield_now();
        }
        let names = Facts::of(child.id()).expect("it lives").names();
        child.kill().expect("it is ours");
        child.wait().expect("it ends");
        assert_eq!(names.process.as_deref(), Some("sleep"));
        assert_eq!(names.service.as_deref(), Some("checkout"));
    }

    #[test]
    fn pods_are_named_by_their_workload() {
        for (pod, name) in [
            ("checkout-7d9f8b6c5-x2x4z", "checkout"),
            ("db-0", "db"),
            ("agent-bcdfg", "agent"),
            ("web", "web"),
            ("my-app", "my-app"),
        ] {
            assert_eq!(without_replica(pod), name, "{pod}");
        }
    }
}
