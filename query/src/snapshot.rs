//! Snapshot files (INTERFACES section 4).

use std::path::Path;

use crate::error::QueryError;
use crate::store::{Snapshot, Store};

/// What the footer says of a snapshot (`explore.manifest`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Manifest {
    /// JSON members beside those that the snapshot itself knows: node, kernel, start, end, filters, coverage, redaction.
    pub members: serde_json::Map<String, serde_json::Value>,
}

/// Writes `snapshot` to `path` (a path ending in `/`: a directory): beside, synced, then renamed; mode 0600.
///
/// # Errors
/// When the path exists and `force` is not given, or the disk refuses.
pub fn write(_path: &Path, _snapshot: &Snapshot, _manifest: &Manifest, _force: bool) -> Result<(), QueryError> {
    Err(QueryError::run("snapshots cannot be written yet"))
}

/// Reads Parquet snapshots and Arrow IPC (told apart by content) into `store`; returns the manifest if there is one.
///
/// # Errors
/// When it is neither, or damaged.
pub fn read(_bytes: Vec<u8>, _store: &mut Store) -> Result<Option<Manifest>, QueryError> {
    Err(QueryError::run("snapshots cannot be read yet"))
}
