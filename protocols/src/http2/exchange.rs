//! One stream: a request and its response, from the first HEADERS frame to the row.

use std::sync::Arc;

use super::body::Body;
use super::hpack::{Decoder, Field, FieldList};
use super::unseen::Missed;
use crate::event::Timestamp;
use crate::record::Record;
use crate::session::{Exchange, Timing};
use crate::stream::Hole;

/// What is known of an exchange under way.
#[derive(Debug)]
pub(super) struct Open {
    /// From the sink.
    pub(super) id: u64,
    pub(super) timing: Timing,
    /// The request was seen; at least the frame that began it.
    pub(super) asked: bool,
    /// Null where the header block was missed.
    pub(super) request: Option<Vec<Field>>,
    pub(super) request_body: Body,
    pub(super) request_done: bool,
    /// Of the final response; null until then, and where the header block was missed.
    pub(super) response: Option<Vec<Field>>,
    pub(super) response_body: Body,
    pub(super) response_done: bool,
    /// The final response is one header block and nothing else.
    pub(super) is_head_only: bool,
    /// It was asked for with HEAD, for all that is known.
    may_lack_body: bool,
    pub(super) trailers: Option<Vec<Field>>,
    pub(super) truncated: bool,
    pub(super) gap: bool,
    /// The connection was joined within it.
    pub(super) midstream: bool,
    /// The HTTP/1 request that became this stream.
    pub(super) upgraded: Option<Box<Exchange>>,
}

/// A header block and where it stood.
#[derive(Debug)]
pub(super) struct Section {
    /// Null if part of it was missed.
    pub(super) fields: Option<FieldList>,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) end_stream: bool,
    /// Bytes of it were lost, rather than cut.
    pub(super) lost: bool,
}

impl Section {
    /// Whether only a client sends it, or only a server; null where its names do not tell (RFC 9113, 8.3, and gRPC's trailers).
    pub(super) fn is_of_client(&self) -> Option<bool> {
        let names = self.fields.iter().flat_map(|list| &list.fields).filter_map(|field| field.name.known());
        let mut telling = names.filter_map(|name| match name {
            ":method" | ":scheme" | ":authority" | ":path" | ":protocol" => Some(true),
            ":status" | "grpc-status" => Some(false),
            _ => None,
        });
        telling.next()
    }
}

impl Open {
    /// A stream whose request begins at this time.
    pub(super) fn new(id: u64, request_start: Timestamp, body_limit: usize) -> Self {
        Self {
            id,
            timing: Timing { request_start, ..Timing::default() },
            asked: true,
            request: None,
            request_body: Body::new(body_limit),
            request_done: false,
            response: None,
            response_body: Body::new(body_limit),
            response_done: false,
            is_head_only: false,
            may_lack_body: true,
            trailers: None,
            truncated: false,
            gap: false,
            midstream: false,
            upgraded: None,
        }
    }

    /// A stream whose request went by unseen, and whose response, or what is seen of it, begins at this time.
    pub(super) fn unasked(id: u64, response_start: Timestamp, body_limit: usize, why: Missed) -> Self {
        let mut open = Self::new(id, response_start, body_limit);
        open.asked = false;
        open.request_body.lose();
        open.midstream = why == Missed::Before;
        open.truncated = why == Missed::Cut;
        open.gap = why == Missed::Lost;
        open
    }

    /// What went by unseen was only told of late: here is the request.
    pub(super) fn ask(&mut self, request_start: Timestamp, body_limit: usize) {
        self.timing.request_start = request_start;
        self.asked = true;
        self.request_body = Body::new(body_limit);
        (self.midstream, self.truncated, self.gap) = (false, false, false);
    }

    /// The stream that answers an HTTP/1 request with `Upgrade: h2c`.
    pub(super) fn upgraded(exchange: Box<Exchange>, body_limit: usize) -> Self {
        let mut open = Self::new(exchange.id, exchange.timing.request_start, body_limit);
        open.timing.request_end = exchange.timing.request_end;
        open.request_done = true;
        open.may_lack_body = match &exchange.record {
            Record::Http(http) => http.method.as_deref().is_none_or(|method| method == "HEAD"),
            _ => true,
        };
        open.upgraded = Some(exchange);
        open
    }

