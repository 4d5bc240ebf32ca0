//! Inside TLS: the same rows as in clear, with the right connection, for every kind of library and runtime.

use std::path::PathBuf;
use std::process::Command;

use tempfile::{TempDir, tempdir};

use crate::explore::{Explore, Finished, counted, read, text};
use crate::peers::{Peer, free_port, script, tool, wait_for_port};
use crate::servers::curl;

/// A certificate for `localhost`, and its key.
struct Certificate {
    folder: TempDir,
}

impl Certificate {
    fn new() -> Self {
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

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }
}

/// nginx (libssl) and curl (libssl), TLS 1.2 and 1.3, HTTP/1.1 and HTTP/2, against nginx's log.
#[test]
#[ignore = "needs root and a live kernel"]
fn nginx_and_curl_over_every_version() {
    let (folder, certificate) = (tempdir().unwrap(), Certificate::new());
    let port = free_port();
    let configuration = read(&script("nginx.conf"))
        .replace("@FOLDER@", text(folder.path()))
        .replace("@PORT@", &port.to_string())
        .replace("@WORKERS@", "2")
        .replace(&format!("listen 127.0.0.1:{port};"), &format!("listen 127.0.0.1:{port} ssl http2;"))
        .replace(
            &format!("listen [::1]:{port};"),
            &format!(
                "ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {}; ssl_certificate_key {};",
                text(&certificate.certificate()),
                text(&certificate.key())
            ),
        );
    std::fs::write(folder.path().join("nginx.conf"), configuration).unwrap();
    let configuration = folder.path().join("nginx.conf");
    let mut command = Command::new("/usr/sbin/nginx");
    let _nginx =
        Peer::start(folder.path(), "nginx", command.args(["-p", text(folder.path()), "-c", text(&configuration)]));
    wait_for_port(port);
    let listen = port.to_string();
    let explore = Explore::start(folder.path(), &["--comm", "nginx", "--listen", &listen, "-q", "http"]);
    let url = |path: &str| format!("https://127.0.0.1:{port}{path}");
    for (n, versions) in [["--tlsv1.2", "--tls-max", "1.2"], ["--tlsv1.3", "--tls-max", "1.3"]].iter().enumerate() {
        for (m, http) in ["--http1.1", "--http2"].iter().enumerate() {
            let tag = format!("{n}{m}");
            let options = [&versions[..], &["-k", http]].concat();
            curl(&[&options[..], &[&url(&format!("/ok?{tag}a")), &url(&format!("/fail?{tag}b"))]].concat());
            curl(&[&options[..], &["-d", "x=1", &url(&format!("/missing?{tag}c"))]].concat());
        }
    }
    let client_folder = tempdir().unwrap();
    let arguments = ["-q", "http", "--format", "json", "--", "curl", "-sk", &url("/ok?client1"), &url("/fail?client2")];
    let client = Explore::spawn(client_folder.path(), &arguments).finish();
    let finished = explore.stop();
    finished.assert_whole();
    let log = read(&folder.path().join("access.log"));
    let truth = |filter: &dyn Fn(&str) -> bool| {
        counted(log.lines().filter(|line| filter(line)).map(|line| {
            let [method, target, status, client, _] = line.splitn(5, ' ').collect::<Vec<_>>().try_into().unwrap();
            let (path, query) = target.split_once('?').unwrap();
            [method, path, query, status, client].map(str::to_owned).to_vec()
        }))
    };
    assert_eq!(finished.count(&["method", "path", "query", "status", "remote_port"]), truth(&|_| true));
    assert_eq!(finished.rows.len(), 14);
    assert_decrypted(&finished, "openssl");
    client.assert_whole();
    assert_eq!(
        client.count(&["method", "path", "query", "status", "local_port"]),
        truth(&|line| line.contains("?client"))
    );
    assert_decrypted(&client, "openssl");
}

#[test]
#[ignore = "needs root and a live kernel"]
fn python_ssl_with_blocking_sockets() {
    check("https_server.py", "python", "openssl");
}

/// Memory BIOs: the library never sees the socket.
#[test]
#[ignore = "needs root and a live kernel"]
fn python_asyncio_with_memory_bios() {
    check("https_asyncio.py", "python", "openssl");
}

