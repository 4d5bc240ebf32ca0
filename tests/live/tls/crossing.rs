//! Many connections on one event loop: no exchange is put on a wrong one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tempfile::tempdir;

use super::{Certificate, assert_decrypted};
use crate::explore::{Explore, plain, read, text};
use crate::peers::{script, tool};

/// 2,000 TLS connections at once on one thread, which serves them and asks over them. The server's answers name the
/// client's port, the client's requests the number of their connection: both ends of each row must agree with both.
#[test]
#[ignore = "needs root and a live kernel"]
fn two_thousand_connections_on_one_event_loop() {
    let (folder, certificate) = (tempdir().unwrap(), Certificate::new());
    let (python, peer) = (tool("python"), script("https_many.py"));
    let (cert, key) = (certificate.certificate(), certificate.key());
    let finished = Explore::spawn(
        folder.path(),
        &[
            "-q",
            "http",
            "--format",
            "json",
            "--",
            text(&python),
            text(&peer),
            text(folder.path()),
            text(&cert),
            text(&key),
        ],
    )
    .finish_within(Duration::from_secs(300));
    finished.assert_whole();
    // Connection's number and client's port, as the client knows them.
    let truth: BTreeMap<String, String> = read(&folder.path().join("ports"))
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(number, port)| (number.to_owned(), port.to_owned()))
        .collect();
    assert_eq!(truth.len(), 2_000);
    for (role, port) in [("client", "local_port"), ("server", "remote_port")] {
        let rows: Vec<_> = finished.rows.iter().filter(|row| row["role"] == role).collect();
        let mut seen = BTreeSet::new();
        for row in &rows {
            let path = plain(&row["path"]);
            let [number, step] = path.trim_start_matches('/').split('/').collect::<Vec<_>>().try_into().unwrap();
            assert_eq!(truth[number], plain(&row[port]), "{row}");
            assert_eq!(plain(&row["resp_body"]), format!("{number} {}\n", truth[number]), "{row}");
            assert!(seen.insert((number.to_owned(), step.to_owned())), "twice: {row}");
        }
        assert_eq!(seen.len(), 4_000, "{role}: {}", finished.stderr);
        let connections: BTreeSet<_> = rows.iter().map(|row| row["conn"].as_u64()).collect();
        assert_eq!(connections.len(), 2_000, "{role}");
    }
    assert_decrypted(&finished, "openssl");
}

/// Each connection has a thread that writes and another that reads, all of them at once.
#[test]
#[ignore = "needs root and a live kernel"]
fn a_reader_and_a_writer_thread() {
    check_pairs("tcp");
}

/// The same over Unix sockets, which have no ports and no sequence numbers.
#[test]
#[ignore = "needs root and a live kernel"]
fn over_unix_sockets() {
    check_pairs("unix");
}

/// Eight connections with twenty pipelined requests each: at either end every connection has those of one number.
#[track_caller]
fn check_pairs(kind: &str) {
    let (folder, certificate) = (tempdir().unwrap(), Certificate::new());
    let (python, peer) = (tool("python"), script("tls_pairs.py"));
    let (cert, key) = (certificate.certificate(), certificate.key());
    let command = [text(&python), text(&peer), text(folder.path()), text(&cert), text(&key), kind];
    let arguments = [&["-q", "http", "--format", "json", "--"][..], &command].concat();
    let finished = Explore::spawn(folder.path(), &arguments).finish();
    finished.assert_whole();
    assert_decrypted(&finished, "openssl");
    let ports = read(&folder.path().join("ports"));
    let ports: BTreeMap<&str, &str> = ports.lines().map(|line| line.split_once(' ').unwrap()).collect();
    assert_eq!(ports.len(), 8);
    for (role, own) in [("client", "local"), ("server", "remote")] {
        let mut seen = BTreeMap::<u64, BTreeSet<(String, String)>>::new();
        for row in finished.rows.iter().filter(|row| row["role"] == role) {
            let path = plain(&row["path"]);
            let (number, step) = path.trim_start_matches('/').split_once('/').unwrap();
            assert_eq!(plain(&row["resp_body"]), format!("{number}\n"), "{row}");
            if kind == "unix" {
                let addresses = ["local_addr", "remote_addr"].map(|column| plain(&row[column]));
                assert!(addresses.contains(&format!("{}/socket", text(folder.path()))), "{row}");
                assert!(row["local_port"].is_null() && row["remote_port"].is_null(), "{row}");
            } else {
                assert_eq!(plain(&row[format!("{own}_port")]), ports[number], "{row}");
            }
            let steps = seen.entry(row["conn"].as_u64().unwrap()).or_default();
            assert!(steps.insert((number.to_owned(), step.to_owned())), "twice: {row}");
        }
        assert_eq!(seen.len(), 8, "{role}: {}", finished.stderr);
        for steps in seen.values() {
            let numbers: BTreeSet<_> = steps.iter().map(|(number, _)| number).collect();
            assert_eq!((steps.len(), numbers.len()), (20, 1), "{role}: {steps:?}");
        }
    }
}
