//! What works on this machine, and what to do about what does not.

use super::btf::VMLINUX;
use super::programs::unsupported;
use crate::SourceError;

/// Capabilities by number (linux/capability.h).
const CAPABILITIES: &[(u32, &str)] =
    &[(39, "cap_bpf"), (38, "cap_perfmon"), (19, "cap_sys_ptrace"), (2, "cap_dac_read_search")];
const CAP_SYS_ADMIN: u32 = 21;

/// An error unless this process may load programs.
pub(super) fn require() -> Result<(), SourceError> {
    let missing = missing_capabilities();
    if missing.iter().any(|name| matches!(*name, "cap_bpf" | "cap_perfmon")) {
        return Err(unsupported(
            &format!("missing privileges: {}", missing.join(", ").to_uppercase()),
            Some(&remedy()),
        ));
    }
    if !std::path::Path::new(VMLINUX).exists() {
        return Err(unsupported(
            &format!("this kernel has no type information (BTF): no {VMLINUX}"),
            Some("use a kernel built with CONFIG_DEBUG_INFO_BTF=y"),
        ));
    }
    Ok(())
}

/// The commands that give the privileges.
fn remedy() -> String {
    let program = std::env::current_exe().map_or_else(|_| "explore".to_owned(), |path| path.display().to_string());
    let names: Vec<&str> = CAPABILITIES.iter().map(|(_, name)| *name).collect();
    format!("run it with sudo, or once: sudo setcap {}+ep {program}", names.join(","))
}

fn missing_capabilities() -> Vec<&'static str> {
    let effective = effective_capabilities();
    let has = |number: u32| effective >> number & 1 != 0;
    // Before 5.8, and still, CAP_SYS_ADMIN includes the first two.
    let covered = |number: u32| has(number) || (number >= 38 && has(CAP_SYS_ADMIN));
    CAPABILITIES.iter().filter(|(number, _)| !covered(*number)).map(|(_, name)| *name).collect()
}

fn effective_capabilities() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    field.and_then(|value| u64::from_str_radix(value.trim(), 16).ok()).unwrap_or(0)
}
