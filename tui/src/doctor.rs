//! `explore doctor`: what will work on this machine, and what would mend the rest.

use crate::failure::Failure;

/// `explore doctor`.
///
/// # Errors
/// Exit code 3 when live capture will not work.
pub(crate) fn doctor(_json: bool, _pid: Option<u32>) -> Result<u8, Failure> {
    Err(Failure::usage("`explore doctor` is not built yet in this version"))
}
