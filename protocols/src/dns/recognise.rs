//! Telling DNS from anything else, on any port, by content.
//!
//! A message has no magic number, but little freedom: a sane header, names that parse, and records that end exactly with
//! the message. Random bytes pass the header test once in some ten thousand times, and the rest hardly ever.

use super::message::{Extent, HEADER_LEN, Header, Message};
use super::registry::{ANY, CLASS_IN};
use super::wire::Fault;
use crate::session::{Glimpse, Guess};

/// DNS, multicast DNS, LLMNR.
const PORTS: [u16; 3] = [53, 5353, 5355];

/// NetBIOS name service: DNS's format with other names and types (RFC 1002, 4.2).
const NETBIOS: u16 = 137;

/// What a datagram is.
pub(super) fn datagram(glimpse: &Glimpse<'_>) -> Guess {
    if on_port(glimpse, &[NETBIOS]) {
        return Guess::No;
    }
    match whole(glimpse.bytes, glimpse.complete, on_dns_port(glimpse)) {
        Likeness::Yes { response } => guess(response),
        Likeness::No | Likeness::Perhaps => Guess::No,
    }
}

/// What a stream is: a length, then a message. Joined midstream it may begin inside one.
pub(super) fn stream(glimpse: &Glimpse<'_>) -> Guess {
    match frame(glimpse.bytes, on_dns_port(glimpse)) {
        Likeness::Yes { response } => return guess(response),
        Likeness::Perhaps if !glimpse.complete => return Guess::Maybe,
        _ => {}
    }
    if !glimpse.midstream {
        return Guess::No;
    }
    match boundary(glimpse.bytes, 1) {
        Some((_, Likeness::Yes { response })) => guess(response),
        Some((_, Likeness::Perhaps)) if !glimpse.complete && on_dns_port(glimpse) => Guess::Maybe,
        _ => Guess::No,
    }
}

/// How much bytes look like DNS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    /// Not at all.
    No,
    /// So far, but too few have come to tell.
    Perhaps,
    /// A message.
    Yes {
        /// QR.
        response: bool,
    },
}

/// Offset, not before `from`, of the first frame in `bytes` that is one for certain, or that may be one and is not all
/// there; null if there is none.
pub(super) fn boundary(bytes: &[u8], from: usize) -> Option<(usize, Likeness)> {
    (from..bytes.len()).find_map(|at| {
        let bytes = bytes.get(at..).unwrap_or_default();
        match frame(bytes, false) {
            Likeness::No => None,
            Likeness::Yes { .. } if framed(bytes).is_none() => Some((at, Likeness::Perhaps)),
            likeness => Some((at, likeness)),
        }
    })
}

/// Whether `bytes` begin with a length and a message.
fn frame(bytes: &[u8], dns_port: bool) -> Likeness {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return Likeness::Perhaps };
    if usize::from(u16::from_be_bytes(*length)) < HEADER_LEN {
        return Likeness::No;
    }
    framed(bytes).map_or_else(|| cut(rest, dns_port), |message| whole(message, true, dns_port))
}

/// The message behind a length, if all of it is there.
fn framed(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)))
}

/// A message of which every byte is there (`complete`), or may be missing at the end.
fn whole(bytes: &[u8], complete: bool, dns_port: bool) -> Likeness {
    if !complete {
        return cut(bytes, dns_port);
    }
    if !Header::parse(bytes).is_ok_and(|header| plausible(&header, dns_port)) {
        return Likeness::No;
    }
    match Message::parse(bytes) {
        Ok(message) if message.extent == Extent::Whole && known(&message, dns_port) => {
            Likeness::Yes { response: message.header.response }
        }
        // Some servers pad; a snap length may cut.
        Ok(message) if dns_port && message.extent != Extent::Damaged => {
            Likeness::Yes { response: message.header.response }
        }
        _ => Likeness::No,
    }
}

/// The beginning of a message.
fn cut(bytes: &[u8], dns_port: bool) -> Likeness {
    match Header::parse(bytes) {
        Err(_) => return Likeness::Perhaps,
        Ok(header) if !plausible(&header, dns_port) => return Likeness::No,
        Ok(_) => {}
    }
    match Message::parse(bytes) {
        Err(Fault::Short) => Likeness::Perhaps,
        Err(Fault::Invalid) => Likeness::No,
        Ok(message) if message.extent == Extent::Damaged || !known(&message, dns_port) => Likeness::No,
        // A question is enough on the usual ports; elsewhere an answer must have been read too.
        Ok(message) if dns_port || !message.answers.is_empty() => Likeness::Yes { response: message.header.response },
        Ok(_) => Likeness::Perhaps,
    }
}

/// A header that a client or server would send. On the usual ports anything goes of which the rest makes sense.
fn plausible(header: &Header, dns_port: bool) -> bool {
    if dns_port {
        return true;
    }
    let [questions, answers, authority, additional] = header.counts;
    let asks = !header.response;
    match header.opcode {
        // UPDATE has other sections, in any number.
        5 => return !header.reserved && questions == 1 && (!asks || header.rcode == 0),
        // QUERY, STATUS, NOTIFY
        0 | 2 | 4 => {}
        _ => return false,
    }
    if header.reserved || (asks && (header.rcode != 0 || (header.authoritative && header.opcode == 0))) {
        return false;
    }
    if asks {
        // An IXFR query has a SOA as authority, NOTIFY one as answer, EDNS and TSIG are additional.
        questions == 1 && answers <= 1 && authority <= 1 && additional <= 3
    } else {
        let few = [answers, authority, additional].iter().all(|count| *count <= 512);
        few && questions <= 1 && (questions == 1 || answers > 0)
    }
}

/// Off the usual ports only what is asked in practice: class IN (or ANY), one of the types that are in use.
fn known(message: &Message<'_>, dns_port: bool) -> bool {
    if dns_port {
        return true;
    }
    let class = |class| class == CLASS_IN || class == ANY || class == 3 || class == 254;
    let questions = message.questions.iter().all(|question| class(question.class) && question.rtype <= 300);
    let answers = message.answers.iter().all(|answer| class(answer.class));
    // Without a question the answers alone must carry the proof.
    questions && answers && (!message.questions.is_empty() || !message.answers.is_empty())
}

fn on_dns_port(glimpse: &Glimpse<'_>) -> bool {
    on_port(glimpse, &PORTS)
}

fn on_port(glimpse: &Glimpse<'_>, ports: &[u16]) -> bool {
    [glimpse.source_port, glimpse.destination_port].iter().flatten().any(|port| ports.contains(port))
}

fn guess(response: bool) -> Guess {
    if response { Guess::Response } else { Guess::Request }
}
