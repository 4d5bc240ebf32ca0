use super::build::{ANSWER, Build, RD, TCP, lines, mark, name, query, response};
use crate::dns::tcp::Connection;
use crate::event::{Direction, Timestamp};
use crate::session::{Exchange, Session, Sink, Step};
use crate::stream::Streams;

/// One direction's bytes from some position on: what is kept, and the true length.
pub(super) struct Part {
    pub(super) direction: Direction,
    pub(super) position: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) original_len: u64,
    pub(super) time: u64,
}

pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = u16::try_from(message.len()).unwrap().to_be_bytes().to_vec();
    frame.extend(message);
    frame
}

/// Runs a connection over `parts`; returns its rows and how many bytes made none.
pub(super) fn run(parts: &[Part], midstream: bool) -> (Vec<Exchange>, u64) {
    let mut streams = Streams::default();
    let mut connection = Connection::new(TCP, midstream);
    let mut next_id = 1;
    let mut sink = Sink::new(&mut next_id);
    for part in parts {
        streams[part.direction].insert(part.position, &part.bytes, part.original_len, mark(part.time));
        connection.advance(&mut streams, &mut sink);
    }
    for direction in [Direction::Sent, Direction::Received] {
        streams[direction].give_up_waiting();
        streams[direction].end(None, Timestamp(99));
    }
    connection.advance(&mut streams, &mut sink);
    connection.finish(&mut streams, true, &mut sink);
    let mut exchanges = Vec::new();
    let mut skipped = 0;
    for step in sink.take() {
        match step {
            Step::Finish(exchange) => exchanges.push(*exchange),
            Step::Skipped { bytes } => skipped += bytes,
            _ => {}
        }
    }
    (exchanges, skipped)
}

fn part(direction: Direction, position: u64, bytes: Vec<u8>, time: u64) -> Part {
    let original_len = bytes.len() as u64;
    Part { direction, position, bytes, original_len, time }
}

fn sent(position: u64, bytes: Vec<u8>, time: u64) -> Part {
    part(Direction::Sent, position, bytes, time)
}

fn received(position: u64, bytes: Vec<u8>, time: u64) -> Part {
    part(Direction::Received, position, bytes, time)
}

#[test]
fn pipelined_queries_are_answered_out_of_order() {
    let queries = [framed(&query(1, "a.example", 1)), framed(&query(2, "b.example", 1))].concat();
    let answers = [framed(&response(2, "b.example")), framed(&response(1, "a.example"))].concat();
    let (rows, skipped) = run(&[sent(0, queries, 10), received(0, answers, 30)], false);
    assert_eq!(lines(&rows), ["b.example A NOERROR [192.0.2.1] 20", "a.example A NOERROR [192.0.2.1] 20"]);
    assert_eq!(skipped, 0);
}

#[test]
fn an_unanswered_query_ends_with_the_connection() {
    let (rows, _) = run(&[sent(0, framed(&query(1, "a.example", 1)), 10)], false);
    assert_eq!(lines(&rows), ["a.example A - - -"]);
    assert!(rows[0].cut_short);
}

#[test]
fn a_length_apart_from_its_message() {
    let query = framed(&query(1, "a.example", 1));
    let (head, tail) = query.split_at(2);
    let (rows, _) = run(
        &[sent(0, head.to_vec(), 10), sent(2, tail.to_vec(), 12), received(0, framed(&response(1, "a.example")), 30)],
        false,
    );
    assert_eq!(lines(&rows), ["a.example A NOERROR [192.0.2.1] 20"]);
}

fn soa(serial: u32) -> Vec<u8> {
    let mut data = [name("ns.example"), name("host.example")].concat();
    for field in [serial, 1, 2, 3, 4] {
        data.extend(field.to_be_bytes());
    }
    data
}

#[test]
fn a_zone_transfer_is_one_exchange() {
    let messages = [
        Build::new(1, ANSWER).ask("example", 252).answer("example", 6, 60, &soa(7)),
        Build::new(1, ANSWER).answer("a.example", 1, 60, &[192, 0, 2, 1]).answer("b.example", 1, 9, &[192, 0, 2, 2]),
        Build::new(1, ANSWER).answer("example", 6, 60, &soa(7)),
    ];
    let mut parts = vec![sent(0, framed(&query(1, "example", 252)), 10)];
    let mut position = 0;
    for (message, time) in messages.iter().zip([20, 30, 40]) {
        let frame = framed(&message.bytes());
        position += frame.len() as u64;
        parts.push(received(position - frame.len() as u64, frame, time));
    }
    let (rows, _) = run(&parts, false);
    let apex = "ns.example. host.example. 7 1 2 3 4";
    assert_eq!(lines(&rows), [format!("example AXFR NOERROR [{apex}, 192.0.2.1, 192.0.2.2, {apex}] 30")]);
    assert_eq!(rows[0].timing.response_start, Some(Timestamp(20)));
}

