//! The rows of a session that was cut off (SIGHUP, SIGTERM): kept in the state folder, and told of once.

use std::path::PathBuf;

/// Where they are kept; the folder is made if need be.
pub(crate) fn path() -> Option<PathBuf> {
    let folder = folder()?;
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("last.parquet"))
}

/// What to say of them, the first time that somebody looks.
pub(crate) fn news() -> Option<String> {
    let kept = folder()?.join("last.parquet");
    let written = kept.metadata().and_then(|metadata| metadata.modified()).ok()?;
    let told = folder()?.join("last.told");
    if told.metadata().and_then(|metadata| metadata.modified()).is_ok_and(|told| told >= written) {
        return None;
    }
    std::fs::write(told, "").ok()?;
    Some(format!("the last session was cut off; its rows: explore --read {}", kept.display()))
}

/// `$XDG_STATE_HOME/explore`, by default `~/.local/state/explore`.
fn folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    Some(state.join("explore"))
}
