//! The life of connections: how they open, fail, end, and are used again.

use protocols::event::{Address, Direction, Side, SocketEvent, SocketId, StateChange};

use super::super::Link;
use super::hosts::{Flag, Talk, closes, data, events, opens, states, stream};

fn has(changes: &[StateChange], wanted: &StateChange) -> bool {
    changes.contains(wanted)
}

#[test]
fn a_connection_opens_stands_and_ends() {
    let mut talk = Talk::new(100, 900);
    talk.handshake();
    talk.say(true, b"hi", 10);
    talk.fin(true);
    talk.say(false, b"hello", 10);
    talk.fin(false);
    talk.ack(true);
    let events = events(Link::Raw, &talk.packets);

    let [open] = &opens(&events)[..] else { panic!("one connection") };
    assert_eq!((open.local.port, open.remote.port), (Some(8080), Some(40_000)), "the server's end is local");
    assert_eq!((open.initiator, open.midstream), (Some(Side::Remote), false));
    let changes = states(&events);
    assert!(matches!(changes[..], [StateChange::Connecting, StateChange::Established { .. }, ..]), "{changes:?}");
    let ended = |direction, position| StateChange::Ended { direction, position: Some(position) };
    assert_eq!(changes[2..], [ended(Direction::Received, 2), ended(Direction::Sent, 5)]);
    assert!(matches!(events.last(), Some(SocketEvent::Close { .. })));

    // From SYN to the answer to it.
    let time = |wanted: fn(&StateChange) -> bool| {
        events.iter().find_map(|event| match event {
            SocketEvent::State(state) if wanted(&state.change) => Some(state.time),
            _ => None,
        })
    };
    let connecting = time(|change| matches!(change, StateChange::Connecting)).unwrap();
    let established = time(|change| matches!(change, StateChange::Established { .. })).unwrap();
    assert_eq!(established.since(connecting), 1_000_000);
}

#[test]
fn data_on_the_syn_counts() {
    let mut talk = Talk::new(100, 900);
    talk.raw(true, Flag::Syn, 100, None, b"early ");
    talk.raw(false, Flag::Syn, 900, Some(107), b"");
    talk.raw(true, Flag::None, 107, Some(901), b"late");
    assert_eq!(stream(&events(Link::Raw, &talk.packets), Direction::Received), b"early late");
}

#[test]
fn a_refused_connection_fails() {
    let mut talk = Talk::new(100, 900);
    talk.raw(true, Flag::Syn, 100, None, b"");
    talk.raw(false, Flag::Rst, 0, Some(101), b"");
    let events = events(Link::Raw, &talk.packets);
    assert!(has(&states(&events), &StateChange::Failed { errno: "ECONNREFUSED".into() }), "{events:?}");
    assert_eq!(closes(&events), 1);
}

#[test]
fn a_reset_closes_after_what_was_under_way() {
    let mut talk = Talk::new(100, 900);
    talk.handshake();
    talk.say(true, b"hi", 10);
    talk.rst(true);
    talk.say(false, b"in flight", 10);
    let events = events(Link::Raw, &talk.packets);
    assert!(has(&states(&events), &StateChange::Reset));
    assert_eq!(stream(&events, Direction::Sent), b"in flight");
    assert_eq!(closes(&events), 1);
}

#[test]
fn a_forged_reset_is_passed_over() {
    let mut talk = Talk::new(100, 900);
    talk.handshake();
    talk.say(true, b"hi", 10);
    talk.raw(false, Flag::Rst, 1_000_000_000, None, b"");
    talk.say(false, b"hello", 10);
    let events = events(Link::Raw, &talk.packets);
    assert!(!has(&states(&events), &StateChange::Reset));
    assert_eq!(closes(&events), 0, "it is still open");
}

