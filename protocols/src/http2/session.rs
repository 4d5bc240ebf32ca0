//! The connection: both sides' frames stitched into exchanges by stream id.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::exchange::{Open, Section};
use super::frame::kind;
use super::hpack::Decoder;
use super::reader::{Place, Reader};
use super::row::{self, Decoders};
use super::side::{Event, Side};
use super::unseen::{Missed, Unseen};
use super::{reveal, settings};
use crate::event::{Direction, Timestamp};
use crate::infer::Start;
use crate::session::{Begin, Session, Sink, is_early};
use crate::stream::{Hole, Streams};
use crate::tracker::Config;

/// How long a request that is still being sent may go on behind the end of its answer, ns. Then the row is given.
const LINGER: u64 = 100_000_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Http2 {
    /// Which way requests go.
    pub(super) requests: Direction,
    pub(super) client: Side,
    pub(super) server: Side,
    pub(super) open: BTreeMap<u32, Open>,
    /// Highest stream that the client has opened, for all that is known; 0 when joined in the middle.
    pub(super) highest: u32,
    midstream: bool,
    /// Which side asks is certain: the connection's beginning was seen, or a header block that tells.
    certain: bool,
    /// Frames of the client went by unseen, requests perhaps among them.
    missed_requests: bool,
    pub(super) unseen: Unseen,
    /// Answered streams of which the request goes on, and when that was.
    lingering: VecDeque<(Timestamp, u32)>,
    pub(super) config: Arc<Config>,
}

impl Http2 {
    pub(super) fn new(start: Start) -> Self {
        let midstream = start.midstream;
        let mut session = Self {
            requests: start.requests,
            client: Side::new(Reader::of_client(midstream), midstream),
            server: Side::new(Reader::of_server(midstream), midstream),
            open: BTreeMap::new(),
            highest: 0,
            midstream,
            certain: !midstream,
            missed_requests: false,
            unseen: Unseen::new(midstream),
            lingering: VecDeque::new(),
            config: start.config,
        };
        if let Some(exchange) = start.upgrade {
            // RFC 7540, 3.2: the request is stream 1, and ends with the HTTP/1 request.
            session.open.insert(1, Open::upgraded(exchange, session.config.body));
            session.highest = 1;
        }
        session
    }

    /// Reads one event of one direction. False if there is none.
    fn step(&mut self, direction: Direction, streams: &mut Streams, sink: &mut Sink<'_>) -> bool {
        let is_client = direction == self.requests;
        if !is_client && self.is_early(streams) {
            return false;
        }
        let side = if is_client { &mut self.client } else { &mut self.server };
        let open = &self.open;
        let Some(event) = side.next(&mut streams[direction], &|id| open.contains_key(&id)) else { return false };
        match event {
            Event::Preface => {
                self.midstream = false;
                self.certain = true;
                self.unseen = Unseen::new(false);
                self.client.begins_here();
                self.server.begins_here();
            }
            Event::Headers(stream, place, section) => self.headers(is_client, stream, place, section, sink),
            Event::Promise(stream, place, section) if !is_client => self.promise(stream, place, section, sink),
            Event::Body(stream, bytes) => {
                if let Some(open) = self.open.get_mut(&stream) {
                    let body = if is_client { &mut open.request_body } else { &mut open.response_body };
                    body.push(bytes);
                }
            }
            Event::BodyHole(stream, hole) => {
                if let Some(open) = self.open.get_mut(&stream) {
                    let body = if is_client { &mut open.request_body } else { &mut open.response_body };
                    body.hole(hole);
                    open.gap |= hole.lost;
                    open.truncated |= !hole.lost;
                }
            }
            Event::End(stream, time) => self.ended(is_client, stream, time, sink),
            Event::Reset(stream) => self.reset(is_client, stream, sink),
            Event::Settings(settings) => {
                // They bind the other side.
                let other = if is_client { &mut self.server } else { &mut self.client };
                for (_, size) in settings.iter().filter(|(id, _)| *id == settings::MAX_FRAME_SIZE) {
                    other.reader.allow(size);
                }
            }
            Event::GoAway(last) if !is_client => self.go_away(last, sink),
            Event::Lost(hole) => {
                self.lost(is_client, Some(hole));
                if !is_client {
                    let time = streams[direction].last_mark().map(|mark| mark.time);
                    self.pass_unseen(hole.len, time, sink);
                }
            }
            Event::Skipped(bytes) => {
                sink.skipped(bytes);
                self.lost(is_client, None);
                if !is_client {
                    let time = streams[direction].last_mark().map(|mark| mark.time);
                    self.pass_unseen(bytes, time, sink);
                }
            }
            Event::Promise(..) | Event::GoAway(_) | Event::Nothing => {}
        }
        true
    }

