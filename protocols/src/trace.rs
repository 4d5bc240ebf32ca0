//! Trace context in a request's header fields: W3C `traceparent`, Zipkin B3 (single and multiple fields), Jaeger.
//!
//! Only well-formed ids are believed: what a broken client sent joins nothing.

use crate::record::Header;
use crate::session::TraceContext;

/// The trace context that these fields carry. Where several forms are there, `traceparent` wins, then B3, then Jaeger.
/// Names are lower case.
#[must_use]
pub fn context(headers: &[Header]) -> Option<TraceContext> {
    let value = |name: &str| {
        let mut found = headers.iter().filter(|header| header.name.as_deref() == Some(name));
        let value = found.next()?.value.as_deref()?.trim();
        // Twice the same field is ambiguous: W3C says to restart the trace.
        found.next().is_none().then_some(value)
    };
    let w3c = value("traceparent").and_then(traceparent);
    w3c.or_else(|| value("b3").and_then(b3))
        .or_else(|| b3_fields(value("x-b3-traceid"), value("x-b3-spanid")))
        .or_else(|| value("uber-trace-id").and_then(jaeger))
}

/// `00-TRACE-SPAN-FLAGS` (W3C Trace Context, 3.2). Later versions may append fields.
fn traceparent(value: &str) -> Option<TraceContext> {
    let mut parts = value.split('-');
    let version = parts.next()?;
    let trace_id = parts.next()?;
    let span_id = parts.next()?;
    let flags = parts.next()?;
    // 3.2.2.3: ids are lower-case hex; version `ff` is forbidden; version 00 has exactly four fields.
    let lower = |part: &str| !part.bytes().any(|byte| byte.is_ascii_uppercase());
    let well_formed = version.len() == 2
        && is_hex(version)
        && version != "ff"
        && flags.len() == 2
        && is_hex(flags)
        && lower(value)
        && (version != "00" || parts.next().is_none());
    let trace_id = (trace_id.len() == 32).then(|| id(trace_id, 32)).flatten()?;
    let span_id = (span_id.len() == 16).then(|| id(span_id, 16)).flatten()?;
    well_formed.then_some(TraceContext { trace_id, span_id: Some(span_id) })
}

/// `TRACE-SPAN[-SAMPLED[-PARENT]]`; the sampling decision alone (`0`) is no context.
fn b3(value: &str) -> Option<TraceContext> {
    let mut parts = value.split('-');
    let (trace_id, span_id) = (parts.next()?, parts.next()?);
    b3_fields(Some(trace_id), Some(span_id))
}

/// B3 trace ids have 16 or 32 digits, and are kept as long as they are.
fn b3_fields(trace_id: Option<&str>, span_id: Option<&str>) -> Option<TraceContext> {
    let trace_id = trace_id.filter(|trace_id| matches!(trace_id.len(), 16 | 32))?;
    let span_id = span_id.filter(|span_id| span_id.len() == 16).and_then(|span_id| id(span_id, 16));
    Some(TraceContext { trace_id: id(trace_id, trace_id.len())?, span_id })
}

/// `{trace}:{span}:{parent}:{flags}`, where leading zeros may be missing, and `:` may be percent-encoded.
fn jaeger(value: &str) -> Option<TraceContext> {
    let value = value.replace("%3A", ":").replace("%3a", ":");
    let mut parts = value.split(':');
    let (trace_id, span_id, _parent, _flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let width = if trace_id.len() > 16 { 32 } else { 16 };
    Some(TraceContext { trace_id: id(trace_id, width)?, span_id: id(span_id, 16) })
}

/// Lower-case hex, padded to `width`; null if it is something else, or zero, which means invalid in every form.
fn id(digits: &str, width: usize) -> Option<String> {
    let valid = !digits.is_empty() && digits.len() <= width && is_hex(digits) && digits.bytes().any(|d| d != b'0');
    valid.then(|| format!("{:0>width$}", digits.to_ascii_lowercase()))
}

fn is_hex(digits: &str) -> bool {
    digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fields: &[(&str, &str)], expect: Option<(&str, Option<&str>)>) {
        let headers: Vec<Header> = fields
            .iter()
            .map(|(name, value)| Header { name: Some((*name).into()), value: Some((*value).into()) })
            .collect();
        let expect = expect.map(|(trace_id, span_id)| TraceContext {
            trace_id: trace_id.to_owned(),
            span_id: span_id.map(str::to_owned),
        });
        assert_eq!(context(&headers), expect, "{fields:?}");
    }

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    #[test]
    fn traceparent_as_in_the_recommendation() {
        let both = Some((TRACE, Some(SPAN)));
        check(&[("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")], both);
        check(&[("traceparent", "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what")], both);
        for bad in [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "",
        ] {
            check(&[("traceparent", bad)], None);
        }
    }

    #[test]
    fn b3_single_and_multiple_fields() {
        check(
            &[("b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90")],
            Some(("80f198ee56343ba864fe8b2a57d3eff7", Some("e457b5a2e4d86bd1"))),
        );
        check(&[("b3", "0")], None);
        check(
            &[("x-b3-traceid", "463AC35C9F6413AD"), ("x-b3-spanid", "A2FB4A1D1A96D312")],
            Some(("463ac35c9f6413ad", Some("a2fb4a1d1a96d312"))),
        );
        check(&[("x-b3-sampled", "1")], None);
    }

    #[test]
    fn jaeger_pads_what_it_left_out() {
        check(&[("uber-trace-id", "3b8f2c1d:1a2b:0:1")], Some(("000000003b8f2c1d", Some("0000000000001a2b"))));
        check(
            &[("uber-trace-id", "af7651916cd43dd8448eb211c80319c%3Ab7ad6b7169203331%3A0%3A1")],
            Some((TRACE, Some(SPAN))),
        );
        check(&[("uber-trace-id", "0:0:0:0")], None);
    }

    #[test]
    fn traceparent_wins_and_twice_is_never() {
        let parent = ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        check(&[("b3", "80f198ee56343ba8-e457b5a2e4d86bd1"), parent], Some((TRACE, Some(SPAN))));
        check(&[parent, parent], None);
    }
}
