//! One handshake, from what its messages say to its row.

use super::certificate;
use super::frame::Frame;
use super::hello::{ClientHello, ServerHello, chosen_protocol};
use super::names;
use crate::event::{Direction, Timestamp};
use crate::record::{Record, Tls};
use crate::session::{Begin, Description, Exchange, Sink, Timing};

/// A handshake under way.
#[derive(Debug)]
pub(super) struct Handshake {
    id: u64,
    /// Which way the client's bytes go.
    pub(super) client: Direction,
    record: Tls,
    timing: Timing,
    /// A certificate, key exchange or ServerHelloDone was seen: it is no abbreviated handshake.
    full: bool,
    /// Its first byte was not seen.
    headless: bool,
    /// By whom a Finished (or the record that must hold it) was sent.
    finished: [Option<Timestamp>; 2],
    /// When a ChangeCipherSpec that means something went by.
    changed: [Option<Timestamp>; 2],
    server_hello: Option<ServerHello>,
}

impl Handshake {
    /// Begins with the record that holds the first hello.
    pub(super) fn begin(frame: &Frame, client: Direction, sink: &mut Sink<'_>) -> Self {
        let id = sink.begin(Begin {
            mark: frame.first,
            asked: frame.direction == client,
            direction: client,
            position: frame.position,
            protocol: "tls",
            peer: None,
        });
        let headless = frame.direction != client;
        Self {
            id,
            client,
            record: Tls::default(),
            timing: Timing { request_start: frame.first.time, ..Timing::default() },
            full: false,
            headless,
            finished: [None; 2],
            changed: [None; 2],
            server_hello: None,
        }
    }

    pub(super) fn is_tls13(&self) -> bool {
        self.server_hello.as_ref().is_some_and(|hello| names::version(hello.version) == Some("1.3"))
    }

    /// The ServerHello that counts: no HelloRetryRequest.
    pub(super) fn server_hello(&self) -> Option<&ServerHello> {
        self.server_hello.as_ref().filter(|hello| !hello.retry)
    }

    pub(super) fn client_hello(&mut self, hello: Option<ClientHello>, frame: &Frame, sink: &mut Sink<'_>) {
        self.timing.request_end = Some(frame.last.time);
        self.record.sni = hello.and_then(|hello| hello.sni);
        let summary = self.record.sni.as_ref().map_or_else(|| "TLS".to_owned(), |sni| format!("TLS {sni}"));
        sink.describe(self.id, Description { summary: Some(summary), ..Description::default() });
    }

    pub(super) fn take_server_hello(&mut self, hello: ServerHello) {
        self.record.version = names::version(hello.version).map(str::to_owned);
        self.record.cipher = Some(names::cipher(hello.cipher));
        self.record.alpn.clone_from(&hello.alpn);
        if names::version(hello.version) == Some("1.3") && !hello.retry {
            self.record.resumed = Some(hello.psk);
        }
        self.server_hello = Some(hello);
    }

    /// A message of the server after its hello.
    pub(super) fn server_message(&mut self, kind: u8, body: &[u8]) {
        match kind {
            8 => self.record.alpn = chosen_protocol(body),
            11 => certificate::read(body, self.is_tls13(), &mut self.record),
            _ => {}
        }
        // Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone.
        self.full |= matches!(kind, 11..=14) && !self.is_tls13();
    }

    /// A record of this handshake went by.
    pub(super) fn note(&mut self, frame: &Frame) {
        self.record.common.truncated |= frame.cut;
        self.record.common.gap |= frame.lost;
        if frame.direction != self.client && !self.headless {
            self.timing.response_start.get_or_insert(frame.first.time);
            self.timing.response_end = Some(frame.last.time);
        }
    }

    /// Records are missing.
    pub(super) fn torn(&mut self, lost: bool) {
        self.record.common.truncated |= !lost;
        self.record.common.gap |= lost;
    }

    /// ChangeCipherSpec up to TLS 1.2.
    pub(super) fn change_cipher_spec(&mut self, from: Direction, time: Timestamp) {
        if !self.is_tls13() {
            let [client, server] = &mut self.changed;
            *if from == self.client { client } else { server } = Some(time);
        }
        let whole = !self.record.common.gap && !self.record.common.truncated;
        if from != self.client && !self.is_tls13() && self.server_hello.is_some() && (self.full || whole) {
            self.record.resumed = Some(!self.full);
        }
    }

    /// A Finished went by. Returns whether the handshake is complete.
    pub(super) fn finished(&mut self, from: Direction, time: Timestamp) -> bool {
        let [client, server] = &mut self.finished;
        let side = if from == self.client { client } else { server };
        side.get_or_insert(time);
        self.finished.iter().all(Option::is_some)
    }

    /// The kernel encrypts from here on. A Finished that it has encrypted was sent together with the ChangeCipherSpec before
    /// it. Returns whether the handshake is complete.
    pub(super) fn sealed(&mut self) -> bool {
        for (finished, changed) in self.finished.iter_mut().zip(self.changed) {
            *finished = finished.or(changed);
        }
        self.finished.iter().all(Option::is_some)
    }

    /// Plaintext is read with logged keys.
    pub(super) fn decrypted(&mut self) {
        self.record.decrypted = true;
        self.record.reason = None;
    }

    /// Keys are there, but of no use.
    pub(super) fn not_decrypted(&mut self, reason: &str) {
        if !self.record.decrypted {
            self.record.reason = Some(reason.to_owned());
        }
    }

    /// Gives out the row of a handshake that is complete.
    pub(super) fn complete(mut self, sink: &mut Sink<'_>) {
        let end = self.finished.into_iter().flatten().max();
        if !self.headless {
            self.record.handshake = end.map(|end| end.since(self.timing.request_start));
            self.timing.response_end = end.or(self.timing.response_end);
        }
        self.give_out(false, sink);
    }

    /// Gives out the row of a handshake that a fatal alert has ended.
    pub(super) fn alerted(mut self, code: u8, sink: &mut Sink<'_>) {
        self.record.alert = Some(names::alert(code));
        self.give_out(false, sink);
    }

    /// Gives out the row of a handshake that nothing more is heard of.
    pub(super) fn cut_short(self, sink: &mut Sink<'_>) {
        self.give_out(true, sink);
    }

    fn give_out(self, cut_short: bool, sink: &mut Sink<'_>) {
        let Self { id, timing, record, .. } = self;
        sink.finish(Exchange { id, timing, cut_short, record: Record::Tls(Box::new(record)) });
    }
}
