//! Whether bytes are PostgreSQL's: content first, port second.

use super::wire::{self, Chain, Opening, Side};
use crate::event::Transport;
use crate::session::{Glimpse, Guess};

/// The port that IANA has registered for PostgreSQL.
const PORT: u16 = 5432;
/// pgbouncer's customary port.
const POOLER_PORT: u16 = 6432;

/// Judges the first bytes of one direction.
pub(super) fn recognise(glimpse: &Glimpse<'_>) -> Guess {
    let Glimpse { bytes, complete, .. } = *glimpse;
    if glimpse.transport == Transport::Udp || bytes.is_empty() {
        return Guess::No;
    }
    match wire::opening(bytes) {
        Ok(Some((Opening::Startup, length))) => return startup(bytes, length),
        Ok(Some(_)) => return Guess::Request,
        Ok(None) if !complete => return Guess::Maybe,
        _ => {}
    }
    // The answer to a request for encryption, seen alone: one byte says nothing yet.
    let is_port = |port: Option<u16>| matches!(port, Some(PORT | POOLER_PORT));
    let from_server = is_port(glimpse.source_port);
    let to_server = is_port(glimpse.destination_port);
    let request = wire::chain(Side::Frontend, bytes, complete, false);
    let response = wire::chain(Side::Backend, bytes, complete, false);
    match (request, response) {
        (Chain::Yes, Chain::Yes) if from_server && !to_server => Guess::Response,
        (Chain::Yes, _) => Guess::Request,
        (_, Chain::Yes) => Guess::Response,
        _ if ends_in_ready(bytes) => Guess::Response,
        (Chain::More, _) if to_server && plausible(Side::Frontend, bytes) => Guess::Request,
        (_, Chain::More) if from_server && plausible(Side::Backend, bytes) => Guess::Response,
        (Chain::More, _) | (_, Chain::More) => Guess::Maybe,
        (Chain::No, Chain::No) => Guess::No,
    }
}

fn startup(bytes: &[u8], length: u32) -> Guess {
    // "user: … Required; there is no default." The names before their values, each ended by a NUL.
    let body = bytes.get(8..length as usize).or_else(|| bytes.get(8..)).unwrap_or_default();
    let names_follow = body.iter().take(16).all(|byte| *byte == 0 || byte.is_ascii_graphic() || *byte == b' ');
    if names_follow { Guess::Request } else { Guess::No }
}

/// A message header that the port makes believable, although its body is not all there.
fn plausible(side: Side, bytes: &[u8]) -> bool {
    wire::header(bytes).is_some_and(|(tag, length)| wire::is_plausible(side, tag, length))
}

/// A long result seen from its middle: it ends in CommandComplete and ReadyForQuery.
fn ends_in_ready(bytes: &[u8]) -> bool {
    let Some((head, ready)) = bytes.split_last_chunk::<6>() else { return false };
    let [b'Z', 0, 0, 0, 5, b'I' | b'T' | b'E'] = ready else { return false };
    // The tag before it is no longer than `COMMIT PREPARED` or a verb and a count.
    let from = head.len().saturating_sub(48);
    let tail = head.get(from..).unwrap_or_default();
    (0..tail.len()).any(|at| {
        let message = tail.get(at..).unwrap_or_default();
        wire::header(message).is_some_and(|(tag, length)| {
            tag == b'C'
                && (length as usize).saturating_add(1) == message.len()
                && wire::fit(Side::Backend, tag, length, message.get(wire::HEADER..).unwrap_or_default())
                    == wire::Fit::Strong
        })
    })
}
