//! Explore beside services that are instrumented already, and collectors that misbehave while it watches.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::tempdir;

use crate::explore::{Explore, read, text, wait_for};
use crate::peers::{Nginx, Peer, free_port, script, tool};

/// An independent collector: the protocol's services from PyPI.
fn collector(folder: &Path, at: &[&str]) -> (Peer, u16) {
    let mut command = Command::new(tool("python"));
    let peer = Peer::start(folder, "collector", command.arg(script("otlp_collector.py")).arg(folder).args(at));
    (peer, port(&folder.join("port")))
}

fn port(file: &Path) -> u16 {
    wait_for("a port", || file.exists());
    read(file).trim().parse().unwrap()
}

fn received(folder: &Path) -> Vec<Value> {
    read(&folder.join("received.jsonl")).lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn spans(folder: &Path) -> Vec<Value> {
    received(folder).into_iter().filter(|row| row["what"] == "span").collect()
}

/// The kernel's monotonic clock and the wall clock are brought together now and then, ns.
const CLOCKS: u64 = 50_000_000;

#[test]
#[ignore = "needs root and a live kernel"]
fn an_instrumented_service_and_explore_make_one_trace() {
    const REQUESTS: usize = 12;
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let (_collector, collector_port) = collector(folder, &[]);
    let endpoint = format!("127.0.0.1:{collector_port}");
    let start = |role: &str, more: &[&str]| {
        let mut command = Command::new(tool("python"));
        command.arg(script("otlp_service.py")).args([role, text(folder), &endpoint]).args(more);
        Peer::start(folder, role, command.env("OTEL_SERVICE_NAME", format!("watched-{role}")))
    };
    let server = start("server", &[]);
    port(&folder.join("service-port"));
    let mut client = start("client", &[&REQUESTS.to_string()]);
    let explore = Explore::spawn(
        folder,
        &[
            "--headless",
            "--pid",
            &server.pid(),
            "--pid",
            &client.pid(),
            // What the services themselves tell the collector is not the subject.
            "--exclude-port",
            &collector_port.to_string(),
            "--otlp",
            &format!("http://{endpoint}"),
            "--ready-file",
            text(&folder.join("ready")),
        ],
    );
    wait_for("explore to be ready", || folder.join("ready").exists());
    std::fs::write(folder.join("go"), "").unwrap();
    client.wait();
    wait_for("explore's spans", || {
        spans(folder).iter().filter(|span| span["scope"] == "explore").count() >= 2 * REQUESTS
    });
    let finished = explore.stop();
    assert_eq!(finished.coverage("lost"), "0", "{}", finished.stderr);

    let spans = spans(folder);
    let asks: Vec<&Value> = spans.iter().filter(|span| span["name"] == "ask").collect();
    assert_eq!(asks.len(), REQUESTS);
    for ask in asks {
        let of_trace: Vec<&Value> = spans.iter().filter(|span| span["trace"] == ask["trace"]).collect();
        assert_eq!(of_trace.len(), 4, "asked, worked, and both ends as explore saw them: {of_trace:?}");
        let work = of_trace.iter().find(|span| span["name"] == "work").unwrap();
        assert_eq!(work["parent"], ask["id"]);
        for (kind, service, pid) in [(2, "watched-server", server.pid()), (3, "watched-client", client.pid())] {
            let seen = of_trace.iter().find(|span| span["scope"] == "explore" && span["kind"] == kind).unwrap();
            assert_eq!(seen["parent"], ask["id"]);
            assert_eq!(seen["resource"]["service.name"], service);
            assert_eq!(seen["resource"]["process.pid"].to_string(), pid);
            // The wire is within the call, as far as the two clocks agree.
            let time = |span: &Value, key: &str| span[key].as_u64().unwrap();
            assert!(
                time(ask, "start") <= time(seen, "start") + CLOCKS && time(seen, "end") <= time(ask, "end") + CLOCKS
            );
            let failed = seen["attributes"]["url.path"].as_str().is_some_and(|path| path.ends_with("/5"))
                || seen["attributes"]["url.full"].as_str().is_some_and(|url| url.ends_with("/5"));
            assert_eq!(seen["attributes"]["http.response.status_code"], if failed { 500 } else { 200 });
            assert_eq!(seen["status"], if failed { 2 } else { 0 });
        }
    }

    let received = received(folder);
    let points = |name: &str| received.iter().filter(|row| row["name"] == name).collect::<Vec<_>>();
    for (name, service) in
        [("http.server.request.duration", "watched-server"), ("http.client.request.duration", "watched-client")]
    {
        let points = points(name);
        assert_eq!(points.iter().map(|point| point["count"].as_u64().unwrap()).sum::<u64>(), REQUESTS as u64);
        for point in points {
            assert_eq!((&point["unit"], &point["kind"]), (&"s".into(), &"histogram".into()));
            assert_eq!(point["resource"]["service.name"], service);
            assert!(point["resource"].get("process.pid").is_none());
            let buckets: u64 = point["buckets"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum();
            assert_eq!(point["count"], buckets);
        }
    }
}

#[test]
#[ignore = "needs root and a live kernel"]
fn a_collector_that_comes_late_or_comes_back_gets_everything() {
    const REQUESTS: usize = 1_000;
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let nginx = Nginx::start(folder, 1);
    let at = free_port().to_string();
    let endpoint = format!("http://127.0.0.1:{at}");
    let explore =
        Explore::start(folder, &["--listen", &nginx.port.to_string(), "--otlp", &endpoint, "-q", "http | count"]);
    let load = |name: &str| {
        let load = format!("http://127.0.0.1:{}/?{name}=[1-{REQUESTS}]", nginx.port);
        assert!(Command::new("curl").args(["-s", "-o", "/dev/null", &load]).status().unwrap().success());
    };
    let all_came = |name: &str| {
        wait_for("all spans of a load", || {
            let named =
                |span: &&Value| span["attributes"]["url.query"].as_str().is_some_and(|query| query.starts_with(name));
            spans(folder).iter().filter(named).map(|span| span["id"].to_string()).collect::<BTreeSet<_>>().len()
                == REQUESTS
        });
    };
    load("early");
    let (first, _) = collector(folder, &[&at]);
    all_came("early");
    drop(first);
    std::fs::remove_file(folder.join("port")).unwrap();
    load("between");
    let (_second, _) = collector(folder, &[&at]);
    load("late");
    all_came("between");
    all_came("late");
    let finished = explore.stop();
    assert_eq!(finished.rows[0]["count"], 3 * REQUESTS);
    assert_eq!(finished.coverage("lost"), "0", "{}", finished.stderr);
}

#[test]
#[ignore = "needs root and a live kernel"]
fn under_load_no_collector_hung_or_gone_costs_the_capture_anything() {
    // Takes connections and never says a word.
    let hung = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    // Given back: nobody listens there.
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    for address in [hung.local_addr().unwrap(), gone] {
        capture_under_load(address);
    }
}

/// Everything that nginx logged is a row, and every span that could not be sent is counted.
fn capture_under_load(collector: SocketAddr) {
    const REQUESTS: usize = 3_000;
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let nginx = Nginx::start(folder, 1);
    let endpoint = format!("http://{collector}");
    let explore = Explore::start(
        folder,
        &["--listen", &nginx.port.to_string(), "--otlp", &endpoint, "-q", "http | summarize count() by status"],
    );
    let load = format!("http://127.0.0.1:{}/?[1-{REQUESTS}]", nginx.port);
    let status = Command::new("curl").args(["-s", "-o", "/dev/null", &load]).status().unwrap();
    assert!(status.success());
    nginx.wait_for_log(&format!("/?{REQUESTS}"));
    let finished = explore.stop();
    let rows: u64 = finished.rows.iter().map(|row| row["count"].as_u64().unwrap()).sum();
    let logged = nginx.log().iter().filter(|line| line[1].starts_with("/?")).count();
    assert_eq!((rows, logged), (REQUESTS as u64, REQUESTS), "{}", finished.stderr);
    let exporter = ["otlp_queue_full", "otlp_unreachable", "otlp_unsent"];
    let line = finished.stderr.lines().last().unwrap();
    let unsent: u64 = line
        .split(' ')
        .filter_map(|part| part.strip_prefix("lost.")?.split_once('='))
        .map(|(cause, count)| {
            assert!(exporter.contains(&cause), "the capture itself lost something: {line}");
            count.parse::<u64>().unwrap()
        })
        .sum();
    assert_eq!(unsent, REQUESTS as u64, "{line}");
}
