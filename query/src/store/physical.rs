//! How the types of columns are held in polars.

use polars::prelude::{DataType, Field, PlSmallStr, TimeUnit, TimeZone};

use crate::types::Type;

/// The running number of a row in the session: hidden column of every stored table, in order of completion.
pub(crate) const SEQ: &str = "_seq";
/// Rows of files whose [`SEQ`] is the same are in order of this hidden column.
pub(crate) const TIE: &str = "_tie";

/// The polars type of a column of type `ty`.
pub(crate) fn dtype(ty: Type) -> DataType {
    match ty {
        Type::Time => DataType::Datetime(TimeUnit::Nanoseconds, Some(TimeZone::UTC)),
        Type::Duration | Type::I64 => DataType::Int64,
        Type::Bytes | Type::U64 => DataType::UInt64,
        Type::U16 => DataType::UInt16,
        Type::U32 => DataType::UInt32,
        Type::F64 => DataType::Float64,
        Type::Bool => DataType::Boolean,
        Type::String | Type::Ip | Type::Null => DataType::String,
        Type::ListString => DataType::List(Box::new(DataType::String)),
        Type::Headers => DataType::List(Box::new(DataType::Struct(vec![
            Field::new(PlSmallStr::from_static("name"), DataType::String),
            Field::new(PlSmallStr::from_static("value"), DataType::String),
        ]))),
        Type::Blob => DataType::Binary,
    }
}
