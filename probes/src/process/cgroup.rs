//! What a process's control groups say: its container, its pod, its systemd unit.

/// The paths in `/proc/PID/cgroup`, that of the unified hierarchy first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Membership {
    paths: Vec<String>,
}

impl Membership {
    /// Reads lines such as `0::/system.slice/nginx.service`.
    pub(crate) fn parse(text: &str) -> Self {
        let mut paths = Vec::new();
        for line in text.lines() {
            let mut fields = line.splitn(3, ':');
            let (Some(id), Some(_), Some(path)) = (fields.next(), fields.next(), fields.next()) else { continue };
            if paths.iter().any(|known| known == path) {
                continue;
            }
            if id == "0" { paths.insert(0, path.to_owned()) } else { paths.push(path.to_owned()) }
        }
        Self { paths }
    }

    /// First 12 digits of the container's id.
    pub(crate) fn container(&self) -> Option<&str> {
        self.container_id().and_then(|id| id.get(..12))
    }

    /// All 64 digits of the container's id: a part of the path such as `ID`, `docker-ID.scope`, `cri-containerd-ID.scope`.
    pub(crate) fn container_id(&self) -> Option<&str> {
        self.paths.iter().find_map(|path| path.rsplit('/').find_map(hexadecimal_id))
    }

    /// Whether Kubernetes runs it.
    pub(crate) fn is_pod(&self) -> bool {
        self.paths.iter().any(|path| path.contains("kubepods"))
    }

    /// The pod's UID: of a part of the path such as `podUID` or `kubepods-burstable-podUID.slice`, where systemd's names have
    /// `_` for `-` (kubelet, `pkg/kubelet/cm`). Of a static pod it is the hash of its manifest.
    pub(crate) fn pod_uid(&self) -> Option<String> {
        let in_part = |part: &str| {
            let part = part.strip_suffix(".slice").unwrap_or(part);
            let (before, uid) = part.rsplit_once("pod")?;
            let uid = uid.replace('_', "-");
            let digits = uid.bytes().filter(u8::is_ascii_hexdigit).count();
            let is_uid = digits == 32 && uid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
            (is_uid && (before.is_empty() || before.ends_with('-'))).then_some(uid)
        };
        let pods = self.paths.iter().filter(|path| path.contains("kubepods"));
        pods.flat_map(|path| path.rsplit('/')).find_map(in_part)
    }

    /// The innermost systemd service, without `.service`. A user's own manager does not count.
    pub(crate) fn unit(&self) -> Option<&str> {
        self.paths.iter().find_map(|path| {
            path.rsplit('/').filter_map(|part| part.strip_suffix(".service")).find(|unit| !unit.starts_with("user@"))
        })
    }

    /// Whether it is in this group or below it. With or without a leading slash or the mount point.
    pub(crate) fn is_below(&self, group: &str) -> bool {
        let group = group.strip_prefix("/sys/fs/cgroup").unwrap_or(group).trim_matches('/');
        self.paths.iter().any(|path| {
            path.trim_matches('/')
                .strip_prefix(group)
                .is_some_and(|rest| group.is_empty() || rest.is_empty() || rest.starts_with('/'))
        })
    }
}

fn hexadecimal_id(part: &str) -> Option<&str> {
    let part = part.strip_suffix(".scope").unwrap_or(part);
    let id = part.rsplit(['-', ':']).next()?;
    (id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4c01db0b339c4e7f9d8a7e6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b4a3928";

    #[track_caller]
    fn check(line: &str, container: Option<&str>, unit: Option<&str>, pod: bool) {
        let membership = Membership::parse(&line.replace("ID", ID));
        assert_eq!(membership.container(), container);
        assert_eq!(membership.unit(), unit);
        assert_eq!(membership.is_pod(), pod);
    }

    #[test]
    fn containers_units_and_pods() {
        let id = Some("4c01db0b339c");
        check("0::/system.slice/docker-ID.scope\n", id, None, false);
        check("0::/system.slice/nginx.service\n", None, Some("nginx"), false);
        check(
            "12:pids:/docker/ID\n11:cpu:/docker/ID\n0::/system.slice/containerd.service\n",
            id,
            Some("containerd"),
            false,
        );
        check(
            "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-ID.scope",
            id,
            None,
            true,
        );
        check("0::/kubepods/besteffort/pod12/ID", id, None, true);
        check("0::/machine.slice/libpod-ID.scope/container", id, None, false);
        check("0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.scope", None, None, false);
        check("0::/user.slice/user-1000.slice/user@1000.service/app.slice/web.service", None, Some("web"), false);
        check("0::/", None, None, false);
        check("nonsense", None, None, false);
    }

    #[test]
    fn pods_have_a_uid() {
        let uid = |path: &str| Membership::parse(&format!("0::{}\n", path.replace("ID", ID))).pod_uid();
        let known = Some("7b3f2c1d-90ab-4def-8123-456789abcdef".to_owned());
        // systemd's driver, then cgroupfs's.
        let slice = "kubepods-burstable-pod7b3f2c1d_90ab_4def_8123_456789abcdef.slice";
        assert_eq!(uid(&format!("/kubepods.slice/kubepods-burstable.slice/{slice}/cri-containerd-ID.scope")), known);
        assert_eq!(uid("/kubepods.slice/kubepods-pod7b3f2c1d_90ab_4def_8123_456789abcdef.slice/crio-ID.scope"), known);
        assert_eq!(uid("/kubepods/besteffort/pod7b3f2c1d-90ab-4def-8123-456789abcdef/ID"), known);
        // A static pod of kubeadm.
        let hash = Some("0e0c1a2b3c4d5e6f708192a3b4c5d6e7".to_owned());
        assert_eq!(uid("/kubepods/burstable/pod0e0c1a2b3c4d5e6f708192a3b4c5d6e7/ID"), hash);
        for other in ["/kubepods/besteffort/pod12/ID", "/system.slice/podman.service", "/kubepods", "/machine.slice/ID"]
        {
            assert_eq!(uid(other), None, "{other}");
        }
    }

    #[test]
    fn groups_contain_those_below_them() {
        let membership = Membership::parse("0::/a/b/c\n");
        for group in ["/a", "a/b", "/a/b/c/", "/sys/fs/cgroup/a", "/"] {
            assert!(membership.is_below(group), "{group}");
        }
        for group in ["/b", "/a/bc", "/a/b/c/d"] {
            assert!(!membership.is_below(group), "{group}");
        }
    }
}
