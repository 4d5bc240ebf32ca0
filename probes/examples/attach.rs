//! Attaches to one process and counts what is seen until standard input ends: for measuring what the kernel side costs
//! without what lies above it. `attach sock|syscall PID CAPTURE`, as root.

#![expect(clippy::print_stdout, reason = "printing is its purpose")]

use std::io::Read;
use std::time::Duration;

use probes::live::{Backend, Capture, Options};
use probes::targets::Targets;
use probes::{EventSource, Next, SourceError};
use protocols::event::SocketEvent;

fn main() -> Result<(), SourceError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [backend, pid, capture] = arguments.as_slice() else {
        println!("usage: attach sock|syscall PID CAPTURE");
        return Ok(());
    };
    let backend = if backend == "syscall" { Backend::Syscall } else { Backend::Sock };
    let targets = Targets { pids: pid.parse().into_iter().collect(), ..Targets::default() };
    let mut source = Capture::attach(&Options {
        targets,
        capture: capture.parse().unwrap_or(16 << 10),
        backend,
        tls: false,
        max_cpu: None,
    })?;
    println!("ready");
    let end = std::thread::spawn(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let (mut events, mut bytes, mut lost) = (0u64, 0u64, 0u64);
    loop {
        match source.next(Duration::from_millis(50))? {
            Next::Event(SocketEvent::Data(data)) => {
                events += 1;
                bytes += data.bytes.len() as u64;
            }
            Next::Event(SocketEvent::Lost(loss)) => lost += loss.events,
            Next::Event(_) | Next::Idle => {}
            Next::End => break,
        }
        if end.is_finished() {
            source.stop();
        }
    }
    println!("{{\"events\": {events}, \"bytes\": {bytes}, \"lost\": {lost}}}");
    Ok(())
}