/// RFC 1995, 7: differences from serial 1 to 3, and "up to date".
#[test]
fn an_incremental_transfer_ends_where_it_should() {
    let differences = Build::new(1, ANSWER)
        .ask("example", 251)
        .answer("example", 6, 60, &soa(3))
        .answer("example", 6, 60, &soa(1))
        .answer("old.example", 1, 60, &[192, 0, 2, 1])
        .answer("example", 6, 60, &soa(3));
    let rest = Build::new(1, ANSWER).answer("new.example", 1, 60, &[192, 0, 2, 2]).answer("example", 6, 60, &soa(3));
    let frames = [framed(&differences.bytes()), framed(&rest.bytes())].concat();
    let (rows, _) = run(&[sent(0, framed(&query(1, "example", 251)), 10), received(0, frames, 20)], false);
    assert_eq!(rows.len(), 1);
    assert!(!rows[0].cut_short);
    assert!(lines(&rows)[0].contains("192.0.2.2, ns.example."));

    let current = Build::new(1, ANSWER).ask("example", 251).answer("example", 6, 60, &soa(3)).bytes();
    let (rows, _) = run(&[sent(0, framed(&query(1, "example", 251)), 10), received(0, framed(&current), 20)], false);
    assert!(!rows[0].cut_short);
}

#[test]
fn a_hole_inside_an_answer_costs_only_what_it_hides() {
    let answer = Build::new(1, ANSWER).ask("a.example", 1).answer("a.example", 1, 60, &[192, 0, 2, 1]).answer(
        "a.example",
        1,
        60,
        &[192, 0, 2, 2],
    );
    let frame = framed(&answer.bytes());
    let kept = frame[..frame.len() - 4].to_vec();
    let next = framed(&response(2, "b.example"));
    let queries = [framed(&query(1, "a.example", 1)), framed(&query(2, "b.example", 1))].concat();
    let cut = Part { original_len: frame.len() as u64, ..received(0, kept, 20) };
    let (rows, _) = run(&[sent(0, queries, 10), cut, received(frame.len() as u64, next, 30)], false);
    assert_eq!(lines(&rows), ["a.example A NOERROR [192.0.2.1] 10", "b.example A NOERROR [192.0.2.1] 20"]);
    let marks: Vec<_> = rows.iter().map(|row| super::build::dns(row).common.truncated).collect();
    assert_eq!(marks, [true, false]);
}

#[test]
fn a_hole_over_a_length_is_got_over() {
    let queries = [framed(&query(1, "a.example", 1)), framed(&query(2, "b.example", 1))].concat();
    let lost = framed(&response(1, "a.example")).len() as u64 + 5;
    let rest = framed(&response(2, "b.example"));
    // The second answer is seen from its sixth byte on, then comes a whole one.
    let third = framed(&Build::new(3, RD | 0x8000).ask("c.example", 1).bytes());
    let seen = [rest[5..].to_vec(), third].concat();
    let head = framed(&response(9, "z.example"));
    let at = head.len() as u64;
    let (rows, skipped) = run(&[sent(0, queries, 10), received(0, head, 20), received(at + lost, seen, 30)], false);
    assert_eq!(
        lines(&rows),
        ["z.example A NOERROR [192.0.2.1] -", "c.example A NOERROR [] -", "a.example A - - -", "b.example A - - -"]
    );
    assert_eq!(skipped, lost + rest.len() as u64 - 5);
}

#[test]
fn joined_inside_a_message() {
    let stream = [framed(&query(1, "a.example", 1)), framed(&query(2, "b.example", 1))].concat();
    let (rows, skipped) = run(&[sent(1000, stream[6..].to_vec(), 10)], true);
    assert_eq!(lines(&rows), ["b.example A - - -"]);
    assert_eq!(skipped, framed(&query(1, "a.example", 1)).len() as u64 - 6);
}
