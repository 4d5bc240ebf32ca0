//! `explore demo`: a small shop on loopback that has something wrong with it.
//!
//! ```text
//! browser --HTTP--> shop --SQL--> shop-db (a stand-in that speaks Postgres)
//!                    |----DNS--> shop-dns
//!                    |----gRPC-> inventory (HTTP/2 in clear)
//!                    '----HTTP-> payments
//! ```
//! `/checkout` is slow because it asks the database once for every item; `/pay` fails one time in ten. Every part is this
//! program as a child process (`explore __demo PART`), on ephemeral ports. A child's stdin is a pipe: it starts work at
//! the line `go`, and ends when the pipe does, so that nothing outlives explore.

mod browser;
mod dns;
mod grpc;
mod http;
mod payments;
mod pgsql;
mod rng;
mod shop;

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use crate::failure::Failure;

/// The recording that stands in where a live capture is not possible: `explore demo --headless --for 10s --record FILE`,
/// then `zstd -19`.
pub(crate) const RECORDING: &[u8] = include_bytes!("shop.events");

/// Where `payments` listens: its name has an address of its own, so that nothing else goes by that name.
const PAYMENTS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The shop's processes, started and waiting.
pub(crate) struct Demo {
    children: Vec<Child>,
}

impl Demo {
    /// Starts every part; nothing is sent before [`go`](Self::go).
    ///
    /// # Errors
    /// When a process or a port cannot be had.
    pub(crate) fn start(seed: u64) -> Result<Self, Failure> {
        let mut demo = Self { children: Vec::new() };
        let mut ports: Vec<(&str, u16)> = Vec::new();
        for part in ["shop-db", "shop-dns", "inventory", "payments", "shop", "browser"] {
            let port = demo.spawn(part, seed, &ports).map_err(|error| {
                Failure::usage(format!("cannot start the demo's {part}: {}", crate::failure::reason(&error)))
            })?;
            ports.push((part, port));
        }
        Ok(demo)
    }

    /// Its processes.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.children.iter().map(Child::id).collect()
    }

    /// Lets the workload begin.
    pub(crate) fn go(&mut self) {
        for child in &mut self.children {
            if let Some(stdin) = &mut child.stdin {
                let _ended = stdin.write_all(b"go\n");
            }
        }
    }

    fn spawn(&mut self, part: &str, seed: u64, ports: &[(&str, u16)]) -> io::Result<u16> {
        let mut command = Command::new(crate::OWN_PROGRAM);
        command.arg0("explore");
        command.args(["__demo", part, "--seed", &seed.to_string()]);
        for (name, port) in ports {
            command.arg(format!("--peer={name}={port}"));
        }
        command.env("OTEL_SERVICE_NAME", part);
        // Ctrl-C is for explore: the shop goes on until explore has seen enough.
        command.process_group(0);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        let read = child.stdout.take().map(|stdout| BufReader::new(stdout).read_line(&mut line));
        self.children.push(child);
        read.transpose()?;
        line.trim().parse().map_err(|_| io::Error::other("it did not say its port"))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        for child in &mut self.children {
            drop(child.stdin.take());
        }
        for child in &mut self.children {
            let _ended = child.kill();
            let _ended = child.wait();
        }
    }
}

/// `explore __demo PART`: is one part until stdin ends.
///
/// # Errors
/// When it cannot listen.
pub(crate) fn part(name: &str, seed: u64, peers: &[String]) -> Result<u8, Failure> {
    // The leader's name is what column `process` shows.
    let _shown_otherwise = std::fs::write("/proc/self/comm", name);
    let peers = Peers(peers.to_vec());
    let go = until_stdin_ends();
    let ran = match name {
        "shop-db" => pgsql::serve(seed),
        "shop-dns" => dns::serve(seed),
        "inventory" => grpc::serve(seed),
        "payments" => payments::serve(seed),
        "shop" => shop::serve(seed, &peers),
        "browser" => browser::drive(seed, &peers, &go),
        _ => Err(io::Error::other("no part of the demo is called so")),
    };
    ran.map(|()| 0).map_err(|error| Failure::usage(format!("{name}: {error}")))
}

/// Says on stdout where this part listens.
fn listens_on(address: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", address.port())?;
    out.flush()
}

/// A channel that gives one message at the line `go`; the process ends when stdin does.
fn until_stdin_ends() -> Receiver<()> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            match line {
                Ok(line) if line == "go" => drop(sender.send(())),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        std::process::exit(0);
    });
    receiver
}

/// Where the other parts listen.
#[derive(Debug, Clone)]
struct Peers(Vec<String>);

impl Peers {
    fn address(&self, name: &str) -> io::Result<SocketAddr> {
        let port = self.0.iter().find_map(|peer| peer.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
        let port: u16 = port.ok_or_else(|| io::Error::other(format!("nobody said where {name} is")))?;
        let address = if name == "payments" { PAYMENTS } else { Ipv4Addr::LOCALHOST };
        Ok(SocketAddr::from((address, port)))
    }
}
