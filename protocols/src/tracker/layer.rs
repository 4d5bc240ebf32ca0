//! One layer of a connection: the socket's bytes, or the plaintext inside its TLS.

use std::sync::Arc;

use super::Config;
use crate::event::{Direction, Timestamp, Transport};
use crate::infer::{self, Asker, Protocol, Start, Verdict};
use crate::keys::KeyLog;
use crate::session::{Exchange, Glimpse, Session, Sink, Step, Switch};
use crate::stream::{DataStream, Streams};

/// Longest beginning that inference waits on before it lets it go.
const LONGEST_GLIMPSE: usize = 16 << 10;

/// Chunks of a connection joined midstream that are looked at, each as a possible boundary, before only those are that
/// follow a change of direction.
const MOST_CHUNKS: u32 = 64;

const BOTH: [Direction; 2] = [Direction::Sent, Direction::Received];

/// What a layer has to know of its connection.
#[derive(Debug)]
pub(super) struct About<'a> {
    pub(super) transport: Transport,
    pub(super) local_port: Option<u16>,
    pub(super) remote_port: Option<u16>,
    pub(super) decrypted: bool,
    /// Plaintext is read elsewhere: only TLS itself is of interest here.
    pub(super) tls_only: bool,
    pub(super) config: &'a Arc<Config>,
    pub(super) keys: &'a KeyLog,
}

impl About<'_> {
    fn wants(&self, tables: &[&str]) -> bool {
        // TLS is always told apart: that a connection is encrypted belongs to the coverage.
        tables.contains(&"tls") || (!self.tls_only && self.config.wants_any(tables))
    }

    fn start(&self, requests: Direction, midstream: bool, upgrade: Option<Box<Exchange>>) -> Start {
        Start {
            requests,
            midstream,
            transport: self.transport,
            decrypted: self.decrypted,
            upgrade,
            keys: self.keys.clone(),
            config: Arc::clone(self.config),
        }
    }

    fn glimpse<'b>(&self, stream: &'b DataStream, direction: Direction, midstream: bool) -> Glimpse<'b> {
        let (source_port, destination_port) = match direction {
            Direction::Sent => (self.local_port, self.remote_port),
            Direction::Received => (self.remote_port, self.local_port),
        };
        let bytes = stream.bytes();
        let complete =
            stream.end_time().is_some() && stream.position().saturating_add(bytes.len() as u64) >= stream.tail();
        Glimpse { bytes, complete, midstream, source_port, destination_port, transport: self.transport }
    }
}

enum Phase {
    Inferring,
    Speaking { session: Box<dyn Session>, name: &'static str },
    Opaque,
}

impl std::fmt::Debug for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Inferring => "inferring",
            Self::Speaking { name, .. } => name,
            Self::Opaque => "opaque",
        })
    }
}

#[derive(Debug)]
pub(super) struct Layer {
    pub(super) streams: Streams,
    phase: Phase,
    midstream: bool,
    /// TLS began here: what follows is not readable in this layer.
    is_tls: bool,
    parsed: u64,
    glances: [Glance; 2],
}

/// How inference fares in one direction.
#[derive(Debug, Clone, Copy, Default)]
struct Glance {
    /// Not recognised; nothing more is looked at before the other side has spoken.
    passing: bool,
    /// A hole was passed: the bytes may begin anywhere.
    torn: bool,
    chunks: u32,
}

impl Layer {
    pub(super) fn new(midstream: bool) -> Self {
        Self {
            streams: Streams::default(),
            phase: Phase::Inferring,
            midstream,
            is_tls: false,
            parsed: 0,
            glances: [Glance::default(); 2],
        }
    }