    /// The server's next frame belongs to a request that is still to come.
    fn is_early(&mut self, streams: &mut Streams) -> bool {
        if self.midstream || self.missed_requests || self.server.reader.has_ended() {
            return false;
        }
        let answers = &mut streams[self.requests.reverse()];
        let Some(head) = self.server.reader.upcoming(answers) else { return false };
        let Some(mark) = answers.next_mark() else { return false };
        matches!(head.kind, kind::HEADERS | kind::DATA | kind::RST_STREAM)
            && !head.stream.is_multiple_of(2)
            && head.stream > self.highest
            && is_early(streams, mark.time)
    }

    fn headers(&mut self, is_client: bool, stream: u32, place: Place, section: Section, sink: &mut Sink<'_>) {
        if !self.certain {
            // Joined in the middle, the roles were guessed; a header block tells. What does not is anybody's.
            let Some(by_client) = section.is_of_client() else { return };
            self.certain = true;
            if by_client != is_client {
                self.requests = self.requests.reverse();
                std::mem::swap(&mut self.client, &mut self.server);
                return self.headers(by_client, stream, place, section, sink);
            }
        }
        if is_client { self.asks(stream, place, section, sink) } else { self.answers(stream, place, section, sink) }
    }

    /// A header block of the client: a request, or its trailers.
    fn asks(&mut self, stream: u32, place: Place, section: Section, sink: &mut Sink<'_>) {
        let has_pseudo = section.is_of_client() == Some(true);
        if let Some(open) = self.open.get_mut(&stream) {
            if !open.asked && stream > self.highest && (has_pseudo || !section.end_stream) {
                return self.asks_late(stream, place, section, sink);
            }
            if section.end_stream {
                open.end_request(section.end);
            }
            self.settle(stream, sink);
            return;
        }
        // RFC 9113, 5.1.1: clients open odd streams, in ascending order.
        if stream.is_multiple_of(2) || stream <= self.highest {
            return;
        }
        let is_new = !self.midstream || self.highest > 0;
        // Joined in the middle, what ends a stream and has no pseudo-header may be trailers.
        if !is_new && !has_pseudo && section.end_stream {
            return;
        }
        self.open_stream(stream, sink);
        if self.unseen.is_told(stream) {
            // Far too late.
            return;
        }
        self.begin(stream, place, section, false, sink);
    }

    /// A header block of the server: a response (RFC 9113, 8.1), or its trailers.
    fn answers(&mut self, stream: u32, place: Place, section: Section, sink: &mut Sink<'_>) {
        if !self.open.contains_key(&stream) {
            self.begin_unasked(stream, place, &section, sink);
        }
        let Some(open) = self.open.get_mut(&stream) else { return };
        if open.is_head_due()
            && let Some(list) = &section.fields
        {
            reveal::response(&list.fields, &mut self.server.decoder);
        }
        open.answer(section, &self.server.decoder);
        self.settle(stream, sink);
    }

    /// RFC 9113, 8.4: the server sends a request of its own, and its response.
    fn promise(&mut self, stream: u32, place: Place, section: Section, sink: &mut Sink<'_>) {
        if stream.is_multiple_of(2) && !self.open.contains_key(&stream) {
            self.begin(stream, place, section, true, sink);
        }
    }

    fn begin(&mut self, stream: u32, place: Place, section: Section, is_pushed: bool, sink: &mut Sink<'_>) {
        self.make_room(sink);
        let decoder = if is_pushed { &mut self.server.decoder } else { &mut self.client.decoder };
        let id = sink.begin(Begin {
            mark: place.start,
            asked: true,
            direction: self.requests,
            position: place.position,
            protocol: "http",
            peer: None,
        });
        let mut open = Open::new(id, place.start.time, self.config.body);
        let end = section.end;
        request(&mut open, section, decoder, sink);
        if is_pushed {
            open.end_request(end);
        }
        self.open.insert(stream, open);
    }

    /// The stream's last DATA frame.
    fn ended(&mut self, is_client: bool, stream: u32, time: Timestamp, sink: &mut Sink<'_>) {
        let Some(open) = self.open.get_mut(&stream) else { return };
        if is_client {
            open.end_request(time);
        } else {
            open.end_response(time);
        }
        self.settle(stream, sink);
    }

    /// RST_STREAM. From the client it means that it no longer wants the answer, which is nobody's failure.
    fn reset(&mut self, by_client: bool, stream: u32, sink: &mut Sink<'_>) {
        if let Some(open) = self.open.remove(&stream) {
            self.give(open, stream, !by_client, sink);
        }
    }

    /// RFC 9113, 6.8: streams above the last one were not processed.
    fn go_away(&mut self, last: u32, sink: &mut Sink<'_>) {
        let above = last.saturating_add(1);
        let is_refused = |(stream, open): &(&u32, &Open)| {
            !stream.is_multiple_of(2) && open.timing.response_start.is_none() //
        };
        let refused: Vec<u32> = self.open.range(above..).filter(is_refused).map(|(stream, _)| *stream).collect();
        for stream in refused {
            if let Some(open) = self.open.remove(&stream) {
                self.give(open, stream, true, sink);
            }
        }
    }

