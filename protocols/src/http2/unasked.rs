//! Answers on streams whose request went by unseen. Their rows say nothing of the request.
//!
//! A row begins with a header block that surely belongs to a response: one that names a status, one that other blocks
//! follow, or trailers that say how a gRPC call ended. A table joined too late may not tell; then there is no row.

use super::exchange::{Open, Section, find, status};
use super::hpack::{Decoder, FieldList, Name};
use super::reader::Place;
use super::session::{self, Http2};
use crate::grpc;
use crate::session::{Begin, Sink};

/// What a header block on a stream that nobody is seen to have opened shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The final response begins.
    Head,
    /// The response ends; its head went by unseen.
    Trailers,
}

impl Http2 {
    /// Begins the exchange that this header block of the server answers, if it certainly answers one.
    pub(super) fn begin_unasked(&mut self, stream: u32, place: Place, section: &Section, sink: &mut Sink<'_>) {
        let Some(why) = self.unseen.why(stream) else { return };
        let Some(list) = &section.fields else { return };
        let Some(part) = part(list, section.end_stream, &self.server.decoder) else { return };
        self.make_room(sink);
        let kind = find(&list.fields, &self.server.decoder, "content-type");
        let is_grpc = part == Part::Trailers || kind.is_some_and(|kind| grpc::is_grpc(kind) || grpc::is_web(kind));
        let id = sink.begin(Begin {
            mark: place.start,
            asked: false,
            direction: self.requests,
            position: place.position,
            protocol: if is_grpc { "grpc" } else { "http" },
            peer: None,
        });
        let mut open = Open::unasked(id, place.start.time, self.config.body, why);
        // The request of a later stream was seen, so this one's will not come any more.
        open.request_done = stream < self.highest;
        if part == Part::Trailers {
            open.response_body.lose();
        }
        self.open.insert(stream, open);
    }

    /// The client opens a stream: requests of earlier ones that were not seen will not come any more.
    pub(super) fn open_stream(&mut self, stream: u32, sink: &mut Sink<'_>) {
        self.highest = stream;
        if !self.unseen.opened(stream) {
            return;
        }
        let mut unasked = Vec::new();
        for (earlier, open) in self.open.range_mut(..stream).filter(|(_, open)| !open.asked) {
            open.request_done = true;
            unasked.push(*earlier);
        }
        for earlier in unasked {
            self.settle(earlier, sink);
        }
    }

    /// The request of a stream whose answer was told of first: by another thread, as a library's call is told of when it
    /// returns.
    pub(super) fn asks_late(&mut self, stream: u32, place: Place, section: Section, sink: &mut Sink<'_>) {
        self.open_stream(stream, sink);
        let Some(open) = self.open.get_mut(&stream) else { return };
        open.ask(place.start.time, self.config.body);
        session::request(open, section, &mut self.client.decoder, sink);
        self.settle(stream, sink);
    }
}

fn part(list: &FieldList, end_stream: bool, decoder: &Decoder) -> Option<Part> {
    if find(&list.fields, decoder, ":status").is_some() {
        let is_interim = status(&list.fields, decoder).is_some_and(|status| status < 200);
        return (!is_interim).then_some(Part::Head);
    }
    if end_stream {
        return find(&list.fields, decoder, "grpc-status").map(|_| Part::Trailers);
    }
    // Trailers end a stream, and a response's first field is its status (RFC 9113, 8.1 and 8.3.2).
    let first = list.fields.first()?;
    let is_status = match decoder.resolve(&first.name) {
        Some(name) => &**name == ":status",
        None => matches!(first.name, Name::Before(_)),
    };
    is_status.then_some(Part::Head)
}
