//! Reading big-endian fields and names out of a message.

use super::name::Name;
use crate::scan::Scan;

/// Why bytes could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// They end too early.
    Short,
    /// They break the format.
    Invalid,
}

/// A cursor over a message, or over the part of it that ends with one record's data. Positions count from the message's
/// first byte, so that compression pointers work.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    fn scan(&self) -> Scan<'a> {
        Scan::new(self.bytes.get(self.at..).unwrap_or_default())
    }

    fn read<T>(&mut self, field: impl FnOnce(&mut Scan<'a>) -> Option<T>) -> Result<T, Fault> {
        let mut scan = self.scan();
        let value = field(&mut scan).ok_or(Fault::Short)?;
        self.at = self.bytes.len().saturating_sub(scan.rest().len());
        Ok(value)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.scan().is_empty()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        self.read(|scan| scan.take(count))
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        let rest = self.scan().rest();
        self.at = self.bytes.len();
        rest
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.take(N)?.try_into().map_err(|_| Fault::Short)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Fault> {
        self.read(Scan::u8)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Fault> {
        self.read(Scan::u16)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Fault> {
        self.read(Scan::u32)
    }

    /// `<character-string>`: a length byte and that many bytes (RFC 1035, 3.3).
    pub(super) fn string(&mut self) -> Result<&'a [u8], Fault> {
        let len = self.u8()?;
        self.take(usize::from(len))
    }

    pub(super) fn name(&mut self) -> Result<Name, Fault> {
        let (name, end) = Name::read(self.bytes, self.at)?;
        self.at = end;
        Ok(name)
    }

    /// Moves over a name without keeping it.
    pub(super) fn skip_name(&mut self) -> Result<(), Fault> {
        self.at = Name::skip(self.bytes, self.at)?;
        Ok(())
    }
}