    /// Frames of one side went by unseen, in a hole or not understood.
    fn lost(&mut self, is_client: bool, hole: Option<Hole>) {
        self.missed_requests |= is_client;
        if let Some(hole) = hole.filter(|hole| is_client && hole.len > 0) {
            self.unseen.miss(self.highest, if hole.lost { Missed::Lost } else { Missed::Cut });
        }
        for open in self.open.values_mut() {
            open.lose(is_client, hole);
        }
    }

    /// Bytes of the server went by unseen. Ends the responses that must have ended among them: those under way, if what
    /// is left of their declared lengths is no more than what was missed. Without this, a large download of which only
    /// each call's beginning is kept would never end.
    fn pass_unseen(&mut self, bytes: u64, time: Option<Timestamp>, sink: &mut Sink<'_>) {
        let mut left = Some(0_u64);
        let mut unseen = u64::MAX;
        for open in self.open.values_mut().filter(|open| open.is_answering()) {
            open.response_body.pass_unseen(bytes);
            unseen = unseen.min(open.response_body.unseen());
            left = left.and_then(|sum| Some(sum.saturating_add(open.response_body.remaining()?)));
        }
        let Some(time) = time.filter(|_| left.is_some_and(|left| left <= unseen)) else { return };
        let ended: Vec<u32> =
            self.open.iter().filter(|(_, open)| open.is_answering()).map(|(stream, _)| *stream).collect();
        for stream in ended {
            self.ended(false, stream, time, sink);
        }
    }

    /// Gives the row of an exchange that is over.
    pub(super) fn settle(&mut self, stream: u32, sink: &mut Sink<'_>) {
        match self.open.get(&stream) {
            Some(open) if open.is_done() => {
                if let Some(open) = self.open.remove(&stream) {
                    self.give(open, stream, false, sink);
                }
            }
            Some(Open { response_done: true, timing, .. }) => {
                let since = timing.response_end.unwrap_or(timing.request_start);
                self.lingering.push_back((since, stream));
            }
            _ => {}
        }
    }

    /// Gives the rows of those that have been answered for long enough.
    fn settle_lingering(&mut self, now: Timestamp, sink: &mut Sink<'_>) {
        while let Some((since, stream)) = self.lingering.front().copied()
            && now.since(since) >= LINGER
        {
            self.lingering.pop_front();
            if self.open.get(&stream).is_some_and(|open| open.response_done)
                && let Some(open) = self.open.remove(&stream)
            {
                self.give(open, stream, false, sink);
            }
        }
    }

    pub(super) fn make_room(&mut self, sink: &mut Sink<'_>) {
        while self.open.len() >= self.config.limits.open_exchanges.max(1)
            && let Some((stream, mut open)) = self.open.pop_first()
        {
            open.truncated = true;
            self.give(open, stream, false, sink);
        }
    }

    fn give(&mut self, open: Open, stream: u32, cut_short: bool, sink: &mut Sink<'_>) {
        let is_pushed = stream.is_multiple_of(2);
        let decoders = Decoders { requests: &self.client.decoder, responses: &self.server.decoder, is_pushed };
        if !open.asked {
            self.unseen.tell(stream);
        }
        let id = open.id;
        match row::finish(open, stream, cut_short, decoders) {
            Some(exchange) => sink.finish(exchange),
            None => sink.retract(id),
        }
    }
}

/// The header block of a request.
pub(super) fn request(open: &mut Open, section: Section, decoder: &mut Decoder, sink: &mut Sink<'_>) {
    if let Some(list) = &section.fields {
        reveal::request(&list.fields, decoder);
        sink.describe(open.id, row::describe(&list.fields, decoder));
    }
    open.begin_request(section, decoder);
}

impl Session for Http2 {
    fn advance(&mut self, streams: &mut Streams, sink: &mut Sink<'_>) {
        // Where both directions wait to be read, in the order of time; at the same time, requests first.
        loop {
            let time = |direction| streams[direction].next_mark().map(|mark| mark.time);
            let (asked, answered) = (time(self.requests), time(self.requests.reverse()));
            let answers_first = matches!((asked, answered), (Some(asked), Some(answered)) if answered < asked);
            let first = if answers_first { self.requests.reverse() } else { self.requests };
            if let Some(now) = asked.max(answered) {
                self.settle_lingering(now, sink);
            }
            if !self.step(first, streams, sink) && !self.step(first.reverse(), streams, sink) {
                break;
            }
        }
    }

    fn finish(&mut self, streams: &mut Streams, _closed: bool, sink: &mut Sink<'_>) {
        self.client.reader.end();
        self.server.reader.end();
        self.advance(streams, sink);
        while let Some((stream, open)) = self.open.pop_first() {
            self.give(open, stream, true, sink);
        }
    }

    fn tick(&mut self, now: Timestamp, sink: &mut Sink<'_>) {
        self.settle_lingering(now, sink);
    }

    fn memory(&self) -> usize {
        let tables = self.client.memory().saturating_add(self.server.memory());
        let tables = tables.saturating_add(self.unseen.memory());
        self.open.values().fold(tables, |sum, open| sum.saturating_add(open.memory()))
    }
}
