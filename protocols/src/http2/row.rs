//! The row of an exchange: `http`, or `grpc` for those that carry it.

use std::sync::Arc;

use super::exchange::{Open, find, status};
use super::hpack::{Decoder, Field};
use crate::grpc::{self, Call};
use crate::record::{Grpc, Header, Http, Record};
use crate::session::{Description, Exchange, Timing};

/// The decoders of both directions: names that were revealed since a block was decoded are used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decoders<'a> {
    pub(super) requests: &'a Decoder,
    pub(super) responses: &'a Decoder,
    /// The request was promised by the server: it is in the server's table.
    pub(super) is_pushed: bool,
}

impl<'a> Decoders<'a> {
    fn of_request(&self) -> &'a Decoder {
        if self.is_pushed { self.responses } else { self.requests }
    }
}

/// What the request says, for exchanges under way.
pub(super) fn describe(fields: &[Field], decoder: &Decoder) -> Description {
    let value = |name| find(fields, decoder, name).map(|value| &**value);
    let is_grpc = value("content-type").is_some_and(|kind| grpc::is_grpc(kind) || grpc::is_web(kind));
    let path = value(":path");
    let summary = match (is_grpc, value(":method")) {
        (true, _) => path.map(|path| path.trim_start_matches('/').to_owned()),
        (false, Some(method)) => {
            // CONNECT has no path: then the authority says what is asked for.
            let target = path.map(|path| path.split('?').next().unwrap_or(path)).or_else(|| value(":authority"));
            Some(target.map_or_else(|| method.to_owned(), |target| format!("{method} {target}")))
        }
        (false, None) => None,
    };
    Description {
        summary,
        trace: crate::trace::context(&headers(fields, decoder)),
        protocol: is_grpc.then_some("grpc"),
        read: None,
    }
}

/// Finishes an exchange as it stands. `cut_short`: its answer will never be whole. Null where the request was not seen, and
/// the answer does not tell which table it belongs to.
pub(super) fn finish(mut open: Open, stream: u32, cut_short: bool, decoders: Decoders<'_>) -> Option<Exchange> {
    let upgraded = open.upgraded.take();
    let cut_short = cut_short && !open.response_done;
    let is_grpc = if open.asked { is_grpc(&open, decoders) } else { answers_grpc(&open, decoders)? };
    let mut record = match upgraded.map(|exchange| exchange.record) {
        Some(Record::Http(http)) => Record::Http(Box::new(answered(*http, &open, stream, decoders))),
        _ if is_grpc => Record::Grpc(Box::new(call(&open, stream, decoders))),
        _ => http_or_web(&open, stream, decoders),
    };
    if let Record::Http(http) = &mut record {
        let request = open.request_body.shorten(http.req_body.as_mut());
        open.truncated |= open.response_body.shorten(http.resp_body.as_mut()) || request;
    }
    if let Some(common) = record.common_mut() {
        common.truncated |= open.truncated || open.request_body.is_cut() || open.response_body.is_cut();
        common.gap |= open.gap;
        common.midstream |= open.midstream;
    }
    let request_start = open.timing.request_start;
    let timing = if open.asked { open.timing } else { Timing { request_start, ..Timing::default() } };
    Some(Exchange { id: open.id, timing, cut_short, record })
}

fn http_or_web(open: &Open, stream: u32, decoders: Decoders<'_>) -> Record {
    let http = answered(asked(open, decoders), open, stream, decoders);
    let (request, response) = (open.request_body.web(), open.response_body.web());
    if request.is_none() && response.is_none() {
        return Record::Http(Box::new(http));
    }
    Record::Grpc(Box::new(grpc::web::call(http, request, response)))
}

/// The request's columns.
fn asked(open: &Open, decoders: Decoders<'_>) -> Http {
    let decoder = decoders.of_request();
    let fields = open.request.as_deref();
    let value = |name| find(fields?, decoder, name).map(|value| value.to_string());
    let (path, query) = match value(":path") {
        Some(target) => match target.split_once('?') {
            Some((path, query)) => (Some(path.to_owned()), Some(query.to_owned())),
            None => (Some(target), None),
        },
        None => (None, None),
    };
    Http {
        method: value(":method"),
        scheme: value(":scheme"),
        // RFC 9113, 8.3.1: what was made from an HTTP/1 request may have Host in its place.
        host: value(":authority").or_else(|| value("host")),
        path,
        query,
        req_type: value("content-type").as_deref().map(media_type),
        user_agent: value("user-agent"),
        req_bytes: open.request_body.length(),
        req_headers: fields.map(|fields| headers(fields, decoder)),
        req_body: open.request_body.text(),
        ..Http::default()
    }
}

/// With the response's columns.
fn answered(http: Http, open: &Open, stream: u32, decoders: Decoders<'_>) -> Http {
    let decoder = decoders.responses;
    let fields = open.response.as_deref();
    let has_begun = open.timing.response_start.is_some();
    Http {
        version: Some("2"),
        status: fields.and_then(|fields| status(fields, decoder)),
        resp_type: fields.and_then(|fields| find(fields, decoder, "content-type")).map(|kind| media_type(kind)),
        resp_bytes: open.response_body.length().filter(|_| has_begun),
        resp_headers: fields.map(|fields| headers(fields, decoder)),
        resp_body: open.response_body.text(),
        stream: Some(stream),
        ..http
    }
}

