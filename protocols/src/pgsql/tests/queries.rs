//! Simple queries and COPY.

use super::*;

#[test]
fn a_simple_query_is_one_row() {
    let sql = "SELECT name FROM users WHERE id = 7;";
    let outcome = after_login(&[
        (C, query(sql)),
        (S, columns(&["name"])),
        (S, [row(&["bob"]), row(&["eve"]), complete("SELECT 2"), ready(b'I')].concat()),
    ]);
    let rows = outcome.rows();
    assert_eq!(rows.len(), 2);
    let expected = Pgsql {
        operation: Some("SELECT".into()),
        query: Some(sql.into()),
        shape: Some("SELECT name FROM users WHERE id = ?".into()),
        rows: Some(2),
        tag: Some("SELECT 2".into()),
        database: Some("shop".into()),
        user: Some("ann".into()),
        application: Some("test".into()),
        txn: Some("idle"),
        req_bytes: Some(query(sql).len() as u64),
        resp_bytes: Some((columns(&["name"]).len() + 2 * row(&["bob"]).len() + complete("SELECT 2").len()) as u64),
        ..Pgsql::default()
    };
    assert_eq!(*rows[1], expected);
    let timing = outcome.exchanges[1].timing;
    assert_eq!(timing.request_start, Timestamp(3000));
    assert_eq!(timing.request_end, Some(Timestamp(3000)));
    assert_eq!(timing.response_start, Some(Timestamp(4000)));
    assert_eq!(timing.response_end, Some(Timestamp(5000)));
}

#[test]
fn each_statement_of_a_text_is_a_row() {
    let sql = "BEGIN; INSERT INTO t VALUES (1), (2); SELECT 'a;b'; COMMIT;";
    let answers = [
        complete("BEGIN"),
        complete("INSERT 0 2"),
        columns(&["x"]),
        row(&["a;b"]),
        complete("SELECT 1"),
        complete("COMMIT"),
    ];
    let outcome = after_login(&[(C, query(sql)), (S, [answers.concat(), ready(b'I')].concat())]);
    assert_eq!(
        outcome.summary(),
        [
            "BEGIN | BEGIN | - | open",
            "INSERT INTO t VALUES (1), (2) | INSERT 0 2 | 2 | open",
            "SELECT 'a;b' | SELECT 1 | 1 | open",
            "COMMIT | COMMIT | - | idle",
        ]
    );
    let sent: u64 = outcome.rows()[1..].iter().filter_map(|row| row.req_bytes).sum();
    assert_eq!(sent, query(sql).len() as u64, "no byte counted twice");
}

#[test]
fn statements_after_the_one_that_fails_were_not_executed() {
    let outcome = after_login(&[
        (C, query("SELECT 1; SELECT 1/0; SELECT 2")),
        (
            S,
            [columns(&["x"]), row(&["1"]), complete("SELECT 1"), failure("22012", "division by zero"), ready(b'I')]
                .concat(),
        ),
        (C, query("SELECT 3")),
        (S, [columns(&["x"]), row(&["3"]), complete("SELECT 1"), ready(b'I')].concat()),
    ]);
    assert_eq!(
        outcome.summary(),
        ["SELECT 1 | SELECT 1 | 1 | -", "SELECT 1/0 | 22012 | - | idle", "SELECT 3 | SELECT 1 | 1 | idle"]
    );
    let failed = outcome.rows()[2];
    assert_eq!(failed.severity.as_deref(), Some("ERROR"), "not the translated one");
    assert_eq!(failed.message.as_deref(), Some("division by zero"));
}

#[test]
fn an_empty_query_has_its_own_answer() {
    let outcome = after_login(&[(C, query(" ; -- nothing")), (S, [message(b'I', &[]), ready(b'I')].concat())]);
    assert_eq!(outcome.summary(), [" ; -- nothing | - | - | idle"]);
}