    /// The request's header block.
    pub(super) fn begin_request(&mut self, section: Section, decoder: &Decoder) {
        self.note(&section);
        if let Some(list) = section.fields {
            self.may_lack_body = find(&list.fields, decoder, ":method").is_none_or(|method| **method == *"HEAD");
            self.request_body.describe(&list.fields, decoder);
            self.request = Some(list.fields);
        }
        if section.end_stream {
            self.end_request(section.end);
        }
    }

    /// A header block of the response: interim, final, or trailers.
    pub(super) fn answer(&mut self, section: Section, decoder: &Decoder) {
        self.note(&section);
        let status = section.fields.as_ref().and_then(|list| status(&list.fields, decoder));
        let is_interim = !section.end_stream && status.is_some_and(|status| (100..200).contains(&status));
        let has_begun = self.timing.response_start.is_some();
        if is_interim {
            return;
        }
        // Trailers end the stream (RFC 9113, 8.1), and have no status. What was taken for the final response may have been
        // an interim one of which the status was not known.
        let may_be_trailers = section.end_stream && status.is_none() && (has_begun || !self.is_head_due());
        let may_be_head = !has_begun || (status.is_some() && !self.response_body.is_begun());
        if may_be_head && !may_be_trailers {
            self.timing.response_start = Some(section.start);
            self.is_head_only = section.end_stream;
            if let Some(list) = section.fields {
                self.response_body.describe(&list.fields, decoder);
                if self.may_lack_body || status == Some(304) {
                    self.response_body.may_lack();
                }
                self.response = Some(list.fields);
            }
        } else if let Some(list) = section.fields {
            self.trailers = Some(list.fields);
        }
        if section.end_stream {
            self.end_response(section.end);
        }
    }

    /// The next header block of the server can only begin the response: none has come, and none was missed.
    pub(super) fn is_head_due(&self) -> bool {
        self.timing.response_start.is_none() && !self.response_body.is_begun()
    }

    pub(super) fn end_request(&mut self, time: Timestamp) {
        if !self.request_done {
            self.request_done = true;
            self.timing.request_end = Some(time);
        }
    }

    pub(super) fn end_response(&mut self, time: Timestamp) {
        if !self.response_done {
            self.response_done = true;
            // Data without headers: they were missed.
            self.timing.response_start.get_or_insert(time);
            self.timing.response_end = Some(time);
        }
    }

    /// Nothing more will come.
    pub(super) fn is_done(&self) -> bool {
        self.request_done && self.response_done
    }

    /// The response is under way.
    pub(super) fn is_answering(&self) -> bool {
        self.timing.response_start.is_some() && !self.response_done
    }

    /// Any number of frames of this direction went by unseen.
    pub(super) fn lose(&mut self, of_request: bool, hole: Option<Hole>) {
        let (done, body) = if of_request {
            (self.request_done, &mut self.request_body)
        } else {
            (self.response_done, &mut self.response_body)
        };
        if !done {
            body.lose();
            self.gap |= hole.is_some_and(|hole| hole.lost);
            self.truncated |= hole.is_some_and(|hole| !hole.lost && hole.len > 0);
        }
    }

    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        let fields = [&self.request, &self.response, &self.trailers];
        let fields = fields.iter().filter_map(|fields| fields.as_deref()).flatten();
        let text = fields.map(|field| field.value.as_ref().map_or(0, |value| value.len()).saturating_add(64));
        let bodies = self.request_body.memory().saturating_add(self.response_body.memory());
        text.fold(bodies.saturating_add(size_of::<Self>()), usize::saturating_add)
    }

    fn note(&mut self, section: &Section) {
        match &section.fields {
            Some(list) => self.truncated |= list.cut,
            None if section.lost => self.gap = true,
            None => self.truncated = true,
        }
    }
}

/// The value of the first field with this name.
pub(super) fn find<'a>(fields: &'a [Field], decoder: &Decoder, name: &str) -> Option<&'a Arc<str>> {
    let mut named = fields.iter().filter(|field| decoder.resolve(&field.name).map(|name| &**name) == Some(name));
    named.next()?.value.as_ref()
}

/// `:status`.
pub(super) fn status(fields: &[Field], decoder: &Decoder) -> Option<u16> {
    find(fields, decoder, ":status")?.parse().ok()
}
