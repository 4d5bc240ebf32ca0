//! What a literal or parameter that is not secret itself may hold.

use std::borrow::Cow;

use crate::redact::deep::{Mask, then};
use crate::redact::names::Secrecy;
use crate::redact::query::Changes;
use crate::redact::{is_masked, masked};

/// Masks what JSON, URLs, credentials and connection strings in a value hold.
pub(in crate::redact) fn value<'a>(rules: Mask<'_>, text: &'a str) -> Cow<'a, str> {
    then(connection_string(rules, text), |text| rules.text(text))
}

/// Masks the values of `host=h password=x`, as libpq reads it (PostgreSQL, 34.1.1.1).
fn connection_string<'a>(rules: Mask<'_>, text: &'a str) -> Cow<'a, str> {
    let mut out = Changes::of(text);
    let mut at = 0_usize;
    while let Some(sign) = text.get(at..).and_then(|rest| rest.find('=')).map(|found| at.saturating_add(found)) {
        at = sign.saturating_add(1);
        let before = text.get(..sign).unwrap_or_default().trim_end();
        let name = before.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
        if rules.judge(name) != Secrecy::Always {
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let start = at.saturating_add(rest.len().saturating_sub(rest.trim_start().len()));
        let value = text.get(start..).unwrap_or_default();
        let quotes = value.len().saturating_sub(value.trim_start_matches(['\'', '\\']).len());
        let inner = value.get(quotes..).unwrap_or_default();
        let end = match quotes {
            0 => inner.find(|c: char| c.is_whitespace() || c == '\'' || c == ';' || c == '&'),
            _ => inner.find(['\'', '\\']),
        };
        let secret = inner.get(..end.unwrap_or(inner.len())).unwrap_or_default();
        if !secret.is_empty() && !is_masked(secret) {
            let start = start.saturating_add(quotes);
            at = start.saturating_add(secret.len());
            out.replace(start, at, &masked(secret));
        }
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::super::super::Rules;
    use super::*;

    #[test]
    fn what_values_hold() {
        let rules = Rules::default();
        let value = |text: &str| value(Mask::new(&rules), text).into_owned();
        assert_eq!(value("host=h password=x y=z"), "host=h password=***(1) y=z");
        assert_eq!(value("password = ''a b'' user=u"), "password = ''***(3)'' user=u");
        assert_eq!(value("{\"pwd\":\"x\",\"a\":1}"), "{\"pwd\":\"***(1)\",\"a\":1}");
        assert_eq!(value("https://h/?token=abc&n=1"), "https://h/?token=***(3)&n=1");
        assert_eq!(value("a = b"), "a = b");
    }
}
