//! Inside TLS: the same rows as in clear, on the right connection, for every kind of library and runtime. Each is compared
//! with a truth of its own (a server's log) and with the rows of the same exchange without TLS.

mod busy;
mod clients;
mod crossing;
mod early;
mod java;
mod libraries;
mod nginx;
mod pgsql;
mod servers;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::explore::{Finished, plain, text};
use crate::peers::{Peer, free_port, script, tool, wait_for_port};

/// A certificate for `localhost`, and its key.
pub(crate) struct Certificate {
    folder: TempDir,
}

impl Certificate {
    pub(crate) fn new() -> Self {
        let folder = tempdir().unwrap();
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
            .args(["-keyout", "key.pem", "-out", "cert.pem"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(made.status.success());
        Self { folder }
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }
}

/// Builds a Go program that stands beside these tests.
#[track_caller]
pub(crate) fn go(folder: &Path, source: &str, flags: &str) -> PathBuf {
    let binary = folder.join(source.trim_end_matches(".go"));
    let built = Command::new(tool("go"))
        .args(["build", &format!("-ldflags={flags}"), "-o", text(&binary), text(&script(source))])
        .env("GOCACHE", std::env::temp_dir().join("explore-go-cache"))
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    binary
}

/// A server of Go's `crypto/tls`, on a port of its own; and its executable.
#[track_caller]
pub(crate) fn go_server(folder: &Path, certificate: &Certificate) -> (Peer, PathBuf, u16) {
    let (binary, port) = (go(folder, "https_server.go", ""), free_port());
    let mut command = Command::new(&binary);
    command.args([&port.to_string(), text(&certificate.certificate()), text(&certificate.key())]);
    let server = Peer::start(folder, "server", &mut command);
    wait_for_port(port);
    (server, binary, port)
}

/// Both ends on rustls, which cargo has built beside explore.
pub(crate) fn rustls_peer() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_explore")).parent().unwrap().join("examples/rustls-peer")
}

/// What `doctor --pid` says of a process.
pub(crate) fn doctor(process: &Peer) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_explore")).args(["doctor", "--pid", &process.pid()]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Every row was read inside TLS.
#[track_caller]
pub(crate) fn assert_decrypted(finished: &Finished, source: &str) {
    for row in &finished.rows {
        assert_eq!(
            (&row["tls"], &row["source"], &row["scheme"]),
            (&true.into(), &source.into(), &"https".into()),
            "{row}"
        );
    }
}

/// What a row of `http` says of the exchange itself: all that TLS must not change.
fn exchange(row: &Value) -> Vec<String> {
    const COLUMNS: [&str; 18] = [
        "role",
        "process",
        "version",
        "method",
        "path",
        "query",
        "route",
        "status",
        "req_type",
        "resp_type",
        "user_agent",
        "req_bytes",
        "resp_bytes",
        "req_body",
        "resp_body",
        "error",
        "gap",
        "midstream",
    ];
    // These carry the port, the scheme or the time.
    let same = |name: &str| !["host", ":authority", ":scheme", "date", "origin"].contains(&name);
    let headers = ["req_headers", "resp_headers"].map(|column| {
        let headers = row[column].as_array().into_iter().flatten();
        let headers = headers.filter(|header| same(header["name"].as_str().unwrap()));
        headers
            .map(|header| format!("{}={}", plain(&header["name"]), plain(&header["value"])))
            .collect::<Vec<_>>()
            .join("\n")
    });
    COLUMNS.iter().map(|column| plain(&row[*column])).chain(headers).collect()
}

/// The same exchanges in clear and inside TLS.
#[track_caller]
fn assert_same(clear: &Finished, inside: &Finished) {
    let [mut clear, mut inside] = [clear, inside].map(|run| run.rows.iter().map(exchange).collect::<Vec<_>>());
    clear.sort();
    inside.sort();
    assert_eq!(clear.len(), inside.len());
    for (clear, inside) in clear.iter().zip(&inside) {
        let different: Vec<_> = clear.iter().zip(inside).filter(|(clear, inside)| clear != inside).collect();
        assert!(different.is_empty(), "{} in clear and inside TLS: {different:?}", clear[4]);
    }
}
