//! Whole sessions through the trackers.

use super::*;
use crate::event::{Direction, Endpoint, IO_URING, Lost, ProcessChange, ProcessEvent, Side, Source, StateChange};
use crate::record::{Http, ParentBy, Role};
use crate::testing::{Rows, START, Script};

const GET: &str = "GET /a HTTP/1.1\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

fn path<'a>(rows: &'a Rows, path: &str) -> &'a Http {
    let found: Vec<_> = rows.http().into_iter().filter(|http| http.path.as_deref() == Some(path)).collect();
    let [http] = found[..] else { panic!("{path}: {rows:#?}") };
    http
}

#[test]
fn rows_of_a_capture_are_turned_to_the_server() {
    for (local, remote, asks) in [(40000, 80, Direction::Sent), (80, 40000, Direction::Received)] {
        let mut script = Script::capture();
        let side = if local == 80 { Side::Remote } else { Side::Local };
        script.open(1, local, remote, side);
        script.data(1, asks, GET.as_bytes(), GET.len() as u64);
        script.data(1, asks.reverse(), OK.as_bytes(), OK.len() as u64).close(1);
        let rows = script.run();
        let http = path(&rows, "/a");
        let ends = &http.common.ends;
        assert_eq!((http.common.role, ends.local_port, ends.remote_port), (None, Some(80), Some(40000)));
        assert_eq!((http.common.identity.pid, http.common.source), (None, Some(Source::Pcap)));
        let [conn] = rows.conns()[..] else { panic!("{rows:?}") };
        assert_eq!((conn.role, conn.ends.local_port), (None, Some(80)));
        assert_eq!((conn.bytes_sent, conn.bytes_received), (OK.len() as u64, GET.len() as u64));
    }
}

/// A server's thread that reads `requests` and asks a database in between.
fn serving() -> Script {
    let mut script = Script::live();
    script.who(7, 71, 0).named(7, "shop", None);
    script.open(1, 80, 40001, Side::Remote).open(2, 80, 40002, Side::Remote).open(3, 50000, 9000, Side::Local);
    script
}

#[test]
fn what_a_thread_asks_while_it_serves_one_request_has_that_as_parent() {
    let mut script = serving();
    script.received(1, "GET /checkout HTTP/1.1\r\n\r\n");
    for n in 0..3 {
        script.sent(3, format!("GET /row/{n} HTTP/1.1\r\n\r\n")).received(3, OK);
    }
    script.who(7, 72, 0).sent(3, "GET /background HTTP/1.1\r\n\r\n").received(3, OK).who(7, 71, 0);
    script.sent(1, OK).close(1).close(3);
    let rows = script.run();
    let parent = path(&rows, "/checkout").common.id;
    for n in 0..3 {
        let common = &path(&rows, &format!("/row/{n}")).common;
        assert_eq!((common.parent, common.parent_by), (Some(parent), Some(ParentBy::Thread)));
        assert_eq!(common.role, Some(Role::Client));
    }
    assert_eq!(path(&rows, "/background").common.parent, None, "another thread");
    assert_eq!(path(&rows, "/checkout").common.parent, None);
}

