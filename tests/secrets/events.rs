//! Exchanges as socket events: a connection each, its bytes in pieces of any size.

use std::net::IpAddr;
use std::sync::Arc;

use super::planted::Random;
use super::wire::Talk;
use protocols::event::{
    Data, Direction, Endpoint, Open, ProcessChange, ProcessEvent, ProcessNames, Session, Side, SocketEvent, SocketId,
    Source, Timestamp, Transport, Vantage,
};

/// The connections so far.
pub(crate) struct Network {
    pub(crate) events: Vec<SocketEvent>,
    now: u64,
    socket: u64,
}

const PID: u32 = 100;

impl Network {
    pub(crate) fn new() -> Self {
        let now = 1_700_000_000_000_000_000;
        let names = ProcessNames { process: Some("shop".into()), ..ProcessNames::default() };
        let named = ProcessChange::Named(Arc::new(names));
        let session =
            Session { time: Timestamp(now), node: Some("box".into()), kernel: None, vantage: Vantage::Process };
        let events = vec![
            SocketEvent::Session(session),
            SocketEvent::Process(ProcessEvent { time: Timestamp(now), pid: PID, change: named }),
        ];
        Self { events, now, socket: 0 }
    }

    fn tick(&mut self) -> Timestamp {
        self.now += 10_000;
        Timestamp(self.now)
    }

    /// Adds an exchange. `cut_off`: the last turn never comes, and the connection stays open.
    pub(crate) fn add(&mut self, random: &mut Random, talk: Talk, cut_off: bool) {
        self.socket += 1;
        let socket = SocketId(self.socket);
        let here = Endpoint::ip(IpAddr::from([10, 0, 0, 1]), u16::try_from(20_000 + self.socket % 40_000).unwrap());
        let open = Open {
            time: self.tick(),
            socket,
            transport: Transport::Tcp,
            local: here,
            remote: Endpoint::ip(IpAddr::from([10, 0, 0, 2]), talk.server_port),
            initiator: Some(Side::Local),
            pid: Some(PID),
            midstream: false,
        };
        self.events.push(SocketEvent::Open(open));
        let mut positions = [0, 0];
        let turns = talk.turns.len() - usize::from(cut_off && talk.turns.len() > 1);
        for (is_client, bytes, captured) in talk.turns.into_iter().take(turns) {
            let direction = if is_client { Direction::Sent } else { Direction::Received };
            let size = *random.pick(&[usize::MAX, usize::MAX, 1_000, 97, 13]);
            let position = &mut positions[usize::from(is_client)];
            let mut rest = &bytes[..captured.min(bytes.len())];
            let mut missing = bytes.len() - rest.len();
            loop {
                let (part, after) = rest.split_at(rest.len().min(size));
                let cut = if after.is_empty() { std::mem::take(&mut missing) } else { 0 };
                let original_len = u64::try_from(part.len() + cut).unwrap();
                let time = self.tick();
                self.events.push(SocketEvent::Data(Data {
                    time,
                    socket,
                    direction,
                    position: *position,
                    bytes: part.to_vec(),
                    original_len,
                    pid: PID,
                    tid: PID,
                    task: 0,
                    peer: None,
                    source: Source::Socket,
                }));
                *position += original_len;
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
        }
        if !cut_off {
            let time = self.tick();
            self.events.push(SocketEvent::Close { time, socket });
        }
    }
}
