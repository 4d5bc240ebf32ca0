//! Reassembly, by table and against a model.

use proptest::prelude::*;

use super::*;

fn mark(time: u64) -> Mark {
    Mark { time: Timestamp(time), pid: 0, tid: 0, task: 0, source: Source::Pcap }
}

/// Reads all that can be read: bytes, with `.` for each that was cut and `?` for each that was lost.
fn drain(stream: &mut DataStream) -> String {
    let mut out = String::new();
    loop {
        if let Some(hole) = stream.hole() {
            out.push_str(&if hole.lost { "?" } else { "." }.repeat(usize::try_from(hole.len).unwrap()));
            stream.skip(hole.len);
        } else if stream.bytes().is_empty() {
            return out;
        } else {
            out.push_str(std::str::from_utf8(stream.bytes()).unwrap());
            stream.consume(stream.bytes().len());
        }
    }
}

#[track_caller]
fn check(segments: &[(u64, &str, u64)], expect: &str) {
    let mut stream = DataStream::default();
    for (at, (position, bytes, original_len)) in segments.iter().enumerate() {
        stream.insert(*position, bytes.as_bytes(), *original_len, mark(at as u64));
    }
    assert_eq!(drain(&mut stream), expect, "{segments:?}");
}

#[test]
fn segments_in_any_order_more_than_once_and_overlapping() {
    check(&[(0, "ab", 2), (2, "cd", 2)], "abcd");
    check(&[(0, "ab", 2), (4, "ef", 2), (2, "cd", 2)], "abcdef");
    check(&[(0, "abc", 3), (0, "abc", 3), (1, "bcde", 4)], "abcde");
    check(&[(0, "a", 1), (2, "c", 1), (2, "cdef", 4), (2, "c", 1), (1, "b", 1)], "abcdef");
    check(&[(100, "ab", 2), (90, "no", 2)], "ab");
    check(&[(0, "a", 1), (5, "f", 1)], "a");
    check(&[(0, "", 0)], "");
}

#[test]
fn what_a_limit_cut_is_a_hole_of_known_length() {
    check(&[(0, "ab", 5), (5, "f", 1)], "ab...f");
    check(&[(0, "", 3), (3, "d", 1)], "...d");
    check(&[(0, "ab", 4), (2, "cdef", 4)], "ab..ef");
}

#[test]
fn what_does_not_come_is_lost_when_waiting_ends() {
    let mut stream = DataStream::default();
    stream.insert(0, b"a", 1, mark(1));
    stream.insert(3, b"d", 1, mark(2));
    stream.insert(6, b"g", 1, mark(3));
    assert_eq!(stream.waiting_since(), Some(Timestamp(2)));
    assert_eq!(stream.give_up_waiting(), 2);
    assert_eq!(drain(&mut stream), "a??d");
    stream.end(Some(9), Timestamp(4));
    assert!(!stream.ended());
    assert_eq!(stream.give_up(Timestamp(5)), 4);
    assert_eq!(drain(&mut stream), "??g??");
    assert!(stream.ended());
    let Totals { bytes, kept, lost, lost_passed } = stream.totals();
    assert_eq!((bytes, kept, lost, lost_passed), (9, 3, 6, 6));
}

#[test]
fn a_stream_that_is_known_to_begin_at_0_misses_its_beginning() {
    let mut stream = DataStream::default();
    stream.begin_at(0);
    stream.insert(2, b"c", 1, mark(1));
    assert_eq!(drain(&mut stream), "");
    stream.insert(0, b"ab", 2, mark(2));
    assert_eq!(drain(&mut stream), "abc");
}

#[test]
fn marks_say_when_each_byte_came() {
    let mut stream = DataStream::default();
    stream.insert(10, b"ab", 2, mark(1));
    stream.insert(12, b"cd", 4, mark(2));
    stream.insert(16, b"g", 1, mark(3));
    let times: Vec<_> = (9..18).map(|at| stream.mark(at).map(|mark| mark.time.0)).collect();
    assert_eq!(times, [None, Some(1), Some(1), Some(2), Some(2), Some(2), Some(2), Some(3), None]);
    stream.consume(2);
    assert_eq!((stream.last_mark().unwrap().time.0, stream.next_mark().unwrap().time.0), (1, 2));
    stream.consume(2);
    stream.skip(2);
    stream.consume(1);
    assert_eq!((stream.last_mark().unwrap().time.0, stream.next_mark()), (3, None));
}

#[test]
fn forgetting_frees_memory_and_leaves_a_hole() {
    let mut stream = DataStream::default();
    for at in 0..1000 {
        stream.insert(at, b"x", 1, mark(at));
    }
    assert!(stream.buffered() > 1000);
    assert_eq!(stream.forget(), 1000);
    assert!(stream.buffered() < 500, "{}", stream.buffered());
    stream.insert(1000, b"y", 1, mark(1000));
    assert_eq!(drain(&mut stream), format!("{}y", "?".repeat(1000)));
    assert_eq!(stream.last_mark().unwrap().time.0, 1000);
}

proptest! {
    /// Every segment comes, in any order, some twice: the bytes are those that were sent.
    #[test]
    fn nothing_is_missing_when_everything_came(
        lens in proptest::collection::vec((1..30_usize, 0..20_usize), 1..40),
        order in any::<u64>(),
    ) {
        let mut text = String::new();
        let mut segments = Vec::new();
        for (len, overlap) in lens {
            let start = text.len();
            text.extend((0..len).map(|at| char::from(b'a' + u8::try_from((start + at) % 26).unwrap())));
            segments.push((start.saturating_sub(overlap), text.len()));
        }
        segments.push((0, 1));
        let mut keyed: Vec<_> = segments.iter().enumerate().map(|(at, part)| {
            ((at as u64 + 1).wrapping_mul(order | 1).rotate_left(17), *part)
        }).collect();
        keyed.sort_unstable();
        let mut stream = DataStream::default();
        stream.begin_at(0);
        for (time, (start, end)) in &keyed {
            stream.insert(*start as u64, &text.as_bytes()[*start..*end], (end - start) as u64, mark(*time));
        }
        prop_assert_eq!(stream.totals().kept, text.len() as u64);
        prop_assert_eq!(drain(&mut stream), text);
        prop_assert!(!stream.is_waiting());
    }

    /// Whatever comes, positions only grow, and the books are right.
    #[test]
    fn the_books_balance(segments in proptest::collection::vec((0..200_u64, 0..20_usize, 0..30_u64, any::<bool>()), 0..60)) {
        let mut stream = DataStream::default();
        let mut read = 0;
        for (position, len, more, give_up) in segments {
            stream.insert(position, &vec![b'x'; len], len as u64 + more, mark(position));
            if give_up {
                stream.give_up_waiting();
                read += drain(&mut stream).len() as u64;
            }
        }
        stream.give_up(Timestamp(0));
        read += drain(&mut stream).len() as u64;
        prop_assert_eq!(read, stream.totals().bytes);
        prop_assert!(stream.is_unused() || stream.ended());
        prop_assert!(stream.buffered() < 500);
    }
}
