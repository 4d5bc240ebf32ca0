//! What the server says.

use super::content;
use super::exchange::{Open, Txn};
use super::read::Message;
use super::talk::{Expect, Place, Rest, Talk};
use crate::event::Timestamp;
use crate::record::Record;
use crate::session::{Sink, Timing};

impl Talk {
    /// A message of the server.
    pub(super) fn response(&mut self, message: &Message<'_>, sink: &mut Sink<'_>) {
        self.rest = None;
        self.drop_copy_ends();
        match message.tag {
            // "Frontends must be prepared to deal with these messages at any time."
            b'S' => self.parameter_status(message),
            b'A' => {}
            b'N' => self.notice(message),
            b'Z' => self.ready_for_query(message, sink),
            _ if self.doubted || self.is_early(message) => {}
            b'E' => self.error(message, sink),
            b'R' | b'K' | b'v' => self.login_answer(message),
            _ if self.uncertain && !self.is_whole() => self.answer_if_alone(message),
            _ => self.answer(message, sink),
        }
    }

    /// A COPY that has ended expects nothing.
    fn drop_copy_ends(&mut self) {
        while self.queue.front().is_some_and(|place| matches!(place.expect, Expect::CopyEnd)) {
            self.queue.pop_front();
        }
    }

    /// It came before the request at the front: it answers one that was not seen. Only asked while the count may be off.
    fn is_early(&self, message: &Message<'_>) -> bool {
        self.uncertain && self.queue.front().is_some_and(|place| message.start.time < place.begin.mark.time)
    }

    fn parameter_status(&mut self, message: &Message<'_>) {
        let mut scan = crate::scan::Scan::new(message.body);
        match (scan.text(), scan.text()) {
            (Some(b"application_name"), Some(value)) => {
                self.identity.application = Some(content::text(value)).filter(|name| !name.is_empty());
            }
            (Some(b"standard_conforming_strings"), Some(value)) => self.backslashes = value == b"off",
            _ => {}
        }
        self.login_answer(message);
    }

    /// Counts what belongs to a start-up under way.
    fn login_answer(&mut self, message: &Message<'_>) {
        if let Some(Place { expect: Expect::Startup, exchange: Some(id), .. }) = self.queue.front() {
            let id = *id;
            self.count(Some(id), message);
        }
    }

    /// A NoticeResponse belongs to the statement that runs.
    fn notice(&mut self, message: &Message<'_>) {
        if self.uncertain {
            return;
        }
        let running = self.queue.front().and_then(|place| match &place.expect {
            Expect::Query { statements, .. } => statements.front().copied(),
            _ => place.exchange,
        });
        self.count(running, message);
    }

    fn count(&mut self, id: Option<u64>, message: &Message<'_>) {
        if let Some(open) = id.and_then(|id| self.open.get_mut(&id))
            && !open.is_answered()
        {
            open.answer(message);
        }
    }

    fn answer(&mut self, message: &Message<'_>, sink: &mut Sink<'_>) {
        let Some(place) = self.queue.front_mut() else { return };
        let exchange = place.exchange;
        let fits = match (&mut place.expect, message.tag) {
            (Expect::Query { .. }, b'T' | b'D' | b'C' | b'I' | b'G' | b'H' | b'W' | b'd' | b'c') => {
                self.answer_query(message, sink);
                return;
            }
            (Expect::Execute, b'D' | b'H' | b'd' | b'c') => {
                self.row(exchange, message);
                return;
            }
            (Expect::Execute, b'G' | b'W') => {
                self.count(exchange, message);
                self.void_syncs();
                return;
            }
            (Expect::Execute, b'C' | b'I' | b's') => {
                self.end_statement(exchange, message);
                true
            }
            (Expect::Describe(prepared), b't') => {
                if let Some(prepared) = prepared {
                    let _ = prepared.described.set(content::parameter_types(message.body));
                }
                self.count(exchange, message);
                return;
            }
            (Expect::Function { answered }, b'V') => {
                *answered = true;
                self.count(exchange, message);
                if let Some(id) = exchange {
                    self.complete(id, message.end.time);
                }
                return;
            }
            (Expect::Parse { .. }, b'1')
            | (Expect::Bind, b'2')
            | (Expect::Close, b'3')
            | (Expect::Describe(_), b'T' | b'n') => {
                self.count(exchange, message);
                true
            }
            // Tags of protocol versions to come.
            (_, tag) => !b"123CDGHITVWcdnst".contains(&tag),
        };
        if !fits {
            self.mismatch();
        } else if b"123CInsT".contains(&message.tag) {
            self.queue.pop_front();
        }
    }

