//! Each finding speaks where there is evidence, opens the rows behind it, and is silent otherwise.

use std::sync::Arc;

use protocols::event::{Address, ProcessNames, Timestamp, Transport};
use protocols::record::{Common, Conn, ConnState, Dns, Ends, Http, Identity, Pgsql, Record, Role, Tls};

use super::super::findings::RULES;
use super::{Stage, rows};
use crossterm::event::KeyCode;

const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400 * SECOND;
/// 2026-11-22T10:00:00Z, ns.
const START: u64 = 1_795_341_600 * SECOND;

/// The exchange with number `id`, after `second` seconds, that took `latency` ns.
fn exchange(id: u64, second: u64, role: Role, latency: Option<u64>) -> Common {
    let names = ProcessNames { process: Some("shop".into()), service: Some("shop".into()), ..ProcessNames::default() };
    let address = Address::Ip("10.0.0.2".parse().unwrap());
    Common {
        time: Timestamp(START + second * SECOND + id),
        id,
        role: Some(role),
        latency,
        identity: Identity { pid: Some(7), names: Some(Arc::new(names)), node: None },
        ends: Ends { remote_addr: Some(address), remote_port: Some(53), ..Ends::default() },
        conn: id,
        error: Some(false),
        ..Common::default()
    }
}

fn http(id: u64, second: u64, role: Role, route: &str, failed: bool) -> Record {
    let common = Common { error: Some(failed), ..exchange(id, second, role, Some(5_000_000)) };
    let (method, route) = (Some("GET".to_owned()), Some(route.to_owned()));
    let status = Some(if failed { 503 } else { 200 });
    Record::Http(Box::new(Http { common, method, path: route.clone(), route, status, ..Http::default() }))
}

fn statement(id: u64, parent: Option<u64>, idle_before: Option<u64>) -> Record {
    let common = Common { parent, ..exchange(id, 1, Role::Client, Some(2_000_000)) };
    let shape = Some("SELECT 1".to_owned());
    Record::Pgsql(Box::new(Pgsql { common, shape, idle_before, ..Pgsql::default() }))
}

fn question(id: u64, latency: Option<u64>, rcode: Option<&str>) -> Record {
    let common = exchange(id, 1, Role::Client, latency);
    let (name, rcode) = (Some("db.test".to_owned()), rcode.map(str::to_owned));
    Record::Dns(Box::new(Dns { common, name, rcode, transport: Some(Transport::Udp), ..Dns::default() }))
}

fn connection(id: u64, requests: u64) -> Record {
    let common = exchange(id, 1, Role::Client, None);
    Record::Conn(Box::new(Conn {
        time: common.time,
        conn: id,
        identity: common.identity,
        ends: common.ends,
        protocol: Some("http"),
        role: Some(Role::Client),
        state: Some(ConnState::Closed),
        requests,
        ..Conn::default()
    }))
}

fn handshake(id: u64, days: u64) -> Record {
    let common = exchange(id, 1, Role::Client, Some(1_000_000));
    let sni = Some("api.test".to_owned());
    let cert_not_after = Some(Timestamp(START + days * DAY + 3600 * SECOND));
    Record::Tls(Box::new(Tls { common, sni, cert_not_after, version: Some("1.2".to_owned()), ..Tls::default() }))
}

/// One finding that says `wanted`, with rows behind it; none without evidence.
#[track_caller]
fn check(wanted: Option<&str>, records: impl IntoIterator<Item = Record>) {
    let mut stage = Stage::over(rows(records), 160, 40, false);
    stage.find();
    let found: Vec<_> = stage.model.findings.iter().map(|finding| finding.text.clone()).collect();
    match wanted {
        None => assert!(found.is_empty(), "{found:?}"),
        Some(wanted) => {
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(wanted), "{found:?}");
            assert!(stage.screen().lines().last().unwrap().contains(wanted), "{}", stage.screen());
            stage.keys("!");
            stage.key(KeyCode::Enter);
            assert!(stage.model.pane().height() > 0, "{}", stage.screen());
        }
    }
}

