//! Memory stays within bounds, and no bytes at all make a panic.

use proptest::collection::vec;
use proptest::prelude::*;
use protocols::event::{SocketEvent, Timestamp};

use super::super::{Link, Network, Packet};
use super::hosts::{Flag, SERVER, Talk, data, events};
use crate::files::format::Queue;

const LINKS: [Link; 9] = [
    Link::Loopback,
    Link::Ethernet,
    Link::Cooked,
    Link::Cooked2,
    Link::Raw,
    Link::Ppp,
    Link::PppOverEthernet,
    Link::Nflog,
    Link::Fddi,
];

fn feed(network: &mut Network, talk: &Talk, out: &mut Queue) {
    for packet in &talk.packets {
        let bytes = &packet.bytes;
        network.packet(&Packet { time: packet.time, link: Link::Raw, bytes, original_len: bytes.len() }, out);
    }
}

#[test]
fn a_hundred_thousand_half_open_connections_are_known_and_more_are_let_go() {
    let (mut network, mut out) = (Network::default(), Queue::new());
    let mut opened = 0;
    let mut closed = 0;
    for id in 0..200_000_u32 {
        let mut bytes = Vec::new();
        let from = [11, (id >> 16) as u8, (id >> 8) as u8, id as u8];
        let builder = etherparse::PacketBuilder::ipv4(from, SERVER.0, 64).tcp(40_000, SERVER.1, id, 1000);
        builder.syn().write(&mut bytes, b"").unwrap();
        let packet =
            Packet { time: Timestamp(u64::from(id) * 1000), link: Link::Raw, bytes: &bytes, original_len: bytes.len() };
        network.packet(&packet, &mut out);
        for event in out.drain(..) {
            match event {
                SocketEvent::Open(_) => opened += 1,
                SocketEvent::Close { .. } => closed += 1,
                SocketEvent::Lost(lost) => panic!("nothing is lost with a connection that never stood: {lost:?}"),
                _ => {}
            }
        }
        if id == 100_000 {
            assert_eq!(closed, 0);
        }
    }
    assert_eq!(opened, 200_000);
    assert!((200_000 - 131_072..120_000).contains(&closed), "{closed}");
}

#[test]
fn a_gap_that_is_never_filled_holds_back_no_more_than_its_bound() {
    let mut talk = Talk::new(100, 900);
    talk.handshake();
    talk.raw(true, Flag::None, 101, Some(901), b"start");
    // 60 MiB behind one missing byte, without an acknowledgment and without time passing.
    let (mut network, mut out) = (Network::default(), Queue::new());
    feed(&mut network, &talk, &mut out);
    let chunk = vec![7; 60_000];
    let mut given = 0;
    for number in 0..1000_u32 {
        let mut step = Talk::new(0, 0);
        step.time = talk.time;
        step.raw(true, Flag::None, 107 + number * 60_000, Some(901), &chunk);
        feed(&mut network, &step, &mut out);
        given += data(&out.drain(..).collect::<Vec<_>>()).iter().map(|data| data.bytes.len()).sum::<usize>();
        let sent = (number as usize + 1) * chunk.len();
        assert!(sent - given.min(sent) < 5 << 20, "{sent} came, {given} were given");
    }
}

#[test]
fn one_byte_a_packet_is_read() {
    let mut talk = Talk::new(100, 900);
    talk.handshake();
    let word: Vec<u8> = (0..20_000_u32).map(|n| n as u8).collect();
    talk.say(true, &word, 1);
    assert_eq!(data(&events(Link::Raw, &talk.packets)).len(), 20_000);
}

proptest! {
    #[test]
    fn no_bytes_make_a_panic(packets in vec((vec(any::<u8>(), 0..120), any::<u32>(), 0_usize..2000), 1..30)) {
        for link in LINKS {
            let (mut network, mut out) = (Network::default(), Queue::new());
            for (bytes, time, more) in &packets {
                let time = Timestamp(u64::from(*time) << 8);
                network.packet(&Packet { time, link, bytes, original_len: bytes.len() + more }, &mut out);
            }
            network.close(&mut out);
        }
    }

    #[test]
    fn no_headers_make_a_panic(
        flags in vec((any::<u8>(), any::<u32>(), any::<u32>(), 0_usize..40, any::<bool>(), any::<u32>()), 1..60),
    ) {
        let (mut network, mut out) = (Network::default(), Queue::new());
        for (bits, seq, ack, len, client, time) in flags {
            let mut talk = Talk::new(0, 0);
            talk.time = u64::from(time) << 4;
            // Small numbers meet, large ones wrap.
            let near = |number: u32| if number & 1 == 0 { number & 0xff } else { number };
            talk.raw(client, Flag::None, near(seq), Some(near(ack)), &vec![1; len]);
            talk.packets[0].bytes[33] = bits;
            feed(&mut network, &talk, &mut out);
        }
        network.close(&mut out);
        let mut next = std::collections::HashMap::new();
        for data in data(&Vec::from(out)) {
            let place = next.entry((data.socket, data.direction)).or_insert(data.position);
            prop_assert!(data.position >= *place);
            *place = data.position + data.original_len;
        }
    }
}