    /// An answer that the request at the front cannot have.
    fn mismatch(&mut self) {
        if self.uncertain {
            self.doubt();
        }
        self.uncertain = true;
    }

    fn row(&mut self, id: Option<u64>, message: &Message<'_>) {
        self.count(id, message);
        if message.tag == b'D'
            && let Some(open) = id.and_then(|id| self.open.get_mut(&id))
        {
            open.data_rows = open.data_rows.saturating_add(1);
        }
    }

    /// `C`, `I` or `s`.
    fn end_statement(&mut self, id: Option<u64>, message: &Message<'_>) {
        let Some(id) = id else { return };
        self.count(Some(id), message);
        if message.tag == b'C' {
            let tag = content::text(message.body.strip_suffix(&[0]).unwrap_or(message.body));
            if matches!(tag.as_str(), "DEALLOCATE ALL" | "DISCARD ALL") {
                self.memory.forget_all();
            }
            if let Some(open) = self.open.get_mut(&id) {
                open.tag = Some(tag);
            }
        }
        self.complete(id, message.end.time);
    }

    fn answer_query(&mut self, message: &Message<'_>, sink: &mut Sink<'_>) {
        let id = self.current_statement(sink);
        match message.tag {
            b'C' | b'I' => {
                self.end_statement(id, message);
                if let Some(Place { expect: Expect::Query { statements, answered, .. }, .. }) = self.queue.front_mut() {
                    statements.pop_front();
                    *answered = true;
                }
            }
            _ => self.row(id, message),
        }
    }

    /// The statement that the server is at. Of a text that was cut off, those beyond it become known by their answers.
    fn current_statement(&mut self, sink: &mut Sink<'_>) -> Option<u64> {
        let place = self.queue.front()?;
        let Expect::Query { statements, .. } = &place.expect else { return None };
        if let Some(id) = statements.front() {
            return Some(*id);
        }
        let (begin, end) = (place.begin.clone(), place.end);
        let id = self.begin(begin, end, sink);
        if let Some(open) = self.open.get_mut(&id) {
            open.executed = true;
            open.cut = true;
        }
        if let Some(Place { expect: Expect::Query { statements, .. }, .. }) = self.queue.front_mut() {
            statements.push_back(id);
        }
        Some(id)
    }

    /// "The backend will ignore Sync messages while it reads COPY data": libpq sends one with the Execute, and another
    /// after the data.
    fn void_syncs(&mut self) {
        let end = self.queue.iter().position(|place| matches!(place.expect, Expect::CopyEnd));
        self.copying = end.is_none();
        let end = end.unwrap_or(self.queue.len());
        let mut index = 0_usize;
        let mut freed = Vec::new();
        self.queue.retain_mut(|place| {
            let here = index;
            index = index.saturating_add(1);
            match &mut place.expect {
                Expect::Sync { begun } if here < end => {
                    freed.append(begun);
                    false
                }
                _ => true,
            }
        });
        // What they would have ended, the next one ends.
        let next = self.queue.iter_mut().find_map(|place| match &mut place.expect {
            Expect::Sync { begun } => Some(begun),
            _ => None,
        });
        next.unwrap_or(&mut self.begun).append(&mut freed);
    }

    /// While the count may be off: only one batch waits, and nothing is missing since it began. Then the answers are its
    /// own, if they fit what it expects, message by message. (The beginning of the batch itself may have gone by unseen: its
    /// answers do not fit, and all of them are [forgotten](Self::doubt).)
    fn is_whole(&self) -> bool {
        let Some(first) = self.queue.front() else { return false };
        let batches = self.queue.iter().filter(|place| place.ends_batch()).count();
        let seen = self.queue.iter().all(|place| !matches!(place.expect, Expect::Unseen));
        batches <= 1 && seen && self.torn.is_none_or(|torn| torn < first.begin.mark.time)
    }

    /// While the count may be off: an answer belongs to the only exchange that it can belong to, or to none.
    fn answer_if_alone(&mut self, message: &Message<'_>) {
        let Some(id) = self.alone() else { return };
        match message.tag {
            b'C' | b'I' | b's' => self.end_statement(Some(id), message),
            _ => self.row(Some(id), message),
        }
    }

