//! HPACK (RFC 7541), also for a connection joined in the middle.
//!
//! What was inserted before joining is not known, but it is a *placeholder* with an identity of its own: a literal that
//! takes its name from one is inserted as (unknown name, value), and when something outside the table tells the name
//! ([`Decoder::reveal`]), all that share it are named at once. Unknown stays unknown: never a wrong value.

mod decode;
mod huffman;
mod integer;
mod static_table;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use decode::Decoder;

/// An entry of the dynamic table: unique for the life of the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(i64);

/// A field's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// Seen.
    Known(Arc<str>),
    /// That of an entry inserted before the connection was joined.
    Before(EntryId),
}

impl Name {
    /// The name, if it was known when the field was decoded.
    #[must_use]
    pub fn known(&self) -> Option<&str> {
        match self {
            Self::Known(name) => Some(name),
            Self::Before(_) => None,
        }
    }
}

/// One header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// See [`Name`].
    pub name: Name,
    /// Null if it was inserted before the connection was joined.
    pub value: Option<Arc<str>>,
}

impl Field {
    /// Its share of SETTINGS_MAX_HEADER_LIST_SIZE, as far as it is known.
    fn size(&self) -> usize {
        let name = self.name.known().map_or(0, str::len);
        let value = self.value.as_ref().map_or(0, |value| value.len());
        name.saturating_add(value).saturating_add(32)
    }
}

/// A decoded header block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldList {
    /// In wire order.
    pub fields: Vec<Field>,
    /// More followed, beyond the limit.
    pub cut: bool,
}

/// Why a header block cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// It ends within a field.
    Cut,
    /// An integer is too large.
    Integer,
    /// A string's Huffman code is wrong.
    Huffman,
    /// No entry can have this index.
    Index,
    /// A size update after the first field.
    SizeUpdate,
}
