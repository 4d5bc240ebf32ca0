//! pcapng, as Wireshark writes it (draft-ietf-opsawg-pcapng): blocks of type, length, body and length again.
//!
//! Read by hand, for the reasons that `pcap` has. Interface statistics, custom and unknown blocks are passed over.

mod options;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use protocols::event::{SocketEvent, Timestamp};

use super::format::{Damage, Format, Queue};
use super::net::{Link, Network, Packet};
use super::pcap::unreadable;
use options::{Clock, Endian, option, options_of};

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const NAMES: u32 = 4;
const ENHANCED_PACKET: u32 = 6;
const SECRETS: u32 = 10;

/// `TLSK`: lines of an NSS key log.
const TLS_KEY_LOG: u32 = 0x544c_534b;

/// Longest block that is not damage.
const LONGEST: usize = 64 << 20;

/// Type, length, and length again.
const FRAME: usize = 12;

/// A capture file being read.
#[derive(Debug, Default)]
pub(super) struct PcapNg {
    network: Network,
    endian: Endian,
    /// A section header was read.
    begun: bool,
    interfaces: Vec<Interface>,
    /// Packets that could be looked into, and the first link type that could not.
    readable: u64,
    unreadable: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Interface {
    number: u32,
    link: Option<Link>,
    snap_length: u32,
    clock: Clock,
}

struct Block<'a> {
    kind: u32,
    body: &'a [u8],
    /// With type and both lengths.
    len: usize,
}

impl Format for PcapNg {
    fn decode(&mut self, input: &[u8], last: bool, out: &mut Queue) -> Result<usize, Damage> {
        let mut at = 0;
        loop {
            let rest = input.get(at..).unwrap_or_default();
            if rest.is_empty() && !last {
                return Ok(at);
            }
            if rest.is_empty() {
                return match self.unreadable {
                    Some(number) if self.readable == 0 => Err(unreadable(number, at)),
                    _ => Ok(at),
                };
            }
            let block = self.block(rest).map_err(|what| Damage::new(what, at))?;
            let Some(block) = block else {
                return if last { Err(Damage::new("the capture is cut inside a block", at)) } else { Ok(at) };
            };
            self.take(&block, out).map_err(|what| Damage::new(what, at))?;
            at += block.len;
        }
    }

    fn close(&mut self, out: &mut Queue) {
        self.network.close(out);
    }
}

impl PcapNg {
    /// With logged TLS secrets.
    pub(super) fn new(keys: Option<Arc<[u8]>>) -> Self {
        Self { network: Network::new(keys), ..Self::default() }
    }

