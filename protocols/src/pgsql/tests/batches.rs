//! The extended protocol: batches, portals, prepared statements.

use super::*;

fn one(outcome: &Outcome) -> &Pgsql {
    outcome.rows()[1]
}

fn parsed() -> Vec<u8> {
    message(b'1', &[])
}

fn bound() -> Vec<u8> {
    message(b'2', &[])
}

#[test]
fn the_messages_of_an_execution_are_one_row() {
    let asked = [
        parse("", "SELECT $1::int + $2", &[0, 23]),
        bind("", "", &[0, 1], &[Some(b"40"), Some(&[0, 0, 0, 2])]),
        describe(b'P', ""),
        execute("", 0),
    ];
    let answers = [parsed(), bound(), columns(&["x"]), row(&["42"]), complete("SELECT 1")];
    let outcome = after_login(&[(C, [asked.concat(), sync()].concat()), (S, [answers.concat(), ready(b'I')].concat())]);
    assert_eq!(outcome.rows().len(), 2);
    let row = one(&outcome);
    assert_eq!(row.query.as_deref(), Some("SELECT $1::int + $2"));
    assert_eq!(row.shape.as_deref(), Some("SELECT ?::int + ?"));
    assert_eq!(row.statement, None);
    assert_eq!(row.params, Some(vec![Some("40".into()), Some("2".into())]));
    assert_eq!(row.rows, Some(1));
    assert_eq!(row.txn, Some("idle"));
    assert_eq!(row.req_bytes, Some(asked.concat().len() as u64));
    assert_eq!(row.resp_bytes, Some(answers.concat().len() as u64));
}

#[test]
fn a_prepared_statement_is_known_by_its_name() {
    let types = message(b't', &[0, 1, 0, 0, 0, 20]);
    let outcome = after_login(&[
        (C, [parse("S_1", "SELECT * FROM t WHERE id = $1", &[0]), describe(b'S', "S_1"), sync()].concat()),
        (S, [parsed(), types, columns(&["id"]), ready(b'I')].concat()),
        (C, [bind("", "S_1", &[1], &[Some(&[0, 0, 0, 0, 0, 0, 0, 9])]), execute("", 0), sync()].concat()),
        (S, [bound(), complete("SELECT 0"), ready(b'I')].concat()),
        (C, [bind("", "S_1", &[], &[None]), execute("", 0), sync()].concat()),
        (S, [bound(), complete("SELECT 0"), ready(b'I')].concat()),
    ]);
    assert_eq!(outcome.rows().len(), 3, "preparing is no execution");
    assert_eq!(outcome.retracted.len(), 1);
    assert_eq!(one(&outcome).statement.as_deref(), Some("S_1"));
    assert_eq!(one(&outcome).query.as_deref(), Some("SELECT * FROM t WHERE id = $1"));
    assert_eq!(one(&outcome).params, Some(vec![Some("9".into())]), "int8, as the server described it");
    assert_eq!(outcome.rows()[2].params, Some(vec![None]));
    assert_eq!(outcome.exchanges[1].timing.request_start, Timestamp(5000), "Bind is the first of this execution");
}

#[test]
fn pipelined_executions_have_their_own_times() {
    let ask = |sql: &str| [parse("", sql, &[]), bind("", "", &[], &[]), execute("", 0)].concat();
    let outcome = after_login(&[
        (C, ask("INSERT INTO t VALUES (1)")),
        (C, ask("SELECT pg_sleep(1)")),
        (C, [ask("UPDATE t SET a = 2"), sync()].concat()),
        (S, [parsed(), bound(), complete("INSERT 0 1")].concat()),
        (S, [parsed(), bound(), row(&[""]), complete("SELECT 1")].concat()),
        (S, [parsed(), bound(), complete("UPDATE 1"), ready(b'I')].concat()),
    ]);
    assert_eq!(
        outcome.summary(),
        [
            "INSERT INTO t VALUES (1) | INSERT 0 1 | 1 | -",
            "SELECT pg_sleep(1) | SELECT 1 | 1 | -",
            "UPDATE t SET a = 2 | UPDATE 1 | 1 | idle",
        ]
    );
    let times: Vec<_> = outcome.exchanges[1..]
        .iter()
        .map(|exchange| (exchange.timing.request_start.0, exchange.timing.response_end.unwrap().0))
        .collect();
    assert_eq!(times, [(3000, 6000), (4000, 7000), (5000, 8000)]);
}

#[test]
fn several_batches_under_way_at_once() {
    let ask = |sql: &str| [parse("", sql, &[]), bind("", "", &[], &[]), execute("", 0), sync()].concat();
    let answer = |tag: &str| [parsed(), bound(), complete(tag), ready(b'I')].concat();
    let fails = [parsed(), failure("23505", "duplicate key"), ready(b'I')].concat();
    let outcome = after_login(&[
        (C, [ask("INSERT INTO t VALUES (1)"), ask("INSERT INTO t VALUES (2)"), ask("SELECT 3")].concat()),
        (S, [answer("INSERT 0 1"), fails, answer("SELECT 1")].concat()),
    ]);
    assert_eq!(
        outcome.summary(),
        [
            "INSERT INTO t VALUES (1) | INSERT 0 1 | 1 | idle",
            "INSERT INTO t VALUES (2) | 23505 | - | idle",
            "SELECT 3 | SELECT 1 | 1 | idle",
        ]
    );
}

