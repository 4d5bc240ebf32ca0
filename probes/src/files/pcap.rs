//! pcap, as libpcap writes it (draft-ietf-opsawg-pcap): a header of 24 bytes, then 16 bytes and the packet, again and again.
//!
//! Read by hand rather than with a library: bytes come in as they are captured, and of a damaged file every packet before
//! the damage and its exact offset are wanted.

use std::sync::Arc;

use protocols::event::Timestamp;

use super::format::{Damage, Format, Queue};
use super::net::{Link, Network, Packet};

const HEADER: usize = 24;
const RECORD: usize = 16;

/// libpcap's own limit on the length of a packet; a file may have announced a larger one.
const LONGEST: u32 = 256 << 10;
/// … but not one that no interface has.
const ABSURD: u32 = 64 << 20;

/// A capture file being read.
#[derive(Debug)]
pub(super) struct Pcap {
    header: Option<Header>,
    network: Network,
}

#[derive(Debug, Clone, Copy)]
struct Header {
    big_endian: bool,
    /// Nanoseconds in the unit of the second time field.
    unit: u64,
    longest: u32,
    link: Link,
}

impl Pcap {
    /// With logged TLS secrets.
    pub(super) fn new(keys: Option<Arc<[u8]>>) -> Self {
        Self { header: None, network: Network::new(keys) }
    }
}

impl Format for Pcap {
    fn decode(&mut self, input: &[u8], last: bool, out: &mut Queue) -> Result<usize, Damage> {
        let mut at = 0;
        let header = match self.header {
            Some(header) => header,
            None => {
                let Some(bytes) = input.first_chunk() else {
                    return if last { Err(Damage::new("the capture is cut inside its header", 0)) } else { Ok(0) };
                };
                at = HEADER;
                *self.header.insert(Header::parse(bytes)?)
            }
        };
        loop {
            let rest = input.get(at..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(at);
            }
            let cut = || if last { Err(Damage::new("the capture is cut inside a packet", at)) } else { Ok(at) };
            let Some((record, rest)) = rest.split_first_chunk::<RECORD>() else { return cut() };
            let [seconds, fraction, kept, original] = header.words(record);
            if kept > header.longest {
                return Err(Damage::new(format!("a packet of {kept} bytes makes no sense"), at));
            }
            let Some(bytes) = rest.get(..kept as usize) else { return cut() };
            let time = u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * header.unit;
            // Some writers leave the original length at 0.
            let original_len = original.max(kept) as usize;
            self.network.packet(&Packet { time: Timestamp(time), link: header.link, bytes, original_len }, out);
            at += RECORD + bytes.len();
        }
    }

    fn close(&mut self, out: &mut Queue) {
        self.network.close(out);
    }
}

impl Header {
    fn parse(bytes: &[u8; HEADER]) -> Result<Self, Damage> {
        let [m0, m1, m2, m3, v0, v1, _, _, _, _, _, _, _, _, _, _, s0, s1, s2, s3, l0, l1, l2, l3] = *bytes;
        let (big_endian, unit) = match [m0, m1, m2, m3] {
            [0xd4, 0xc3, 0xb2, 0xa1] => (false, 1000),
            [0xa1, 0xb2, 0xc3, 0xd4] => (true, 1000),
            [0x4d, 0x3c, 0xb2, 0xa1] => (false, 1),
            [0xa1, 0xb2, 0x3c, 0x4d] => (true, 1),
            _ => return Err(Damage::new("no pcap", 0)),
        };
        let word = |bytes| if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
        let version = if big_endian { u16::from_be_bytes([v0, v1]) } else { u16::from_le_bytes([v0, v1]) };
        if version != 2 {
            return Err(Damage::new(format!("pcap of version {version}, where 2 is known"), 4));
        }
        let number = word([l0, l1, l2, l3]);
        let link = Link::of(number).ok_or_else(|| unreadable(number & 0xffff, 20))?;
        let longest = word([s0, s1, s2, s3]).clamp(LONGEST, ABSURD);
        Ok(Self { big_endian, unit, longest, link })
    }

    fn words(&self, record: &[u8; RECORD]) -> [u32; 4] {
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(record.as_chunks::<4>().0) {
            *word = if self.big_endian { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) };
        }
        words
    }
}

/// A capture of something that carries no IP that can be reached.
pub(super) fn unreadable(link: u32, at: usize) -> Damage {
    let name = match link {
        105 | 119 | 127 | 163 => "of radio frames (IEEE 802.11)",
        147..=162 => "of a private format",
        187 | 201 | 251 | 254 | 256 => "of Bluetooth",
        189 | 220 | 249 => "of USB",
        195 | 215 | 230 => "of IEEE 802.15.4",
        227 => "of a CAN bus",
        252 => "of exported messages instead of packets",
        _ => "of something else",
    };
    Damage {
        what: format!("a capture {name} (link type {link})"),
        at,
        advice: Some(
            "explore reads Ethernet, Linux cooked, raw IP, loopback, PPP, FDDI and netfilter log captures".to_owned(),
        ),
    }
}
