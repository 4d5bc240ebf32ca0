//! Durations, sizes and percentages as they are typed.

use std::time::Duration;

/// `200ms`, `1.5s`, `1h30m`; units ns us ms s m h d.
///
/// # Errors
/// A sentence that says what would be right.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("a duration is a number with a unit, such as 5s or 1h30m".to_owned());
    }
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let Ok(number) = number.replace('_', "").parse::<f64>() else {
            return Err("a duration is a number with a unit, such as 5s or 1h30m".to_owned());
        };
        let letters = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let Some((_, seconds)) = DURATIONS.iter().find(|(name, _)| *name == unit) else {
            return Err(match unit {
                "" => format!("which unit? such as {text}s or {text}ms (ns us ms s m h d)"),
                _ => format!("no unit is called `{unit}` (ns us ms s m h d)"),
            });
        };
        total += number * seconds;
        rest = tail;
    }
    Duration::try_from_secs_f64(total).map_err(|_| "that is too long".to_owned())
}

/// `1024`, `10KB` (1000), `4MiB` (1024), in bytes.
///
/// # Errors
/// A sentence that says what would be right.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let Ok(number) = number.replace('_', "").parse::<f64>() else {
        return Err("a size is a number with a unit, such as 64KiB or 10MB".to_owned());
    };
    let unit = unit.trim().to_ascii_lowercase();
    let Some((_, factor)) = SIZES.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("no unit is called `{unit}` (B KB MB GB TB, KiB MiB GiB TiB)"));
    };
    let bytes = number * factor;
    if bytes > 1e18 {
        return Err("that is too much".to_owned());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1e18, see above")]
    Ok(bytes as u64)
}

/// `5`, `5%` or `0.1%`, in percent.
///
/// # Errors
/// A sentence that says what would be right.
pub(crate) fn percent(text: &str) -> Result<f64, String> {
    match text.trim().trim_end_matches('%').trim_end().parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("a percentage is a number from 0 to 100, such as 0.5 or 0.5%".to_owned()),
    }
}

const DURATIONS: &[(&str, f64)] =
    &[("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86400.0)];

const SIZES: &[(&str, f64)] = &[
    ("", 1.0),
    ("b", 1.0),
    ("kb", 1e3),
    ("mb", 1e6),
    ("gb", 1e9),
    ("tb", 1e12),
    ("k", 1024.0),
    ("m", 1_048_576.0),
    ("g", 1_073_741_824.0),
    ("kib", 1024.0),
    ("mib", 1_048_576.0),
    ("gib", 1_073_741_824.0),
    ("tib", 1_099_511_627_776.0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert!(duration("5").is_err_and(|message| message.contains("5s")));
        assert!(duration("5 parsecs").is_err());
        assert!(duration("").is_err());
        assert!(duration("-1s").is_err());
    }

    #[test]
    fn sizes_are_decimal_or_binary() {
        assert_eq!(size("1024"), Ok(1024));
        assert_eq!(size("10KB"), Ok(10_000));
        assert_eq!(size("4MiB"), Ok(4 << 20));
        assert_eq!(size("1.5 KiB"), Ok(1536));
        assert!(size("lots").is_err());
        assert!(size("4 furlongs").is_err());
    }

    #[test]
    fn percentages_may_carry_the_sign() {
        assert_eq!(percent("0.5%"), Ok(0.5));
        assert_eq!(percent("5"), Ok(5.0));
        assert!(percent("101").is_err());
    }
}
