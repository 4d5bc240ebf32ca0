//! The direction in which requests go.

use super::body::{self, Framing, Progress, Reader};
use super::exchange::Pending;
use super::recognise::{self, Line};
use super::target::RequestLine;
use super::{HEAD, Http1, LONGEST_HEAD, Reading, head, resynchronise};
use crate::content;
use crate::record::Header;
use crate::session::{Begin, Description, Sink};
use crate::stream::{DataStream, Streams};
use crate::trace;

impl Http1 {
    /// Reads on. Returns whether it got anywhere.
    pub(super) fn ask(&mut self, streams: &mut Streams, sink: &mut Sink<'_>) -> bool {
        let stream = &mut streams[self.requests];
        match &mut self.asking {
            Reading::Held => false,
            Reading::Head { .. } => self.request_head(stream, sink),
            Reading::Body(_) => self.request_body(stream, sink),
            Reading::Lost { line_start } => {
                let (found, crossed) = resynchronise(stream, line_start, recognise::request_line, sink);
                self.missed_requests |= crossed;
                if found {
                    self.asking = HEAD;
                }
                found
            }
        }
    }

    fn request_head(&mut self, stream: &mut DataStream, sink: &mut Sink<'_>) -> bool {
        let Reading::Head { scanned, begun } = self.asking else { return false };
        if !begun {
            let empty = stream.bytes().len().saturating_sub(recognise::skip_empty_lines(stream.bytes()).len());
            stream.consume(empty);
        }
        if stream.hole().is_some() {
            self.lose_requests(true);
            return true;
        }
        let bytes = stream.bytes();
        let full = !begun && self.queue.len() >= self.config.limits.open_exchanges;
        if bytes.is_empty() || full {
            return false;
        }
        let line = if scanned > 0 && memchr::memchr(b'\n', bytes.get(..scanned).unwrap_or_default()).is_some() {
            Line::Yes
        } else {
            recognise::request_line(bytes)
        };
        if line == Line::No {
            return self.no_request_line(stream, sink);
        }
        if !begun {
            self.begin(stream, sink);
        }
        let bytes = stream.bytes();
        if let Some(length) = head::length(bytes, scanned) {
            self.take_request_head(stream, length, sink);
            return true;
        }
        if stream.hole_follows() || bytes.len() > LONGEST_HEAD {
            self.take_part_of_request(stream, sink);
            return true;
        }
        self.asking = Reading::Head { scanned: bytes.len(), begun: true };
        false
    }

    /// The line that has come is no request line: HTTP/0.9, or something else.
    fn no_request_line(&mut self, stream: &mut DataStream, sink: &mut Sink<'_>) -> bool {
        let simple = self.fresh && recognise::is_simple_request(stream.bytes());
        if simple {
            if matches!(self.asking, Reading::Head { begun: false, .. }) {
                self.begin(stream, sink);
            }
            let length = memchr::memchr(b'\n', stream.bytes()).map_or(0, |end| end.saturating_add(1));
            if let Some(pending) = self.queue.back_mut() {
                pending.simple = true;
            }
            self.take_request_head(stream, length, sink);
            self.asking = Reading::Held;
            return true;
        }
        self.withdraw(sink);
        self.lose_requests(false);
        true
    }

    /// Goes on at the next request line; there may be others before it that are not seen.
    fn lose_requests(&mut self, line_start: bool) {
        self.missed_requests = true;
        self.asking = Reading::Lost { line_start };
    }

    fn begin(&mut self, stream: &DataStream, sink: &mut Sink<'_>) {
        let Some(mark) = stream.next_mark() else { return };
        let id = sink.begin(Begin {
            mark,
            asked: true,
            direction: self.requests,
            position: stream.position(),
            protocol: "http",
            peer: None,
        });
        let mut pending = Pending::new(id, mark.time);
        pending.after_missed = std::mem::take(&mut self.missed_requests);
        self.weight = self.weight.saturating_add(pending.weight);
        self.queue.push_back(pending);
        self.asking = Reading::Head { scanned: 0, begun: true };
    }

    /// What was begun was no request.
    fn withdraw(&mut self, sink: &mut Sink<'_>) {
        if matches!(self.asking, Reading::Head { begun: true, .. })
            && let Some(pending) = self.queue.pop_back()
        {
            self.weight = self.weight.saturating_sub(pending.weight);
            self.missed_requests |= pending.after_missed;
            sink.retract(pending.id);
        }
    }

    fn take_request_head(&mut self, stream: &mut DataStream, length: usize, sink: &mut Sink<'_>) {
        let bytes = stream.bytes().get(..length).unwrap_or_default();
        let head = head::read(bytes, &self.last_request);
        let line = RequestLine::read(head.start).unwrap_or_default();
        let framing = match body::framing(&head.headers, head.malformed) {
            // RFC 9112, 6.3, 4: in requests the last coding must be chunked.
            Some(Framing::UntilClose) => Framing::Ambiguous,
            _ if line.method == "CONNECT" => Framing::Empty,
            framing => framing.unwrap_or(Framing::Empty),
        };
        self.fresh = false;
        self.file(line, head.headers, length, stream, sink);
        self.start_body(framing, stream, sink);
    }