#[test]
fn ports_used_again_are_another_connection() {
    let mut first = Talk::new(100, 900);
    first.handshake();
    first.say(true, b"one", 10);
    let mut second = Talk::new(50, 9_000_000);
    second.time = first.time;
    second.handshake();
    second.say(true, b"two", 10);
    first.packets.extend(second.packets);
    let events = events(Link::Raw, &first.packets);
    let sockets: Vec<_> = data(&events).into_iter().map(|data| (data.socket, data.bytes, data.position)).collect();
    assert_eq!(sockets, [(SocketId(1), b"one".to_vec(), 0), (SocketId(2), b"two".to_vec(), 0)]);
    assert_eq!((opens(&events).len(), closes(&events)), (2, 1));
}

#[test]
fn what_straggles_opens_nothing() {
    let mut talk = Talk::new(100, 900);
    talk.handshake();
    talk.say(true, b"bye", 10);
    talk.fin(true);
    talk.fin(false);
    talk.ack(true);
    talk.repeat(true, b"bye");
    talk.wait(30_000);
    talk.ack(false);
    let events = events(Link::Raw, &talk.packets);
    assert_eq!((opens(&events).len(), closes(&events)), (1, 1));
}

#[test]
fn repeated_segments_are_counted_and_probes_are_not() {
    let mut talk = Talk::new(100, 900);
    talk.raw(true, Flag::Syn, 100, None, b"");
    talk.wait(1000);
    talk.handshake();
    talk.say(true, b"hello", 10);
    talk.repeat(true, b"hello");
    // Keep-alives: the last byte again, or none from before it.
    let last = talk.seq(true).wrapping_sub(1);
    talk.raw(true, Flag::None, last, Some(talk.seq(false)), b"o");
    talk.raw(true, Flag::None, last, Some(talk.seq(false)), b"");
    talk.ack(false);
    let events = events(Link::Raw, &talk.packets);
    let again = states(&events).iter().filter(|change| **change == StateChange::Retransmit).count();
    assert_eq!(again, 2, "the SYN and the word");
    assert_eq!(stream(&events, Direction::Received), b"hello");
}

#[test]
fn what_was_missed_is_given_up_after_a_while_of_capture_time() {
    let mut talk = Talk::new(100, 900);
    talk.handshake();
    talk.say(true, b"abc", 10);
    talk.say(true, b"missed", 10);
    talk.say(true, b"def", 10);
    talk.packets.remove(4);
    talk.ack(false);
    talk.wait(400);
    talk.ack(false);
    let before = events(Link::Raw, &talk.packets);
    let place = |wanted: &[u8]| {
        before.iter().position(|event| matches!(event, SocketEvent::Data(data) if data.bytes == wanted))
    };
    let clock = before.iter().position(|event| matches!(event, SocketEvent::Clock { .. }));
    assert!(place(b"def") < clock, "given when time allowed it, not at the end: {before:?}");
    assert_eq!(data(&before)[1].position, 9);
}

#[test]
fn one_direction_alone_is_read() {
    let mut talk = Talk::new(100, 900);
    talk.handshake();
    for _ in 0..5 {
        talk.say(true, b"question", 10);
        talk.say(false, b"answer", 10);
    }
    // The server's packets took another road.
    talk.packets.retain(|packet| packet.bytes[12..16] == [10, 0, 0, 1]);
    let events = events(Link::Raw, &talk.packets);
    assert_eq!(stream(&events, Direction::Received), b"question".repeat(5));
}

#[test]
fn midstream_the_lower_port_is_the_server() {
    let mut talk = Talk::new(100, 900);
    talk.say(false, b"answer", 10);
    talk.say(true, b"question", 10);
    let events = events(Link::Raw, &talk.packets);
    let [open] = &opens(&events)[..] else { panic!("one connection") };
    assert_eq!((open.local.port, open.midstream, open.initiator), (Some(8080), true, None));
    assert_eq!(open.local.address, Some(Address::Ip([10, 0, 0, 2].into())));
}
