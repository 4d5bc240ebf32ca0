//! Table `conns`, against what a program knows of its own connections; and the names of their other ends.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;
use tempfile::tempdir;

use crate::dns::dnsmasq;
use crate::explore::{Explore, Finished, plain, read, text, wait_for};
use crate::peers::{Peer, free_port, script, wait_for_port};

/// Closed, reset, half-closed, open and refused connections, and one from long before, seen from both ends: states, bytes,
/// resets and error numbers are those that the program knows, and the time to connect is known where it was seen.
#[test]
#[ignore = "needs root and a live kernel"]
fn connections_end_as_their_program_says() {
    let folder = tempdir().unwrap();
    let truth = folder.path().join("truth.json");
    let held = folder.path().join("held");
    assert!(Command::new("mkfifo").arg(&held).status().unwrap().success());
    // The program lives until nobody holds the pipe's other end.
    let line = format!("exec python3 {} {} < {}", text(&script("connections.py")), text(folder.path()), text(&held));
    let mut peer = Peer::start(folder.path(), "peer", Command::new("sh").args(["-c", &line]));
    let hold = std::fs::OpenOptions::new().write(true).open(&held).unwrap();
    wait_for("the program to wait", || folder.path().join("waiting").exists());
    let explore = Explore::start(folder.path(), &["--pid", &peer.pid(), "-q", "conns where transport = 'tcp'"]);
    std::fs::write(folder.path().join("go"), "").unwrap();
    wait_for("the connections", || truth.exists());
    let finished = explore.stop();
    finished.assert_whole();
    drop(hold);
    peer.wait();
    let truth: Value = serde_json::from_str(&read(&truth)).unwrap();
    let clients = truth["clients"].as_object().unwrap();
    assert_eq!(clients.len(), 6);
    for (port, facts) in clients {
        let client = one(&finished, "local_port", port);
        let of = |row: &Value, columns: [&str; 5]| columns.map(|column| row[column].clone());
        let columns = ["state", "bytes_sent", "bytes_received", "reset", "errno"];
        let expected = ["state", "sent", "received", "reset", "errno"].map(|fact| facts[fact].clone());
        assert_eq!(of(client, columns), expected, "{client}");
        let began_unseen = facts["midstream"] == true;
        assert_eq!(client["connect"].is_null(), facts["state"] == "failed" || began_unseen, "{client}");
        let ended = ["closed", "failed"].contains(&plain(&facts["state"]).as_str());
        assert_eq!((client["closed"].is_null(), client["duration"].is_null()), (!ended, !ended), "{client}");
        assert_eq!((&client["midstream"], &client["process"]), (&facts["midstream"], &"python3".into()));
        if facts["state"] == "failed" {
            continue;
        }
        assert_eq!(client["remote_port"], truth["port"]);
        let server = one(&finished, "remote_port", port);
        let swapped = ["state", "bytes_received", "bytes_sent", "reset", "errno"];
        assert_eq!(of(server, swapped), expected, "{server}");
        assert_eq!(server["local_port"], truth["port"]);
    }
}

/// Packets that are lost, and connections that nobody answers, in a network namespace: retransmits are those that the kernel
/// told the program at either end, all together those that it counted; failed connections have the program's error.
#[test]
#[ignore = "needs root, a live kernel and a network namespace"]
fn lost_packets_are_counted_and_failures_named() {
    let folder = tempdir().unwrap();
    let mut command = Command::new("unshare");
    command.args(["--net", "python3", text(&script("lossy.py")), text(folder.path())]);
    let mut peer = Peer::start(folder.path(), "peer", &mut command);
    wait_for("the program to wait", || folder.path().join("waiting").exists());
    let explore = Explore::start(folder.path(), &["--pid", &peer.pid(), "-q", "conns where transport = 'tcp'"]);
    std::fs::write(folder.path().join("go"), "").unwrap();
    peer.wait();
    let finished = explore.stop();
    finished.assert_whole();
    let truth: Value = serde_json::from_str(&read(&folder.path().join("truth.json"))).unwrap();
    let clients = truth["clients"].as_object().unwrap();
    assert_eq!(clients.len(), 3);
    for (port, facts) in clients {
        let client = one(&finished, "local_port", port);
        let columns = ["state", "errno", "bytes_sent", "bytes_received"].map(|column| &client[column]);
        assert_eq!(columns, ["state", "errno", "sent", "received"].map(|fact| &facts[fact]), "{client}");
        if facts["state"] != "failed" {
            assert!(
                facts["client"].as_u64() > Some(0) && facts["server"].as_u64() > Some(0),
                "nothing was lost: {truth}"
            );
            let server = one(&finished, "remote_port", port);
            assert_eq!((&client["retransmits"], &server["retransmits"]), (&facts["client"], &facts["server"]));
        }
    }
    let errors: BTreeSet<String> = clients.values().map(|facts| plain(&facts["errno"])).collect();
    assert_eq!(errors, ["EHOSTUNREACH", "ETIMEDOUT", "null"].map(str::to_owned).into());
    let all: u64 = finished.rows.iter().filter_map(|row| row["retransmits"].as_u64()).sum();
    assert_eq!(truth["total"], all, "{}", finished.stdout);
}

/// The row whose end has that port.
#[track_caller]
fn one<'a>(finished: &'a Finished, column: &str, port: &str) -> &'a Value {
    let mut rows = finished.rows.iter().filter(|row| plain(&row[column]) == port);
    let row = rows.next().unwrap_or_else(|| panic!("no row with {column} {port}: {}", finished.stdout));
    assert!(rows.next().is_none(), "two rows with {column} {port}: {}", finished.stdout);
    row
}

/// An address has the name that a DNS answer gave for it, on the exchange and on the connection; the answer's own name is
/// that of the question, not of the alias.
#[test]
#[ignore = "needs root and a live kernel"]
fn an_address_has_the_name_that_a_dns_answer_gave() {
    let folder = tempdir().unwrap();
    let (dns, http) = (free_port(), free_port());
    let _names = dnsmasq(folder.path(), &dns.to_string(), &["--address=/orders.test/127.1.2.3"]);
    let port = http.to_string();
    let server = ["-m", "http.server", &port, "--bind", "0.0.0.0", "--directory", text(folder.path())];
    let _server = Peer::start(folder.path(), "server", Command::new("python3").args(server));
    wait_for_port(http);
    // The address is known from the first answer on, and only that one.
    let script = format!(
        "curl -s -o /dev/null http://127.1.2.3:{http}/before
         kdig @127.0.0.1 -p {dns} orders.test A > /dev/null
         curl -s -o /dev/null http://127.1.2.3:{http}/after
         curl -s -o /dev/null http://127.1.2.4:{http}/other"
    );
    let finished = Explore::spawn(
        folder.path(),
        &["-q", "http | select path, remote_addr, remote_name", "--format", "json", "--", "sh", "-c", &script],
    )
    .finish();
    finished.assert_whole();
    let named: Vec<[String; 3]> = finished
        .rows
        .iter()
        .map(|row| ["path", "remote_addr", "remote_name"].map(|column| plain(&row[column])))
        .collect();
    let expected =
        [["/before", "127.1.2.3", "null"], ["/after", "127.1.2.3", "orders.test"], ["/other", "127.1.2.4", "null"]];
    assert_eq!(named, expected.map(|row| row.map(str::to_owned)), "{}", finished.stderr);
}
