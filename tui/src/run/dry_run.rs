//! `--dry-run`: everything that a live capture would use.

use crate::failure::Failure;
use crate::options::Explore;

/// Prints every program, hook, library and capability that would be used.
///
/// # Errors
/// When stdout cannot be written.
pub(super) fn dry_run(_explore: &Explore) -> Result<u8, Failure> {
    Err(Failure::usage("--dry-run is not built yet in this version"))
}