#[test]
fn one_endpoint_that_fails() {
    let some = |failed: u64| (1..=40).map(move |id| http(id, id, Role::Server, "/pay", id <= failed));
    check(Some("GET /pay fails: 4 of 40 (10.0%)"), some(4));
    check(None, some(2));
    check(None, (1..=400).map(|id| http(id, id, Role::Server, "/pay", id <= 4)));
}

#[test]
fn a_statement_for_each_row() {
    let some = |count: u64| {
        let calls = (2..2 + count).map(|id| statement(id, Some(1), None));
        std::iter::once(http(1, 1, Role::Server, "/checkout", false)).chain(calls)
    };
    check(
        Some("N+1: GET /checkout runs one statement up to 12 times a request (24.0ms of SQL in 1 requests)"),
        some(12),
    );
    check(None, some(7));
    check(None, (1..=50).map(|id| statement(id, None, None)));
}

#[test]
fn a_storm_of_retries() {
    let some = |seconds: u64| (1..=60).map(move |id| http(id, id % seconds, Role::Client, "/charge", true));
    let mut stage = Stage::over(rows(some(2)), 160, 40, false);
    stage.find();
    let found: Vec<_> = stage.model.findings.iter().map(|finding| finding.text.as_str()).collect();
    assert!(found.contains(&"retry storm: shop repeated failing GET 30 times in a second: /charge"), "{found:?}");
    let mut stage = Stage::over(rows(some(6)), 160, 40, false);
    stage.find();
    assert!(stage.model.findings.iter().all(|finding| !finding.text.starts_with("retry")));
}

#[test]
fn a_resolver_that_is_slow() {
    let some = |slow: u64| {
        (1..=100).map(move |id| question(id, Some(if id <= slow { 80_000_000 } else { 1_000_000 }), Some("NOERROR")))
    };
    check(Some("slow resolver 10.0.0.2:53: 5 of 100 answers took over 30ms, 0 never came"), some(5));
    check(None, some(1));
    check(
        Some("slow resolver 10.0.0.2:53: 0 of 9 answers took over 30ms, 4 never came"),
        (1..=9).map(|id| question(id, (id > 4).then_some(1_000_000), (id > 4).then_some("NOERROR"))),
    );
}

#[test]
fn names_that_are_asked_for_in_vain() {
    let some = |vain: u64| {
        (1..=40).map(move |id| question(id, Some(1_000_000), Some(if id <= vain { "NXDOMAIN" } else { "NOERROR" })))
    };
    check(Some("shop asks in vain: 20 of its 40 DNS questions name nothing"), some(20));
    check(None, some(5));
}

#[test]
fn a_connection_for_each_request() {
    check(Some("shop opened 12 connections to 10.0.0.2:53 for one request each"), (1..=12).map(|id| connection(id, 1)));
    check(None, (1..=12).map(|id| connection(id, 2)));
    check(None, (1..=5).map(|id| connection(id, 1)));
}

#[test]
fn transactions_left_open() {
    check(
        Some("shop was idle in transaction 2 times, 4.00s at most"),
        [
            statement(1, None, Some(4 * SECOND)),
            statement(2, None, Some(2 * SECOND)),
            statement(3, None, Some(SECOND / 2)),
        ],
    );
    check(None, [statement(1, None, Some(SECOND / 2))]);
}

#[test]
fn certificates_about_to_expire() {
    let wanted = "the certificate of api.test expires in 9d (2026-12-01), seen in 3 handshakes";
    check(Some(wanted), (1..=3).map(|id| handshake(id, 9)));
    check(None, (1..=3).map(|id| handshake(id, 31)));
}

#[test]
fn every_rule_is_tried_here() {
    assert_eq!(RULES.len(), 8, "a new rule needs a test above");
}
