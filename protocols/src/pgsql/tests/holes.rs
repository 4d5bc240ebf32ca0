//! Bytes that are missing, and connections joined midstream.

use super::*;

fn run(seen: &[Seen]) -> Outcome {
    let mut wire = Wire::new();
    for (direction, bytes) in login() {
        wire.see(&Seen::Bytes(direction, bytes));
    }
    for seen in seen {
        wire.see(seen);
    }
    wire.close()
}

fn cut(direction: Direction, length: usize) -> Seen {
    Seen::Hole(direction, length as u64, false)
}

fn lost(direction: Direction, length: usize) -> Seen {
    Seen::Hole(direction, length as u64, true)
}

fn bytes(direction: Direction, parts: &[Vec<u8>]) -> Seen {
    Seen::Bytes(direction, parts.concat())
}

fn next_query() -> [Seen; 2] {
    [bytes(C, &[query("SELECT 'next'")]), bytes(S, &[row(&["next"]), complete("SELECT 1"), ready(b'I')])]
}

#[test]
fn a_hole_inside_a_row_is_led_over_by_its_length() {
    let mut big = message(b'D', &[0; 100_000]);
    let rest = big.split_off(1000);
    let outcome = run(&[
        bytes(C, &[query("SELECT big")]),
        bytes(S, &[columns(&["big"]), big]),
        cut(S, rest.len() - 10),
        bytes(S, &[rest[rest.len() - 10..].to_vec(), complete("SELECT 1"), ready(b'I')]),
        next_query()[0].clone(),
        next_query()[1].clone(),
    ]);
    assert_eq!(outcome.summary(), ["SELECT big | SELECT 1 | 1 | idle", "SELECT 'next' | SELECT 1 | 1 | idle"]);
    assert!(!outcome.rows()[1].common.truncated, "rows are not kept anyway");
    assert!(!outcome.rows()[1].common.gap);
}

#[test]
fn the_end_of_an_answer_is_found_behind_a_hole() {
    let rows: Vec<u8> = (0..100).flat_map(|_| row(&["some value"])).collect();
    let (head, tail) = rows.split_at(333);
    let outcome = run(&[
        bytes(C, &[query("SELECT many")]),
        bytes(S, &[columns(&["many"]), head.to_vec()]),
        cut(S, 1000),
        bytes(S, &[tail[1000..].to_vec(), complete("SELECT 100"), ready(b'I')]),
        next_query()[0].clone(),
        next_query()[1].clone(),
    ]);
    assert_eq!(outcome.summary(), ["SELECT many | SELECT 100 | 100 | idle", "SELECT 'next' | SELECT 1 | 1 | idle"]);
    assert!(outcome.rows()[1].common.truncated);
    assert!(!outcome.rows()[2].common.truncated);
}

#[test]
fn an_answer_that_ends_inside_a_hole_ends_before_the_next_question() {
    let outcome = run(&[
        bytes(C, &[query("SELECT many")]),
        bytes(S, &[columns(&["many"]), row(&["x"])]),
        cut(S, 100_000),
        next_query()[0].clone(),
        next_query()[1].clone(),
    ]);
    let [_, first, second] = &outcome.exchanges[..] else { panic!("{outcome:?}") };
    assert_eq!(first.timing.response_end, Some(Timestamp(5000)), "when the cut bytes came");
    assert_eq!(outcome.rows()[1].tag, None, "not observed");
    assert_eq!(outcome.rows()[1].txn, None);
    assert!(outcome.rows()[1].common.truncated);
    assert_eq!(second.timing.request_start, Timestamp(6000));
    assert_eq!(outcome.rows()[2].tag.as_deref(), Some("SELECT 1"));
    assert!(!outcome.rows()[2].common.truncated);
}

#[test]
fn lost_answers_are_a_gap_and_never_go_to_another_question() {
    let ask = |sql: &str| [parse("", sql, &[]), bind("", "", &[], &[]), execute("", 0)].concat();
    let outcome = run(&[
        bytes(C, &[ask("SELECT 1"), ask("SELECT 2"), ask("SELECT 3"), sync()]),
        bytes(S, &[message(b'1', &[]), message(b'2', &[]), complete("SELECT 11")]),
        lost(S, 28),
        bytes(S, &[message(b'1', &[]), message(b'2', &[]), complete("SELECT 33"), ready(b'I')]),
        next_query()[0].clone(),
        next_query()[1].clone(),
    ]);
    assert_eq!(
        outcome.summary(),
        [
            "SELECT 2 | - | - | -",
            "SELECT 3 | - | - | -",
            "SELECT 1 | SELECT 11 | 11 | -",
            "SELECT 'next' | SELECT 1 | 1 | idle",
        ]
    );
    let gaps: Vec<_> = outcome.rows().iter().map(|row| row.common.gap).collect();
    assert_eq!(gaps, [false, true, true, false, false]);
}

#[test]
fn lost_questions_do_not_shift_the_answers() {
    let outcome = run(&[
        lost(C, query("SELECT lost").len()),
        bytes(S, &[row(&["lost"]), complete("SELECT 5"), ready(b'I')]),
        next_query()[0].clone(),
        next_query()[1].clone(),
        next_query()[0].clone(),
        next_query()[1].clone(),
    ]);
    assert_eq!(outcome.summary(), ["SELECT 'next' | SELECT 1 | 1 | idle"; 2]);
}

