//! HTTP/2 connections of real captures, joined at every byte: whatever a row then says, it says too where the connection is
//! read from its beginning. Nothing that was not seen is made up, no exchange has two rows, and none that began after the
//! joining is missing.

use std::collections::BTreeMap;
use std::path::Path;

use protocols::event::{SocketEvent, SocketId, Timestamp};
use protocols::record::{Common, Grpc, Header, Http, Record};
use protocols::tracker::{Config, Trackers};

/// Most often that a connection is joined which is not joined everywhere.
const MOST_JOINS: usize = 100;

/// Where a frame's head ends, and most of a short frame, if a segment begins with one.
const DEEP: usize = 20;

fn socket(event: &SocketEvent) -> Option<SocketId> {
    match event {
        SocketEvent::Open(open) => Some(open.socket),
        SocketEvent::State(state) => Some(state.socket),
        SocketEvent::Data(data) => Some(data.socket),
        _ => None,
    }
}

fn read(events: impl Iterator<Item = SocketEvent>) -> Vec<Record> {
    let mut trackers = Trackers::new(Config { redact: false, ..Config::default() });
    let mut rows = Vec::new();
    let mut emit = |record| rows.push(record);
    events.for_each(|event| trackers.handle(event, &mut emit));
    trackers.finish(&mut emit);
    rows
}

/// What is left of a connection for one who joins it at a byte of its `nth` event.
fn joined(events: &[SocketEvent], nth: usize, byte: usize) -> impl Iterator<Item = SocketEvent> {
    events.iter().enumerate().filter_map(move |(at, event)| match event.clone() {
        SocketEvent::Data(_) if at < nth => None,
        SocketEvent::Data(mut data) if at == nth => {
            data.bytes.drain(..byte);
            data.position += byte as u64;
            data.original_len -= byte as u64;
            Some(SocketEvent::Data(data))
        }
        SocketEvent::Open(mut open) => {
            (open.midstream, open.initiator) = (true, None);
            Some(SocketEvent::Open(open))
        }
        event => Some(event),
    })
}

fn stream(record: &Record) -> Option<u32> {
    match record {
        // What is encrypted cannot be joined.
        Record::Http(row) if row.version == Some("2") && !row.common.tls => row.stream,
        Record::Grpc(row) if !row.common.tls => row.stream,
        _ => None,
    }
}

/// The rows of a connection by stream, of which none has two.
fn by_stream(rows: Vec<Record>) -> BTreeMap<u32, Record> {
    let mut streams = BTreeMap::new();
    for row in rows {
        if let Some(stream) = stream(&row) {
            assert_eq!(streams.insert(stream, row), None, "stream {stream}");
        }
    }
    streams
}

/// Names of the columns that say something else than the whole row.
macro_rules! contradictions {
    ($part:expr, $whole:expr; $($column:ident)*) => {
        [$((stringify!($column), $part.$column.is_none() || $part.$column == $whole.$column)),*]
    };
}

fn headers_agree(part: &Option<Vec<Header>>, whole: &Option<Vec<Header>>) -> bool {
    // A pseudo-header of which the name is not known stands among the others.
    part.iter().flatten().filter(|header| header.name.is_some()).all(|header| {
        whole.iter().flatten().any(|known| {
            known.name == header.name && (header.value.is_none() || known.value == header.value) //
        })
    })
}

fn common(part: &Common, whole: &Common) -> Vec<(&'static str, bool)> {
    let mut columns = contradictions!(part, whole; latency ttfb error role trace_id span_id).to_vec();
    columns.push(("ends", part.ends == whole.ends));
    columns.push(("time", part.time == whole.time || (part.latency.is_none() && part.time > whole.time)));
    columns
}

fn http(part: &Http, whole: &Http) -> Vec<(&'static str, bool)> {
    let columns = contradictions!(part, whole; version method scheme host path query status reason req_type resp_type
        user_agent req_bytes resp_bytes req_body resp_body stream);
    let headers = [
        ("req_headers", headers_agree(&part.req_headers, &whole.req_headers)),
        ("resp_headers", headers_agree(&part.resp_headers, &whole.resp_headers)),
    ];
    [&columns[..], &common(&part.common, &whole.common), &headers].concat()
}

fn grpc(part: &Grpc, whole: &Grpc) -> Vec<(&'static str, bool)> {
    let columns = contradictions!(part, whole; rpc_service method path host status status_name message kind req_messages
        resp_messages req_bytes resp_bytes timeout encoding http_status stream);
    let headers = [
        ("req_headers", headers_agree(&part.req_headers, &whole.req_headers)),
        ("resp_headers", headers_agree(&part.resp_headers, &whole.resp_headers)),
        ("resp_trailers", headers_agree(&part.resp_trailers, &whole.resp_trailers)),
    ];
    [&columns[..], &common(&part.common, &whole.common), &headers].concat()
}

