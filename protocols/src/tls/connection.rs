//! The session: records of both directions in order of time, to handshakes and plaintext.

use super::decrypt::{Decrypter, Opened, Sender};
use super::frame::{self, ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, Frame, HANDSHAKE, Next};
use super::handshake::Handshake;
use super::held::Held;
use super::hello::{ClientHello, ServerHello};
use crate::event::{Direction, Source};
use crate::keys::KeyLog;
use crate::session::{Session, Sink};
use crate::stream::{Hole, Mark, Streams};

/// A handshake message beyond this is none; chains of certificates stay far below.
const MOST_MESSAGE: usize = 256 << 10;
/// An encrypted alert of TLS 1.3: two bytes, the content type and the tag. Every other message of a handshake is longer.
const SEALED_ALERT: u16 = 19;

const BOTH: [Direction; 2] = [Direction::Sent, Direction::Received];

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const FINISHED: u8 = 20;
const KEY_UPDATE: u8 = 24;

/// One TLS connection.
pub(super) struct Connection {
    decrypter: Decrypter,
    handshake: Option<Handshake>,
    /// Which way the client's bytes go, once a hello told.
    client: Option<Direction>,
    sides: [Side; 2],
    /// Encrypted records whose keys have not come.
    held: Held,
    /// Nothing more can be read.
    opaque: bool,
}

/// One direction.
#[derive(Debug)]
struct Side {
    /// A record was read.
    begun: bool,
    /// The beginning of a handshake message that goes on in the next record.
    messages: Vec<u8>,
    /// How many bytes of the next records belong to a message whose beginning was cut; null: not known.
    rest_of_message: Option<usize>,
}

impl Side {
    fn new() -> Self {
        Self { begun: false, messages: Vec::new(), rest_of_message: Some(0) }
    }

    /// Where the next message begins is not known.
    fn torn(&mut self) {
        self.begun = true;
        self.messages.clear();
        self.rest_of_message = None;
    }
}

impl Connection {
    pub(super) fn new(keys: KeyLog) -> Self {
        Self {
            decrypter: Decrypter::new(keys.clone()),
            handshake: None,
            client: None,
            sides: [Side::new(), Side::new()],
            held: Held::new(keys),
            opaque: false,
        }
    }

    fn side(&mut self, direction: Direction) -> &mut Side {
        let [sent, received] = &mut self.sides;
        if direction == Direction::Sent { sent } else { received }
    }

    fn sender(&self, direction: Direction) -> Sender {
        if self.client.is_none_or(|client| client == direction) { Sender::Client } else { Sender::Server }
    }

    /// Takes the earliest record that is all there. Returns whether there was one, or something in its place.
    fn step(&mut self, streams: &mut Streams, sink: &mut Sink<'_>) -> bool {
        let mut earliest = None;
        // At the same time the server answers before the client goes on, once the client has begun.
        let order = if self.client == Some(Direction::Sent) { [Direction::Received, Direction::Sent] } else { BOTH };
        for direction in order {
            let start = !self.side(direction).begun;
            match frame::next(&streams[direction], start) {
                Next::Wait => {}
                Next::Frame(len, time) => {
                    if earliest.is_none_or(|(_, _, before)| time < before) {
                        earliest = Some((direction, len, time));
                    }
                }
                Next::Hole => {
                    let hole = streams[direction].hole();
                    let len = hole.map_or(0, |hole| hole.len);
                    streams[direction].skip(len);
                    sink.skipped(len);
                    self.torn(direction, hole.is_none_or(|hole| hole.lost), sink, len);
                    return true;
                }
                Next::Garbage => {
                    let len = frame::resynchronise(&mut streams[direction]);
                    sink.skipped(len);
                    self.torn(direction, true, sink, 0);
                    if len > 0 {
                        return true;
                    }
                }
            }
        }
        let Some((direction, len, _)) = earliest else { return false };
        let Some(frame) = frame::take(&mut streams[direction], direction, len) else { return false };
        self.frame(frame, sink);
        true
    }

    /// Records of a direction may be missing.
    fn torn(&mut self, direction: Direction, lost: bool, sink: &mut Sink<'_>, len: u64) {
        let sender = self.sender(direction);
        self.decrypter.torn(sender);
        self.side(direction).torn();
        if let Some(handshake) = &mut self.handshake {
            handshake.torn(lost);
        } else if len > 0 && self.decrypter.has_keys() {
            sink.plaintext_hole(direction, Hole { len, lost });
        }
    }

    fn frame(&mut self, frame: Frame, sink: &mut Sink<'_>) {
        self.side(frame.direction).begun = true;
        if let Some(handshake) = &mut self.handshake {
            handshake.note(&frame);
        }
        let Some(header) = frame.header else {
            self.ssl2_hello(&frame, sink);
            return;
        };
        if self.decrypter.is_protected(self.sender(frame.direction), &header) {
            if !self.decrypter.has_keys() {
                self.outside(&frame, sink);
            }
            self.hold(frame);
        } else {
            self.inside(&frame, header.content_type, &frame.payload, sink);
        }
        self.open_held(sink);
    }

