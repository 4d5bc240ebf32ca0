//! Servers that move their bytes by io_uring: explore cannot read those, and says so.

use std::process::Command;

use serde_json::Value;
use tempfile::tempdir;

use crate::explore::{Explore, Finished, read, text, wait_for};
use crate::peers::{Peer, free_port, script, wait_for_port};
use crate::servers::curl;

/// Submitted by the server's own thread, and by one that the kernel gave it: each call is counted, its bytes are those that
/// the server counts, and the server is named.
#[test]
#[ignore = "needs root and a live kernel"]
fn what_io_uring_moves_is_counted_and_its_user_named() {
    for mode in ["", "sqpoll"] {
        let (finished, log) = serve("sock", mode);
        let moved: Vec<u64> = log.split_whitespace().map(|number| number.parse().unwrap()).collect();
        assert_eq!(moved.len(), 4, "two requests, two answers: {log}");
        assert_eq!(finished.coverage("lost.io_uring"), "4", "{}", finished.stderr);
        assert_eq!(finished.coverage("lost"), "4", "{}", finished.stderr);
        assert_eq!(finished.coverage("bytes"), moved.iter().sum::<u64>().to_string());
        let [row] = &finished.rows[..] else { panic!("{}", finished.stdout) };
        assert_eq!(
            (&row["bytes_received"], &row["bytes_sent"]),
            (&(moved[0] + moved[2]).into(), &(moved[1] + moved[3]).into())
        );
        assert_eq!((&row["protocol"], &row["requests"]), (&Value::Null, &0.into()));
    }
}

/// System call hooks see nothing of it: who has a ring, from before or later, is named.
#[test]
#[ignore = "needs root and a live kernel"]
fn system_call_hooks_name_whoever_has_a_ring() {
    let (finished, _) = serve("syscall", "");
    assert_eq!(finished.coverage("lost"), "0", "{}", finished.stderr);
    let folder = tempdir().unwrap();
    let program = build(folder.path());
    let port = free_port().to_string();
    // Its ring is there before it listens, and explore's hooks before the ring.
    let line =
        format!("{} {port} & while ! curl -s http://127.0.0.1:{port}/; do sleep 0.05; done; kill $!", text(&program));
    let arguments = ["--backend", "syscall", "-q", "conns", "--format", "json", "--", "sh", "-c", &line];
    let finished = Explore::spawn(folder.path(), &arguments).finish();
    assert_eq!(finished.coverage("io_uring"), "ring_server", "{}", finished.stderr);
}

/// A request over a kept connection, and another one, and what the server wrote.
#[track_caller]
fn serve(backend: &str, mode: &str) -> (Finished, String) {
    let (folder, port) = (tempdir().unwrap(), free_port());
    let mut command = Command::new(build(folder.path()));
    let server = Peer::start(
        folder.path(),
        "server",
        command.arg(port.to_string()).args(Some(mode).filter(|mode| !mode.is_empty())),
    );
    wait_for_port(port);
    let pid = server.pid();
    let doctor =
        Command::new(env!("CARGO_BIN_EXE_explore")).args(["doctor", "--json", "--pid", &pid]).output().unwrap();
    let doctor: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    assert_eq!(doctor["processes"][0]["io_uring"], true, "{doctor}");
    let explore =
        Explore::start(folder.path(), &["--pid", &pid, "--backend", backend, "-q", "conns where requests = 0"]);
    let url = format!("http://127.0.0.1:{port}/");
    curl(&["-o", "/dev/null", "-o", "/dev/null", &url, &url]);
    let log = || read(&folder.path().join("server.log"));
    wait_for("the server's log", || log().lines().count() == 2);
    let finished = explore.stop();
    assert_eq!(finished.coverage("io_uring"), "ring_server", "{}", finished.stderr);
    (finished, log())
}

#[track_caller]
fn build(folder: &std::path::Path) -> std::path::PathBuf {
    let program = folder.join("ring_server");
    let built =
        Command::new("gcc").args(["-O1", "-o", text(&program), text(&script("ring_server.c"))]).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    program
}
