//! As much of HTTP/1.1 as the demo's parts need among themselves.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

/// A request or response.
#[derive(Debug, Clone, Default)]
pub(super) struct Message {
    /// First line.
    pub(super) line: String,
    /// Header fields.
    pub(super) headers: Vec<(String, String)>,
    /// Body.
    pub(super) body: Vec<u8>,
}

impl Message {
    /// The value of a header field.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The word of the first line at `index`.
    pub(super) fn word(&self, index: usize) -> &str {
        self.line.split(' ').nth(index).unwrap_or_default()
    }

    /// The status of a response.
    pub(super) fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or(0)
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) media: &'static str,
    pub(super) body: String,
}

impl Answer {
    /// JSON.
    pub(super) fn json(status: u16, body: impl Into<String>) -> Self {
        Self { status, media: "application/json", body: body.into() }
    }
}

/// Listens on an ephemeral port of an address of loopback.
pub(super) fn listen(address: Ipv4Addr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((address, 0))?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// One end of a connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Around an accepted stream.
    pub(super) fn new(stream: TcpStream) -> Self {
        let _slower = stream.set_nodelay(true);
        Self { stream: BufReader::new(stream) }
    }

    /// A connection to `address`.
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        TcpStream::connect(address).map(Self::new)
    }

    /// Reads one message; null when the other end has closed.
    pub(super) fn read(&mut self) -> io::Result<Option<Message>> {
        let mut message = Message::default();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            let line = line.trim_end();
            match (message.line.is_empty(), line.split_once(':')) {
                (true, _) => message.line = line.to_owned(),
                (false, Some((name, value))) => message.headers.push((name.to_owned(), value.trim().to_owned())),
                (false, None) => break,
            }
        }
        let length: usize = message.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        message.body = vec![0; length.min(1 << 20)];
        self.stream.read_exact(&mut message.body)?;
        Ok(Some(message))
    }

    /// Sends a request and waits for its answer.
    pub(super) fn ask(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Message> {
        let mut text = format!("{method} {target} HTTP/1.1\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            text.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(body);
        self.stream.get_mut().write_all(text.as_bytes())?;
        self.read()?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
    }

    /// Sends an answer.
    pub(super) fn answer(&mut self, answer: &Answer) -> io::Result<()> {
        let reason = match answer.status {
            200 => "OK",
            201 => "Created",
            404 => "Not Found",
            409 => "Conflict",
            500 => "Internal Server Error",
            503 => "Service Unavailable",
            _ => "",
        };
        let text = format!(
            "HTTP/1.1 {} {reason}\r\nServer: shop/1.0\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n{}",
            answer.status,
            answer.media,
            answer.body.len(),
            answer.body
        );
        self.stream.get_mut().write_all(text.as_bytes())
    }
}

/// Serves every connection on a thread of its own; `make` gives each its handler.
pub(super) fn serve<H>(listener: &TcpListener, mut make: impl FnMut(u64) -> H) -> io::Result<()>
where
    H: FnMut(&Message) -> Answer + Send + 'static,
{
    let mut number = 0;
    loop {
        let (stream, _) = listener.accept()?;
        number += 1;
        let mut handler = make(number);
        std::thread::spawn(move || {
            let mut connection = Connection::new(stream);
            while let Ok(Some(request)) = connection.read() {
                if connection.answer(&handler(&request)).is_err() {
                    return;
                }
            }
        });
    }
}