#[test]
fn an_event_loop_is_nobodys_parent_but_a_trace_is() {
    let trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
    let mut script = serving();
    script.received(1, format!("GET /one HTTP/1.1\r\n{trace}\r\n")).received(2, "GET /two HTTP/1.1\r\n\r\n");
    script.sent(3, "GET /row/1 HTTP/1.1\r\n\r\n").received(3, OK);
    script.sent(3, format!("GET /row/2 HTTP/1.1\r\n{trace}\r\n")).received(3, OK);
    script.sent(1, OK).sent(2, OK);
    let rows = script.run();
    assert_eq!(path(&rows, "/row/1").common.parent, None);
    let common = &path(&rows, "/row/2").common;
    assert_eq!((common.parent, common.parent_by), (Some(path(&rows, "/one").common.id), Some(ParentBy::Trace)));
    assert_eq!(common.trace_id.as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
    assert_eq!(common.span_id.as_deref(), Some("b7ad6b7169203331"));
}

#[test]
fn in_go_the_goroutine_counts() {
    let mut script = serving();
    script.named(7, "shop", Some("go"));
    script.who(7, 71, 5).received(1, "GET /one HTTP/1.1\r\n\r\n");
    script.who(7, 71, 6).received(2, "GET /two HTTP/1.1\r\n\r\n");
    script.who(7, 72, 5).sent(3, "GET /row/1 HTTP/1.1\r\n\r\n").received(3, OK);
    script.who(7, 71, 0).sent(3, "GET /row/2 HTTP/1.1\r\n\r\n").received(3, OK);
    script.sent(1, OK).sent(2, OK);
    let rows = script.run();
    let common = &path(&rows, "/row/1").common;
    assert_eq!((common.parent, common.parent_by), (Some(path(&rows, "/one").common.id), Some(ParentBy::Goroutine)));
    assert_eq!(path(&rows, "/row/2").common.parent, None, "a thread of a Go program carries any goroutine");
}

/// `net/http` waits for the next request in another goroutine, which takes one byte; that goroutine's memory is then used
/// for the next connection's.
#[test]
fn the_goroutine_that_read_the_whole_head_works_on_it() {
    let mut script = serving();
    script.named(7, "shop", Some("go"));
    script.who(7, 71, 9).received(1, "G").received(2, "G");
    script.who(7, 71, 5).received(1, "ET /one HTTP/1.1\r\n\r\n");
    script.who(7, 72, 6).received(2, "ET /two HTTP/1.1\r\n\r\n");
    script.who(7, 71, 5).sent(3, "GET /row/1 HTTP/1.1\r\n\r\n").received(3, OK);
    script.who(7, 71, 6).sent(3, "GET /row/2 HTTP/1.1\r\n\r\n").received(3, OK);
    script.sent(1, OK).sent(2, OK);
    script.who(7, 71, 9).received(1, "GET /three HTTP/1.1\r\n\r\n");
    script.sent(3, "GET /row/3 HTTP/1.1\r\n\r\n").received(3, OK).sent(1, OK);
    let rows = script.run();
    for (page, row) in [("/one", "/row/1"), ("/two", "/row/2"), ("/three", "/row/3")] {
        assert_eq!(path(&rows, row).common.parent, Some(path(&rows, page).common.id), "{page}");
    }
}

#[test]
fn both_ends_of_a_loopback_connection_name_each_other() {
    for midstream in [false, true] {
        let mut script = Script::live();
        script.named(8, "curl", None);
        if midstream {
            script.joined(1, 40000, 80).joined(2, 80, 40000);
        } else {
            script.open(1, 40000, 80, Side::Local).open(2, 80, 40000, Side::Remote);
        }
        for n in 0..3 {
            let request = format!("GET /{n} HTTP/1.1\r\n\r\n");
            script.who(8, 8, 0).sent(1, &request).who(100, 100, 0).received(2, &request);
            script.sent(2, OK).who(8, 8, 0).received(1, OK);
        }
        let rows = script.run();
        assert_eq!(rows.http().len(), 6);
        for one in rows.http() {
            let twin = rows.http().into_iter().find(|other| Some(other.common.id) == one.common.twin).unwrap();
            assert_eq!((twin.common.twin, &twin.path), (Some(one.common.id), &one.path));
            assert_ne!(twin.common.role, one.common.role);
            assert_ne!(twin.common.identity.pid, one.common.identity.pid);
        }
    }
}

#[test]
fn plaintext_of_a_tls_library_is_read_beside_the_wire() {
    let mut script = Script::live();
    script.open(1, 40000, 443, Side::Local);
    let hello = b"\x16\x03\x01 what TLS looks like does not matter here";
    script.sent(1, hello);
    script.source(Source::OpenSsl).sent(1, GET).source(Source::Socket).sent(1, b"\x17\x03\x03 encrypted");
    script.received(1, b"\x17\x03\x03 encrypted too").source(Source::OpenSsl).received(1, OK);
    // The same bytes seen once more below, by kernel TLS.
    let mut twice = script.clone();
    script.close(1);
    let rows = script.run();
    let http = path(&rows, "/a");
    assert_eq!((http.common.tls, http.common.source), (true, Some(Source::OpenSsl)));
    assert_eq!((http.scheme.as_deref(), http.status), (Some("https"), Some(200)));
    let [conn] = rows.conns()[..] else { panic!("{rows:?}") };
    assert_eq!((conn.protocol, conn.tls, conn.requests), (Some("http"), true, 1));
    assert_eq!(conn.bytes_sent, hello.len() as u64 + 13);
    let coverage = &rows.coverage;
    assert_eq!((coverage.bytes, coverage.parsed_bytes), ((GET.len() + OK.len()) as u64, coverage.bytes));
    assert_eq!((coverage.encrypted, coverage.encrypted_bytes), (0, 0));
    twice.source(Source::Ktls).sent(1, GET).received(1, OK).close(1);
    assert_eq!(twice.run().http().len(), 1);
}

#[test]
fn what_kernel_tls_encrypts_is_read_above_it() {
    let mut script = Script::live();
    script.open(1, 40000, 443, Side::Local);
    let hello = b"\x16\x03\x01 what TLS looks like does not matter here";
    script.sent(1, hello).received(1, hello);
    // From here on the socket's calls move plaintext, and its own bytes are seen no more.
    script.source(Source::Ktls).sent(1, GET).received(1, OK);
    for direction in [Direction::Sent, Direction::Received] {
        script.state(1, StateChange::Ended { direction, position: None });
    }
    let rows = script.close(1).run();
    let http = path(&rows, "/a");
    assert_eq!((http.common.tls, http.common.source), (true, Some(Source::Ktls)));
    assert_eq!((http.scheme.as_deref(), http.status, http.common.gap), (Some("https"), Some(200), false));
    let [conn] = rows.conns()[..] else { panic!("{rows:?}") };
    assert_eq!((conn.tls, conn.requests, conn.bytes_sent), (true, 1, (hello.len() + GET.len()) as u64));
    assert!(rows.coverage.losses.is_empty());
    assert_eq!(rows.coverage.encrypted, 0);
}

/// OpenSSL 3.0 leaves only what is sent in TLS 1.3 to the kernel, and decrypts by itself.
#[test]
fn each_direction_may_be_read_elsewhere() {
    let mut script = Script::live();
    script.open(1, 443, 40000, Side::Remote);
    script.source(Source::OpenSsl).received(1, GET).source(Source::Ktls).sent(1, OK);
    // Told of once more where the library's own call returns.
    script.source(Source::OpenSsl).sent(1, OK).received(1, GET).source(Source::Ktls).sent(1, OK);
    let rows = script.close(1).run();
    assert_eq!(rows.http().iter().map(|http| http.status).collect::<Vec<_>>(), [Some(200), Some(200)]);
}

#[test]
fn what_comes_too_early_waits_for_what_is_missing() {
    let (first, second) = GET.split_at(4);
    let mut script = Script::live();
    script.open(1, 80, 40000, Side::Remote);
    let mut late = script.clone();
    script.missed(1, Direction::Received, 4).received(1, second);
    late.received(1, first);
    script.events.push(late.events.pop().unwrap());
    let rows = script.sent(1, OK).run();
    assert_eq!(path(&rows, "/a").status, Some(200));
    assert!(rows.coverage.losses.is_empty());
}

#[test]
fn what_does_not_come_in_time_is_lost_and_counted() {
    let mut script = Script::live();
    script.open(1, 80, 40000, Side::Remote);
    script.received(1, "GET /one HTTP/1.1\r\n\r\n").missed(1, Direction::Received, 10);
    script.received(1, "GET /two HTTP/1.1\r\n\r\n").sent(1, OK);
    let mut seen = Vec::new();
    let mut trackers = Trackers::new(Config::default());
    for event in script.events {
        trackers.handle(event, &mut |record| seen.push(record));
    }
    assert_eq!((trackers.in_flight().len(), trackers.coverage().losses.len()), (0, 0), "it may still come");
    trackers.handle(SocketEvent::Clock { time: Timestamp(START + 100_000_000) }, &mut |record| seen.push(record));
    let [flying] = &trackers.in_flight()[..] else { panic!("{:?}", trackers.in_flight()) };
    assert_eq!((flying.summary.as_deref(), flying.protocol), (Some("GET /two"), "http"));
    assert_eq!(flying.age, START + 100_000_000 - flying.common.time.0);
    let [loss] = &trackers.coverage().losses[..] else { panic!("{:?}", trackers.coverage()) };
    assert_eq!((loss.cause.as_ref(), loss.events, loss.bytes), ("missing", 1, 10));
}

#[test]
fn a_loss_that_was_reported_is_not_counted_again() {
    let mut script = Script::live();
    script.open(1, 80, 40000, Side::Remote).received(1, GET).sent(1, OK);
    let time = script.tick();
    let lost = Lost { time, socket: None, cause: "ring_full".into(), events: 3, bytes: 100 };
    script.event(SocketEvent::Lost(lost)).missed(1, Direction::Received, 100).received(1, GET).sent(1, OK).close(1);
    let rows = script.run();
    let losses: Vec<_> = rows.coverage.losses.iter().map(|l| (l.cause.as_ref(), l.events, l.bytes)).collect();
    assert_eq!(losses, [("ring_full", 3, 100)]);
}

/// What io_uring moves is no hole in the stream: it does not account for one elsewhere.
#[test]
fn users_of_io_uring_are_named_and_explain_no_gap() {
    let mut script = Script::live();
    script.named(7, "ring", None).open(1, 80, 40000, Side::Remote).received(1, GET).sent(1, OK);
    let time = script.tick();
    script.event(SocketEvent::Process(ProcessEvent { time, pid: 7, change: ProcessChange::Ring }));
    let lost = Lost { time, socket: None, cause: IO_URING.into(), events: 3, bytes: 100 };
    script.event(SocketEvent::Lost(lost)).missed(1, Direction::Received, 100).received(1, GET).sent(1, OK).close(1);
    let rows = script.run();
    assert_eq!(rows.coverage.io_uring.iter().map(AsRef::as_ref).collect::<Vec<_>>(), ["ring"]);
    let losses: Vec<_> = rows.coverage.losses.iter().map(|l| (l.cause.as_ref(), l.events, l.bytes)).collect();
    assert_eq!(losses, [(IO_URING, 3, 100), ("missing", 1, 100)]);
}

#[test]
fn connections_tell_how_they_went() {
    let mut script = Script::live();
    script.open(1, 40000, 80, Side::Local).state(1, StateChange::Connecting);
    let ends = |port| Endpoint::ip([10, 0, 0, 9].into(), port);
    script.state(1, StateChange::Established { local: ends(40000), remote: ends(80) });
    script.sent(1, GET).state(1, StateChange::Retransmit).state(1, StateChange::Reset).close(1);
    script.open(2, 40001, 81, Side::Local).state(2, StateChange::Connecting);
    script.state(2, StateChange::Failed { errno: "ECONNREFUSED".into() }).close(2);
    script.open(3, 40002, 82, Side::Local).state(3, StateChange::Connecting);
    script.open(4, 40003, 83, Side::Local).sent(4, GET);
    script.state(4, StateChange::Ended { direction: Direction::Sent, position: None });
    let rows = script.run();
    let told: Vec<_> = rows
        .conns()
        .iter()
        .map(|conn| (conn.state.unwrap().name(), conn.connect, conn.reset, conn.retransmits, conn.errno.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("closed", Some(1000), true, 1, None),
            ("failed", None, false, 0, Some("ECONNREFUSED")),
            ("half_closed", None, false, 0, None),
            ("connecting", None, false, 0, None),
        ]
    );
    let numbers: Vec<_> = rows.conns().iter().map(|conn| conn.conn).collect();
    assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), 4, "{numbers:?}");
    assert_eq!(rows.conns()[0].ends.remote_addr, ends(80).address);
    let half_closed = rows.http().into_iter().find(|http| http.common.ends.remote_port == Some(83)).unwrap();
    assert_eq!((half_closed.status, half_closed.common.error), (None, None), "its answer may still come");
}

