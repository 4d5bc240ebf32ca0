//! Framing of one message: header, questions, records (RFC 1035, 4.1), EDNS (RFC 6891).

use std::ops::Range;

use super::name::Name;
use super::rdata;
use super::registry::{CLASS_IN, OPT};
use super::wire::{Fault, Reader};

/// Length of the header.
pub const HEADER_LEN: usize = 12;
/// mDNS packs several questions into one query; nothing else does. Beyond this it is no honest message.
const MAX_QUESTIONS: u16 = 256;

/// The fixed part of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Chosen by the client, repeated by the server.
    pub id: u16,
    /// QR.
    pub response: bool,
    /// 0 QUERY, 1 IQUERY, 2 STATUS, 4 NOTIFY, 5 UPDATE, 6 DSO.
    pub opcode: u8,
    /// AA.
    pub authoritative: bool,
    /// TC: what did not fit was left out.
    pub truncated: bool,
    /// RA.
    pub recursion_available: bool,
    /// The reserved bit.
    pub reserved: bool,
    /// AD.
    pub authenticated: bool,
    /// Lower four bits of the response code.
    pub rcode: u8,
    /// Entries of the four sections.
    pub counts: [u16; 4],
}

impl Header {
    /// Reads the first 12 bytes.
    ///
    /// # Errors
    /// [`Fault::Short`] if there are fewer.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(bytes, 0);
        let id = reader.u16()?;
        let flags = reader.u16()?;
        let bit = |mask: u16| flags & mask != 0;
        let nibble = |shift: u32| u8::try_from((flags >> shift) & 0xf).unwrap_or_default();
        Ok(Self {
            id,
            response: bit(0x8000),
            opcode: nibble(11),
            authoritative: bit(0x0400),
            truncated: bit(0x0200),
            recursion_available: bit(0x0080),
            reserved: bit(0x0040),
            authenticated: bit(0x0020),
            rcode: nibble(0),
            counts: [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?],
        })
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// About which name.
    pub name: Name,
    /// QTYPE.
    pub rtype: u16,
    /// QCLASS, without mDNS's "unicast response wanted" bit.
    pub class: u16,
}

/// A record of the answer section.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Owner.
    pub name: Name,
    /// TYPE.
    pub rtype: u16,
    /// CLASS, without mDNS's "cache flush" bit.
    pub class: u16,
    /// Seconds. A value with the top bit set counts as 0 (RFC 2181, 8).
    pub ttl: u32,
    data: Range<usize>,
}

/// How far a message could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of its records, up to the last byte.
    Whole,
    /// All of its records; bytes follow.
    Trailing,
    /// The bytes end before its last record.
    Cut,
    /// A record breaks the format.
    Damaged,
}

/// One message. Its answers are those that could be read.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    bytes: &'a [u8],
    /// Header.
    pub header: Header,
    /// Question section (in UPDATE the zone section).
    pub questions: Vec<Question>,
    /// Answer section, in order, without OPT.
    pub answers: Vec<Resource>,
    /// Upper eight bits of the response code, if there is an OPT record.
    pub extended_rcode: Option<u8>,
    /// How far it could be read.
    pub extent: Extent,
}

impl<'a> Message<'a> {
    /// Reads a message. Its header and questions must be whole; the records after them are taken as far as they go.
    ///
    /// # Errors
    /// If header or questions are cut or broken.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Fault> {
        let header = Header::parse(bytes)?;
        let [questions, ..] = header.counts;
        if questions > MAX_QUESTIONS {
            return Err(Fault::Invalid);
        }
        let mut reader = Reader::new(bytes, HEADER_LEN);
        let questions = (0..questions).map(|_| question(&mut reader)).collect::<Result<_, _>>()?;
        let mut message =
            Self { bytes, header, questions, answers: Vec::new(), extended_rcode: None, extent: Extent::Whole };
        message.extent = match message.records(&mut reader) {
            Ok(()) if reader.is_empty() => Extent::Whole,
            Ok(()) => Extent::Trailing,
            Err(Fault::Short) => Extent::Cut,
            Err(Fault::Invalid) => Extent::Damaged,
        };
        Ok(message)
    }

    /// The whole response code. Of no meaning in queries.
    #[must_use]
    pub fn rcode(&self) -> u16 {
        u16::from(self.extended_rcode.unwrap_or(0)) << 4 | u16::from(self.header.rcode)
    }

    /// A record's data as in zone files.
    #[must_use]
    pub fn data(&self, resource: &Resource) -> String {
        rdata::text(self.bytes, resource.rtype, &resource.data)
    }

    /// The name that is all of a record's data, for CNAME and its like.
    #[must_use]
    pub fn target(&self, resource: &Resource) -> Option<Name> {
        let (name, end) = Name::read(self.bytes.get(..resource.data.end)?, resource.data.start).ok()?;
        (end == resource.data.end).then_some(name)
    }

    /// SOA's serial number.
    #[must_use]
    pub fn serial(&self, resource: &Resource) -> Option<u32> {
        let mut reader = Reader::new(self.bytes.get(..resource.data.end)?, resource.data.start);
        reader.skip_name().ok()?;
        reader.skip_name().ok()?;
        reader.u32().ok()
    }

    fn records(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        let [_, answers, authority, additional] = self.header.counts;
        for _ in 0..answers {
            let name = reader.name()?;
            let fixed = Fixed::read(reader)?;
            if fixed.rtype == OPT {
                self.extended_rcode = Some(fixed.extended_rcode());
                continue;
            }
            let Fixed { rtype, class, ttl, data } = fixed;
            let ttl = if ttl > u32::MAX >> 1 { 0 } else { ttl };
            self.answers.push(Resource { name, rtype, class: without_mdns_bit(class), ttl, data });
        }
        for _ in 0..u32::from(authority).saturating_add(u32::from(additional)) {
            reader.skip_name()?;
            let fixed = Fixed::read(reader)?;
            if fixed.rtype == OPT {
                self.extended_rcode = Some(fixed.extended_rcode());
            }
        }
        Ok(())
    }
}

/// What every record has after its owner.
struct Fixed {
    rtype: u16,
    class: u16,
    ttl: u32,
    data: Range<usize>,
}

impl Fixed {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let (rtype, class, ttl, len) = (reader.u16()?, reader.u16()?, reader.u32()?, reader.u16()?);
        let start = reader.position();
        reader.take(usize::from(len))?;
        Ok(Self { rtype, class, ttl, data: start..reader.position() })
    }

    /// In OPT the TTL's first byte (RFC 6891, 6.1.3).
    fn extended_rcode(&self) -> u8 {
        let [upper, ..] = self.ttl.to_be_bytes();
        upper
    }
}

fn question(reader: &mut Reader<'_>) -> Result<Question, Fault> {
    Ok(Question { name: reader.name()?, rtype: reader.u16()?, class: without_mdns_bit(reader.u16()?) })
}

/// mDNS uses the class's top bit for itself (RFC 6762, 5.4 and 10.2). Only IN is told apart from it: class 32769 is not
/// assigned, so that this is safe on every port.
fn without_mdns_bit(class: u16) -> u16 {
    if class == 0x8000 | CLASS_IN { CLASS_IN } else { class }
}
