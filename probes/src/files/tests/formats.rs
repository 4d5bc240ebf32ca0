//! pcap and pcapng files made here, byte by byte, after the documents that define them.

use std::sync::Arc;

use etherparse::PacketBuilder;
use proptest::collection::vec;
use proptest::prelude::*;
use protocols::event::{Data, SocketEvent};

use super::*;

/// Nanoseconds since the epoch that every kind of file can tell.
const TIME: u64 = 1_700_000_000_123_456_000;

const ETHERNET: u32 = 1;
const RAW: u32 = 101;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, value: u16) -> [u8; 2] {
        if self == Self::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        if self == Self::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn u64(self, value: u64) -> [u8; 8] {
        if self == Self::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }
}

/// A DNS-like datagram, raw IP.
fn datagram(word: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(40_000, 53).write(&mut bytes, word).unwrap();
    bytes
}

fn ethernet(packet: &[u8]) -> Vec<u8> {
    [&[0; 12][..], &[0x08, 0x00], packet].concat()
}

fn pcap_header(order: Order, nanoseconds: bool, link: u32) -> Vec<u8> {
    let magic = if nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    let words = [order.u32(0), order.u32(0), order.u32(65_535), order.u32(link)].concat();
    [&order.u32(magic)[..], &order.u16(2), &order.u16(4), &words].concat()
}

fn pcap_record(order: Order, nanoseconds: bool, time: u64, packet: &[u8]) -> Vec<u8> {
    let unit = if nanoseconds { 1 } else { 1000 };
    let len = packet.len() as u32;
    let words = [(time / 1_000_000_000) as u32, (time % 1_000_000_000 / unit) as u32, len, len];
    [words.map(|word| order.u32(word)).concat().as_slice(), packet].concat()
}

fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
    let len = order.u32((body.len() + padding.len() + 12) as u32);
    [&order.u32(kind)[..], &len, body, &padding, &len].concat()
}

fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    let padding = vec![0; value.len().next_multiple_of(4) - value.len()];
    [&order.u16(code)[..], &order.u16(value.len() as u16), value, &padding].concat()
}

fn section(order: Order, options: &[u8]) -> Vec<u8> {
    let head = [&order.u32(0x1a2b_3c4d)[..], &order.u16(1), &order.u16(0), &[0xff; 8], options].concat();
    block(order, 0x0a0d_0d0a, &head)
}

fn interface(order: Order, link: u32, options: &[u8]) -> Vec<u8> {
    block(order, 1, &[&order.u16(link as u16)[..], &[0, 0], &order.u32(65_535), options].concat())
}

fn enhanced(order: Order, interface: u32, ticks: u64, packet: &[u8]) -> Vec<u8> {
    let (high, low, len) = ((ticks >> 32) as u32, ticks as u32, packet.len() as u32);
    let head = [interface, high, low, len, len].map(|word| order.u32(word)).concat();
    let padding = vec![0; packet.len().next_multiple_of(4) - packet.len()];
    block(order, 6, &[&head[..], packet, &padding, &option(order, 1, b"a comment")].concat())
}

fn read(bytes: Vec<u8>) -> (Vec<SocketEvent>, Option<SourceError>) {
    match open_bytes(bytes) {
        Ok(Input::Events(mut replay)) => drain(&mut replay),
        Ok(Input::Table(table)) => panic!("{table:?}"),
        Err(error) => (Vec::new(), Some(error)),
    }
}

fn data(events: &[SocketEvent]) -> Vec<&Data> {
    events.iter().filter_map(|event| if let SocketEvent::Data(data) = event { Some(data) } else { None }).collect()
}

/// What was said, and when.
fn said(bytes: Vec<u8>) -> Vec<(u64, String)> {
    let (events, error) = read(bytes);
    assert_eq!(error, None);
    data(&events).iter().map(|data| (data.time.0, String::from_utf8_lossy(&data.bytes).into_owned())).collect()
}

