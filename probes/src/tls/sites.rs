//! Which instruction to hook, found by disassembly.
//!
//! A probe on an instruction that the kernel emulates costs about 1 us, on any other 15 us in a virtual machine (x86-64:
//! push of a register, nop, near call and jump; aarch64: branches and `ret`). OpenSSL 1.1.1 and later export thin wrappers
//! around one inner function that takes `(ssl, buffer, length, &count)`; where all wrappers of a direction call the same
//! one, and its first instruction is emulated, hooking that one is both cheaper and complete. Where this cannot be shown,
//! the exported functions are hooked.

mod aarch64;
mod x86_64;

/// What the code is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// AMD64.
    X86_64,
    /// ARM64, little-endian.
    Aarch64,
}

/// The inner function that a wrapper calls with its own first two arguments untouched; null where the code is no
/// wrapper. On aarch64 it is not looked for: functions there begin with nothing that the kernel emulates.
#[must_use]
pub fn inner_call(machine: Machine, code: &[u8], address: u64) -> Option<u64> {
    match machine {
        Machine::X86_64 => x86_64::inner_call(code, address),
        Machine::Aarch64 => None,
    }
}

/// Whether the kernel emulates this first instruction under a probe.
#[must_use]
pub fn is_emulated(machine: Machine, code: &[u8], address: u64) -> bool {
    match machine {
        Machine::X86_64 => x86_64::is_emulated(code, address),
        Machine::Aarch64 => false,
    }
}

/// Offset, from the function's start, of the jump by which a Go function asks for more stack: it is emulated, and the arguments
/// are still where they were. Null where the function does not begin so.
#[must_use]
pub fn stack_check(machine: Machine, code: &[u8], address: u64) -> Option<u64> {
    match machine {
        Machine::X86_64 => x86_64::stack_check(code, address),
        Machine::Aarch64 => aarch64::stack_check(code),
    }
}

/// Offsets, from the function's start, of its `ret` instructions. Null when the code cannot be read to its end.
#[must_use]
pub fn returns(machine: Machine, code: &[u8], address: u64) -> Option<Vec<u64>> {
    let found = match machine {
        Machine::X86_64 => x86_64::returns(code, address)?,
        Machine::Aarch64 => aarch64::returns(code),
    };
    (!found.is_empty()).then_some(found)
}