#[test]
fn what_follows_an_error_in_a_batch_is_not_executed() {
    let ask = |sql: &str| [parse("", sql, &[]), bind("", "", &[], &[]), execute("", 0)].concat();
    let outcome = after_login(&[
        (C, [ask("SELECT 1"), ask("SELECT nope"), ask("SELECT 3"), sync(), ask("SELECT 4"), sync()].concat()),
        (S, [parsed(), bound(), complete("SELECT 1"), failure("42703", "column \"nope\" does not exist")].concat()),
        (S, [ready(b'I'), parsed(), bound(), complete("SELECT 1"), ready(b'I')].concat()),
    ]);
    assert_eq!(
        outcome.summary(),
        ["SELECT 1 | SELECT 1 | 1 | -", "SELECT nope | 42703 | - | idle", "SELECT 4 | SELECT 1 | 1 | idle"]
    );
    assert_eq!(outcome.retracted.len(), 1, "SELECT 3");
}

#[test]
fn what_is_sent_after_the_error_but_before_the_sync_is_not_executed_either() {
    let ask = |sql: &str| [parse("", sql, &[]), bind("", "", &[], &[]), execute("", 0)].concat();
    let outcome = after_login(&[
        (C, [ask("SELECT nope"), message(b'H', &[])].concat()),
        (S, failure("42703", "column \"nope\" does not exist")),
        (C, [ask("SELECT 3"), sync()].concat()),
        (S, ready(b'I')),
        (C, [ask("SELECT 4"), sync()].concat()),
        (S, [parsed(), bound(), complete("SELECT 1"), ready(b'I')].concat()),
    ]);
    assert_eq!(outcome.summary(), ["SELECT nope | 42703 | - | idle", "SELECT 4 | SELECT 1 | 1 | idle"]);
}

#[test]
fn a_parse_that_fails_is_a_row_and_leaves_the_old_statement() {
    let run = [bind("", "s", &[], &[]), execute("", 0), sync()].concat();
    let answer = [bound(), complete("SELECT 1"), ready(b'I')].concat();
    let outcome = after_login(&[
        (C, [parse("s", "SELECT 1", &[]), sync()].concat()),
        (S, [parsed(), ready(b'I')].concat()),
        (C, [parse("s", "SELECT 2", &[]), sync()].concat()),
        (S, [failure("42P05", "prepared statement \"s\" already exists"), ready(b'I')].concat()),
        (C, run),
        (S, answer),
    ]);
    assert_eq!(outcome.summary(), ["SELECT 2 | 42P05 | - | idle", "SELECT 1 | SELECT 1 | 1 | idle"]);
}

#[test]
fn a_describe_that_fails_is_a_row() {
    let outcome = after_login(&[
        (C, [describe(b'S', "gone"), sync()].concat()),
        (S, [failure("26000", "prepared statement \"gone\" does not exist"), ready(b'I')].concat()),
    ]);
    assert_eq!(outcome.summary(), ["- | 26000 | - | idle"]);
}

#[test]
fn a_commit_that_fails_at_the_sync_is_its_last_statement_s_error() {
    let outcome = after_login(&[
        (C, [parse("", "INSERT INTO t VALUES (1)", &[]), bind("", "", &[], &[]), execute("", 0), sync()].concat()),
        (S, [parsed(), bound(), complete("INSERT 0 1")].concat()),
        (S, [failure("23503", "violates foreign key constraint"), ready(b'I')].concat()),
    ]);
    let row = one(&outcome);
    assert_eq!((row.tag.as_deref(), row.sqlstate.as_deref()), (Some("INSERT 0 1"), Some("23503")));
    assert_eq!(outcome.exchanges[1].timing.response_end, Some(Timestamp(5000)));
}

#[test]
fn a_cursor_s_executions_are_rows_of_their_own() {
    let suspended = message(b's', &[]);
    let outcome = after_login(&[
        (C, query("BEGIN")),
        (S, [complete("BEGIN"), ready(b'T')].concat()),
        (C, [parse("", "SELECT * FROM t", &[]), bind("c1", "", &[], &[]), execute("c1", 2), sync()].concat()),
        (S, [parsed(), bound(), row(&["1"]), row(&["2"]), suspended, ready(b'T')].concat()),
        (C, [execute("c1", 2), sync()].concat()),
        (S, [row(&["3"]), complete("SELECT 1"), ready(b'T')].concat()),
        (C, [message(b'C', &[&b"P"[..], &text("c1")].concat()), sync()].concat()),
        (S, [message(b'3', &[]), ready(b'T')].concat()),
    ]);
    assert_eq!(
        outcome.summary(),
        ["BEGIN | BEGIN | - | open", "SELECT * FROM t | - | 2 | open", "SELECT * FROM t | SELECT 1 | 1 | open",]
    );
    let idle: Vec<_> = outcome.rows().iter().map(|row| row.idle_before).collect();
    assert_eq!(idle, [None, None, Some(1000), Some(1000)]);
}

