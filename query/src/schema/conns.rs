//! Tables `conns`, `inflight`, `probes` and `loss`.

use std::sync::Arc;

use protocols::event::{ProcessNames, Transport};
use protocols::record::{Conn, ConnState, Role};
use protocols::tracker::{InFlight, Loss};

use super::cell::{Cell, Field, field};
use crate::store::ProbeRow;
use crate::types::Type::{Bool, Bytes, Duration, F64, Ip, String, Time, U16, U32, U64};

fn name(conn: &Conn, get: fn(&ProcessNames) -> &Option<Arc<str>>) -> Cell<'_> {
    conn.identity.names.as_ref().map_or(Cell::Null, |names| Cell::from(get(names)))
}

pub(crate) static CONNS: &[Field<Conn>] = &[
    field("time", Time, "when it was opened, or first seen", |r: &Conn| r.time.into()),
    field("closed", Time, "when it ended", |r: &Conn| r.closed.into()),
    field("duration", Duration, "from time to closed; null while open", |r: &Conn| r.duration.into()),
    field("conn", U64, "number of the connection", |r: &Conn| r.conn.into()),
    field("process", String, "name of the process (its thread-group leader)", |r: &Conn| name(r, |n| &n.process))
        .otel("process.command"),
    field("pid", U32, "process id", |r: &Conn| r.identity.pid.into()).otel("process.pid"),
    field("exe", String, "path of the executable", |r: &Conn| name(r, |n| &n.exe)).otel("process.executable.path"),
    field("container", String, "container id, 12 hex digits", |r: &Conn| name(r, |n| &n.container))
        .otel("container.id"),
    field(
        "service",
        String,
        "first known of: OTEL_SERVICE_NAME, the pod's workload, container name, systemd unit, process",
        |r: &Conn| name(r, |n| &n.service),
    )
    .otel("service.name"),
    field("node", String, "host name of the machine", |r: &Conn| (&r.identity.node).into()).otel("host.name"),
    field("local_addr", Ip, "address of this end (the server's in captures)", |r: &Conn| (&r.ends.local_addr).into())
        .otel("network.local.address"),
    field("local_port", U16, "port of this end", |r: &Conn| r.ends.local_port.into()).otel("network.local.port"),
    field("remote_addr", Ip, "address of the other end (the client's in captures)", |r: &Conn| {
        (&r.ends.remote_addr).into()
    })
    .otel("network.peer.address"),
    field("remote_port", U16, "port of the other end", |r: &Conn| r.ends.remote_port.into()).otel("network.peer.port"),
    field("remote_name", String, "name that a DNS answer or a hosts file gave for remote_addr", |r: &Conn| {
        (&r.ends.remote_name).into()
    }),
    field("transport", String, "tcp, udp or unix", |r: &Conn| r.transport.map(Transport::name).into())
        .otel("network.transport"),
    field("protocol", String, "table that its exchanges go to; null: not recognised", |r: &Conn| r.protocol.into())
        .otel("network.protocol.name"),
    field("role", String, "which side the watched process is: client or server", |r: &Conn| {
        r.role.map(Role::name).into()
    }),
    field("tls", Bool, "TLS was seen on it", |r: &Conn| r.tls.into()),
    field("state", String, "connecting, open, half_closed, closed or failed", |r: &Conn| {
        r.state.map(ConnState::name).into()
    }),
    field("connect", Duration, "SYN to established", |r: &Conn| r.connect.into()),
    field("bytes_sent", Bytes, "bytes sent by this end", |r: &Conn| r.bytes_sent.into()),
    field("bytes_received", Bytes, "bytes received by this end", |r: &Conn| r.bytes_received.into()),
    field("requests", U64, "exchanges begun on it", |r: &Conn| r.requests.into()),
    field("retransmits", U64, "segments sent again", |r: &Conn| r.retransmits.into()),
    field("reset", Bool, "it ended with a reset", |r: &Conn| r.reset.into()),
    field("errno", String, "why connecting failed, such as ECONNREFUSED", |r: &Conn| (&r.errno).into()),
    field("midstream", Bool, "it was joined after it began", |r: &Conn| r.midstream.into()).otel("explore.midstream"),
];

pub(crate) static INFLIGHT: &[Field<InFlight>] = &[
    field("age", Duration, "time since its first byte", |r: &InFlight| r.age.into()),
    field("protocol", String, "table that it will go to", |r: &InFlight| r.protocol.into())
        .otel("network.protocol.name"),
    field("summary", String, "what is asked, such as GET /cart; null before the head is complete", |r: &InFlight| {
        (&r.summary).into()
    }),
];

pub(crate) static PROBES: &[Field<ProbeRow>] = &[
    field("program", String, "the BPF program", |r: &ProbeRow| r.program.as_str().into()),
    field("hook", String, "where it hooks in", |r: &ProbeRow| r.hook.as_str().into()),
    field("target", String, "library or executable that it is in", |r: &ProbeRow| (&r.target).into()),
    field("state", String, "active, failed, unsupported or skipped", |r: &ProbeRow| r.state.as_str().into()),
    field("reason", String, "why it is not active", |r: &ProbeRow| (&r.reason).into()),
    field("hits", U64, "how often it ran", |r: &ProbeRow| r.hits.into()),
    field("ns_per_hit", F64, "what one run costs, in nanoseconds", |r: &ProbeRow| r.ns_per_hit.into()),
];

pub(crate) static LOSS: &[Field<Loss>] = &[
    field("cause", String, "why, in snake case", |r: &Loss| Cell::Text(&r.cause)),
    field("events", U64, "how many events", |r: &Loss| r.events.into()),
    field("bytes", Bytes, "how many bytes, as far as known", |r: &Loss| r.bytes.into()),
    field("first_seen", Time, "when it was first noticed", |r: &Loss| r.first_seen.into()),
];
