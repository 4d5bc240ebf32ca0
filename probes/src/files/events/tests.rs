//! Recordings: every event comes back, whatever is cut or damaged behind it.

use std::net::IpAddr;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use protocols::event::{
    Address, Data, Direction, Endpoint, Lost, Open, Pod, ProcessChange, ProcessEvent, ProcessNames, Session, Side,
    SocketEvent, SocketId, Source, State, StateChange, Timestamp, TlsStatus, Transport, Vantage,
};

use super::*;

fn header() -> Header {
    Header {
        node: Some("box".to_owned()),
        kernel: None,
        start: Timestamp(1_700_000_000_000_000_000),
        program: "0.1.0".to_owned(),
        options: vec![("capture".to_owned(), "16384".to_owned())],
    }
}

fn write(events: &[SocketEvent], compression: Compression) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, "it", &header(), compression).unwrap();
    for event in events {
        writer.record(event).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

/// The events before the damage, and where it is.
fn read(bytes: &[u8]) -> (Vec<SocketEvent>, Option<crate::SourceError>) {
    let reader = match Reader::new(bytes) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let (mut events, mut error) = (Vec::new(), None);
    for item in reader {
        match item {
            Ok(event) => events.push(event),
            Err(damage) => error = Some(damage),
        }
    }
    (events, error)
}

fn name() -> impl Strategy<Value = Arc<str>> {
    ".{0,12}".prop_map(Arc::from)
}

fn maybe() -> impl Strategy<Value = Option<Arc<str>>> {
    option::of(name())
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<u64>().prop_map(Timestamp)
}

fn socket() -> impl Strategy<Value = SocketId> {
    any::<u64>().prop_map(SocketId)
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::Sent), Just(Direction::Received)]
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    let address = prop_oneof![any::<IpAddr>().prop_map(Address::Ip), name().prop_map(Address::Unix)];
    (option::of(address), any::<Option<u16>>()).prop_map(|(address, port)| Endpoint { address, port })
}

fn source() -> impl Strategy<Value = Source> {
    proptest::sample::select(vec![
        Source::Socket,
        Source::OpenSsl,
        Source::BoringSsl,
        Source::GnuTls,
        Source::Go,
        Source::Rustls,
        Source::Ktls,
        Source::Pcap,
        Source::Keylog,
    ])
}

fn pod() -> impl Strategy<Value = Option<Arc<Pod>>> {
    prop_oneof![
        Just(None),
        (maybe(), maybe(), maybe(), maybe()).prop_map(|(uid, name, namespace, container)| Some(Arc::new(Pod {
            uid,
            name,
            namespace,
            container
        }))),
    ]
}

fn process_change() -> impl Strategy<Value = ProcessChange> {
    prop_oneof![
        any::<u32>().prop_map(|parent| ProcessChange::Started { parent }),
        (maybe(), maybe(), maybe(), maybe(), maybe(), pod()).prop_map(
            |(process, exe, container, service, runtime, pod)| {
                ProcessChange::Named(Arc::new(ProcessNames { process, exe, container, service, runtime, pod }))
            }
        ),
        (maybe(), maybe(), maybe())
            .prop_map(|(library, version, reason)| { ProcessChange::Tls(TlsStatus { library, version, reason }) }),
        Just(ProcessChange::Exited),
        Just(ProcessChange::Ring),
    ]
}

fn state_change() -> impl Strategy<Value = StateChange> {
    prop_oneof![
        Just(StateChange::Connecting),
        (endpoint(), endpoint()).prop_map(|(local, remote)| StateChange::Established { local, remote }),
        name().prop_map(|errno| StateChange::Failed { errno }),
        (direction(), any::<Option<u64>>())
            .prop_map(|(direction, position)| StateChange::Ended { direction, position }),
        Just(StateChange::Reset),
        Just(StateChange::Retransmit),
        any::<u32>().prop_map(|pid| StateChange::Owner { pid }),
    ]
}

fn open() -> impl Strategy<Value = Open> {
    let transport = prop_oneof![Just(Transport::Tcp), Just(Transport::Udp), Just(Transport::Unix)];
    let side = option::of(prop_oneof![Just(Side::Local), Just(Side::Remote)]);
    (time(), socket(), transport, endpoint(), endpoint(), side, any::<Option<u32>>(), any::<bool>()).prop_map(
        |(time, socket, transport, local, remote, initiator, pid, midstream)| Open {
            time,
            socket,
            transport,
            local,
            remote,
            initiator,
            pid,
            midstream,
        },
    )
}

