//! HTTP/2 and gRPC, each against what its own client says.

use std::process::Command;

use serde_json::Value;
use tempfile::tempdir;

use crate::explore::{Explore, counted, plain, read, text};
use crate::peers::{Peer, free_port, script, tool, wait_for_port};

/// h2load with 100 concurrent streams on each of two connections: its own count of answers.
#[test]
#[ignore = "needs root and a live kernel"]
fn http2_streams_are_counted_as_h2load_counts_them() {
    let folder = tempdir().unwrap();
    let port = free_port();
    std::fs::write(folder.path().join("page"), "two\n").unwrap();
    let root = text(folder.path());
    let arguments = ["--no-tls", "-d", root, &port.to_string()].map(str::to_owned);
    let server = Peer::start(folder.path(), "nghttpd", Command::new("nghttpd").args(arguments));
    wait_for_port(port);
    let pid = server.pid();
    let query = "http | summarize n=count() by method, path, status, version, role";
    let explore = Explore::start(folder.path(), &["--pid", &pid, "-q", query]);
    let address = format!("http://127.0.0.1:{port}");
    let load = Command::new("h2load").args(["-n2000", "-c2", "-m100", &format!("{address}/page")]).output().unwrap();
    let report = String::from_utf8_lossy(&load.stdout).into_owned();
    assert!(report.contains("status codes: 2000 2xx, 0 3xx, 0 4xx, 0 5xx"), "{report}");
    for path in ["/page", "/none?q=1"] {
        let output =
            Command::new("curl").args(["-sS", "--http2-prior-knowledge", &format!("{address}{path}")]).output();
        assert!(output.unwrap().status.success());
    }
    let finished = explore.stop();
    finished.assert_whole();
    let expected = [("/none", "404", "1"), ("/page", "200", "2001")];
    let expected =
        expected.map(|(path, status, n)| ["GET", path, status, "2", "server", n].map(str::to_owned).to_vec());
    assert_eq!(finished.count(&["method", "path", "status", "version", "role", "n"]), counted(expected.into_iter()));
}

/// grpcio client and server: all four kinds, errors, compression, messages far longer than `--capture`, 200 calls from ten
/// threads, and a deadline.
#[test]
#[ignore = "needs root and a live kernel"]
fn grpc_calls_are_what_the_client_library_says() {
    compare_grpc("sock");
}

/// The same where the kernel has no socket tracepoints.
#[test]
#[ignore = "needs root and a live kernel"]
fn grpc_calls_by_syscall_hooks() {
    compare_grpc("syscall");
}

#[track_caller]
fn compare_grpc(backend: &str) {
    let folder = tempdir().unwrap();
    let (python, peer) = (tool("python"), script("grpc_peer.py"));
    let arguments = ["--backend", backend, "-q", "grpc", "--format", "json"];
    let arguments = [&arguments[..], &["--", text(&python), text(&peer), text(folder.path())]].concat();
    let finished = Explore::spawn(folder.path(), &arguments).finish();
    finished.assert_whole();
    let truth: Vec<Value> = serde_json::from_str(&read(&folder.path().join("truth.json"))).unwrap();
    let columns =
        ["method", "status_name", "status", "message", "kind", "req_messages", "resp_messages", "rpc_service"];
    let by = |row: &Value| -> Vec<String> {
        let empty_is_null = |value: &Value| if value == "" { "null".to_owned() } else { plain(value) };
        columns.iter().map(|column| empty_is_null(&row[*column])).collect()
    };
    for role in ["client", "server"] {
        let rows = finished.rows.iter().filter(|row| row["role"] == role);
        let (deadline, rows): (Vec<_>, Vec<_>) = rows.partition(|row| !row["timeout"].is_null());
        assert_eq!(counted(rows.into_iter().map(by)), counted(truth.iter().map(by)), "{role}");
        assert_eq!(deadline.len(), 1, "{role}");
        let timeout = deadline[0]["timeout"].as_u64().unwrap();
        assert!((150_000_000..=210_000_000).contains(&timeout), "{role}: {timeout}");
    }
}

/// Calls that their client cancels, or that its deadline ends: what the server's own log says of each is in both rows, and
/// nothing is said of a status that was never sent.
#[test]
#[ignore = "needs root and a live kernel"]
fn grpc_calls_that_are_given_up() {
    let folder = tempdir().unwrap();
    let (python, peer) = (tool("python"), script("grpc_given_up.py"));
    let arguments = ["-q", "grpc", "--format", "json", "--", text(&python), text(&peer), text(folder.path())];
    let finished = Explore::spawn(folder.path(), &arguments).finish();
    finished.assert_whole();
    let log: Vec<Value> = serde_json::from_str(&read(&folder.path().join("server.json"))).unwrap();
    // Given up is what the server says ended without it, and what has no status here; but a server may tell of the
    // deadline itself, before or after its client does.
    let status = |row: &Value| match row["status_name"].as_str() {
        None | Some("DEADLINE_EXCEEDED") => "true".to_owned(),
        Some(_) => "false".to_owned(),
    };
    let logged =
        log.iter().map(|call| ["method", "taken", "given", "deadline", "gone"].map(|key| plain(&call[key])).to_vec());
    let expected = counted(logged);
    for role in ["client", "server"] {
        let rows = finished.rows.iter().filter(|row| row["role"] == role);
        let found = counted(rows.clone().map(|row| {
            let deadline = (!row["timeout"].is_null()).to_string();
            let [method, taken] = ["method", "req_messages"].map(|column| plain(&row[column]));
            // None is known of an answer that never began.
            let given = row["resp_messages"].as_u64().unwrap_or(0).to_string();
            vec![method, taken, given, deadline, status(row)]
        }));
        assert_eq!(found, expected, "{role}");
        for row in rows {
            match row["status_name"].as_str() {
                // The client no longer wanted the answer: nobody failed, as far as can be seen.
                None => assert_eq!(
                    (&row["status"], &row["error"], &row["message"]),
                    (&Value::Null, &Value::Null, &Value::Null)
                ),
                Some("OK") => assert_eq!(row["error"], false, "{row}"),
                Some(_) => assert!(row["error"] == true && !row["timeout"].is_null(), "{row}"),
            }
            if row["method"] == "Slow" && !row["timeout"].is_null() {
                let timeout = row["timeout"].as_u64().unwrap();
                // Rounded up where it is sent.
                assert!((1..=600_000_000).contains(&timeout), "{row}");
            }
        }
    }
}
