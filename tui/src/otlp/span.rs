//! A row as a span: kind, name, times of the wire, status and the attributes of the conventions.
//!
//! Headers, bodies and parameters are never exported.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{Span, Status, status::StatusCode};
use opentelemetry_semantic_conventions::attribute;
use protocols::event::Address;
use protocols::record::{Common, Dns, Grpc, Header, Http, Pgsql, Record, Role};
use protocols::route::Pattern;

use super::attributes::{Attributes, own};
use super::join::{Draft, Said};
use super::resource::Owner;
use super::summary;

/// What the user asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    pub(super) query_text: bool,
    pub(super) db_server: bool,
    /// `--route`: routes that were given rather than found.
    pub(super) routes: Vec<Pattern>,
}

impl Rules {
    /// Whether the route is one of those that the user gave.
    pub(super) fn is_given(&self, route: &str) -> bool {
        self.routes.iter().any(|pattern| pattern.text() == route)
    }
}

/// The row as a span; null for what is no exchange. Handshakes are none.
pub(super) fn draft(record: &Record, rules: &Rules) -> Option<Draft> {
    let (table, common) = record.exchange()?;
    if table == "tls" {
        return None;
    }
    let server = is_server(common);
    let headers = match record {
        Record::Http(row) => row.req_headers.as_deref(),
        Record::Grpc(row) => row.req_headers.as_deref(),
        _ => None,
    };
    let said = Said {
        trace: common.trace_id.as_deref().and_then(id),
        caller: common.span_id.as_deref().and_then(id),
        sampled: headers.and_then(sampled),
    };
    Some(Draft {
        id: common.id,
        time: common.time.0,
        // The server's side of an exchange stands under the client's, which stands under what the client was serving.
        above: common.parent.or(common.twin.filter(|_| common.role == Some(Role::Server))),
        said,
        span: span(record, common, rules),
        owner: Owner::process(&common.identity),
        error: common.error == Some(true),
        latency: common.latency.unwrap_or(0),
        server,
    })
}

/// Whether it is an export of an explore, this one or another, as the collector's side saw it: telling of those would make
/// the next one.
pub(super) fn is_export(record: &Record) -> bool {
    let agent = match record {
        Record::Http(row) => row.user_agent.as_deref(),
        Record::Grpc(row) => row
            .req_headers
            .iter()
            .flatten()
            .find_map(|header| header.value.as_deref().filter(|_| header.name.as_deref() == Some("user-agent"))),
        _ => None,
    };
    agent.is_some_and(|agent| agent.starts_with("explore/"))
}

/// In captures nobody is watched: the exchange is seen as the server's.
pub(super) fn is_server(common: &Common) -> bool {
    common.role != Some(Role::Client)
}

/// Kind of the exchange's span; null if it is not exported.
fn kind(record: &Record, common: &Common, rules: &Rules) -> Option<SpanKind> {
    let server = is_server(common);
    match record {
        Record::Http(_) | Record::Grpc(_) if server => Some(SpanKind::Server),
        Record::Http(_) | Record::Grpc(_) => Some(SpanKind::Client),
        Record::Pgsql(_) if server => rules.db_server.then_some(SpanKind::Internal),
        // Of a question in a capture there is only this row: it stands for the one who asked.
        Record::Dns(_) if common.role == Some(Role::Server) => None,
        Record::Pgsql(_) | Record::Dns(_) => Some(SpanKind::Client),
        Record::Tls(_) | Record::Conn(_) => None,
    }
}

fn span(record: &Record, common: &Common, rules: &Rules) -> Option<Span> {
    let kind = kind(record, common, rules)?;
    // What has no end cannot be said as a span.
    let end = common.time.0.saturating_add(common.latency?);
    let mut attributes = Attributes::default();
    let name = match record {
        Record::Http(row) => http(row, kind, rules, &mut attributes),
        Record::Grpc(row) => grpc(row, kind, &mut attributes),
        Record::Pgsql(row) => pgsql(row, kind, rules, &mut attributes),
        Record::Dns(row) => dns(row, &mut attributes),
        Record::Tls(_) | Record::Conn(_) => return None,
    };
    let error = common.error == Some(true);
    attributes.text(attribute::ERROR_TYPE, error.then(|| error_type(record)));
    network(common, kind, record, &mut attributes);
    attributes.flag(own::TRUNCATED, common.truncated);
    attributes.flag(own::MIDSTREAM, common.midstream);
    attributes.flag(own::GAP, common.gap);
    let code = if error { StatusCode::Error } else { StatusCode::Unset };
    Some(Span {
        name,
        kind: kind.into(),
        start_time_unix_nano: common.time.0,
        end_time_unix_nano: end,
        attributes: attributes.into_proto(),
        status: Some(Status { code: code.into(), ..Status::default() }),
        ..Span::default()
    })
}

