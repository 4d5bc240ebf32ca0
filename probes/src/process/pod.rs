//! Which pod a process runs in, from what the kubelet leaves on the node: control groups and the names of log folders.
//! Nobody is asked, no file is opened but the pod's own `hostname`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use protocols::event::Pod;

use super::Membership;

/// The pod of a process in this control group.
pub(super) fn of(pid: u32, cgroup: &Membership) -> Option<Pod> {
    // In a container of its own explore sees the node's folders through the node's first process (`hostPID`).
    let logs = ["/var/log", "/proc/1/root/var/log"].map(Path::new);
    let host =
        |root: String| fs::read_to_string(format!("{root}/etc/hostname")).ok().map(|name| name.trim().to_owned());
    let (own, node) = (host(format!("/proc/{pid}/root")), host("/proc/1/root".to_owned()));
    // In the node's network the host's name is the node's.
    let hostname = own.filter(|own| node.as_ref() != Some(own));
    known(&logs, &cgroup.pod_uid()?, cgroup.container_id(), hostname.as_deref())
}

/// What folders of logs and the pod's host name say of a pod and a container.
fn known(logs: &[&Path], uid: &str, container: Option<&str>, hostname: Option<&str>) -> Option<Pod> {
    let uid_only = Pod { uid: Some(uid.into()), ..Pod::default() };
    let found = logs.iter().find_map(|logs| in_folder(logs, uid));
    let (namespace, name) = match found {
        Some((namespace, name)) => (Some(namespace), Some(name)),
        None => (None, hostname.filter(|name| !name.is_empty()).map(Arc::from)),
    };
    let container = container.and_then(|id| logs.iter().find_map(|logs| container_name(logs, id)));
    Some(Pod { namespace, name, container, ..uid_only })
}

/// `pods/NAMESPACE_NAME_UID`: none of these has a `_` (kubelet, `BuildPodLogsDirectory`).
fn in_folder(logs: &Path, uid: &str) -> Option<(Arc<str>, Arc<str>)> {
    entries(&logs.join("pods")).find_map(|entry| {
        let (namespace, name) = entry.strip_suffix(uid)?.strip_suffix('_')?.split_once('_')?;
        Some((namespace.into(), name.into()))
    })
}

/// `containers/POD_NAMESPACE_CONTAINER-ID.log` (kubelet, `LogSymlink`).
fn container_name(logs: &Path, id: &str) -> Option<Arc<str>> {
    entries(&logs.join("containers")).find_map(|entry| {
        let name = entry.strip_suffix(".log")?.strip_suffix(id)?.strip_suffix('-')?;
        name.rsplit_once('_').map(|(_, container)| container.into())
    })
}

fn entries(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "7b3f2c1d-90ab-4def-8123-456789abcdef";
    const ID: &str = "4c01db0b339c4e7f9d8a7e6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b4a3928";

    /// The folders of a node's kubelet with two pods, one of two containers.
    fn node() -> tempfile::TempDir {
        let logs = tempfile::tempdir().expect("is made");
        let other = ID.replace('4', "5");
        for folder in [
            format!("pods/shop_checkout-7d9f8b6c5-x2x4z_{UID}/app"),
            format!("pods/shop_checkout-7d9f8b6c5-x2x4z_{UID}/proxy"),
            "pods/kube-system_etcd-node-1_0e0c1a2b3c4d5e6f708192a3b4c5d6e7/etcd".to_owned(),
            "containers".to_owned(),
        ] {
            fs::create_dir_all(logs.path().join(folder)).expect("is made");
        }
        for log in [
            format!("checkout-7d9f8b6c5-x2x4z_shop_app-{ID}.log"),
            format!("checkout-7d9f8b6c5-x2x4z_shop_proxy-{other}.log"),
        ] {
            std::os::unix::fs::symlink("/nowhere", logs.path().join("containers").join(log)).expect("is made");
        }
        logs
    }

    fn pod(uid: &str, name: Option<&str>, namespace: Option<&str>, container: Option<&str>) -> Option<Pod> {
        let text = |text: Option<&str>| text.map(Arc::from);
        Some(Pod { uid: text(Some(uid)), name: text(name), namespace: text(namespace), container: text(container) })
    }

    #[test]
    fn the_folders_of_a_node_name_pod_namespace_and_container() {
        let node = node();
        let logs = [Path::new("/nonexistent"), node.path()];
        let checkout = |container| pod(UID, Some("checkout-7d9f8b6c5-x2x4z"), Some("shop"), container);
        assert_eq!(known(&logs, UID, Some(ID), Some("other")), checkout(Some("app")));
        assert_eq!(known(&logs, UID, Some(&ID.replace('4', "5")), None), checkout(Some("proxy")));
        assert_eq!(known(&logs, UID, Some(&ID.replace('4', "6")), None), checkout(None));
        let hash = "0e0c1a2b3c4d5e6f708192a3b4c5d6e7";
        assert_eq!(known(&logs, hash, None, None), pod(hash, Some("etcd-node-1"), Some("kube-system"), None));
    }

    #[test]
    fn without_them_the_host_name_is_the_pods() {
        let logs = [Path::new("/nonexistent")];
        assert_eq!(known(&logs, UID, Some(ID), Some("db-0")), pod(UID, Some("db-0"), None, None));
        assert_eq!(known(&logs, UID, Some(ID), None), pod(UID, None, None, None));
    }
}
