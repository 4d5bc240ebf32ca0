//! Runs a workload under a capture and gives its events.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use probes::live::{Backend, Capture, Options};
use probes::targets::Targets;
use probes::{EventSource, Next};
use protocols::event::{Data, Direction, Open, SocketEvent, SocketId, StateChange, Transport};

/// How long a workload may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// What every workload may use.
const PRELUDE: &str = "
import socket, os, sys, time, struct, threading, ctypes
def pair(family=socket.AF_INET, host='127.0.0.1'):
    l = socket.socket(family); l.bind((host, 0)); l.listen()
    c = socket.socket(family); c.connect(l.getsockname()[:2])
    s, _ = l.accept(); l.close()
    return c, s
def ready():
    print('ready', flush=True); sys.stdin.readline()
";

/// A Python program, held before its work until the capture is attached.
pub(crate) struct Workload {
    child: Child,
    /// What it printed before it was ready.
    said: String,
}

impl Workload {
    /// Starts it; `before` runs before the capture is attached, `work` after.
    pub(crate) fn start(before: &str, work: &str) -> Self {
        let script = format!("{PRELUDE}\n{before}\nready()\n{work}\n");
        let mut child = Command::new("python3")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed");
        let mut said = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        while !said.ends_with("ready\n") {
            let read = out.read_line(&mut said).expect("text");
            assert_ne!(read, 0, "the workload failed before it was ready");
        }
        Self { child, said }
    }

    /// The port that it printed.
    pub(crate) fn port(&self) -> u16 {
        self.said.lines().next().and_then(|line| line.parse().ok()).expect("a port")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lets it work to its end, and gives all events up to then.
    pub(crate) fn run(mut self, mut capture: Capture) -> Events {
        let mut events = self.work(&mut capture);
        capture.stop();
        events.extend(self.read(&mut capture));
        Events(events, std::mem::take(&mut self.said))
    }

    /// Lets it work to its end; the capture goes on.
    pub(crate) fn run_and(mut self, capture: &mut Capture) {
        self.work(capture);
    }

    /// Lets it work to its end without reading anything, then gives what there is.
    pub(crate) fn run_unread(mut self, mut capture: Capture) -> Events {
        self.child.stdin.take().expect("piped").write_all(b"go\n").expect("it reads");
        assert!(self.child.wait().expect("ours").success(), "the workload failed");
        let mut events = self.read(&mut capture);
        capture.stop();
        events.extend(self.read(&mut capture));
        Events(events, std::mem::take(&mut self.said))
    }

    fn work(&mut self, capture: &mut Capture) -> Vec<SocketEvent> {
        self.child.stdin.take().expect("piped").write_all(b"go\n").expect("it reads");
        let start = Instant::now();
        let mut events = Vec::new();
        loop {
            events.extend(self.read(capture));
            if let Some(status) = self.child.try_wait().expect("ours") {
                assert!(status.success(), "the workload failed");
                return events;
            }
            assert!(start.elapsed() < PATIENCE, "the workload does not end");
        }
    }

    /// All events until there are none for a while, or ever.
    fn read(&self, capture: &mut Capture) -> Vec<SocketEvent> {
        let start = Instant::now();
        let mut events = Vec::new();
        while let Next::Event(event) = capture.next(Duration::from_millis(20)).expect("the capture lives") {
            events.push(event);
            assert!(start.elapsed() < PATIENCE, "the workload does not end");
        }
        events
    }
}

impl Drop for Workload {
    fn drop(&mut self) {
        // It has ended, or the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn options(pid: u32, backend: Backend) -> Options {
    Options {
        targets: Targets { pids: vec![pid], ..Targets::default() },
        capture: 16 << 10,
        backend,
        tls: false,
        max_cpu: None,
    }
}

/// Runs a workload with a capture of its pid.
pub(crate) fn capture(backend: Backend, before: &str, work: &str) -> Events {
    let workload = Workload::start(before, work);
    let capture = Capture::attach(&options(workload.pid(), backend)).expect("root, and a kernel that can");
    workload.run(capture)
}

/// The events of a session.
pub(crate) struct Events(pub(crate) Vec<SocketEvent>, String);

impl Events {
    /// The ports that the workload printed on its first line.
    pub(crate) fn ports(&self) -> Vec<u16> {
        let line = self.1.lines().next().unwrap_or_default();
        line.split(' ').map(|port| port.parse().expect("a port")).collect()
    }

    pub(crate) fn opens(&self) -> Vec<&Open> {
        self.0.iter().filter_map(|event| if let SocketEvent::Open(open) = event { Some(open) } else { None }).collect()
    }

    pub(crate) fn data(&self) -> impl Iterator<Item = &Data> {
        self.0.iter().filter_map(|event| if let SocketEvent::Data(data) = event { Some(data) } else { None })
    }

    /// The one data event in that direction whose bytes begin so.
    #[track_caller]
    pub(crate) fn one(&self, direction: Direction, begin: &[u8]) -> &Data {
        let found: Vec<_> =
            self.data().filter(|data| data.direction == direction && data.bytes.starts_with(begin)).collect();
        assert_eq!(found.len(), 1, "{direction:?} {:?} in {:#?}", String::from_utf8_lossy(begin), self.summary());
        found[0]
    }

    pub(crate) fn of(&self, socket: SocketId, direction: Direction) -> Vec<&Data> {
        self.data().filter(|data| data.socket == socket && data.direction == direction).collect()
    }

    pub(crate) fn states(&self, socket: SocketId) -> Vec<&StateChange> {
        self.0
            .iter()
            .filter_map(|event| match event {
                SocketEvent::State(state) if state.socket == socket => Some(&state.change),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn open(&self, socket: SocketId) -> &Open {
        self.opens().into_iter().find(|open| open.socket == socket).expect("announced before its data")
    }

    pub(crate) fn transport(&self, transport: Transport) -> Vec<&Open> {
        self.opens().into_iter().filter(|open| open.transport == transport).collect()
    }

    /// Events lost by that cause.
    pub(crate) fn lost(&self, cause: &str) -> u64 {
        self.losses(cause).0
    }

    /// Events and bytes lost by that cause.
    pub(crate) fn losses(&self, cause: &str) -> (u64, u64) {
        let lost = self.0.iter().filter_map(|event| match event {
            SocketEvent::Lost(lost) if lost.cause == cause => Some((lost.events, lost.bytes)),
            _ => None,
        });
        lost.fold((0, 0), |sum, lost| (sum.0 + lost.0, sum.1 + lost.1))
    }

    #[track_caller]
    pub(crate) fn assert_nothing_lost(&self) {
        let lost: Vec<_> = self.0.iter().filter(|event| matches!(event, SocketEvent::Lost(_))).collect();
        assert!(lost.is_empty(), "{lost:?}");
    }

    /// Short lines for a failure's message.
    pub(crate) fn summary(&self) -> Vec<String> {
        self.0
            .iter()
            .filter(|event| !matches!(event, SocketEvent::Clock { .. }))
            .map(|event| match event {
                SocketEvent::Data(data) => format!(
                    "Data {:?} {:?} at {} len {} kept {} {:?}",
                    data.socket,
                    data.direction,
                    data.position,
                    data.original_len,
                    data.bytes.len(),
                    String::from_utf8_lossy(&data.bytes[..data.bytes.len().min(24)])
                ),
                other => format!("{other:?}"),
            })
            .collect()
    }
}