#[test]
fn a_long_text_is_kept_up_to_the_hole() {
    let sql = format!("SELECT a FROM t WHERE b IN ({}) AND c = 'secret'", "1, ".repeat(10_000));
    let whole = query(&sql);
    let outcome = run(&[
        bytes(C, &[whole[..16_384].to_vec()]),
        cut(C, whole.len() - 16_384),
        bytes(S, &[complete("SELECT 0"), ready(b'I')]),
        next_query()[0].clone(),
        next_query()[1].clone(),
    ]);
    let row = outcome.rows()[1];
    assert!(row.common.truncated);
    assert_eq!(row.query.as_deref(), sql.get(..16_379));
    assert!(row.shape.as_deref().unwrap().ends_with(" …"));
    assert_eq!(row.req_bytes, Some(whole.len() as u64));
    assert_eq!(outcome.summary()[1], "SELECT 'next' | SELECT 1 | 1 | idle");
}

#[test]
fn statements_beyond_the_cut_are_known_by_their_answers() {
    let sql = format!("INSERT INTO t VALUES (1, '{}'); DELETE FROM t", "x".repeat(70_000));
    let whole = query(&sql);
    let outcome =
        run(&[Seen::Bytes(C, whole.clone()), bytes(S, &[complete("INSERT 0 1"), complete("DELETE 1"), ready(b'I')])]);
    let rows = outcome.rows();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[1].tag.as_deref(), Some("INSERT 0 1"));
    assert_eq!((rows[2].query.as_deref(), rows[2].operation.as_deref()), (None, Some("DELETE")));
    assert!(rows[1].common.truncated && rows[2].common.truncated);
}

#[test]
fn copy_data_cut_across_its_frames() {
    let data: Vec<u8> = (0..1000).flat_map(|_| message(b'd', b"a row of data\n")).collect();
    let outcome = run(&[
        bytes(C, &[query("COPY t FROM STDIN")]),
        bytes(S, &[message(b'G', &[0, 0, 1, 0, 0])]),
        bytes(C, &[data[..5000].to_vec()]),
        cut(C, data.len() - 5000),
        bytes(C, &[message(b'c', &[])]),
        bytes(S, &[complete("COPY 1000"), ready(b'I')]),
        next_query()[0].clone(),
        next_query()[1].clone(),
    ]);
    assert_eq!(
        outcome.summary(),
        ["COPY t FROM STDIN | COPY 1000 | 1000 | idle", "SELECT 'next' | SELECT 1 | 1 | idle"]
    );
}

/// From every step of a conversation: what is seen is right, and what follows the first rest is all seen.
#[test]
fn joined_at_any_step() {
    let answer = |tag: &str| [row(&["x"]), complete(tag), ready(b'I')].concat();
    let steps: Vec<(Direction, Vec<u8>)> = (0..5)
        .flat_map(|number| {
            [(C, query(&format!("SELECT {number}"))), (S, columns(&["x"])), (S, answer(&format!("SELECT 10{number}")))]
        })
        .collect();
    for from in 0..steps.len() {
        let outcome = talk(&steps[from..]);
        let first = from.div_ceil(3);
        let expected: Vec<_> =
            (first..5).map(|number| format!("SELECT {number} | SELECT 10{number} | 10{number} | idle")).collect();
        assert_eq!(outcome.summary(), expected, "from {from}");
    }
}

#[test]
fn an_answer_seen_before_its_time_is_not_taken() {
    // All is read at once: the first answer came before the question that was seen.
    let mut wire = Wire::new();
    for (direction, part) in [
        (S, [row(&["x"]), complete("SELECT 7"), ready(b'I')].concat()),
        (C, query("SELECT 1")),
        (S, [row(&["x"]), complete("SELECT 1"), ready(b'I')].concat()),
    ] {
        wire.now += 1000;
        wire.bytes(direction, &part);
    }
    wire.advance();
    assert_eq!(wire.close().summary(), ["SELECT 1 | SELECT 1 | 1 | idle"]);
}

#[test]
fn a_length_of_four_gigabytes_is_no_length() {
    let mut wire = Wire::new();
    for (direction, bytes) in login() {
        wire.see(&Seen::Bytes(direction, bytes));
    }
    wire.see(&bytes(C, &[query("SELECT 1")]));
    wire.see(&Seen::Bytes(S, b"D\xff\xff\xff\xff\0\0".to_vec()));
    wire.see(&bytes(S, &[row(&["x"]), complete("SELECT 1"), ready(b'I')]));
    wire.see(&Seen::Bytes(C, b"Q\xff\xff\xff\xffSELECT".to_vec()));
    for seen in next_query() {
        wire.see(&seen);
    }
    let outcome = wire.close();
    assert_eq!(outcome.summary(), ["SELECT 1 | SELECT 1 | 1 | idle", "SELECT 'next' | SELECT 1 | 1 | idle"]);
    assert!(outcome.skipped > 0);
}

#[test]
fn a_gigabyte_of_data_takes_no_memory() {
    let mut wire = Wire::new();
    for (direction, bytes) in login() {
        wire.see(&Seen::Bytes(direction, bytes));
    }
    wire.see(&bytes(C, &[query("SELECT big")]));
    let length = 1_000_000_000_u32;
    wire.see(&Seen::Bytes(S, [&[b'D'][..], &length.to_be_bytes()].concat()));
    let block = vec![b'x'; 1 << 20];
    for _ in 0..64 {
        wire.see(&Seen::Bytes(S, block.clone()));
        assert!(wire.memory() < 64 << 10, "{}", wire.memory());
    }
    wire.see(&Seen::Hole(S, u64::from(length) - 4 - (64 << 20), false));
    wire.see(&bytes(S, &[complete("SELECT 1"), ready(b'I')]));
    assert_eq!(wire.close().summary(), ["SELECT big | SELECT 1 | 1 | idle"]);
}
