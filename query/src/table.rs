//! `Table`: the rows that a query gave.

use polars::prelude::{AnyValue, DataFrame, IdxCa, IdxSize, Series};

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
    pub fn value(&self, row: usize, column: usize) -> Value {
        let Some(name) = self.columns.get(column) else { return Value::Null };
        let Some(found) = self.frame.columns().get(column) else { return Value::Null };
        found.get(row).map_or(Value::Null, |value| Value::of(&value, name.ty))
    }

    /// One row, from left to right.
    pub fn row(&self, row: usize) -> impl Iterator<Item = Value> + '_ {
        (0..self.width()).map(move |column| self.value(row, column))
    }

    /// At most `length` rows from row `offset` on.
    #[must_use]
    pub fn slice(&self, offset: usize, length: usize) -> Self {
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        Self { columns: self.columns.clone(), frame: self.frame.slice(offset, length) }
    }

    /// These rows, in this order; numbers outside of the table give none.
    #[must_use]
    pub fn pick(&self, rows: &[usize]) -> Self {
        let within = rows.iter().filter(|row| **row < self.height()).filter_map(|row| IdxSize::try_from(*row).ok());
        let numbers = IdxCa::from_vec("rows".into(), within.collect());
        let frame = self.frame.take(&numbers).unwrap_or_else(|_| self.frame.clear());
        Self { columns: self.columns.clone(), frame }
    }

    /// The number of the column called `name`.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
    }
}

impl Value {
    /// A value of polars as one of type `ty`.
    fn of(value: &AnyValue<'_>, ty: Type) -> Self {
        if value.is_null() {
            return Self::Null;
        }
        let text = || value.get_str().map_or(Self::Null, |text| Self::String(text.to_owned()));
        match ty {
            Type::Time => match value {
                AnyValue::Datetime(ns, ..) | AnyValue::DatetimeOwned(ns, ..) => Self::Time(*ns),
                _ => Self::Null,
            },
            Type::Duration => value.extract().map_or(Self::Null, Self::Duration),
            Type::Bytes => value.extract().map_or(Self::Null, Self::Bytes),
            Type::U16 | Type::U32 | Type::U64 => value.extract().map_or(Self::Null, Self::U64),
            Type::I64 => value.extract().map_or(Self::Null, Self::I64),
            Type::F64 => value.extract().map_or(Self::Null, Self::F64),
            Type::Bool => match value {
                AnyValue::Boolean(value) => Self::Bool(*value),
                _ => Self::Null,
            },
            Type::String | Type::Ip | Type::Null => text(),
            Type::Blob => match value {
                AnyValue::Binary(bytes) => Self::Blob(bytes.to_vec()),
                AnyValue::BinaryOwned(bytes) => Self::Blob(bytes.clone()),
                _ => Self::Null,
            },
            Type::ListString => match value {
                AnyValue::List(list) => Self::List(texts(list)),
                _ => Self::Null,
            },
            Type::Headers => match value {
                AnyValue::List(list) => Self::Headers(pairs(list)),
                _ => Self::Null,
            },
        }
    }
}

fn texts(list: &Series) -> Vec<Option<String>> {
    list.str().map_or_else(|_| Vec::new(), |texts| texts.iter().map(|text| text.map(str::to_owned)).collect())
}

fn pairs(list: &Series) -> Vec<(Option<String>, Option<String>)> {
    let Ok(pairs) = list.struct_() else { return Vec::new() };
    let of = |name: &str| pairs.field_by_name(name).map_or_else(|_| Vec::new(), |field| texts(&field));
    of("name").into_iter().zip(of("value")).collect()
}
