//! Link layers, tunnels and fragments around the same TCP segment.

use etherparse::PacketBuilder;
use protocols::event::{Direction, SocketEvent, Timestamp, Transport};

use super::super::{Link, Network, Packet};
use super::hosts::{CLIENT, SERVER, Sent, closes, data, events, opens, stream};
use crate::files::format::Queue;

const WORD: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

fn ipv4() -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ipv4(CLIENT.0, SERVER.0, 64).tcp(CLIENT.1, SERVER.1, 7, 1000).write(&mut bytes, WORD).unwrap();
    bytes
}

fn ipv6() -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ipv6([1; 16], [2; 16], 64).tcp(CLIENT.1, SERVER.1, 7, 1000).write(&mut bytes, WORD).unwrap();
    bytes
}

fn sent(bytes: Vec<u8>) -> Sent {
    Sent { time: Timestamp(1), bytes, cut: 0, len: 0 }
}

#[track_caller]
fn check(link: Link, head: &[u8], packet: &[u8]) {
    let events = events(link, &[sent([head, packet].concat())]);
    assert_eq!(stream(&events, Direction::Received), WORD, "{link:?} {head:02x?}");
}

#[test]
fn every_link_layer_leads_to_ip() {
    let mac = [0_u8; 12];
    let ethernet = |rest: &[u8]| [&mac[..], rest].concat();
    check(Link::Raw, &[], &ipv4());
    check(Link::Raw, &[], &ipv6());
    check(Link::Loopback, &[2, 0, 0, 0], &ipv4());
    check(Link::Loopback, &[0, 0, 0, 24], &ipv6());
    check(Link::Ethernet, &ethernet(&[0x08, 0x00]), &ipv4());
    check(Link::Ethernet, &ethernet(&[0x86, 0xdd]), &ipv6());
    check(Link::Ethernet, &ethernet(&[0x81, 0x00, 0, 5, 0x08, 0x00]), &ipv4());
    check(Link::Ethernet, &ethernet(&[0x88, 0xa8, 0, 5, 0x81, 0x00, 0, 7, 0x86, 0xdd]), &ipv6());
    check(Link::Ethernet, &ethernet(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 60, 0x00, 0x21]), &ipv4());
    check(Link::Ethernet, &ethernet(&[0x88, 0x47, 0, 1, 0, 9, 0, 2, 1, 9]), &ipv4());
    check(Link::Ethernet, &ethernet(&[0, 60, 0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x00]), &ipv4());
    check(Link::Cooked, &[0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x00], &ipv4());
    check(Link::Cooked2, &[0x86, 0xdd, 0, 0, 0, 0, 0, 1, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &ipv6());
    check(Link::Ppp, &[0xff, 0x03, 0x00, 0x21], &ipv4());
    check(Link::Ppp, &[0x21], &ipv4());
    check(Link::PppOverEthernet, &[0x11, 0, 0, 1, 0, 60, 0x00, 0x57], &ipv6());
    check(Link::Nflog, &[2, 0, 0, 0, 5, 0, 10, 0, b'x', 0, 0, 0, 62, 0, 9, 0], &ipv4());
}

#[test]
fn padding_behind_the_packet_is_no_data() {
    let packet = [&[0; 12][..], &[0x08, 0x00], &ipv4(), &[0; 30]].concat();
    assert_eq!(stream(&events(Link::Ethernet, &[sent(packet)]), Direction::Received), WORD);
}

#[test]
fn a_length_of_zero_means_all_of_the_packet() {
    let mut packet = ipv4();
    packet[2..4].copy_from_slice(&[0, 0]);
    assert_eq!(stream(&events(Link::Raw, &[sent(packet)]), Direction::Received), WORD);
}

#[test]
fn tunnels_are_looked_into() {
    let outer = |protocol: u8, head: &[u8], inner: &[u8]| {
        let len = (20 + head.len() + inner.len()) as u16;
        let mut bytes = vec![0x45, 0, 0, 0, 0, 1, 0, 0, 64, protocol, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2];
        bytes[2..4].copy_from_slice(&len.to_be_bytes());
        [&bytes, head, inner].concat()
    };
    check(Link::Raw, &[], &outer(4, &[], &ipv4()));
    check(Link::Raw, &[], &outer(41, &[], &ipv6()));
    check(Link::Raw, &[], &outer(47, &[0, 0, 0x08, 0x00], &ipv4()));
    check(Link::Raw, &[], &outer(47, &[0xb0, 0, 0x86, 0xdd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2], &ipv6()));
    let vxlan = [&[0x30, 0, 0x12, 0xb5, 0, 90, 0, 0, 8, 0, 0, 0, 0, 0, 9, 0][..], &[0; 12], &[0x08, 0x00]].concat();
    check(Link::Raw, &[], &outer(17, &vxlan, &ipv4()));
    // IP in IP without an end.
    let mut deep = ipv4();
    for _ in 0..10 {
        deep = outer(4, &[], &deep);
    }
    assert!(data(&events(Link::Raw, &[sent(deep)])).is_empty());
}

