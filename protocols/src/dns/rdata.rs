//! A record's data as text, as zone files have it.
//!
//! Where RFCs leave a choice the text is BIND's (`dig`): upper-case hexadecimal, Base64 in one piece, SvcParam lists of
//! text in quotes. What cannot be read as its type, and every unknown type, is `\# length hex` (RFC 3597, 5).

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::registry::type_name;
use super::wire::{Fault, Reader};
use super::zone_text::{self, Text};

mod layout;
mod loc;
mod svcb;

use layout::Field;

/// The text of the data of type `rtype` that lies at `data` in `message`.
pub(super) fn text(message: &[u8], rtype: u16, data: &Range<usize>) -> String {
    known(message, rtype, data).unwrap_or_else(|| unknown(message.get(data.clone()).unwrap_or_default()))
}

fn known(message: &[u8], rtype: u16, data: &Range<usize>) -> Option<String> {
    let mut reader = Reader::new(message.get(..data.end)?, data.start);
    let mut text = Text::default();
    for field in layout::of(rtype)? {
        write(*field, &mut reader, &mut text).ok()?;
    }
    reader.is_empty().then(|| text.finish())
}

fn unknown(data: &[u8]) -> String {
    let mut text = Text::default();
    text.word("\\#");
    text.display(data.len());
    if !data.is_empty() {
        text.word(&zone_text::hex(data));
    }
    text.finish()
}

fn write(field: Field, reader: &mut Reader<'_>, text: &mut Text) -> Result<(), Fault> {
    match field {
        Field::U8 => text.display(reader.u8()?),
        Field::U16 => text.display(reader.u16()?),
        Field::U32 => text.display(reader.u32()?),
        Field::Ip4 => text.display(Ipv4Addr::from(reader.array::<4>()?)),
        Field::Ip6 => text.display(Ipv6Addr::from(reader.array::<16>()?)),
        Field::Name => text.display(reader.name()?),
        Field::Type => text.word(&type_name(reader.u16()?)),
        Field::Time => text.word(&zone_text::time(reader.u32()?)),
        Field::String => text.quoted(reader.string()?),
        Field::Strings => {
            text.quoted(reader.string()?);
            while !reader.is_empty() {
                text.quoted(reader.string()?);
            }
        }
        Field::MaybeString => {
            if !reader.is_empty() {
                text.quoted(reader.string()?);
            }
        }
        Field::Tag => tag(reader.string()?, text)?,
        Field::QuotedRest => text.quoted(reader.rest()),
        Field::Hex => hex_rest(reader, text),
        Field::Base64 => base64_rest(reader, text),
        Field::Salt => match reader.string()? {
            [] => text.word("-"),
            salt => text.word(&zone_text::hex(salt)),
        },
        Field::NextHash => text.word(&zone_text::base32hex(reader.string()?)),
        Field::Types => types(reader, text)?,
        Field::Groups => text.word(&groups(&reader.array::<8>()?)),
        Field::Dashed => text.word(&dashed(reader.rest())),
        Field::CertType => text.word(&certificate_type(reader.u16()?)),
        Field::Prefixes => prefixes(reader, text)?,
        Field::KeyGateway => key_gateway(reader, text)?,
        Field::Relay => relay(reader, text)?,
        Field::HostIdentity => host_identity(reader, text)?,
        Field::Location => loc::write(reader, text)?,
        Field::ServiceParameters => svcb::write(reader, text)?,
    }
    Ok(())
}

fn hex_rest(reader: &mut Reader<'_>, text: &mut Text) {
    if !reader.is_empty() {
        text.word(&zone_text::hex(reader.rest()));
    }
}

fn base64_rest(reader: &mut Reader<'_>, text: &mut Text) {
    if !reader.is_empty() {
        text.word(&zone_text::base64(reader.rest()));
    }
}

/// CAA's property tag: letters and digits (RFC 8659, 4.1), so that it needs no quotes.
fn tag(tag: &[u8], text: &mut Text) -> Result<(), Fault> {
    let plain = !tag.is_empty() && tag.iter().all(u8::is_ascii_alphanumeric);
    let tag = std::str::from_utf8(tag).ok().filter(|_| plain).ok_or(Fault::Invalid)?;
    text.word(tag);
    Ok(())
}

