//! The SvcParams of SVCB and HTTPS (RFC 9460, 2.1 and 7; RFC 9461; RFC 9540).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::dns::wire::{Fault, Reader};
use crate::dns::zone_text::{self, Text};

const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6HINT: u16 = 6;
const DOHPATH: u16 = 7;
const OHTTP: u16 = 8;

pub(super) fn write(reader: &mut Reader<'_>, text: &mut Text) -> Result<(), Fault> {
    let mut last = None;
    while !reader.is_empty() {
        let (key, len) = (reader.u16()?, reader.u16()?);
        let value = reader.take(usize::from(len))?;
        // "in increasing numeric order" (RFC 9460, 2.2)
        if last.is_some_and(|last| last >= key) {
            return Err(Fault::Invalid);
        }
        last = Some(key);
        text.word(&parameter(key, value)?);
    }
    Ok(())
}

fn parameter(key: u16, value: &[u8]) -> Result<String, Fault> {
    let name = key_name(key);
    let text = match key {
        MANDATORY => list(value, |reader| Ok(key_name(reader.u16()?)))?,
        ALPN => {
            let protocols = list(value, |reader| Ok(protocol_id(reader.string()?)))?;
            format!("\"{protocols}\"")
        }
        NO_DEFAULT_ALPN | OHTTP if value.is_empty() => return Ok(name),
        NO_DEFAULT_ALPN | OHTTP => return Err(Fault::Invalid),
        PORT => u16::from_be_bytes(value.try_into().map_err(|_| Fault::Invalid)?).to_string(),
        IPV4HINT => list(value, |reader| Ok(Ipv4Addr::from(reader.array::<4>()?).to_string()))?,
        IPV6HINT => list(value, |reader| Ok(Ipv6Addr::from(reader.array::<16>()?).to_string()))?,
        ECH => zone_text::base64(value),
        DOHPATH => zone_text::quoted(value),
        _ if value.is_empty() => return Ok(name),
        _ => zone_text::quoted(value),
    };
    Ok(format!("{name}={text}"))
}

fn key_name(key: u16) -> String {
    match key {
        MANDATORY => "mandatory",
        ALPN => "alpn",
        NO_DEFAULT_ALPN => "no-default-alpn",
        PORT => "port",
        IPV4HINT => "ipv4hint",
        ECH => "ech",
        IPV6HINT => "ipv6hint",
        DOHPATH => "dohpath",
        OHTTP => "ohttp",
        _ => return format!("key{key}"),
    }
    .to_owned()
}

/// One or more items, with commas between.
fn list(value: &[u8], item: impl Fn(&mut Reader<'_>) -> Result<String, Fault>) -> Result<String, Fault> {
    let mut reader = Reader::new(value, 0);
    let mut text = item(&mut reader)?;
    while !reader.is_empty() {
        text.push(',');
        text.push_str(&item(&mut reader)?);
    }
    Ok(text)
}

/// A comma or backslash in an item is escaped for the list, then again for the string (RFC 9460, A.1).
fn protocol_id(id: &[u8]) -> String {
    let mut text = String::new();
    for &byte in id {
        match byte {
            b',' => text.push_str("\\\\,"),
            b'\\' => text.push_str("\\\\\\\\"),
            _ => zone_text::push_escaped(byte, &mut text),
        }
    }
    text
}
