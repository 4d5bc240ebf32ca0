//! The files whose code a process has mapped, as the process itself sees them.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use procfs::ProcError;
use procfs::process::{MMPermissions, MMapPath, Process};

/// A file with code in it. Two processes that share it have the same `device` and `inode`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mapped {
    /// Where the process sees it.
    pub path: PathBuf,
    /// A path by which explore can open it, through the process's own root; also for files that have been replaced.
    pub open: PathBuf,
    /// Device of the file system, as `st_dev`.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// It was deleted or replaced after it was mapped.
    pub deleted: bool,
}

impl Mapped {
    /// OpenSSL's other half, which names the version of both.
    fn is_libcrypto(&self) -> bool {
        let name = self.path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("lib") && name.contains("crypto"))
    }
}

/// The other half of `library` among all files of a process: the one in its folder, where there are several.
#[must_use]
pub fn libcrypto<'a>(library: &Mapped, files: &'a [Mapped]) -> Option<&'a Path> {
    let all = || files.iter().filter(|file| file.is_libcrypto());
    let beside = all().find(|file| file.path.parent() == library.path.parent());
    beside.or_else(|| all().next()).map(|file| file.open.as_path())
}

/// Files with executable mappings in `pid`, each once; its own executable comes first.
///
/// # Errors
/// When the process is gone, or its maps may not be read (CAP_SYS_PTRACE).
pub fn executables(pid: u32) -> Result<Vec<Mapped>, String> {
    let number = i32::try_from(pid).map_err(|_| format!("no such process: {pid}"))?;
    let process = Process::new(number).map_err(why)?;
    let maps = process.maps().map_err(why)?;
    let root = PathBuf::from(format!("/proc/{pid}/root"));
    let executable = process.exe().ok();
    let mut seen = HashSet::new();
    let mut files = Vec::new();
    for map in &maps {
        let MMapPath::Path(path) = &map.pathname else { continue };
        if !map.perms.contains(MMPermissions::EXECUTE) || map.inode == 0 || !seen.insert((map.dev, map.inode)) {
            continue;
        }
        let by_range = PathBuf::from(format!("/proc/{pid}/map_files/{:x}-{:x}", map.address.0, map.address.1));
        let (plain, deleted) = without_deleted(path);
        let through_root = root.join(plain.strip_prefix("/").unwrap_or(&plain));
        let open = if !deleted && through_root.metadata().is_ok_and(|file| file.ino() == map.inode) {
            through_root
        } else {
            by_range
        };
        let device = open.metadata().map_or(0, |file| file.dev());
        let file = Mapped { path: plain, open, device, inode: map.inode, deleted };
        if executable.as_ref().is_some_and(|executable| without_deleted(executable).0 == file.path) {
            files.insert(0, file);
        } else {
            files.push(file);
        }
    }
    // A process has code: where none is shown it is withheld.
    if files.is_empty() { Err(WITHHELD.to_owned()) } else { Ok(files) }
}

const WITHHELD: &str = "its memory map may not be read: that needs CAP_SYS_PTRACE";

fn why(error: ProcError) -> String {
    match error {
        ProcError::PermissionDenied(_) => WITHHELD.to_owned(),
        error => format!("its memory map cannot be read: {error}"),
    }
}

fn without_deleted(path: &Path) -> (PathBuf, bool) {
    match path.to_str().and_then(|text| text.strip_suffix(" (deleted)")) {
        Some(plain) => (PathBuf::from(plain), true),
        None => (path.to_owned(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_s_other_half_is_the_one_beside_it() {
        let file = |path: &str| {
            let path = PathBuf::from(path);
            Mapped { open: path.clone(), path, device: 1, inode: 1, deleted: false }
        };
        let files =
            ["/usr/lib/libcrypto.so.3", "/old/libcrypto-c1fa.so.1.0.2q", "/aws/libaws_lc_0_47_0_crypto.so"].map(file);
        let half = |path: &str| libcrypto(&file(path), &files).map(|path| path.to_str().unwrap());
        assert_eq!(half("/old/libssl-c0c2.so.1.0.2q"), Some("/old/libcrypto-c1fa.so.1.0.2q"));
        assert_eq!(half("/aws/libaws_lc_0_47_0_ssl.so"), Some("/aws/libaws_lc_0_47_0_crypto.so"));
        assert_eq!(half("/elsewhere/libssl.so.3"), Some("/usr/lib/libcrypto.so.3"));
        assert_eq!(libcrypto(&file("/bin/x"), &[]), None);
    }

    #[test]
    fn this_test_has_its_own_code_mapped() {
        let files = executables(std::process::id()).unwrap();
        let own = std::env::current_exe().unwrap();
        assert_eq!(files[0].path, own);
        assert_eq!(files[0].inode, own.metadata().unwrap().ino());
        assert!(files.iter().all(|file| !file.deleted && file.open.exists()));
    }
}