#[test]
fn exchanges_belong_to_who_made_the_call() {
    let mut script = Script::live();
    script.named(200, "worker", None).open(1, 80, 40000, Side::Remote);
    script.who(200, 201, 0).received(1, GET).sent(1, OK);
    script.state(1, StateChange::Owner { pid: 200 }).close(1);
    let rows = script.run();
    let process = |names: &Option<std::sync::Arc<crate::event::ProcessNames>>| names.clone().unwrap().process.clone();
    let common = &path(&rows, "/a").common;
    assert_eq!((common.identity.pid, process(&common.identity.names).as_deref()), (Some(200), Some("worker")));
    assert_eq!(rows.conns()[0].identity.pid, Some(200));
    assert_eq!(common.identity.node.as_deref(), Some("box"));
}

#[test]
fn sockets_whose_opening_was_not_told_are_tracked_all_the_same() {
    let rows = Script::live().received(9, GET).sent(9, OK).close(9).run();
    let http = path(&rows, "/a");
    assert_eq!((http.status, http.common.midstream, http.common.ends.local_port), (Some(200), true, None));
}

#[test]
fn only_what_is_wanted_is_parsed() {
    let mut script = Script::live();
    script.open(1, 80, 40000, Side::Remote).received(1, GET).sent(1, OK).close(1);
    let only = |names: &[&str]| {
        let protocols = Some(names.iter().map(|name| (*name).to_owned()).collect());
        script.run_with(Config { protocols, ..Config::default() })
    };
    assert_eq!(only(&["http"]).http().len(), 1);
    let rows = only(&["dns"]);
    assert_eq!((rows.http().len(), rows.conns().len(), rows.conns()[0].protocol), (0, 1, None));
}

