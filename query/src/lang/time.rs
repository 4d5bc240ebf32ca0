//! Points in time as text (RFC 3339) and back. All of it UTC.

const NS: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

/// A point in time, or a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// ns since the epoch.
    At(i64),
    /// ns since midnight.
    OfDay(i64),
}

/// Reads `2026-11-22T10:00:00.5Z`, with an offset, with a space for the T, without seconds, without time; or `10:15`.
pub(crate) fn parse(text: &str) -> Option<Parsed> {
    let text = text.trim();
    if !text.get(4..).is_some_and(|rest| rest.starts_with('-')) {
        return time_of_day(text).map(Parsed::OfDay);
    }
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let mut parts = date.split('-');
    let year: i64 = digits(parts.next()?, 4)?;
    let month: i64 = digits(parts.next()?, 2)?;
    let day: i64 = digits(parts.next()?, 2)?;
    if parts.next().is_some() || !(1..=12).contains(&month) || day < 1 || day > days_in(year, month)? {
        return None;
    }
    let midnight = days_since_epoch(year, month, day)?.checked_mul(DAY)?.checked_mul(NS)?;
    if rest.is_empty() {
        return Some(Parsed::At(midnight));
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, offset) = split_offset(rest)?;
    Some(Parsed::At(midnight.checked_add(time_of_day(clock)?)?.checked_sub(offset)?))
}

/// `10:00:00+02:00` into the clock and the offset in ns.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(at) = text.find(['+', '-']) else { return Some((text, 0)) };
    let (clock, offset) = (text.get(..at)?, text.get(at..)?);
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let minutes = digits(hours, 2)?.checked_mul(60)?.checked_add(digits(minutes, 2)?)?;
    Some((clock, minutes.checked_mul(60)?.checked_mul(NS)?.checked_mul(sign)?))
}

fn time_of_day(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hours = digits(parts.next()?, 2)?;
    let minutes = digits(parts.next()?, 2)?;
    let seconds = parts.next().unwrap_or("0");
    if parts.next().is_some() || hours > 23 || minutes > 59 {
        return None;
    }
    let (whole, fraction) = seconds.split_once('.').map_or((seconds, None), |(whole, rest)| (whole, Some(rest)));
    let whole: i64 = whole.parse().ok().filter(|seconds| (0..=60).contains(seconds))?;
    let nanos = match fraction {
        None => 0,
        Some(text) if !text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{text:0<9}").parse().ok()?
        }
        Some(_) => return None,
    };
    let seconds = hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?.checked_add(whole)?;
    seconds.checked_mul(NS)?.checked_add(nanos)
}

fn digits(text: &str, most: usize) -> Option<i64> {
    let right = !text.is_empty() && text.len() <= most && text.bytes().all(|b| b.is_ascii_digit());
    if right { text.parse().ok() } else { None }
}

fn days_in(year: i64, month: i64) -> Option<i64> {
    let leap = year.checked_rem(4)? == 0 && (year.checked_rem(100)? != 0 || year.checked_rem(400)? == 0);
    Some(match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    })
}

/// Days from 1970-01-01, proleptic Gregorian: years begin in March, so that the leap day comes last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> Option<i64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let shifted = month.checked_add(9)?.checked_rem(12)?;
    let before_month = shifted.checked_mul(153)?.checked_add(2)?.checked_div(5)?;
    let leap_days = year.div_euclid(4).checked_sub(year.div_euclid(100))?.checked_add(year.div_euclid(400))?;
    let days = year.checked_mul(365)?.checked_add(leap_days)?.checked_add(before_month)?.checked_add(day)?;
    // 719,469 days lie between 0000-03-00 and 1970-01-01.
    days.checked_sub(719_469)
}

/// RFC 3339 with nanoseconds: `2026-11-22T10:00:00.000000000Z`.
pub(crate) fn format(ns: i64) -> String {
    let (date, clock, nanos) = parts(ns);
    format!("{date}T{clock}.{nanos:09}Z")
}

/// Date, time of day, and nanoseconds of the second.
pub(crate) fn parts(ns: i64) -> (String, String, i64) {
    let seconds = ns.div_euclid(NS);
    let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    // The inverse of `days_since_epoch`, within a cycle of 400 years (146,097 days).
    let days = days.saturating_add(719_468);
    let (cycle, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let leap = (day / 1_460).saturating_sub(day / 36_524).saturating_add(day / 146_096);
    let year = day.saturating_sub(leap) / 365;
    let before = year.saturating_mul(365).saturating_add(year / 4).saturating_sub(year / 100);
    let day_of_year = day.saturating_sub(before);
    let shifted = day_of_year.saturating_mul(5).saturating_add(2) / 153;
    let day_of_month = day_of_year.saturating_sub(shifted.saturating_mul(153).saturating_add(2) / 5).saturating_add(1);
    let month = if shifted < 10 { shifted.saturating_add(3) } else { shifted.saturating_sub(9) };
    let year = cycle.saturating_mul(400).saturating_add(year).saturating_add(i64::from(month <= 2));
    let date = format!("{year:04}-{month:02}-{day_of_month:02}");
    let clock = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    (date, clock, ns.rem_euclid(NS))
}

#[cfg(test)]
mod tests {
    use super::{Parsed, format, parse};

    /// Expected values from `date -u -d … +%s`.
    #[test]
    fn times_are_read() {
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("2026-11-22T10:00:00Z", 1_795_341_600),
            ("2026-11-22 10:00", 1_795_341_600),
            ("2026-11-22T12:00:00+02:00", 1_795_341_600),
            ("2024-02-29T23:59:59Z", 1_709_251_199),
            ("1969-12-31T23:59:59Z", -1),
            ("2000-03-01", 951_868_800),
        ] {
            assert_eq!(parse(text), Some(Parsed::At(seconds * 1_000_000_000)), "{text}");
        }
        assert_eq!(parse("2026-11-22T10:00:00.000000001Z"), Some(Parsed::At(1_795_341_600_000_000_001)));
        assert_eq!(parse("10:15"), Some(Parsed::OfDay(36_900_000_000_000)));
        for wrong in ["", "yesterday", "2026-13-01", "2026-02-29", "25:00", "10:60", "2026-11-22T", "10", "2026-1é-01"]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_are_written() {
        assert_eq!(format(1_795_341_600_000_000_001), "2026-11-22T10:00:00.000000001Z");
        assert_eq!(format(-1), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(format(1_709_251_199_000_000_000), "2024-02-29T23:59:59.000000000Z");
        assert_eq!(format(951_868_799_000_000_000), "2000-02-29T23:59:59.000000000Z");
    }

    #[test]
    fn every_day_of_two_centuries_comes_back() {
        for day in 0..90_000_i64 {
            let ns = (day - 10_957) * 86_400 * 1_000_000_000;
            assert_eq!(parse(&format(ns)), Some(Parsed::At(ns)));
        }
    }
}
