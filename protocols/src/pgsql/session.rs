//! The session: reads both directions, in the order in which things can have happened.

use super::read::{Message, Mode, Next, Reader};
use super::talk::Talk;
use super::wire::{Opening, Side};
use crate::event::{Direction, Timestamp};
use crate::session::{EARLY, Session, Sink, Switch, is_early};
use crate::stream::Streams;

/// How long an answered statement waits for the ReadyForQuery that tells the transaction's state, ns. In a pipeline it may
/// come much later.
const HOLD: u64 = 50_000_000;

/// PostgreSQL on one connection.
#[derive(Debug)]
pub struct PgsqlSession {
    requests: Direction,
    front: Reader,
    back: Reader,
    /// What was found in a direction, and waits for its turn.
    next_front: Option<Next>,
    next_back: Option<Next>,
    /// The client has asked for encryption, and waits for the answer.
    asked: Option<Opening>,
    over: bool,
    /// No byte will come any more.
    ended: bool,
    talk: Talk,
}

impl PgsqlSession {
    /// A session whose client sends in direction `requests`. At most `open_exchanges` statements are under way at a time.
    #[must_use]
    pub fn new(requests: Direction, open_exchanges: usize) -> Self {
        Self {
            requests,
            front: Reader::new(Side::Frontend, Mode::Opening),
            back: Reader::new(Side::Backend, Mode::Seek),
            next_front: None,
            next_back: None,
            asked: None,
            over: false,
            ended: false,
            talk: Talk::new(requests, open_exchanges.max(1)),
        }
    }

    /// Takes one step in the direction whose turn it is; false when neither has anything.
    fn step(&mut self, streams: &mut Streams, sink: &mut Sink<'_>) -> bool {
        if self.next_front.is_none() && self.asked.is_none() {
            self.next_front = Some(self.front.next(&mut streams[self.requests])).filter(|next| *next != Next::Wait);
        }
        let opening = self.front.mode == Mode::Opening && self.next_front.is_some();
        if self.next_back.is_none() && !opening {
            let next = self.back.next(&mut streams[self.requests.reverse()]);
            self.next_back = Some(next).filter(|next| *next != Next::Wait);
        }
        if let (None, Some(back)) = (self.next_front, self.next_back)
            && (self.must_wait(back, streams) || self.is_early(back, streams))
        {
            return false;
        }
        match (self.next_front, self.next_back) {
            (None, None) => return false,
            (Some(front), back) if back.is_none_or(|back| self.is_first(front, back)) => {
                self.next_front = None;
                self.step_front(front, streams, sink);
            }
            (_, Some(back)) => {
                self.next_back = None;
                self.step_back(back, streams, sink);
            }
            (Some(_), None) => return false,
        }
        true
    }

    /// Whether the server's turn has to wait for requests: some have come already, but not what goes before them.
    fn must_wait(&self, back: Next, streams: &Streams) -> bool {
        let waiting = streams[self.requests].waiting_since();
        let unmatched = self.talk.uncertain || self.talk.queue.is_empty();
        unmatched && matches!((waiting, time(back)), (Some(waiting), Some(back)) if waiting <= back)
    }

    /// Whether the server answers, while every message was seen and it owes no answer: then the request is still to come.
    fn is_early(&self, back: Next, streams: &Streams) -> bool {
        let (Next::Message(answered), Mode::Messages) = (back, self.back.mode) else { return false };
        if self.ended || self.talk.uncertain || self.talk.owes() {
            return false;
        }
        let message = self.back.message(&streams[self.requests.reverse()]);
        message.is_some_and(|message| b"123CDGHITVWZcdnst".contains(&message.tag)) && is_early(streams, answered)
    }

    /// Whether the client's turn comes before the server's. While every message was seen, the answers wait for their
    /// requests; where some were not, only time tells which answers are those of requests unseen.
    fn is_first(&self, front: Next, back: Next) -> bool {
        match (time(front), time(back)) {
            (Some(front), Some(back)) if self.talk.uncertain => front <= back,
            (_, None) if self.talk.uncertain => false,
            // Nothing that was asked so long before is still to come.
            (Some(front), Some(back)) if !self.talk.owes() => front.since(back) < EARLY,
            _ => true,
        }
    }

