//! The connections and conversations of a capture, by their addresses and ports.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};

use protocols::event::{Lost, SocketEvent, SocketId, Timestamp};

use super::ip::{Payload, protocol};
use super::tcp::{self, Connection};
use super::udp::{self, Conversation};
use crate::files::format::Queue;

/// Connections and conversations known at a time; enough for 100,000 half-open ones.
const MOST: usize = 1 << 17;

/// Bytes that wait for missing ones, of all connections.
const MOST_WAITING: usize = 64 << 20;

/// Everything that is known of a capture's connections.
#[derive(Debug, Default)]
pub(super) struct Flows {
    sockets: u64,
    tcp: HashMap<Pair, Connection>,
    udp: HashMap<Pair, Conversation>,
    /// When to look at which again.
    timers: BTreeSet<(Timestamp, Transport, Pair)>,
    /// Bytes that wait in `tcp`.
    waiting: usize,
}

/// Two ends, the lower one first, so that both directions have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Pair(SocketAddr, SocketAddr);

impl Pair {
    fn of(one: SocketAddr, other: SocketAddr) -> Self {
        if one <= other { Self(one, other) } else { Self(other, one) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Transport {
    Tcp,
    Udp,
}

impl Flows {
    /// Takes the payload of one IP packet.
    pub(super) fn segment(&mut self, time: Timestamp, payload: &Payload<'_>, out: &mut Queue) {
        match payload.protocol {
            protocol::TCP => self.tcp(time, payload, out),
            protocol::UDP => self.udp(time, payload, out),
            _ => {}
        }
    }

    /// Time has passed: ends what has waited long enough.
    pub(super) fn tick(&mut self, now: Timestamp, out: &mut Queue) {
        while let Some(timer) = self.timers.first().copied().filter(|(due, ..)| *due <= now) {
            self.timers.remove(&timer);
            let (_, transport, pair) = timer;
            match transport {
                Transport::Tcp => self.tcp_due(pair, now, out),
                Transport::Udp => self.udp_due(pair, now, out),
            }
        }
    }

    /// No packet will come: gives everything that waits.
    pub(super) fn close(&mut self, out: &mut Queue) {
        let mut connections: Vec<_> = std::mem::take(&mut self.tcp).into_values().collect();
        connections.sort_by_key(Connection::socket);
        for mut connection in connections {
            connection.finish(out);
        }
        self.timers.clear();
        self.waiting = 0;
    }

    fn tcp(&mut self, time: Timestamp, payload: &Payload<'_>, out: &mut Queue) {
        let Some(segment) = tcp::Segment::parse(payload) else { return };
        let source = end(payload.source, segment.source_port);
        let destination = end(payload.destination, segment.destination_port);
        let pair = Pair::of(source, destination);
        if !self.tcp.contains_key(&pair) {
            if segment.rst {
                // An answer to what was not seen says nothing about a connection.
                return;
            }
            self.make_room(out);
        }
        let sockets = &mut self.sockets;
        let mut open =
            |out: &mut Queue| Connection::open(next_socket(sockets), time, source, destination, &segment, out);
        let connection = self.tcp.entry(pair).or_insert_with(|| open(out));
        let (waited, timer) = (connection.waiting(), connection.due());
        if connection.is_replaced_by(time, source, &segment) {
            connection.flush(out);
            connection.end(out);
            *connection = open(out);
        }
        connection.segment(time, source, &segment, out);
        if self.waiting.saturating_add(connection.waiting()) > MOST_WAITING {
            connection.flush(out);
        }
        self.waiting = (self.waiting + connection.waiting()).saturating_sub(waited);
        let due = connection.due();
        self.reschedule(Transport::Tcp, pair, timer, due);
    }

    fn tcp_due(&mut self, pair: Pair, now: Timestamp, out: &mut Queue) {
        let Some(connection) = self.tcp.get_mut(&pair) else { return };
        let waited = connection.waiting();
        let keep = connection.tick(now, out);
        self.waiting = (self.waiting + connection.waiting()).saturating_sub(waited);
        let due = connection.due();
        if keep {
            self.reschedule(Transport::Tcp, pair, None, due);
        } else {
            self.tcp.remove(&pair);
        }
    }

    fn udp(&mut self, time: Timestamp, payload: &Payload<'_>, out: &mut Queue) {
        let Some(datagram) = udp::Datagram::parse(payload) else { return };
        let source = end(payload.source, datagram.source_port);
        let destination = end(payload.destination, datagram.destination_port);
        let pair = Pair::of(source, destination);
        if !self.udp.contains_key(&pair) {
            self.make_room(out);
            self.timers.insert((udp::due(time), Transport::Udp, pair));
        }
        let sockets = &mut self.sockets;
        let conversation = self
            .udp
            .entry(pair)
            .or_insert_with(|| Conversation::open(next_socket(sockets), time, source, destination, out));
        conversation.datagram(time, source, &datagram, out);
    }

    fn udp_due(&mut self, pair: Pair, now: Timestamp, out: &mut Queue) {
        let Some(conversation) = self.udp.get(&pair) else { return };
        let due = udp::due(conversation.last());
        if due <= now {
            conversation.end(out);
            self.udp.remove(&pair);
        } else {
            self.timers.insert((due, Transport::Udp, pair));
        }
    }

    fn reschedule(&mut self, transport: Transport, pair: Pair, old: Option<Timestamp>, new: Option<Timestamp>) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.timers.remove(&(old, transport, pair));
        }
        if let Some(new) = new {
            self.timers.insert((new, transport, pair));
        }
    }

    /// Lets an eighth go when there are too many: those that ended, then those that never began, then the longest idle.
    fn make_room(&mut self, out: &mut Queue) {
        if self.tcp.len() + self.udp.len() < MOST {
            return;
        }
        let tcp = self.tcp.iter().map(|(pair, it)| (it.worth(), it.last(), Transport::Tcp, *pair));
        let udp = self.udp.iter().map(|(pair, it)| (1, it.last(), Transport::Udp, *pair));
        let mut all: Vec<_> = tcp.chain(udp).collect();
        all.sort_unstable();
        for (worth, last, transport, pair) in all.into_iter().take(MOST / 8) {
            match transport {
                Transport::Tcp => self.evict(pair, out),
                Transport::Udp => {
                    // Its timer finds nothing, or the pair's next conversation, which it looks at in vain.
                    if let Some(conversation) = self.udp.remove(&pair) {
                        conversation.end(out);
                    }
                }
            }
            if worth > 1 {
                let cause = "flow_table_full".into();
                out.push_back(SocketEvent::Lost(Lost { time: last, socket: None, cause, events: 1, bytes: 0 }));
            }
        }
    }

    fn evict(&mut self, pair: Pair, out: &mut Queue) {
        let Some(mut connection) = self.tcp.remove(&pair) else { return };
        if let Some(due) = connection.due() {
            self.timers.remove(&(due, Transport::Tcp, pair));
        }
        self.waiting = self.waiting.saturating_sub(connection.waiting());
        connection.flush(out);
        connection.end(out);
    }
}

fn next_socket(sockets: &mut u64) -> SocketId {
    *sockets += 1;
    SocketId(*sockets)
}

fn end(address: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(address.to_canonical(), port)
}

/// Ports above 1023 where servers usually listen.
const SERVICES: [u16; 24] = [
    1433, 1521, 2379, 3000, 3128, 3306, 4317, 4318, 5000, 5353, 5355, 5432, 5433, 6379, 6432, 8000, 8008, 8080, 8081,
    8443, 8888, 9090, 9200, 50051,
];

/// Whether the destination of a first packet looks more like a server than its source. `asks` says that who goes first
/// is likely to be the client.
pub(super) fn is_server(source: u16, destination: u16, asks: bool) -> bool {
    let rank = |port: u16| match port {
        0..=1023 => 0,
        _ if SERVICES.contains(&port) => 1,
        // Linux takes ephemeral ports from 32768 on.
        1024..=32767 => 2,
        _ => 3,
    };
    match rank(destination).cmp(&rank(source)) {
        std::cmp::Ordering::Less => true,
        std::cmp::Ordering::Greater => false,
        std::cmp::Ordering::Equal => asks || destination <= source,
    }
}
