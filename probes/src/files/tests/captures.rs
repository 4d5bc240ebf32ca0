//! Every capture of `../shared/corpora`: opened, read to its end, and compared with tshark.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use protocols::event::{Address, Data, Endpoint, SocketEvent, SocketId, Transport};

use super::*;

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora")
}

/// Every file there that is a capture by its content.
fn captures() -> Vec<PathBuf> {
    let (mut folders, mut found) = (vec![corpora()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if matches!(open_file(&path), Ok(Input::Events(_))) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(found.len() > 250, "only {} captures in {}", found.len(), corpora().display());
    found
}

fn open_file(path: &Path) -> Result<Input, SourceError> {
    let file = File::open(path).unwrap();
    open(Box::new(file), &path.display().to_string(), &Options::default())
}

pub(super) fn read(path: &Path) -> (Vec<SocketEvent>, Option<SourceError>) {
    match open_file(path) {
        Ok(Input::Events(mut replay)) => drain(&mut replay),
        Ok(Input::Table(table)) => panic!("{}: {table:?}", path.display()),
        Err(error) => (Vec::new(), Some(error)),
    }
}

/// `server <- client`, as in the events and as tshark's text says it.
type Ends = (String, String);

fn text(end: &Endpoint) -> String {
    match &end.address {
        Some(Address::Ip(ip)) => format!("{ip}:{}", end.port.unwrap_or(0)),
        _ => format!("-:{}", end.port.unwrap_or(0)),
    }
}

/// Distinct payload bytes from each end to the other, over all connections between the two.
#[derive(Debug, Default)]
struct Seen {
    open: BTreeMap<SocketId, (String, String)>,
    bytes: BTreeMap<Ends, u64>,
    position: BTreeMap<(SocketId, bool), u64>,
}

impl Seen {
    fn of(events: &[SocketEvent]) -> Self {
        let mut seen = Self::default();
        for event in events {
            match event {
                SocketEvent::Open(open) if open.transport == Transport::Tcp => {
                    let old = seen.open.insert(open.socket, (text(&open.local), text(&open.remote)));
                    assert_eq!(old, None, "a socket is opened once");
                }
                SocketEvent::Data(data) => seen.data(data),
                _ => {}
            }
        }
        seen
    }

    fn data(&mut self, data: &Data) {
        let Some((local, remote)) = self.open.get(&data.socket) else { return };
        let sent = data.direction == protocols::event::Direction::Sent;
        let ends = if sent { (local, remote) } else { (remote, local) };
        *self.bytes.entry((ends.0.clone(), ends.1.clone())).or_default() += data.original_len;
        assert!(data.original_len >= data.bytes.len() as u64);
        let next = self.position.entry((data.socket, sent)).or_insert(data.position);
        assert!(data.position >= *next, "positions never go back");
        *next = data.position + data.original_len;
    }
}

#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn every_capture_opens_and_ends() {
    let mut damaged = Vec::new();
    for path in captures() {
        let (events, error) = read(&path);
        let session = events.iter().filter(|event| matches!(event, SocketEvent::Session(_))).count();
        if let Some(error) = error {
            assert!(error.offset.is_some() && !error.to_string().contains('\n'), "{error}");
            damaged.push((path.strip_prefix(corpora()).unwrap().display().to_string(), error.what));
        } else {
            assert_eq!(session, 1, "{}", path.display());
        }
    }
    // One was made with a version that there is not; one was cut by whoever published it, as tshark says too.
    let [(version, why), (cut, where_)] = &damaged[..] else { panic!("{damaged:?}") };
    assert!(version.ends_with("test901.pcapng") && why.contains("version 2"), "{version}: {why}");
    assert!(cut.contains("http-mime-truncated") && where_.contains("cut inside a packet"), "{cut}: {where_}");
}

/// Per connection: `A:1 <-> B:2 …`, from `-z conv,tcp`.
fn conversations(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter_map(|line| line.split_once("<->"));
    let mut pairs: Vec<_> = lines
        .filter_map(|(left, right)| {
            // Mapped addresses are IPv4 here.
            let plain = |end: &str| end.trim_start_matches("::ffff:").to_owned();
            let (one, other) = (plain(left.trim()), plain(right.split_whitespace().next()?));
            Some(if one < other { (one, other) } else { (other, one) })
        })
        .filter(|(one, _)| one.contains(':'))
        .collect();
    pairs.sort();
    pairs
}

#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn connections_are_those_of_tshark() {
    let mut differ = Vec::new();
    let mut compared = 0;
    for path in captures() {
        let truth = PathBuf::from(format!("{}.tshark-conv.txt", path.display()));
        let Ok(truth) = std::fs::read_to_string(truth) else { continue };
        let seen = Seen::of(&read(&path).0);
        let mut ours: Vec<_> =
            seen.open.into_values().map(|(one, other)| if one < other { (one, other) } else { (other, one) }).collect();
        ours.sort();
        compared += 1;
        let theirs = conversations(&truth);
        if ours != theirs {
            differ
                .push(format!("{}: ours {ours:?}, theirs {theirs:?}", path.strip_prefix(corpora()).unwrap().display()));
        }
    }
    assert!(compared > 200, "{compared}");
    assert!(differ.is_empty(), "{} of {compared}\n{}", differ.len(), differ.join("\n"));
}

