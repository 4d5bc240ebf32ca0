//! Messages put together by hand, and sessions driven by a list of them.

use std::net::IpAddr;

use crate::dns::stitch::TIMEOUT;
use crate::dns::udp::Socket;
use crate::event::{Direction, Endpoint, Source, Timestamp, Transport};
use crate::record::{Dns, Record};
use crate::session::{Datagram, DatagramSession, Exchange, Sink, Step};
use crate::stream::Mark;

/// Queries' flags: RD. Responses': QR, RD, RA.
pub(super) const RD: u16 = 0x0100;
pub(super) const ANSWER: u16 = 0x8180;

pub(super) fn name(text: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        wire.push(u8::try_from(label.len()).unwrap());
        wire.extend_from_slice(label.as_bytes());
    }
    wire.push(0);
    wire
}

/// A message without compression.
#[derive(Clone)]
pub(super) struct Build {
    header: [u16; 6],
    body: Vec<u8>,
}

impl Build {
    pub(super) fn new(id: u16, flags: u16) -> Self {
        Self { header: [id, flags, 0, 0, 0, 0], body: Vec::new() }
    }

    pub(super) fn ask(mut self, owner: &str, rtype: u16) -> Self {
        self.header[2] += 1;
        self.body.extend(name(owner));
        self.body.extend(rtype.to_be_bytes());
        self.body.extend([0, 1]);
        self
    }

    pub(super) fn answer(self, owner: &str, rtype: u16, ttl: u32, data: &[u8]) -> Self {
        self.record(3, owner, rtype, ttl, data)
    }

    /// An OPT record with the upper bits of the response code.
    pub(super) fn edns(self, upper: u8) -> Self {
        self.record(5, "", 41, u32::from(upper) << 24, &[])
    }

    pub(super) fn record(mut self, section: usize, owner: &str, rtype: u16, ttl: u32, data: &[u8]) -> Self {
        self.header[section] += 1;
        self.body.extend(name(owner));
        self.body.extend(rtype.to_be_bytes());
        self.body.extend([0, 1]);
        self.body.extend(ttl.to_be_bytes());
        self.body.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        self.body.extend(data);
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.header.iter().flat_map(|field| field.to_be_bytes()).collect();
        bytes.extend(&self.body);
        bytes
    }
}

pub(super) fn query(id: u16, owner: &str, rtype: u16) -> Vec<u8> {
    Build::new(id, RD).ask(owner, rtype).bytes()
}

/// A response with one A record.
pub(super) fn response(id: u16, owner: &str) -> Vec<u8> {
    Build::new(id, ANSWER).ask(owner, 1).answer(owner, 1, 60, &[192, 0, 2, 1]).bytes()
}

pub(super) fn mark(time: u64) -> Mark {
    Mark { time: Timestamp(time), pid: 1, tid: 1, task: 0, source: Source::Socket }
}

pub(super) fn peer(address: &str, port: u16) -> Endpoint {
    Endpoint::ip(address.parse::<IpAddr>().unwrap(), port)
}

/// A socket, and what it said.
pub(super) struct Driver {
    socket: Socket,
    next_id: u64,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) summaries: Vec<String>,
    pub(super) skipped: u64,
}

impl Driver {
    pub(super) fn new() -> Self {
        Self { socket: Socket::new(), next_id: 1, exchanges: Vec::new(), summaries: Vec::new(), skipped: 0 }
    }

    pub(super) fn sent(&mut self, time: u64, bytes: &[u8]) {
        self.datagram(time, Direction::Sent, bytes, None);
    }

    pub(super) fn received(&mut self, time: u64, bytes: &[u8]) {
        self.datagram(time, Direction::Received, bytes, None);
    }

    pub(super) fn datagram(&mut self, time: u64, direction: Direction, bytes: &[u8], peer: Option<&Endpoint>) {
        let datagram = Datagram { mark: mark(time), direction, bytes, original_len: bytes.len() as u64, peer };
        self.raw(&datagram);
    }

    pub(super) fn raw(&mut self, datagram: &Datagram<'_>) {
        self.with(|socket, sink| socket.datagram(datagram, sink));
    }

    pub(super) fn tick(&mut self, time: u64) {
        self.with(|socket, sink| socket.tick(Timestamp(time), sink));
    }

    pub(super) fn finish(mut self) -> Vec<Exchange> {
        self.with(|socket, sink| socket.finish(true, sink));
        assert_eq!(self.socket.memory() / 1024, 0, "nothing stays open");
        self.exchanges
    }

    fn with(&mut self, act: impl FnOnce(&mut Socket, &mut Sink<'_>)) {
        let mut sink = Sink::new(&mut self.next_id);
        act(&mut self.socket, &mut sink);
        for step in sink.take() {
            match step {
                Step::Finish(exchange) => self.exchanges.push(*exchange),
                Step::Describe { description, .. } => self.summaries.extend(description.summary),
                Step::Skipped { bytes } => self.skipped += bytes,
                _ => {}
            }
        }
    }
}

pub(super) fn dns(exchange: &Exchange) -> &Dns {
    match &exchange.record {
        Record::Dns(record) => record,
        other => panic!("{other:?}"),
    }
}

/// A row in one line: `name type rcode answers latency`.
pub(super) fn line(exchange: &Exchange) -> String {
    let record = dns(exchange);
    let text = |field: &Option<String>| field.clone().unwrap_or_else(|| "-".to_owned());
    let latency = exchange.timing.response_end.map(|end| end.since(exchange.timing.request_start));
    let latency = latency.map_or_else(|| "-".to_owned(), |latency| latency.to_string());
    let answers = record.answers.as_ref().map_or_else(|| "-".to_owned(), |answers| format!("[{}]", answers.join(", ")));
    format!("{} {} {} {answers} {latency}", text(&record.name), text(&record.r#type), text(&record.rcode))
}

pub(super) fn lines(exchanges: &[Exchange]) -> Vec<String> {
    exchanges.iter().map(line).collect()
}

pub(super) const SECONDS: u64 = 1_000_000_000;
pub(super) const LATE: u64 = TIMEOUT + 1;
pub(super) const TCP: Transport = Transport::Tcp;
