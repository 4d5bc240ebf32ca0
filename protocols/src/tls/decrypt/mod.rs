//! Opening records with logged secrets.
//!
//! Pure: key material and records in, plaintext out. Each direction has its own keys and counts its own records; every
//! record is authenticated, so that a wrong key or number gives nothing rather than noise (but see `cipher` on CBC).

use super::frame::{APPLICATION_DATA, Frame, Header};
use super::hello::ServerHello;
use super::names;
use crate::keys::KeyLog;

mod block;
mod cipher;
mod kdf;
mod opener;
mod suite;

use kdf::Hash;
use opener::Opener;
use suite::Suite;

/// After a hole of unknown length: how many record numbers are tried.
const MOST_LOST_RECORDS: u64 = 128;

/// Who sent a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    Client,
    Server,
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Opened {
    /// It was not encrypted.
    Clear,
    /// What was in it.
    Plain { content_type: u8, bytes: Vec<u8> },
    /// No secret that might open it has been logged so far.
    NoKey,
    /// It was not all there; about so many bytes were in it.
    Cut(u64),
    /// No key opens it.
    Failed,
    /// What this program cannot decrypt.
    Unsupported(String),
}

/// Opens the records of one connection.
#[derive(Debug)]
pub(super) struct Decrypter {
    keys: KeyLog,
    client_random: Option<[u8; 32]>,
    /// A secret was found for it.
    known: bool,
    server: Option<ServerHello>,
    sides: [Side; 2],
}

/// One sender's state.
#[derive(Debug, Default)]
struct Side {
    /// Up to TLS 1.2: ChangeCipherSpec was sent.
    changed: bool,
    /// TLS 1.3: index into [`EPOCHS`].
    epoch: usize,
    opener: Option<Opener>,
    /// Records may be missing before the next one.
    torn: bool,
}

/// Labels of the secrets that a client's, a server's records are encrypted with, in order (RFC 8446, 7.1).
const EPOCHS: [[Option<&str>; 2]; 3] = [
    [Some("CLIENT_EARLY_TRAFFIC_SECRET"), None],
    [Some("CLIENT_HANDSHAKE_TRAFFIC_SECRET"), Some("SERVER_HANDSHAKE_TRAFFIC_SECRET")],
    [Some("CLIENT_TRAFFIC_SECRET_0"), Some("SERVER_TRAFFIC_SECRET_0")],
];
const APPLICATION: usize = 2;

impl Decrypter {
    pub(super) fn new(keys: KeyLog) -> Self {
        Self { keys, client_random: None, known: false, server: None, sides: [Side::default(), Side::default()] }
    }

    pub(super) fn client_hello(&mut self, random: [u8; 32]) {
        self.client_random = Some(random);
        self.known = false;
    }

    pub(super) fn server_hello(&mut self, hello: &ServerHello) {
        if !hello.retry {
            self.server = Some(hello.clone());
        }
    }

    /// Up to TLS 1.2: the sender's next record is encrypted with new keys.
    pub(super) fn change_cipher_spec(&mut self, sender: Sender) {
        // In TLS 1.3 it means nothing, and may come before the ServerHello (RFC 8446, D.4).
        if self.server.is_some() && !self.is_tls13() {
            *self.side(sender) = Side { changed: true, ..Side::default() };
        }
    }

    /// TLS 1.3: the sender's next record is encrypted with its application keys.
    pub(super) fn finished(&mut self, sender: Sender) {
        if self.is_tls13() && self.side(sender).epoch < APPLICATION {
            let side = self.side(sender);
            side.epoch = APPLICATION;
            side.opener = None;
        }
    }

    /// TLS 1.3: the sender's next record is encrypted with the next keys (RFC 8446, 7.2).
    pub(super) fn key_update(&mut self, sender: Sender) {
        let side = self.side(sender);
        if let Some(next) = side.opener.as_ref().and_then(Opener::next) {
            side.opener = Some(next);
        }
    }

    /// Records of the sender may have been lost.
    pub(super) fn torn(&mut self, sender: Sender) {
        self.side(sender).torn = true;
    }

    /// Whether a record is encrypted, as far as its outside tells.
    pub(super) fn is_protected(&self, sender: Sender, header: &Header) -> bool {
        let [client, server] = &self.sides;
        let side = if sender == Sender::Client { client } else { server };
        side.changed || header.content_type == APPLICATION_DATA
    }

    /// Whether a secret of this connection has been logged.
    pub(super) fn has_keys(&mut self) -> bool {
        let mut labels = EPOCHS.iter().flatten().flatten().copied().chain(["CLIENT_RANDOM"]);
        self.known = self.known || labels.any(|label| self.secret(label).is_some());
        self.known
    }