    /// The block at the start of `input`; null when it is not whole yet.
    fn block<'a>(&mut self, input: &'a [u8]) -> Result<Option<Block<'a>>, String> {
        let Some((head, rest)) = input.split_first_chunk::<8>() else { return Ok(None) };
        let [t0, t1, t2, t3, l0, l1, l2, l3] = *head;
        if u32::from_be_bytes([t0, t1, t2, t3]) == SECTION {
            let Some(magic) = rest.first_chunk::<4>() else { return Ok(None) };
            self.endian = Endian::by_magic(*magic).ok_or("a section's byte-order magic is wrong")?;
            self.begun = true;
        } else if !self.begun {
            return Err("no section header at the start".to_owned());
        }
        let kind = self.endian.u32([t0, t1, t2, t3]);
        let len = self.endian.u32([l0, l1, l2, l3]) as usize;
        if !(FRAME..=LONGEST).contains(&len) {
            return Err(format!("a block of {len} bytes makes no sense"));
        }
        // Blocks end on multiples of 4; writers that forget it meant that all the same.
        let padded = len.next_multiple_of(4);
        let Some(whole) = input.get(..padded) else { return Ok(None) };
        let again = whole.last_chunk::<4>().map(|bytes| self.endian.u32(*bytes) as usize);
        if again != Some(len) {
            return Err("a block's two lengths differ".to_owned());
        }
        let body = whole.get(8..padded - 4).unwrap_or_default();
        Ok(Some(Block { kind, body, len: padded }))
    }

    fn take(&mut self, block: &Block<'_>, out: &mut Queue) -> Result<(), String> {
        let taken = match block.kind {
            SECTION => self.section(block.body),
            INTERFACE => self.interface(block.body),
            ENHANCED_PACKET => self.enhanced_packet(block.body, out),
            SIMPLE_PACKET => self.simple_packet(block.body, out),
            OBSOLETE_PACKET => self.obsolete_packet(block.body, out),
            SECRETS => self.secrets(block.body, out),
            NAMES => {
                self.names(block.body, out);
                Some(Ok(()))
            }
            _ => Some(Ok(())),
        };
        taken.unwrap_or_else(|| Err("a block is too short for what it is".to_owned()))
    }

    fn section(&mut self, body: &[u8]) -> Option<Result<(), String>> {
        let major = self.endian.u16(*body.get(4..)?.first_chunk()?);
        if major != 1 {
            return Some(Err(format!("pcapng of version {major}, where 1 is known")));
        }
        self.interfaces.clear();
        // shb_os: `Linux 6.1.0-13-amd64` from dumpcap and tcpdump alike.
        let system = options_of(self.endian, body.get(16..)?).find(|(code, _)| *code == option::SYSTEM);
        let release = system.and_then(|(_, text)| std::str::from_utf8(text).ok()?.strip_prefix("Linux "));
        if let Some(release) = release.and_then(|text| text.split_whitespace().next()) {
            self.network.kernel.get_or_insert_with(|| Arc::from(release));
        }
        Some(Ok(()))
    }

    fn interface(&mut self, body: &[u8]) -> Option<Result<(), String>> {
        let number = u32::from(self.endian.u16(*body.first_chunk()?));
        let snap_length = self.endian.u32(*body.get(4..)?.first_chunk()?);
        let clock = Clock::of(options_of(self.endian, body.get(8..)?), self.endian);
        self.interfaces.push(Interface { number, link: Link::of(number), snap_length, clock });
        Some(Ok(()))
    }

    fn enhanced_packet(&mut self, body: &[u8], out: &mut Queue) -> Option<Result<(), String>> {
        let interface = self.endian.u32(*body.first_chunk()?);
        self.timed_packet(interface, body, out)
    }

    /// The block that enhanced packets replaced: interface and count of drops share the first word.
    fn obsolete_packet(&mut self, body: &[u8], out: &mut Queue) -> Option<Result<(), String>> {
        let interface = u32::from(self.endian.u16(*body.first_chunk()?));
        self.timed_packet(interface, body, out)
    }

    fn timed_packet(&mut self, interface: u32, body: &[u8], out: &mut Queue) -> Option<Result<(), String>> {
        let word = |at: usize| Some(self.endian.u32(*body.get(at..)?.first_chunk()?));
        let ticks = u64::from(word(4)?) << 32 | u64::from(word(8)?);
        let (kept, original) = (word(12)?, word(16)?);
        let bytes = body.get(20..)?.get(..kept as usize)?;
        let Some(interface) = self.interfaces.get(interface as usize).copied() else {
            return Some(Err(format!("a packet of interface {interface}, which was not described")));
        };
        self.packet(interface, interface.clock.time(ticks), bytes, original, out);
        Some(Ok(()))
    }

    /// A packet of the first interface without a time: it gets that of the packet before it.
    fn simple_packet(&mut self, body: &[u8], out: &mut Queue) -> Option<Result<(), String>> {
        let original = self.endian.u32(*body.first_chunk()?);
        let Some(interface) = self.interfaces.first().copied() else {
            return Some(Err("a packet of interface 0, which was not described".to_owned()));
        };
        let limit = if interface.snap_length == 0 { u32::MAX } else { interface.snap_length };
        let rest = body.get(4..)?;
        let bytes = rest.get(..original.min(limit) as usize).unwrap_or(rest);
        self.packet(interface, self.network.now(), bytes, original, out);
        Some(Ok(()))
    }

    fn packet(&mut self, interface: Interface, time: Timestamp, bytes: &[u8], original: u32, out: &mut Queue) {
        let Some(link) = interface.link else {
            self.unreadable.get_or_insert(interface.number);
            return;
        };
        self.readable += 1;
        let original_len = (original as usize).max(bytes.len());
        self.network.packet(&Packet { time, link, bytes, original_len }, out);
    }

    fn secrets(&mut self, body: &[u8], out: &mut Queue) -> Option<Result<(), String>> {
        let kind = self.endian.u32(*body.first_chunk()?);
        let len = self.endian.u32(*body.get(4..)?.first_chunk()?);
        let log = body.get(8..)?.get(..len as usize)?;
        if kind == TLS_KEY_LOG {
            self.network.tell(|time| SocketEvent::Keys { time, log: Arc::from(log) }, out);
        }
        Some(Ok(()))
    }

    /// Addresses that the capturing program had resolved. Records that make no sense end the list.
    fn names(&mut self, body: &[u8], out: &mut Queue) {
        let mut names = Vec::new();
        for (kind, value) in options_of(self.endian, body) {
            let (address, text) = match kind {
                1 => value.split_first_chunk::<4>().map(|(ip, text)| (IpAddr::V4(Ipv4Addr::from(*ip)), text)).unzip(),
                2 => value.split_first_chunk::<16>().map(|(ip, text)| (IpAddr::V6(Ipv6Addr::from(*ip)), text)).unzip(),
                _ => (None, None),
            };
            let first = text.and_then(|text| text.split(|byte| *byte == 0).next());
            if let (Some(address), Some(Ok(name))) = (address, first.map(std::str::from_utf8)) {
                names.push((address.to_canonical(), Arc::from(name)));
            }
        }
        if !names.is_empty() {
            self.network.tell(|time| SocketEvent::Hosts { time, names }, out);
        }
    }
}
