//! Clients over TLS, against nginx's log.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::tempdir;

use super::nginx::Nginx;
use super::{assert_decrypted, assert_same, doctor, go, rustls_peer};
use crate::explore::{Explore, Finished, plain, text, wait_for};
use crate::peers::{Peer, script, tool};

/// A client asks in clear and inside TLS: both are what nginx logged, and they are the same.
#[track_caller]
fn check(version: usize, source: &str, command: impl Fn(&str) -> Vec<String>) {
    let nginx = Nginx::start();
    let clear = run(&command(&format!("http://127.0.0.1:{}", nginx.clear[version - 1])));
    nginx.assert_logged(nginx.clear[version - 1], &clear);
    assert!(clear.rows.iter().all(|row| row["tls"] == false && row["source"] == "socket"));
    assert!(clear.rows.len() >= 4, "{}", clear.stderr);
    let inside = run(&command(&format!("https://127.0.0.1:{}", nginx.tls)));
    nginx.assert_logged(nginx.tls, &inside);
    assert_decrypted(&inside, source);
    assert_same(&clear, &inside);
}

#[track_caller]
fn run(command: &[String]) -> Finished {
    let folder = tempdir().unwrap();
    let arguments = ["-q", "http", "--format", "json", "--"].into_iter().chain(command.iter().map(String::as_str));
    let finished = Explore::spawn(folder.path(), &arguments.collect::<Vec<_>>()).finish();
    finished.assert_whole();
    finished
}

fn with_script(program: &Path, name: &str, arguments: &[&str]) -> Vec<String> {
    [text(program), text(&script(name))].iter().chain(arguments).map(|&part| part.to_owned()).collect()
}

/// libssl, blocking. Each target on a connection of its own: curl 7.88 cannot use one in h2c twice.
#[test]
#[ignore = "needs root and a live kernel"]
fn curl() {
    for (version, http) in [(1, "--http1.1"), (2, "--http2")] {
        for tls in ["1.2", "1.3"] {
            check(version, "openssl", |base| {
                let http = if version == 2 && base.starts_with("http:") { "--http2-prior-knowledge" } else { http };
                let ask =
                    |target: &str| format!("curl -sk -o /dev/null {http} --tls-max {tls} '{base}{target}' || exit 1");
                let script = ["/ok?curl=1", "/fail?curl=2", "/missing?curl=3", "/file.bin?curl=4"].map(ask).join("\n");
                ["sh", "-c", &script].map(str::to_owned).to_vec()
            });
        }
    }
}

/// Python's `ssl` under urllib3: blocking sockets.
#[test]
#[ignore = "needs root and a live kernel"]
fn python_requests() {
    check(1, "openssl", |base| with_script(&tool("python"), "client_requests.py", &[base]));
}

/// OpenSSL 1.0.2 and 1.1.1, as old programs bring them along, called by their C functions.
#[test]
#[ignore = "needs root and a live kernel"]
fn older_openssl() {
    for version in ["1.0.2", "1.1.1"] {
        let library = tool(&format!("../openssl-{version}"));
        check_loaded(&format!("openssl OpenSSL {version}"), "client_libssl.py", text(&library));
    }
}

/// BoringSSL inside a Python extension, which keeps its symbols.
#[test]
#[ignore = "needs root and a live kernel"]
fn boringssl_in_a_python_extension() {
    for version in ["1", "2"] {
        check_loaded("boringssl", "client_curl_cffi.py", version);
    }
}

/// A client that has loaded its library before explore comes: `script BASE FOLDER ARGUMENT`. To find functions in a large
/// file takes longer than the first request. `library`: its source, and its version if it tells that.
#[track_caller]
fn check_loaded(library: &str, name: &str, argument: &str) {
    let (nginx, folder) = (Nginx::start(), tempdir().unwrap());
    let base = format!("https://127.0.0.1:{}", nginx.tls);
    let mut command = Command::new(tool("python"));
    command.args([text(&script(name)), &base, text(folder.path()), argument]);
    let mut client = Peer::start(folder.path(), "client", &mut command);
    wait_for("the client to wait", || folder.path().join("waiting").exists());
    let doctor = doctor(&client);
    assert!(doctor.contains(library), "{doctor}");
    let source = library.split(' ').next().unwrap();
    let explore = Explore::start(folder.path(), &["--pid", &client.pid(), "-q", "http"]);
    std::fs::write(folder.path().join("go"), "").unwrap();
    client.wait();
    let finished = explore.stop();
    finished.assert_whole();
    nginx.assert_logged(nginx.tls, &finished);
    assert_eq!(finished.rows.len(), 4, "{}", finished.stderr);
    assert_decrypted(&finished, source);
}

