//! Servers over TLS, against their own logs.

use std::path::Path;
use std::process::Command;

use tempfile::tempdir;

use super::nginx::Nginx;
use super::{Certificate, assert_decrypted, assert_same, go, rustls_peer};
use crate::explore::{Explore, Finished, counted, plain, read, wait_for};
use crate::peers::{Peer, free_port, script, tool, wait_for_port};
use crate::servers::curl;

/// libssl in nginx's workers, TLS 1.2 and 1.3, HTTP/1.1 and HTTP/2.
#[test]
#[ignore = "needs root and a live kernel"]
fn nginx() {
    let nginx = Nginx::start();
    let tls = nginx.tls;
    let listen = tls.to_string();
    let folder = tempdir().unwrap();
    let explore = Explore::start(folder.path(), &["--comm", "nginx", "--listen", &listen, "-q", "http"]);
    let url = |path: &str| format!("https://127.0.0.1:{tls}{path}");
    for version in ["1.2", "1.3"] {
        for http in ["--http1.1", "--http2"] {
            let tag = format!("{version}{http}");
            curl(&["-k", "--tls-max", version, http, &url(&format!("/ok?{tag}a")), &url(&format!("/fail?{tag}b"))]);
            curl(&["-k", "--tls-max", version, http, "-d", "x=1", &url(&format!("/missing?{tag}c"))]);
        }
    }
    let finished = explore.stop();
    finished.assert_whole();
    let truth = counted(nginx.whole_log().into_iter());
    let got = finished.rows.iter().map(|row| {
        let [port, method, path, query, status, client, bytes] =
            ["local_port", "method", "path", "query", "status", "remote_port", "resp_bytes"]
                .map(|column| plain(&row[column]));
        vec![port, method, format!("{path}?{query}"), status, client, bytes]
    });
    assert_eq!(finished.rows.len(), 12);
    assert_eq!(counted(got), truth);
    assert_decrypted(&finished, "openssl");
}

#[test]
#[ignore = "needs root and a live kernel"]
fn python_ssl_with_blocking_sockets() {
    check_script(&tool("python"), "https_server.py", &[], "openssl", &[1]);
}

/// Memory BIOs: the library never sees the socket.
#[test]
#[ignore = "needs root and a live kernel"]
fn python_asyncio_with_memory_bios() {
    check_script(&tool("python"), "https_asyncio.py", &[], "openssl", &[1]);
}

/// OpenSSL inside Node's own binary, memory BIOs.
#[test]
#[ignore = "needs root and a live kernel"]
fn node_https() {
    check_script(Path::new("node"), "https_server.js", &["1"], "openssl", &[1]);
}

#[test]
#[ignore = "needs root and a live kernel"]
fn node_http2() {
    check_script(Path::new("node"), "https_server.js", &["2"], "openssl", &[2]);
}

#[test]
#[ignore = "needs root and a live kernel"]
fn go_crypto_tls() {
    check_go("");
}

#[test]
#[ignore = "needs root and a live kernel"]
fn go_crypto_tls_stripped() {
    check_go("-s -w");
}

fn check_go(flags: &str) {
    let folder = tempdir().unwrap();
    let binary = go(folder.path(), "https_server.go", flags);
    check("go", &[1, 2], || Command::new(&binary));
}

/// tokio-rustls under hyper, HTTP/1.1 and HTTP/2: connections move between threads and in memory.
#[test]
#[ignore = "needs root and a live kernel"]
fn rustls() {
    let certificate = Certificate::new();
    for version in ["1.2", "1.3"] {
        let mut command = Command::new(rustls_peer());
        command.arg("server");
        assert_decrypted(&serve(command, &[1, 2], Some((&certificate, version))), "rustls");
    }
}