#[test]
fn messages_that_answer_nothing_disturb_nothing() {
    let notification = message(b'A', &[&1_u32.to_be_bytes()[..], &text("jobs"), &text("7")].concat());
    let notice = message(b'N', &[text("SNOTICE"), text("C00000"), text("Mhello"), vec![0]].concat());
    let renamed = message(b'S', &[text("application_name"), text("worker")].concat());
    let outcome = after_login(&[
        (S, notification.clone()),
        (S, notice.clone()),
        (C, query("DO $$ BEGIN RAISE NOTICE 'hello'; END $$")),
        (S, [notification.clone(), notice, complete("DO")].concat()),
        (S, [renamed, notification, ready(b'I')].concat()),
        (C, query("LISTEN jobs")),
        (S, [complete("LISTEN"), ready(b'I')].concat()),
    ]);
    let rows = outcome.rows();
    assert_eq!(
        outcome.summary(),
        ["DO $$ BEGIN RAISE NOTICE 'hello'; END $$ | DO | - | idle", "LISTEN jobs | LISTEN | - | idle",]
    );
    assert_eq!(rows[2].application.as_deref(), Some("worker"), "as ParameterStatus says");
}

#[test]
fn copy_in_both_directions() {
    let data = |text: &str| message(b'd', text.as_bytes());
    let outcome = after_login(&[
        (C, query("COPY t FROM STDIN")),
        (S, message(b'G', &[0, 0, 1, 0, 0])),
        (C, data("1\n")),
        (C, [data("2\n"), message(b'c', &[])].concat()),
        (S, [complete("COPY 2"), ready(b'I')].concat()),
        (C, query("COPY t TO STDOUT")),
        (S, [message(b'H', &[0, 0, 1, 0, 0]), data("1\n"), data("2\n")].concat()),
        (S, [message(b'c', &[]), complete("COPY 2"), ready(b'I')].concat()),
        (C, query("COPY t FROM STDIN")),
        (S, message(b'G', &[0, 0, 1, 0, 0])),
        (C, message(b'f', &text("no more"))),
        (S, [failure("57014", "COPY from stdin failed: no more"), ready(b'I')].concat()),
    ]);
    assert_eq!(
        outcome.summary(),
        [
            "COPY t FROM STDIN | COPY 2 | 2 | idle",
            "COPY t TO STDOUT | COPY 2 | 2 | idle",
            "COPY t FROM STDIN | 57014 | - | idle",
        ]
    );
    let copied = &outcome.exchanges[1];
    assert_eq!(copied.timing.request_end, Some(Timestamp(6000)), "with the last byte of its data");
    let sent = query("COPY t FROM STDIN").len() + 2 * data("1\n").len() + message(b'c', &[]).len();
    assert_eq!(outcome.rows()[1].req_bytes, Some(sent as u64));
}

#[test]
fn replication_streams_both_ways() {
    let keepalive = message(b'd', b"k\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01");
    let status = message(b'd', &[b'r'; 34]);
    let outcome = after_login(&[
        (C, query("START_REPLICATION SLOT \"s\" LOGICAL 0/0")),
        (S, [message(b'W', &[0, 0, 0]), keepalive.clone()].concat()),
        (C, status.clone()),
        (S, keepalive),
        (C, [status, message(b'c', &[])].concat()),
        (S, [message(b'c', &[]), complete("COPY 0"), ready(b'I')].concat()),
    ]);
    assert_eq!(outcome.summary(), ["START_REPLICATION SLOT \"s\" LOGICAL 0/0 | COPY 0 | 0 | idle"]);
}

#[test]
fn a_function_call_is_a_row() {
    let call = message(b'F', &[0, 0, 3, 0xbd, 0, 0, 0, 0, 0, 0]);
    let outcome = after_login(&[(C, call), (S, [message(b'V', &[0, 0, 0, 1, b'x']), ready(b'I')].concat())]);
    assert_eq!(outcome.summary(), ["FUNCTION | - | - | idle"]);
    assert!(outcome.exchanges[1].timing.response_end.is_some());
}

