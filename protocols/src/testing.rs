//! Sessions written by hand, for tests.

use std::net::IpAddr;
use std::sync::Arc;

use crate::event::{
    Data, Direction, Endpoint, Open, ProcessChange, ProcessEvent, ProcessNames, Session, Side, SocketEvent, SocketId,
    Source, State, StateChange, Timestamp, Transport, Vantage,
};
use crate::record::{Conn, Http, Record};
use crate::tracker::{Config, Coverage, Trackers};

/// A session under construction. Every event is a microsecond after the one before unless [`Script::at`] says otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) events: Vec<SocketEvent>,
    now: u64,
    positions: std::collections::HashMap<(SocketId, Direction, Source), u64>,
    who: (u32, u32, u64),
    source: Source,
}

/// Where [`Script`]s begin, ns.
pub(crate) const START: u64 = 1_000_000_000;

impl Script {
    /// Seen from inside processes; `nginx` has pid 100.
    pub(crate) fn live() -> Self {
        let mut script = Self::of(Vantage::Process);
        script.who = (100, 100, 0);
        script.named(100, "nginx", None);
        script
    }

    /// Seen from the wire.
    pub(crate) fn capture() -> Self {
        Self { source: Source::Pcap, ..Self::of(Vantage::Capture) }
    }

    fn of(vantage: Vantage) -> Self {
        let session = Session { time: Timestamp(START), node: Some("box".into()), kernel: None, vantage };
        Self {
            events: vec![SocketEvent::Session(session)],
            now: START,
            positions: std::collections::HashMap::new(),
            who: (0, 0, 0),
            source: Source::Socket,
        }
    }

    /// Sets the time of the next event, ns after the start.
    pub(crate) fn at(&mut self, ns: u64) -> &mut Self {
        self.now = START + ns - 1_000;
        self
    }

    /// Who makes the calls from here on: pid, tid, goroutine.
    pub(crate) fn who(&mut self, pid: u32, tid: u32, task: u64) -> &mut Self {
        self.who = (pid, tid, task);
        self
    }

    /// Where bytes come from, from here on.
    pub(crate) fn source(&mut self, source: Source) -> &mut Self {
        self.source = source;
        self
    }

    pub(crate) fn tick(&mut self) -> Timestamp {
        self.now += 1_000;
        Timestamp(self.now)
    }

    pub(crate) fn event(&mut self, event: SocketEvent) -> &mut Self {
        self.events.push(event);
        self
    }

    pub(crate) fn named(&mut self, pid: u32, process: &str, runtime: Option<&str>) -> &mut Self {
        let names = ProcessNames {
            process: Some(process.into()),
            service: Some(process.into()),
            runtime: runtime.map(Into::into),
            ..ProcessNames::default()
        };
        let event = ProcessEvent { time: self.tick(), pid, change: ProcessChange::Named(Arc::new(names)) };
        self.event(SocketEvent::Process(event))
    }

    /// A TCP connection between 10.0.0.1:`local` and 10.0.0.2:`remote`, seen from its beginning.
    pub(crate) fn open(&mut self, socket: u64, local: u16, remote: u16, initiator: Side) -> &mut Self {
        let open = Open { initiator: Some(initiator), ..self.tcp(socket, local, remote) };
        self.event(SocketEvent::Open(open))
    }

    /// As [`Self::open`], joined after it began.
    pub(crate) fn joined(&mut self, socket: u64, local: u16, remote: u16) -> &mut Self {
        let open = Open { midstream: true, ..self.tcp(socket, local, remote) };
        for direction in [Direction::Sent, Direction::Received] {
            self.positions.insert((open.socket, direction, self.source), 1 << 33);
        }
        self.event(SocketEvent::Open(open))
    }

    pub(crate) fn tcp(&mut self, socket: u64, local: u16, remote: u16) -> Open {
        let ip = |last: u8| IpAddr::from([10, 0, 0, last]);
        // Whoever has the lower port is the server, at 10.0.0.2.
        let (here, there) = if local < remote { (2, 1) } else { (1, 2) };
        Open {
            time: self.tick(),
            socket: SocketId(socket),
            transport: Transport::Tcp,
            local: Endpoint::ip(ip(here), local),
            remote: Endpoint::ip(ip(there), remote),
            initiator: None,
            pid: (self.who.0 != 0).then_some(self.who.0),
            midstream: false,
        }
    }