    fn hold(&mut self, frame: Frame) {
        if !self.held.push(frame) {
            self.decrypter.torn(Sender::Client);
            self.decrypter.torn(Sender::Server);
            self.opaque = self.handshake.is_none();
        }
    }

    /// A ClientHello in the form of SSL 2.0: it has no extensions, and its random may be short.
    fn ssl2_hello(&mut self, frame: &Frame, sink: &mut Sink<'_>) {
        self.client = Some(frame.direction);
        let mut handshake = Handshake::begin(frame, frame.direction, sink);
        handshake.client_hello(None, frame, sink);
        self.handshake = Some(handshake);
    }

    /// What an encrypted record that is not opened tells by its outside.
    fn outside(&mut self, frame: &Frame, sink: &mut Sink<'_>) {
        let (Some(handshake), Some(header)) = (&mut self.handshake, frame.header) else { return };
        let (from, time) = (frame.direction, frame.last.time);
        let complete = match header.content_type {
            // "Finished" is the first message behind ChangeCipherSpec (RFC 5246, 7.4.9).
            HANDSHAKE => handshake.finished(from, time),
            APPLICATION_DATA if handshake.is_tls13() => {
                let ends = from == handshake.client && handshake.server_hello().is_some() && header.len != SEALED_ALERT;
                ends && {
                    handshake.finished(from.reverse(), time);
                    handshake.finished(from, time)
                }
            }
            _ => false,
        };
        if complete && let Some(handshake) = self.handshake.take() {
            handshake.complete(sink);
        }
    }

    /// Opens what can be opened, in order.
    fn open_held(&mut self, sink: &mut Sink<'_>) {
        if self.held.is_empty() || !self.decrypter.has_keys() {
            return;
        }
        // One direction may wait for its key while the other goes on.
        let mut waits = [false; 2];
        for frame in self.held.take() {
            let [sent, received] = &mut waits;
            let waits = if frame.direction == Direction::Sent { sent } else { received };
            if *waits || !self.open(&frame, sink) {
                *waits = true;
                self.hold(frame);
            }
        }
    }

    /// Returns whether the record is done with.
    fn open(&mut self, frame: &Frame, sink: &mut Sink<'_>) -> bool {
        let sender = self.sender(frame.direction);
        match self.decrypter.open(sender, frame) {
            Opened::NoKey => return false,
            Opened::Clear => {}
            Opened::Plain { content_type, bytes } => {
                if let Some(handshake) = &mut self.handshake {
                    handshake.decrypted();
                }
                self.inside(frame, content_type, &bytes, sink);
            }
            Opened::Cut(len) => {
                self.side(frame.direction).torn();
                self.outside(frame, sink);
                if len > 0 {
                    sink.plaintext_hole(frame.direction, Hole { len, lost: frame.lost });
                }
            }
            Opened::Failed => {
                self.side(frame.direction).torn();
                if self.handshake.is_none() {
                    let len = frame.payload.len() as u64;
                    sink.plaintext_hole(frame.direction, Hole { len, lost: true });
                }
                self.outside(frame, sink);
            }
            Opened::Unsupported(reason) => {
                if let Some(handshake) = &mut self.handshake {
                    handshake.not_decrypted(&reason);
                }
                self.outside(frame, sink);
                self.opaque = self.handshake.is_none();
            }
        }
        true
    }

    /// What is in a record.
    fn inside(&mut self, frame: &Frame, content_type: u8, bytes: &[u8], sink: &mut Sink<'_>) {
        let direction = frame.direction;
        match content_type {
            HANDSHAKE => self.handshake_bytes(frame, bytes, sink),
            CHANGE_CIPHER_SPEC => {
                let sender = self.sender(direction);
                self.decrypter.change_cipher_spec(sender);
                let begun = Side { begun: true, ..Side::new() };
                *self.side(direction) = begun;
                if let Some(handshake) = &mut self.handshake {
                    handshake.change_cipher_spec(direction, frame.last.time);
                }
            }
            ALERT => {
                if let &[level, code, ..] = bytes {
                    self.alert(level, code, sink);
                }
            }
            APPLICATION_DATA if !bytes.is_empty() => {
                let mark = Mark { source: Source::Keylog, ..frame.last };
                sink.plaintext(direction, bytes.to_vec(), mark);
            }
            _ => {}
        }
    }

    /// "Fatal" is told by the level up to TLS 1.2, by the code in TLS 1.3 (RFC 8446, 6).
    fn alert(&mut self, level: u8, code: u8, sink: &mut Sink<'_>) {
        let Some(handshake) = self.handshake.take() else { return };
        let harmless = code == 0 || code == 90;
        let fatal = level == 2 || (handshake.is_tls13() && !harmless);
        if fatal {
            handshake.alerted(code, sink);
        } else {
            self.handshake = Some(handshake);
        }
    }

