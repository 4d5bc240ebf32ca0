//! Servers and clients of different kinds, each against its own log.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use tempfile::tempdir;

use crate::explore::{Explore, Finished, counted, read, text};
use crate::peers::{Nginx, Peer, free_port, script, tool, wait_for_port};

/// "exactly the failing requests": nginx under wrk and curl, count for count with its access log.
#[test]
#[ignore = "needs root and a live kernel"]
fn nginx_under_wrk_and_curl_gives_exactly_the_failing_requests_of_its_log() {
    let folder = tempdir().unwrap();
    let nginx = Nginx::start(folder.path(), 2);
    let port = nginx.port.to_string();
    let query = "http where status>=500";
    let explore = Explore::start(folder.path(), &["--comm", "nginx", "--listen", &port, "-q", query]);

    let address = format!("http://127.0.0.1:{port}");
    let load = script("load.lua");
    let wrk = Command::new("wrk").args(["-t1", "-c4", "-d4s", "-s", text(&load), &address]).output().unwrap();
    assert!(wrk.status.success());
    for path in ["/fail", "/unavailable", "/missing", "/ok"] {
        curl(&[&format!("{address}{path}?by=curl")]);
        curl(&["-g", &format!("http://[::1]:{port}{path}?by=curl6")]);
    }

    let finished = explore.stop();
    finished.assert_whole();
    let log = nginx.log();
    assert!(log.len() > 2_000, "{} requests are no load", log.len());
    let failing = log.iter().filter(|line| line[2].starts_with('5'));
    let truth = counted(failing.map(|[method, target, status, client, bytes]| {
        let (path, query) = target.split_once('?').unwrap();
        [method, path, query, status, client, bytes].map(str::to_owned).to_vec()
    }));
    assert_eq!(finished.count(&["method", "path", "query", "status", "remote_port", "resp_bytes"]), truth);
    let workers = finished.rows.iter().all(|row| row["process"] == "nginx" && row["role"] == "server");
    assert!(workers && finished.rows.iter().all(|row| row["latency"].as_u64().is_some_and(|latency| latency > 0)));
    assert!(finished.rows.iter().all(|row| row["remote_addr"] == "127.0.0.1" || row["remote_addr"] == "::1"));
}

/// sendfile: the body never passes through user space, its length must be right all the same.
#[test]
#[ignore = "needs root and a live kernel"]
fn nginx_sending_files_by_sendfile_is_counted_to_the_byte() {
    let folder = tempdir().unwrap();
    let nginx = Nginx::start(folder.path(), 1);
    let port = nginx.port.to_string();
    let explore = Explore::start(folder.path(), &["--comm", "nginx", "--listen", &port, "-q", "http"]);
    for n in 0..20 {
        curl(&[&format!("http://127.0.0.1:{port}/file.bin?{n}"), &format!("http://127.0.0.1:{port}/ok?after={n}")]);
    }
    curl(&["-I", &format!("http://127.0.0.1:{port}/file.bin?head")]);
    curl(&[&format!("http://127.0.0.1:{port}/unchanged?304")]);
    let finished = explore.stop();
    finished.assert_whole();
    let truth = counted(nginx.log().into_iter().map(|[method, target, status, _, bytes]| {
        let (path, query) = target.split_once('?').unwrap();
        vec![method, path.to_owned(), query.to_owned(), status, bytes]
    }));
    assert_eq!(truth.values().sum::<usize>(), 42);
    assert_eq!(finished.count(&["method", "path", "query", "status", "resp_bytes"]), truth);
}

#[test]
#[ignore = "needs root and a live kernel"]
fn python_http_server() {
    check_server("python", |port| {
        let mut command = Command::new("python3");
        command.arg(script("server.py")).arg(port);
        command
    });
}

#[test]
#[ignore = "needs root and a live kernel"]
fn node_http() {
    check_server("node", |port| {
        let mut command = Command::new("node");
        command.arg(script("server.js")).arg(port);
        command
    });
}