#[track_caller]
fn check(part: &Record, whole: Option<&Record>, at: &str) {
    let columns = match (part, whole) {
        (Record::Http(part), Some(Record::Http(whole))) => http(part, whole),
        // The client had given up, which ended the exchange for whoever saw that; then came the answer.
        (Record::Grpc(part), Some(Record::Grpc(whole))) if part.path.is_none() && whole.http_status.is_none() => {
            Vec::new()
        }
        (Record::Grpc(part), Some(Record::Grpc(whole))) => grpc(part, whole),
        _ => vec![("table", false)],
    };
    let wrong: Vec<_> = columns.iter().filter(|(_, agrees)| !agrees).map(|(name, _)| name).collect();
    assert!(wrong.is_empty(), "{at}: {wrong:?}\n{part:?}\nis not\n{whole:?}");
}

/// Where to join a connection: events, and bytes within.
fn places(events: &[SocketEvent], everywhere: bool) -> Vec<(usize, usize)> {
    let size = |event: &SocketEvent| if let SocketEvent::Data(data) = event { data.bytes.len() } else { 0 };
    let deepest = if everywhere { usize::MAX } else { DEEP };
    let bytes = |(nth, event)| (0..size(event).min(deepest)).map(move |byte| (nth, byte));
    let all: Vec<_> = events.iter().enumerate().flat_map(bytes).collect();
    let stride = if everywhere { 1 } else { all.len() / MOST_JOINS + 1 };
    all.into_iter().step_by(stride).collect()
}

/// Joins every HTTP/2 connection of a capture, at every byte or here and there. Returns how often, and how many rows had an answer only.
fn join(capture: &Path, everywhere: bool) -> (usize, usize) {
    let events = crate::capture::events(capture);
    let mut sockets: Vec<SocketId> = events.iter().filter_map(socket).collect();
    sockets.sort();
    sockets.dedup();
    let (mut joins, mut answers) = (0, 0);
    for one in sockets {
        let events: Vec<_> =
            events.iter().filter(|event| socket(event).is_none_or(|socket| socket == one)).cloned().collect();
        let whole = by_stream(read(events.iter().cloned()));
        if whole.is_empty() {
            continue;
        }
        for (nth, byte) in places(&events, everywhere) {
            let place = format!("{} {one:?}, from event {nth} byte {byte} on", capture.display());
            let rows = by_stream(read(joined(&events, nth, byte)));
            for (stream, row) in &rows {
                check(row, whole.get(stream), &place);
            }
            let began = |row: &Record| row.exchange().map_or(Timestamp(0), |(_, common)| common.time);
            let SocketEvent::Data(first) = &events[nth] else { unreachable!("it has bytes") };
            let missing = whole.iter().find(|(stream, row)| began(row) > first.time && !rows.contains_key(stream));
            assert!(missing.is_none(), "{place}: {missing:?} is missing");
            let latency = |row: &Record| row.exchange().and_then(|(_, common)| common.latency);
            answers += rows.iter().filter(|(id, row)| latency(row).is_none() && latency(&whole[id]).is_some()).count();
            joins += 1;
        }
    }
    (joins, answers)
}

#[test]
fn fixtures() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/captures");
    let calls = join(&folder.join("grpc.pcap"), true);
    let pages = join(&folder.join("h2c.pcap.zst"), false);
    println!("joins, answers without their request: {calls:?} {pages:?}");
    assert!(calls.0 > 8_000 && calls.1 > 1_000, "{calls:?}");
    assert!(pages.0 > 1_000 && pages.1 > 100, "{pages:?}");
}

#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn corpora() {
    let folder = crate::capture::corpora();
    let mut captures = Vec::new();
    for part in ["deepflow", "wireshark-captures", "suricata-verify"] {
        for ending in [".pcap", ".pcapng", ".pcapng.gz"] {
            crate::capture::find(&folder.join(part), ending, &mut captures);
        }
    }
    let (joins, answers) = captures.iter().map(|capture| join(capture, false)).fold((0, 0), sum);
    println!("{} captures, {joins} joins, {answers} answers without their request", captures.len());
    assert!(captures.len() > 10 && joins > 100 && answers > 10, "{joins} {answers}");
}

fn sum(one: (usize, usize), other: (usize, usize)) -> (usize, usize) {
    (one.0 + other.0, one.1 + other.1)
}