/// What tshark saw of the same file: the union of all sequence ranges, so that repeated bytes count once.
fn tshark_bytes(path: &Path) -> BTreeMap<Ends, u64> {
    let fields =
        ["tcp.stream", "ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport", "tcp.seq", "tcp.len"];
    let mut command = Command::new("tshark");
    command.args(["-n", "-Y", "tcp && !icmp && !icmpv6", "-T", "fields", "-E", "occurrence=l", "-r"]).arg(path);
    for option in
        ["tcp.relative_sequence_numbers:TRUE", "tcp.desegment_tcp_streams:FALSE", "tcp.analyze_sequence_numbers:TRUE"]
    {
        command.args(["-o", option]);
    }
    let output = command.args(fields.iter().flat_map(|field| ["-e", field])).output().expect("tshark runs");
    let mut ranges: BTreeMap<(u64, Ends), Vec<(i64, i64)>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let columns: Vec<_> = line.split('\t').collect();
        let [stream, s4, s6, sport, d4, d6, dport, seq, len] = columns[..] else { continue };
        let address = |four: &str, six: &str| {
            if four.is_empty() { six.trim_start_matches("::ffff:").to_owned() } else { four.to_owned() }
        };
        let ends = (format!("{}:{sport}", address(s4, s6)), format!("{}:{dport}", address(d4, d6)));
        let (Ok(stream), Ok(seq), Ok(len)) = (stream.parse(), seq.parse::<u32>(), len.parse::<i64>()) else { continue };
        // Before its first segment tshark's numbers are negative.
        let seq = i64::from(seq.cast_signed());
        if len > 0 {
            ranges.entry((stream, ends)).or_default().push((seq, seq + len));
        }
    }
    let mut bytes = BTreeMap::new();
    for ((_, ends), mut ranges) in ranges {
        ranges.sort_unstable();
        let mut end = i64::MIN;
        for (low, high) in ranges {
            *bytes.entry(ends.clone()).or_default() += (high - low.max(end)).max(0) as u64;
            end = end.max(high);
        }
    }
    bytes
}

#[test]
#[ignore = "needs tshark, and ../shared/corpora"]
fn bytes_are_those_of_tshark() {
    let (mut differ, mut compared) = (Vec::new(), 0);
    for path in captures() {
        let ours = Seen::of(&read(&path).0).bytes;
        let theirs = tshark_bytes(&path);
        compared += theirs.values().sum::<u64>();
        let ends: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
        for ends in ends {
            let (ours, theirs) = (ours.get(ends).unwrap_or(&0), theirs.get(ends).unwrap_or(&0));
            if ours != theirs {
                differ.push(format!(
                    "{}: {} -> {}: ours {ours}, theirs {theirs}",
                    path.strip_prefix(corpora()).unwrap().display(),
                    ends.0,
                    ends.1
                ));
            }
        }
    }
    assert!(compared > 10_000_000, "{compared}");
    assert!(differ.is_empty(), "{}\n{}", differ.len(), differ.join("\n"));
}
