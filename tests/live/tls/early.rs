//! TLS 1.3 early data: a request that travels with the client's first flight, before the handshake is over.

use std::process::{Command, Stdio};

use tempfile::tempdir;

use super::assert_decrypted;
use super::nginx::Nginx;
use crate::explore::{Explore, text, wait_for};

/// `openssl s_client` resumes a session and sends its request as early data (`SSL_write_early_data`); nginx takes it by
/// `SSL_read_early_data`, and its answer says so. Both ends have the same exchange.
#[test]
#[ignore = "needs root and a live kernel"]
fn a_request_in_early_data_is_read_at_both_ends() {
    let nginx = Nginx::start();
    let folder = tempdir().unwrap();
    let (session, request) = (folder.path().join("session"), folder.path().join("request"));
    std::fs::write(&request, "GET /early?0rtt HTTP/1.0\r\n\r\n").unwrap();
    let address = format!("127.0.0.1:{}", nginx.tls);
    let client = |arguments: &[&str], input: Stdio| {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-quiet", "-tls1_3", "-connect", &address]).args(arguments);
        command.stdin(input).stderr(Stdio::null()).output().unwrap()
    };
    // The ticket comes with the first answer.
    let first = std::fs::File::open(&request).unwrap();
    client(&["-ign_eof", "-sess_out", text(&session)], Stdio::from(first));
    assert!(session.exists(), "no session to resume");
    let tls = nginx.tls.to_string();
    let explore = Explore::start(folder.path(), &["--port", &tls, "-q", "http where query = '0rtt'"]);
    let answer = client(&["-ign_eof", "-sess_in", text(&session), "-early_data", text(&request)], Stdio::null());
    let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
    assert!(answer.ends_with("early data: 1\n"), "{answer}");
    wait_for("nginx's log", || nginx.log(nginx.tls).len() == 2);
    let finished = explore.stop();
    finished.assert_whole();
    assert_decrypted(&finished, "openssl");
    assert_eq!(finished.rows.len(), 2, "{}\n{}", finished.stdout, finished.stderr);
    for (role, process) in [("server", "nginx"), ("client", "openssl")] {
        let row = finished.rows.iter().find(|row| row["role"] == role).unwrap();
        assert_eq!((&row["process"], &row["status"]), (&process.into(), &200.into()), "{row}");
        assert_eq!((&row["resp_body"], &row["midstream"]), (&"early data: 1\n".into(), &false.into()), "{row}");
    }
}
