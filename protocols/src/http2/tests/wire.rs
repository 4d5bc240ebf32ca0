//! A connection under test: frames in, exchanges out.

use std::sync::Arc;

use crate::event::{Direction, Source, Timestamp, Transport};
use crate::http2::PROTOCOL;
use crate::http2::frame::{PREFACE, flag, kind};
use crate::infer::Start;
use crate::record::{Http, Record};
use crate::session::{Exchange, Session, Sink, Step, Timing};
use crate::stream::{Mark, Streams};
use crate::tracker::Config;

/// A frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header block of literals that are never indexed.
pub(super) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0x10);
        for text in [name, value] {
            assert!(text.len() < 127, "needs a longer length");
            bytes.push(u8::try_from(text.len()).unwrap());
            bytes.extend(text.as_bytes());
        }
    }
    bytes
}

/// HEADERS that are whole.
pub(super) fn headers(stream: u32, end: bool, fields: &[(&str, &str)]) -> Vec<u8> {
    let flags = flag::END_HEADERS | if end { flag::END_STREAM } else { 0 };
    frame(kind::HEADERS, flags, stream, &block(fields))
}

/// HEADERS that are whole, and that DATA follow.
pub(super) fn part(stream: u32, fields: &[(&str, &str)]) -> Vec<u8> {
    headers(stream, false, fields)
}

/// DATA.
pub(super) fn data(stream: u32, end: bool, bytes: &[u8]) -> Vec<u8> {
    frame(kind::DATA, if end { flag::END_STREAM } else { 0 }, stream, bytes)
}

/// SETTINGS: 100 streams.
pub(super) fn settings() -> Vec<u8> {
    frame(kind::SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])
}

/// See the module. The watched side is the client.
pub(super) struct Wire {
    session: Box<dyn Session>,
    streams: Streams,
    next_id: u64,
    positions: [u64; 2],
    pub(super) exchanges: Vec<Exchange>,
    steps: Vec<Step>,
}

impl Wire {
    /// A connection seen from its beginning, with nothing sent.
    pub(super) fn new() -> Self {
        Self::start(false, None)
    }

    /// The same, with prefaces sent.
    pub(super) fn begun() -> Self {
        let mut wire = Self::new();
        wire.send(Direction::Sent, 0, &[PREFACE, &settings()].concat());
        wire.send(Direction::Received, 0, &settings());
        wire
    }

    /// A connection joined in the middle.
    pub(super) fn joined() -> Self {
        Self::start(true, None)
    }

    /// A connection on which `GET /first`, sent at 10, asked for h2c.
    pub(super) fn upgraded(id: u64) -> Self {
        let http = Http { method: Some("GET".to_owned()), path: Some("/first".to_owned()), ..Http::default() };
        let timing = Timing { request_start: Timestamp(10), request_end: Some(Timestamp(11)), ..Timing::default() };
        Self::start(
            false,
            Some(Box::new(Exchange { id, timing, cut_short: false, record: Record::Http(Box::new(http)) })),
        )
    }

    fn start(midstream: bool, upgrade: Option<Box<Exchange>>) -> Self {
        let start = Start {
            requests: Direction::Sent,
            midstream,
            transport: Transport::Tcp,
            decrypted: false,
            upgrade,
            keys: Default::default(),
            config: Arc::new(Config::default()),
        };
        Self {
            session: (PROTOCOL.start)(start),
            streams: Streams::default(),
            next_id: 1,
            positions: [1_000, 2_000],
            exchanges: Vec::new(),
            steps: Vec::new(),
        }
    }

    pub(super) fn send(&mut self, direction: Direction, time: u64, bytes: &[u8]) {
        self.cut(direction, time, bytes, bytes.len() as u64);
    }

    /// Sends `length` bytes, of which these are kept.
    pub(super) fn cut(&mut self, direction: Direction, time: u64, kept: &[u8], length: u64) {
        self.insert(direction, time, kept, length);
        self.advance();
    }

