//! The wall clock, and times in the names of files.

use std::time::{SystemTime, UNIX_EPOCH};

/// ns since the epoch.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// `YYYYMMDDTHHMMSSZ`, as in the names of snapshots.
pub(crate) fn compact(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// `HH:MM:SS.mmm` UTC.
pub(crate) fn clock(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{hour:02}:{minute:02}:{second:02}.{:03}", ns / 1_000_000 % 1000)
}

/// RFC 3339 with nanoseconds, as queries read it.
pub(crate) fn rfc3339(ns: u64) -> String {
    let (year, month, day) = civil(ns / 86_400_000_000_000);
    let seconds = ns / 1_000_000_000;
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:09}Z", ns % 1_000_000_000)
}

/// Year, month and day of a day since 1970-01-01 (proleptic Gregorian; years begin in March, so that leap days are last).
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    // From `date -u -d @N +%Y%m%dT%H%M%SZ`.
    #[test]
    fn known_moments() {
        assert_eq!(compact(0), "19700101T000000Z");
        assert_eq!(compact(951_782_400_000_000_000), "20000229T000000Z");
        assert_eq!(compact(1_795_370_400_000_000_000), "20261122T180000Z");
        assert_eq!(rfc3339(951_782_400_000_000_001), "2000-02-29T00:00:00.000000001Z");
        assert_eq!(clock(1_795_370_400_123_456_789), "18:00:00.123");
    }
}
