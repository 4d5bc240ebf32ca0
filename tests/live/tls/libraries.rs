//! When libraries are hooked, and when they are let go.

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use probes::live::{Backend, Capture, HookState, Options};
use probes::targets::Targets;
use probes::{EventSource, Next};
use protocols::event::{SocketEvent, Source};
use tempfile::{TempDir, tempdir};

use super::{Certificate, assert_decrypted, go_server};
use crate::explore::{Explore, plain, read, text, wait_for};
use crate::peers::{Peer, free_port, script, wait_for_port};
use crate::servers::curl;

/// A process that loads its library long after it was first looked at: found by what it then says on its sockets, also on
/// one that it has had from before.
#[test]
#[ignore = "needs root and a live kernel"]
fn a_library_that_is_loaded_late_is_found() {
    let (folder, certificate, port) = (tempdir().unwrap(), Certificate::new(), free_port());
    let mut command = Command::new("python3");
    command.args([text(&script("https_late.py")), &port.to_string()]);
    command.args([certificate.certificate(), certificate.key(), folder.path().to_owned()]);
    let server = Peer::start(folder.path(), "server", &mut command);
    // Its first connection is already there when explore comes; TLS is spoken over it later, through `early`.
    let mut early = None;
    wait_for("the server to listen", || {
        early = TcpStream::connect(("127.0.0.1", port)).ok();
        early.is_some()
    });
    wait_for("the server to wait", || folder.path().join("waiting").exists());
    let explore = Explore::start(folder.path(), &["--pid", &server.pid(), "-q", "http"]);
    std::fs::write(folder.path().join("go"), "").unwrap();
    let rows = || read(&folder.path().join("stdout")).lines().count();
    let url = |n: usize| format!("https://127.0.0.1:{port}/late{n}");
    // Before the hooks sit, what is said goes by unread.
    let mut asked = 0;
    wait_for("a row", || {
        asked += 1;
        curl(&["-k", "-o", "/dev/null", &url(asked)]);
        rows() > 0
    });
    for n in 1..=3 {
        curl(&["-k", "-o", "/dev/null", &url(asked + n), &url(asked + n)]);
    }
    let local = early.as_ref().unwrap().local_addr().unwrap().port();
    assert_eq!(through_tls(early.take().unwrap(), "/early"), "/early");
    let finished = explore.stop();
    assert_decrypted(&finished, "openssl");
    for n in 1..=3 {
        let path = format!("/late{}", asked + n);
        assert_eq!(finished.rows.iter().filter(|row| row["path"] == path.as_str()).count(), 2, "{}", finished.stdout);
    }
    let ports: Vec<_> =
        finished.rows.iter().filter(|row| row["path"] == "/early").map(|row| &row["remote_port"]).collect();
    assert_eq!(ports, [&local], "{}\n{}", finished.stdout, finished.stderr);
}

/// One GET over TLS on a connection that is there already; its body.
fn through_tls(connection: TcpStream, path: &str) -> String {
    use std::os::fd::OwnedFd;
    let program = "
import socket, ssl, sys
context = ssl._create_unverified_context()
connection = context.wrap_socket(socket.socket(fileno=0))
connection.sendall(b'GET %s HTTP/1.1\\r\\nHost: early\\r\\n\\r\\n' % sys.argv[1].encode())
data = b''
while not data.endswith(sys.argv[1].encode()):
    data += connection.recv(65536)
print(data.decode().split('\\r\\n\\r\\n')[1])
";
    let mut command = Command::new("python3");
    let asked = command.args(["-c", program, path]).stdin(Stdio::from(OwnedFd::from(connection))).output().unwrap();
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    String::from_utf8_lossy(&asked.stdout).trim().to_owned()
}

/// Three servers of one library: its functions are hooked once, in table `probes` too, and each server is read.
#[test]
#[ignore = "needs root and a live kernel"]
fn a_library_shared_by_many_processes_is_hooked_once() {
    let servers: Vec<Server> = (0..3).map(|_| Server::start()).collect();
    let pids: Vec<String> = servers.iter().map(|server| server.peer.pid()).collect();
    let watch: Vec<&str> = pids.iter().flat_map(|pid| ["--pid", pid]).collect();
    let folder = tempdir().unwrap();
    let explore = Explore::start(folder.path(), &[&watch[..], &["-q", "http"]].concat());
    servers.iter().for_each(|server| server.ask());
    let finished = explore.stop();
    finished.assert_whole();
    assert_decrypted(&finished, "openssl");
    let seen: BTreeSet<String> = finished.rows.iter().map(|row| plain(&row["pid"])).collect();
    assert_eq!(seen, pids.iter().cloned().collect(), "{}", finished.stderr);

    let folder = tempdir().unwrap();
    let probes = [&watch[..], &["--format", "json", "-q", "probes where target like '%libssl%'"]].concat();
    let finished = Explore::spawn(folder.path(), &probes).finish();
    let hooks = finished.count(&["program", "hook", "target"]);
    assert!(hooks.len() >= 4 && hooks.values().all(|times| *times == 1), "{hooks:?}");
    assert!(finished.rows.iter().all(|row| row["state"] == "active"), "{}", finished.stdout);
}