fn one(time: u64, word: &str) -> Vec<(u64, String)> {
    vec![(time, word.to_owned())]
}

#[test]
fn pcap_of_either_order_and_unit() {
    for order in [Order::Little, Order::Big] {
        for nanoseconds in [false, true] {
            let time = if nanoseconds { TIME + 789 } else { TIME };
            let record = pcap_record(order, nanoseconds, time, &datagram(b"hi"));
            let file = [pcap_header(order, nanoseconds, RAW), record].concat();
            assert_eq!(said(file), one(time, "hi"), "{order:?} {nanoseconds}");
        }
    }
}

#[test]
fn pcapng_of_either_order_with_every_clock() {
    for order in [Order::Little, Order::Big] {
        let clocks: [(Vec<u8>, u64, u64); 5] = [
            (vec![], TIME / 1000, TIME),
            (option(order, 9, &[9]), TIME + 7, TIME + 7),
            (option(order, 9, &[0]), TIME / 1_000_000_000, TIME / 1_000_000_000 * 1_000_000_000),
            // Units of 1/1024 s: 512 of them are half a second.
            (option(order, 9, &[0x8a]), 1_700_000_000 * 1024 + 512, 1_700_000_000_500_000_000),
            (
                [option(order, 9, &[9]), option(order, 14, &order.u64(1_700_000_000))].concat(),
                5,
                1_700_000_000_000_000_005,
            ),
        ];
        for (options, ticks, time) in clocks {
            let file =
                [section(order, &[]), interface(order, RAW, &options), enhanced(order, 0, ticks, &datagram(b"hi"))];
            assert_eq!(said(file.concat()), one(time, "hi"), "{order:?} {options:?}");
        }
    }
}

#[test]
fn pcapng_with_several_interfaces_and_sections() {
    let (little, big) = (Order::Little, Order::Big);
    let file = [
        section(little, &option(little, 3, b"Linux 6.1.0-13-amd64")),
        interface(little, RAW, &[]),
        interface(little, ETHERNET, &option(little, 9, &[9])),
        enhanced(little, 1, TIME + 1, &ethernet(&datagram(b"second"))),
        enhanced(little, 0, TIME / 1000, &datagram(b"first")),
        // Statistics, a custom block and one of a kind that nobody knows.
        block(little, 5, &[0; 12]),
        block(little, 0xbad, &[1; 8]),
        block(little, 0x7777, &[]),
        section(big, &[]),
        interface(big, ETHERNET, &[]),
        enhanced(big, 0, TIME / 1000 + 5, &ethernet(&datagram(b"third"))),
    ];
    let (events, error) = read(file.concat());
    assert_eq!(error, None);
    let words: Vec<_> = data(&events).iter().map(|data| String::from_utf8_lossy(&data.bytes).into_owned()).collect();
    assert_eq!(words, ["second", "first", "third"]);
    let Some(SocketEvent::Session(session)) = events.first() else { panic!("{events:?}") };
    assert_eq!(session.kernel.as_deref(), Some("6.1.0-13-amd64"));
}

#[test]
fn simple_and_obsolete_packets() {
    let order = Order::Little;
    let packet = datagram(b"hi");
    let simple = block(order, 3, &[&order.u32(packet.len() as u32)[..], &packet].concat());
    let ticks = TIME / 1000;
    let words = [(ticks >> 32) as u32, ticks as u32, packet.len() as u32, packet.len() as u32];
    let old = [&order.u16(0)[..], &order.u16(3), &words.map(|word| order.u32(word)).concat(), &packet].concat();
    let file = [section(order, &[]), interface(order, RAW, &[]), block(order, 2, &old), simple];
    // A simple packet has no time of its own.
    assert_eq!(said(file.concat()), [one(TIME, "hi"), one(TIME, "hi")].concat());
}

