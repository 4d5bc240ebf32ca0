//! Every table and column: one list that feeds completion, help, type checks, `explore schema`, files and OTLP.

use crate::types::Type;

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub ty: Type,
    /// What it means.
    pub meaning: &'static str,
    /// The OpenTelemetry attribute that says the same.
    pub otel: Option<&'static str>,
}

impl Column {
    /// In which unit its values are; null for plain numbers and text.
    #[must_use]
    pub fn unit(&self) -> Option<&'static str> {
        self.ty.unit()
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What a row of it is.
    pub doc: &'static str,
    /// Its columns, in the order in which they are shown.
    pub columns: Vec<Column>,
}

impl Table {
    /// The column called `name`, whatever its case.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }
}

/// Every table, stored ones and views.
#[must_use]
pub fn tables() -> &'static [Table] {
    &[]
}

/// The table called `name`, whatever its case.
#[must_use]
pub fn table(name: &str) -> Option<&'static Table> {
    tables().iter().find(|table| table.name.eq_ignore_ascii_case(name))
}
