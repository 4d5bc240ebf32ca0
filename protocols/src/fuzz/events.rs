//! Any sequence of events: sockets that open twice, close before they open, jump, and go back in time.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::event::{
    Data, Direction, Endpoint, Lost, Open, ProcessChange, ProcessEvent, ProcessNames, Session, Side, SocketEvent,
    SocketId, Source, State, StateChange, Timestamp, TlsStatus, Transport, Vantage,
};
use crate::record::Record;
use crate::tracker::{Config, Limits, Trackers};

const SOURCES: [Source; 9] = [
    Source::Socket,
    Source::Pcap,
    Source::OpenSsl,
    Source::BoringSsl,
    Source::GnuTls,
    Source::Go,
    Source::Rustls,
    Source::Ktls,
    Source::Keylog,
];

/// Events made of the bytes, through the trackers.
///
/// # Panics
/// When an exchange is told twice, or more memory is held than the limits allow.
pub fn events(bytes: &[u8]) {
    let mut source = Bytes { rest: bytes, time: 1_000_000_000, positions: [0; 8] };
    let flags = source.byte();
    let limits = Limits { stream_bytes: 4096, total_bytes: 64 << 10, connections: 3, ..Limits::default() };
    let total = limits.total_bytes;
    let mut trackers = Trackers::new(Config { limits, redact: flags & 1 == 0, ..Config::default() });
    let mut ids = Vec::new();
    let mut emit = |record: Record| {
        if let Some((_, common)) = record.exchange() {
            ids.push(common.id);
        }
    };
    let vantage = if flags & 2 == 0 { Vantage::Process } else { Vantage::Capture };
    let time = Timestamp(source.time);
    trackers.handle(SocketEvent::Session(Session { time, node: None, kernel: None, vantage }), &mut emit);
    while !source.rest.is_empty() {
        let event = source.event();
        let size = if let SocketEvent::Data(data) = &event { data.bytes.len() } else { 0 };
        trackers.handle(event, &mut emit);
        let _ = trackers.in_flight();
        let held = trackers.load().1;
        assert!(held <= total.saturating_mul(2).saturating_add(size), "{held} bytes are held");
    }
    trackers.finish(&mut emit);
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "each exchange is told once");
}

/// Events out of bytes.
struct Bytes<'a> {
    rest: &'a [u8],
    time: u64,
    /// What follows, by socket and direction.
    positions: [u64; 8],
}

impl<'a> Bytes<'a> {
    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *byte
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at_checked(count).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }

    fn event(&mut self) -> SocketEvent {
        let (kind, who) = (self.byte(), self.byte());
        self.time = match kind >> 4 {
            0..=9 => self.time.saturating_add(u64::from(who)),
            10..=12 => self.time.saturating_add(u64::from(who).saturating_mul(10_000_000)),
            13 => self.time.saturating_add(6_000_000_000),
            _ => self.time.saturating_sub(u64::from(who).saturating_mul(1_000_000)),
        };
        let (time, socket) = (Timestamp(self.time), SocketId(u64::from(who & 3)));
        match kind & 15 {
            0..=7 => SocketEvent::Data(self.data(who)),
            8 | 9 => SocketEvent::Open(self.open(who)),
            10 => SocketEvent::State(State { time, socket, change: self.change() }),
            11 => SocketEvent::Close { time, socket },
            12 => SocketEvent::Process(ProcessEvent { time, pid: u32::from(who & 3), change: self.process() }),
            13 => {
                let (events, bytes) = (u64::from(self.byte()), u64::from(self.byte()));
                SocketEvent::Lost(Lost { time, socket: Some(socket), cause: "fuzz".into(), events, bytes })
            }
            14 if who & 4 == 0 => SocketEvent::Clock { time },
            14 => SocketEvent::Hosts { time, names: vec![(address(who), "host".into())] },
            _ => {
                let count = self.byte().into();
                SocketEvent::Keys { time, log: Arc::from(self.take(count)) }
            }
        }
    }

    fn data(&mut self, who: u8) -> Data {
        let (how, count) = (self.byte(), self.byte());
        let bytes = self.take(usize::from(count).saturating_mul(1 + usize::from(how & 3))).to_vec();
        let direction = if who & 4 == 0 { Direction::Sent } else { Direction::Received };
        let cut = if how & 4 == 0 { 0 } else { u64::from(self.byte()) };
        let original_len = (bytes.len() as u64).saturating_add(cut);
        let mut next = 0;
        if let Some(position) = self.positions.get_mut(usize::from(who & 7)) {
            // Mostly what follows; sometimes a jump, something again, or anything.
            *position = match how >> 3 {
                28 => position.saturating_add(u64::from(count)),
                29 => position.saturating_sub(u64::from(count)),
                30 => u64::from(count) << 56,
                31 => 0,
                _ => *position,
            };
            next = *position;
            *position = next.saturating_add(original_len);
        }
        let source = SOURCES.get(usize::from(who >> 4)).copied().unwrap_or(Source::Socket);
        let who = u32::from(who & 3);
        let peer = (how & 0x40 != 0).then(|| Endpoint::ip(address(count), 53));
        let (time, socket) = (Timestamp(self.time), SocketId(who.into()));
        Data {
            time,
            socket,
            direction,
            position: next,
            bytes,
            original_len,
            pid: who,
            tid: who,
            task: who.into(),
            peer,
            source,
        }
    }

    fn open(&mut self, who: u8) -> Open {
        let how = self.byte();
        let transport = match how & 3 {
            0 | 1 => Transport::Tcp,
            2 => Transport::Udp,
            _ => Transport::Unix,
        };
        let ports = [80, 5432, 53, 443, 5353, 40_000, 50_000, 0];
        let port = |at: u8| ports.get(usize::from(at & 7)).copied().unwrap_or_default();
        let initiator = match how >> 2 & 3 {
            0 => None,
            1 => Some(Side::Remote),
            _ => Some(Side::Local),
        };
        Open {
            time: Timestamp(self.time),
            socket: SocketId(u64::from(who & 3)),
            transport,
            local: Endpoint::ip(address(who), port(how >> 5)),
            remote: Endpoint::ip(address(how), port(who >> 5)),
            initiator,
            pid: (who & 8 == 0).then_some(u32::from(who & 3)),
            midstream: how & 16 != 0,
        }
    }

    fn change(&mut self) -> StateChange {
        let how = self.byte();
        let direction = if how & 8 == 0 { Direction::Sent } else { Direction::Received };
        match how & 7 {
            0 => StateChange::Connecting,
            1 => StateChange::Established { local: Endpoint::default(), remote: Endpoint::ip(address(how), 80) },
            2 => StateChange::Failed { errno: "ECONNREFUSED".into() },
            3 => StateChange::Ended { direction, position: None },
            4 => StateChange::Ended { direction, position: Some(u64::from(self.byte())) },
            5 => StateChange::Reset,
            6 => StateChange::Retransmit,
            _ => StateChange::Owner { pid: u32::from(how >> 4) },
        }
    }

    fn process(&mut self) -> ProcessChange {
        match self.byte() & 3 {
            0 => ProcessChange::Started { parent: 1 },
            1 => {
                let runtime = (self.byte() & 1 == 0).then(|| "go".into());
                ProcessChange::Named(Arc::new(ProcessNames { runtime, ..ProcessNames::default() }))
            }
            2 => ProcessChange::Tls(TlsStatus { library: None, version: None, reason: Some("fuzz".into()) }),
            _ if self.byte() & 1 == 0 => ProcessChange::Ring,
            _ => ProcessChange::Exited,
        }
    }
}

fn address(byte: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, byte & 7))
}