/// `error.type` of a failed exchange: status code, status name, SQLSTATE or rcode, as far as there was one.
pub(super) fn error_type(record: &Record) -> String {
    let known = match record {
        Record::Http(row) => row.status.filter(|status| *status >= 400).map(|status| status.to_string()),
        Record::Grpc(row) => row.status_name.clone().filter(|name| name != "OK"),
        Record::Pgsql(row) => row.sqlstate.clone(),
        Record::Dns(row) => row.rcode.clone().filter(|rcode| rcode != "NOERROR"),
        Record::Tls(_) | Record::Conn(_) => None,
    };
    // What the conventions say for an error without a name, here: cut off in the middle.
    known.unwrap_or_else(|| "_OTHER".to_owned())
}

fn http(row: &Http, kind: SpanKind, rules: &Rules, attributes: &mut Attributes) -> String {
    let method = method(row, attributes);
    attributes.text(attribute::HTTP_REQUEST_METHOD_ORIGINAL, row.method.as_deref().filter(|_| method == Some(OTHER)));
    let server = kind == SpanKind::Server;
    route(row, server, rules, attributes);
    attributes.integer(attribute::HTTP_RESPONSE_STATUS_CODE, row.status);
    attributes.text(attribute::NETWORK_PROTOCOL_NAME, row.version.map(|_| "http"));
    attributes.text(attribute::NETWORK_PROTOCOL_VERSION, row.version);
    let scheme = scheme(row);
    let (address, port) = place(row.host.as_deref(), &row.common);
    if server {
        attributes.text(attribute::URL_SCHEME, Some(scheme));
        attributes.text(attribute::URL_PATH, row.path.as_deref());
        attributes.text(attribute::URL_QUERY, row.query.as_deref());
        attributes.text(attribute::CLIENT_ADDRESS, row.common.ends.remote_addr.as_ref().map(address_text));
        attributes.integer(attribute::CLIENT_PORT, row.common.ends.remote_port);
    } else {
        attributes.text(attribute::URL_SCHEME, Some(scheme));
        attributes.text(attribute::URL_FULL, full_url(row, scheme));
    }
    attributes.text(attribute::SERVER_ADDRESS, address);
    attributes.integer(attribute::SERVER_PORT, port);
    attributes.text(attribute::USER_AGENT_ORIGINAL, row.user_agent.as_deref());
    attributes.integer(attribute::HTTP_REQUEST_BODY_SIZE, row.req_bytes);
    attributes.integer(attribute::HTTP_RESPONSE_BODY_SIZE, row.resp_bytes);
    // The conventions name a span of an unknown method so.
    let method = method.filter(|method| *method != OTHER).unwrap_or("HTTP");
    match &row.route {
        Some(route) => format!("{method} {route}"),
        None => method.to_owned(),
    }
}

/// `http.request.method`: one of the known ones, else `_OTHER`.
pub(super) fn method<'a>(row: &'a Http, attributes: &mut Attributes) -> Option<&'a str> {
    let method = row.method.as_deref().map(|method| if METHODS.contains(&method) { method } else { OTHER });
    attributes.text(attribute::HTTP_REQUEST_METHOD, method);
    method
}

/// A given route is `http.route`, which only servers have; one that was found is a template, and says so.
pub(super) fn route(row: &Http, server: bool, rules: &Rules, attributes: &mut Attributes) {
    let Some(route) = row.route.as_deref() else { return };
    let given = rules.is_given(route);
    let name = if given && server { attribute::HTTP_ROUTE } else { attribute::URL_TEMPLATE };
    attributes.text(name, Some(route));
    if !given {
        attributes.flag(own::ROUTE_INFERRED, true);
    }
}

/// `url.scheme`; where the request does not say, what went over the wire does.
pub(super) fn scheme(row: &Http) -> &str {
    row.scheme.as_deref().unwrap_or(if row.common.tls { "https" } else { "http" })
}