fn call(open: &Open, stream: u32, decoders: Decoders<'_>) -> Grpc {
    let asked = decoders.of_request();
    let request = |name| find(open.request.as_deref()?, asked, name).map(|value| value.to_string());
    let fields = |fields: &Option<Vec<Field>>, decoder| fields.as_deref().map(|fields| headers(fields, decoder));
    let has_begun = open.timing.response_start.is_some();
    let call = Call {
        path: request(":path"),
        host: request(":authority").or_else(|| request("host")),
        http_status: open.response.as_deref().and_then(|fields| status(fields, decoders.responses)),
        req_headers: fields(&open.request, asked),
        resp_headers: fields(&open.response, decoders.responses),
        resp_trailers: fields(&open.trailers, decoders.responses),
        request: open.request_body.messages(),
        response: open.response_body.messages().filter(|_| has_begun),
        req_bytes: open.request_body.length(),
        resp_bytes: open.response_body.length().filter(|_| has_begun),
        stream: Some(stream),
    };
    call.into_record()
}

/// By its content type; where that is in a part of the table that is not known, by names that only gRPC has, or by what only
/// gRPC looks like: a POST of whole length-prefixed messages, that no answer without trailers contradicts.
fn is_grpc(open: &Open, decoders: Decoders<'_>) -> bool {
    let asked = decoders.of_request();
    let request = open.request.as_deref().unwrap_or_default();
    let response = open.response.as_deref().unwrap_or_default();
    let kinds = [find(request, asked, "content-type"), find(response, decoders.responses, "content-type")];
    if let Some(kind) = kinds.into_iter().flatten().next() {
        return grpc::is_grpc(kind);
    }
    let ends = open.trailers.as_deref().unwrap_or(response);
    if names_grpc(request, asked) || names_grpc(response, decoders.responses) || names_grpc(ends, decoders.responses) {
        return true;
    }
    let sent = open.request_body.messages();
    let is_answered_otherwise = open.response_done && open.trailers.is_none() && !open.is_head_only;
    has_unknown(request, asked)
        && find(request, asked, ":method").is_none_or(|method| **method == *"POST")
        && sent.is_some_and(|messages| messages.count() > Some(0))
        && open.response_body.messages().is_some_and(|messages| messages.count().is_some())
        && !is_answered_otherwise
}

/// Names that no other protocol's fields have (PROTOCOL-HTTP2.md).
fn names_grpc(fields: &[Field], decoder: &Decoder) -> bool {
    let names = fields.iter().filter_map(|field| decoder.resolve(&field.name));
    names.map(|name| &**name).any(|name| {
        matches!(name.strip_prefix("grpc-"), Some("status" | "timeout" | "encoding" | "accept-encoding" | "message"))
    })
}

/// The same by the answer alone; null where that does not tell. Of gRPC every answer has status 200 and names its type, and
/// every answer that is more than a head ends with trailers.
fn answers_grpc(open: &Open, decoders: Decoders<'_>) -> Option<bool> {
    let decoder = decoders.responses;
    let head = open.response.as_deref().unwrap_or_default();
    if let Some(kind) = find(head, decoder, "content-type") {
        return Some(grpc::is_grpc(kind));
    }
    if names_grpc(head, decoder) || open.trailers.as_deref().is_some_and(|fields| names_grpc(fields, decoder)) {
        return Some(true);
    }
    let is_other = open.response_body.is_no_grpc();
    if is_other || !has_unknown(head, decoder) || status(head, decoder).is_some_and(|status| status != 200) {
        return Some(false);
    }
    match (open.response_body.messages(), &open.trailers) {
        // Nothing at all is a series of messages too.
        (Some(messages), Some(_)) => {
            messages.count().filter(|_| open.response_body.is_begun()).map(|_| messages.is_at_boundary())
        }
        (_, None) if open.response_done => (!open.is_head_only).then_some(false),
        _ => None,
    }
}

fn has_unknown(fields: &[Field], decoder: &Decoder) -> bool {
    fields.iter().any(|field| decoder.resolve(&field.name).is_none())
}

/// Fields for the record: pseudo-headers have columns of their own.
fn headers(fields: &[Field], decoder: &Decoder) -> Vec<Header> {
    let header = |field: &Field| {
        let name = decoder.resolve(&field.name).cloned();
        let is_pseudo = name.as_deref().is_some_and(|name| name.starts_with(':'));
        (!is_pseudo).then(|| Header { name, value: field.value.as_ref().map(Arc::clone) })
    };
    fields.iter().filter_map(header).collect()
}

/// Without parameters, in lower case.
fn media_type(value: &str) -> String {
    value.split(';').next().unwrap_or(value).trim().to_ascii_lowercase()
}
