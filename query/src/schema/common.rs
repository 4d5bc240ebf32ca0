//! The columns that every table of exchanges has.

use std::sync::Arc;

use protocols::event::{ProcessNames, Source};
use protocols::record::{Common, Identity, ParentBy, Role};

use super::cell::{Cell, Field, field};
use crate::types::Type::{Bool, Duration, Ip, String, Time, U16, U32, U64};

fn name(identity: &Identity, get: fn(&ProcessNames) -> &Option<Arc<str>>) -> Cell<'_> {
    identity.names.as_ref().map_or(Cell::Null, |names| Cell::from(get(names)))
}

fn role(role: Option<Role>) -> Cell<'static> {
    role.map(Role::name).into()
}

pub(crate) static FIELDS: &[Field<Common>] = &[
    field("time", Time, "first byte of the request, as the kernel or the capture saw it", |r: &Common| r.time.into()),
    field(
        "latency",
        Duration,
        "first byte of the request to last byte of the response; null without a response",
        |r: &Common| r.latency.into(),
    ),
    field(
        "ttfb",
        Duration,
        "last byte of the request to first byte of the response; null when that began earlier",
        |r: &Common| r.ttfb.into(),
    ),
    field("id", U64, "number of the exchange, unique in the session", |r: &Common| r.id.into()),
    field(
        "parent",
        U64,
        "id of the server exchange during which this client exchange was made; null unless certain",
        |r: &Common| r.parent.into(),
    ),
    field("parent_by", String, "how the parent is known: trace, thread or goroutine", |r: &Common| {
        r.parent_by.map(ParentBy::name).into()
    }),
    field("twin", U64, "id of the other row of the same exchange, when both ends were watched", |r: &Common| {
        r.twin.into()
    }),
    field("role", String, "which side the watched process is: client or server", |r: &Common| role(r.role)),
    field("process", String, "name of the process (its thread-group leader)", |r: &Common| {
        name(&r.identity, |n| &n.process)
    })
    .otel("process.command"),
    field("pid", U32, "process id", |r: &Common| r.identity.pid.into()).otel("process.pid"),
    field("exe", String, "path of the executable", |r: &Common| name(&r.identity, |n| &n.exe))
        .otel("process.executable.path"),
    field("container", String, "container id, 12 hex digits", |r: &Common| name(&r.identity, |n| &n.container))
        .otel("container.id"),
    field(
        "service",
        String,
        "first known of: OTEL_SERVICE_NAME, the pod's workload, container name, systemd unit, process",
        |r: &Common| name(&r.identity, |n| &n.service),
    )
    .otel("service.name"),
    field("node", String, "host name of the machine", |r: &Common| (&r.identity.node).into()).otel("host.name"),
    field("local_addr", Ip, "address of this end (the server's in captures)", |r: &Common| (&r.ends.local_addr).into())
        .otel("network.local.address"),
    field("local_port", U16, "port of this end", |r: &Common| r.ends.local_port.into()).otel("network.local.port"),
    field("remote_addr", Ip, "address of the other end (the client's in captures)", |r: &Common| {
        (&r.ends.remote_addr).into()
    })
    .otel("network.peer.address"),
    field("remote_port", U16, "port of the other end", |r: &Common| r.ends.remote_port.into())
        .otel("network.peer.port"),
    field("remote_name", String, "name that a DNS answer or a hosts file gave for remote_addr", |r: &Common| {
        (&r.ends.remote_name).into()
    }),
    field("conn", U64, "number of the connection; joins with conns", |r: &Common| r.conn.into()),
    field("tls", Bool, "the bytes were encrypted on the wire", |r: &Common| r.tls.into()),
    field(
        "source",
        String,
        "where the plain bytes came from: socket openssl boringssl gnutls go rustls ktls pcap keylog",
        |r: &Common| r.source.map(Source::name).into(),
    ),
    field("trace_id", String, "trace id from traceparent, B3 or Jaeger headers, lower-case hex", |r: &Common| {
        (&r.trace_id).into()
    }),
    field("span_id", String, "the caller's span id, from the same header", |r: &Common| (&r.span_id).into()),
    field(
        "error",
        Bool,
        "it failed, as the protocol defines failure; null when that cannot be judged",
        |r: &Common| r.error.into(),
    ),
    field("truncated", Bool, "fewer bytes were kept than sent", |r: &Common| r.truncated.into())
        .otel("explore.truncated"),
    field("gap", Bool, "bytes were lost inside", |r: &Common| r.gap.into()).otel("explore.gap"),
    field("midstream", Bool, "the connection was joined after it began", |r: &Common| r.midstream.into())
        .otel("explore.midstream"),
];
