//! One conversation a test, with every way of sending and receiving; the truth is what `peers/scenarios.py` did.

use std::process::Command;

use serde_json::Value;
use tempfile::tempdir;

use crate::explore::{Explore, Finished, counted, plain, read, text, wait_for};
use crate::peers::{Peer, script};

macro_rules! scenarios {
    ($($name:ident),* $(,)?) => {$(
        #[test]
        #[ignore = "needs root and a live kernel"]
        fn $name() {
            check(stringify!($name), &[]);
        }
    )*};
}

scenarios![
    keepalive,
    ipv6,
    mapped,
    pipelining,
    chunked,
    expect_continue,
    head_and_unchanged,
    upload,
    half_close,
    read_after_reset,
    no_answer,
    peek_and_trunc,
    vectors,
    sent_as_file,
    unix,
    passed,
    prefork,
    quiet,
];

/// The same conversations where the kernel has no socket tracepoints: back end B, forced.
mod by_syscall_hooks {
    macro_rules! scenarios {
        ($($name:ident),* $(,)?) => {$(
            #[test]
            #[ignore = "needs root and a live kernel"]
            fn $name() {
                super::check(stringify!($name), &["--backend", "syscall"]);
            }
        )*};
    }

    scenarios![
        keepalive,
        mapped,
        pipelining,
        upload,
        half_close,
        peek_and_trunc,
        vectors,
        sent_as_file,
        unix,
        passed,
        prefork
    ];
}

#[test]
#[ignore = "needs root and a live kernel"]
fn opened_before() {
    check_late("opened_before");
}

#[test]
#[ignore = "needs root and a live kernel"]
fn joined_in_a_body() {
    check_late("joined_in_a_body");
}

/// explore starts the scenario.
#[track_caller]
fn check(name: &str, options: &[&str]) {
    let folder = tempdir().unwrap();
    let peer = script("scenarios.py");
    let command = ["-q", "http", "--format", "json", "--", "python3", text(&peer), name, text(folder.path())];
    let finished = Explore::spawn(folder.path(), &[options, &command].concat()).finish();
    compare(&finished, &folder.path().join("truth.json"));
}

/// explore comes when the conversation is under way.
#[track_caller]
fn check_late(name: &str) {
    let folder = tempdir().unwrap();
    let mut command = Command::new("python3");
    let mut peer = Peer::start(folder.path(), name, command.arg(script("scenarios.py")).arg(name).arg(folder.path()));
    wait_for("the scenario", || folder.path().join("waiting").exists());
    let explore = Explore::start(folder.path(), &["--pid", &peer.pid(), "-q", "http"]);
    std::fs::write(folder.path().join("go"), "").unwrap();
    peer.wait();
    compare(&explore.stop(), &folder.path().join("truth.json"));
}

#[track_caller]
fn compare(finished: &Finished, truth: &std::path::Path) {
    finished.assert_whole();
    let truth: Vec<Value> = serde_json::from_str(&read(truth)).unwrap();
    let mut columns: Vec<String> = truth.iter().flat_map(|row| row.as_object().unwrap().keys().cloned()).collect();
    columns.sort();
    columns.dedup();
    // A row of the truth names only what it is about: compare row by row on those columns.
    let by = |row: &Value, like: &Value| -> Vec<String> {
        columns.iter().filter(|name| like.get(name.as_str()).is_some()).map(|name| plain(&row[name.as_str()])).collect()
    };
    let key = |row: &Value| (plain(&row["path"]), plain(&row["role"]));
    let like = |row: &Value| truth.iter().find(|like| key(like) == key(row)).cloned().unwrap_or_else(|| row.clone());
    let expected = counted(truth.iter().map(|row| by(row, row)));
    let got = counted(finished.rows.iter().map(|row| by(row, &like(row))));
    assert_eq!(got, expected, "{columns:?}\n{}\n{}", finished.stdout, finished.stderr);
}
