//! One execution of a statement while it is under way.

use std::sync::Arc;

use super::content::{Failure, Param, tag_rows};
use super::memory::Prepared;
use super::read::Message;
use super::values;
use crate::event::Timestamp;
use crate::record::{Common, Pgsql, Record};
use crate::session::{Exchange, Timing};

/// A transaction's state, as ReadyForQuery tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Txn {
    Idle,
    Open,
    Failed,
}

impl Txn {
    pub(super) fn of(status: u8) -> Option<Self> {
        match status {
            b'I' => Some(Self::Idle),
            b'T' => Some(Self::Open),
            b'E' => Some(Self::Failed),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Open => "open",
            Self::Failed => "failed",
        }
    }
}

/// Whose connection it is, as far as was seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Identity {
    pub(super) database: Option<String>,
    pub(super) user: Option<String>,
    pub(super) application: Option<String>,
}

/// An exchange under way.
#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) id: u64,
    pub(super) request_start: Timestamp,
    pub(super) request_end: Timestamp,
    pub(super) response_start: Option<Timestamp>,
    pub(super) response_end: Option<Timestamp>,
    /// Of a Query message.
    pub(super) operation: Option<String>,
    pub(super) query: Option<String>,
    pub(super) shape: Option<String>,
    /// Of the extended protocol.
    pub(super) prepared: Option<Arc<Prepared>>,
    pub(super) params: Option<Arc<[Param]>>,
    pub(super) data_rows: u64,
    pub(super) tag: Option<String>,
    pub(super) failure: Option<Failure>,
    pub(super) txn: Option<Txn>,
    pub(super) idle_before: Option<u64>,
    pub(super) request_bytes: u64,
    pub(super) response_bytes: u64,
    /// Part of what would have been kept was cut off by a limit.
    pub(super) cut: bool,
    /// Bytes were lost.
    pub(super) lost: bool,
    /// It is to be executed: not only parsed, or bound.
    pub(super) executed: bool,
    /// First of those that one ReadyForQuery ends.
    pub(super) leads: bool,
}

impl Open {
    /// Another message of the request.
    pub(super) fn ask(&mut self, message: &Message<'_>) {
        self.request_end = message.end.time;
        self.request_bytes = self.request_bytes.saturating_add(message.size);
        self.cut |= message.cut;
        self.lost |= message.lost;
    }

    /// Another message of the response.
    pub(super) fn answer(&mut self, message: &Message<'_>) {
        self.response_start.get_or_insert(message.start.time);
        self.response_bytes = self.response_bytes.saturating_add(message.size);
        self.cut |= message.cut;
        self.lost |= message.lost;
    }

    /// The answer was another's.
    pub(super) fn forget_answer(&mut self) {
        let Self { response_start, response_end, tag, failure, data_rows, response_bytes, idle_before, .. } = self;
        (*response_start, *response_end, *tag, *failure) = (None, None, None, None);
        (*data_rows, *response_bytes, *idle_before) = (0, 0, None);
    }

    pub(super) fn is_answered(&self) -> bool {
        self.response_end.is_some()
    }

    /// The row. `cut_short`: its end will never be seen.
    pub(super) fn finish(self, identity: &Identity, cut_short: bool) -> Exchange {
        let tag = self.tag;
        let counted = (self.data_rows > 0).then_some(self.data_rows);
        let rows = tag.as_deref().and_then(tag_rows).or(counted);
        let prepared = self.prepared.as_deref();
        let of_tag = || tag.as_deref().and_then(|tag| tag.split(' ').next()).filter(|word| !word.is_empty());
        let operation = self.operation.or_else(|| prepared.and_then(|prepared| prepared.operation.clone()));
        let failure = self.failure.unwrap_or_default();
        let params = self.params.map(|params| {
            let oid = |index| prepared.and_then(|prepared| prepared.param_type(index));
            params.iter().enumerate().map(|(index, param)| values::show(param, oid(index))).collect()
        });
        let record = Pgsql {
            common: Common {
                truncated: self.cut || prepared.is_some_and(|prepared| prepared.cut),
                gap: self.lost,
                ..Common::default()
            },
            operation: operation.or_else(|| of_tag().map(str::to_owned)),
            query: self.query.or_else(|| prepared.and_then(|prepared| prepared.text.clone())),
            shape: self.shape.or_else(|| prepared.and_then(|prepared| prepared.shape.clone())),
            statement: prepared.and_then(|prepared| prepared.name.clone()),
            params,
            rows,
            sqlstate: failure.sqlstate,
            severity: failure.severity,
            message: failure.message,
            database: identity.database.clone(),
            user: identity.user.clone(),
            application: identity.application.clone(),
            txn: self.txn.map(Txn::name),
            idle_before: self.idle_before,
            req_bytes: Some(self.request_bytes),
            resp_bytes: self.response_start.map(|_| self.response_bytes),
            tag,
        };
        Exchange {
            id: self.id,
            timing: Timing {
                request_start: self.request_start,
                request_end: Some(self.request_end),
                response_start: self.response_start,
                response_end: self.response_end,
            },
            cut_short,
            record: Record::Pgsql(Box::new(record)),
        }
    }
}
