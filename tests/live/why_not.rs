//! Where something is in the way, the reason is stated and everything else goes on; and where nothing should be (another
//! root, a library that was replaced), nothing is.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::tempdir;

use crate::explore::{Explore, Finished, plain, text, wait_for};
use crate::peers::{Peer, free_port, script, tool, wait_for_port};
use crate::servers::curl;
use crate::tls::{Certificate, assert_decrypted, doctor};

/// A kernel without uprobes, as far as explore can see: their place in sysfs is empty.
#[test]
#[ignore = "needs root and a mount namespace"]
fn without_uprobes_the_rest_goes_on() {
    let hide = "mount -t tmpfs none /sys/bus/event_source/devices && exec \"$@\"";
    let (reason, _) = blind(&["unshare", "--mount", "sh", "-c", hide, "sh"]);
    assert!(reason.contains("could not be hooked") && reason.contains("uprobe"), "{reason}");
}

/// Root without the capability to look into others.
#[test]
#[ignore = "needs root and a live kernel"]
fn without_cap_sys_ptrace_the_rest_goes_on() {
    let (reason, _) = blind(&["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace", "--"]);
    assert!(reason.contains("CAP_SYS_PTRACE"), "{reason}");
}

/// `/proc` mounted so that it hides other users' processes, and nothing that would see through it.
#[test]
#[ignore = "needs root and a mount namespace"]
fn with_proc_hidden_the_rest_goes_on() {
    let hide = "mount -t proc -o hidepid=invisible proc /proc && \
                exec setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace -- \"$@\"";
    let (reason, _) = blind(&["unshare", "--mount", "sh", "-c", hide, "sh"]);
    assert!(!reason.is_empty(), "{reason}");
}

/// Two servers, one in clear, one over TLS, under an explore that cannot look into the latter. Gives the reason stated for
/// its handshake, and what came of the query.
#[track_caller]
fn blind(wrapper: &[&str]) -> (String, Finished) {
    let (folder, certificate) = (tempdir().unwrap(), Certificate::new());
    let ports = [free_port(), free_port()];
    let mut command = Command::new(tool("python"));
    let clear = Peer::start(folder.path(), "clear", command.arg(script("https_server.py")).arg(ports[0].to_string()));
    let mut command = Command::new(tool("python"));
    command.arg(script("https_server.py")).arg(ports[1].to_string());
    let inside = Peer::start(folder.path(), "inside", command.arg(certificate.certificate()).arg(certificate.key()));
    ports.into_iter().for_each(wait_for_port);
    let pids = [clear.pid(), inside.pid()];
    let arguments = ["--pid", &pids[0], "--pid", &pids[1], "-q", "requests where protocol in ('http', 'tls')"];
    let explore = Explore::start_under(wrapper, folder.path(), &arguments);
    curl(&[&format!("http://127.0.0.1:{}/hello", ports[0])]);
    curl(&["-k", &format!("https://127.0.0.1:{}/hello", ports[1])]);
    let finished = explore.stop();
    finished.assert_whole();
    let of = |protocol: &str| finished.rows.iter().filter(|row| row["protocol"] == protocol).collect::<Vec<_>>();
    let http = of("http");
    assert_eq!(http.len(), 1, "{}\n{}", finished.stdout, finished.stderr);
    assert_eq!((&http[0]["local_port"], &http[0]["tls"]), (&ports[0].into(), &false.into()));
    assert_eq!(of("tls").len(), 1, "{}\n{}", finished.stdout, finished.stderr);
    assert_eq!(finished.coverage("encrypted"), "1");
    let folder = tempdir().unwrap();
    let explore = Explore::start_under(wrapper, folder.path(), &["--pid", &pids[1], "-q", "tls where not decrypted"]);
    curl(&["-k", &format!("https://127.0.0.1:{}/hello", ports[1])]);
    let finished = explore.stop();
    assert_eq!(finished.rows.len(), 1, "{}", finished.stderr);
    (plain(&finished.rows[0]["reason"]), finished)
}

