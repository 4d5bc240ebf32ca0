//! Link layers: where in a packet does IP begin? Numbers are those of <https://www.tcpdump.org/linktypes.html>.

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;

/// Tags and labels before IP; more is no traffic but an attack.
const MOST_TAGS: usize = 8;

/// How the packets of an interface begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::files) enum Link {
    /// BSD loopback, and OpenBSD's: the address family as 4 bytes in either order.
    Loopback,
    /// Ethernet, with any VLAN tags.
    Ethernet,
    /// Linux cooked capture, `tcpdump -i any` of old.
    Cooked,
    /// Linux cooked capture, version 2.
    Cooked2,
    /// IPv4 or IPv6 from the first byte.
    Raw,
    /// PPP, with or without its HDLC header.
    Ppp,
    /// PPP in Ethernet.
    PppOverEthernet,
    /// Netfilter's log (`-i nflog`).
    Nflog,
    /// FDDI with an LLC header.
    Fddi,
}

impl Link {
    /// By its number in a capture file. The upper half of the number tells of check sums behind the packet.
    pub(in crate::files) fn of(number: u32) -> Option<Self> {
        match number & 0xffff {
            0 | 108 => Some(Self::Loopback),
            1 => Some(Self::Ethernet),
            9 | 50 => Some(Self::Ppp),
            10 => Some(Self::Fddi),
            12 | 14 | 101 | 228 | 229 => Some(Self::Raw),
            51 => Some(Self::PppOverEthernet),
            113 => Some(Self::Cooked),
            239 => Some(Self::Nflog),
            276 => Some(Self::Cooked2),
            _ => None,
        }
    }

    /// The IP packet inside; null where there is none.
    pub(super) fn network(self, bytes: &[u8]) -> Option<&[u8]> {
        match self {
            Self::Loopback => bytes.get(4..),
            Self::Ethernet => ether_type(be16(bytes, 12)?, bytes.get(14..)?),
            Self::Cooked => ether_type(be16(bytes, 14)?, bytes.get(16..)?),
            Self::Cooked2 => ether_type(be16(bytes, 0)?, bytes.get(20..)?),
            Self::Raw => Some(bytes),
            Self::Ppp => ppp(bytes.strip_prefix(&[0xff, 0x03]).unwrap_or(bytes)),
            Self::PppOverEthernet => ppp(bytes.get(6..)?),
            Self::Nflog => nflog(bytes),
            Self::Fddi => llc(bytes.get(13..)?),
        }
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|pair| u16::from_be_bytes(*pair))
}

/// Goes over tags and labels to IP.
fn ether_type(mut kind: u16, mut bytes: &[u8]) -> Option<&[u8]> {
    for _ in 0..MOST_TAGS {
        match kind {
            IPV4 | IPV6 => return Some(bytes),
            // 802.1Q, 802.1ad and the tags that came before it.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
                kind = be16(bytes, 2)?;
                bytes = bytes.get(4..)?;
            }
            0x8864 => return ppp(bytes.get(6..)?),
            0x8847 | 0x8848 => return mpls(bytes),
            // A length instead of a type (802.3), and Linux's name for "802.2 follows".
            0..=1500 => return llc(bytes),
            _ => return None,
        }
    }
    None
}

fn ppp(bytes: &[u8]) -> Option<&[u8]> {
    match be16(bytes, 0)? {
        PPP_IPV4 | PPP_IPV6 => bytes.get(2..),
        // The protocol may be compressed to one byte (RFC 1661, 6.5).
        number if matches!(number >> 8, 0x21 | 0x57) => bytes.get(1..),
        // Cisco HDLC: address, control, EtherType.
        0x0f00 | 0x8f00 => ether_type(be16(bytes, 2)?, bytes.get(4..)?),
        _ => None,
    }
}

/// 802.2 with a SNAP header.
fn llc(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_prefix(&[0xaa, 0xaa, 0x03, 0, 0, 0])?;
    match be16(rest, 0)? {
        IPV4 | IPV6 => rest.get(2..),
        _ => None,
    }
}

/// Labels until the one that is marked as the last (RFC 3032, 2.1).
fn mpls(mut bytes: &[u8]) -> Option<&[u8]> {
    for _ in 0..MOST_TAGS {
        let last = bytes.get(2)? & 1 == 1;
        bytes = bytes.get(4..)?;
        if last {
            return matches!(bytes.first()? >> 4, 4 | 6).then_some(bytes);
        }
    }
    None
}

/// Attributes of length, type and value after a header of 4 bytes; type 9 is the packet.
fn nflog(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(4..)?;
    loop {
        let length = usize::from(u16::from_le_bytes(*rest.first_chunk()?));
        let kind = u16::from_le_bytes(*rest.get(2..)?.first_chunk()?);
        if kind == 9 {
            return rest.get(4..length).or_else(|| rest.get(4..));
        }
        // At least the attribute's own header, rounded up to 4.
        rest = rest.get(length.max(4).next_multiple_of(4)..)?;
    }
}