#[test]
fn a_statement_prepared_before_the_connection_was_joined_is_a_name() {
    let outcome = talk(&[
        (C, [bind("", "S_7", &[], &[Some(b"1")]), execute("", 0), sync()].concat()),
        (S, [bound(), row(&["1"]), complete("SELECT 1"), ready(b'I')].concat()),
        (C, [parse("S_7", "SELECT $1", &[]), sync()].concat()),
        (S, [parsed(), ready(b'I')].concat()),
        (C, [bind("", "S_7", &[], &[Some(b"1")]), execute("", 0), sync()].concat()),
        (S, [bound(), row(&["1"]), complete("SELECT 1"), ready(b'I')].concat()),
    ]);
    let rows = outcome.rows();
    assert_eq!((rows[0].statement.as_deref(), rows[0].query.as_deref()), (Some("S_7"), None));
    assert_eq!(rows[0].operation.as_deref(), Some("SELECT"), "as the tag says");
    assert_eq!(rows[0].shape, None);
    assert_eq!((rows[1].statement.as_deref(), rows[1].query.as_deref()), (Some("S_7"), Some("SELECT $1")));
}

/// libpq sends a Sync with the Execute of a COPY, which the server does not heed while it reads data, and another one after
/// the data.
#[test]
fn copy_in_the_extended_protocol_as_libpq_does_it() {
    let ask = [parse("", "COPY t FROM STDIN", &[]), bind("", "", &[], &[]), describe(b'P', ""), execute("", 0), sync()]
        .concat();
    let select = [parse("", "SELECT 1", &[]), bind("", "", &[], &[]), execute("", 0), sync()].concat();
    let steps = [
        (C, ask),
        (S, [parsed(), bound(), message(b'n', &[]), message(b'G', &[0, 0, 1, 0, 0])].concat()),
        (C, message(b'd', b"1\n")),
        (C, [message(b'c', &[]), sync()].concat()),
        (S, [complete("COPY 1"), ready(b'I')].concat()),
        (C, select),
        (S, [parsed(), bound(), complete("SELECT 1"), ready(b'I')].concat()),
    ];
    let expected = ["COPY t FROM STDIN | COPY 1 | 1 | idle", "SELECT 1 | SELECT 1 | 1 | idle"];
    assert_eq!(after_login(&steps).summary(), expected);
    // The same when the server's answers are read late.
    let mut wire = Wire::new();
    for (direction, bytes) in login().iter().chain(&steps) {
        wire.bytes(*direction, bytes);
    }
    wire.advance();
    assert_eq!(wire.close().summary(), expected);
}

#[test]
fn an_answer_in_a_long_batch_is_told_without_its_transaction() {
    let ask = |sql: &str| [parse("", sql, &[]), bind("", "", &[], &[]), execute("", 0), message(b'H', &[])].concat();
    let mut wire = Wire::new();
    for (direction, bytes) in login() {
        wire.see(&Seen::Bytes(direction, bytes));
    }
    wire.see(&Seen::Bytes(C, ask("SELECT 1")));
    wire.see(&Seen::Bytes(S, [parsed(), bound(), complete("SELECT 1")].concat()));
    wire.tick(40_000_000);
    assert_eq!(wire.outcome.exchanges.len(), 1);
    wire.tick(60_000_000);
    assert_eq!(wire.outcome.exchanges.len(), 2);
    wire.see(&Seen::Bytes(C, [ask("SELECT 2"), sync()].concat()));
    wire.see(&Seen::Bytes(S, [parsed(), bound(), complete("SELECT 1"), ready(b'I')].concat()));
    assert_eq!(wire.close().summary(), ["SELECT 1 | SELECT 1 | 1 | -", "SELECT 2 | SELECT 1 | 1 | idle"]);
}

#[test]
fn names_are_remembered_in_bounded_memory() {
    let mut wire = Wire::new();
    for (direction, bytes) in login() {
        wire.see(&Seen::Bytes(direction, bytes));
    }
    let long = "x".repeat(10_000);
    for number in 0..3000 {
        let name = format!("s{number}");
        wire.see(&Seen::Bytes(
            C,
            [parse(&name, &format!("SELECT '{long}'"), &[]), bind(&name, &name, &[], &[]), sync()].concat(),
        ));
        wire.see(&Seen::Bytes(S, [parsed(), bound(), ready(b'I')].concat()));
    }
    assert!(wire.memory() < 4 << 20, "{}", wire.memory());
}
