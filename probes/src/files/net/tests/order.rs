//! Whatever the capture did to the packets: shuffled, repeated, cut differently, lost.

use proptest::collection::vec;
use proptest::prelude::*;
use protocols::event::{Direction, StateChange};

use super::super::Link;
use super::hosts::{Sent, Talk, closes, data, events, states, stream};

/// Who says what, in turns.
fn messages() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(vec(any::<u8>(), 1..600), 1..8)
}

#[derive(Debug, Clone)]
struct Said {
    messages: Vec<Vec<u8>>,
    isn: (u32, u32),
    size: usize,
}

fn said() -> impl Strategy<Value = Said> {
    // Sequence numbers that wrap under way are as likely as others.
    let isn = || prop_oneof![any::<u32>(), (0_u32..2000).prop_map(|below| u32::MAX - below)];
    (messages(), (isn(), isn()), 1_usize..300).prop_map(|(messages, isn, size)| Said { messages, isn, size })
}

impl Said {
    fn talk(&self) -> Talk {
        let mut talk = Talk::new(self.isn.0, self.isn.1);
        talk.handshake();
        for (turn, message) in self.messages.iter().enumerate() {
            talk.say(turn % 2 == 0, message, self.size);
        }
        talk.fin(true);
        talk.ack(false);
        talk.fin(false);
        talk.ack(true);
        talk
    }

    /// What one side said in all; the client's bytes are `Received`, for the server is the local end.
    fn all(&self, direction: Direction) -> Vec<u8> {
        let skip = usize::from(direction == Direction::Sent);
        self.messages.iter().skip(skip).step_by(2).flatten().copied().collect()
    }
}

/// Packets out of their order, each by at most `most` places. The handshake and its times stay.
fn shuffle(packets: &mut [Sent], places: &[usize], most: usize) {
    let times: Vec<_> = packets.iter().map(|packet| packet.time).collect();
    let mut keyed: Vec<_> = packets
        .iter()
        .enumerate()
        .map(|(at, packet)| (at + if at < 3 { 0 } else { places[at % places.len()] % (most + 1) }, at, packet.clone()))
        .collect();
    keyed.sort_by_key(|(place, at, _)| (*place, *at));
    for ((packet, (.., moved)), time) in packets.iter_mut().zip(keyed).zip(times) {
        *packet = Sent { time, ..moved };
    }
}

proptest! {
    #[test]
    fn shuffled_and_repeated_packets_give_the_true_streams(
        said in said(),
        places in vec(0_usize..100, 1..20),
        again in vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut talk = said.talk();
        for at in again {
            let at = at.index(talk.packets.len());
            let copy = talk.packets[at].clone();
            talk.packets.insert((at + 3).min(talk.packets.len()), copy);
        }
        shuffle(&mut talk.packets, &places, 6);
        let events = events(Link::Raw, &talk.packets);
        for direction in [Direction::Sent, Direction::Received] {
            prop_assert_eq!(stream(&events, direction), said.all(direction));
        }
        // Cause before effect: the messages come in turns, each whole before the next begins.
        let mut turns: Vec<(Direction, u64)> = Vec::new();
        for data in data(&events) {
            match turns.last_mut() {
                Some((direction, len)) if *direction == data.direction => *len += data.original_len,
                _ => turns.push((data.direction, data.original_len)),
            }
        }
        let lengths: Vec<_> = turns.iter().map(|(_, len)| *len).collect();
        prop_assert_eq!(lengths, said.messages.iter().map(|message| message.len() as u64).collect::<Vec<_>>());
        let ends = states(&events).into_iter().filter(|change| matches!(change, StateChange::Ended { .. })).count();
        prop_assert_eq!(ends, 2);
        prop_assert_eq!(closes(&events), 1);
    }

    #[test]
    fn lost_packets_leave_a_gap_of_their_length(
        said in said(),
        lost in vec(any::<prop::sample::Index>(), 1..6),
        places in vec(0_usize..100, 1..20),
    ) {
        let mut talk = said.talk();
        shuffle(&mut talk.packets, &places, 3);
        let mut captured = 0;
        let gone: Vec<_> = lost.iter().map(|at| at.index(talk.packets.len())).collect();
        let mut kept = Vec::new();
        for (at, packet) in talk.packets.iter().enumerate() {
            if packet.len == 0 || !gone.contains(&at) {
                captured += packet.len as u64;
                kept.push(packet.clone());
            }
        }
        let events = events(Link::Raw, &kept);
        let mut given = 0;
        for direction in [Direction::Sent, Direction::Received] {
            let truth = said.all(direction);
            let mut next = 0;
            for data in data(&events).into_iter().filter(|data| data.direction == direction) {
                prop_assert!(data.position >= next);
                next = data.position + data.original_len;
                given += data.original_len;
                prop_assert_eq!(&data.bytes[..], &truth[data.position as usize..next as usize]);
            }
            let end = states(&events).into_iter().find_map(|change| match change {
                StateChange::Ended { direction: ended, position } if ended == direction => position,
                _ => None,
            });
            prop_assert_eq!(end, Some(truth.len() as u64));
        }
        prop_assert_eq!(given, captured, "every captured byte is given once");
    }

    #[test]
    fn joined_midstream_the_rest_is_whole(said in said(), first in 3_usize..12) {
        let talk = said.talk();
        let first = first.min(talk.packets.len());
        let events = events(Link::Raw, &talk.packets[first..]);
        for direction in [Direction::Sent, Direction::Received] {
            prop_assert!(said.all(direction).ends_with(&stream(&events, direction)));
        }
        let captured: usize = talk.packets[first..].iter().map(|packet| packet.len).sum();
        let given: usize = data(&events).iter().map(|data| data.bytes.len()).sum();
        prop_assert_eq!(given, captured);
    }

    #[test]
    fn cut_packets_keep_their_true_length(said in said(), snap in 34_usize..200) {
        let mut talk = said.talk();
        for packet in &mut talk.packets {
            packet.cut = packet.bytes.len().saturating_sub(snap);
        }
        let events = events(Link::Raw, &talk.packets);
        for direction in [Direction::Sent, Direction::Received] {
            let truth = said.all(direction);
            let mut next = 0;
            for data in data(&events).into_iter().filter(|data| data.direction == direction) {
                prop_assert_eq!(data.position, next, "no gap");
                next += data.original_len;
                let kept = &truth[data.position as usize..][..data.bytes.len()];
                prop_assert_eq!(&data.bytes[..], kept);
                prop_assert_eq!(data.bytes.len() as u64, data.original_len.min(snap.saturating_sub(40) as u64));
            }
            prop_assert_eq!(next, truth.len() as u64);
        }
    }
}

#[test]
fn segments_that_overlap_are_joined() {
    let mut talk = Talk::new(1, 1);
    talk.handshake();
    talk.say(true, b"abcdef", 3);
    talk.say(true, b"ghi", 3);
    talk.repeat(true, b"defghi");
    talk.say(true, b"jkl", 3);
    talk.repeat(true, b"hijkl");
    // The capture missed all but the ones that overlap.
    let packets: Vec<_> = [0, 1, 2, 3, 6, 8].iter().map(|at| talk.packets[*at].clone()).collect();
    let events = events(Link::Raw, &packets);
    assert_eq!(stream(&events, Direction::Received), b"abcdefghijkl");
}
