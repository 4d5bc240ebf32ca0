//! Redaction (INTERFACES section 5): secrets are masked before a record reaches the store.
//!
//! By name: the value of a field, parameter, member or column that is called like a secret. By value, anywhere: what looks
//! like a credential whatever it is called. The shape stays: `Bearer ***(36)` had 36 characters.

mod deep;
mod headers;
mod json;
mod multipart;
mod names;
mod query;
mod rules;
mod sql;
mod values;

use std::borrow::Cow;

use self::deep::{Mask, looks_like_json, then};
use crate::content;
use crate::record::{Dns, Grpc, Header, Http, Pgsql, Record, Tls};

pub use rules::{RuleError, Rules};

/// Masks what is secret in a record. Bodies that are no text are let go unless `keep_binary`.
pub fn record(record: &mut Record, rules: &Rules, keep_binary: bool) {
    let rules = Mask::new(rules);
    match record {
        Record::Http(http) => self::http(rules, http, keep_binary),
        Record::Grpc(grpc) => self::grpc(rules, grpc),
        Record::Pgsql(pgsql) => self::pgsql(rules, pgsql),
        Record::Dns(dns) => self::dns(rules, dns),
        Record::Tls(tls) => self::tls(rules, tls),
        // Nothing in it was said by anybody.
        Record::Conn(_) => {}
    }
}

/// Masks what free text holds: what looks like a credential, and what URLs and JSON in it name as one.
#[must_use]
pub fn text<'a>(text: &'a str, rules: &Rules) -> Cow<'a, str> {
    Mask::new(rules).text(text)
}

/// Masks the line that says what an exchange under way is: `GET /path`, or a statement.
#[must_use]
pub fn summary(summary: &str, rules: &Rules) -> String {
    let rules = Mask::new(rules);
    let is_target = summary.split(' ').nth(1).is_some_and(|target| target.contains('/'));
    let by_name = if is_target { parameters(rules, summary) } else { Cow::Owned(sql::read(rules, summary).masked) };
    then(by_name, |text| rules.text(text)).into_owned()
}

/// `***(N)`: what a secret of that many characters becomes.
fn masked(secret: &str) -> String {
    format!("***({})", secret.chars().count())
}

/// Whether that is what [`masked`] makes.
fn is_masked(text: &str) -> bool {
    let count = text.strip_prefix("***(").and_then(|rest| rest.strip_suffix(')'));
    count.is_some_and(|count| !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit()))
}

fn http(rules: Mask<'_>, http: &mut Http, keep_binary: bool) {
    for text in [
        &mut http.method,
        &mut http.scheme,
        &mut http.host,
        &mut http.path,
        &mut http.route,
        &mut http.reason,
        &mut http.user_agent,
        &mut http.req_type,
        &mut http.resp_type,
    ] {
        mask_text(rules, text);
    }
    for path in [&mut http.path, &mut http.route].into_iter().flatten() {
        change(path, |path| parameters(rules, path));
    }
    if let Some(host) = &mut http.host {
        change(host, without_password);
    }
    if let Some(query) = &mut http.query {
        change(query, |query| then(query::mask(rules, query), |query| rules.values(query)));
    }
    for (headers, body, kind, cut) in [
        (&mut http.req_headers, &mut http.req_body, &http.req_type, http.req_bytes),
        (&mut http.resp_headers, &mut http.resp_body, &http.resp_type, http.resp_bytes),
    ] {
        let content_type = headers.as_deref().and_then(|headers| field(headers, "content-type"));
        let encoding = headers.as_deref().and_then(|headers| field(headers, "content-encoding"));
        let unreadable = encoding.as_deref().is_some_and(|encoding| !content::is_known(encoding));
        let media = Media { kind: kind.as_deref().unwrap_or_default(), content_type: content_type.as_deref() };
        let dropped = match body.as_mut() {
            Some(bytes) => !mask_body(rules, bytes, media, unreadable, keep_binary),
            None => false,
        };
        if dropped {
            *body = None;
            http.common.truncated |= cut != Some(0);
        }
        if let Some(headers) = headers {
            headers::mask(rules, headers);
        }
    }
}

/// What the header says of a body.
#[derive(Debug, Clone, Copy)]
struct Media<'a> {
    /// Media type without parameters, empty where unknown.
    kind: &'a str,
    content_type: Option<&'a str>,
}

impl Media<'_> {
    /// Text in a character set of its own.
    fn is_text(self) -> bool {
        let kind = self.kind;
        kind.starts_with("text/")
            || kind.ends_with("json")
            || kind.ends_with("xml")
            || kind.ends_with("javascript")
            || kind == FORM
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

/// Masks a body. Returns false if it is to be let go.
fn mask_body(rules: Mask<'_>, bytes: &mut Vec<u8>, media: Media<'_>, unreadable: bool, keep_binary: bool) -> bool {
    if let Some(text) = as_text(bytes).filter(|_| !unreadable) {
        if let Cow::Owned(masked) = mask_body_text(rules, text, media) {
            *bytes = masked.into_bytes();
        }
        return true;
    }
    if !keep_binary && (unreadable || !media.is_text() || bytes.contains(&0)) {
        return false;
    }
    // Each byte as the character of that number: masks are ASCII, and the rest comes back as it was.
    let text: String = bytes.iter().copied().map(char::from).collect();
    if let Cow::Owned(masked) = mask_body_text(rules, &text, media) {
        *bytes = masked.chars().map(|character| u8::try_from(character).unwrap_or(b'?')).collect();
    }
    true
}

fn mask_body_text<'a>(rules: Mask<'_>, text: &'a str, media: Media<'_>) -> Cow<'a, str> {
    let kind = media.kind;
    // Of a body without a type, or with one that says little, the look decides.
    let unsaid = kind.is_empty() || kind == "text/plain" || kind == "application/octet-stream";
    if kind == FORM || (unsaid && looks_like_form(text)) {
        return then(query::mask(rules, text), |text| rules.values(text));
    }
    if kind.starts_with("multipart/") || (unsaid && text.starts_with("--")) {
        return then(multipart::mask(rules, text, media.content_type), |text| rules.values(text));
    }
    if kind.ends_with("json") || looks_like_json(text) {
        return then(json::mask(rules, text, true), |text| rules.values(text));
    }
    rules.text(text)
}