    /// Puts messages together across records and takes each that is whole.
    fn handshake_bytes(&mut self, frame: &Frame, bytes: &[u8], sink: &mut Sink<'_>) {
        let direction = frame.direction;
        let side = self.side(direction);
        let bytes = match side.rest_of_message {
            Some(skip) => {
                side.rest_of_message = Some(skip.saturating_sub(bytes.len()));
                bytes.get(skip..).unwrap_or_default()
            }
            None if messages_fill(bytes) => {
                side.rest_of_message = Some(0);
                bytes
            }
            None => return,
        };
        let mut messages = std::mem::take(&mut side.messages);
        messages.extend_from_slice(bytes);
        let mut rest = messages.as_slice();
        while let Some((kind, body, after)) = split_message(rest) {
            self.message(frame, kind, body, sink);
            rest = after;
        }
        let declared = message_len(rest);
        let missing = frame.header.map_or(0, |header| usize::from(header.len).saturating_sub(frame.payload.len()));
        let left = rest.len();
        let rest = rest.to_vec();
        let side = self.side(direction);
        if declared.is_some_and(|len| len > MOST_MESSAGE) {
            side.torn();
        } else if frame.is_whole() {
            side.messages = rest;
        } else {
            // The message goes on behind the bytes that are missing, if it is longer than they are.
            side.rest_of_message = declared.and_then(|len| len.checked_sub(left)?.checked_sub(missing));
        }
    }

    fn message(&mut self, frame: &Frame, kind: u8, body: &[u8], sink: &mut Sink<'_>) {
        let direction = frame.direction;
        match kind {
            CLIENT_HELLO => self.client_hello(frame, body, sink),
            SERVER_HELLO => self.server_hello(frame, body, sink),
            FINISHED => {
                let sender = self.sender(direction);
                self.decrypter.finished(sender);
                if let Some(mut handshake) = self.handshake.take() {
                    // The client's comes last there; the server's may have had no key.
                    if handshake.is_tls13() && direction == handshake.client {
                        handshake.finished(direction.reverse(), frame.last.time);
                    }
                    if handshake.finished(direction, frame.last.time) {
                        handshake.complete(sink);
                    } else {
                        self.handshake = Some(handshake);
                    }
                }
            }
            KEY_UPDATE => {
                let sender = self.sender(direction);
                self.decrypter.key_update(sender);
            }
            _ => {
                if let Some(handshake) = &mut self.handshake
                    && direction != handshake.client
                {
                    handshake.server_message(kind, body);
                }
            }
        }
    }

    fn client_hello(&mut self, frame: &Frame, body: &[u8], sink: &mut Sink<'_>) {
        let Some(hello) = ClientHello::parse(body) else { return };
        self.client = Some(frame.direction);
        self.decrypter.client_hello(hello.random);
        // The second hello after a HelloRetryRequest belongs to the same handshake.
        if self.handshake.is_none() {
            let mut handshake = Handshake::begin(frame, frame.direction, sink);
            handshake.client_hello(Some(hello), frame, sink);
            self.handshake = Some(handshake);
        }
    }

    fn server_hello(&mut self, frame: &Frame, body: &[u8], sink: &mut Sink<'_>) {
        let Some(hello) = ServerHello::parse(body) else { return };
        let client = *self.client.get_or_insert(frame.direction.reverse());
        self.decrypter.server_hello(&hello);
        let mut handshake = self.handshake.take().unwrap_or_else(|| Handshake::begin(frame, client, sink));
        handshake.note(frame);
        handshake.take_server_hello(hello);
        self.handshake = Some(handshake);
    }
}

/// Length of the message that begins here, its header included.
fn message_len(bytes: &[u8]) -> Option<usize> {
    let &[_, high, middle, low] = bytes.first_chunk::<4>()?;
    usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?.checked_add(4)
}

/// Type and body of the message that begins here, and what follows it; null if it is not all there.
fn split_message(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (message, after) = bytes.split_at_checked(message_len(bytes)?)?;
    let (kind, message) = message.split_first()?;
    Some((*kind, message.get(3..)?, after))
}

/// Whether bytes are a number of whole messages.
fn messages_fill(mut bytes: &[u8]) -> bool {
    while let Some((_, _, after)) = split_message(bytes) {
        bytes = after;
    }
    bytes.is_empty()
}

impl Session for Connection {
    fn advance(&mut self, streams: &mut Streams, sink: &mut Sink<'_>) {
        self.open_held(sink);
        while !self.opaque && self.step(streams, sink) {}
        if self.opaque {
            for direction in BOTH {
                streams[direction].skip(u64::MAX);
            }
        }
    }

    fn finish(&mut self, streams: &mut Streams, _closed: bool, sink: &mut Sink<'_>) {
        self.advance(streams, sink);
        if let Some(handshake) = self.handshake.take() {
            handshake.cut_short(sink);
        }
    }

    fn sealed(&mut self, sink: &mut Sink<'_>) {
        if let Some(mut handshake) = self.handshake.take() {
            if handshake.sealed() {
                handshake.complete(sink);
            } else {
                self.handshake = Some(handshake);
            }
        }
    }

    fn memory(&self) -> usize {
        let messages: usize = self.sides.iter().map(|side| side.messages.len()).sum();
        self.held.bytes().saturating_add(messages).saturating_add(size_of::<Self>())
    }
}
