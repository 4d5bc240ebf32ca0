//! gRPC-Web: messages as in gRPC, in plain HTTP bodies, with the trailers as a last frame of the body. In the `-text`
//! form, all of it in base64, of which each chunk may be padded by itself.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::{Call, Messages};
use crate::record::{Grpc, Header, Http};

/// One body of a gRPC-Web exchange, in whatever pieces it comes.
#[derive(Debug, Clone, Default)]
pub struct Body {
    messages: Messages,
    is_text: bool,
    /// Base64 digits that make no whole group yet.
    digits: Vec<u8>,
}

impl Body {
    /// For a body of this media type.
    #[must_use]
    pub fn new(content_type: &str) -> Self {
        let name = content_type.split([';', '+']).next().unwrap_or_default().trim();
        let is_text = name.eq_ignore_ascii_case("application/grpc-web-text");
        Self { is_text, ..Self::default() }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.is_text {
            self.messages.push(bytes);
            return;
        }
        for byte in bytes.iter().filter(|byte| !byte.is_ascii_whitespace()) {
            if *byte == b'=' {
                self.decode();
            } else {
                self.digits.push(*byte);
                if self.digits.len() == 4 {
                    self.decode();
                }
            }
        }
    }

    /// That many bytes are not there.
    pub fn hole(&mut self, length: u64) {
        // In base64 the padding, and so the number of bytes, is not known.
        if self.is_text { self.messages.lose() } else { self.messages.hole(length) }
    }

    /// The messages in it.
    #[must_use]
    pub fn messages(&self) -> &Messages {
        &self.messages
    }

    fn decode(&mut self) {
        if !self.digits.is_empty() {
            match STANDARD_NO_PAD.decode(&self.digits) {
                Ok(bytes) => self.messages.push(&bytes),
                Err(_) => self.messages.lose(),
            }
            self.digits.clear();
        }
    }
}

/// The call that this exchange of media type `application/grpc-web…` carries. Bodies are null where none was seen.
#[must_use]
pub fn call(http: Http, request: Option<&Body>, response: Option<&Body>) -> Grpc {
    let messages = response.map(Body::messages);
    let call = Call {
        path: http.path,
        host: http.host,
        http_status: http.status,
        req_headers: http.req_headers,
        resp_headers: http.resp_headers,
        resp_trailers: messages.and_then(Messages::trailers).map(trailers),
        request: request.map(Body::messages),
        response: messages,
        req_bytes: http.req_bytes,
        resp_bytes: http.resp_bytes,
        stream: http.stream,
    };
    Grpc { common: http.common, ..call.into_record() }
}

/// `name: value` lines, ended as in HTTP/1 (or by LF alone).
fn trailers(block: &[u8]) -> Vec<Header> {
    let text = String::from_utf8_lossy(block);
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some(Header { name: Some(Arc::from(name.trim().to_ascii_lowercase())), value: Some(Arc::from(value.trim())) })
    };
    text.lines().filter_map(field).collect()
}
