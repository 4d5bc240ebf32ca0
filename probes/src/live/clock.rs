//! Kernel time to wall-clock time.

use std::time::Duration;

use protocols::event::Timestamp;

/// The wall clock at the kernel's boot, as it was when the session began: later steps of the wall clock do not bend the
/// session's times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    boot: u64,
}

impl Clock {
    pub(super) fn start() -> Self {
        let before = nanoseconds(libc::CLOCK_BOOTTIME);
        let wall = nanoseconds(libc::CLOCK_REALTIME);
        let after = nanoseconds(libc::CLOCK_BOOTTIME);
        Self { boot: wall.saturating_sub(before.midpoint(after)) }
    }

    /// Of a time that the programs noted.
    pub(super) fn wall(self, boot_time: u64) -> Timestamp {
        Timestamp(self.boot.saturating_add(boot_time))
    }

    /// Now, on the same scale.
    pub(super) fn now(self) -> Timestamp {
        self.wall(nanoseconds(libc::CLOCK_BOOTTIME))
    }
}

fn nanoseconds(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable; both clocks exist on every kernel that this program supports.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    let seconds = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
    u64::try_from(seconds.as_nanos()).unwrap_or(u64::MAX).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}
