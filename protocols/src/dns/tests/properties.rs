use proptest::prelude::*;

use super::build::{ANSWER, Build, lines, query, response};
use super::tcp::{Part, framed, run};
use crate::dns::{DATAGRAMS, Extent, Fault, Message, PROTOCOL};
use crate::event::{Direction, Transport};
use crate::session::{Glimpse, Guess};

fn glimpse(bytes: &[u8], transport: Transport, port: Option<u16>) -> Glimpse<'_> {
    Glimpse { bytes, complete: true, midstream: false, source_port: None, destination_port: port, transport }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), port in proptest::option::of(Just(53_u16))) {
        let _ = (DATAGRAMS.recognise)(&glimpse(&bytes, Transport::Udp, port));
        let _ = (PROTOCOL.recognise)(&Glimpse { midstream: true, ..glimpse(&bytes, Transport::Tcp, port) });
        if let Ok(message) = Message::parse(&bytes) {
            for answer in &message.answers {
                let _ = (message.data(answer), message.target(answer), message.serial(answer));
            }
        }
        let original_len = bytes.len() as u64;
        let part = Part { direction: Direction::Sent, position: 0, bytes, original_len, time: 1 };
        let _ = run(&[part], port.is_some());
    }

    /// Every type's reader over any data.
    #[test]
    fn no_data_panics(rtype in 0_u16..300, data in proptest::collection::vec(any::<u8>(), 0..80)) {
        let bytes = Build::new(1, ANSWER).ask("a.example", rtype).answer("a.example", rtype, 0, &data).bytes();
        let message = Message::parse(&bytes).unwrap();
        for answer in &message.answers {
            prop_assert!(message.data(answer).is_ascii());
        }
    }

    /// Real messages with a few bytes changed.
    #[test]
    fn changed_messages_never_panic(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let messages: Vec<&str> = include_str!("../../../../fixtures/dns/rdata.jsonl").lines().collect();
        let vector: serde_json::Value = serde_json::from_str(messages[which.index(messages.len())]).unwrap();
        let mut bytes = super::vectors::unhex(vector["message"].as_str().unwrap());
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = (DATAGRAMS.recognise)(&glimpse(&bytes, Transport::Udp, None));
        let mut driver = super::build::Driver::new();
        driver.received(1, &bytes);
        driver.finish();
    }

    #[test]
    fn random_datagrams_are_not_dns(bytes in proptest::collection::vec(any::<u8>(), 12..200)) {
        prop_assert_eq!((DATAGRAMS.recognise)(&glimpse(&bytes, Transport::Udp, Some(4000))), Guess::No);
    }

    #[test]
    fn chunks_make_no_difference(cuts in proptest::collection::vec(1_usize..60, 1..40)) {
        let sent = [framed(&query(1, "a.example", 1)), framed(&query(2, "b.example", 28)), framed(&query(3, "c.example", 16))].concat();
        let received = [framed(&response(1, "a.example")), framed(&Build::new(3, ANSWER | 3).ask("c.example", 16).bytes())].concat();
        let whole = run(&[all(Direction::Sent, &sent, 1), all(Direction::Received, &received, 2)], false);
        let mut parts = chop(Direction::Sent, &sent, &cuts, 1);
        parts.extend(chop(Direction::Received, &received, &cuts, 2));
        let chopped = run(&parts, false);
        prop_assert_eq!(lines(&whole.0), lines(&chopped.0));
        prop_assert_eq!(whole.1, chopped.1);
    }
}

fn all(direction: Direction, bytes: &[u8], time: u64) -> Part {
    Part { direction, position: 0, bytes: bytes.to_vec(), original_len: bytes.len() as u64, time }
}

fn chop(direction: Direction, bytes: &[u8], cuts: &[usize], time: u64) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut at = 0;
    for cut in cuts.iter().chain(std::iter::repeat(&1000)) {
        let end = (at + cut).min(bytes.len());
        let piece = &bytes[at..end];
        parts.push(Part { position: at as u64, ..all(direction, piece, time) });
        at = end;
        if at == bytes.len() {
            return parts;
        }
    }
    parts
}

#[test]
fn every_prefix_is_short_not_invalid() {
    for line in include_str!("../../../../fixtures/dns/rdata.jsonl").lines() {
        let vector: serde_json::Value = serde_json::from_str(line).unwrap();
        let bytes = super::vectors::unhex(vector["message"].as_str().unwrap());
        for end in 0..bytes.len() {
            match Message::parse(&bytes[..end]) {
                Err(fault) => assert_eq!(fault, Fault::Short),
                Ok(message) => assert_eq!(message.extent, Extent::Cut),
            }
        }
    }
}

#[test]
fn recognised_on_any_port() {
    let (query, response) = (query(4711, "www.example.com", 28), response(4711, "www.example.com"));
    for port in [None, Some(53), Some(8053)] {
        assert_eq!((DATAGRAMS.recognise)(&glimpse(&query, Transport::Udp, port)), Guess::Request);
        assert_eq!((DATAGRAMS.recognise)(&glimpse(&response, Transport::Udp, port)), Guess::Response);
        assert_eq!((PROTOCOL.recognise)(&glimpse(&framed(&query), Transport::Tcp, port)), Guess::Request);
        assert_eq!((PROTOCOL.recognise)(&glimpse(&framed(&response), Transport::Tcp, port)), Guess::Response);
    }
}

#[test]
fn the_first_bytes_of_a_stream_may_be_dns() {
    let frame = framed(&query(4711, "www.example.com", 28));
    for end in 0..frame.len() {
        let glimpse = Glimpse { complete: false, ..glimpse(&frame[..end], Transport::Tcp, None) };
        assert_eq!((PROTOCOL.recognise)(&glimpse), Guess::Maybe, "{end}");
    }
}

#[test]
fn others_are_not_dns() {
    let others: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        // A Postgres startup message, a TLS ClientHello's beginning, a QUIC Initial's, zeros.
        b"\x00\x00\x00\x29\x00\x03\x00\x00user\x00postgres\x00database\x00shop\x00\x00",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d",
        b"\xc3\x00\x00\x00\x01\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\x00\x00\x44\x9e\x00\x00\x00\x02",
        &[0; 48],
    ];
    for bytes in others {
        assert_eq!((PROTOCOL.recognise)(&glimpse(bytes, Transport::Tcp, None)), Guess::No, "{bytes:?}");
        assert_eq!((DATAGRAMS.recognise)(&glimpse(bytes, Transport::Udp, None)), Guess::No, "{bytes:?}");
    }
}
