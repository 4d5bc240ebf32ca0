//! A stand-in for a Postgres server, and a client: protocol 3.0 as in the documentation's chapter "Message Formats".

use std::collections::HashMap;
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
        let rng = Rng::new(seed, 200 + number);
        std::thread::spawn(move || Backend::new(stream, rng).serve());
    }
    Ok(())
}

/// One connection of the server.
struct Backend {
    stream: BufReader<TcpStream>,
    rng: Rng,
    out: Vec<u8>,
    /// Texts of prepared statements by name.
    statements: HashMap<String, String>,
    /// Text behind the unnamed portal.
    portal: String,
    transaction: u8,
    /// After an error everything up to Sync is skipped.
    skipping: bool,
}

impl Backend {
    fn new(stream: TcpStream, rng: Rng) -> Self {
        let _slower = stream.set_nodelay(true);
        Self {
            stream: BufReader::new(stream),
            rng,
            out: Vec::new(),
            statements: HashMap::new(),
            portal: String::new(),
            transaction: b'I',
            skipping: false,
        }
    }

    fn serve(mut self) -> io::Result<()> {
        let length = read_length(&mut self.stream)?;
        let mut startup = vec![0; length];
        self.stream.read_exact(&mut startup)?;
        message(&mut self.out, b'R', &0_u32.to_be_bytes());
        message(&mut self.out, b'S', b"server_version\x0015.0 (demo)\0");
        message(&mut self.out, b'K', &[0, 0, 0, 1, 0, 0, 0, 2]);
        self.ready()?;
        loop {
            let (tag, body) = read_message(&mut self.stream)?;
            if tag == b'X' {
                return Ok(());
            }
            self.handle(tag, &body)?;
        }
    }

    fn handle(&mut self, tag: u8, body: &[u8]) -> io::Result<()> {
        let mut texts = body.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
        let mut text = || texts.next().unwrap_or_default();
        match tag {
            b'S' => {
                self.skipping = false;
                return self.ready();
            }
            b'Q' => {
                let query = text();
                self.run(&query);
                self.skipping = false;
                return self.ready();
            }
            _ if self.skipping => {}
            b'P' => {
                let name = text();
                self.statements.insert(name, text());
                message(&mut self.out, b'1', b"");
            }
            b'B' => {
                let _portal = text();
                self.portal = self.statements.get(&text()).cloned().unwrap_or_default();
                message(&mut self.out, b'2', b"");
            }
            b'D' => row_description(&mut self.out),
            b'E' => {
                let query = self.portal.clone();
                self.run(&query);
            }
            _ => {}
        }
        Ok(())
    }

    fn run(&mut self, query: &str) {
        let operation = query.split(' ').next().unwrap_or_default();
        match operation {
            "BEGIN" => self.transaction = b'T',
            "COMMIT" | "ROLLBACK" => self.transaction = b'I',
            _ => self.rng.pause(if query.contains("stock, price") { 4 } else { 1 }),
        }
        let tag = match operation {
            "SELECT" => {
                let rows = 1 + self.rng.below(4);
                for row in 0..rows {
                    let value = row.to_string();
                    let mut body = vec![0, 1];
                    put_bytes(&mut body, value.as_bytes());
                    message(&mut self.out, b'D', &body);
                }
                format!("SELECT {rows}\0")
            }
            "INSERT" if self.rng.one_in(20) => {
                let error =
                    b"SERROR\0VERROR\0C23505\0Mduplicate key value violates unique constraint \"orders_pkey\"\0\0";
                message(&mut self.out, b'E', error);
                self.skipping = true;
                if self.transaction == b'T' {
                    self.transaction = b'E';
                }
                return;
            }
            "INSERT" => "INSERT 0 1\0".to_owned(),
            "UPDATE" => "UPDATE 1\0".to_owned(),
            other => format!("{other}\0"),
        };
        message(&mut self.out, b'C', tag.as_bytes());
    }

    fn ready(&mut self) -> io::Result<()> {
        message(&mut self.out, b'Z', &[self.transaction]);
        self.stream.get_mut().write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }
}

fn row_description(out: &mut Vec<u8>) {
    let mut body = vec![0, 1];
    body.extend_from_slice(b"value\0");
    // No table, no column; type text (25), any length, no modifier, text format.
    body.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0]);
    message(out, b'T', &body);
}

/// A connection to the server.
#[derive(Debug)]
pub(super) struct Client {
    stream: BufReader<TcpStream>,
    /// Texts prepared so far; their place is their name.
    prepared: Vec<String>,
}

impl Client {
    /// Connects and says who it is.
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut client = Self { stream: BufReader::new(stream), prepared: Vec::new() };
        let mut body = 196_608_u32.to_be_bytes().to_vec();
        body.extend_from_slice(b"user\0shop\0database\0shop\0application_name\0shop\0\0");
        let mut startup = length_of(body.len());
        startup.extend_from_slice(&body);
        client.stream.get_mut().write_all(&startup)?;
        client.until_ready()?;
        Ok(client)
    }

    /// A simple query; false when it was refused.
    pub(super) fn simple(&mut self, text: &str) -> io::Result<bool> {
        let mut out = Vec::new();
        message(&mut out, b'Q', format!("{text}\0").as_bytes());
        self.stream.get_mut().write_all(&out)?;
        self.until_ready()
    }

    /// A prepared statement, prepared when it is first used; false when it was refused.
    pub(super) fn execute(&mut self, text: &str, params: &[&str]) -> io::Result<bool> {
        let mut out = Vec::new();
        let number = match self.prepared.iter().position(|known| known == text) {
            Some(number) => number,
            None => {
                let number = self.prepared.len();
                message(&mut out, b'P', format!("s{number}\0{text}\0\0\0").as_bytes());
                self.prepared.push(text.to_owned());
                number
            }
        };
        let mut bind = format!("\0s{number}\0\0\0").into_bytes();
        bind.extend_from_slice(&u16::try_from(params.len()).unwrap_or(0).to_be_bytes());
        params.iter().for_each(|param| put_bytes(&mut bind, param.as_bytes()));
        bind.extend_from_slice(&[0, 0]);
        message(&mut out, b'B', &bind);
        message(&mut out, b'D', b"P\0");
        message(&mut out, b'E', b"\0\0\0\0\0");
        message(&mut out, b'S', b"");
        self.stream.get_mut().write_all(&out)?;
        self.until_ready()
    }

    fn until_ready(&mut self) -> io::Result<bool> {
        let mut fine = true;
        loop {
            match read_message(&mut self.stream)? {
                (b'Z', _) => return Ok(fine),
                (b'E', _) => fine = false,
                _ => {}
            }
        }
    }
}

fn message(out: &mut Vec<u8>, tag: u8, body: &[u8]) {
    out.push(tag);
    out.extend_from_slice(&length_of(body.len()));
    out.extend_from_slice(body);
}

/// The length word counts itself.
fn length_of(body: usize) -> Vec<u8> {
    u32::try_from(body + 4).unwrap_or(u32::MAX).to_be_bytes().to_vec()
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(0).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn read_length(stream: &mut impl Read) -> io::Result<usize> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length).saturating_sub(4).min(1 << 20);
    usize::try_from(length).map_err(io::Error::other)
}

fn read_message(stream: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut tag = [0];
    stream.read_exact(&mut tag)?;
    let mut body = vec![0; read_length(stream)?];
    stream.read_exact(&mut body)?;
    Ok((tag[0], body))
}