#[test]
fn too_many_connections_let_the_idle_ones_go() {
    let limits = Limits { connections: 100, ..Limits::default() };
    let mut script = Script::live();
    for n in 0..250 {
        script.open(n, 80, 40000, Side::Remote).received(n, "GET /half HT");
    }
    let rows = script.run_with(Config { limits, ..Config::default() });
    assert_eq!(rows.conns().len(), 250);
    let losses: Vec<_> = rows.coverage.losses.iter().map(|l| (l.cause.as_ref(), l.events)).collect();
    assert_eq!(losses, [("connection_limit", 150)]);
}

#[test]
fn a_hundred_thousand_half_open_connections_stay_within_the_memory_allowed() {
    let limits = Limits { total_bytes: 32 << 20, ..Limits::default() };
    let mut trackers = Trackers::new(Config { limits, ..Config::default() });
    let mut template = Script::live();
    template.open(0, 80, 40000, Side::Remote).received(0, format!("GET /{} HTTP/1.1\r\n", "x".repeat(400)));
    let mut rows = 0;
    for n in 0..100_000 {
        for event in &template.events[2..] {
            let event = match event.clone() {
                SocketEvent::Open(open) => SocketEvent::Open(Open { socket: SocketId(n), ..open }),
                SocketEvent::Data(data) => SocketEvent::Data(Data { socket: SocketId(n), ..data }),
                other => other,
            };
            trackers.handle(event, &mut |_| rows += 1);
        }
        assert!(trackers.load().1 <= 33 << 20, "{:?}", trackers.load());
    }
    assert!(trackers.coverage().losses.iter().any(|loss| loss.cause == "memory_limit"), "{:?}", trackers.coverage());
    trackers.finish(&mut |_| rows += 1);
    assert!(rows >= 100_000, "a row each connection: {rows}");
}

