//! Table `pgsql`.

use protocols::record::Pgsql;

use super::cell::{Field, field};
use crate::types::Type::{Bytes, Duration, ListString, String, U64};

pub(crate) static PGSQL: &[Field<Pgsql>] = &[
    field("operation", String, "SELECT, INSERT, …, BEGIN, COPY, STARTUP, AUTH, CANCEL", |r: &Pgsql| {
        (&r.operation).into()
    })
    .otel("db.operation.name"),
    field("query", String, "text of the statement", |r: &Pgsql| (&r.query).into()).otel("db.query.text"),
    field("shape", String, "the text with literals and parameters replaced by ?", |r: &Pgsql| (&r.shape).into())
        .otel("db.query.text"),
    field("statement", String, "name of the prepared statement; null when unnamed", |r: &Pgsql| (&r.statement).into()),
    field("params", ListString, "parameters of the statement", |r: &Pgsql| (&r.params).into())
        .otel("db.query.parameter"),
    field("rows", U64, "rows returned or affected", |r: &Pgsql| r.rows.into()).otel("db.response.returned_rows"),
    field("tag", String, "command tag", |r: &Pgsql| (&r.tag).into()),
    field("sqlstate", String, "SQLSTATE of the error; null without one", |r: &Pgsql| (&r.sqlstate).into())
        .otel("db.response.status_code"),
    field("severity", String, "severity of the error", |r: &Pgsql| (&r.severity).into()),
    field("message", String, "message of the error", |r: &Pgsql| (&r.message).into()),
    field("database", String, "database of the connection", |r: &Pgsql| (&r.database).into()).otel("db.namespace"),
    field("user", String, "user of the connection", |r: &Pgsql| (&r.user).into()),
    field("application", String, "application_name of the connection", |r: &Pgsql| (&r.application).into()),
    field("txn", String, "state of the transaction at the end: idle, open or failed", |r: &Pgsql| r.txn.into()),
    field(
        "idle_before",
        Duration,
        "time since the connection's previous response, while a transaction was open",
        |r: &Pgsql| r.idle_before.into(),
    ),
    field("req_bytes", Bytes, "bytes of the messages that make up the request", |r: &Pgsql| r.req_bytes.into()),
    field("resp_bytes", Bytes, "bytes of the messages that make up the response", |r: &Pgsql| r.resp_bytes.into()),
];
