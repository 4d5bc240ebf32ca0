//! Tables `http` and `grpc`.

use protocols::record::{Grpc, Http};

use super::cell::{Field, field};
use crate::types::Type::{Blob, Bytes, Duration, Headers, String, U16, U32};

pub(crate) static HTTP: &[Field<Http>] = &[
    field("version", String, "1.0, 1.1 or 2", |r: &Http| r.version.into()).otel("network.protocol.version"),
    field("method", String, "request method", |r: &Http| (&r.method).into()).otel("http.request.method"),
    field("scheme", String, "http or https", |r: &Http| (&r.scheme).into()).otel("url.scheme"),
    field("host", String, "the Host field or :authority", |r: &Http| (&r.host).into()).otel("server.address"),
    field("path", String, "path, without query", |r: &Http| (&r.path).into()).otel("url.path"),
    field("query", String, "query, without the question mark", |r: &Http| (&r.query).into()).otel("url.query"),
    field("route", String, "route pattern that the path belongs to", |r: &Http| (&r.route).into()).otel("http.route"),
    field("status", U16, "status code", |r: &Http| r.status.into()).otel("http.response.status_code"),
    field("reason", String, "reason phrase", |r: &Http| (&r.reason).into()),
    field("req_type", String, "media type of the request, without parameters", |r: &Http| (&r.req_type).into()),
    field("resp_type", String, "media type of the response, without parameters", |r: &Http| (&r.resp_type).into()),
    field("user_agent", String, "the User-Agent field", |r: &Http| (&r.user_agent).into()).otel("user_agent.original"),
    field("req_bytes", Bytes, "body bytes of the request, after transfer decoding", |r: &Http| r.req_bytes.into())
        .otel("http.request.body.size"),
    field("resp_bytes", Bytes, "body bytes of the response, after transfer decoding", |r: &Http| r.resp_bytes.into())
        .otel("http.response.body.size"),
    field("req_headers", Headers, "request header fields, in wire order", |r: &Http| (&r.req_headers).into())
        .otel("http.request.header"),
    field("resp_headers", Headers, "response header fields, in wire order", |r: &Http| (&r.resp_headers).into())
        .otel("http.response.header"),
    field("req_body", Blob, "first bytes of the request's body, decoded", |r: &Http| (&r.req_body).into()),
    field("resp_body", Blob, "first bytes of the response's body, decoded", |r: &Http| (&r.resp_body).into()),
    field("stream", U32, "HTTP/2 stream id", |r: &Http| r.stream.into()),
];

pub(crate) static GRPC: &[Field<Grpc>] = &[
    field("rpc_service", String, "package and service", |r: &Grpc| (&r.rpc_service).into()).otel("rpc.method"),
    field("method", String, "method", |r: &Grpc| (&r.method).into()).otel("rpc.method"),
    field("path", String, "the :path", |r: &Grpc| (&r.path).into()),
    field("host", String, "the :authority", |r: &Grpc| (&r.host).into()).otel("server.address"),
    field("status", U16, "grpc-status; null when none was seen", |r: &Grpc| r.status.into()),
    field("status_name", String, "its name, such as OK or NOT_FOUND", |r: &Grpc| (&r.status_name).into())
        .otel("rpc.response.status_code"),
    field("message", String, "grpc-message, decoded", |r: &Grpc| (&r.message).into()),
    field("kind", String, "unary, client_streaming, server_streaming or bidi", |r: &Grpc| r.kind.into()),
    field("req_messages", U32, "messages sent by the client", |r: &Grpc| r.req_messages.into()),
    field("resp_messages", U32, "messages sent by the server", |r: &Grpc| r.resp_messages.into()),
    field("req_bytes", Bytes, "bytes of the client's messages", |r: &Grpc| r.req_bytes.into()),
    field("resp_bytes", Bytes, "bytes of the server's messages", |r: &Grpc| r.resp_bytes.into()),
    field("timeout", Duration, "grpc-timeout", |r: &Grpc| r.timeout.into()),
    field("encoding", String, "grpc-encoding", |r: &Grpc| (&r.encoding).into()),
    field("http_status", U16, "the :status", |r: &Grpc| r.http_status.into()).otel("http.response.status_code"),
    field("req_headers", Headers, "request metadata, in wire order", |r: &Grpc| (&r.req_headers).into())
        .otel("rpc.request.metadata"),
    field("resp_headers", Headers, "response metadata, in wire order", |r: &Grpc| (&r.resp_headers).into())
        .otel("rpc.response.metadata"),
    field("resp_trailers", Headers, "trailing metadata, in wire order", |r: &Grpc| (&r.resp_trailers).into()),
    field("stream", U32, "HTTP/2 stream id", |r: &Grpc| r.stream.into()),
];