fn full_url(row: &Http, scheme: &str) -> Option<String> {
    let host = match &row.host {
        Some(host) => host.clone(),
        None => {
            let address = row.common.ends.remote_addr.as_ref().map(address_text)?;
            let address = if address.contains(':') { format!("[{address}]") } else { address };
            row.common.ends.remote_port.map_or(address.clone(), |port| format!("{address}:{port}"))
        }
    };
    let query = row.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
    Some(format!("{scheme}://{host}{}{query}", row.path.as_deref()?))
}

fn grpc(row: &Grpc, kind: SpanKind, attributes: &mut Attributes) -> String {
    rpc(row, attributes);
    let (address, port) = place(row.host.as_deref(), &row.common);
    attributes.text(attribute::SERVER_ADDRESS, address);
    attributes.integer(attribute::SERVER_PORT, port);
    if kind == SpanKind::Server {
        attributes.text(attribute::CLIENT_ADDRESS, row.common.ends.remote_addr.as_ref().map(address_text));
        attributes.integer(attribute::CLIENT_PORT, row.common.ends.remote_port);
    }
    attributes.text(attribute::NETWORK_PROTOCOL_NAME, Some("http"));
    attributes.text(attribute::NETWORK_PROTOCOL_VERSION, Some("2"));
    rpc_method(row).unwrap_or_else(|| "grpc".to_owned())
}

/// `rpc.system.name`, `rpc.method` and `rpc.response.status_code`.
pub(super) fn rpc(row: &Grpc, attributes: &mut Attributes) {
    attributes.text(attribute::RPC_SYSTEM_NAME, Some("grpc"));
    attributes.text(attribute::RPC_METHOD, rpc_method(row));
    attributes.text(attribute::RPC_RESPONSE_STATUS_CODE, row.status_name.as_deref());
}

/// `package.Service/Method`.
fn rpc_method(row: &Grpc) -> Option<String> {
    match (&row.rpc_service, &row.method) {
        (Some(service), Some(method)) => Some(format!("{service}/{method}")),
        _ => row.path.as_deref().map(|path| path.trim_start_matches('/').to_owned()),
    }
}

fn pgsql(row: &Pgsql, kind: SpanKind, rules: &Rules, attributes: &mut Attributes) -> String {
    let name = database(row, attributes);
    let text = if rules.query_text { row.query.as_deref() } else { row.shape.as_deref() };
    attributes.text(attribute::DB_QUERY_TEXT, text);
    let rows = row.rows.filter(|_| row.tag.as_deref().is_some_and(|tag| tag.starts_with("SELECT")));
    attributes.integer(attribute::DB_RESPONSE_RETURNED_ROWS, rows);
    if kind == SpanKind::Client {
        let (address, port) = place(None, &row.common);
        attributes.text(attribute::SERVER_ADDRESS, address);
        attributes.integer(attribute::SERVER_PORT, port);
    }
    name
}

/// What statement it is, without its values; returns `db.query.summary`, or what stands in for it.
pub(super) fn database(row: &Pgsql, attributes: &mut Attributes) -> String {
    attributes.text(attribute::DB_SYSTEM_NAME, Some("postgresql"));
    attributes.text(attribute::DB_NAMESPACE, row.database.as_deref());
    attributes.text(attribute::DB_OPERATION_NAME, row.operation.as_deref());
    let summary = summary::of(row.operation.as_deref(), row.shape.as_deref());
    attributes.text(attribute::DB_COLLECTION_NAME, summary.only_target());
    attributes.text(attribute::DB_QUERY_SUMMARY, summary.text());
    attributes.text(attribute::DB_RESPONSE_STATUS_CODE, row.sqlstate.as_deref());
    summary.text().or_else(|| row.operation.clone()).unwrap_or_else(|| "postgresql".to_owned())
}

fn dns(row: &Dns, attributes: &mut Attributes) -> String {
    attributes.text(attribute::DNS_QUESTION_NAME, row.name.as_deref());
    attributes.texts(attribute::DNS_ANSWERS, row.answers.as_ref());
    let (address, port) = place(None, &row.common);
    attributes.text(attribute::SERVER_ADDRESS, address);
    attributes.integer(attribute::SERVER_PORT, port);
    attributes.text(attribute::NETWORK_PROTOCOL_NAME, Some("dns"));
    match &row.r#type {
        Some(kind) => format!("DNS {kind}"),
        None => "DNS".to_owned(),
    }
}