/// Without symbols nothing is decrypted, and the reason is stated.
#[test]
#[ignore = "needs root and a live kernel"]
fn rustls_stripped_says_why_not() {
    let (folder, certificate) = (tempdir().unwrap(), Certificate::new());
    let binary = folder.path().join("stripped");
    assert!(Command::new("strip").arg("-o").arg(&binary).arg(rustls_peer()).status().unwrap().success());
    let port = free_port();
    let mut command = Command::new(&binary);
    command.args(["server", &port.to_string()]).arg(certificate.certificate()).arg(certificate.key());
    let server = Peer::start(folder.path(), "server", &mut command);
    wait_for_port(port);
    let pid = server.pid();
    let explore = Explore::start(folder.path(), &["--pid", &pid, "-q", "tls"]);
    curl(&["-k", &format!("https://127.0.0.1:{port}/hello")]);
    let finished = explore.stop();
    finished.assert_whole();
    assert_eq!(finished.rows.len(), 1, "{}", finished.stderr);
    let row = &finished.rows[0];
    assert_eq!(row["decrypted"], false);
    let reason = plain(&row["reason"]);
    assert!(reason.starts_with("rustls 0.23.") && reason.ends_with(": static, no symbols"), "{reason}");
}

fn check_script(program: &Path, name: &str, arguments: &[&str], source: &str, versions: &[u8]) {
    check(source, versions, || {
        let mut command = Command::new(program);
        command.arg(script(name)).args(arguments);
        command
    });
}

/// A server in clear and inside TLS: both are what it logged, and they are the same.
#[track_caller]
pub(super) fn check(source: &str, versions: &[u8], command: impl Fn() -> Command) {
    let certificate = Certificate::new();
    let clear = serve(command(), versions, None);
    assert!(clear.rows.iter().all(|row| row["tls"] == false && row["source"] == "socket"));
    for version in ["1.2", "1.3"] {
        let inside = serve(command(), versions, Some((&certificate, version)));
        assert_decrypted(&inside, source);
        assert_same(&clear, &inside);
    }
}

/// Runs a server (PORT, and CERT KEY for TLS), asks it, and compares the rows with its log.
#[track_caller]
fn serve(mut command: Command, versions: &[u8], tls: Option<(&Certificate, &str)>) -> Finished {
    let folder = tempdir().unwrap();
    let port = free_port();
    command.arg(port.to_string());
    if let Some((certificate, _)) = tls {
        command.arg(certificate.certificate()).arg(certificate.key());
    }
    let server = Peer::start(folder.path(), "server", &mut command);
    wait_for_port(port);
    let pid = server.pid();
    let explore = Explore::start(folder.path(), &["--pid", &pid, "-q", "http"]);
    let mut asked = 0;
    for version in versions {
        let http = match (version, tls) {
            (2, None) => "--http2-prior-knowledge",
            (2, Some(_)) => "--http2",
            _ => "--http1.1",
        };
        let options = tls.map_or(vec![http], |(_, tls)| vec![http, "-k", "--tls-max", tls]);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = |path: &str| format!("{scheme}://127.0.0.1:{port}{path}{version}");
        if tls.is_some() || *version == 1 {
            curl(&[&options[..], &[&url("/hello?a"), &url("/fail?b"), &url("/hello?c")]].concat());
        } else {
            // curl 7.88 cannot use a connection in h2c twice.
            ["/hello?a", "/fail?b", "/hello?c"].iter().for_each(|path| curl(&[&options[..], &[&url(path)]].concat()));
        }
        curl(&[&options[..], &["-d", "some=form", &url("/echo?d")]].concat());
        asked += 4;
    }
    let log = || read(&folder.path().join("server.log"));
    wait_for("the server's log", || log().lines().filter(|line| line.contains(" /")).count() == asked);
    let finished = explore.stop();
    finished.assert_whole();
    let log = log();
    let truth = counted(
        log.lines().filter(|line| line.contains(" /")).map(|line| line.split(' ').map(str::to_owned).collect()),
    );
    let got = finished.rows.iter().map(|row| {
        let [method, path, query, status] = ["method", "path", "query", "status"].map(|name| plain(&row[name]));
        vec![method, format!("{path}?{query}"), status]
    });
    assert_eq!(counted(got), truth, "{}", finished.stderr);
    assert!(finished.rows.iter().all(|row| row["local_port"] == port && row["remote_addr"] == "127.0.0.1"));
    finished
}
