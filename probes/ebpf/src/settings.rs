//! Constants that user space sets before the programs are loaded. The verifier knows their values, so that code for what
//! is switched off costs nothing.

use aya_ebpf::Global;
use probes_common::for_each_offset;
use probes_common::offsets::MISSING;

/// Thread-group id of explore itself: never watched.
#[unsafe(no_mangle)]
pub static OWN_PID: Global<u32> = Global::new(0);

/// Inode number of the pid namespace in which explore runs; 0 for the first one.
#[unsafe(no_mangle)]
pub static PID_NAMESPACE: Global<u32> = Global::new(0);

/// Device of that inode, as the kernel writes it (`dev_t`).
#[unsafe(no_mangle)]
pub static PID_NAMESPACE_DEVICE: Global<u32> = Global::new(0);

/// Bits of [`probes_common::settings::filter`].
#[unsafe(no_mangle)]
pub static FILTER: Global<u32> = Global::new(0);

/// Bytes copied at most from one call (`--capture`).
#[unsafe(no_mangle)]
pub static CAPTURE: Global<u32> = Global::new(16 << 10);

/// Bits of [`probes_common::settings::tls`].
#[unsafe(no_mangle)]
pub static TLS: Global<u32> = Global::new(0);

macro_rules! globals {
    ($($name:ident $structure:literal $member:literal $optional:literal;)*) => {
        /// Offsets of members of kernel structures.
        pub mod offset {
            use super::{Global, MISSING};
            $(
                #[doc = concat!("`", $structure, ".", $member, "`")]
                #[unsafe(no_mangle)]
                pub static $name: Global<u32> = Global::new(MISSING);
            )*
        }
    };
}

for_each_offset!(globals);

/// Whether a filter is switched on.
#[inline(always)]
pub fn filters(bit: u32) -> bool {
    FILTER.load() & bit != 0
}