fn data() -> impl Strategy<Value = Data> {
    let who = (any::<u32>(), any::<u32>(), any::<u64>());
    let what = (vec(any::<u8>(), 0..300), any::<u64>(), any::<u64>());
    (time(), socket(), direction(), what, who, option::of(endpoint()), source()).prop_map(
        |(time, socket, direction, (bytes, position, original_len), (pid, tid, task), peer, source)| Data {
            time,
            socket,
            direction,
            position,
            bytes,
            original_len,
            pid,
            tid,
            task,
            peer,
            source,
        },
    )
}

fn event() -> impl Strategy<Value = SocketEvent> {
    let vantage = prop_oneof![Just(Vantage::Process), Just(Vantage::Capture)];
    prop_oneof![
        (time(), maybe(), maybe(), vantage).prop_map(|(time, node, kernel, vantage)| {
            SocketEvent::Session(Session { time, node, kernel, vantage })
        }),
        (time(), any::<u32>(), process_change()).prop_map(|(time, pid, change)| SocketEvent::Process(ProcessEvent {
            time,
            pid,
            change
        })),
        open().prop_map(SocketEvent::Open),
        (time(), socket(), state_change()).prop_map(|(time, socket, change)| SocketEvent::State(State {
            time,
            socket,
            change
        })),
        data().prop_map(SocketEvent::Data),
        (time(), socket()).prop_map(|(time, socket)| SocketEvent::Close { time, socket }),
        (time(), option::of(socket()), "[a-z_]{1,12}", any::<u64>(), any::<u64>()).prop_map(
            |(time, socket, cause, events, bytes)| {
                SocketEvent::Lost(Lost { time, socket, cause: cause.into(), events, bytes })
            }
        ),
        time().prop_map(|time| SocketEvent::Clock { time }),
        (time(), vec((any::<IpAddr>(), name()), 0..4)).prop_map(|(time, names)| SocketEvent::Hosts { time, names }),
        (time(), vec(any::<u8>(), 0..50)).prop_map(|(time, log)| SocketEvent::Keys { time, log: Arc::from(log) }),
    ]
}

proptest! {
    #[test]
    fn every_event_comes_back(events in vec(event(), 0..40)) {
        for compression in [Compression::None, Compression::Zstd] {
            let bytes = write(&events, compression);
            prop_assert_eq!(&bytes, &write(&events, compression), "the same events give the same bytes");
            let (back, error) = read(&bytes);
            prop_assert_eq!(error, None);
            prop_assert_eq!(&back, &events);
        }
    }

    #[test]
    fn a_changed_byte_leaves_what_precedes_it(events in vec(event(), 1..10), at in any::<prop::sample::Index>()) {
        let mut bytes = write(&events, Compression::None);
        let at = at.index(bytes.len());
        bytes[at] ^= 0x40;
        let (back, error) = read(&bytes);
        let error = error.expect("damage is noticed");
        prop_assert!(error.offset.unwrap() <= at as u64, "{} but changed at {}", error, at);
        prop_assert_eq!(&back[..], &events[..back.len()]);
        // All that ended before the changed byte is there.
        let whole = (0..=events.len()).rev().find(|count| write(&events[..*count], Compression::None).len() - end_len(*count) <= at);
        prop_assert!(back.len() >= whole.unwrap_or(0).min(events.len()), "{} events, {:?} whole", back.len(), whole);
    }

    #[test]
    fn any_bytes_are_refused_in_peace(bytes in vec(any::<u8>(), 0..400), known in any::<bool>()) {
        let bytes = if known { [&MAGIC[..], &[1, 0], &bytes[..]].concat() } else { bytes };
        prop_assert!(read(&bytes).1.is_some());
    }
}

/// Length of the last record.
fn end_len(count: usize) -> usize {
    1 + 4 + if count < 0x80 { 2 } else { 3 }
}

