//! `--children`, `-- COMMAND`, `--port`, `--comm`: what narrows the view, and what lies outside it.

use std::process::Command;

use tempfile::tempdir;

use crate::explore::{Explore, text};
use crate::peers::{Nginx, Peer, free_port, script, wait_for_port};
use crate::servers::curl;

/// Two servers, of which one is watched by its port: the other's requests are none of ours.
#[test]
#[ignore = "needs root and a live kernel"]
fn a_port_narrows_to_the_connections_that_have_it() {
    let folder = tempdir().unwrap();
    let (ours, theirs) = (free_port(), free_port());
    let server = |name, port: u16| {
        let server =
            Peer::start(folder.path(), name, Command::new("python3").arg(script("server.py")).arg(port.to_string()));
        wait_for_port(port);
        server
    };
    let (first, second) = (server("ours", ours), server("theirs", theirs));
    let port = ours.to_string();
    let pids = [first.pid(), second.pid()];
    let arguments = ["--pid", &pids[0], "--pid", &pids[1], "--port", &port, "-q", "http"];
    let explore = Explore::start(folder.path(), &arguments);
    curl(&[&format!("http://127.0.0.1:{ours}/ours"), &format!("http://127.0.0.1:{theirs}/theirs")]);
    let finished = explore.stop();
    finished.assert_whole();
    assert_eq!(finished.count(&["path", "local_port"]).into_keys().collect::<Vec<_>>(), [["/ours".to_owned(), port]]);
}

/// A shell's children are watched with `--children`, those that it starts later too.
#[test]
#[ignore = "needs root and a live kernel"]
fn children_are_watched_when_asked_for() {
    for (option, expected) in [(Some("--children"), 1), (None, 0)] {
        let folder = tempdir().unwrap();
        let nginx = Nginx::start(folder.path(), 1);
        let go = folder.path().join("go");
        let line = format!(
            "while [ ! -e {} ]; do sleep 0.02; done; curl -s http://127.0.0.1:{}/ok?child",
            text(&go),
            nginx.port
        );
        let shell = Peer::start(folder.path(), "shell", Command::new("sh").args(["-c", &format!("{line}; sleep 1")]));
        let pid = shell.pid();
        let mut arguments = vec!["--pid", &pid, "-q", "http"];
        arguments.extend(option);
        let explore = Explore::start(folder.path(), &arguments);
        std::fs::write(&go, "").unwrap();
        nginx.wait_for_log("/ok?child");
        let finished = explore.stop();
        finished.assert_whole();
        assert_eq!(finished.rows.len(), expected, "{option:?} {}", finished.stdout);
        assert!(finished.rows.iter().all(|row| row["process"] == "curl" && row["role"] == "client"));
    }
}

/// `--comm` goes on matching: a server that starts after explore is seen.
#[test]
#[ignore = "needs root and a live kernel"]
fn a_server_started_later_is_matched_by_name() {
    let folder = tempdir().unwrap();
    let name = format!("late{}", std::process::id());
    let program = folder.path().join(&name);
    std::fs::copy("/usr/bin/curl", &program).unwrap();
    let nginx = Nginx::start(folder.path(), 1);
    let explore = Explore::start(folder.path(), &["--comm", &name, "-q", "http"]);
    let asked =
        Command::new(&program).args(["-s", &format!("http://127.0.0.1:{}/ok?late", nginx.port)]).output().unwrap();
    assert!(asked.status.success());
    let finished = explore.stop();
    finished.assert_whole();
    assert_eq!(finished.count(&["process", "query"]).into_keys().collect::<Vec<_>>(), [[name, "late".to_owned()]]);
}

/// Both ends are watched: two rows that name each other.
#[test]
#[ignore = "needs root and a live kernel"]
fn both_ends_of_an_exchange_name_each_other() {
    let folder = tempdir().unwrap();
    let peer = script("scenarios.py");
    let arguments = ["-q", "http", "--format", "json", "--", "python3", text(&peer), "keepalive", text(folder.path())];
    let finished = Explore::spawn(folder.path(), &arguments).finish();
    finished.assert_whole();
    assert_eq!(finished.rows.len(), 10);
    for row in &finished.rows {
        let twin = finished.rows.iter().find(|other| other["id"] == row["twin"]).expect("the other row");
        assert_eq!((&twin["twin"], &twin["path"]), (&row["id"], &row["path"]));
        assert_ne!(twin["role"], row["role"]);
        assert_ne!(twin["conn"], row["conn"]);
    }
}

/// `--record` then `--read` gives the same rows, byte for byte.
#[test]
#[ignore = "needs root and a live kernel"]
fn a_recording_replays_to_the_same_bytes() {
    let folder = tempdir().unwrap();
    let nginx = Nginx::start(folder.path(), 2);
    let port = nginx.port.to_string();
    let recording = folder.path().join("run.events");
    let arguments = ["--comm", "nginx", "--listen", &port, "--record", text(&recording), "-q", "http"];
    let explore = Explore::start(folder.path(), &arguments);
    let address = format!("http://127.0.0.1:{port}");
    let load = script("load.lua");
    assert!(
        Command::new("wrk")
            .args(["-t1", "-c2", "-d1s", "-s", text(&load), &address])
            .output()
            .unwrap()
            .status
            .success()
    );
    let live = explore.stop();
    live.assert_whole();
    assert!(live.rows.len() > 200);

    let replay =
        Explore::spawn(folder.path(), &["--read", text(&recording), "-q", "http", "--format", "json"]).finish();
    assert!(replay.status.success(), "{}", replay.stderr);
    assert!(replay.stdout == live.stdout, "replay differs from the live run");

    // Cut in the middle: the rows before the cut, the offset, exit code 2.
    let whole = std::fs::read(&recording).unwrap();
    std::fs::write(&recording, &whole[..whole.len() / 2]).unwrap();
    let cut = Explore::spawn(
        folder.path(),
        &["--read", text(&recording), "-q", "http where status is not null", "--format", "json"],
    )
    .finish();
    assert_eq!(cut.status.code(), Some(2), "{}", cut.stderr);
    assert!(cut.stderr.contains("offset"), "{}", cut.stderr);
    assert!(!cut.rows.is_empty() && cut.rows.iter().all(|row| live.rows.contains(row)));
}
