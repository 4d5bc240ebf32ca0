//! Redaction (INTERFACES section 5): secrets are masked before a record reaches the store.
//!
//! By name: the value of a field, parameter, member or column that is called like a secret. By value, anywhere: what looks
//! like a credential whatever it is called. The shape stays: `Bearer ***(36)` had 36 characters.

mod headers;
mod json;
mod multipart;
mod names;
mod query;
mod sql;
mod values;

use std::borrow::Cow;

use crate::content;
use crate::record::{Dns, Grpc, Header, Http, Pgsql, Record};

/// Masks what is secret in a record. Bodies that are no text are let go unless `keep_binary`.
pub fn record(record: &mut Record, keep_binary: bool) {
    match record {
        Record::Http(http) => self::http(http, keep_binary),
        Record::Grpc(grpc) => self::grpc(grpc),
        Record::Pgsql(pgsql) => self::pgsql(pgsql),
        Record::Dns(dns) => self::dns(dns),
        Record::Tls(_) | Record::Conn(_) => {}
    }
}

/// Masks what looks like a credential in free text.
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    values::mask(text)
}

/// `***(N)`: what a secret of that many characters becomes.
fn masked(secret: &str) -> String {
    format!("***({})", secret.chars().count())
}

fn http(http: &mut Http, keep_binary: bool) {
    by_value(&mut http.path);
    by_value(&mut http.route);
    by_value(&mut http.user_agent);
    by_value(&mut http.reason);
    by_value(&mut http.host);
    if let Some(query) = &mut http.query {
        change(query, query::mask);
        change(query, values::mask);
    }
    for (headers, body, kind, cut) in [
        (&mut http.req_headers, &mut http.req_body, &http.req_type, http.req_bytes),
        (&mut http.resp_headers, &mut http.resp_body, &http.resp_type, http.resp_bytes),
    ] {
        let content_type = headers.as_deref().and_then(|headers| field(headers, "content-type"));
        let encoding = headers.as_deref().and_then(|headers| field(headers, "content-encoding"));
        let unreadable = encoding.as_deref().is_some_and(|encoding| !content::is_known(encoding));
        let dropped = match body.as_mut() {
            Some(bytes) => !mask_body(bytes, kind.as_deref(), content_type.as_deref(), unreadable, keep_binary),
            None => false,
        };
        if dropped {
            *body = None;
            http.common.truncated |= cut != Some(0);
        }
        if let Some(headers) = headers {
            headers::mask(headers);
        }
    }
}

/// Masks a body. Returns false if it is to be let go.
fn mask_body(
    bytes: &mut Vec<u8>,
    kind: Option<&str>,
    content_type: Option<&str>,
    unreadable: bool,
    keep_binary: bool,
) -> bool {
    let Some(text) = as_text(bytes).filter(|_| !unreadable) else { return keep_binary };
    let kind = kind.unwrap_or_default();
    let looks_like_json = matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'['));
    let by_name = if kind == "application/x-www-form-urlencoded" {
        query::mask(text)
    } else if kind.starts_with("multipart/") {
        multipart::mask(text, content_type)
    } else if kind.ends_with("json") || looks_like_json {
        json::mask(text)
    } else {
        Cow::Borrowed(text)
    };
    let masked = match values::mask(&by_name) {
        Cow::Owned(masked) => Some(masked),
        Cow::Borrowed(_) => match by_name {
            Cow::Owned(masked) => Some(masked),
            Cow::Borrowed(_) => None,
        },
    };
    if let Some(masked) = masked {
        *bytes = masked.into_bytes();
    }
    true
}

/// The bytes as text, but for a last character that was cut; null if they are none.
fn as_text(bytes: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    (!text.contains('\0')).then_some(text)
}

fn grpc(grpc: &mut Grpc) {
    by_value(&mut grpc.path);
    by_value(&mut grpc.message);
    by_value(&mut grpc.host);
    for headers in [&mut grpc.req_headers, &mut grpc.resp_headers, &mut grpc.resp_trailers].into_iter().flatten() {
        headers::mask(headers);
    }
}

fn pgsql(pgsql: &mut Pgsql) {
    let columns = pgsql.query.as_deref().map(sql::read);
    if let Some(params) = &mut pgsql.params {
        for (at, param) in params.iter_mut().enumerate() {
            let open = columns.as_ref().is_some_and(|columns| columns.is_harmless(at));
            match param {
                Some(param) if open => change(param, values::mask),
                Some(param) => *param = masked(param),
                None => {}
            }
        }
    }
    if let Some(columns) = columns {
        pgsql.query = Some(columns.masked);
    }
    by_value(&mut pgsql.query);
    by_value(&mut pgsql.shape);
    by_value(&mut pgsql.message);
    by_value(&mut pgsql.tag);
}

fn dns(dns: &mut Dns) {
    for answer in dns.answers.iter_mut().flatten() {
        change(answer, values::mask);
    }
}

fn by_value(text: &mut Option<String>) {
    if let Some(text) = text {
        change(text, values::mask);
    }
}

fn change(text: &mut String, mask: impl Fn(&str) -> Cow<'_, str>) {
    if let Cow::Owned(masked) = mask(text) {
        *text = masked;
    }
}

fn field(headers: &[Header], name: &str) -> Option<String> {
    let header = headers.iter().find(|header| header.name.as_deref() == Some(name))?;
    header.value.as_deref().map(str::to_owned)
}

#[cfg(test)]
mod tests;