/// `network.*`: the two ends, as they are on the wire.
fn network(common: &Common, kind: SpanKind, record: &Record, attributes: &mut Attributes) {
    let ends = &common.ends;
    let unix =
        matches!((&ends.local_addr, &ends.remote_addr), (Some(Address::Unix(_)), _) | (_, Some(Address::Unix(_))));
    let transport = match record {
        Record::Dns(row) => row.transport.map(|transport| transport.name()),
        _ if unix => Some("unix"),
        _ => Some("tcp"),
    };
    attributes.text(attribute::NETWORK_TRANSPORT, transport);
    // In a capture the remote end is the one who asked; a span of who asked looks at the other one.
    let turned = kind == SpanKind::Client && common.role.is_none();
    let (local, remote) = (
        (ends.local_addr.as_ref().map(address_text), ends.local_port),
        (ends.remote_addr.as_ref().map(address_text), ends.remote_port),
    );
    let (own, peer) = if turned { (remote, local) } else { (local, remote) };
    attributes.text(attribute::NETWORK_PEER_ADDRESS, peer.0);
    attributes.integer(attribute::NETWORK_PEER_PORT, peer.1);
    attributes.text(attribute::NETWORK_LOCAL_ADDRESS, own.0);
    attributes.integer(attribute::NETWORK_LOCAL_PORT, own.1);
}

/// `server.address` and `server.port`: as the request names the server, else where its bytes went.
pub(super) fn place(host: Option<&str>, common: &Common) -> (Option<String>, Option<u16>) {
    let ends = &common.ends;
    let (address, port, name) = match common.role {
        Some(Role::Client) => (&ends.remote_addr, ends.remote_port, ends.remote_name.as_deref()),
        _ => (&ends.local_addr, ends.local_port, None),
    };
    match host.filter(|host| !host.is_empty()) {
        Some(host) => {
            let (host, said) = split_host(host);
            (Some(host.to_owned()), said.or(port))
        }
        None => (name.map(str::to_owned).or_else(|| address.as_ref().map(address_text)), port),
    }
}

/// `example.com:80`, `[::1]:80`, `example.com`.
fn split_host(host: &str) -> (&str, Option<u16>) {
    if let Some((address, rest)) = host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        return (address, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (host, None),
        },
        _ => (host, None),
    }
}

fn address_text(address: &Address) -> String {
    match address {
        Address::Ip(ip) => ip.to_string(),
        Address::Unix(path) => path.to_string(),
    }
}

/// Hex digits as an id of `N` bytes; shorter ones (B3's short trace ids) have zeros in front.
fn id<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let value = u128::from_str_radix(digits, 16).ok().filter(|value| *value != 0)?;
    let bytes = value.to_be_bytes();
    bytes.get(bytes.len().checked_sub(N)?..)?.try_into().ok()
}

/// What the caller decided, as its headers say it; null where they leave it open.
fn sampled(headers: &[Header]) -> Option<bool> {
    let value = |name: &str| {
        let found = headers.iter().find(|header| header.name.as_deref() == Some(name))?;
        found.value.as_deref().map(str::trim)
    };
    let flag = |digits: &str| u8::from_str_radix(digits, 16).ok().map(|flags| flags & 1 == 1);
    let b3 = |decision: &str| match decision {
        "1" | "d" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    };
    if let Some(traceparent) = value("traceparent") {
        return flag(traceparent.split('-').nth(3)?);
    }
    if let Some(single) = value("b3") {
        return b3(single.split('-').nth(2).unwrap_or(single));
    }
    if let Some(decision) = value("x-b3-sampled") {
        return b3(decision);
    }
    if value("x-b3-flags") == Some("1") {
        return Some(true);
    }
    let jaeger = value("uber-trace-id")?.replace("%3A", ":").replace("%3a", ":");
    flag(jaeger.split(':').nth(3)?)
}

/// RFC 9110, PATCH (RFC 5789) and QUERY, as the conventions list them.
const METHODS: [&str; 10] = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"];
const OTHER: &str = "_OTHER";

#[cfg(test)]
mod tests;
