//! The direction in which responses go.

use super::body::{self, Framing, Progress, Reader};
use super::exchange::Pending;
use super::recognise::{self, Line};
use super::target::StatusLine;
use super::{HEAD, Http1, LONGEST_HEAD, Reading, head, resynchronise};
use crate::content;
use crate::session::{Begin, Sink, Switch};
use crate::stream::{DataStream, Mark, Streams};

impl Http1 {
    /// Reads on. Returns whether it got anywhere.
    pub(super) fn answer(&mut self, streams: &mut Streams, sink: &mut Sink<'_>) -> bool {
        if self.over {
            return false;
        }
        let may_ask = streams[self.requests].is_waiting();
        let stream = &mut streams[self.requests.reverse()];
        match &mut self.answering {
            Reading::Held => false,
            Reading::Head { .. } => self.response_head(stream, may_ask, sink),
            Reading::Body(_) => self.response_body(stream, sink),
            Reading::Lost { line_start } => {
                let before = stream.position();
                let (found, crossed) = resynchronise(stream, line_start, recognise::status_line, sink);
                self.missed_responses |= crossed;
                if stream.position() > before {
                    // What was skipped may have been an answer.
                    self.doubt = self.doubt.max(stream.last_mark().map(|mark| mark.time));
                }
                if found {
                    self.answering = HEAD;
                }
                found
            }
        }
    }

    fn response_head(&mut self, stream: &mut DataStream, may_ask: bool, sink: &mut Sink<'_>) -> bool {
        let Reading::Head { scanned, begun } = self.answering else { return false };
        if let Some(front) = self.queue.front_mut().filter(|front| front.simple) {
            match recognise::status_line(stream.bytes()) {
                // Servers that no longer speak HTTP/0.9 answer it with a head.
                Line::Yes => front.simple = false,
                Line::Perhaps if stream.end_time().is_none() && stream.hole().is_none() => return false,
                Line::No | Line::Perhaps => return self.simple_response(stream),
            }
        }
        if !begun {
            let empty = stream.bytes().len().saturating_sub(recognise::skip_empty_lines(stream.bytes()).len());
            stream.consume(empty);
        }
        if stream.hole().is_some() {
            self.lose_responses(true);
            return true;
        }
        let Some(mark) = stream.next_mark().filter(|_| !stream.bytes().is_empty()) else { return false };
        if !self.can_tell(may_ask) {
            return false;
        }
        let bytes = stream.bytes();
        if recognise::status_line(bytes) == Line::No {
            self.lose_responses(false);
            return true;
        }
        if let Some(length) = head::length(bytes, scanned) {
            self.take_response_head(stream, length, mark, sink);
            return true;
        }
        if stream.hole_follows() || bytes.len() > LONGEST_HEAD {
            self.take_part_of_response(stream, mark, sink);
            return true;
        }
        self.answering = Reading::Head { scanned: bytes.len(), begun: true };
        false
    }

    /// Goes on at the next status line; there may be others before it that are not seen.
    fn lose_responses(&mut self, line_start: bool) {
        self.missed_responses = true;
        self.answering = Reading::Lost { line_start };
    }

    /// Whether it can be told by now which exchange the response answers.
    fn can_tell(&self, may_ask: bool) -> bool {
        match self.queue.front() {
            // When it has been answered its request is still being sent.
            Some(front) => !front.response_done,
            None => (self.missed_requests || self.missed_responses) && !may_ask,
        }
    }

    /// Finds the exchange that the response answers, and puts it in front.
    fn stitch(&mut self, mark: Mark, position: u64, sink: &mut Sink<'_>) {
        let missed = std::mem::take(&mut self.missed_responses);
        // What was asked before a response that answers nobody seen: its own went missing, or cannot be told apart.
        let doubtful = if missed { Some(mark.time) } else { self.doubt };
        let dropped = |front: &Pending| front.request_done && Some(front.timing.request_start) <= doubtful;
        while self.queue.front().is_some_and(dropped) {
            if let Some(front) = self.queue.front_mut() {
                front.http.common.gap = true;
            }
            self.give_out(false, sink);
        }
        let early = |front: &Pending| {
            let start = front.timing.request_start;
            Some(start) <= doubtful || (front.after_missed && mark.time < start)
        };
        if missed || self.queue.front().is_none_or(early) {
            let begin = Begin { mark, asked: false, direction: self.requests, position, protocol: "http", peer: None };
            let id = sink.begin(begin);
            let mut orphan = Pending::new(id, mark.time);
            orphan.asked = false;
            orphan.request_done = true;
            orphan.http.common.gap = missed;
            self.weight = self.weight.saturating_add(orphan.weight);
            self.queue.push_front(orphan);
            self.doubt = self.doubt.max(Some(mark.time));
        }
    }

