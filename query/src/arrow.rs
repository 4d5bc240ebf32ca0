//! Schemas of the Arrow and Parquet files that are written.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use polars::io::parquet::write::KeyValueMetadata;
use polars::prelude::*;
use polars_arrow::datatypes::{ArrowSchema, Metadata};
use polars_arrow::io::ipc::write::{default_ipc_fields, schema_to_bytes};

use crate::store::physical::dtype;
use crate::types::Type;

/// The Arrow schema of columns of these names and types. Metadata `unit` says what numbers count, `type` what they are.
pub(crate) fn frame_schema<'a>(columns: impl Iterator<Item = (&'a str, Type)>) -> ArrowSchema {
    let field = |(name, ty): (&str, Type)| {
        let mut field = dtype(ty).to_arrow_field(name.into(), CompatLevel::oldest());
        let mut metadata = Metadata::new();
        metadata.insert("explore.type".into(), ty.name().into());
        if let Some(unit) = ty.unit() {
            metadata.insert("unit".into(), unit.into());
        }
        field.metadata = Some(Arc::new(metadata));
        field
    };
    columns.map(field).collect()
}

/// The footer's entries of a Parquet file: the Arrow schema with its metadata, and `more`.
pub(crate) fn key_values(schema: &ArrowSchema, more: Vec<(String, String)>) -> KeyValueMetadata {
    let message = schema_to_bytes(schema, &default_ipc_fields(schema.iter_values()), None);
    // The encapsulated message format: continuation mark, length, message.
    let mut bytes = vec![0xff; 4];
    bytes.extend_from_slice(&u32::try_from(message.len()).unwrap_or(0).to_le_bytes());
    bytes.extend_from_slice(&message);
    let mut entries = vec![("ARROW:schema".to_owned(), STANDARD.encode(bytes))];
    entries.extend(more);
    KeyValueMetadata::from_static(entries)
}