/// Python's `ssl` under asyncio: the library never sees the socket, and eight connections share one thread.
#[test]
#[ignore = "needs root and a live kernel"]
fn python_aiohttp() {
    check(1, "openssl", |base| with_script(&tool("python"), "client_aiohttp.py", &[base]));
}

/// OpenSSL inside Node's own binary.
#[test]
#[ignore = "needs root and a live kernel"]
fn node_https() {
    check(1, "openssl", |base| with_script(Path::new("node"), "client.js", &[base, "1"]));
}

#[test]
#[ignore = "needs root and a live kernel"]
fn node_http2() {
    check(2, "openssl", |base| with_script(Path::new("node"), "client.js", &[base, "2"]));
}

#[test]
#[ignore = "needs root and a live kernel"]
fn go_net_http() {
    for flags in ["", "-s -w"] {
        let folder = tempdir().unwrap();
        let binary = go(folder.path(), "client.go", flags);
        for version in [1, 2] {
            check(version, "go", |base| [text(&binary), base, &version.to_string()].map(str::to_owned).to_vec());
        }
    }
}

/// Blocking calls over `rustls::StreamOwned`.
#[test]
#[ignore = "needs root and a live kernel"]
fn rustls() {
    let nginx = Nginx::start();
    let targets = ["/ok?rustls=1", "/fail?rustls=2", "/file.bin?rustls=3", "/ok?rustls=4"];
    let command: Vec<String> = [text(&rustls_peer()), "client", &nginx.tls.to_string()]
        .into_iter()
        .chain(targets)
        .map(str::to_owned)
        .collect();
    let inside = run(&command);
    nginx.assert_logged(nginx.tls, &inside);
    assert_eq!(inside.rows.len(), targets.len());
    assert_decrypted(&inside, "rustls");
}

/// gnutls-cli knows no HTTP: it is given the request. nginx answers from OpenSSL, so each end has another library.
#[test]
#[ignore = "needs root and a live kernel"]
fn gnutls_cli() {
    check_line("gnutls", |port| format!("gnutls-cli --insecure --logfile=/dev/null -p {port} 127.0.0.1 >/dev/null"));
}

#[test]
#[ignore = "needs root and a live kernel"]
fn openssl_s_client() {
    check_line("openssl", |port| format!("openssl s_client -quiet -connect 127.0.0.1:{port} >/dev/null 2>&1"));
}

/// A program that sends its standard input.
#[track_caller]
fn check_line(source: &str, command: impl Fn(u16) -> String) {
    let nginx = Nginx::start();
    let folder = tempdir().unwrap();
    for n in 0..3 {
        // The end of input must not overtake the answer.
        let line = format!(
            "(printf 'GET /fail?line={n} HTTP/1.0\\r\\n\\r\\n'; while ! grep -q line={n} {}; do sleep 0.05; done) | {}",
            text(&nginx.folder.path().join("access.log")),
            command(nginx.tls)
        );
        let path: PathBuf = folder.path().join("run.sh");
        std::fs::write(&path, line).unwrap();
        let finished = run(&["sh".to_owned(), text(&path).to_owned()]);
        assert_decrypted(&finished, source);
        assert_eq!(finished.rows.len(), 1, "{}", finished.stderr);
        assert_eq!((&finished.rows[0]["version"], &finished.rows[0]["resp_body"]), (&"1.0".into(), &"boom\n".into()));
        let logged = nginx.log(nginx.tls);
        let row = &finished.rows[0];
        let got = ["method", "status", "local_port", "resp_bytes"].map(|column| plain(&row[column]));
        let last = logged.last().unwrap();
        assert_eq!(got, [&last[0], &last[2], &last[3], &last[4]].map(Clone::clone));
    }
}