    pub(crate) fn state(&mut self, socket: u64, change: StateChange) -> &mut Self {
        let state = State { time: self.tick(), socket: SocketId(socket), change };
        self.event(SocketEvent::State(state))
    }

    pub(crate) fn sent(&mut self, socket: u64, bytes: impl AsRef<[u8]>) -> &mut Self {
        let bytes = bytes.as_ref();
        self.data(socket, Direction::Sent, bytes, bytes.len() as u64)
    }

    pub(crate) fn received(&mut self, socket: u64, bytes: impl AsRef<[u8]>) -> &mut Self {
        let bytes = bytes.as_ref();
        self.data(socket, Direction::Received, bytes, bytes.len() as u64)
    }

    /// Bytes of which only a part was kept.
    pub(crate) fn data(&mut self, socket: u64, direction: Direction, bytes: &[u8], original_len: u64) -> &mut Self {
        let socket = SocketId(socket);
        let position = self.positions.entry((socket, direction, self.source)).or_default();
        let start = *position;
        *position += original_len;
        let (pid, tid, task) = self.who;
        let data = Data {
            time: self.tick(),
            socket,
            direction,
            position: start,
            bytes: bytes.to_vec(),
            original_len,
            pid,
            tid,
            task,
            peer: None,
            source: self.source,
        };
        self.event(SocketEvent::Data(data))
    }

    /// Bytes that went by unseen.
    pub(crate) fn missed(&mut self, socket: u64, direction: Direction, count: u64) -> &mut Self {
        *self.positions.entry((SocketId(socket), direction, self.source)).or_default() += count;
        self
    }

    pub(crate) fn close(&mut self, socket: u64) -> &mut Self {
        let close = SocketEvent::Close { time: self.tick(), socket: SocketId(socket) };
        self.event(close)
    }

    /// Runs it with the defaults, unredacted.
    pub(crate) fn run(&self) -> Rows {
        self.run_with(Config { redact: false, ..Config::default() })
    }

    pub(crate) fn run_with(&self, config: Config) -> Rows {
        run(&self.events, config)
    }
}

/// What a session gave.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rows {
    pub(crate) records: Vec<Record>,
    pub(crate) coverage: Coverage,
}

impl Rows {
    pub(crate) fn http(&self) -> Vec<&Http> {
        self.records
            .iter()
            .filter_map(|record| if let Record::Http(row) = record { Some(&**row) } else { None })
            .collect()
    }

    pub(crate) fn conns(&self) -> Vec<&Conn> {
        self.records
            .iter()
            .filter_map(|record| if let Record::Conn(row) = record { Some(&**row) } else { None })
            .collect()
    }
}

/// Runs events through the trackers.
pub(crate) fn run(events: &[SocketEvent], config: Config) -> Rows {
    let mut records = Vec::new();
    let mut trackers = Trackers::new(config);
    for event in events {
        trackers.handle(event.clone(), &mut |record| records.push(record));
    }
    trackers.finish(&mut |record| records.push(record));
    let coverage = trackers.coverage().clone();
    Rows { records, coverage }
}

/// The same events with stream data cut at `cuts`: after every so many bytes, over and over.
pub(crate) fn rechunk(events: &[SocketEvent], cuts: &[usize]) -> Vec<SocketEvent> {
    let mut sizes = cuts.iter().map(|size| (*size).max(1)).cycle();
    let mut out = Vec::new();
    for event in events {
        let SocketEvent::Data(data) = event else {
            out.push(event.clone());
            continue;
        };
        let mut rest = &data.bytes[..];
        let mut position = data.position;
        while let Some(size) = (!rest.is_empty()).then(|| sizes.next()).flatten() {
            let (chunk, left) = rest.split_at(size.min(rest.len()));
            let original_len =
                if left.is_empty() { data.position + data.original_len - position } else { chunk.len() as u64 };
            out.push(SocketEvent::Data(Data { position, bytes: chunk.to_vec(), original_len, ..data.clone() }));
            position += chunk.len() as u64;
            rest = left;
        }
        if data.bytes.is_empty() {
            out.push(event.clone());
        }
    }
    out
}