#[test]
fn a_transaction_s_state_and_its_pauses() {
    let answer = |tag: &str, status| (S, [complete(tag), ready(status)].concat());
    let outcome = after_login(&[
        (C, query("BEGIN")),
        answer("BEGIN", b'T'),
        (C, query("SELECT 1/0")),
        (S, [failure("22012", "division by zero"), ready(b'E')].concat()),
        (C, query("ROLLBACK")),
        answer("ROLLBACK", b'I'),
        (C, query("SELECT 1")),
        answer("SELECT 1", b'I'),
    ]);
    let rows = outcome.rows();
    let txn: Vec<_> = rows[1..].iter().map(|row| row.txn.unwrap()).collect();
    assert_eq!(txn, ["open", "failed", "idle", "idle"]);
    let idle: Vec<_> = rows[1..].iter().map(|row| row.idle_before).collect();
    assert_eq!(idle, [None, Some(1000), Some(1000), None]);
}

#[test]
fn a_connection_that_ends_leaves_the_answer_open() {
    let outcome = after_login(&[(C, query("SELECT pg_sleep(10)")), (S, columns(&["pg_sleep"]))]);
    let exchange = &outcome.exchanges[1];
    assert!(exchange.cut_short);
    assert_eq!(exchange.timing.response_end, None);
    assert_eq!(outcome.rows()[1].tag, None);
}

#[test]
fn tags_of_protocols_to_come_are_stepped_over() {
    let outcome = after_login(&[
        (C, [message(b'y', b"??"), query("SELECT 1")].concat()),
        (S, [message(b'q', b"???"), complete("SELECT 1"), message(b'y', &[]), ready(b'I')].concat()),
    ]);
    assert_eq!(outcome.summary(), ["SELECT 1 | SELECT 1 | 1 | idle"]);
    assert_eq!(outcome.skipped, 0);
}

#[test]
fn strings_of_the_old_notation_never_get_into_the_shape() {
    let off = message(b'S', &[text("standard_conforming_strings"), text("off")].concat());
    let sql = r"UPDATE t SET a = 'it\' or hunter2'";
    let outcome = after_login(&[
        (C, query("SET standard_conforming_strings = off")),
        (S, [complete("SET"), off, ready(b'I')].concat()),
        (C, query(sql)),
        (S, [complete("UPDATE 1"), ready(b'I')].concat()),
    ]);
    let row = outcome.rows()[2];
    assert_eq!((row.query.as_deref(), row.shape.as_deref()), (Some(sql), Some("UPDATE …")));
}

/// Another thread may read the answer before the library's call that asked is told of.
#[test]
fn an_answer_that_is_told_of_before_its_request() {
    let answer = |n: &str| [columns(&["x"]), row(&[n]), complete("SELECT 1"), ready(b'I')].concat();
    let early = after_login(&[
        (S, answer("1")),
        (C, query("SELECT 1")),
        (C, query("SELECT 2")),
        (S, answer("2")),
        (S, [answer("3"), answer("4")].concat()),
        (C, query("SELECT 3")),
        (C, query("SELECT 4")),
    ]);
    let expected: Vec<_> = (1..5).map(|n| format!("SELECT {n} | SELECT 1 | 1 | idle")).collect();
    assert_eq!(early.summary(), expected);
    // What the server says of itself answers nobody, and does not wait for a request.
    let told = after_login(&[
        (S, [message(b'A', b"\0\0\0\x01c\0p\0"), message(b'N', b"SNOTICE\0C00000\0Mhear\0\0")].concat()),
        (C, query("SELECT 1")),
        (S, answer("1")),
    ]);
    assert_eq!(told.summary(), expected[..1]);
}

#[test]
fn an_answer_to_nobody_waits_no_longer_than_a_second() {
    let mut wire = Wire::new();
    for (direction, bytes) in login() {
        wire.see(&Seen::Bytes(direction, bytes));
    }
    wire.see(&Seen::Bytes(S, [complete("SELECT 9"), ready(b'I')].concat()));
    wire.now += 1_000_000_000;
    wire.see(&Seen::Bytes(C, query("SELECT 1")));
    wire.see(&Seen::Bytes(S, [complete("SELECT 1"), ready(b'I')].concat()));
    wire.tick(10_000_000_000);
    assert_eq!(wire.close().summary(), ["SELECT 1 | SELECT 1 | 1 | idle"]);
}
