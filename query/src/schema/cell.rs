//! `Cell`: one value on its way from a record into a column; `Field`: a column and how to read it from a record.

use std::sync::Arc;

use protocols::event::{Address, Timestamp};
use protocols::record::Header;

use super::Column;
use crate::types::Type;

/// A value borrowed from a record.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell<'a> {
    Null,
    U64(u64),
    F64(f64),
    Bool(bool),
    Text(&'a str),
    Address(&'a Address),
    Texts(&'a [String]),
    NullableTexts(&'a [Option<String>]),
    Headers(&'a [Header]),
    Bytes(&'a [u8]),
}

/// A column of the records `R`.
pub(crate) struct Field<R: 'static> {
    pub(crate) column: Column,
    pub(crate) get: for<'a> fn(&'a R) -> Cell<'a>,
}

/// Declares a column.
pub(crate) const fn field<R>(
    name: &'static str,
    ty: Type,
    meaning: &'static str,
    get: for<'a> fn(&'a R) -> Cell<'a>,
) -> Field<R> {
    Field { column: Column { name, ty, meaning, otel: None }, get }
}

impl<R> Field<R> {
    /// The same, with the OpenTelemetry attribute that says the same.
    pub(crate) const fn otel(mut self, attribute: &'static str) -> Self {
        self.column.otel = Some(attribute);
        self
    }
}

impl From<u64> for Cell<'_> {
    fn from(value: u64) -> Self {
        Self::U64(value)
    }
}

impl From<bool> for Cell<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Timestamp> for Cell<'_> {
    fn from(value: Timestamp) -> Self {
        Self::U64(value.0)
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

macro_rules! from_option {
    ($($ty:ty => $value:ident $cell:expr),* $(,)?) => {
        $(impl<'a> From<Option<$ty>> for Cell<'a> {
            fn from(value: Option<$ty>) -> Self {
                match value {
                    Some($value) => $cell,
                    None => Self::Null,
                }
            }
        })*
    };
}

from_option! {
    u16 => value Self::U64(u64::from(value)),
    u32 => value Self::U64(u64::from(value)),
    u64 => value Self::U64(value),
    f64 => value Self::F64(value),
    bool => value Self::Bool(value),
    Timestamp => value Self::U64(value.0),
    &'a str => value Self::Text(value),
}

macro_rules! from_option_ref {
    ($($ty:ty => $value:ident $cell:expr),* $(,)?) => {
        $(impl<'a> From<&'a Option<$ty>> for Cell<'a> {
            fn from(value: &'a Option<$ty>) -> Self {
                match value {
                    Some($value) => $cell,
                    None => Self::Null,
                }
            }
        })*
    };
}

from_option_ref! {
    String => value Self::Text(value),
    Arc<str> => value Self::Text(value),
    Address => value Self::Address(value),
    Vec<String> => value Self::Texts(value),
    Vec<Option<String>> => value Self::NullableTexts(value),
    Vec<Header> => value Self::Headers(value),
    Vec<u8> => value Self::Bytes(value),
}
