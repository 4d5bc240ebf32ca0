//! IPv4 and IPv6: addresses, the payload, whether it is a fragment, and other IP packets inside.

use std::net::IpAddr;

use etherparse::{IpNumber, LaxIpSlice, LaxIpv4Slice, LaxIpv6Slice};

/// What an IP packet carries.
#[derive(Debug, Clone)]
pub(super) struct Payload<'a> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: IpNumber,
    /// What was kept.
    pub(super) bytes: &'a [u8],
    /// True length.
    pub(super) original_len: usize,
}

/// Where a fragment belongs.
#[derive(Debug, Clone, Copy)]
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
        match LaxIpSlice::from_slice(bytes).ok()?.0 {
            LaxIpSlice::Ipv4(ip) => Some(v4(&ip, bytes, original_len)),
            LaxIpSlice::Ipv6(ip) => Some(v6(&ip, bytes, original_len)),
        }
    }
}

fn v4<'a>(ip: &LaxIpv4Slice<'a>, bytes: &'a [u8], original_len: usize) -> Datagram<'a> {
    let header = ip.header();
    let payload = ip.payload();
    let total = usize::from(header.total_len());
    // 0 is what a card that cuts large packets itself lets the capture see.
    let total = if total < header.slice().len() { original_len } else { total };
    let headers = start_of(payload.payload, bytes);
    let fragment = header.is_fragmenting_payload().then(|| Fragment {
        id: header.identification().into(),
        offset: usize::from(header.fragments_offset().value()) * 8,
        more: header.more_fragments(),
    });
    Datagram {
        payload: Payload {
            source: header.source_addr().into(),
            destination: header.destination_addr().into(),
            protocol: payload.ip_number,
            bytes: payload.payload,
            original_len: total.saturating_sub(headers).max(payload.payload.len()),
        },
        fragment,
    }
}

fn v6<'a>(ip: &LaxIpv6Slice<'a>, bytes: &'a [u8], original_len: usize) -> Datagram<'a> {
    let header = ip.header();
    let payload = ip.payload();
    // 0: a jumbogram, or as for IPv4.
    let total = match usize::from(header.payload_length()) {
        0 => original_len,
        length => length + header.slice().len(),
    };
    let headers = start_of(payload.payload, bytes);
    let fragment = ip.extensions().clone().into_iter().find_map(|extension| match extension {
        etherparse::Ipv6ExtensionSlice::Fragment(header) => {
            let header = header.to_header();
            let fragment = Fragment {
                id: header.identification,
                offset: usize::from(header.fragment_offset.value()) * 8,
                more: header.more_fragments,
            };
            // An "atomic" fragment is whole (RFC 6946).
            (fragment.offset > 0 || fragment.more).then_some(fragment)
        }
        _ => None,
    });
    Datagram {
        payload: Payload {
            source: header.source_addr().into(),
            destination: header.destination_addr().into(),
            protocol: payload.ip_number,
            bytes: payload.payload,
            original_len: total.saturating_sub(headers).max(payload.payload.len()),
        },
        fragment,
    }
}

/// Where in `whole` its part `part` begins.
fn start_of(part: &[u8], whole: &[u8]) -> usize {
    (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize).min(whole.len())
}

/// The IP packet inside of IP in IP, GRE and VXLAN.
pub(super) fn tunnelled<'a>(payload: &Payload<'a>) -> Option<&'a [u8]> {
    match payload.protocol {
        IpNumber::IPV4 | IpNumber::IPV6 => Some(payload.bytes),
        IpNumber::GRE => gre(payload.bytes),
        IpNumber::UDP => vxlan(payload.bytes),
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
