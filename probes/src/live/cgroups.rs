//! Control groups by name, as the kernel's filter wants them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use probes_common::event::CgroupTarget;

/// The groups' ids and depths in the unified hierarchy; `None` unless all of them are there. (Then processes are looked at
/// one by one instead: hierarchies of version 1, and namespaces that hide the depth.)
pub(super) fn resolve(groups: &[String]) -> Option<Vec<CgroupTarget>> {
    let root = unified_root()?;
    // The true root has inode number 1; in a namespace the depth of what is seen as the root is unknown.
    if fs::metadata(&root).ok()?.ino() != 1 {
        return None;
    }
    groups.iter().map(|group| target(&root, group)).collect()
}

fn target(root: &Path, group: &str) -> Option<CgroupTarget> {
    let below = Path::new(group).strip_prefix(root).unwrap_or(Path::new(group));
    let below = below.strip_prefix("/").unwrap_or(below);
    let id = fs::metadata(root.join(below)).ok()?.ino();
    Some(CgroupTarget { id, level: u64::try_from(below.components().count()).ok()? })
}

/// Where the unified hierarchy is mounted.
fn unified_root() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let point = fields.nth(1)?;
        (fields.next() == Some("cgroup2")).then(|| PathBuf::from(point))
    })
}
