//! An executable or shared object on disk: functions by name, code, version strings.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use object::read::{ReadCache, ReadRef};
use object::{Architecture, Object, ObjectSection, ObjectSegment, ObjectSymbol};

use crate::tls::sites::Machine;

/// Longest function whose code is looked at.
const LONGEST_FUNCTION: u64 = 1 << 16;

/// An ELF file. Only what is asked for is read from disk.
pub struct Image<'data> {
    elf: object::File<'data, &'data ReadCache<File>>,
    segments: Vec<Segment>,
    machine: Machine,
}

/// A loaded part of the file.
#[derive(Debug, Clone, Copy)]
struct Segment {
    address: u64,
    offset: u64,
    len: u64,
}

/// A function in an [`Image`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// Virtual address.
    pub address: u64,
    /// Length of its code; 0 where the file does not say.
    pub len: u64,
}

/// Opens an executable for [`Image::parse`].
///
/// # Errors
/// As [`File::open`].
pub fn open(path: &Path) -> std::io::Result<ReadCache<File>> {
    Ok(ReadCache::new(File::open(path)?))
}

impl<'data> Image<'data> {
    /// Reads the headers.
    ///
    /// # Errors
    /// When the file is no ELF file for an architecture that explore knows.
    pub fn parse(data: &'data ReadCache<File>) -> Result<Self, String> {
        let elf = object::File::parse(data).map_err(|error| format!("no ELF file: {error}"))?;
        let machine = match elf.architecture() {
            Architecture::X86_64 => Machine::X86_64,
            Architecture::Aarch64 => Machine::Aarch64,
            other => return Err(format!("code for {other:?}")),
        };
        let segments = elf.segments().map(|segment| {
            let (offset, len) = segment.file_range();
            Segment { address: segment.address(), offset, len }
        });
        let segments = segments.collect();
        Ok(Self { elf, segments, machine })
    }

    /// What its code is for.
    #[must_use]
    pub fn machine(&self) -> Machine {
        self.machine
    }

    /// The functions of these names, from the dynamic and the full symbol table.
    #[must_use]
    pub fn functions(&self, wanted: &[&'static str]) -> HashMap<&'static str, Function> {
        let mut found = HashMap::new();
        for symbol in self.elf.dynamic_symbols().chain(self.elf.symbols()) {
            if !symbol.is_definition() || symbol.address() == 0 {
                continue;
            }
            let Ok(name) = symbol.name() else { continue };
            // Versioned names come as `SSL_read@@OPENSSL_3.0.0` in full symbol tables.
            let name = name.split('@').next().unwrap_or(name);
            if let Some(wanted) = wanted.iter().find(|wanted| **wanted == name) {
                found.entry(*wanted).or_insert(Function { address: symbol.address(), len: symbol.size() });
            }
        }
        found
    }

    /// The functions whose names satisfy `want`, each address once.
    #[must_use]
    pub fn functions_where(&self, want: impl Fn(&str) -> bool) -> Vec<Function> {
        let mut found: Vec<Function> = Vec::new();
        for symbol in self.elf.dynamic_symbols().chain(self.elf.symbols()) {
            let is_new = |found: &[Function]| found.iter().all(|known| known.address != symbol.address());
            if symbol.is_definition() && symbol.name().is_ok_and(&want) && is_new(&found) {
                found.push(Function { address: symbol.address(), len: symbol.size() });
            }
        }
        found
    }

    /// Whether any symbol's name satisfies `want`.
    #[must_use]
    pub fn has_symbol(&self, want: impl Fn(&str) -> bool) -> bool {
        self.elf.dynamic_symbols().chain(self.elf.symbols()).any(|symbol| symbol.name().is_ok_and(&want))
    }

    /// Where an address lies in the file.
    #[must_use]
    pub fn file_offset(&self, address: u64) -> Option<u64> {
        self.segments.iter().find_map(|segment| {
            let into = address.checked_sub(segment.address)?;
            (into < segment.len).then(|| segment.offset.saturating_add(into))
        })
    }

    /// Bytes at an address, at most `len` and not over the end of its segment.
    #[must_use]
    pub fn bytes(&self, address: u64, len: u64) -> Option<Vec<u8>> {
        self.elf.segments().find_map(|segment| {
            let into = address.checked_sub(segment.address())?;
            let (offset, size) = segment.file_range();
            let len = len.min(size.checked_sub(into)?);
            let bytes = segment_data(&self.elf, offset.checked_add(into)?, len)?;
            Some(bytes.to_vec())
        })
    }

    /// A function's code; where its length is not known, as much as a function may have.
    #[must_use]
    pub fn code(&self, function: Function) -> Option<Vec<u8>> {
        let len = if function.len == 0 { LONGEST_FUNCTION } else { function.len.min(LONGEST_FUNCTION) };
        self.bytes(function.address, len)
    }

    /// A section's address and bytes.
    #[must_use]
    pub fn section(&self, names: &[&str]) -> Option<(u64, Vec<u8>)> {
        let section = names.iter().find_map(|name| self.elf.section_by_name(name))?;
        Some((section.address(), section.data().ok()?.to_vec()))
    }

    /// A section's address.
    #[must_use]
    pub fn section_address(&self, name: &str) -> Option<u64> {
        Some(self.elf.section_by_name(name)?.address())
    }

    /// Whether the file's constants hold these bytes.
    #[must_use]
    pub fn contains(&self, bytes: &[u8]) -> bool {
        self.section(&[".rodata"]).is_some_and(|(_, constants)| memchr::memmem::find(&constants, bytes).is_some())
    }

    /// The GNU build id as hex.
    #[must_use]
    pub fn build_id(&self) -> Option<String> {
        let id = self.elf.build_id().ok()??;
        Some(id.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The printable string that begins with `prefix` and a version of three numbers, in the file's constants.
    #[must_use]
    pub fn version(&self, prefix: &str) -> Option<String> {
        let (_, constants) = self.section(&[".rodata"])?;
        memchr::memmem::find_iter(&constants, prefix).find_map(|at| {
            let text = constants.get(at..)?;
            let end = text.iter().position(|byte| !(0x20..0x7f).contains(byte)).unwrap_or(text.len()).min(80);
            let text = std::str::from_utf8(text.get(..end)?).ok()?;
            let number = text.get(prefix.len()..)?.split(' ').next()?;
            let dotted = number.starts_with(|c: char| c.is_ascii_digit()) && number.matches('.').count() == 2;
            dotted.then(|| text.trim_end().to_owned())
        })
    }
}

fn segment_data<'data>(
    elf: &object::File<'data, &'data ReadCache<File>>,
    offset: u64,
    len: u64,
) -> Option<&'data [u8]> {
    let data: &'data ReadCache<File> = match elf {
        object::File::Elf64(elf) => elf.data(),
        _ => return None,
    };
    data.read_bytes_at(offset, len).ok()
}