    /// Name of the protocol that is spoken, once it is known.
    pub(super) fn protocol(&self) -> Option<&'static str> {
        match &self.phase {
            Phase::Speaking { name, .. } => Some(name),
            Phase::Inferring | Phase::Opaque => self.is_tls.then_some("tls"),
        }
    }

    pub(super) fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Bytes that a parser made sense of.
    pub(super) fn parsed(&self) -> u64 {
        self.parsed
    }

    pub(super) fn memory(&self) -> usize {
        let session = match &self.phase {
            Phase::Speaking { session, .. } => session.memory(),
            Phase::Inferring | Phase::Opaque => 0,
        };
        let [sent, received] = BOTH.map(|direction| self.streams[direction].buffered());
        session.saturating_add(sent).saturating_add(received)
    }

    /// Reads on as far as the bytes go.
    pub(super) fn advance(&mut self, about: &About<'_>, next_id: &mut u64) -> Vec<Step> {
        let mut steps = Vec::new();
        loop {
            match &mut self.phase {
                Phase::Inferring => {
                    if !self.infer(about) {
                        break;
                    }
                }
                Phase::Opaque => {
                    for direction in BOTH {
                        self.streams[direction].skip(u64::MAX);
                    }
                    break;
                }
                Phase::Speaking { session, .. } => {
                    let before = progress(&self.streams);
                    let mut sink = Sink::new(next_id);
                    session.advance(&mut self.streams, &mut sink);
                    let said = sink.take();
                    self.count(before, &said);
                    let switched = self.switch(said, &mut steps, about);
                    if !switched {
                        break;
                    }
                }
            }
        }
        steps
    }

    pub(super) fn tick(&mut self, now: Timestamp, about: &About<'_>, next_id: &mut u64) -> Vec<Step> {
        let Phase::Speaking { session, .. } = &mut self.phase else { return Vec::new() };
        let mut sink = Sink::new(next_id);
        session.tick(now, &mut sink);
        let said = sink.take();
        let mut steps = Vec::new();
        self.switch(said, &mut steps, about);
        steps
    }

    /// As [`Session::sealed`].
    pub(super) fn sealed(&mut self, next_id: &mut u64) -> Vec<Step> {
        let Phase::Speaking { session, .. } = &mut self.phase else { return Vec::new() };
        let mut sink = Sink::new(next_id);
        session.sealed(&mut sink);
        sink.take()
    }

    pub(super) fn finish(&mut self, closed: bool, next_id: &mut u64) -> Vec<Step> {
        let phase = std::mem::replace(&mut self.phase, Phase::Opaque);
        let Phase::Speaking { mut session, name } = phase else { return Vec::new() };
        let before = progress(&self.streams);
        let mut sink = Sink::new(next_id);
        session.finish(&mut self.streams, closed, &mut sink);
        let said = sink.take();
        self.count(before, &said);
        self.phase = Phase::Speaking { session, name };
        said
    }

    fn count(&mut self, before: u64, said: &[Step]) {
        let skipped: u64 = said.iter().map(|step| if let Step::Skipped { bytes } = step { *bytes } else { 0 }).sum();
        let passed = progress(&self.streams).saturating_sub(before);
        self.parsed = self.parsed.saturating_add(passed).saturating_sub(skipped);
    }

    /// Hands on what was said, and obeys a switch. Returns whether there was one.
    fn switch(&mut self, said: Vec<Step>, steps: &mut Vec<Step>, about: &About<'_>) -> bool {
        let mut switched = false;
        for step in said {
            match step {
                Step::Switch(switch) => {
                    switched = true;
                    self.turn_into(switch, about);
                }
                step => steps.push(step),
            }
        }
        switched
    }

    fn turn_into(&mut self, switch: Switch, about: &About<'_>) {
        self.glances = [Glance::default(); 2];
        self.phase = Phase::Opaque;
        match switch {
            Switch::Opaque => {}
            Switch::Infer => {
                self.midstream = false;
                self.phase = Phase::Inferring;
            }
            Switch::Tls => {
                self.is_tls = true;
                if let Some(protocol) = infer::tls() {
                    // Whoever speaks TLS first asks; the session finds that out itself.
                    self.speak(protocol, about.start(Direction::Sent, false, None));
                }
            }
            Switch::Http2 { request, requests } => {
                if let Some(protocol) = infer::http2() {
                    self.speak(protocol, about.start(requests, false, Some(request)));
                }
            }
        }
    }

    fn speak(&mut self, protocol: Protocol, start: Start) {
        self.is_tls |= protocol.name == "tls";
        self.phase = Phase::Speaking { session: (protocol.start)(start), name: protocol.name };
    }

    /// Looks at what has come. Returns whether it is known now what is spoken.
    fn infer(&mut self, about: &About<'_>) -> bool {
        let first_byte = |direction: Direction| self.streams[direction].next_mark().map(|mark| mark.time);
        let mut order = BOTH;
        if matches!((first_byte(order[0]), first_byte(order[1])), (Some(sent), Some(received)) if received < sent) {
            order.reverse();
        }
        order.into_iter().any(|direction| self.look(direction, about))
    }

    fn look(&mut self, direction: Direction, about: &About<'_>) -> bool {
        let [mine, other] = match direction {
            Direction::Sent => [0, 1],
            Direction::Received => [1, 0],
        };
        let stream = &mut self.streams[direction];
        let Some(mut glance) = self.glances.get(mine).copied() else { return false };
        // The hole stays for the session, which has to know of it.
        glance.torn |= stream.hole().is_some();
        let count = stream.bytes_behind().len();
        if count > 0 {
            if let Some(other) = self.glances.get_mut(other) {
                other.passing = false;
            }
            let midstream = self.midstream || glance.torn;
            let verdict = if glance.passing {
                Verdict::Unknown
            } else {
                infer::stream(&about.glimpse(stream, direction, midstream), &|tables| about.wants(tables))
            };
            match verdict {
                Verdict::Is(protocol, asker) => {
                    let requests = if asker == Asker::Sender { direction } else { direction.reverse() };
                    self.speak(protocol, about.start(requests, midstream, None));
                    return true;
                }
                Verdict::Maybe if count < LONGEST_GLIMPSE => {}
                Verdict::Maybe | Verdict::Unknown => {
                    while let Some(hole) = stream.hole() {
                        stream.skip(hole.len);
                    }
                    stream.consume(count);
                    glance.chunks = glance.chunks.saturating_add(1);
                    glance.passing = !midstream || glance.chunks > MOST_CHUNKS;
                    glance.torn = false;
                }
            }
        }
        if let Some(slot) = self.glances.get_mut(mine) {
            *slot = glance;
        }
        false
    }
}

/// Bytes that the cursors have moved over, without those that were lost.
fn progress(streams: &Streams) -> u64 {
    let passed = |direction: Direction| {
        let stream = &streams[direction];
        stream.position().saturating_sub(stream.totals().lost_passed)
    };
    passed(Direction::Sent).saturating_add(passed(Direction::Received))
}
