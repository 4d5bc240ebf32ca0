//! Writes seeds for the targets: `seeds FOLDER CAPTURE…` makes `FOLDER/TARGET/NAME` of every connection in the captures that
//! speaks the target's protocol.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use probes::files::{self, Input, Options};
use probes::{EventSource, Next};
use protocols::event::{Direction, SocketEvent, SocketId, Transport};
use protocols::fuzz::{Move, write};
use protocols::infer::{self, Asker, Verdict};
use protocols::session::Glimpse;

/// Longer connections are cut: a fuzzer does better with small seeds.
const LONGEST: usize = 6 << 10;

#[derive(Default)]
struct Connection {
    datagrams: bool,
    midstream: bool,
    data: Vec<(Direction, Vec<u8>)>,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("a folder");
    for capture in arguments {
        let name = Path::new(&capture).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for (socket, connection) in connections(&capture) {
            let Some((target, script)) = seed(&connection) else { continue };
            let folder = Path::new(&folder).join(target);
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(folder.join(format!("{name}-{}", socket.0)), script).expect("a seed");
        }
    }
}

fn connections(capture: &str) -> BTreeMap<SocketId, Connection> {
    let mut connections = BTreeMap::<SocketId, Connection>::new();
    let Ok(file) = std::fs::File::open(capture) else { return connections };
    let Ok(Input::Events(mut replay)) = files::open(Box::new(file), capture, &Options::default()) else {
        return connections;
    };
    while let Ok(next) = replay.next(Duration::from_secs(1)) {
        match next {
            Next::Event(SocketEvent::Open(open)) => {
                let connection = connections.entry(open.socket).or_default();
                connection.datagrams = open.transport == Transport::Udp;
                connection.midstream = open.midstream;
            }
            Next::Event(SocketEvent::Data(data)) => {
                connections.entry(data.socket).or_default().data.push((data.direction, data.bytes));
            }
            Next::Event(_) | Next::Idle => {}
            Next::End => break,
        }
    }
    connections
}

/// The target, and the connection as a script in which requests are sent.
fn seed(connection: &Connection) -> Option<(&'static str, Vec<u8>)> {
    let transport = if connection.datagrams { Transport::Udp } else { Transport::Tcp };
    let (target, requests) = connection.data.iter().find_map(|(direction, bytes)| {
        let glimpse = Glimpse {
            bytes,
            complete: true,
            midstream: connection.midstream,
            source_port: None,
            destination_port: None,
            transport,
        };
        let (name, asker) = if connection.datagrams {
            let Verdict::Is(protocol, asker) = infer::datagram(&glimpse, &|_| true) else { return None };
            (protocol.name, asker)
        } else {
            let Verdict::Is(protocol, asker) = infer::stream(&glimpse, &|_| true) else { return None };
            (protocol.name, asker)
        };
        let requests = if asker == Asker::Sender { *direction } else { direction.reverse() };
        Some((if name == "http" { "http1" } else { name }, requests))
    })?;
    let mut left = LONGEST;
    let mut moves = Vec::new();
    for (direction, bytes) in &connection.data {
        let bytes = bytes.get(..left.min(bytes.len()))?;
        left -= bytes.len();
        let way = if *direction == requests { Direction::Sent } else { Direction::Received };
        moves.push(Move::Data(way, bytes, 0));
        if left == 0 {
            break;
        }
    }
    Some((target, write(connection.midstream, &moves)))
}