#[test]
#[ignore = "needs root and a live kernel"]
fn go_net_http() {
    let folder = tempdir().unwrap();
    let binary = folder.path().join("go-server");
    let built = Command::new(tool("go"))
        .args(["build", "-o", text(&binary), text(&script("server.go"))])
        .env("GOFLAGS", "-mod=mod")
        .env("GOCACHE", std::env::temp_dir().join("explore-go-cache"))
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    check_server("go", |port| {
        let mut command = Command::new(&binary);
        command.arg(port);
        command
    });
}

#[test]
#[ignore = "needs root and a live kernel"]
fn hyper_on_tokio() {
    let explore = Path::new(env!("CARGO_BIN_EXE_explore"));
    let binary = explore.parent().unwrap().join("examples/tokio-server");
    check_server("tokio", |port| {
        let mut command = Command::new(&binary);
        command.arg(port);
        command
    });
}

/// Server rows against the server's log, client rows of the curl that asked against the same log.
#[track_caller]
fn check_server(name: &str, command: impl Fn(&str) -> Command) {
    let folder = tempdir().unwrap();
    let port = free_port();
    let server = Peer::start(folder.path(), name, &mut command(&port.to_string()));
    wait_for_port(port);
    let pid = server.pid();
    let explore = Explore::start(folder.path(), &["--pid", &pid, "-q", "http"]);
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");

    curl(&[&url("/hello?1"), &url("/hello?2"), &url("/fail?3")]);
    curl(&["-d", "some=form", &url("/echo?4")]);
    curl(&["-I", &url("/hello?5")]);
    curl(&[&url("/stream?6")]);
    let client_folder = tempdir().unwrap();
    let client = Explore::spawn(
        client_folder.path(),
        &["-q", "http", "--format", "json", "--", "curl", "-s", &url("/hello?7"), &url("/fail?8")],
    )
    .finish();

    let finished = explore.stop();
    finished.assert_whole();
    let log = read(&folder.path().join(format!("{name}.log")));
    let truth = |filter: &dyn Fn(&str) -> bool| {
        counted(log.lines().filter(|line| filter(line)).map(|line| {
            let mut fields = line.split(' ');
            let (method, target, status) = (fields.next().unwrap(), fields.next().unwrap(), fields.next().unwrap());
            let (path, query) = target.split_once('?').unwrap();
            [method, path, query, status].map(str::to_owned).to_vec()
        }))
    };
    let columns = ["method", "path", "query", "status"];
    assert_eq!(truth(&|_| true).len(), 8, "{log}");
    assert_eq!(finished.count(&columns), truth(&|_| true));
    assert_bodies(&finished);
    assert!(
        finished.rows.iter().all(|row| row["role"] == "server" && row["pid"] == json!(pid.parse::<u32>().unwrap()))
    );

    client.assert_whole();
    assert_eq!(client.count(&columns), truth(&|line| line.contains("?7 ") || line.contains("?8 ")));
    assert!(client.rows.iter().all(|row| row["role"] == "client" && row["process"] == "curl"));
}

fn assert_bodies(finished: &Finished) {
    for row in &finished.rows {
        match row["path"].as_str().unwrap() {
            "/echo" => assert_eq!((&row["req_body"], &row["req_bytes"]), (&"some=form".into(), &9.into())),
            "/fail" => assert_eq!((&row["resp_body"], &row["error"]), (&"boom\n".into(), &true.into())),
            "/hello" if row["method"] == "GET" => {
                assert_eq!((&row["resp_body"], &row["resp_bytes"]), (&"hello\n".into(), &6.into()))
            }
            _ => {}
        }
    }
}

/// Runs curl, quietly.
#[track_caller]
pub(crate) fn curl(arguments: &[&str]) {
    let output = Command::new("curl").arg("-sS").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