#[test]
fn a_cut_anywhere_gives_the_events_before_it_and_its_offset() {
    let events: Vec<_> = (0..50).map(|time| SocketEvent::Clock { time: Timestamp(time << 30) }).collect();
    let ends: Vec<_> =
        (0..=50).map(|count| write(&events[..count], Compression::None).len() - end_len(count)).collect();
    let bytes = write(&events, Compression::None);
    for cut in 0..bytes.len() {
        let (back, error) = read(&bytes[..cut]);
        let whole = ends.iter().filter(|end| **end <= cut).count().saturating_sub(1);
        assert_eq!(back[..], events[..whole], "cut at {cut}");
        let offset = error.unwrap_or_else(|| panic!("cut at {cut} went unnoticed")).offset.unwrap();
        let begins = if cut < ends[0] { 0..=ends[0] as u64 } else { ends[whole] as u64..=ends[whole] as u64 };
        assert!(begins.contains(&offset), "cut at {cut}: offset {offset}, should be in {begins:?}");
    }
}

#[test]
fn a_cut_block_leaves_the_blocks_before_it() {
    let events: Vec<_> = (0..100_000).map(|time| SocketEvent::Clock { time: Timestamp(time) }).collect();
    let bytes = write(&events, Compression::Zstd);
    let (back, error) = read(&bytes[..bytes.len() - 20]);
    assert!(back.len() > 10_000 && back[..] == events[..back.len()], "{}", back.len());
    assert!(error.unwrap().what.contains("cut"));
}

#[test]
fn the_header_says_that_bytes_are_unredacted() {
    let bytes = write(&[], Compression::None);
    assert!(bytes.windows(10).any(|window| window == b"unredacted"));
    assert_eq!(Reader::new(&bytes[..]).unwrap().header(), Some(&header()));
}

#[test]
fn a_newer_version_is_refused_by_name() {
    let mut bytes = write(&[], Compression::None);
    bytes[MAGIC_LEN] = 9;
    let error = Reader::new(&bytes[..]).unwrap_err();
    assert!(error.what.contains("version 9") && error.advice.is_some(), "{error}");
}

#[test]
fn a_huge_length_is_damage_and_is_not_allocated() {
    let mut bytes = write(&[], Compression::None);
    let end = bytes.len() - end_len(0);
    bytes.truncate(end);
    wire::put_int(&mut bytes, 1 << 32);
    bytes.extend_from_slice(&[0; 100]);
    let (_, error) = read(&bytes);
    assert_eq!(error.unwrap().offset, Some(end as u64));
}

#[test]
fn bytes_behind_the_end_are_damage() {
    let mut bytes = write(&[SocketEvent::Clock { time: Timestamp(1) }], Compression::None);
    let end = bytes.len() as u64;
    bytes.push(0);
    let (back, error) = read(&bytes);
    assert_eq!((back.len(), error.unwrap().offset), (1, Some(end)));
}

/// A disk with so much room.
struct Full(usize);

impl std::io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0 == 0 {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        let count = bytes.len().min(self.0);
        self.0 -= count;
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_told_once_and_stops_nothing() {
    let mut writer = Writer::new(Full(1_000_000), "/tmp/x.events", &header(), Compression::None).unwrap();
    let mut errors = Vec::new();
    for time in 0..200_000 {
        errors.extend(writer.record(&SocketEvent::Clock { time: Timestamp(time) }).err());
    }
    assert_eq!(errors.len(), 1, "{errors:?}");
    let told = errors[0].to_string();
    assert!(told.contains("/tmp/x.events") && told.contains("the disk is full"), "{told}");
    assert_eq!(writer.failure(), Some(&errors[0]));
    assert_eq!(writer.finish().unwrap_err(), errors[0]);
}

#[test]
fn files_are_for_their_owner_only_and_never_replaced_unasked() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.events");
    let writer = Writer::create(&path, &header(), Compression::None, false).unwrap();
    writer.finish().unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let error = Writer::create(&path, &header(), Compression::None, false).unwrap_err();
    assert!(error.to_string().contains("--force"), "{error}");

    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    drop(Writer::create(&path, &header(), Compression::None, true).unwrap());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let (events, error) = read(&std::fs::read(&path).unwrap());
    assert!(events.is_empty() && error.unwrap().what.contains("cut"), "a dropped writer does not call itself whole");
}