/// The type bit maps of NSEC, NSEC3 and CSYNC (RFC 4034, 4.1.2).
fn types(reader: &mut Reader<'_>, text: &mut Text) -> Result<(), Fault> {
    while !reader.is_empty() {
        let window = reader.u8()?;
        let map = reader.string()?;
        if map.is_empty() || map.len() > 32 {
            return Err(Fault::Invalid);
        }
        for (index, byte) in (0_u8..).zip(map) {
            for bit in (0..8_u8).filter(|bit| byte & (0x80 >> bit) != 0) {
                let low = index.saturating_mul(8).saturating_add(bit);
                text.word(&type_name(u16::from_be_bytes([window, low])));
            }
        }
    }
    Ok(())
}

/// NID and L64 (RFC 6742, 2.1.2): four groups of four digits.
fn groups(bytes: &[u8; 8]) -> String {
    let pairs: Vec<String> = bytes.chunks(2).map(|pair| zone_text::hex(pair).to_ascii_lowercase()).collect();
    pairs.join(":")
}

/// EUI48 and EUI64 (RFC 7043).
fn dashed(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join("-")
}

/// RFC 4398, 2.1.
fn certificate_type(code: u16) -> String {
    let name = match code {
        1 => "PKIX",
        2 => "SPKI",
        3 => "PGP",
        4 => "IPKIX",
        5 => "ISPKI",
        6 => "IPGP",
        7 => "ACPKIX",
        8 => "IACPKIX",
        253 => "URI",
        254 => "OID",
        _ => return code.to_string(),
    };
    name.to_owned()
}

/// APL (RFC 3123, 4): trailing zero bytes of an address are left out on the wire.
fn prefixes(reader: &mut Reader<'_>, text: &mut Text) -> Result<(), Fault> {
    while !reader.is_empty() {
        let (family, prefix, flags) = (reader.u16()?, reader.u8()?, reader.u8()?);
        let part = reader.take(usize::from(flags & 0x7f))?;
        let negated = if flags & 0x80 == 0 { "" } else { "!" };
        let address = match family {
            1 => Ipv4Addr::from(padded::<4>(part)?).to_string(),
            2 => Ipv6Addr::from(padded::<16>(part)?).to_string(),
            _ => return Err(Fault::Invalid),
        };
        text.word(&format!("{negated}{family}:{address}/{prefix}"));
    }
    Ok(())
}

fn padded<const N: usize>(part: &[u8]) -> Result<[u8; N], Fault> {
    let mut whole = [0; N];
    whole.get_mut(..part.len()).ok_or(Fault::Invalid)?.copy_from_slice(part);
    Ok(whole)
}

/// IPSECKEY (RFC 4025, 3.1): precedence, gateway type, algorithm, gateway, key.
fn key_gateway(reader: &mut Reader<'_>, text: &mut Text) -> Result<(), Fault> {
    let (precedence, kind, algorithm) = (reader.u8()?, reader.u8()?, reader.u8()?);
    text.word(&format!("{precedence} {kind} {algorithm}"));
    gateway(kind, reader, text)?;
    base64_rest(reader, text);
    Ok(())
}

/// AMTRELAY (RFC 8777, 4.3): precedence, discovery bit, relay type, relay.
fn relay(reader: &mut Reader<'_>, text: &mut Text) -> Result<(), Fault> {
    let (precedence, kind) = (reader.u8()?, reader.u8()?);
    text.word(&format!("{precedence} {} {}", kind >> 7, kind & 0x7f));
    gateway(kind & 0x7f, reader, text)
}

fn gateway(kind: u8, reader: &mut Reader<'_>, text: &mut Text) -> Result<(), Fault> {
    match kind {
        0 => text.word("."),
        1 => write(Field::Ip4, reader, text)?,
        2 => write(Field::Ip6, reader, text)?,
        3 => write(Field::Name, reader, text)?,
        _ => return Err(Fault::Invalid),
    }
    Ok(())
}

/// HIP (RFC 8005, 6): algorithm, identity tag, public key, rendezvous servers.
fn host_identity(reader: &mut Reader<'_>, text: &mut Text) -> Result<(), Fault> {
    let (tag_len, algorithm, key_len) = (reader.u8()?, reader.u8()?, reader.u16()?);
    text.display(algorithm);
    text.word(&zone_text::hex(reader.take(usize::from(tag_len))?));
    text.word(&zone_text::base64(reader.take(usize::from(key_len))?));
    while !reader.is_empty() {
        write(Field::Name, reader, text)?;
    }
    Ok(())
}
