//! Table `dns`.

use protocols::event::Transport;
use protocols::record::Dns;

use super::cell::{Field, field};
use crate::types::Type::{Bool, ListString, String, U16, U32};

pub(crate) static DNS: &[Field<Dns>] = &[
    field("name", String, "name asked for, without trailing dot; the root is .", |r: &Dns| (&r.name).into())
        .otel("dns.question.name"),
    field("type", String, "type asked for", |r: &Dns| (&r.r#type).into()),
    field("class", String, "class asked for", |r: &Dns| (&r.class).into()),
    field("rcode", String, "response code: NOERROR, NXDOMAIN, SERVFAIL, …; null without a response", |r: &Dns| {
        (&r.rcode).into()
    }),
    field("answers", ListString, "data of the answers, as in zone files", |r: &Dns| (&r.answers).into())
        .otel("dns.answers"),
    field("answer_types", ListString, "types of the answers", |r: &Dns| (&r.answer_types).into()),
    field("ttl", U32, "lowest time to live of the answers, in seconds", |r: &Dns| r.ttl.into()),
    field("transport", String, "udp or tcp", |r: &Dns| r.transport.map(Transport::name).into())
        .otel("network.transport"),
    field("dns_id", U16, "id of the message", |r: &Dns| r.dns_id.into()),
    field("authoritative", Bool, "the answer is authoritative (AA)", |r: &Dns| r.authoritative.into()),
    field("recursion_available", Bool, "the server recurses (RA)", |r: &Dns| r.recursion_available.into()),
    field("authenticated", Bool, "the data was validated (AD)", |r: &Dns| r.authenticated.into()),
    field("cname", String, "last name of the chain of aliases", |r: &Dns| (&r.cname).into()),
];