    /// That many bytes are lost.
    pub(super) fn lose(&mut self, direction: Direction, length: u64) {
        self.positions[direction as usize] += length;
    }

    /// Sends without reading.
    pub(super) fn insert(&mut self, direction: Direction, time: u64, kept: &[u8], length: u64) {
        let mark = Mark { time: Timestamp(time), pid: 1, tid: 1, task: 0, source: Source::Socket };
        let position = &mut self.positions[direction as usize];
        self.streams[direction].insert(*position, kept, length, mark);
        *position += length;
        while self.streams[direction].is_waiting() {
            self.streams[direction].give_up_waiting();
        }
    }

    pub(super) fn advance(&mut self) {
        let mut sink = Sink::new(&mut self.next_id);
        self.session.advance(&mut self.streams, &mut sink);
        let steps = sink.take();
        self.take(steps);
    }

    pub(super) fn tick(&mut self, time: u64) {
        let mut sink = Sink::new(&mut self.next_id);
        self.session.tick(Timestamp(time), &mut sink);
        let steps = sink.take();
        self.take(steps);
    }

    pub(super) fn close(&mut self) {
        let mut sink = Sink::new(&mut self.next_id);
        self.session.finish(&mut self.streams, true, &mut sink);
        let steps = sink.take();
        self.take(steps);
    }

    pub(super) fn memory(&self) -> usize {
        self.session.memory()
    }

    fn take(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Finish(exchange) => self.exchanges.push(*exchange),
                step => self.steps.push(step),
            }
        }
    }

    pub(super) fn skipped(&self) -> u64 {
        self.steps.iter().map(|step| if let Step::Skipped { bytes } = step { *bytes } else { 0 }).sum()
    }

    /// Exchanges begun.
    pub(super) fn begun_count(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step, Step::Begin { .. })).count()
    }

    /// Every row in a line.
    pub(super) fn rows(&self) -> Vec<String> {
        self.exchanges.iter().map(render).collect()
    }

    /// Request start and end, response start and end of the last row.
    pub(super) fn times(&self) -> String {
        let timing = self.exchanges.last().unwrap().timing;
        let all = [Some(timing.request_start), timing.request_end, timing.response_start, timing.response_end];
        all.map(|time| text(time.map(|time| time.0))).join(" ")
    }

    pub(super) fn http(&self, row: usize) -> Http {
        let Record::Http(http) = &self.exchanges[row].record else { panic!("not http") };
        (**http).clone()
    }

    pub(super) fn only_http(&self) -> Http {
        assert_eq!(self.exchanges.len(), 1);
        self.http(0)
    }
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn render(exchange: &Exchange) -> String {
    let (mut line, common) = match &exchange.record {
        Record::Http(row) => {
            let words = [text(row.stream), text(row.method.clone()), text(row.path.clone()), text(row.status)];
            let bytes = format!("req={} resp={}", text(row.req_bytes), text(row.resp_bytes));
            (format!("{} {bytes}", words.join(" ")), &row.common)
        }
        Record::Grpc(row) => {
            let name = format!("{}/{}", text(row.rpc_service.clone()), text(row.method.clone()));
            let status = [text(row.status), text(row.status_name.clone()), text(row.kind)].join(" ");
            let messages = format!("{}/{}", text(row.req_messages), text(row.resp_messages));
            let bytes = format!("{}/{}", text(row.req_bytes), text(row.resp_bytes));
            let timeout = row.timeout.map_or_else(String::new, |timeout| format!(" timeout={timeout}"));
            (format!("{} {name} {status} {messages} {bytes}{timeout}", text(row.stream)), &row.common)
        }
        other => panic!("{other:?}"),
    };
    let flags = [(exchange.cut_short, "cut_short"), (common.truncated, "truncated"), (common.gap, "gap")];
    for (_, name) in flags.iter().filter(|(is_set, _)| *is_set) {
        line = format!("{line} {name}");
    }
    line
}
