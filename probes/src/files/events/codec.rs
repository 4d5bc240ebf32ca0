//! One event, to bytes and back.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use protocols::event::{
    Address, Data, Direction, Endpoint, Lost, Open, Pod, ProcessChange, ProcessEvent, ProcessNames, Session, Side,
    SocketEvent, SocketId, Source, State, StateChange, Timestamp, TlsStatus, Transport, Vantage,
};

use super::Header;
use super::wire::{Cursor, Malformed, Taken, put_bytes, put_int, put_option, put_text};

/// Tag of the first record.
pub(super) const HEADER: u8 = 0x00;
/// Tag of the last record.
pub(super) const END: u8 = 0x01;
/// Tag of a compressed block.
pub(super) const ZSTD: u8 = 0x02;

const SESSION: u8 = 0x10;
const PROCESS: u8 = 0x11;
const OPEN: u8 = 0x12;
const STATE: u8 = 0x13;
const DATA: u8 = 0x14;
const CLOSE: u8 = 0x15;
const LOST: u8 = 0x16;
const CLOCK: u8 = 0x17;
const HOSTS: u8 = 0x18;
const KEYS: u8 = 0x19;

/// Stands in every header, in words, for whoever looks into the file.
const NOTICE: &str = "This recording holds unredacted bytes.";

const SOURCES: [Source; 9] = [
    Source::Socket,
    Source::OpenSsl,
    Source::BoringSsl,
    Source::GnuTls,
    Source::Go,
    Source::Rustls,
    Source::Ktls,
    Source::Pcap,
    Source::Keylog,
];
const TRANSPORTS: [Transport; 3] = [Transport::Tcp, Transport::Udp, Transport::Unix];
const DIRECTIONS: [Direction; 2] = [Direction::Sent, Direction::Received];
const SIDES: [Side; 2] = [Side::Local, Side::Remote];
const VANTAGES: [Vantage; 2] = [Vantage::Process, Vantage::Capture];

/// Appends the header's body.
pub(super) fn put_header(out: &mut Vec<u8>, header: &Header) {
    out.push(HEADER);
    put_bytes(out, NOTICE.as_bytes());
    put_text(out, header.node.as_deref());
    put_text(out, header.kernel.as_deref());
    put_int(out, header.start.0);
    put_bytes(out, header.program.as_bytes());
    put_int(out, header.options.len() as u64);
    for (name, value) in &header.options {
        put_bytes(out, name.as_bytes());
        put_bytes(out, value.as_bytes());
    }
}

/// Reads a header's body. What a later minor version appends is passed over.
pub(super) fn header(body: &[u8]) -> Taken<Header> {
    let mut cursor = Cursor(body);
    if cursor.byte()? != HEADER {
        return Err(Malformed);
    }
    cursor.text()?;
    let text = |cursor: &mut Cursor<'_>| cursor.text().map(str::to_owned);
    Ok(Header {
        node: cursor.option(text)?,
        kernel: cursor.option(text)?,
        start: time(&mut cursor)?,
        program: text(&mut cursor)?,
        options: cursor.list(|cursor| Ok((text(cursor)?, text(cursor)?)))?,
    })
}

/// Appends an event's body.
pub(super) fn put_event(out: &mut Vec<u8>, event: &SocketEvent) {
    match event {
        SocketEvent::Session(session) => {
            put_head(out, SESSION, session.time);
            put_text(out, session.node.as_deref());
            put_text(out, session.kernel.as_deref());
            put_choice(out, &VANTAGES, session.vantage);
        }
        SocketEvent::Process(process) => {
            put_head(out, PROCESS, process.time);
            put_int(out, process.pid.into());
            put_change(out, &process.change);
        }
        SocketEvent::Open(open) => {
            put_head(out, OPEN, open.time);
            put_int(out, open.socket.0);
            put_choice(out, &TRANSPORTS, open.transport);
            put_endpoint(out, &open.local);
            put_endpoint(out, &open.remote);
            put_option(out, open.initiator, |out, side| put_choice(out, &SIDES, side));
            put_option(out, open.pid, |out, pid| put_int(out, pid.into()));
            out.push(u8::from(open.midstream));
        }
        SocketEvent::State(state) => {
            put_head(out, STATE, state.time);
            put_int(out, state.socket.0);
            put_state(out, &state.change);
        }
        SocketEvent::Data(data) => put_data(out, data),
        SocketEvent::Close { time, socket } => {
            put_head(out, CLOSE, *time);
            put_int(out, socket.0);
        }
        SocketEvent::Lost(lost) => {
            put_head(out, LOST, lost.time);
            put_option(out, lost.socket, |out, socket| put_int(out, socket.0));
            put_bytes(out, lost.cause.as_bytes());
            put_int(out, lost.events);
            put_int(out, lost.bytes);
        }
        SocketEvent::Clock { time } => put_head(out, CLOCK, *time),
        SocketEvent::Hosts { time, names } => {
            put_head(out, HOSTS, *time);
            put_int(out, names.len() as u64);
            for (address, name) in names {
                put_ip(out, *address);
                put_bytes(out, name.as_bytes());
            }
        }
        SocketEvent::Keys { time, log } => {
            put_head(out, KEYS, *time);
            put_bytes(out, log);
        }
    }
}