/// `name=value&name=value`, without a blank.
fn looks_like_form(text: &str) -> bool {
    let name = text.split('=').next().unwrap_or_default();
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.[]%+".contains(&byte);
    text.contains('=') && !name.is_empty() && name.bytes().all(named) && !text.trim_end().contains(char::is_whitespace)
}

/// Masks the parameters of path segments: `/cart;session_id=abc`.
fn parameters<'a>(rules: Mask<'_>, path: &'a str) -> Cow<'a, str> {
    if !path.contains(';') {
        return Cow::Borrowed(path);
    }
    let segments: Vec<Cow<'_, str>> = path
        .split('/')
        .map(|segment| match segment.split_once(';') {
            Some((name, parameters)) => match query::mask(rules, parameters) {
                Cow::Owned(masked) => Cow::Owned(format!("{name};{masked}")),
                Cow::Borrowed(_) => Cow::Borrowed(segment),
            },
            None => Cow::Borrowed(segment),
        })
        .collect();
    Cow::Owned(segments.join("/"))
}

/// `me:***(4)@host`, of a Host field or `:authority`.
fn without_password(host: &str) -> Cow<'_, str> {
    match host.rsplit_once('@').and_then(|(user_info, host)| Some((user_info.split_once(':')?, host))) {
        Some(((user, password), host)) => Cow::Owned(format!("{user}:{}@{host}", masked(password))),
        None => Cow::Borrowed(host),
    }
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

fn grpc(rules: Mask<'_>, grpc: &mut Grpc) {
    for text in [
        &mut grpc.rpc_service,
        &mut grpc.method,
        &mut grpc.path,
        &mut grpc.host,
        &mut grpc.status_name,
        &mut grpc.message,
        &mut grpc.encoding,
    ] {
        mask_text(rules, text);
    }
    if let Some(host) = &mut grpc.host {
        change(host, without_password);
    }
    for headers in [&mut grpc.req_headers, &mut grpc.resp_headers, &mut grpc.resp_trailers].into_iter().flatten() {
        headers::mask(rules, headers);
    }
}

fn pgsql(rules: Mask<'_>, pgsql: &mut Pgsql) {
    let statement = pgsql.query.as_deref().map(|query| sql::read(rules, query));
    let mut secrets = Vec::new();
    if let Some(params) = &mut pgsql.params {
        for (at, param) in params.iter_mut().enumerate() {
            let Some(param) = param else { continue };
            if statement.as_ref().is_some_and(|statement| statement.is_harmless(at)) {
                change(param, |param| sql::value(rules, param));
            } else {
                secrets.push(std::mem::replace(param, masked(param)));
            }
        }
    }
    if let Some(statement) = statement {
        pgsql.query = Some(statement.masked);
        secrets.extend(statement.secrets);
    }
    if let Some(shape) = &mut pgsql.shape {
        // Values without quotes, as in `SET app.token TO abc`, are no literals.
        *shape = sql::read(rules, shape).masked;
    }
    if let Some(message) = &mut pgsql.message {
        change(message, |message| without(message, &secrets));
    }
    for text in [
        &mut pgsql.operation,
        &mut pgsql.query,
        &mut pgsql.shape,
        &mut pgsql.statement,
        &mut pgsql.tag,
        &mut pgsql.sqlstate,
        &mut pgsql.severity,
        &mut pgsql.message,
        &mut pgsql.database,
        &mut pgsql.user,
        &mut pgsql.application,
    ] {
        mask_text(rules, text);
    }
}

/// Masks those secrets in a message: servers quote what they could not read.
fn without<'a>(message: &'a str, secrets: &[String]) -> Cow<'a, str> {
    /// Shorter ones are parts of words.
    const SHORTEST: usize = 4;
    let mut message = Cow::Borrowed(message);
    for secret in secrets.iter().filter(|secret| secret.len() >= SHORTEST) {
        if message.contains(secret.as_str()) {
            message = Cow::Owned(message.replace(secret.as_str(), &masked(secret)));
        }
    }
    message
}

fn dns(rules: Mask<'_>, dns: &mut Dns) {
    mask_text(rules, &mut dns.name);
    mask_text(rules, &mut dns.cname);
    for answer in dns.answers.iter_mut().flatten() {
        change(answer, |answer| rules.text(answer));
    }
}

fn tls(rules: Mask<'_>, tls: &mut Tls) {
    for text in [&mut tls.sni, &mut tls.alpn, &mut tls.cert_subject, &mut tls.cert_issuer] {
        mask_text(rules, text);
    }
    for name in tls.cert_names.iter_mut().flatten() {
        change(name, |name| rules.text(name));
    }
}

fn mask_text(rules: Mask<'_>, text: &mut Option<String>) {
    if let Some(text) = text {
        change(text, |text| rules.text(text));
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
