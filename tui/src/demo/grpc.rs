//! The inventory: unary gRPC over HTTP/2 in clear, by hand (RFC 9113, RFC 7541, the gRPC-over-HTTP/2 document).
//!
//! Header blocks hold literals without indexing and without Huffman only, so that neither end keeps a table.

use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use super::http::listen;
use super::listens_on;
use super::rng::Rng;

/// Listens and serves, every connection on its own thread.
pub(super) fn serve(seed: u64) -> io::Result<()> {
    let (listener, address) = listen(Ipv4Addr::LOCALHOST)?;
    listens_on(address)?;
    for number in 0.. {
        let (stream, _) = listener.accept()?;
        let rng = Rng::new(seed, 500 + number);
        std::thread::spawn(move || serve_one(stream, rng));
    }
    Ok(())
}

fn serve_one(stream: TcpStream, mut rng: Rng) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut preface = [0; PREFACE.len()];
    stream.read_exact(&mut preface)?;
    let mut out = Vec::new();
    frame(&mut out, SETTINGS, 0, 0, b"");
    loop {
        if !out.is_empty() {
            stream.get_mut().write_all(&out)?;
            out.clear();
        }
        let (kind, flags, id, _) = read_frame(&mut stream)?;
        match kind {
            SETTINGS if flags & ACK == 0 => frame(&mut out, SETTINGS, ACK, 0, b""),
            DATA if flags & END_STREAM != 0 => {
                rng.pause(3);
                answer(&mut out, id, rng.one_in(15));
            }
            _ => {}
        }
    }
}

fn answer(out: &mut Vec<u8>, id: u32, unavailable: bool) {
    let content = ("content-type", "application/grpc");
    if unavailable {
        // Trailers only.
        let fields = [(":status", "200"), content, ("grpc-status", "14"), ("grpc-message", "stock is being counted")];
        frame(out, HEADERS, END_HEADERS | END_STREAM, id, &block(&fields));
        return;
    }
    frame(out, HEADERS, END_HEADERS, id, &block(&[(":status", "200"), content]));
    frame(out, DATA, 0, id, &[0, 0, 0, 0, 2, 0x08, 1]);
    frame(out, HEADERS, END_HEADERS | END_STREAM, id, &block(&[("grpc-status", "0"), ("grpc-message", "")]));
}

/// A connection to the inventory.
#[derive(Debug)]
pub(super) struct Client {
    stream: BufReader<TcpStream>,
    next: u32,
}

impl Client {
    /// Connects.
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut client = Self { stream: BufReader::new(stream), next: 1 };
        let mut out = PREFACE.to_vec();
        frame(&mut out, SETTINGS, 0, 0, b"");
        client.stream.get_mut().write_all(&out)?;
        Ok(client)
    }

    /// Calls with one small number in the message; returns `grpc-status`.
    pub(super) fn call(&mut self, path: &str, number: u64) -> io::Result<u8> {
        let id = self.next;
        self.next += 2;
        let fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "inventory.shop.example"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("grpc-timeout", "500m"),
            ("user-agent", "shop/1.0"),
        ];
        let mut out = Vec::new();
        frame(&mut out, HEADERS, END_HEADERS, id, &block(&fields));
        // Field 1, varint: below 128 it is one byte.
        frame(&mut out, DATA, END_STREAM, id, &[0, 0, 0, 0, 2, 0x08, u8::try_from(number % 128).unwrap_or(0)]);
        self.stream.get_mut().write_all(&out)?;
        loop {
            let (kind, flags, stream, payload) = read_frame(&mut self.stream)?;
            if kind == SETTINGS && flags & ACK == 0 {
                let mut ack = Vec::new();
                frame(&mut ack, SETTINGS, ACK, 0, b"");
                self.stream.get_mut().write_all(&ack)?;
            }
            if kind == HEADERS && stream == id && flags & END_STREAM != 0 {
                let fine = payload.windows(13).any(|window| window == b"grpc-status\x010");
                return Ok(if fine { 0 } else { 14 });
            }
        }
    }
}

/// A header block of literals without indexing (RFC 7541, 6.2.2).
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            out.push(u8::try_from(text.len()).unwrap_or(0) & 0x7f);
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(0).to_be_bytes();
    out.extend_from_slice(&length[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// Type, flags, stream and payload of the next frame.
fn read_frame(stream: &mut impl Read) -> io::Result<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head)?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    stream.read_exact(&mut payload)?;
    Ok((head[3], head[4], u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]), payload))
}

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