    /// Opens a record.
    pub(super) fn open(&mut self, sender: Sender, frame: &Frame) -> Opened {
        let Some(header) = frame.header.filter(|header| self.is_protected(sender, header)) else {
            return Opened::Clear;
        };
        let Some(server) = &self.server else { return Opened::NoKey };
        let suite = match Suite::of(server) {
            Ok(suite) => suite,
            Err(reason) => return Opened::Unsupported(reason),
        };
        if self.is_tls13() {
            self.open13(sender, frame, header, suite)
        } else {
            self.open12(sender, frame, header, suite)
        }
    }

    fn open12(&mut self, sender: Sender, frame: &Frame, header: Header, suite: Suite) -> Opened {
        if self.side(sender).opener.is_none() {
            let (Some(client), Some(server)) = (self.client_random, &self.server) else { return Opened::NoKey };
            let Some(master) = self.secret("CLIENT_RANDOM") else { return Opened::NoKey };
            let opener = Opener::tls12(suite, &master, &client, &server.random, sender);
            self.side(sender).opener = opener;
        }
        let side = self.side(sender);
        let torn = side.torn;
        let Some(opener) = &mut side.opener else { return Opened::Failed };
        if !frame.is_whole() {
            opener.skip();
            return Opened::Cut(opener.content_len(header));
        }
        let opened = attempt(opener, header, &frame.payload, torn);
        side.torn &= opened.is_none();
        opened.map_or(Opened::Failed, |(content_type, bytes)| Opened::Plain { content_type, bytes })
    }

    fn open13(&mut self, sender: Sender, frame: &Frame, header: Header, suite: Suite) -> Opened {
        let mut known = false;
        for epoch in self.side(sender).epoch..EPOCHS.len() {
            let fresh = match (epoch == self.side(sender).epoch, &self.side(sender).opener) {
                (true, Some(_)) => None,
                _ => match self.epoch_opener(sender, epoch, suite) {
                    Some(opener) => Some(opener),
                    None => continue,
                },
            };
            known = true;
            let side = self.side(sender);
            let torn = side.torn;
            if let Some(fresh) = fresh {
                let mut fresh = fresh;
                if !frame.is_whole() {
                    side.torn = true;
                    continue;
                }
                if let Some((content_type, bytes)) = attempt(&mut fresh, header, &frame.payload, torn) {
                    (side.epoch, side.opener, side.torn) = (epoch, Some(fresh), false);
                    return Opened::Plain { content_type, bytes };
                }
            } else if let Some(opener) = &mut side.opener {
                if !frame.is_whole() {
                    opener.skip();
                    let len = if epoch == APPLICATION { opener.content_len(header) } else { 0 };
                    return Opened::Cut(len);
                }
                if let Some((content_type, bytes)) = attempt(opener, header, &frame.payload, torn) {
                    side.torn = false;
                    return Opened::Plain { content_type, bytes };
                }
                // The KeyUpdate may have been among what is missing.
                if torn
                    && let Some(mut next) = opener.next()
                    && let Some((content_type, bytes)) = attempt(&mut next, header, &frame.payload, torn)
                {
                    (side.opener, side.torn) = (Some(next), false);
                    return Opened::Plain { content_type, bytes };
                }
            }
        }
        if known { Opened::Failed } else { Opened::NoKey }
    }

    fn epoch_opener(&self, sender: Sender, epoch: usize, suite: Suite) -> Option<Opener> {
        let [client, server] = EPOCHS.get(epoch)?;
        let label = if sender == Sender::Client { client } else { server };
        Opener::tls13(suite, self.secret((*label)?)?)
    }

    fn secret(&self, label: &str) -> Option<Vec<u8>> {
        self.keys.secret(&self.client_random?, label)
    }

    fn is_tls13(&self) -> bool {
        self.server.as_ref().is_some_and(|hello| names::version(hello.version) == Some("1.3"))
    }

    fn side(&mut self, sender: Sender) -> &mut Side {
        let [client, server] = &mut self.sides;
        if sender == Sender::Client { client } else { server }
    }
}

/// Tries the next record number, and where records may be missing those after it.
fn attempt(opener: &mut Opener, header: Header, payload: &[u8], torn: bool) -> Option<(u8, Vec<u8>)> {
    let more = if torn { MOST_LOST_RECORDS } else { 0 };
    (0..=more).find_map(|skipped| opener.open(skipped, header, payload))
}