    fn take_response_head(&mut self, stream: &mut DataStream, length: usize, mark: Mark, sink: &mut Sink<'_>) {
        let bytes = stream.bytes().get(..length).unwrap_or_default();
        let head = head::read(bytes, &self.last_response);
        let Some(line) = StatusLine::read(head.start) else {
            // It is left behind: what looked like a status line once would do so again.
            stream.consume(length);
            sink.skipped(length as u64);
            self.lose_responses(true);
            return;
        };
        let status = line.status;
        if is_interim(status) {
            stream.consume(length);
            self.answering = HEAD;
            return;
        }
        self.stitch(mark, stream.position(), sink);
        let Some(front) = self.queue.front_mut() else { return };
        let framing = framing(front, status, body::framing(&head.headers, head.malformed));
        self.last_response.clone_from(&head.headers);
        front.take_response(line, head.headers);
        front.timing.response_start = Some(mark.time);
        let weight = length.saturating_mul(2);
        front.weight = front.weight.saturating_add(weight);
        self.weight = self.weight.saturating_add(weight);
        stream.consume(length);
        self.answering = HEAD;
        if status == 101 || (front.is_connect() && (200..300).contains(&status)) {
            self.change(status, stream, sink);
        } else {
            // Whoever waited for a change of protocol goes on with this one.
            if matches!(self.asking, Reading::Held) && self.queue.len() == 1 {
                self.asking = HEAD;
            }
            self.start_response_body(framing, stream, sink);
        }
    }

    /// The connection changes to another protocol.
    fn change(&mut self, status: u16, stream: &DataStream, sink: &mut Sink<'_>) {
        self.over = true;
        let Some(front) = self.queue.front_mut() else { return };
        let headers = front.http.resp_headers.as_deref().unwrap_or_default();
        let chosen = head::value(headers, "upgrade").map(str::to_owned).or_else(|| front.upgrade.clone());
        let names = |list: Option<&str>, name: &str| {
            list.is_some_and(|list| list.split(',').any(|item| item.trim().eq_ignore_ascii_case(name)))
        };
        let chose = |name: &str| names(chosen.as_deref(), name);
        if status == 101 && chose("h2c") && names(front.upgrade.as_deref(), "h2c") {
            front.http.status = None;
            front.http.reason = None;
            front.http.resp_headers = None;
            front.http.resp_type = None;
            front.timing.response_start = None;
            if let Some(pending) = self.queue.pop_front() {
                let request = Box::new(pending.into_exchange(false, &self.config));
                sink.switch(Switch::Http2 { request, requests: self.requests });
            }
            return;
        }
        front.http.resp_bytes = Some(0);
        front.timing.response_end = stream.last_mark().map(|mark| mark.time);
        front.response_done = true;
        front.request_done = true;
        let switch = match status {
            101 if chose("websocket") => Switch::Opaque,
            101 if chosen.as_deref().is_some_and(|list| list.trim_start().starts_with("TLS/")) => Switch::Tls,
            _ => Switch::Infer,
        };
        self.complete(sink);
        sink.switch(switch);
    }

    fn start_response_body(&mut self, framing: Framing, stream: &DataStream, sink: &mut Sink<'_>) {
        let Some(front) = self.queue.front_mut() else { return };
        match framing {
            Framing::Ambiguous => {
                front.http.common.truncated = true;
                self.lose_responses(true);
                self.end_of_response(stream, sink);
            }
            Framing::Empty | Framing::Length(0) => {
                front.http.resp_bytes = Some(0);
                self.end_of_response(stream, sink);
            }
            framing => {
                let encoding = front.http.resp_headers.as_deref().and_then(|h| head::value(h, "content-encoding"));
                let limit = content::encoded_limit(encoding, self.config.body);
                let reader = Reader::new(framing, limit).of_type(front.http.resp_type.as_deref());
                self.answering = Reading::Body(Box::new(reader));
            }
        }
    }

    fn end_of_response(&mut self, stream: &DataStream, sink: &mut Sink<'_>) {
        if let Some(front) = self.queue.front_mut() {
            front.timing.response_end = stream.last_mark().map(|mark| mark.time);
            front.response_done = true;
        }
        self.complete(sink);
    }