/// Reads an event's body, all of it.
pub(super) fn event(body: &[u8]) -> Taken<SocketEvent> {
    let mut cursor = Cursor(body);
    let tag = cursor.byte()?;
    let time = time(&mut cursor)?;
    let event = match tag {
        SESSION => SocketEvent::Session(Session {
            time,
            node: cursor.shared()?,
            kernel: cursor.shared()?,
            vantage: choice(&mut cursor, &VANTAGES)?,
        }),
        PROCESS => {
            SocketEvent::Process(ProcessEvent { time, pid: cursor.small()?, change: process_change(&mut cursor)? })
        }
        OPEN => SocketEvent::Open(Open {
            time,
            socket: socket(&mut cursor)?,
            transport: choice(&mut cursor, &TRANSPORTS)?,
            local: endpoint(&mut cursor)?,
            remote: endpoint(&mut cursor)?,
            initiator: cursor.option(|cursor| choice(cursor, &SIDES))?,
            pid: cursor.option(Cursor::small)?,
            midstream: cursor.flag()?,
        }),
        STATE => SocketEvent::State(State { time, socket: socket(&mut cursor)?, change: state_change(&mut cursor)? }),
        DATA => SocketEvent::Data(data(&mut cursor, time)?),
        CLOSE => SocketEvent::Close { time, socket: socket(&mut cursor)? },
        LOST => SocketEvent::Lost(Lost {
            time,
            socket: cursor.option(socket)?,
            cause: Cow::Owned(cursor.text()?.to_owned()),
            events: cursor.int()?,
            bytes: cursor.int()?,
        }),
        CLOCK => SocketEvent::Clock { time },
        HOSTS => {
            let names = cursor.list(|cursor| Ok((ip(cursor)?, Arc::from(cursor.text()?))))?;
            SocketEvent::Hosts { time, names }
        }
        KEYS => SocketEvent::Keys { time, log: Arc::from(cursor.bytes()?) },
        _ => return Err(Malformed),
    };
    if cursor.0.is_empty() { Ok(event) } else { Err(Malformed) }
}

fn put_head(out: &mut Vec<u8>, tag: u8, time: Timestamp) {
    out.push(tag);
    put_int(out, time.0);
}

fn time(cursor: &mut Cursor<'_>) -> Taken<Timestamp> {
    cursor.int().map(Timestamp)
}

fn socket(cursor: &mut Cursor<'_>) -> Taken<SocketId> {
    cursor.int().map(SocketId)
}

/// A value as its place in `all`. Every value is there: `tests` round-trips each.
fn put_choice<T: Copy + PartialEq>(out: &mut Vec<u8>, all: &[T], value: T) {
    out.push(all.iter().position(|each| *each == value).unwrap_or(usize::MAX) as u8);
}

fn choice<T: Copy>(cursor: &mut Cursor<'_>, all: &[T]) -> Taken<T> {
    all.get(usize::from(cursor.byte()?)).copied().ok_or(Malformed)
}

fn put_data(out: &mut Vec<u8>, data: &Data) {
    put_head(out, DATA, data.time);
    put_int(out, data.socket.0);
    put_choice(out, &DIRECTIONS, data.direction);
    put_int(out, data.position);
    put_int(out, data.original_len);
    put_int(out, data.pid.into());
    put_int(out, data.tid.into());
    put_int(out, data.task);
    put_option(out, data.peer.as_ref(), put_endpoint);
    put_choice(out, &SOURCES, data.source);
    put_bytes(out, &data.bytes);
}

fn data(cursor: &mut Cursor<'_>, time: Timestamp) -> Taken<Data> {
    Ok(Data {
        time,
        socket: socket(cursor)?,
        direction: choice(cursor, &DIRECTIONS)?,
        position: cursor.int()?,
        original_len: cursor.int()?,
        pid: cursor.small()?,
        tid: cursor.small()?,
        task: cursor.int()?,
        peer: cursor.option(endpoint)?,
        source: choice(cursor, &SOURCES)?,
        bytes: cursor.bytes()?.to_vec(),
    })
}

