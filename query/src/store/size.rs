//! Bytes that a column holds. polars' own estimate leaves the views of texts out, 16 bytes a value: most of what headers take.

use polars::prelude::*;
use polars_arrow::array::{
    Array, BinaryViewArray, BinaryViewArrayGeneric, ListArray, StructArray, Utf8ViewArray, View, ViewType,
};
use polars_arrow::bitmap::Bitmap;

/// What one value for all rows takes, about.
const SCALAR: usize = 64;

pub(super) fn column_bytes(column: &Column) -> usize {
    match column {
        Column::Series(series) => series_bytes(series),
        Column::Scalar(scalar) => SCALAR + series_bytes(&scalar.as_single_value_series()),
    }
}

fn series_bytes(series: &Series) -> usize {
    let known: Option<usize> = series.chunks().iter().map(|array| array_bytes(&**array)).sum();
    known.unwrap_or_else(|| series.estimated_size())
}

/// Null for arrays whose size polars knows.
fn array_bytes(array: &dyn Array) -> Option<usize> {
    let any = array.as_any();
    if let Some(texts) = any.downcast_ref::<Utf8ViewArray>() {
        return Some(view_bytes(texts));
    }
    if let Some(blobs) = any.downcast_ref::<BinaryViewArray>() {
        return Some(view_bytes(blobs));
    }
    if let Some(lists) = any.downcast_ref::<ListArray<i64>>() {
        let offsets = size_of_val(lists.offsets().as_slice());
        return Some(offsets + bits(lists.validity()) + array_bytes(&**lists.values())?);
    }
    let pairs = any.downcast_ref::<StructArray>()?;
    let fields: Option<usize> = pairs.values().iter().map(|field| array_bytes(&**field)).sum();
    Some(fields? + bits(pairs.validity()))
}

fn view_bytes<T: ViewType + ?Sized>(array: &BinaryViewArrayGeneric<T>) -> usize {
    array.len() * size_of::<View>() + array.total_buffer_len() + bits(array.validity())
}

fn bits(validity: Option<&Bitmap>) -> usize {
    validity.map_or(0, |validity| validity.len().div_ceil(8))
}
