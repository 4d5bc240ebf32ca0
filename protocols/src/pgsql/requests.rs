//! What the client says.

use std::collections::VecDeque;
use std::sync::Arc;

use super::content::{self, Startup};
use super::exchange::Identity;
use super::memory::{Portal, Prepared};
use super::read::Message;
use super::sql;
use super::talk::{Expect, Talk};
use crate::session::{Description, Sink};

impl Talk {
    /// A StartupMessage.
    pub(super) fn startup(&mut self, message: &Message<'_>, sink: &mut Sink<'_>) {
        let Startup { user, database, application } = content::startup(message.body);
        self.identity = Identity { database, user, application };
        self.uncertain = false;
        self.login("STARTUP", message, sink);
    }

    fn login(&mut self, operation: &str, message: &Message<'_>, sink: &mut Sink<'_>) {
        self.started = true;
        let id = self.begin(self.begin_of(message, 0), message.end.time, sink);
        if let Some(open) = self.open.get_mut(&id) {
            open.operation = Some(operation.to_owned());
            open.executed = true;
            open.ask(message);
        }
        self.describe(id, sink);
        self.push(Expect::Startup, Some(id), message);
    }

    /// A CancelRequest. It has no answer; the key in it is not read.
    pub(super) fn cancel(&mut self, message: &Message<'_>, sink: &mut Sink<'_>) {
        let id = self.begin(self.begin_of(message, 0), message.end.time, sink);
        if let Some(mut open) = self.open.remove(&id) {
            open.operation = Some("CANCEL".to_owned());
            open.ask(message);
            sink.finish(open.finish(&self.identity, false));
        }
    }

    /// Any other message of the client.
    pub(super) fn request(&mut self, message: &Message<'_>, sink: &mut Sink<'_>) {
        match message.tag {
            b'Q' => self.query(message, sink),
            b'F' => self.function(message, sink),
            b'S' => self.sync(message),
            b'd' | b'c' | b'f' => self.copy_data(message),
            b'p' => self.password(message, sink),
            // "Once an error is detected … reads and discards messages until a Sync"
            b'P' | b'B' | b'D' | b'E' | b'C' if self.skipping => {}
            b'P' => self.parse(message, sink),
            b'B' => self.bind(message, sink),
            b'D' => self.describe_request(message, sink),
            b'E' => self.execute(message, sink),
            b'C' => self.close(message, sink),
            _ => {}
        }
    }

    fn analyse(&self, text: &str, cut: bool) -> sql::Analysis {
        let mut analysis = sql::analyse(text, cut);
        if self.backslashes && text.contains('\\') {
            // Where strings end is not known: nothing after the verb is safe to show.
            for statement in &mut analysis.statements {
                statement.shape = statement.operation.as_ref().map(|operation| format!("{operation} …"));
            }
        }
        analysis
    }

    fn query(&mut self, message: &Message<'_>, sink: &mut Sink<'_>) {
        self.make_room(message.start.time, sink);
        let cut = message.cut || message.lost;
        let body = message.body.strip_suffix(&[0]).unwrap_or(message.body);
        let text = content::text(body);
        let analysis = self.analyse(&text, cut);
        let mut begun = VecDeque::new();
        let count = analysis.statements.len();
        let mut counted = 0_u64;
        for (index, statement) in analysis.statements.into_iter().enumerate() {
            if begun.len() >= self.most_open {
                break;
            }
            let offset = if index == 0 { 0 } else { (statement.range.start as u64).saturating_add(5) };
            let id = self.begin(self.begin_of(message, offset), message.end.time, sink);
            let query = if count == 1 { text.as_str() } else { text.get(statement.range.clone()).unwrap_or_default() };
            if let Some(open) = self.open.get_mut(&id) {
                open.ask(message);
                open.leads = index == 0;
                open.executed = true;
                // Each has the bytes of its own text, the first also those of the header; together: the message.
                let end = if index.saturating_add(1) == count {
                    message.size
                } else {
                    (statement.range.end as u64).saturating_add(6)
                };
                open.request_bytes = end.saturating_sub(counted);
                counted = end.max(counted);
                open.operation = statement.operation;
                open.query = Some(query.to_owned());
                open.shape = statement.shape.filter(|shape| !shape.is_empty());
            }
            let summary = self.open.get(&id).and_then(|open| open.shape.clone());
            sink.describe(id, Description { summary, trace: analysis.trace.clone(), ..Description::default() });
            begun.push_back(id);
        }
        if begun.is_empty() {
            begun.push_back(self.empty_query(&text, message, sink));
        }
        let copy = begun
            .iter()
            .copied()
            .find(|id| self.open.get(id).is_some_and(|open| open.operation.as_deref() == Some("COPY")));
        self.copy = copy.or(begun.back().copied());
        let first = begun.front().copied();
        self.push(Expect::Query { statements: begun, failed: false, answered: false }, first, message);
        self.skipping = false;
    }

