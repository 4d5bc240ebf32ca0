//! IPv4 and IPv6: addresses, the payload, whether it is a fragment, and other IP packets inside.
//!
//! Packets may be cut (by a snap length) anywhere, so that every length here is one of two: what was kept, and what was.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Protocol numbers (IANA, "Assigned Internet Protocol Numbers").
pub(super) mod protocol {
    pub(in super::super) const IPV4: u8 = 4;
    pub(in super::super) const TCP: u8 = 6;
    pub(in super::super) const UDP: u8 = 17;
    pub(in super::super) const IPV6: u8 = 41;
    pub(in super::super) const GRE: u8 = 47;
    pub(in super::super) const FRAGMENT: u8 = 44;
    pub(in super::super) const AUTHENTICATION: u8 = 51;
}

/// What an IP packet carries.
#[derive(Debug, Clone)]
pub(super) struct Payload<'a> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    /// What was kept.
    pub(super) bytes: &'a [u8],
    /// True length.
    pub(super) original_len: usize,
}

/// Where a fragment belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fragment {
    /// Names the packet, with the addresses and the protocol.
    pub(super) id: u32,
    /// Place of its first byte, below 64 KiB.
    pub(super) offset: usize,
    /// Others follow.
    pub(super) more: bool,
}

/// An IP packet.
#[derive(Debug)]
pub(super) struct Datagram<'a> {
    pub(super) payload: Payload<'a>,
    pub(super) fragment: Option<Fragment>,
}

impl<'a> Datagram<'a> {
    /// Reads the headers. `original_len` is the length of all that follows on the wire, padding included.
    pub(super) fn parse(bytes: &'a [u8], original_len: usize) -> Option<Self> {
        let mut datagram = match bytes.first()? >> 4 {
            4 => v4(bytes, original_len)?,
            6 => v6(bytes, original_len)?,
            _ => return None,
        };
        while extension(&mut datagram)? {}
        Some(datagram)
    }
}

/// RFC 791, 3.1.
fn v4(bytes: &[u8], original_len: usize) -> Option<Datagram<'_>> {
    let [first, _, l0, l1, i0, i1, f0, f1, _, protocol, _, _, addresses @ ..] = bytes.first_chunk::<20>()?;
    let header = usize::from(first & 0x0f) * 4;
    // 0 is what a card that cuts large packets itself lets the capture see.
    let total = match usize::from(u16::from_be_bytes([*l0, *l1])) {
        0 => original_len,
        total => total,
    };
    if header < 20 || total < header {
        return None;
    }
    let (source, destination) = addresses.split_first_chunk::<4>()?;
    let place = u16::from_be_bytes([*f0, *f1]);
    let fragment = Fragment {
        id: u16::from_be_bytes([*i0, *i1]).into(),
        offset: usize::from(place & 0x1fff) * 8,
        more: place & 0x2000 != 0,
    };
    Some(Datagram {
        payload: Payload {
            source: Ipv4Addr::from(*source).into(),
            destination: Ipv4Addr::from(*destination.first_chunk::<4>()?).into(),
            protocol: *protocol,
            bytes: bytes.get(header..total.min(bytes.len()))?,
            original_len: total - header,
        },
        fragment: (fragment.more || fragment.offset > 0).then_some(fragment),
    })
}

/// RFC 8200, 3.
fn v6(bytes: &[u8], original_len: usize) -> Option<Datagram<'_>> {
    let (header, rest) = bytes.split_first_chunk::<40>()?;
    let [_, _, _, _, l0, l1, next, _, addresses @ ..] = header;
    // 0: a jumbogram, or as for IPv4.
    let len = match usize::from(u16::from_be_bytes([*l0, *l1])) {
        0 => original_len.saturating_sub(header.len()),
        len => len,
    };
    let (source, destination) = addresses.split_first_chunk::<16>()?;
    Some(Datagram {
        payload: Payload {
            source: Ipv6Addr::from(*source).into(),
            destination: Ipv6Addr::from(*destination.first_chunk::<16>()?).into(),
            protocol: *next,
            bytes: rest.get(..len).unwrap_or(rest),
            original_len: len,
        },
        fragment: None,
    })
}

/// Goes over one extension header, if there is one: the payload gets shorter with each (RFC 8200, 4). Behind the header of
/// a fragment there are none that could be read.
fn extension(datagram: &mut Datagram<'_>) -> Option<bool> {
    let payload = &mut datagram.payload;
    if datagram.fragment.is_some() {
        return Some(false);
    }
    let len = match payload.protocol {
        protocol::FRAGMENT => {
            let [_, _, p0, p1, id @ ..] = payload.bytes.first_chunk::<8>()?;
            let place = u16::from_be_bytes([*p0, *p1]);
            let id = u32::from_be_bytes(*id);
            let fragment = Fragment { id, offset: usize::from(place & 0xfff8), more: place & 1 == 1 };
            // An "atomic" fragment is whole (RFC 6946).
            datagram.fragment = (fragment.offset > 0 || fragment.more).then_some(fragment);
            8
        }
        // In units of 4 bytes, two of them not counted (RFC 4302, 2.2).
        protocol::AUTHENTICATION => (usize::from(*payload.bytes.get(1)?) + 2) * 4,
        // Hop by hop, routing, destination, mobility, host identity, shim: units of 8, the first not counted.
        0 | 43 | 60 | 135 | 139 | 140 => (usize::from(*payload.bytes.get(1)?) + 1) * 8,
        _ => return Some(false),
    };
    payload.protocol = *payload.bytes.first()?;
    payload.bytes = payload.bytes.get(len..)?;
    payload.original_len = payload.original_len.checked_sub(len)?;
    Some(true)
}

/// The IP packet inside of IP in IP, GRE and VXLAN.
pub(super) fn tunnelled<'a>(payload: &Payload<'a>) -> Option<&'a [u8]> {
    match payload.protocol {
        protocol::IPV4 | protocol::IPV6 => Some(payload.bytes),
        protocol::GRE => gre(payload.bytes),
        protocol::UDP => vxlan(payload.bytes),
        _ => None,
    }
}

/// RFC 2784 and 2890; version 1 (PPTP) carries no IP packet as such.
fn gre(bytes: &[u8]) -> Option<&[u8]> {
    let [flags, version, high, low, rest @ ..] = bytes else { return None };
    if version & 0x07 != 0 {
        return None;
    }
    let optional = [0x80_u8, 0x20, 0x10].iter().filter(|flag| flags & **flag != 0).count() * 4;
    match u16::from_be_bytes([*high, *low]) {
        0x0800 | 0x86dd => rest.get(optional..),
        // Bridged Ethernet.
        0x6558 => super::Link::Ethernet.network(rest.get(optional..)?),
        _ => None,
    }
}

/// RFC 7348: a UDP datagram to port 4789, 8 bytes of which only the flag and the network's number are not 0, Ethernet.
fn vxlan(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.get(2..)?.strip_prefix(&4789_u16.to_be_bytes())?;
    let [0x08, 0, 0, 0, _, _, _, 0, frame @ ..] = rest.get(4..)? else { return None };
    super::Link::Ethernet.network(frame)
}
