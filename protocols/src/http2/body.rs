//! The DATA of one direction of a stream.

use super::exchange::find;
use super::hpack::{Decoder, Field};
use crate::stream::Hole;
use crate::{content, grpc};

/// What is kept of it, and what is counted.
#[derive(Debug)]
pub(super) struct Body {
    bytes: u64,
    /// Frames may have gone by unseen: `bytes` is too low.
    inexact: bool,
    /// How many bytes went by unseen meanwhile, of this stream or of others.
    unseen: u64,
    kept: Vec<u8>,
    /// How much of it to keep.
    keep: usize,
    /// How much of it to show, decoded.
    limit: usize,
    /// Bytes are missing behind what is kept.
    broken_off: bool,
    encoding: Option<String>,
    declared: Option<u64>,
    /// What was declared need not be the length of this body (RFC 9110, 8.6: HEAD and 304).
    may_lack: bool,
    messages: Messages,
}

/// How messages are told apart.
#[derive(Debug)]
enum Messages {
    Grpc(grpc::Messages),
    Web(Box<grpc::web::Body>),
    None,
}

impl Body {
    /// Of a message of which no header has been seen.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            bytes: 0,
            inexact: false,
            unseen: 0,
            kept: Vec::new(),
            keep: limit,
            limit,
            broken_off: false,
            encoding: None,
            declared: None,
            may_lack: false,
            messages: Messages::Grpc(grpc::Messages::default()),
        }
    }

    /// The header fields before it tell what it is.
    pub(super) fn describe(&mut self, fields: &[Field], decoder: &Decoder) {
        let value = |name| find(fields, decoder, name);
        self.declared = value("content-length").and_then(|length| length.parse().ok());
        match value("content-type") {
            Some(kind) if grpc::is_grpc(kind) => self.keep = 0,
            Some(kind) if grpc::is_web(kind) => {
                self.keep = 0;
                self.messages = Messages::Web(Box::new(grpc::web::Body::new(kind)));
            }
            Some(_) => self.messages = Messages::None,
            // Not known, or left out of a response that has only trailers.
            None => {}
        }
        self.encoding = value("content-encoding").map(|coding| coding.to_string());
        if self.keep > 0 {
            self.keep = content::encoded_limit(self.encoding.as_deref(), self.limit);
        }
    }

    /// Of a response that may have none, whatever its header fields say.
    pub(super) fn may_lack(&mut self) {
        self.may_lack = true;
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let room = if self.broken_off { 0 } else { self.keep.saturating_sub(self.kept.len()) };
        self.kept.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        match &mut self.messages {
            Messages::Grpc(messages) => messages.push(bytes),
            Messages::Web(body) => body.push(bytes),
            Messages::None => {}
        }
    }

    /// Bytes of a DATA frame that are not there.
    pub(super) fn hole(&mut self, hole: Hole) {
        self.bytes = self.bytes.saturating_add(hole.len);
        self.broken_off = true;
        match &mut self.messages {
            Messages::Grpc(messages) => messages.hole(hole.len),
            Messages::Web(body) => body.hole(hole.len),
            Messages::None => {}
        }
    }

    /// Frames may have gone by unseen.
    pub(super) fn lose(&mut self) {
        self.inexact = true;
        self.broken_off = true;
        match &mut self.messages {
            Messages::Grpc(messages) => messages.lose(),
            Messages::Web(body) => body.hole(u64::MAX),
            Messages::None => {}
        }
    }

    /// That many bytes of its direction went by unseen.
    pub(super) fn pass_unseen(&mut self, bytes: u64) {
        self.unseen = self.unseen.saturating_add(bytes);
    }

    /// How many that were.
    pub(super) fn unseen(&self) -> u64 {
        self.unseen
    }

    /// Some of it has come.
    pub(super) fn is_begun(&self) -> bool {
        self.bytes > 0 || self.inexact
    }

    /// Its length as counted; where frames were missed, as declared.
    pub(super) fn length(&self) -> Option<u64> {
        if self.inexact { self.declared.filter(|_| !self.may_lack) } else { Some(self.bytes) }
    }

    /// Bytes still to come, where the length was declared.
    pub(super) fn remaining(&self) -> Option<u64> {
        self.declared.map(|length| length.saturating_sub(self.bytes))
    }

    /// Fewer bytes are kept than were sent, because of the limit.
    pub(super) fn is_cut(&self) -> bool {
        self.keep > 0 && self.kept.len() >= self.keep && (self.kept.len() as u64) < self.bytes
    }

    /// The first bytes, decoded; null where there are none. One more than the limit shows that there are more.
    pub(super) fn text(&self) -> Option<Vec<u8>> {
        let most = self.limit.saturating_add(1);
        (!self.kept.is_empty()).then(|| content::decode(self.encoding.as_deref(), &self.kept, most))
    }

    /// Cuts what [`Self::text`] gave to the limit. Returns whether it was longer.
    pub(super) fn shorten(&self, text: Option<&mut Vec<u8>>) -> bool {
        let Some(text) = text.filter(|text| text.len() > self.limit) else { return false };
        text.truncate(self.limit);
        true
    }

    /// The messages in it, if it may be gRPC.
    pub(super) fn messages(&self) -> Option<&grpc::Messages> {
        match &self.messages {
            Messages::Grpc(messages) => Some(messages),
            Messages::Web(_) | Messages::None => None,
        }
    }

    /// Not a byte is missing of it, and it is no series of messages.
    pub(super) fn is_no_grpc(&self) -> bool {
        !self.broken_off && self.messages().is_some_and(|messages| messages.count().is_none())
    }

    /// The same for gRPC-Web.
    pub(super) fn web(&self) -> Option<&grpc::web::Body> {
        match &self.messages {
            Messages::Web(body) => Some(body),
            Messages::Grpc(_) | Messages::None => None,
        }
    }

    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        self.kept.capacity()
    }
}