/// The hooks stay while anybody uses the library, and go some time after the last one has.
#[test]
#[ignore = "needs root and a live kernel"]
fn a_library_without_users_is_let_go() {
    let mut servers: Vec<Server> = (0..2).map(|_| Server::start()).collect();
    let pids = servers.iter().map(|server| server.peer.pid().parse().unwrap()).collect();
    let targets = Targets { pids, ..Targets::default() };
    let options = Options { targets, capture: 1024, backend: Backend::Auto, tls: true, max_cpu: None };
    let mut capture = Capture::attach(&options).unwrap();
    let hooks = |capture: &Capture| {
        let hooks = capture.hooks().into_iter();
        let inside = hooks.filter(|hook| hook.target.as_ref().is_some_and(|target| target.contains("libssl")));
        inside.filter(|hook| hook.state == HookState::Active).count()
    };
    let all = hooks(&capture);
    assert!(all >= 4, "{all} hooks");
    drop(servers.pop());
    // Longer than hooks linger without users; there is one.
    let until = std::time::Instant::now() + Duration::from_secs(12);
    while std::time::Instant::now() < until {
        capture.next(Duration::from_millis(100)).unwrap();
    }
    assert_eq!(hooks(&capture), all);
    drop(servers.pop());
    wait_for("the hooks to go", || {
        capture.next(Duration::from_millis(100)).unwrap();
        hooks(&capture) == 0
    });
}

/// A port is all that was asked for, so that any process may be heard of: a program that is there, and has its library
/// inside it, is hooked before it says a word.
#[test]
#[ignore = "needs root and a live kernel"]
fn a_program_that_may_be_heard_of_is_hooked_before() {
    let (folder, certificate) = (tempdir().unwrap(), Certificate::new());
    let (_server, binary, port) = go_server(folder.path(), &certificate);
    let targets = Targets { ports: vec![port], ..Targets::default() };
    let options = Options { targets, capture: 1024, backend: Backend::Auto, tls: true, max_cpu: None };
    let mut capture = Capture::attach(&options).unwrap();
    let real = binary.canonicalize().unwrap();
    wait_for("its hooks", || {
        capture.next(Duration::from_millis(100)).unwrap();
        capture.hooks().iter().any(|hook| hook.target.as_deref() == real.to_str() && hook.program == "go_write")
    });
    curl(&["-k", "--http1.1", "-o", "/dev/null", &format!("https://127.0.0.1:{port}/first")]);
    capture.stop();
    let mut plaintext = Vec::new();
    loop {
        match capture.next(Duration::from_millis(100)).unwrap() {
            Next::Event(SocketEvent::Data(data)) if data.source == Source::Go => plaintext.extend(data.bytes),
            Next::End => break,
            _ => {}
        }
    }
    let plaintext = String::from_utf8_lossy(&plaintext);
    assert!(plaintext.starts_with("GET /first ") && plaintext.ends_with("answer\n"), "{plaintext}");
}

/// `openssl s_server`, which answers with a page of its own.
struct Server {
    peer: Peer,
    port: u16,
    _folder: TempDir,
}

impl Server {
    #[track_caller]
    fn start() -> Self {
        let (folder, certificate, port) = (tempdir().unwrap(), Certificate::new(), free_port());
        let mut command = Command::new("openssl");
        command.args(["s_server", "-quiet", "-www", "-accept", &port.to_string()]);
        command.arg("-cert").arg(certificate.certificate()).arg("-key").arg(certificate.key());
        let peer = Peer::start(folder.path(), "s_server", &mut command);
        wait_for_port(port);
        Self { peer, port, _folder: folder }
    }

    fn ask(&self) {
        curl(&["-k", "-o", "/dev/null", &format!("https://127.0.0.1:{}/", self.port)]);
    }
}