/// OpenSSL inside Node's own binary, memory BIOs.
#[test]
#[ignore = "needs root and a live kernel"]
fn node_https() {
    check("https_server.js", "node", "openssl");
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

/// gnutls-cli asks; openssl answers: one library at each end.
#[test]
#[ignore = "needs root and a live kernel"]
fn gnutls_cli() {
    let (folder, certificate) = (tempdir().unwrap(), Certificate::new());
    let port = free_port();
    let mut command = Command::new("openssl");
    command.args([
        "s_server",
        "-www",
        "-quiet",
        "-accept",
        &port.to_string(),
        "-cert",
        text(&certificate.certificate()),
    ]);
    let _server = Peer::start(folder.path(), "s_server", command.args(["-key", text(&certificate.key())]));
    wait_for_port(port);
    let line = format!(
        "printf 'GET /gnutls HTTP/1.0\\r\\n\\r\\n' | gnutls-cli --insecure --logfile=/dev/null -p {port} 127.0.0.1 >/dev/null"
    );
    let finished = Explore::spawn(folder.path(), &["-q", "http", "--format", "json", "--", "sh", "-c", &line]).finish();
    finished.assert_whole();
    assert_eq!(
        finished.count(&["method", "path", "status", "role"]),
        counted([["GET", "/gnutls", "200", "client"].map(str::to_owned).to_vec()].into_iter())
    );
    assert_decrypted(&finished, "gnutls");
}

/// Many connections on one event loop: each body carries its connection's number.
#[test]
#[ignore = "needs root and a live kernel"]
fn no_exchange_is_put_on_a_wrong_connection() {
    let (folder, certificate) = (tempdir().unwrap(), Certificate::new());
    let peer = script("https_many.py");
    let python = tool("python");
    let mut arguments = vec![
        "-q",
        "http where role = 'server'",
        "--format",
        "json",
        "--",
        text(&python),
        text(&peer),
        text(folder.path()),
    ];
    let (certificate, key) = (certificate.certificate(), certificate.key());
    arguments.extend([text(&certificate), text(&key)]);
    let finished = Explore::spawn(folder.path(), &arguments).finish();
    finished.assert_whole();
    // The server names the client's port in each answer.
    assert_eq!(finished.rows.len(), 2_000, "{}", finished.stderr);
    for row in &finished.rows {
        assert_eq!(row["resp_body"].as_str(), Some(format!("{}\n", row["remote_port"]).as_str()), "{row}");
    }
    assert_decrypted(&finished, "openssl");
}

fn check_go(flags: &str) {
    let folder = tempdir().unwrap();
    let binary = folder.path().join("go-https");
    let built = Command::new(tool("go"))
        .args(["build", &format!("-ldflags={flags}"), "-o", text(&binary), text(&script("https_server.go"))])
        .env("GOCACHE", std::env::temp_dir().join("explore-go-cache"))
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    check_command(Command::new(&binary), "go", "go");
}

fn check(name: &str, program: &str, source: &str) {
    let mut command = Command::new(if program == "python" { tool("python") } else { PathBuf::from(program) });
    command.arg(script(name));
    check_command(command, program, source);
}

/// A server over TLS, against its own log.
#[track_caller]
fn check_command(mut command: Command, name: &str, source: &str) {
    let (folder, certificate) = (tempdir().unwrap(), Certificate::new());
    let port = free_port();
    command.arg(port.to_string()).arg(certificate.certificate()).arg(certificate.key());
    let server = Peer::start(folder.path(), name, &mut command);
    wait_for_port(port);
    let pid = server.pid();
    let explore = Explore::start(folder.path(), &["--pid", &pid, "-q", "http"]);
    let url = |path: &str| format!("https://127.0.0.1:{port}{path}");
    for versions in [["--tls-max", "1.2"], ["--tls-max", "1.3"]] {
        curl(&["-k", "--http1.1", versions[0], versions[1], &url("/hello?1"), &url("/fail?2"), &url("/hello?3")]);
        curl(&["-k", "--http1.1", versions[0], versions[1], "-d", "some=form", &url("/echo?4")]);
    }
    let finished = explore.stop();
    finished.assert_whole();
    let log = read(&folder.path().join(format!("{name}.log")));
    let truth = counted(
        log.lines().filter(|line| line.contains(" /")).map(|line| line.split(' ').map(str::to_owned).collect()),
    );
    assert_eq!(truth.values().sum::<usize>(), 8, "{log}");
    let got = finished.rows.iter().map(|row| {
        let [method, path, query, status] =
            ["method", "path", "query", "status"].map(|name| crate::explore::plain(&row[name]));
        vec![method, format!("{path}?{query}"), status]
    });
    assert_eq!(counted(got), truth, "{}", finished.stderr);
    assert_decrypted(&finished, source);
    assert!(finished.rows.iter().all(|row| row["local_port"] == port && row["remote_addr"] == "127.0.0.1"));
    let form = finished.rows.iter().filter(|row| row["req_body"] == "some=form").count();
    assert_eq!(form, 2);
}

#[track_caller]
fn assert_decrypted(finished: &Finished, source: &str) {
    for row in &finished.rows {
        assert_eq!(
            (&row["tls"], &row["source"], &row["scheme"]),
            (&true.into(), &source.into(), &"https".into()),
            "{row}"
        );
    }
}
