//! What explore says where it cannot work.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use tempfile::{TempDir, tempdir};

use crate::explore::{Explore, plain, read, text, wait_for};
use crate::peers::{Peer, free_port, wait_for_port};

/// An ordinary user: exit code 3, and the command that mends it.
#[test]
#[ignore = "needs root to become somebody else"]
fn without_privileges_it_says_what_to_run() {
    let output = as_nobody(&["-q", "http", "--for", "1s"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("sudo") && stderr.contains("CAP_BPF"), "{stderr}");
    assert!(stderr.lines().count() <= 24, "more than a screen:\n{stderr}");
    assert!(output.stdout.is_empty());
}

/// `demo` falls back to its recording, and says so.
#[test]
#[ignore = "needs root to become somebody else"]
fn without_privileges_the_demo_is_recorded() {
    let output = as_nobody(&["demo", "-q", "http where status>=500", "--for", "5s", "--format", "json"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("source=recorded"), "{stderr}");
    assert!(!output.stdout.is_empty());
}

/// A kernel without BTF, as far as explore can see.
#[test]
#[ignore = "needs root and a mount namespace"]
fn without_btf_it_says_so() {
    let script =
        format!("mount -t tmpfs none /sys/kernel/btf && exec {} -q http --for 1s", env!("CARGO_BIN_EXE_explore"));
    let output = Command::new("unshare").args(["--mount", "sh", "-c", &script]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("BTF"), "{stderr}");
}

/// Another pid namespace than the host's, as a sidecar has it that shares its pod's: processes in it are watched, by the ids
/// that they have there, also those that were forked without an exec; all others are not.
#[test]
#[ignore = "needs root and a pid namespace"]
fn in_a_pid_namespace_its_processes_are_watched() {
    let folder = tempdir().unwrap();
    let (path, port) = (text(folder.path()), free_port().to_string());
    let arguments = ["-m", "http.server", &port, "--bind", "127.0.0.1", "--directory", path];
    let _server = Peer::start(folder.path(), "server", Command::new("python3").args(arguments));
    wait_for_port(port.parse().unwrap());
    let url = format!("http://127.0.0.1:{port}");
    let ask = format!("import urllib.request as u; u.urlopen('{url}/forked').read()");
    // One call by a program, one by a child that only forks.
    let script = format!(
        "\"$@\" & explore=$!
         until [ -e {path}/go ]; do sleep 0.1; done
         curl -s -o {path}/answer {url}/program & echo $! > {path}/program; wait $!
         python3 -c \"import os; child = os.fork(); os.waitpid(child, 0) if child else exec(open('{path}/ask').read())\"
         kill -INT $explore; wait $explore"
    );
    std::fs::write(folder.path().join("ask"), format!("open('{path}/forked', 'w').write(str(os.getpid()))\n{ask}"))
        .unwrap();
    let wrapper = ["unshare", "--pid", "--mount-proc", "--fork", "sh", "-c", &script, "sh"];
    let explore = Explore::start_under(&wrapper, folder.path(), &["-q", "http"]);
    let outside = Command::new("curl").args(["-s", "-o", "/dev/null", &format!("{url}/outside")]).status().unwrap();
    assert!(outside.success());
    std::fs::write(folder.path().join("go"), "").unwrap();
    let finished = explore.finish();
    finished.assert_whole();
    let pid = |name: &str| read(&folder.path().join(name)).trim().to_owned();
    let expected = [("/program", "curl", pid("program")), ("/forked", "python3", pid("forked"))];
    let rows: Vec<_> =
        finished.rows.iter().map(|row| ["path", "process", "pid"].map(|name| plain(&row[name]))).collect();
    assert_eq!(rows, expected.map(|(path, process, pid)| [path.to_owned(), process.to_owned(), pid]));
    assert!(finished.rows.iter().all(|row| row["role"] == "client" && row["exe"].is_string()));
}

/// `/proc` of another pid namespace: its ids say nothing here.
#[test]
#[ignore = "needs root and a pid namespace"]
fn with_proc_of_another_pid_namespace_it_says_so() {
    let arguments = ["--pid", "--fork", env!("CARGO_BIN_EXE_explore"), "-q", "http", "--for", "1s"];
    let output = Command::new("unshare").args(arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("/proc"), "{stderr}");
}

/// `--no-tls`: once attached no thread has a capability, and rows come all the same.
#[test]
#[ignore = "needs root"]
fn without_tls_every_privilege_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = tempdir().unwrap();
    let (pid, port_text) = (std::process::id().to_string(), port.to_string());
    let explore = Explore::start(folder.path(), &["--no-tls", "--pid", &pid, "--port", &port_text, "-q", "http"]);
    let threads = || {
        let folder = format!("/proc/{}/task", explore.pid());
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("status")).ok()).collect::<Vec<_>>()
    };
    // A thread that has just been made may not have come to it yet.
    wait_for("every thread to give up its capabilities", || {
        threads().iter().all(|status| status.contains("CapEff:\t0000000000000000") && status.contains("NoNewPrivs:\t1"))
    });
    assert!(threads().len() >= 2);
    exchange(&listener);
    let finished = explore.stop();
    finished.assert_whole();
    assert_eq!(finished.rows.len(), 2, "both ends: {}", finished.stdout);
    assert_eq!(plain(&finished.rows[0]["status"]), "204");
}

/// An ordinary user with two capabilities sees his own processes.
#[test]
#[ignore = "needs root to become somebody else"]
fn two_capabilities_are_enough() {
    let (_folder, program) = public_copy();
    let script = "import http.server, threading, urllib.request as u\n\
        s = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)\n\
        threading.Thread(target=s.serve_forever, daemon=True).start()\n\
        u.urlopen('http://127.0.0.1:%d/etc/hostname' % s.server_address[1]).read()";
    let run = |capabilities: &str| {
        let capabilities = format!("-all,{capabilities}");
        let query = "http | summarize n=count() by status";
        Command::new("setpriv")
            .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
            .args(["--inh-caps", &capabilities, "--ambient-caps", &capabilities, "--"])
            .arg(&program)
            .args(["--no-tls", "-q", query, "--format", "csv", "--", "/usr/bin/python3", "-c", script])
            .current_dir("/")
            .output()
            .unwrap()
    };
    let output = run("+bpf,+perfmon");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "status,n\n200,2\n", "{stderr}");
    for (held, missing) in [("+bpf", "CAP_PERFMON"), ("+perfmon", "CAP_BPF")] {
        let output = run(held);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains(&format!("missing privileges: {missing}, ")), "{stderr}");
        assert!(output.stdout.is_empty());
    }
}

/// One request and its answer on a connection within this process.
fn exchange(listener: &TcpListener) {
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.write_all(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let mut request = [0; 28];
    server.read_exact(&mut request).unwrap();
    server.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    let mut answer = [0; 27];
    client.read_exact(&mut answer).unwrap();
}

/// A copy of the program where everybody may run it: the build folder may be closed to others.
fn public_copy() -> (TempDir, std::path::PathBuf) {
    let folder = tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("explore");
    std::fs::copy(env!("CARGO_BIN_EXE_explore"), &program).unwrap();
    (folder, program)
}

fn as_nobody(arguments: &[&str]) -> Output {
    let (_folder, program) = public_copy();
    Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"])
        .arg(&program)
        .args(arguments)
        .current_dir("/")
        .output()
        .unwrap()
}
