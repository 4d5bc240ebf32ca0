//! Files that are there whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What a file is written through.
pub(super) type Out = BufWriter<File>;

/// Writes a file beside `path`, syncs it, and gives it the name. An older file of that name is replaced only with `force`,
/// and stays whole until then.
pub(super) fn replace(path: &Path, force: bool, write: impl FnOnce(&mut Out) -> io::Result<()>) -> io::Result<()> {
    let exists =
        || io::Error::new(ErrorKind::AlreadyExists, format!("{} exists; --force overwrites it", path.display()));
    if !force && fs::symlink_metadata(path).is_ok() {
        return Err(exists());
    }
    let beside = beside(path)?;
    let result = written(&beside, write).and_then(|()| {
        if force {
            return fs::rename(&beside, path);
        }
        // Unlike a rename, a link never takes the place of a file that came meanwhile.
        match fs::hard_link(&beside, path) {
            Ok(()) => fs::remove_file(&beside),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(exists()),
            // Some file systems have no links.
            Err(_) => fs::rename(&beside, path),
        }
    });
    if result.is_err() {
        let _ = fs::remove_file(&beside);
        return result;
    }
    sync_folder(path)
}

fn written(beside: &Path, write: impl FnOnce(&mut Out) -> io::Result<()>) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    write(&mut out)?;
    out.flush()?;
    out.get_ref().sync_all()
}

/// A free name in the same folder.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "the path names no file"))?;
    let pid = std::process::id();
    let free = (0_u32..1000).map(|number| {
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{pid}.{number}.part"));
        path.with_file_name(hidden)
    });
    free.into_iter()
        .find(|candidate| fs::symlink_metadata(candidate).is_err())
        .ok_or_else(|| io::Error::new(ErrorKind::AlreadyExists, "too many unfinished snapshots in this folder"))
}

/// The new name is on the disk only when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder)?.sync_all()
}
