//! A name server that knows one zone, and a resolver that walks its search list first (RFC 1035).

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::rng::Rng;
use super::{PAYMENTS, listens_on};

/// Listens and serves.
pub(super) fn serve(seed: u64) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    listens_on(socket.local_addr()?)?;
    let mut rng = Rng::new(seed, 300);
    let mut buffer = [0; 512];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer)?;
        let Some(question) = buffer.get(..length) else { continue };
        let time = if rng.one_in(12) { 40 } else { 1 };
        rng.pause(time);
        if let Some(answer) = answer(question, &mut rng) {
            socket.send_to(&answer, peer)?;
        }
    }
}

/// The answer to a question: an address for names of the zone itself, NXDOMAIN for what the search list made of them.
fn answer(question: &[u8], rng: &mut Rng) -> Option<Vec<u8>> {
    let (id, asked) = (question.get(..2)?, question.get(12..)?);
    let name = read_name(asked)?;
    let code = match name.ends_with(".local") {
        true => NXDOMAIN,
        false if rng.one_in(25) => SERVFAIL,
        false => 0,
    };
    let mut out = id.to_vec();
    // A response, recursion desired and available; one question.
    out.extend_from_slice(&[0x81, 0x80 | code, 0, 1, 0, u8::from(code == 0), 0, 0, 0, 0]);
    out.extend_from_slice(asked);
    if code == 0 {
        // A pointer to the question's name, type A, class IN, 30 s, 4 bytes.
        out.extend_from_slice(&[0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4]);
        out.extend_from_slice(&PAYMENTS.octets());
    }
    Some(out)
}

/// Asks for `name`: first with the search list's suffix, as resolvers in clusters do, then as it is.
pub(super) fn resolve(server: SocketAddr, name: &str, rng: &mut Rng) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    for name in [format!("{name}.prod.svc.cluster.local"), name.to_owned()] {
        let id = u16::try_from(rng.below(65_536)).unwrap_or(0);
        socket.send(&question(id, &name))?;
        let mut buffer = [0; 512];
        socket.recv(&mut buffer)?;
        if buffer[3] & 15 == 0 {
            break;
        }
    }
    Ok(())
}

fn question(id: u16, name: &str) -> Vec<u8> {
    let mut out = id.to_be_bytes().to_vec();
    out.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).unwrap_or(0));
        out.extend_from_slice(label.as_bytes());
    }
    out.extend_from_slice(&[0, 0, 1, 0, 1]);
    out
}

fn read_name(mut bytes: &[u8]) -> Option<String> {
    let mut labels = Vec::new();
    loop {
        let (length, rest) = bytes.split_first()?;
        if *length == 0 {
            return Some(labels.join("."));
        }
        let (label, rest) = rest.split_at_checked(usize::from(*length))?;
        labels.push(String::from_utf8_lossy(label).into_owned());
        bytes = rest;
    }
}

const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
