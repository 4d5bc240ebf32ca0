//! Header blocks (RFC 7541, 3 and 6).

use std::sync::Arc;

use super::integer::Reader;
use super::table::Table;
use super::{EntryId, Field, FieldList, Invalid, Name, static_table};

/// Decodes the header blocks of one direction of one connection, in order.
#[derive(Debug, Clone)]
pub struct Decoder {
    table: Table,
    scratch: Vec<u8>,
}

impl Decoder {
    /// For a connection seen from its first byte on.
    #[must_use]
    pub fn new() -> Self {
        Self { table: Table::new(), scratch: Vec::new() }
    }

    /// For a connection joined in the middle: the table may hold anything.
    #[must_use]
    pub fn joined() -> Self {
        let mut decoder = Self::new();
        decoder.table.forget();
        decoder
    }

    /// Decodes one whole header block. `limit` bounds the list, counted as SETTINGS_MAX_HEADER_LIST_SIZE is (RFC 9113,
    /// 6.5.2); fields beyond it are decoded and dropped. After an error the table is forgotten.
    pub fn decode(&mut self, block: &[u8], limit: usize) -> Result<FieldList, Invalid> {
        let result = self.decode_fields(block, limit);
        if result.is_err() {
            self.forget();
        }
        result
    }

    /// A header block went by unseen, or in part: all that is known of the table is worth nothing.
    pub fn forget(&mut self) {
        self.table.forget();
    }

    /// Something outside the table says what a placeholder's name is. Contradictions make the table forget everything.
    pub fn reveal(&mut self, id: EntryId, name: &Arc<str>) {
        if !self.table.reveal(id, name) {
            self.forget();
        }
    }

    /// The name, with what has been revealed since the field was decoded.
    #[must_use]
    pub fn resolve<'a>(&'a self, name: &'a Name) -> Option<&'a Arc<str>> {
        self.table.name(name)
    }

    /// Every entry of the table is known: seen from the beginning, emptied since, or wholly turned over.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.table.is_complete()
    }

    /// Bytes held.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.table.memory().saturating_add(self.scratch.capacity())
    }

    fn decode_fields(&mut self, block: &[u8], limit: usize) -> Result<FieldList, Invalid> {
        let mut reader = Reader::new(block);
        let mut list = FieldList::default();
        let mut room = limit;
        let mut first = true;
        while let Some(byte) = reader.peek() {
            if byte & 0xe0 == 0x20 {
                // RFC 7541, 4.2: only at the beginning of a block.
                if !first {
                    return Err(Invalid::SizeUpdate);
                }
                self.table.resize(u64::from(reader.integer(5)?));
                continue;
            }
            first = false;
            let field = if byte & 0x80 != 0 {
                self.indexed(reader.integer(7)?)?
            } else if byte & 0x40 != 0 {
                self.literal(&mut reader, 6, true)?
            } else {
                // Without indexing, or never to be indexed: the same to an observer.
                self.literal(&mut reader, 4, false)?
            };
            match room.checked_sub(field.size()) {
                Some(left) if !list.cut => {
                    room = left;
                    list.fields.push(field);
                }
                _ => list.cut = true,
            }
        }
        Ok(list)
    }

    fn indexed(&self, index: u32) -> Result<Field, Invalid> {
        if let Some((name, value)) = static_table::entry(index) {
            return Ok(Field { name: Name::Known(Arc::clone(name)), value: Some(Arc::clone(value)) });
        }
        let (name, value) = self.table.entry(dynamic(index)?)?;
        Ok(Field { name, value })
    }

    fn literal(&mut self, reader: &mut Reader<'_>, bits: u32, insert: bool) -> Result<Field, Invalid> {
        let index = reader.integer(bits)?;
        let name =
            if index == 0 { Name::Known(name(reader.string(&mut self.scratch)?)) } else { self.indexed(index)?.name };
        let raw = reader.string(&mut self.scratch)?;
        let value = Arc::from(String::from_utf8_lossy(raw));
        if insert {
            let lengths = (name.known().map_or(0, str::len), raw.len());
            self.table.insert(name.clone(), Arc::clone(&value), lengths);
        }
        Ok(Field { name, value: Some(value) })
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

/// How far behind the newest entry the dynamic entry with this index is.
fn dynamic(index: u32) -> Result<u32, Invalid> {
    index.checked_sub(static_table::LENGTH).and_then(|index| index.checked_sub(1)).ok_or(Invalid::Index)
}

/// A name's length counts in the table, so that octets which no name may have (RFC 9113, 8.2.1) are replaced one by one.
fn name(raw: &[u8]) -> Arc<str> {
    match std::str::from_utf8(raw) {
        Ok(name) => Arc::from(name),
        Err(_) => {
            let name = raw.iter().map(|octet| if octet.is_ascii() { char::from(*octet) } else { '?' });
            Arc::from(name.collect::<String>())
        }
    }
}