/// Every library of a process is told of, and what is not read beside them: a program with OpenSSL, with a BoringSSL that has
/// no symbols, and with a socket where QUIC is spoken.
#[test]
#[ignore = "needs root and a live kernel"]
fn doctor_tells_of_everything_that_a_process_has() {
    let folder = tempdir().unwrap();
    let ready = folder.path().join("ready");
    let program = "
import socket, ssl, sys, time
import grpc
talks = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
talks.connect(('127.0.0.1', 443))
open(sys.argv[1], 'w').close()
time.sleep(1000)
";
    let mut command = Command::new(tool("python"));
    let process = Peer::start(folder.path(), "process", command.args(["-c", program, text(&ready)]));
    wait_for("the program to be ready", || ready.exists());
    let doctor = doctor(&process);
    let (_, told) = doctor.split_once("TLS, by process:\n").unwrap_or_else(|| panic!("{doctor}"));
    let told: Vec<&str> = told.lines().map(str::trim).collect();
    assert_eq!(told.len(), 3, "{doctor}");
    assert!(told[0].starts_with(&format!("{} python", process.pid())) && told[0].ends_with(" hooks"), "{doctor}");
    assert!(told[0].contains(" openssl OpenSSL "), "{doctor}");
    assert_eq!(told[1], "and more that is not readable: static BoringSSL, no symbols");
    assert_eq!(told[2], "has UDP sockets on port 443: if they speak QUIC, that is not read");
}

/// A server with a root and a mount namespace of its own, whose library nobody outside has.
#[test]
#[ignore = "needs root and a mount namespace"]
fn a_library_in_another_root_is_found() {
    let root = Root::new();
    let (server, port) = root.serve();
    let finished = ask(&server, port);
    assert_eq!(finished.rows.len(), 1, "{}", finished.stderr);
    assert_decrypted(&finished, "openssl");
    let doctor = doctor(&server);
    assert!(doctor.contains("openssl OpenSSL 3."), "{doctor}");
}

/// An upgrade replaced the library's file while the server ran on: what is mapped is hooked, not what took its name.
#[test]
#[ignore = "needs root and a mount namespace"]
fn a_library_that_was_replaced_is_still_read() {
    let root = Root::new();
    let (server, port) = root.serve();
    let library = root.library();
    std::fs::remove_file(&library).unwrap();
    std::fs::write(&library, "another file").unwrap();
    let finished = ask(&server, port);
    assert_eq!(finished.rows.len(), 1, "{}", finished.stderr);
    assert_decrypted(&finished, "openssl");
}

#[track_caller]
fn ask(server: &Peer, port: u16) -> Finished {
    let folder = tempdir().unwrap();
    let pid = server.pid();
    let explore = Explore::start(folder.path(), &["--pid", &pid, "-q", "http"]);
    curl(&["-k", "--http1.0", "-o", "/dev/null", &format!("https://127.0.0.1:{port}/page")]);
    let finished = explore.stop();
    finished.assert_whole();
    finished
}

/// A folder to be a root: openssl with copies of what it needs, a certificate, a page.
struct Root {
    folder: tempfile::TempDir,
}

impl Root {
    fn new() -> Self {
        let folder = tempdir().unwrap();
        let copy = |from: &Path| {
            let to = folder.path().join(from.strip_prefix("/").unwrap());
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(from, to).unwrap();
        };
        let program = Path::new("/usr/bin/openssl");
        copy(program);
        let needed = Command::new("ldd").arg(program).output().unwrap();
        let needed = String::from_utf8_lossy(&needed.stdout).into_owned();
        needed.split_whitespace().filter(|word| word.starts_with('/')).for_each(|path| copy(Path::new(path)));
        let certificate = Certificate::new();
        std::fs::copy(certificate.certificate(), folder.path().join("cert.pem")).unwrap();
        std::fs::copy(certificate.key(), folder.path().join("key.pem")).unwrap();
        std::fs::write(folder.path().join("page"), "a page\n").unwrap();
        Self { folder }
    }

    /// Starts `openssl s_server` with this root.
    fn serve(&self) -> (Peer, u16) {
        let port = free_port();
        let mut command = Command::new("unshare");
        command.args(["--mount", "chroot", text(self.folder.path()), "/usr/bin/openssl", "s_server", "-WWW", "-quiet"]);
        command.args(["-accept", &port.to_string(), "-cert", "/cert.pem", "-key", "/key.pem"]);
        let server = Peer::start(self.folder.path(), "s_server", &mut command);
        wait_for_port(port);
        (server, port)
    }

    fn library(&self) -> PathBuf {
        let folders =
            ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "lib/aarch64-linux-gnu"];
        let mut paths = folders.iter().map(|folder| self.folder.path().join(folder).join("libssl.so.3"));
        paths.find(|path| path.exists()).unwrap()
    }
}