#[test]
fn secrets_and_names_come_before_the_packets_that_follow_them() {
    let order = Order::Little;
    let log = b"CLIENT_RANDOM 00 11\n";
    let secrets = |kind: u32| block(order, 10, &[&order.u32(kind)[..], &order.u32(log.len() as u32), log].concat());
    let names = [option(order, 1, b"\x0a\0\0\x02dns.test\0alias.test\0"), option(order, 0, b"")].concat();
    let file = [
        section(order, &[]),
        interface(order, RAW, &[]),
        secrets(0x544c_534b),
        block(order, 4, &names),
        enhanced(order, 0, TIME / 1000, &datagram(b"one")),
        secrets(0x5747_4b4c),
        secrets(0x544c_534b),
        enhanced(order, 0, TIME / 1000 + 1, &datagram(b"two")),
    ];
    let (events, error) = read(file.concat());
    assert_eq!(error, None);
    let key = |event: &SocketEvent| matches!(event, SocketEvent::Keys { log: it, .. } if it[..] == log[..]);
    let places: Vec<_> = events.iter().enumerate().filter(|(_, event)| key(event)).map(|(at, _)| at).collect();
    let first = events.iter().position(|event| matches!(event, SocketEvent::Data(_))).unwrap();
    let second = events.iter().rposition(|event| matches!(event, SocketEvent::Data(_))).unwrap();
    assert!(matches!(places[..], [one, two] if one < first && first < two && two < second), "{events:?}");
    assert!(events.iter().take(first).all(|event| event.time().0 == TIME), "they get the first packet's time");
    let named = SocketEvent::Hosts {
        time: protocols::event::Timestamp(TIME),
        names: vec![([10, 0, 0, 2].into(), Arc::from("dns.test"))],
    };
    assert!(events[..first].contains(&named));
}

#[test]
fn a_capture_of_something_else_says_so() {
    let file = [pcap_header(Order::Little, false, 220), pcap_record(Order::Little, false, TIME, &[0; 64])].concat();
    let error = read(file).1.unwrap();
    assert!(error.what.contains("USB") && error.advice.is_some(), "{error}");
    assert_eq!(error.offset, Some(20));

    let order = Order::Little;
    let wireless = [section(order, &[]), interface(order, 127, &[]), enhanced(order, 0, 1, &[0; 64])];
    let error = read(wireless.concat()).1.unwrap();
    assert!(error.what.contains("802.11"), "{error}");
    let both = [wireless.concat(), interface(order, RAW, &[]), enhanced(order, 1, TIME / 1000, &datagram(b"hi"))];
    assert_eq!(said(both.concat()), one(TIME, "hi"), "what can be read is");
}

#[test]
fn an_empty_capture_is_a_session_without_events() {
    let (events, error) = read(pcap_header(Order::Little, false, RAW));
    assert_eq!((events.len(), error), (1, None));
}

#[test]
fn nonsense_is_damage_where_it_begins() {
    let order = Order::Little;
    let good = [pcap_header(order, false, RAW), pcap_record(order, false, TIME, &datagram(b"hi"))].concat();
    let huge = [[0; 8], [0xff; 8]].concat();
    let cases: [(Vec<u8>, usize, &str); 6] = [
        ([&good[..], &huge, &[0; 40]].concat(), good.len(), "makes no sense"),
        (
            section(order, &[]).iter().copied().chain([6, 0, 0, 0, 0xf0, 0xff, 0xff, 0xff]).collect(),
            28,
            "makes no sense",
        ),
        ([section(order, &[]), block(order, 6, &[0; 3])].concat(), 28, "too short"),
        ([section(order, &[]), enhanced(order, 3, 1, &[0; 4])].concat(), 28, "interface 3"),
        (vec![0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 1, 2, 3, 4], 0, "byte-order"),
        ([section(order, &[]), vec![6, 0, 0, 0, 12, 0, 0, 0, 16, 0, 0, 0]].concat(), 28, "lengths differ"),
    ];
    for (file, offset, what) in cases {
        let (_, error) = read(file);
        let error = error.unwrap();
        assert!(error.what.contains(what), "{error}");
        assert_eq!(error.offset, Some(offset as u64), "{error}");
    }
}

