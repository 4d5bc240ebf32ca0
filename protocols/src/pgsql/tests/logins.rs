//! What comes before the first query.

use super::*;

const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;

fn request(code: u32) -> Vec<u8> {
    opening(&code.to_be_bytes())
}

#[test]
fn a_login_is_one_row_and_its_password_is_nowhere() {
    let outcome = talk(&[
        (C, request(SSL_REQUEST)),
        (S, b"N".to_vec()),
        (C, request(GSS_REQUEST)),
        (S, b"N".to_vec()),
        (C, startup(&[("user", "ann"), ("options", "-c geqo=off"), ("application_name", "psql")])),
        (
            S,
            message(
                b'R',
                &[0, 0, 0, 10, b'S', b'C', b'R', b'A', b'M', b'-', b'S', b'H', b'A', b'-', b'2', b'5', b'6', 0, 0],
            ),
        ),
        (C, message(b'p', b"SCRAM-SHA-256\0\0\0\0\x20n,,n=,r=rOprNGfwEbeRWgbNEkqOhunter2")),
        (S, [message(b'R', &[0, 0, 0, 12, b'v', b'=']), message(b'R', &[0; 4])].concat()),
        (S, message(b'S', &[text("server_version"), text("15.18")].concat())),
        (S, [message(b'K', &[0; 8]), ready(b'I')].concat()),
    ]);
    let rows = outcome.rows();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].operation.as_deref(), Some("STARTUP"));
    assert_eq!(rows[0].user.as_deref(), Some("ann"));
    assert_eq!(rows[0].database.as_deref(), Some("ann"), "defaults to the user");
    assert_eq!(rows[0].txn, Some("idle"));
    assert_eq!(outcome.exchanges[0].timing.request_start, Timestamp(5000));
    assert_eq!(outcome.exchanges[0].timing.response_end, Some(Timestamp(10_000)));
    assert!(!format!("{outcome:?}").contains("hunter2"));
    assert_eq!(outcome.skipped, 0);
}

#[test]
fn a_refused_login_has_its_sqlstate() {
    let outcome = talk(&[
        (C, startup(&[("user", "ann"), ("database", "shop")])),
        (S, message(b'R', &[0, 0, 0, 5, 1, 2, 3, 4])),
        (C, message(b'p', &text("md5hunter2"))),
        (S, failure("28P01", "password authentication failed for user \"ann\"")),
    ]);
    let rows = outcome.rows();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].operation.as_deref(), Some("STARTUP"));
    assert_eq!(rows[0].sqlstate.as_deref(), Some("28P01"));
    assert!(!outcome.exchanges[0].cut_short);
    assert!(!format!("{outcome:?}").contains("hunter2"));
}

#[test]
fn a_newer_minor_version_is_negotiated() {
    let mut hello = startup(&[("user", "ann"), ("_pq_.x", "1")]);
    hello[4..8].copy_from_slice(&196_610_u32.to_be_bytes());
    let negotiate = message(b'v', &[&196_608_u32.to_be_bytes()[..], &1_u32.to_be_bytes(), &text("_pq_.x")].concat());
    let outcome = talk(&[
        (C, hello),
        (S, [negotiate, message(b'R', &[0; 4]), message(b'K', &[7; 36]), ready(b'I')].concat()),
        (C, query("SELECT 1")),
        (S, [complete("SELECT 1"), ready(b'I')].concat()),
    ]);
    assert_eq!(outcome.summary(), ["SELECT 1 | SELECT 1 | 1 | idle"]);
}

#[test]
fn an_accepted_request_for_tls_hands_the_connection_over() {
    let outcome = talk(&[(C, request(SSL_REQUEST)), (S, b"S".to_vec()), (C, b"\x16\x03\x01\x02\x00".to_vec())]);
    assert_eq!(outcome.switches, [Switch::Tls]);
    assert_eq!(outcome.exchanges, []);
    let outcome = talk(&[(C, request(GSS_REQUEST)), (S, b"G".to_vec()), (C, b"\x60\x82".to_vec())]);
    assert_eq!(outcome.switches, [Switch::Opaque]);
}

#[test]
fn a_request_to_cancel_is_a_row_without_an_answer() {
    let mut body = 80_877_102_u32.to_be_bytes().to_vec();
    body.extend([0, 0, 0x12, 0x34, 0xca, 0xfe, 0xba, 0xbe]);
    let outcome = talk(&[(C, opening(&body))]);
    let rows = outcome.rows();
    assert_eq!(rows[0].operation.as_deref(), Some("CANCEL"));
    assert_eq!(rows[0].req_bytes, Some(16));
    assert!(!outcome.exchanges[0].cut_short);
    assert_eq!(outcome.exchanges[0].timing.response_end, None);
}

#[test]
fn a_login_joined_at_its_password_is_an_auth_row() {
    let outcome = talk(&[
        (S, [message(b'R', &[0, 0, 0, 5, 1, 2, 3, 4])].concat()),
        (C, message(b'p', &text("md5hunter2"))),
        (S, [message(b'R', &[0; 4]), message(b'K', &[0; 8]), ready(b'I')].concat()),
        (C, query("SELECT 1")),
        (S, [complete("SELECT 1"), ready(b'I')].concat()),
    ]);
    assert_eq!(outcome.summary(), ["AUTH | - | - | idle", "SELECT 1 | SELECT 1 | 1 | idle"]);
    assert!(!format!("{outcome:?}").contains("hunter2"));
}

/// An ErrorResponse as the server sends it at time-outs and at shutdown.
fn fatal(code: &str) -> Vec<u8> {
    let fields = [("S", "FATAL"), ("V", "FATAL"), ("C", code), ("M", "terminating connection")];
    let mut body: Vec<u8> = fields.iter().flat_map(|(field, value)| text(&format!("{field}{value}"))).collect();
    body.push(0);
    message(b'E', &body)
}

#[test]
fn a_connection_that_the_server_ends_is_a_row() {
    let outcome = talk(&[
        (C, startup(&[("user", "ann"), ("database", "shop")])),
        (S, [message(b'R', &[0; 4]), ready(b'I')].concat()),
        (C, query("BEGIN")),
        (S, [complete("BEGIN"), ready(b'T')].concat()),
        (S, fatal("25P03")),
    ]);
    let rows = outcome.rows();
    assert_eq!(rows.len(), 3);
    let row = rows[2];
    assert_eq!((row.sqlstate.as_deref(), row.severity.as_deref()), (Some("25P03"), Some("FATAL")));
    assert_eq!((row.database.as_deref(), &row.operation, &row.query), (Some("shop"), &None, &None));
    assert_eq!((row.idle_before, row.req_bytes), (Some(1000), None));
    assert_eq!(outcome.exchanges[2].timing.response_end, None, "nobody asked: no latency");
}

#[test]
fn a_statement_that_dies_with_its_connection_is_one_row() {
    let outcome = talk(&[
        (C, startup(&[("user", "ann")])),
        (S, [message(b'R', &[0; 4]), ready(b'I')].concat()),
        (C, query("select pg_sleep(9)")),
        (S, fatal("57P01")),
    ]);
    let codes: Vec<_> = outcome.rows().iter().map(|row| (row.operation.clone(), row.sqlstate.clone())).collect();
    assert_eq!(codes[1..], [(Some("SELECT".to_owned()), Some("57P01".to_owned()))]);
}