fn put_change(out: &mut Vec<u8>, change: &ProcessChange) {
    match change {
        ProcessChange::Started { parent } => {
            out.push(0);
            put_int(out, (*parent).into());
        }
        ProcessChange::Named(names) => {
            // Most processes are in no pod.
            out.push(if names.pod.is_some() { 5 } else { 1 });
            for name in [&names.process, &names.exe, &names.container, &names.service, &names.runtime] {
                put_text(out, name.as_deref());
            }
            if let Some(pod) = &names.pod {
                for name in [&pod.uid, &pod.name, &pod.namespace, &pod.container] {
                    put_text(out, name.as_deref());
                }
            }
        }
        ProcessChange::Tls(status) => {
            out.push(2);
            for text in [&status.library, &status.version, &status.reason] {
                put_text(out, text.as_deref());
            }
        }
        ProcessChange::Exited => out.push(3),
        ProcessChange::Ring => out.push(4),
    }
}

fn pod(cursor: &mut Cursor<'_>) -> Taken<Pod> {
    Ok(Pod { uid: cursor.shared()?, name: cursor.shared()?, namespace: cursor.shared()?, container: cursor.shared()? })
}

fn process_change(cursor: &mut Cursor<'_>) -> Taken<ProcessChange> {
    Ok(match cursor.byte()? {
        0 => ProcessChange::Started { parent: cursor.small()? },
        tag @ (1 | 5) => ProcessChange::Named(Arc::new(ProcessNames {
            process: cursor.shared()?,
            exe: cursor.shared()?,
            container: cursor.shared()?,
            service: cursor.shared()?,
            runtime: cursor.shared()?,
            pod: if tag == 5 { Some(Arc::new(pod(cursor)?)) } else { None },
        })),
        2 => ProcessChange::Tls(TlsStatus {
            library: cursor.shared()?,
            version: cursor.shared()?,
            reason: cursor.shared()?,
        }),
        3 => ProcessChange::Exited,
        4 => ProcessChange::Ring,
        _ => return Err(Malformed),
    })
}

fn put_state(out: &mut Vec<u8>, change: &StateChange) {
    match change {
        StateChange::Connecting => out.push(0),
        StateChange::Established { local, remote } => {
            out.push(1);
            put_endpoint(out, local);
            put_endpoint(out, remote);
        }
        StateChange::Failed { errno } => {
            out.push(2);
            put_bytes(out, errno.as_bytes());
        }
        StateChange::Ended { direction, position } => {
            out.push(3);
            put_choice(out, &DIRECTIONS, *direction);
            put_option(out, *position, put_int);
        }
        StateChange::Reset => out.push(4),
        StateChange::Retransmit => out.push(5),
        StateChange::Owner { pid } => {
            out.push(6);
            put_int(out, (*pid).into());
        }
    }
}

fn state_change(cursor: &mut Cursor<'_>) -> Taken<StateChange> {
    Ok(match cursor.byte()? {
        0 => StateChange::Connecting,
        1 => StateChange::Established { local: endpoint(cursor)?, remote: endpoint(cursor)? },
        2 => StateChange::Failed { errno: Arc::from(cursor.text()?) },
        3 => StateChange::Ended { direction: choice(cursor, &DIRECTIONS)?, position: cursor.option(Cursor::int)? },
        4 => StateChange::Reset,
        5 => StateChange::Retransmit,
        6 => StateChange::Owner { pid: cursor.small()? },
        _ => return Err(Malformed),
    })
}

fn put_endpoint(out: &mut Vec<u8>, endpoint: &Endpoint) {
    match &endpoint.address {
        None => out.push(0),
        Some(Address::Ip(ip)) => put_ip(out, *ip),
        Some(Address::Unix(path)) => {
            out.push(1);
            put_bytes(out, path.as_bytes());
        }
    }
    put_option(out, endpoint.port, |out, port| put_int(out, port.into()));
}

fn endpoint(cursor: &mut Cursor<'_>) -> Taken<Endpoint> {
    let address = match cursor.0.first() {
        Some(0) => {
            cursor.byte()?;
            None
        }
        Some(1) => {
            cursor.byte()?;
            Some(Address::Unix(Arc::from(cursor.text()?)))
        }
        _ => Some(Address::Ip(ip(cursor)?)),
    };
    Ok(Endpoint { address, port: cursor.option(Cursor::small)? })
}

fn put_ip(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(ip) => {
            out.push(4);
            out.extend_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            out.push(6);
            out.extend_from_slice(&ip.octets());
        }
    }
}

fn ip(cursor: &mut Cursor<'_>) -> Taken<IpAddr> {
    match cursor.byte()? {
        4 => cursor.array::<4>().map(IpAddr::from),
        6 => cursor.array::<16>().map(IpAddr::from),
        _ => Err(Malformed),
    }
}