    /// The exchange of the first batch, if it has only one.
    fn alone(&self) -> Option<u64> {
        let mut only = None;
        for place in &self.queue {
            if matches!(place.expect, Expect::Unseen) {
                return only;
            }
            let more = match &place.expect {
                Expect::Query { statements, .. } => (statements.len() == 1).then(|| statements.front().copied())?,
                _ => place.exchange,
            };
            match (only, more) {
                (Some(known), Some(id)) if known != id => return None,
                (None, Some(id)) => only = Some(id),
                _ => {}
            }
            if place.ends_batch() {
                break;
            }
        }
        only
    }

    fn error(&mut self, message: &Message<'_>, sink: &mut Sink<'_>) {
        let failure = content::failure(message.body);
        let end = message.end.time;
        let front = self.queue.front().map(|place| (&place.expect, place.exchange));
        match front {
            None | Some((Expect::Unseen | Expect::CopyEnd, _)) => self.fail_unasked(message, failure, sink),
            Some((Expect::Startup, id)) => {
                self.count(id, message);
                self.queue.pop_front();
                if let Some(id) = id {
                    self.fail(id, failure, end);
                }
                self.release(None, sink);
            }
            Some((Expect::Function { .. }, id)) => {
                self.count(id, message);
                if let Some(id) = id {
                    self.fail(id, failure, end);
                }
            }
            Some((Expect::Query { .. }, _)) if !self.uncertain || self.is_whole() => {
                self.fail_query(message, failure, sink);
            }
            // It may be that of an earlier statement of the same batch, and the server skips all that was seen of it.
            Some(_) if self.uncertain && self.is_whole() => self.doubt(),
            Some(_) if self.uncertain => {
                if let Some(id) = self.alone() {
                    self.count(Some(id), message);
                    self.fail(id, failure, end);
                }
            }
            Some((Expect::Sync { .. }, _)) => self.fail_sync(message, failure, sink),
            Some(_) => self.fail_batch(message, failure, sink),
        }
    }

    /// Nothing was asked: the server ends the connection (shutting down, or at a time-out of its own), and no statement
    /// would tell. Other errors answer requests that were not seen.
    fn fail_unasked(&mut self, message: &Message<'_>, failure: content::Failure, sink: &mut Sink<'_>) {
        if !matches!(failure.severity.as_deref(), Some("FATAL" | "PANIC")) {
            return;
        }
        let start = message.start.time;
        let id = sink.begin(self.begin_of(message, 0));
        let idle_before = match self.ready {
            Some((time, Txn::Open | Txn::Failed)) if time <= start => Some(start.since(time)),
            _ => None,
        };
        let mut open = Open { id, request_start: start, failure: Some(failure), idle_before, ..Open::default() };
        open.answer(message);
        let mut exchange = open.finish(&self.identity, false);
        exchange.timing = Timing { request_start: start, ..Timing::default() };
        if let Record::Pgsql(row) = &mut exchange.record {
            row.req_bytes = None;
        }
        sink.finish(exchange);
    }

    fn fail_query(&mut self, message: &Message<'_>, failure: content::Failure, sink: &mut Sink<'_>) {
        let Some(Place { expect: Expect::Query { failed: false, statements, .. }, .. }) = self.queue.front() else {
            return;
        };
        // A deferred constraint fails at the end, when every statement has had its answer.
        if statements.is_empty()
            && let Some(id) = self.held.last().copied()
        {
            self.fail_answered(id, message, failure);
        } else if let Some(id) = self.current_statement(sink) {
            self.count(Some(id), message);
            self.fail(id, failure, message.end.time);
        }
        if let Some(Place { expect: Expect::Query { statements, failed, .. }, .. }) = self.queue.front_mut() {
            *failed = true;
            let rest = std::mem::take(statements);
            for id in rest {
                self.retract(id, sink);
            }
        }
    }

    /// The commit at the end of a batch failed, after its last statement had succeeded.
    fn fail_sync(&mut self, message: &Message<'_>, failure: content::Failure, sink: &mut Sink<'_>) {
        if let Some(id) = self.held.last().copied() {
            self.fail_answered(id, message, failure);
            return;
        }
        let Some(place) = self.queue.front() else { return };
        let (begin, end) = (place.begin.clone(), place.end);
        let id = self.begin(begin, end, sink);
        self.fail(id, failure, message.end.time);
    }

    fn fail_answered(&mut self, id: u64, message: &Message<'_>, failure: content::Failure) {
        if let Some(open) = self.open.get_mut(&id) {
            open.answer(message);
            open.response_end = Some(message.end.time);
            open.failure.get_or_insert(failure);
        }
    }

