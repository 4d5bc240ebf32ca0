//! Column `parent`: what was asked for the sake of what. Never a wrong one.

use std::collections::BTreeMap;
use std::process::Command;

use tempfile::tempdir;

use crate::cluster::Cluster;
use crate::explore::{Explore, counted, plain, wait_for};
use crate::peers::{Nginx, Peer, free_port, script, tool, wait_for_port};
use crate::servers::curl;
use crate::tls::go;

const PAGES: usize = 24;

#[test]
#[ignore = "needs root and a live kernel"]
fn a_threaded_service_has_every_statement_on_its_page() {
    check("thread", || {
        let mut command = Command::new(tool("python"));
        command.arg(script("pages.py"));
        command
    });
}

/// Goroutines that move between threads, and share connections to the database. The first byte of a request is often taken by
/// `net/http`'s background read, in a goroutine of its own.
#[test]
#[ignore = "needs root and a live kernel"]
fn a_go_service_has_every_statement_on_its_page() {
    let folder = tempdir().unwrap();
    let binary = go(folder.path(), "pages.go", "");
    check("goroutine", || Command::new(&binary));
}

/// Each statement names its page: `select 'page 7 step 0', …`. Eight pages are asked for at once.
#[track_caller]
fn check(by: &str, command: impl Fn() -> Command) {
    let folder = tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    let port = free_port();
    let service_folder = tempdir().unwrap();
    let mut command = command();
    let service =
        Peer::start(service_folder.path(), "service", command.args([port.to_string(), cluster.port.to_string()]));
    wait_for_port(port);
    let pid = service.pid();
    let query = "pgsql where operation = 'SELECT' | \
                 join left (http where role = 'server' | select page=path, page_id=id) on parent == page_id | \
                 select query, page, parent_by";
    let explore = Explore::start(service_folder.path(), &["--pid", &pid, "-q", query]);
    let urls = format!("http://127.0.0.1:{port}/page/[0-{}]", PAGES - 1);
    curl(&["--parallel", "--parallel-immediate", "--parallel-max", "8", "-o", "/dev/null", &urls]);
    let finished = explore.stop();
    finished.assert_whole();
    let truth = (0..PAGES).flat_map(|page| {
        (0..2 + page % 3).map(move |step| {
            [format!("select 'page {page} step {step}', pg_sleep(0.01)"), format!("/page/{page}"), by.to_owned()]
                .to_vec()
        })
    });
    assert_eq!(finished.count(&["query", "page", "parent_by"]), counted(truth), "{}", finished.stderr);
}

/// One request is open while a timer asks: on an event loop nothing says that the one is for the other. Only trace headers
/// do, of every kind.
#[test]
#[ignore = "needs root and a live kernel"]
fn an_event_loop_has_only_trace_headers_to_go_by() {
    let folder = tempdir().unwrap();
    let nginx = Nginx::start(folder.path(), 1);
    let port = free_port();
    let mut command = Command::new("node");
    let service = Peer::start(
        folder.path(),
        "loop",
        command.arg(script("loop.js")).args([port.to_string(), nginx.port.to_string()]),
    );
    wait_for_port(port);
    let pid = service.pid();
    let explore = Explore::start(folder.path(), &["--pid", &pid, "-q", "http"]);
    let trace = |n: usize| format!("4bf92f3577b34da6a3ce929d0e0e473{n}");
    let span = "00f067aa0ba902b7";
    let headers: [Vec<String>; 5] = [
        vec![],
        vec![format!("traceparent: 00-{}-{span}-01", trace(1))],
        vec![format!("b3: {}-{span}-1", trace(2))],
        vec![format!("X-B3-TraceId: {}", trace(3)), format!("X-B3-SpanId: {span}")],
        vec![format!("uber-trace-id: {}:{span}:0:1", trace(4))],
    ];
    for (n, headers) in headers.iter().enumerate() {
        let options: Vec<&str> = headers.iter().flat_map(|header| ["-H", header.as_str()]).collect();
        curl(&[&options[..], &[&format!("http://127.0.0.1:{port}/slow?n={n}")]].concat());
        wait_for("the timer", || nginx.log().iter().any(|line| line[1] == format!("/ok?timer={n}")));
    }
    let finished = explore.stop();
    finished.assert_whole();
    let by_query: BTreeMap<String, _> = finished.rows.iter().map(|row| (plain(&row["query"]), row)).collect();
    assert_eq!(by_query.len(), 15, "{}", finished.stderr);
    for n in 0..5 {
        let (page, timer, asked) =
            (by_query[&format!("n={n}")], by_query[&format!("timer={n}")], by_query[&format!("page={n}")]);
        assert!(timer["parent"].is_null(), "{timer}");
        if n == 0 {
            assert!(asked["parent"].is_null(), "{asked}");
        } else {
            assert_eq!((&asked["parent"], &asked["parent_by"]), (&page["id"], &"trace".into()), "{asked}");
            assert_eq!(page["trace_id"], trace(n));
            assert_eq!(page["span_id"], span);
        }
    }
}

/// The same page numbers at two services: a statement is on the page of its own process.
#[test]
#[ignore = "needs root and a live kernel"]
fn two_services_keep_their_statements_apart() {
    let folder = tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    let ports = [free_port(), free_port()];
    let folders = [tempdir().unwrap(), tempdir().unwrap()];
    let services: Vec<Peer> = ports
        .iter()
        .zip(&folders)
        .map(|(port, folder)| {
            let mut command = Command::new(tool("python"));
            command.arg(script("pages.py")).args([port.to_string(), cluster.port.to_string()]);
            Peer::start(folder.path(), "service", &mut command)
        })
        .collect();
    ports.into_iter().for_each(wait_for_port);
    let pids: Vec<String> = services.iter().map(Peer::pid).collect();
    let query = "pgsql where operation = 'SELECT' | join (http where role = 'server' | \
                 select page=path, page_pid=pid, page_id=id) on parent == page_id | select query, page, pid, page_pid";
    let explore = Explore::start(folders[0].path(), &["--pid", &pids[0], "--pid", &pids[1], "-q", query]);
    let urls = ports.map(|port| format!("http://127.0.0.1:{port}/page/[0-5]"));
    curl(&["--parallel", "--parallel-immediate", "-o", "/dev/null", &urls[0], "-o", "/dev/null", &urls[1]]);
    let finished = explore.stop();
    finished.assert_whole();
    assert_eq!(finished.rows.len(), 2 * (0..6).map(|page| 2 + page % 3).sum::<usize>());
    for row in &finished.rows {
        assert_eq!(row["pid"], row["page_pid"], "{row}");
        let page = plain(&row["page"]).replace("/page/", "page ");
        assert!(plain(&row["query"]).contains(&format!("'{page} step")), "{row}");
    }
}