/// A file of so many packets, and where each of them ends.
fn packets(count: usize, new: bool) -> (Vec<u8>, Vec<usize>) {
    let order = Order::Little;
    let mut file =
        if new { [section(order, &[]), interface(order, RAW, &[])].concat() } else { pcap_header(order, false, RAW) };
    let mut ends = vec![file.len()];
    for number in 0..count {
        let packet = datagram(format!("packet {number}").as_bytes());
        let time = TIME + number as u64 * 1_000_000;
        file.extend(if new {
            enhanced(order, 0, time / 1000, &packet)
        } else {
            pcap_record(order, false, time, &packet)
        });
        ends.push(file.len());
    }
    (file, ends)
}

#[test]
fn a_cut_anywhere_gives_the_packets_before_it_and_its_offset() {
    for new in [false, true] {
        let (file, ends) = packets(12, new);
        for cut in 4..file.len() {
            let (events, error) = read(file[..cut].to_vec());
            let whole = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(data(&events).len(), whole.saturating_sub(1), "cut at {cut}");
            let offset = error.map(|error| error.offset.unwrap());
            if ends.contains(&cut) {
                assert_eq!(offset, None, "whole packets are a whole file");
            } else if whole > 0 {
                assert_eq!(offset, Some(ends[whole - 1] as u64), "cut at {cut}");
            }
        }
    }
}

proptest! {
    #[test]
    fn a_changed_byte_leaves_what_precedes_it(new: bool, at in any::<prop::sample::Index>(), with in 1..=255_u8) {
        let (mut file, ends) = packets(12, new);
        let at = at.index(file.len() - ends[0]) + ends[0];
        file[at] ^= with;
        let (events, error) = read(file);
        let before = ends.iter().filter(|end| **end <= at).count() - 1;
        let seen = data(&events);
        prop_assert!(seen.len() >= before);
        for (number, data) in seen.iter().enumerate().take(before) {
            prop_assert_eq!(&data.bytes, &format!("packet {number}").into_bytes());
        }
        if let Some(error) = error {
            prop_assert!(error.offset.unwrap() >= ends[before] as u64, "{}", error);
        }
    }

    #[test]
    fn any_bytes_are_read_in_peace(start in 0..8_usize, bytes in vec(any::<u8>(), 0..600)) {
        let order = Order::Little;
        let start = match start {
            0 => pcap_header(order, false, ETHERNET),
            1 => pcap_header(Order::Big, true, RAW),
            2 => section(order, &[]),
            3 => [section(Order::Big, &[]), interface(Order::Big, RAW, &[])].concat(),
            4 => [section(order, &[]), interface(order, ETHERNET, &[]), order.u32(6).to_vec()].concat(),
            5 => vec![0x1f, 0x8b, 8, 0],
            6 => vec![0x28, 0xb5, 0x2f, 0xfd],
            _ => vec![],
        };
        if let Ok(Input::Events(mut replay)) = open_bytes([start, bytes].concat()) {
            drain(&mut replay);
        }
    }
}

#[test]
fn secrets_from_beside_the_file_come_first() {
    let file =
        [pcap_header(Order::Little, false, RAW), pcap_record(Order::Little, false, TIME, &datagram(b"hi"))].concat();
    let options = Options { keys: Some(Arc::from(*b"CLIENT_RANDOM 00 11")), ..Options::default() };
    let Ok(Input::Events(mut replay)) = open(Box::new(Cursor::new(file)), "it", &options) else { panic!() };
    let (events, _) = drain(&mut replay);
    assert!(matches!(&events[..], [SocketEvent::Session(_), SocketEvent::Keys { time, .. }, ..] if time.0 == TIME));
}