    /// A text without a statement, or one that could not be read: one row all the same.
    fn empty_query(&mut self, text: &str, message: &Message<'_>, sink: &mut Sink<'_>) -> u64 {
        let id = self.begin(self.begin_of(message, 0), message.end.time, sink);
        if let Some(open) = self.open.get_mut(&id) {
            open.ask(message);
            open.leads = true;
            open.executed = true;
            open.query = (!message.body.is_empty()).then(|| text.to_owned());
        }
        id
    }

    fn function(&mut self, message: &Message<'_>, sink: &mut Sink<'_>) {
        self.make_room(message.start.time, sink);
        let id = self.begin(self.begin_of(message, 0), message.end.time, sink);
        if let Some(open) = self.open.get_mut(&id) {
            open.ask(message);
            open.executed = true;
            open.operation = Some("FUNCTION".to_owned());
        }
        self.describe(id, sink);
        self.push(Expect::Function { answered: false }, Some(id), message);
    }

    fn sync(&mut self, message: &Message<'_>) {
        if self.copying {
            return;
        }
        self.skipping = false;
        self.memory.end_batch();
        let begun = std::mem::take(&mut self.begun);
        self.push(Expect::Sync { begun }, None, message);
    }

    fn copy_data(&mut self, message: &Message<'_>) {
        if let Some(open) = self.copy.and_then(|id| self.open.get_mut(&id))
            && !open.is_answered()
        {
            open.ask(message);
        }
        if message.tag != b'd' {
            self.copying = false;
            self.push(Expect::CopyEnd, None, message);
        }
    }

    /// A password, or a step of SASL or GSSAPI: never read. It belongs to the start-up; where that was not seen, it is a row
    /// of its own.
    fn password(&mut self, message: &Message<'_>, sink: &mut Sink<'_>) {
        let login = self.queue.front().filter(|place| matches!(place.expect, Expect::Startup));
        if let Some(id) = login.and_then(|place| place.exchange) {
            if let Some(open) = self.open.get_mut(&id) {
                open.request_bytes = open.request_bytes.saturating_add(message.size);
            }
        } else if !self.started {
            self.login("AUTH", message, sink);
        }
    }

    fn parse(&mut self, message: &Message<'_>, sink: &mut Sink<'_>) {
        let Some(parse) = content::parse(message.body) else { return };
        self.make_room(message.start.time, sink);
        let cut = parse.cut || message.cut || message.lost;
        let text = content::text(parse.query);
        let mut analysis = self.analyse(&text, parse.cut);
        let (operation, shape) = match analysis.statements.is_empty() {
            true => (None, None),
            false => {
                let first = analysis.statements.swap_remove(0);
                (first.operation, first.shape)
            }
        };
        let prepared = Arc::new(Prepared {
            name: (!parse.name.is_empty()).then(|| content::text(parse.name)),
            text: Some(text),
            operation,
            shape: shape.filter(|shape| !shape.is_empty()),
            trace: analysis.trace,
            cut,
            asked: parse.types,
            described: std::sync::OnceLock::new(),
        });
        let id = self.begin_draft(message, Some(Arc::clone(&prepared)), sink);
        let before = self.memory.prepare(parse.name, prepared, Some(id));
        self.push(Expect::Parse { name: parse.name.into(), before }, Some(id), message);
        self.describe(id, sink);
    }