    fn step_front(&mut self, next: Next, streams: &mut Streams, sink: &mut Sink<'_>) {
        let stream = &mut streams[self.requests];
        match next {
            Next::Message(_) => {
                if self.front.mode == Mode::Opening {
                    if let Some(message) = self.front.message(stream) {
                        let mode = open(&message, &mut self.asked, &mut self.talk, sink);
                        self.front.advance(stream);
                        self.front.mode = mode;
                        self.back.mode = match (mode, self.asked) {
                            (_, Some(_)) => Mode::Answer,
                            (mode, None) => mode,
                        };
                    }
                    return;
                }
                if let Some(message) = self.front.message(stream) {
                    self.talk.request(&message, sink);
                }
                self.front.advance(stream);
            }
            Next::Lost(time, missing) => self.talk.lose(Side::Frontend, time, missing),
            Next::Noise | Next::Wait => {}
        }
    }

    fn step_back(&mut self, next: Next, streams: &mut Streams, sink: &mut Sink<'_>) {
        let stream = &mut streams[self.requests.reverse()];
        match next {
            Next::Message(_) if self.back.mode == Mode::Answer => {
                let answer = self.back.message(stream).and_then(|message| message.body.first().copied());
                self.answer_encryption(answer, streams, sink);
            }
            Next::Message(_) => {
                if let Some(message) = self.back.message(stream) {
                    self.talk.response(&message, sink);
                }
                self.back.advance(stream);
            }
            Next::Lost(time, missing) => {
                if self.back.mode == Mode::Answer {
                    self.back.mode = Mode::Seek;
                    self.asked = None;
                }
                self.talk.lose(Side::Backend, time, missing);
            }
            Next::Noise => self.talk.rest = None,
            Next::Wait => {}
        }
    }

    /// `S` or `G`: encryption begins; `N`: the client goes on in clear; anything else is an error message of old servers.
    fn answer_encryption(&mut self, answer: Option<u8>, streams: &mut Streams, sink: &mut Sink<'_>) {
        let stream = &mut streams[self.requests.reverse()];
        let asked = self.asked.take();
        match (asked, answer) {
            (Some(Opening::Tls), Some(b'S')) => self.switch(Switch::Tls, streams, sink),
            (Some(Opening::Gss), Some(b'G')) => self.switch(Switch::Opaque, streams, sink),
            (_, Some(b'N')) => {
                self.back.advance(stream);
                self.back.mode = Mode::Messages;
            }
            _ => self.back.mode = Mode::Messages,
        }
    }

    fn switch(&mut self, switch: Switch, streams: &mut Streams, sink: &mut Sink<'_>) {
        self.back.advance(&mut streams[self.requests.reverse()]);
        self.over = true;
        sink.switch(switch);
    }
}

/// A packet that begins a connection; how the client goes on.
fn open(message: &Message<'_>, asked: &mut Option<Opening>, talk: &mut Talk, sink: &mut Sink<'_>) -> Mode {
    let code = message.body.first_chunk().map(|code| u32::from_be_bytes(*code));
    match code {
        Some(80_877_103) => *asked = Some(Opening::Tls),
        Some(80_877_104) => *asked = Some(Opening::Gss),
        Some(80_877_102) => {
            talk.cancel(message, sink);
            return Mode::Stopped;
        }
        _ => {
            talk.startup(message, sink);
            return Mode::Messages;
        }
    }
    Mode::Opening
}

fn time(next: Next) -> Option<Timestamp> {
    match next {
        Next::Message(time) | Next::Lost(time, _) => Some(time),
        Next::Noise | Next::Wait => None,
    }
}

impl Session for PgsqlSession {
    fn advance(&mut self, streams: &mut Streams, sink: &mut Sink<'_>) {
        while !self.over && self.step(streams, sink) {}
        let skipped = self.front.skipped.saturating_add(self.back.skipped);
        if skipped > 0 {
            (self.front.skipped, self.back.skipped) = (0, 0);
            sink.skipped(skipped);
        }
    }

    fn finish(&mut self, streams: &mut Streams, _closed: bool, sink: &mut Sink<'_>) {
        self.ended = true;
        self.advance(streams, sink);
        self.talk.abandon(true, sink);
        self.over = true;
    }

    fn tick(&mut self, now: Timestamp, sink: &mut Sink<'_>) {
        self.talk.release_older(now.0.saturating_sub(HOLD), sink);
    }

    fn memory(&self) -> usize {
        self.talk.bytes().saturating_add(self.front.memory()).saturating_add(self.back.memory())
    }
}
