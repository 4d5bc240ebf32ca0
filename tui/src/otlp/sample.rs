//! Which spans are sent: `OTEL_TRACES_SAMPLER`, and `--otlp-keep`.
//!
//! The decision depends on the trace id alone (or on the caller's own decision), so that explore, other explores and
//! instrumented services keep the same traces.

use std::time::Duration;

use crate::options::duration;

/// `OTEL_TRACES_SAMPLER`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sampler {
    /// What the caller decided holds, where it is known.
    parent_based: bool,
    /// For all others: trace ids below this bound are kept, of 2^63.
    bound: u64,
}

/// `--otlp-keep`: spans that are sent whatever the sampler says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Keep {
    errors: bool,
    slow: Option<Duration>,
}

/// What becomes of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Send,
    /// The sampler would have dropped it; the reason why it is sent all the same.
    Kept(&'static str),
    Drop,
}

impl Sampler {
    /// From the two variables.
    ///
    /// # Errors
    /// Which of them is wrong, and what there is.
    pub(crate) fn read(name: Option<&str>, argument: Option<&str>) -> Result<Self, String> {
        let ratio = || match argument.unwrap_or("1").parse::<f64>() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(bound(ratio)),
            _ => Err(format!("OTEL_TRACES_SAMPLER_ARG={} is no share between 0 and 1", argument.unwrap_or_default())),
        };
        let (parent_based, bound) = match name.unwrap_or("parentbased_always_on") {
            "always_on" => (false, ALL),
            "always_off" => (false, 0),
            "traceidratio" => (false, ratio()?),
            "parentbased_always_on" => (true, ALL),
            "parentbased_always_off" => (true, 0),
            "parentbased_traceidratio" => (true, ratio()?),
            other => {
                return Err(format!(
                    "OTEL_TRACES_SAMPLER={other}: there are always_on, always_off, traceidratio, and the three with \
                     parentbased_ in front"
                ));
            }
        };
        Ok(Self { parent_based, bound })
    }

    /// Whether spans of this trace are sent. `caller`: what the request said that its sender had decided.
    pub(crate) fn samples(&self, trace: [u8; 16], caller: Option<bool>) -> bool {
        match caller.filter(|_| self.parent_based) {
            Some(sampled) => sampled,
            None => value(trace) < self.bound,
        }
    }
}

impl Keep {
    /// `errors`, `slow` (1 s), `slow:200ms`, or a list of them.
    ///
    /// # Errors
    /// What would be right.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut keep = Self::default();
        for rule in text.split(',').map(str::trim).filter(|rule| !rule.is_empty()) {
            match rule.split_once(':') {
                None if rule == "errors" => keep.errors = true,
                None if rule == "slow" => keep.slow = Some(SLOW),
                Some(("slow", than)) => {
                    keep.slow = Some(duration(than).map_err(|why| format!("--otlp-keep {rule}: {why}"))?)
                }
                _ => return Err(format!("--otlp-keep knows no `{rule}`\n\ntry: --otlp-keep errors,slow:1s")),
            }
        }
        Ok(keep)
    }

    /// Why a span that is not sampled is sent all the same.
    pub(crate) fn why(&self, error: bool, latency: u64) -> Option<&'static str> {
        let slow = || self.slow.is_some_and(|slow| u128::from(latency) >= slow.as_nanos());
        match error && self.errors {
            true => Some("error"),
            false => slow().then_some("slow"),
        }
    }
}

/// As the SDKs do it: the last 8 bytes of the trace id, without their first bit, as a number below 2^63.
fn value(trace: [u8; 16]) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = trace;
    u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1
}

fn bound(ratio: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "between 0 and 2^63"
    )]
    let bound = (ratio * ALL as f64) as u64;
    bound
}

/// 2^63: above every value.
const ALL: u64 = 1 << 63;
/// What `slow` means without a duration.
const SLOW: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(value: u64) -> [u8; 16] {
        let mut id = [0xff; 16];
        id[8..].copy_from_slice(&value.to_be_bytes());
        id
    }

    #[track_caller]
    fn check(name: &str, argument: Option<&str>, id: u64, caller: Option<bool>, expect: bool) {
        let sampler = Sampler::read(Some(name), argument).unwrap();
        assert_eq!(sampler.samples(trace(id), caller), expect, "{name} {argument:?} {id:x} {caller:?}");
    }

    #[test]
    fn as_the_sdks_decide() {
        check("always_on", None, u64::MAX, Some(false), true);
        check("always_off", None, 0, Some(true), false);
        check("parentbased_always_on", None, u64::MAX, None, true);
        check("parentbased_always_on", None, 0, Some(false), false);
        check("parentbased_always_off", None, u64::MAX, Some(true), true);
        check("traceidratio", Some("0.5"), 1 << 62, Some(false), true);
        check("traceidratio", Some("0.5"), u64::MAX, Some(true), false);
        check("parentbased_traceidratio", Some("0.25"), u64::MAX, Some(true), true);
        check("parentbased_traceidratio", Some("0"), 0, None, false);
        check("traceidratio", None, u64::MAX, None, true);
    }

    #[test]
    fn a_share_of_the_ids_is_that_share() {
        let sampler = Sampler::read(Some("traceidratio"), Some("0.1")).unwrap();
        let step = u64::MAX / 10_000;
        let kept = (0..10_000).filter(|n| sampler.samples(trace(n * step), None)).count();
        assert!((990..=1010).contains(&kept), "{kept}");
    }

    #[test]
    fn wrong_values_are_named() {
        assert!(Sampler::read(Some("sometimes"), None).unwrap_err().contains("OTEL_TRACES_SAMPLER=sometimes"));
        assert!(Sampler::read(Some("traceidratio"), Some("2")).unwrap_err().contains("between 0 and 1"));
        assert!(Keep::parse("fast").unwrap_err().contains("no `fast`"));
        assert!(Keep::parse("slow:1").unwrap_err().contains("which unit?"));
    }

    #[test]
    fn errors_and_slow_ones_are_kept() {
        let keep = Keep::parse("errors, slow:10ms").unwrap();
        assert_eq!(keep.why(true, 20_000_000), Some("error"));
        assert_eq!(keep.why(false, 10_000_000), Some("slow"));
        assert_eq!(keep.why(false, 9_999_999), None);
        assert_eq!(Keep::parse("slow").unwrap().why(true, 1_000_000_000), Some("slow"));
        assert_eq!(Keep::default().why(true, u64::MAX), None);
    }
}