    fn begin_draft(&mut self, message: &Message<'_>, prepared: Option<Arc<Prepared>>, sink: &mut Sink<'_>) -> u64 {
        let id = self.begin(self.begin_of(message, 0), message.end.time, sink);
        self.begun.push(id);
        if let Some(open) = self.open.get_mut(&id) {
            open.prepared = prepared;
            open.ask(message);
        }
        id
    }

    fn bind(&mut self, message: &Message<'_>, sink: &mut Sink<'_>) {
        let Some(bind) = content::bind(message.body) else { return };
        self.make_room(message.start.time, sink);
        let (prepared, draft) = self.memory.bound(bind.statement);
        let params: Arc<[content::Param]> = bind.params.into();
        let draft = draft.filter(|id| self.open.get(id).is_some_and(|open| !open.is_answered()));
        let id = match draft {
            Some(id) => {
                if let Some(open) = self.open.get_mut(&id) {
                    open.ask(message);
                }
                id
            }
            None => self.begin_draft(message, Some(Arc::clone(&prepared)), sink),
        };
        let cut = bind.cut || message.cut;
        if let Some(open) = self.open.get_mut(&id) {
            open.params = Some(Arc::clone(&params));
            open.cut |= cut;
        }
        let portal = Portal { prepared: Some(prepared), params: Some(params), params_cut: cut };
        self.memory.open_portal(bind.portal, portal, id);
        self.push(Expect::Bind, Some(id), message);
        self.describe(id, sink);
    }

    fn describe_request(&mut self, message: &Message<'_>, sink: &mut Sink<'_>) {
        self.make_room(message.start.time, sink);
        let (kind, name) = kind_and_name(message.body);
        let (prepared, draft) = if kind == b'S' {
            self.memory.statement(name).map_or((None, None), |(prepared, draft)| (Some(prepared), draft))
        } else {
            (None, self.memory.portal_draft(name))
        };
        if let Some(open) = draft.and_then(|id| self.open.get_mut(&id)) {
            open.ask(message);
        }
        self.push(Expect::Describe(prepared), draft, message);
    }

    fn execute(&mut self, message: &Message<'_>, sink: &mut Sink<'_>) {
        self.make_room(message.start.time, sink);
        let name = message.body.split(|byte| *byte == 0).next().unwrap_or_default();
        let (portal, draft) = self.memory.execute(name);
        let draft = draft.filter(|id| self.open.get(id).is_some_and(|open| !open.is_answered()));
        let id = match draft {
            Some(id) => {
                if let Some(open) = self.open.get_mut(&id) {
                    open.ask(message);
                }
                id
            }
            None => self.begin_draft(message, portal.prepared, sink),
        };
        if let Some(open) = self.open.get_mut(&id) {
            open.executed = true;
            if draft.is_none() {
                open.params = portal.params;
                open.cut |= portal.params_cut;
            }
        }
        if draft.is_none() {
            self.describe(id, sink);
        }
        self.copy = Some(id);
        self.push(Expect::Execute, Some(id), message);
    }

    fn close(&mut self, message: &Message<'_>, sink: &mut Sink<'_>) {
        self.make_room(message.start.time, sink);
        match kind_and_name(message.body) {
            (b'S', name) => drop(self.memory.forget(name)),
            (_, name) => self.memory.close_portal(name),
        }
        self.push(Expect::Close, None, message);
    }
}

/// Of Describe and Close: `S` a statement or `P` a portal, and its name.
fn kind_and_name(body: &[u8]) -> (u8, &[u8]) {
    match body.split_first() {
        Some((kind, name)) => (*kind, name.split(|byte| *byte == 0).next().unwrap_or_default()),
        None => (0, &[]),
    }
}
