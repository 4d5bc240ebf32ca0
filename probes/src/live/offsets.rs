//! The offsets that the programs ask for, from the running kernel's type information.

use probes_common::offsets::{MISSING, OFFSETS};

use super::btf::{Btf, BtfError, VMLINUX};
use crate::SourceError;

/// The running kernel's type information.
pub(super) fn kernel_types() -> Result<Btf, SourceError> {
    Btf::of_kernel().map_err(|BtfError(what)| SourceError {
        what: format!("this kernel has no type information (BTF): {what}"),
        offset: None,
        advice: Some(format!("use a kernel built with CONFIG_DEBUG_INFO_BTF=y, which shows {VMLINUX}")),
        unsupported: true,
    })
}

/// Name of the global and its value, for each row of the table.
pub(super) fn of(btf: &Btf) -> Result<Vec<(&'static str, u32)>, SourceError> {
    OFFSETS
        .iter()
        .map(|row| match btf.offset(row.structure, row.member) {
            Some(offset) => Ok((row.name, offset)),
            None if row.optional => Ok((row.name, MISSING)),
            None => Err(SourceError {
                what: format!("this kernel's struct {} has no member {}", row.structure, row.member),
                offset: None,
                advice: Some("report it with the output of `uname -r`".to_owned()),
                unsupported: true,
            }),
        })
        .collect()
}
