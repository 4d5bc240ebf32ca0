//! What an exchange is, and its bytes.

use super::planted::Random;

/// One exchange, as bytes.
#[derive(Debug, Clone)]
pub(crate) struct Talk {
    /// Where its secret is.
    pub(crate) place: &'static str,
    /// Without masks it would be in a row.
    pub(crate) is_stored: bool,
    pub(crate) harmless: Vec<String>,
    pub(crate) server_port: u16,
    /// Turns: who speaks (true: the client), what, and how much of that is captured.
    pub(crate) turns: Vec<(bool, Vec<u8>, usize)>,
}

/// A message of HTTP.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    pub(crate) head: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    /// HTTP/1: sent in pieces of about that size.
    pub(crate) chunked: Option<usize>,
}

impl Message {
    pub(crate) fn field(&mut self, name: &str, value: impl Into<String>) {
        self.head.push((name.to_owned(), value.into()));
    }
}

/// A message of HTTP/1 behind its start line.
pub(crate) fn http1(random: &mut Random, start: &str, message: &Message) -> Vec<u8> {
    let mut out = format!("{start}\r\n").into_bytes();
    for (name, value) in &message.head {
        out.extend(format!("{name}: {value}\r\n").into_bytes());
    }
    let chunked = message.chunked.or_else(|| (!message.trailers.is_empty()).then_some(usize::MAX));
    let Some(size) = chunked else {
        out.extend(format!("content-length: {}\r\n\r\n", message.body.len()).into_bytes());
        out.extend(&message.body);
        return out;
    };
    out.extend(b"transfer-encoding: chunked\r\n\r\n");
    let mut rest = &message.body[..];
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(rest.len().min(1 + random.below(size.min(4_000))));
        out.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        out.extend(chunk);
        out.extend(b"\r\n");
        rest = after;
    }
    out.extend(b"0\r\n");
    for (name, value) in &message.trailers {
        out.extend(format!("{name}: {value}\r\n").into_bytes());
    }
    out.extend(b"\r\n");
    out
}

/// A message of HTTP/2 on stream 1 behind its pseudo-fields.
pub(crate) fn http2(pseudo: &[(&str, &str)], message: &Message) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in pseudo {
        field(&mut block, name, value);
    }
    for (name, value) in &message.head {
        field(&mut block, &name.to_lowercase(), value);
    }
    let ends = message.body.is_empty() && message.trailers.is_empty();
    let mut out = frame(1, if ends { 5 } else { 4 }, &block);
    let mut rest = &message.body[..];
    while !rest.is_empty() {
        let (part, after) = rest.split_at(rest.len().min(16_384));
        out.extend(frame(0, u8::from(after.is_empty() && message.trailers.is_empty()), part));
        rest = after;
    }
    if !message.trailers.is_empty() {
        let mut block = Vec::new();
        for (name, value) in &message.trailers {
            field(&mut block, &name.to_lowercase(), value);
        }
        out.extend(frame(1, 5, &block));
    }
    out
}

/// RFC 9113, 3.4 and 6.5.
pub(crate) fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), settings()].concat()
}

pub(crate) fn settings() -> Vec<u8> {
    vec![0, 0, 0, 4, 0, 0, 0, 0, 0]
}

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
}

/// RFC 7541, 6.2.2: a literal without indexing, with a new name.
fn field(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    for text in [name, value] {
        integer(block, text.len());
        block.extend(text.bytes());
    }
}

/// RFC 7541, 5.1 with a prefix of seven bits.
fn integer(block: &mut Vec<u8>, value: usize) {
    let Some(mut rest) = value.checked_sub(127) else {
        block.push(u8::try_from(value).unwrap());
        return;
    };
    block.push(127);
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap());
}

/// A message of PostgreSQL.
pub(crate) fn postgres(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag][..], &length.to_be_bytes(), body].concat()
}