    fn response_body(&mut self, stream: &mut DataStream, sink: &mut Sink<'_>) -> bool {
        let Reading::Body(reader) = &mut self.answering else { return false };
        let progress = match reader.advance(stream) {
            Progress::More if reader.is_until_close() && stream.ended() => Progress::Done,
            progress => progress,
        };
        if progress == Progress::More {
            return false;
        }
        self.missed_responses |= reader.was_adrift();
        self.take_response_body(progress == Progress::Broken);
        if progress == Progress::Broken {
            self.lose_responses(true);
        } else {
            self.answering = HEAD;
        }
        self.end_of_response(stream, sink);
        true
    }

    fn take_response_body(&mut self, broken: bool) {
        let Reading::Body(reader) = &mut self.answering else { return };
        let body = std::mem::take(&mut reader.body);
        let Some(front) = self.queue.front_mut() else { return };
        let before = front.weight;
        front.take_response_body(body);
        self.weight = self.weight.saturating_add(front.weight).saturating_sub(before);
        if broken {
            front.http.resp_bytes = None;
            front.http.common.truncated = true;
        }
    }

    /// HTTP/0.9: nothing but the body.
    fn simple_response(&mut self, stream: &DataStream) -> bool {
        let Some(mark) = stream.next_mark() else { return false };
        if let Some(front) = self.queue.front_mut() {
            front.timing.response_start = Some(mark.time);
            front.answered = true;
        }
        self.answering = Reading::Body(Box::new(Reader::new(Framing::UntilClose, self.config.body)));
        true
    }

    /// The head ends in a hole, or never: what its whole lines say counts.
    fn take_part_of_response(&mut self, stream: &mut DataStream, mark: Mark, sink: &mut Sink<'_>) {
        let bytes = stream.bytes();
        let count = bytes.len();
        let head = head::read(bytes, &[]);
        if let Some(line) = StatusLine::read(head.start).filter(|line| !is_interim(line.status)) {
            let headers = head.headers;
            self.stitch(mark, stream.position(), sink);
            stream.consume(count);
            let lost = stream.hole().is_some_and(|hole| hole.lost);
            if let Some(front) = self.queue.front_mut() {
                front.take_response(line, headers);
                front.timing.response_start = Some(mark.time);
                front.http.common.gap |= lost;
                front.http.common.truncated |= !lost;
                front.response_done = true;
            }
            self.complete(sink);
        } else {
            stream.consume(count);
            sink.skipped(count as u64);
        }
        self.lose_responses(false);
    }

    /// Nothing more will come.
    pub(super) fn end_response(&mut self, streams: &mut Streams, closed: bool, sink: &mut Sink<'_>) {
        // A response that nobody asked for (408 to an idle client) waited for its request in vain.
        self.missed_requests = true;
        while self.answer(streams, sink) {}
        let stream = &mut streams[self.requests.reverse()];
        self.end_response_head(stream, sink);
        let until_close = matches!(&self.answering, Reading::Body(reader) if reader.is_until_close());
        if matches!(self.answering, Reading::Body(_)) {
            self.take_response_body(false);
            if until_close && (closed || stream.ended()) {
                self.end_of_response(stream, sink);
            }
        }
        self.answering = Reading::Held;
    }
}

impl Http1 {
    /// A head that never ended: its status was seen all the same.
    fn end_response_head(&mut self, stream: &mut DataStream, sink: &mut Sink<'_>) {
        if !matches!(self.answering, Reading::Head { begun: true, .. }) {
            return;
        }
        let bytes = stream.bytes();
        let count = bytes.len();
        let head::Head { start, headers, .. } = head::read(bytes, &[]);
        let line = StatusLine::read(start).filter(|line| !is_interim(line.status));
        let (Some(line), Some(mark)) = (line, stream.next_mark()) else { return };
        self.stitch(mark, stream.position(), sink);
        stream.consume(count);
        if let Some(front) = self.queue.front_mut() {
            front.take_response(line, headers);
            front.timing.response_start = Some(mark.time);
        }
    }
}

/// RFC 9110, 15.2: interim responses precede the final one; 101 is the last that HTTP/1 says.
fn is_interim(status: u16) -> bool {
    (100..200).contains(&status) && status != 101
}

/// RFC 9112, 6.3: what the request was, and the status, come before the fields.
fn framing(request: &Pending, status: u16, fields: Option<Framing>) -> Framing {
    let method = request.http.method.as_deref();
    match status {
        100..200 | 204 | 304 => Framing::Empty,
        200..300 if method == Some("CONNECT") => Framing::Empty,
        _ if method == Some("HEAD") => Framing::Empty,
        _ => fields.unwrap_or(Framing::UntilClose),
    }
}