    /// Files the head, the next `length` bytes, with its exchange, and tells what it says.
    fn file(
        &mut self,
        line: RequestLine,
        headers: Vec<Header>,
        length: usize,
        stream: &mut DataStream,
        sink: &mut Sink<'_>,
    ) {
        stream.consume(length);
        let Some(pending) = self.queue.back_mut() else { return };
        self.last_request.clone_from(&headers);
        pending.take_request(line, headers, self.secure);
        let weight = length.saturating_mul(2);
        pending.weight = pending.weight.saturating_add(weight);
        self.weight = self.weight.saturating_add(weight);
        let http = &pending.http;
        let target = http.path.as_deref().or(http.host.as_deref()).unwrap_or_default();
        let summary = http.method.as_ref().map(|method| format!("{method} {target}"));
        let trace = http.req_headers.as_deref().and_then(trace::context);
        sink.describe(pending.id, Description { summary, trace, read: stream.last_mark(), ..Description::default() });
    }

    fn start_body(&mut self, framing: Framing, stream: &DataStream, sink: &mut Sink<'_>) {
        let Some(pending) = self.queue.back_mut() else { return };
        let holds = pending.is_connect() || pending.upgrade.is_some() || pending.simple;
        match framing {
            Framing::Ambiguous => {
                pending.request_done = true;
                pending.http.common.truncated = true;
                pending.timing.request_end = stream.last_mark().map(|mark| mark.time);
                self.lose_requests(true);
                self.complete(sink);
            }
            Framing::Empty | Framing::Length(0) => {
                pending.http.req_bytes = Some(0);
                pending.request_done = true;
                pending.timing.request_end = stream.last_mark().map(|mark| mark.time);
                self.asking = if holds { Reading::Held } else { HEAD };
                self.complete(sink);
            }
            framing => {
                let encoding = pending.http.req_headers.as_deref().and_then(|h| head::value(h, "content-encoding"));
                let limit = content::encoded_limit(encoding, self.config.body);
                let reader = Reader::new(framing, limit).of_type(pending.http.req_type.as_deref());
                self.asking = Reading::Body(Box::new(reader));
            }
        }
    }

    fn request_body(&mut self, stream: &mut DataStream, sink: &mut Sink<'_>) -> bool {
        let Reading::Body(reader) = &mut self.asking else { return false };
        let Some(pending) = self.queue.back_mut() else { return false };
        // RFC 9110, 10.1.1: a client that waited for 100 and got its final answer may leave the body out.
        let left_out = pending.expects_continue
            && pending.answered
            && reader.is_untouched()
            && recognise::request_line(stream.bytes()) == Line::Yes;
        let progress = if left_out { Progress::Done } else { reader.advance(stream) };
        if progress == Progress::More {
            return false;
        }
        self.missed_requests |= reader.was_adrift();
        let body = std::mem::take(&mut reader.body);
        let before = pending.weight;
        pending.take_request_body(body);
        self.weight = self.weight.saturating_add(pending.weight).saturating_sub(before);
        pending.request_done = true;
        pending.timing.request_end = stream.last_mark().map(|mark| mark.time);
        if progress == Progress::Broken {
            pending.http.req_bytes = None;
            pending.http.common.truncated = true;
            self.lose_requests(true);
        } else {
            self.asking = if pending.upgrade.is_some() && !pending.answered { Reading::Held } else { HEAD };
        }
        self.complete(sink);
        true
    }

    /// The head ends in a hole, or never: what its whole lines say counts.
    fn take_part_of_request(&mut self, stream: &mut DataStream, sink: &mut Sink<'_>) {
        let bytes = stream.bytes();
        let head = head::read(bytes, &[]);
        let line = RequestLine::read(head.start);
        let count = bytes.len();
        let Some(line) = line else {
            self.withdraw(sink);
            self.lose_requests(false);
            return;
        };
        self.file(line, head.headers, count, stream, sink);
        if let Some(pending) = self.queue.back_mut() {
            let lost = stream.hole().is_some_and(|hole| hole.lost);
            pending.http.common.gap |= lost;
            pending.http.common.truncated |= !lost;
            pending.request_done = true;
        }
        self.lose_requests(false);
        self.complete(sink);
    }

    /// Nothing more will come.
    pub(super) fn end_request(&mut self, streams: &mut Streams, sink: &mut Sink<'_>) {
        let stream = &mut streams[self.requests];
        match std::mem::replace(&mut self.asking, Reading::Held) {
            Reading::Head { scanned, begun: true } => {
                self.asking = Reading::Head { scanned, begun: true };
                let head = head::read(stream.bytes(), &[]);
                match RequestLine::read(head.start) {
                    Some(line) => {
                        // It was read, though its end was not seen.
                        let count = stream.bytes().len();
                        self.file(line, head.headers, count, stream, sink);
                    }
                    None => self.withdraw(sink),
                }
                self.asking = Reading::Held;
            }
            Reading::Body(reader) => {
                if let Some(pending) = self.queue.back_mut() {
                    pending.take_request_body(reader.body);
                }
            }
            _ => {}
        }
    }
}
