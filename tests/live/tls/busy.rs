//! Busy programs whose TLS library is hooked and let go again and again: neither they nor their clients notice.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use probes::live::{Backend, Capture, Options};
use probes::targets::Targets;
use probes::{EventSource, Next};
use protocols::event::{Data, Direction, SocketEvent, Source};
use tempfile::tempdir;

use super::nginx::Nginx;
use super::{Certificate, go_server};
use crate::explore::{read, wait_for};
use crate::peers::Peer;

/// OpenSSL in nginx's workers, hooked on the way in and by return probes.
#[test]
#[ignore = "needs root and a live kernel"]
fn nginx_goes_on_while_explore_comes_and_goes() {
    let folder = tempdir().unwrap();
    let mut nginx = Nginx::start();
    let answered = come_and_go(folder.path(), &mut nginx.master, nginx.tls, Source::OpenSsl);
    // Its own count agrees with the client's: nothing was answered otherwise, or twice.
    let log = BufReader::new(File::open(nginx.folder.path().join("access.log")).unwrap());
    let (good, other): (Vec<bool>, Vec<bool>) =
        log.lines().map(|line| line.unwrap().contains(" GET /ok 200 ")).partition(|good| *good);
    assert!(other.is_empty() && good.len() >= answered, "{answered} of {}, and {}", good.len(), other.len());
    let errors = read(&nginx.folder.path().join("error.log"));
    assert!(!["exited on signal", "[alert]", "[crit]"].iter().any(|word| errors.contains(word)), "{errors}");
}

/// Go's goroutines, whose returns are hooked one by one.
#[test]
#[ignore = "needs root and a live kernel"]
fn a_go_server_goes_on_while_explore_comes_and_goes() {
    let (folder, certificate) = (tempdir().unwrap(), Certificate::new());
    let (mut server, _, port) = go_server(folder.path(), &certificate);
    come_and_go(folder.path(), &mut server, port, Source::Go);
}

/// Attaches and detaches `EXPLORE_TEST_ATTACHES` times under load, and gives the number of good answers. Each time it is
/// really inside: plaintext of requests and of answers is seen.
#[track_caller]
fn come_and_go(folder: &Path, server: &mut Peer, port: u16, source: Source) -> usize {
    let times = std::env::var("EXPLORE_TEST_ATTACHES").map_or(5, |times| times.parse().unwrap());
    let load = Load::start(folder, &format!("https://127.0.0.1:{port}/ok"));
    let targets = Targets { listen: vec![port], ..Targets::default() };
    let options = Options { targets, capture: 16 << 10, backend: Backend::Auto, tls: true, max_cpu: None };
    for time in 0..times {
        let mut capture = Capture::attach(&options).unwrap();
        let (mut asked, mut answered) = (0, 0);
        wait_for(&format!("plaintext, time {time}"), || {
            while let Next::Event(event) = capture.next(Duration::ZERO).unwrap() {
                let SocketEvent::Data(data) = event else { continue };
                if data.source != source {
                    continue;
                }
                assert!(is_of_this_load(&data), "{data:?}");
                match data.direction {
                    Direction::Received => asked += 1,
                    Direction::Sent => answered += 1,
                }
            }
            asked >= 20 && answered >= 20
        });
        assert!(server.is_running(), "the server ended at time {time}");
    }
    assert!(server.is_running(), "the server ended");
    load.stop()
}

/// What a call of this exchange begins with: nothing else is read.
fn is_of_this_load(data: &Data) -> bool {
    let begins: &[&[u8]] = match data.direction {
        // Go's server looks for a next request by reading one byte.
        Direction::Received => &[b"GET /ok HTTP/1.1\r\n", b"G", b"ET /ok HTTP/1.1\r\n"],
        Direction::Sent => &[b"HTTP/1.1 200 OK\r\n", b"fine\n"],
    };
    begins.iter().any(|begin| data.bytes.starts_with(begin))
}

/// wrk on eight connections, until it is stopped.
struct Load {
    wrk: Child,
    report: PathBuf,
}

impl Load {
    fn start(folder: &Path, url: &str) -> Self {
        let report = folder.join("wrk");
        let arguments = ["-t1", "-c8", "-d1h", "--timeout", "60s", url];
        let wrk = Command::new("wrk").args(arguments).stdout(Stdio::from(File::create(&report).unwrap())).spawn();
        Self { wrk: wrk.unwrap(), report }
    }

    /// The number of answers. Fails if a connection broke, or an answer was none of 2xx.
    #[track_caller]
    fn stop(mut self) -> usize {
        assert!(self.wrk.try_wait().unwrap().is_none(), "wrk ended early: {}", read(&self.report));
        let interrupted = Command::new("kill").args(["-INT", &self.wrk.id().to_string()]).status().unwrap();
        assert!(interrupted.success() && self.wrk.wait().unwrap().success());
        let report = read(&self.report);
        assert!(!report.contains("Socket errors") && !report.contains("Non-2xx"), "{report}");
        let line = report.lines().find_map(|line| line.split_once(" requests in "));
        let answers = line.unwrap_or_else(|| panic!("{report}")).0.trim().parse().unwrap();
        assert!(answers > 0, "{report}");
        answers
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.wrk.kill();
        let _ = self.wrk.wait();
    }
}
