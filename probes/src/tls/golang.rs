//! Functions of Go binaries, also stripped ones: the runtime's own function table (`pclntab`) is always there.
//!
//! Layout: Go's `internal/abi` and `runtime/symtab.go` (`pcHeader`, `functab`), versions 1.18 and later; the register ABI
//! that the hooks rely on came with 1.17.

use crate::tls::image::{Function, Image};

/// `pcHeader.magic` since Go 1.18 and since Go 1.20.
const MAGICS: [u32; 2] = [0xffff_fff0, 0xffff_fff1];

/// Marks `.go.buildinfo`.
const BUILD_INFO: &[u8] = b"\xff Go buildinf:";

/// The version that built it, such as `go1.22.3`; null where it is no Go binary.
#[must_use]
pub fn version(image: &Image<'_>) -> Option<String> {
    let (_, info) = image.section(&[".go.buildinfo"])?;
    let info = info.get(info.windows(BUILD_INFO.len()).position(|window| window == BUILD_INFO)?..)?;
    // Flag 2: the strings follow inline at 32, each with its length as a varint.
    if info.get(15)? & 2 == 0 {
        return None;
    }
    let text = info.get(32..)?;
    let (len, width) = varint(text)?;
    let version = text.get(width..width.checked_add(len)?)?;
    std::str::from_utf8(version).ok().map(str::to_owned)
}

/// The functions of these names.
#[must_use]
pub fn functions(image: &Image<'_>, wanted: &[&'static str]) -> Vec<(&'static str, Function)> {
    let sections = [".gopclntab", ".data.rel.ro.gopclntab"];
    let Some((_, table)) = image.section(&sections) else { return Vec::new() };
    let text = image.section_address(".text").unwrap_or(0);
    find(&table, text, wanted).unwrap_or_default()
}

fn find(table: &[u8], text: u64, wanted: &[&'static str]) -> Option<Vec<(&'static str, Function)>> {
    if !MAGICS.contains(&word(table, 0)?) || *table.get(7)? != 8 {
        return None;
    }
    let count = usize::try_from(long(table, 8)?).ok()?;
    // Since Go 1.26 the header leaves the start of the text out.
    let start = match long(table, 24)? {
        0 => text,
        start => start,
    };
    let names = usize::try_from(long(table, 32)?).ok()?;
    let entries = usize::try_from(long(table, 64)?).ok()?;
    let mut found = Vec::new();
    for index in 0..count {
        let entry = entries.checked_add(index.checked_mul(8)?)?;
        let (begin, data) = (word(table, entry)?, word(table, entry.checked_add(4)?)?);
        let end = word(table, entry.checked_add(8)?)?;
        let function = entries.checked_add(usize::try_from(data).ok()?)?;
        let name = names.checked_add(usize::try_from(word(table, function.checked_add(4)?)?).ok()?)?;
        let name = table.get(name..)?;
        if let Some(wanted) =
            wanted.iter().find(|wanted| name.starts_with(wanted.as_bytes()) && name.get(wanted.len()) == Some(&0))
        {
            let address = start.checked_add(u64::from(begin))?;
            found.push((*wanted, Function { address, len: u64::from(end.checked_sub(begin)?) }));
        }
    }
    Some(found)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// An unsigned varint (`encoding/binary`): its value and width. Strings here are shorter than 16 KiB.
fn varint(bytes: &[u8]) -> Option<(usize, usize)> {
    let low = usize::from(*bytes.first()?);
    if low < 0x80 {
        return Some((low, 1));
    }
    let high = usize::from(*bytes.get(1)?);
    (high < 0x80).then_some(((low & 0x7f) | (high << 7), 2))
}
