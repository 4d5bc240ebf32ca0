//! Texts without room to spare.
//!
//! A column of texts points into buffers, and joining two columns keeps the buffers of both. Small chunks that are merged
//! again and again would so hold thousands of buffers a column, each of 8 KiB for what may be some bytes: several times
//! of what they hold, and more than the budget knows of.

use polars::prelude::*;
use polars_arrow::array::ViewType;
use polars_arrow::array::{Array, BinaryViewArray, BinaryViewArrayGeneric, ListArray, StructArray, Utf8ViewArray};

use super::texts::Texts;

/// The same values, their texts, also in lists, written anew as a [`Texts`].
pub(super) fn compact(series: &Series) -> PolarsResult<Series> {
    let texts = matches!(series.dtype(), DataType::String | DataType::Binary | DataType::List(_));
    if !texts {
        return Ok(series.clone());
    }
    let chunks: PolarsResult<Vec<ArrayRef>> = series.chunks().iter().map(|array| array_of(&**array)).collect();
    Series::try_from((series.name().clone(), chunks?))
}

fn array_of(array: &dyn Array) -> PolarsResult<ArrayRef> {
    let any = array.as_any();
    if let Some(texts) = any.downcast_ref::<Utf8ViewArray>() {
        return Ok(Box::new(written_anew(texts)?));
    }
    if let Some(blobs) = any.downcast_ref::<BinaryViewArray>() {
        return Ok(Box::new(written_anew(blobs)?));
    }
    if let Some(list) = any.downcast_ref::<ListArray<i64>>() {
        let values = array_of(&**list.values())?;
        let list = ListArray::try_new(list.dtype().clone(), list.offsets().clone(), values, list.validity().cloned())?;
        return Ok(Box::new(list));
    }
    if let Some(fields) = any.downcast_ref::<StructArray>() {
        let values: PolarsResult<Vec<ArrayRef>> = fields.values().iter().map(|values| array_of(&**values)).collect();
        let fields = StructArray::try_new(fields.dtype().clone(), fields.len(), values?, fields.validity().cloned())?;
        return Ok(Box::new(fields));
    }
    Ok(array.to_boxed())
}

fn written_anew<T: ViewType + ?Sized>(array: &BinaryViewArrayGeneric<T>) -> PolarsResult<BinaryViewArrayGeneric<T>> {
    let mut texts = Texts::default();
    for value in array.iter() {
        texts.push(value.map(T::to_bytes));
    }
    texts.finish(array.dtype().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffers(series: &Series) -> usize {
        let array = series.chunks()[0].as_any();
        array.downcast_ref::<Utf8ViewArray>().expect("holds texts").data_buffers().len()
    }

    #[test]
    fn joined_texts_are_in_one_buffer() {
        let part = |from: usize| {
            let texts = (from..from + 3).map(|at| match at % 3 {
                0 => None,
                1 => Some("short".to_owned()),
                _ => Some(format!("a text too long to be kept in place, number {at}")),
            });
            Series::new("path".into(), texts.collect::<Vec<Option<String>>>())
        };
        let mut joined = part(0);
        for from in 1..100 {
            joined.append_owned(part(from * 3)).expect("same type");
        }
        let joined = joined.rechunk();
        assert!(buffers(&joined) > 50, "polars keeps every buffer: {}", buffers(&joined));
        let compacted = compact(&joined).expect("can be read");
        assert_eq!(buffers(&compacted), 1);
        assert!(compacted.equals_missing(&joined));
        assert_eq!(compacted.dtype(), joined.dtype());
    }

    #[test]
    fn texts_in_lists_too() {
        let list = |texts: &[&str]| Series::new("".into(), texts);
        let one = Series::new("params".into(), [list(&["a rather long parameter"]), list(&[])]);
        let mut joined = one.clone();
        joined.append_owned(one).expect("same type");
        let joined = joined.rechunk();
        let compacted = compact(&joined).expect("can be read");
        assert!(compacted.equals_missing(&joined));
        let array = compacted.chunks()[0].as_any().downcast_ref::<ListArray<i64>>().expect("is a list");
        let texts = array.values().as_any().downcast_ref::<Utf8ViewArray>().expect("of texts");
        assert_eq!(texts.data_buffers().len(), 1);
    }
}
