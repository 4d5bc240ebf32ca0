//! gRPC: a reader over HTTP/2 exchanges (gRPC over HTTP2, PROTOCOL-HTTP2.md), and gRPC-Web over any HTTP (PROTOCOL-WEB.md).

mod messages;
mod metadata;
mod status;
pub mod web;

pub use messages::Messages;

use std::sync::Arc;

use crate::record::{Grpc, Header};

/// Whether this media type is gRPC's over HTTP/2: `application/grpc`, `application/grpc+proto`, …
#[must_use]
pub fn is_grpc(content_type: &str) -> bool {
    matches!(suffix(content_type), Some("" | "+" | ";" | " "))
}

/// Whether this media type is gRPC-Web's: `application/grpc-web`, `application/grpc-web-text+proto`, …
#[must_use]
pub fn is_web(content_type: &str) -> bool {
    suffix(content_type) == Some("-")
}

/// The first character behind `application/grpc`.
fn suffix(content_type: &str) -> Option<&str> {
    const PREFIX: &str = "application/grpc";
    let start = content_type.get(..PREFIX.len()).filter(|start| start.eq_ignore_ascii_case(PREFIX))?;
    content_type.get(start.len()..)?.get(..1).or(Some(""))
}

/// What was seen of one call.
#[derive(Debug, Default)]
pub struct Call<'a> {
    /// `:path`, or the request target.
    pub path: Option<String>,
    /// `:authority`, or the Host field.
    pub host: Option<String>,
    /// `:status`.
    pub http_status: Option<u16>,
    /// Request metadata.
    pub req_headers: Option<Vec<Header>>,
    /// Response metadata; in a trailers-only response, all of it.
    pub resp_headers: Option<Vec<Header>>,
    /// Trailing metadata.
    pub resp_trailers: Option<Vec<Header>>,
    /// Messages of the request; null where its body was not seen.
    pub request: Option<&'a Messages>,
    /// Messages of the response; null where its body was not seen.
    pub response: Option<&'a Messages>,
    /// DATA bytes of the request.
    pub req_bytes: Option<u64>,
    /// DATA bytes of the response.
    pub resp_bytes: Option<u64>,
    /// HTTP/2 stream id.
    pub stream: Option<u32>,
}

impl Call<'_> {
    /// The row, common columns still empty.
    #[must_use]
    pub fn into_record(self) -> Grpc {
        let (rpc_service, method) = self.path.as_deref().and_then(service_and_method).unzip();
        // Trailers, or the only headers there are.
        let ended = |name| {
            let trailers = self.resp_trailers.as_deref().and_then(|fields| field(fields, name));
            trailers.or_else(|| field(self.resp_headers.as_deref()?, name))
        };
        let status = ended("grpc-status").and_then(|status| status.trim().parse().ok());
        let message = ended("grpc-message").map(|message| metadata::percent_decode(message));
        let request = |name| field(self.req_headers.as_deref()?, name);
        let encoding = self.resp_headers.as_deref().and_then(|fields| field(fields, "grpc-encoding"));
        let (req_messages, resp_messages) =
            (self.request.and_then(Messages::count), self.response.and_then(Messages::count));
        Grpc {
            kind: kind(req_messages, resp_messages, status),
            timeout: request("grpc-timeout").and_then(|timeout| metadata::timeout(timeout)),
            encoding: encoding.or_else(|| request("grpc-encoding")).map(|encoding| encoding.to_string()),
            rpc_service,
            method,
            status_name: status.map(status::name),
            status,
            message,
            req_messages,
            resp_messages,
            req_bytes: self.req_bytes,
            resp_bytes: self.resp_bytes,
            http_status: self.http_status,
            path: self.path,
            host: self.host,
            req_headers: self.req_headers,
            resp_headers: self.resp_headers,
            resp_trailers: self.resp_trailers,
            stream: self.stream,
            ..Grpc::default()
        }
    }
}

/// `/package.Service/Method`. Services may be mounted below further segments.
fn service_and_method(path: &str) -> Option<(String, String)> {
    let (service, method) = path.strip_prefix('/')?.rsplit_once('/')?;
    Some((service.to_owned(), method.to_owned()))
}

/// As the counts show. What was declared is not on the wire: a streaming call that carried one message each way looks
/// unary. Without any message of the response, a call that failed counts as unary, one that went well as streaming:
/// a unary call that goes well has exactly one.
fn kind(request: Option<u32>, response: Option<u32>, status: Option<u16>) -> Option<&'static str> {
    Some(match (request?, response?) {
        (2.., 2..) => "bidi",
        (2.., _) => "client_streaming",
        (_, 2..) => "server_streaming",
        (0, 1) => "client_streaming",
        (1, 0) if status == Some(0) => "server_streaming",
        (0, 0) if status == Some(0) => "bidi",
        (0, 0) if status.is_none() => return None,
        _ => "unary",
    })
}

fn field<'a>(fields: &'a [Header], name: &str) -> Option<&'a Arc<str>> {
    fields.iter().find(|field| field.name.as_deref() == Some(name))?.value.as_ref()
}

#[cfg(test)]
mod tests;
