//! Snapshot files (INTERFACES section 4): one Parquet file of all tables, or a directory with a file a table.

mod column;
mod file;
mod pages;
mod read;
mod scan;
#[cfg(test)]
mod tests;
mod write;

use std::path::Path;

pub(crate) use column::{Coded, Reader, Values};
pub use read::{is_of_a_damaged_file, read};
pub(crate) use read::{typed, unbroken};
pub use scan::Source;
pub(crate) use scan::{By, Group, Scan, order};

use crate::error::QueryError;
use crate::schema;
use crate::store::{Snapshot, Store};

/// Footer entry of the manifest.
const MANIFEST: &str = "explore.manifest";
/// Its member with the largest numbers of the session.
const NUMBERS: &str = "numbers";
/// Version of the layout, in the manifest.
const VERSION: u64 = 1;
/// The column that says which table a row is of.
const TABLE: &str = "table";

/// What the footer says of a snapshot (`explore.manifest`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Manifest {
    /// JSON members beside `version`, `tables` and `loss`, which come from the snapshot: node, kernel, start, end, filters,
    /// coverage, redaction.
    pub members: serde_json::Map<String, serde_json::Value>,
}

impl Manifest {
    /// The largest number of an exchange, and of a connection, in all files of the snapshot.
    pub(crate) fn numbers(&self) -> Option<(u64, u64)> {
        let numbers = self.members.get(NUMBERS)?;
        let number = |name: &str| numbers.get(name).and_then(serde_json::Value::as_u64);
        Some((number("id")?, number("conn")?))
    }
}

/// Writes `snapshot` to `path` (a path ending in `/`: a directory): beside, synced, then renamed; mode 0600.
///
/// # Errors
/// When the path exists and `force` is not given, or the disk refuses; then nothing is left under the name.
pub fn write(path: &Path, snapshot: &Snapshot, manifest: &Manifest, force: bool) -> Result<(), QueryError> {
    let directory = path.as_os_str().as_encoded_bytes().ends_with(b"/");
    let written = if directory {
        write::directory(path, snapshot, manifest, force)
    } else {
        file::replace(path, force, |out| write::whole(out, snapshot, manifest))
    };
    written.map_err(|error| QueryError::run(format!("the snapshot was not written: {error}")))
}

/// Makes the rows of a file part of `store`. A Parquet snapshot stays where it is, and each query reads what it needs;
/// Arrow IPC is loaded. Returns the manifest if there is one.
///
/// # Errors
/// When it is neither, or damaged.
pub fn open(source: Source, store: &mut Store) -> Result<Option<Manifest>, QueryError> {
    match source {
        Source::Bytes(bytes) if !bytes.starts_with(b"PAR1") => read(bytes, store),
        source => read::unbroken(|| scan::scan(source, store)).map_err(read::damaged),
    }
}

/// The tables that a snapshot holds, in the order in which it holds them.
fn stored() -> impl Iterator<Item = &'static schema::Table> {
    schema::tables().iter().filter(|table| table.name != "requests")
}
