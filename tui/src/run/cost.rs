//! What explore itself takes.

/// What explore has taken so far.
pub(crate) struct Cost {
    /// CPU time of its own, s.
    pub(crate) user: f64,
    /// CPU time of the kernel for it, s.
    pub(crate) system: f64,
    /// Resident bytes now.
    pub(crate) resident: u64,
}

impl Cost {
    /// From proc(5): utime (14), stime (15) and rss (24) of `/proc/self/stat`. The name before them may hold anything.
    pub(crate) fn now() -> Option<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let fields: Vec<&str> = stat.rsplit(") ").next()?.split(' ').collect();
        let seconds = |field: usize| Some(fields.get(field)?.parse::<f64>().ok()? / TICKS_A_SECOND);
        let pages: u64 = fields.get(21)?.parse().ok()?;
        Some(Self {
            user: seconds(11)?,
            system: seconds(12)?,
            resident: pages.saturating_mul(u64::try_from(rustix::param::page_size()).unwrap_or(4096)),
        })
    }
}

/// `USER_HZ`, the same on every Linux.
const TICKS_A_SECOND: f64 = 100.0;