/// A UDP datagram in pieces of `size`, with IPv4 or IPv6 headers.
fn pieces(payload: &[u8], size: usize, v6: bool) -> Vec<Sent> {
    let mut udp = Vec::new();
    udp.extend_from_slice(&[0x9c, 0x40, 0, 53]);
    udp.extend_from_slice(&((payload.len() + 8) as u16).to_be_bytes());
    udp.extend_from_slice(&[0, 0]);
    udp.extend_from_slice(payload);
    let count = udp.len().div_ceil(size);
    let piece = |(at, part): (usize, &[u8])| {
        let (units, more) = (((at * size) / 8) as u16, at + 1 < count);
        let bytes = if v6 {
            let mut head = [0x60, 0, 0, 0, 0, 0, 44, 64];
            head[4..6].copy_from_slice(&((part.len() + 8) as u16).to_be_bytes());
            let place = (units << 3 | u16::from(more)).to_be_bytes();
            [&head[..], &[1; 16], &[2; 16], &[17, 0, place[0], place[1], 0, 0, 0, 77], part].concat()
        } else {
            let mut head = vec![0x45, 0, 0, 0, 0, 77, 0, 0, 64, 17, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2];
            head[2..4].copy_from_slice(&((part.len() + 20) as u16).to_be_bytes());
            head[6..8].copy_from_slice(&(units | if more { 0x2000 } else { 0 }).to_be_bytes());
            [&head[..], part].concat()
        };
        sent(bytes)
    };
    udp.chunks(size).enumerate().map(piece).collect()
}

#[test]
fn fragments_come_together_in_any_order() {
    let payload: Vec<u8> = (0..3000_u32).map(|n| n as u8).collect();
    for v6 in [false, true] {
        let mut packets = pieces(&payload, 512, v6);
        packets.rotate_left(2);
        packets.push(packets[0].clone());
        let events = events(Link::Raw, &packets);
        let all = data(&events);
        let [data] = &all[..] else { panic!("{} datagrams, v6 {v6}", all.len()) };
        assert_eq!((data.bytes.as_slice(), data.original_len), (payload.as_slice(), 3000));
    }
}

#[test]
fn of_a_packet_without_all_its_fragments_the_beginning_is_given() {
    let payload: Vec<u8> = (0..3000_u32).map(|n| n as u8).collect();
    let mut packets = pieces(&payload, 512, false);
    packets.remove(2);
    let events = events(Link::Raw, &packets);
    let all = data(&events);
    let [data] = &all[..] else { panic!("{} datagrams", all.len()) };
    assert_eq!((data.bytes.as_slice(), data.original_len), (&payload[..1016], 3000));
}

#[test]
fn a_flood_of_fragments_stays_within_bounds() {
    let (mut network, mut out) = (Network::default(), Queue::new());
    for id in 0..60_000_u32 {
        let mut packet = pieces(&[0; 1400], 1200, false).remove(0);
        packet.bytes[4..6].copy_from_slice(&(id as u16).to_be_bytes());
        packet.bytes[12] = (id >> 16) as u8;
        let bytes = &packet.bytes;
        let packet = Packet { time: Timestamp(id.into()), link: Link::Raw, bytes, original_len: bytes.len() };
        network.packet(&packet, &mut out);
    }
    let held = network.fragments.give_up();
    assert!(held.len() <= 4096, "{}", held.len());
}

#[test]
fn datagrams_are_numbered_and_told_apart_by_their_ends() {
    let udp = |from: ([u8; 4], u16), to: ([u8; 4], u16), word: &[u8]| {
        let mut bytes = Vec::new();
        PacketBuilder::ipv4(from.0, to.0, 64).udp(from.1, to.1).write(&mut bytes, word).unwrap();
        sent(bytes)
    };
    let (one, two, dns) = (([10, 0, 0, 1], 40_000), ([10, 0, 0, 1], 40_001), ([10, 0, 0, 53], 53));
    let mut packets = vec![
        udp(one, dns, b"q1"),
        udp(one, dns, b"q2"),
        udp(dns, one, b"a1"),
        udp(two, dns, b"q3"),
        udp(dns, one, b"a2"),
    ];
    let again = Sent { time: Timestamp(90_000_000_000), ..udp(one, dns, b"q4") };
    packets.push(again);
    let events = events(Link::Raw, &packets);
    let opened = opens(&events);
    assert!(opened.iter().all(|open| open.transport == Transport::Udp && open.local.port == Some(53)));
    assert_eq!((opened.len(), closes(&events)), (3, 2), "after a minute of silence it is another conversation");
    let seen: Vec<_> = data(&events).into_iter().map(|data| (data.socket.0, data.direction, data.position)).collect();
    let (sent, received) = (Direction::Sent, Direction::Received);
    assert_eq!(
        seen,
        [(1, received, 0), (1, received, 1), (1, sent, 0), (2, received, 0), (1, sent, 1), (3, received, 0)]
    );
    assert!(matches!(events.first(), Some(SocketEvent::Session(_))));
}
