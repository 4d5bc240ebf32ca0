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