    /// The message at the front failed; what follows up to the next Sync is not done, and not answered.
    fn fail_batch(&mut self, message: &Message<'_>, failure: content::Failure, sink: &mut Sink<'_>) {
        let Some(place) = self.queue.front() else { return };
        let id = match place.exchange.filter(|id| self.open.get(id).is_some_and(|open| !open.is_answered())) {
            Some(id) => id,
            None => {
                let (begin, end, bytes) = (place.begin.clone(), place.end, place.bytes);
                let prepared = match &place.expect {
                    Expect::Describe(prepared) => prepared.clone(),
                    _ => None,
                };
                let id = self.begin(begin, end, sink);
                if let Some(open) = self.open.get_mut(&id) {
                    open.prepared = prepared;
                    open.request_bytes = bytes;
                }
                id
            }
        };
        self.count(Some(id), message);
        self.fail(id, failure, message.end.time);
        self.skipping = true;
        while let Some(place) = self.queue.front() {
            if matches!(place.expect, Expect::Sync { .. } | Expect::Unseen) {
                self.skipping = false;
                break;
            }
            let Some(place) = self.queue.pop_front() else { break };
            if let Expect::Parse { name, before } = place.expect {
                self.memory.restore(&name, before);
            }
            if let Some(skipped) = place.exchange {
                self.retract(skipped, sink);
            }
        }
    }

    fn ready_for_query(&mut self, message: &Message<'_>, sink: &mut Sink<'_>) {
        let time = message.end.time;
        let Some(txn) = message.body.first().and_then(|status| Txn::of(*status)) else { return };
        self.started = true;
        if self.uncertain {
            self.ready_if_alone(time, txn, sink);
        } else {
            self.end_batch(message, txn, sink);
        }
        self.ready = Some((time, txn));
        self.rest = Some(Rest::Ready(time));
    }

    fn ready_if_alone(&mut self, time: Timestamp, txn: Txn, sink: &mut Sink<'_>) {
        let begun = self.queue.iter().filter(|place| place.ends_batch() && place.begin.mark.time <= time).count();
        if begun == 1 {
            let sure = !self.doubted && (self.is_whole() || self.alone().is_some());
            while let Some(place) = self.queue.pop_front() {
                let ends = place.ends_batch();
                self.end_place(place, time, sink);
                if ends {
                    break;
                }
            }
            self.release(sure.then_some(txn), sink);
        } else if begun == 0 && !self.queue.is_empty() && self.torn.is_none() {
            self.doubt();
        }
        self.doubted = false;
        // Requests went by unseen, and so did their answers.
        if self.queue.iter().all(|place| matches!(place.expect, Expect::Unseen)) {
            self.queue.clear();
        }
        if self.queue.is_empty() && self.begun.is_empty() {
            self.uncertain = false;
        }
    }

    fn end_batch(&mut self, message: &Message<'_>, txn: Txn, sink: &mut Sink<'_>) {
        if self.queue.iter().all(|place| !place.ends_batch()) {
            // It answers nothing that was seen.
            self.uncertain = !self.queue.is_empty();
            return;
        }
        if let Some(Place { expect: Expect::Startup, exchange: Some(id), .. }) = self.queue.front() {
            let id = *id;
            self.count(Some(id), message);
            self.complete(id, message.end.time);
        }
        while let Some(place) = self.queue.pop_front() {
            let ends = place.ends_batch();
            self.end_place(place, message.end.time, sink);
            if ends {
                break;
            }
        }
        self.release(Some(txn), sink);
    }

    /// ReadyForQuery has come: nothing more answers this place.
    fn end_place(&mut self, place: Place, time: Timestamp, sink: &mut Sink<'_>) {
        match place.expect {
            Expect::Query { statements, answered, .. } => {
                for id in statements {
                    // The server saw fewer statements than we did, if it answered others.
                    if answered { self.retract(id, sink) } else { self.give_up(id, sink) }
                }
            }
            Expect::Sync { begun } => {
                for id in begun {
                    self.give_up(id, sink);
                }
            }
            Expect::Startup if !self.held.is_empty() => {}
            Expect::Startup => {
                if let Some(id) = place.exchange {
                    self.complete(id, time);
                }
            }
            _ => {
                if let Some(id) = place.exchange
                    && self.open.get(&id).is_some_and(|open| open.executed)
                {
                    self.give_up(id, sink);
                }
            }
        }
    }
}