#[test]
fn an_endless_head_in_single_bytes_stays_within_bounds() {
    let mut trackers = Trackers::new(Config::default());
    let mut script = Script::live();
    script.open(1, 80, 40000, Side::Remote).received(1, "GET / HTTP/1.1\r\nX: ");
    let SocketEvent::Data(mut data) = script.events.last().cloned().unwrap() else { panic!("no data") };
    for event in script.events {
        trackers.handle(event, &mut |_| ());
    }
    data.position += 19;
    (data.bytes, data.original_len) = (b"x".to_vec(), 1);
    for _ in 0..600_000 {
        data.position += 1;
        data.time.0 += 1000;
        trackers.handle(SocketEvent::Data(data.clone()), &mut |_| ());
        assert!(trackers.load().1 < 2 << 20, "{:?}", trackers.load());
    }
    assert!(trackers.coverage().losses.iter().all(|loss| loss.bytes < 2 << 20), "{:?}", trackers.coverage());
}

#[test]
fn names_come_from_hosts_files() {
    let mut script = Script::live();
    let time = script.tick();
    script.event(SocketEvent::Hosts { time, names: vec![([10, 0, 0, 2].into(), "db.local".into())] });
    script.open(1, 40000, 80, Side::Local).sent(1, GET).received(1, OK).close(1);
    let rows = script.run();
    assert_eq!(path(&rows, "/a").common.ends.remote_name.as_deref(), Some("db.local"));
    assert_eq!(rows.conns()[0].ends.remote_name.as_deref(), Some("db.local"));
}
