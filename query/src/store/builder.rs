//! Builds one column, value by value.
//!
//! Most columns of a session say the same thing in every row (one node, one process), or nothing at all. Such a column is
//! held as one value and a count until a row says something else.

use polars::prelude::*;
use polars_arrow::array::{ListArray, MutableArray, MutableBinaryViewArray, StructArray, ViewType};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::{ArrowDataType, Field as ArrowField};
use polars_arrow::offset::OffsetsBuffer;
use protocols::event::Address;
use protocols::record::Header;

use super::compact::compact;
use super::physical::dtype;
use crate::schema::Cell;
use crate::types::Type;

/// One column under construction.
#[derive(Debug)]
pub(super) struct ColumnBuilder {
    name: PlSmallStr,
    ty: Type,
    state: State,
    bytes: usize,
}

#[derive(Debug)]
enum State {
    /// So many nulls.
    Nulls(usize),
    /// One value, so many times.
    Constant(Constant, usize),
    /// Anything.
    Values(Box<Values>),
}

#[derive(Debug, PartialEq)]
enum Constant {
    U64(u64),
    F64(f64),
    Bool(bool),
    Text(String),
}

impl Constant {
    fn of(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::U64(value) => Some(Self::U64(value)),
            Cell::F64(value) => Some(Self::F64(value)),
            Cell::Bool(value) => Some(Self::Bool(value)),
            Cell::Text(value) => Some(Self::Text(value.to_owned())),
            Cell::Address(value) => Some(Self::Text(text_of(value))),
            _ => None,
        }
    }

    fn is(&self, cell: Cell<'_>) -> bool {
        match (self, cell) {
            (Self::U64(own), Cell::U64(other)) => *own == other,
            (Self::F64(own), Cell::F64(other)) => *own == other,
            (Self::Bool(own), Cell::Bool(other)) => *own == other,
            (Self::Text(own), Cell::Text(other)) => own == other,
            (Self::Text(own), Cell::Address(Address::Unix(other))) => **own == **other,
            (Self::Text(own), Cell::Address(other)) => *own == text_of(other),
            _ => false,
        }
    }

    fn cell(&self) -> Cell<'_> {
        match self {
            Self::U64(value) => Cell::U64(*value),
            Self::F64(value) => Cell::F64(*value),
            Self::Bool(value) => Cell::Bool(*value),
            Self::Text(value) => Cell::Text(value),
        }
    }
}

/// An address as it is stored and shown.
fn text_of(address: &Address) -> String {
    match address {
        Address::Ip(ip) => ip.to_string(),
        Address::Unix(path) => path.to_string(),
    }
}

impl ColumnBuilder {
    pub(super) fn new(name: &'static str, ty: Type) -> Self {
        Self { name: PlSmallStr::from_static(name), ty, state: State::Nulls(0), bytes: 0 }
    }

    /// Appends one value. A value of another type than the column's is a null: the schema's tests exclude it.
    pub(super) fn push(&mut self, cell: Cell<'_>) {
        match &mut self.state {
            State::Nulls(count) if matches!(cell, Cell::Null) => *count += 1,
            State::Constant(constant, count) if constant.is(cell) => *count += 1,
            State::Values(values) => self.bytes += values.push(cell),
            State::Nulls(0) => match Constant::of(cell) {
                Some(constant) => self.state = State::Constant(constant, 1),
                None => self.vary(cell),
            },
            _ => self.vary(cell),
        }
    }

    /// Roughly how many bytes it holds.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends the first value that is not like those before it.
    fn vary(&mut self, cell: Cell<'_>) {
        let mut values = Values::new(self.ty);
        let bytes = match &self.state {
            State::Nulls(count) => (0..*count).map(|_| values.push(Cell::Null)).sum(),
            State::Constant(constant, count) => (0..*count).map(|_| values.push(constant.cell())).sum(),
            State::Values(_) => 0,
        };
        self.bytes += bytes + values.push(cell);
        self.state = State::Values(Box::new(values));
    }

    /// The finished column, or null when every value is null. The builder is empty again.
    pub(super) fn finish(&mut self) -> PolarsResult<Option<Column>> {
        self.bytes = 0;
        let name = self.name.clone();
        match std::mem::replace(&mut self.state, State::Nulls(0)) {
            State::Nulls(_) => Ok(None),
            State::Constant(constant, count) => {
                let mut values = Values::new(self.ty);
                values.push(constant.cell());
                let series = values.finish(name.clone(), self.ty)?;
                let scalar = Scalar::new(series.dtype().clone(), series.get(0)?.into_static());
                Ok(Some(Column::new_scalar(name, scalar, count)))
            }
            State::Values(values) => Ok(Some(compact(&values.finish(name, self.ty)?)?.into_column())),
        }
    }
}

#[derive(Debug)]
enum Values {
    U16(Vec<Option<u16>>),
    U32(Vec<Option<u32>>),
    U64(Vec<Option<u64>>),
    I64(Vec<Option<i64>>),
    F64(Vec<Option<f64>>),
    Bool(Vec<Option<bool>>),
    Text(Texts<str>),
    Blob(Texts<[u8]>),
    List(Lists, Texts<str>),
    Headers(Lists, Texts<str>, Texts<str>),
}

struct Texts<T: ViewType + ?Sized>(MutableBinaryViewArray<T>);

impl<T: ViewType + ?Sized> std::fmt::Debug for Texts<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Texts")
    }
}

impl<T: ViewType + ?Sized> Texts<T> {
    fn new() -> Self {
        Self(MutableBinaryViewArray::new())
    }
}

/// Where each list ends, and which lists are null.
#[derive(Debug, Default)]
struct Lists {
    ends: Vec<i64>,
    valid: Vec<bool>,
}

impl Lists {
    fn push(&mut self, length: Option<usize>) {
        let last = self.ends.last().copied().unwrap_or(0);
        self.ends.push(last + length.map_or(0, |length| i64::try_from(length).unwrap_or(0)));
        self.valid.push(length.is_some());
    }

    fn finish(self, values: Box<dyn polars_arrow::array::Array>) -> PolarsResult<ListArray<i64>> {
        let mut offsets = Vec::with_capacity(self.ends.len() + 1);
        offsets.push(0);
        offsets.extend(self.ends);
        let dtype = ListArray::<i64>::default_datatype(values.dtype().clone());
        let validity = Bitmap::from_iter(self.valid);
        ListArray::try_new(dtype, OffsetsBuffer::try_from(offsets)?, values, Some(validity))
    }
}

impl Values {
    fn new(ty: Type) -> Self {
        match ty {
            Type::U16 => Self::U16(Vec::new()),
            Type::U32 => Self::U32(Vec::new()),
            Type::U64 | Type::Bytes => Self::U64(Vec::new()),
            Type::I64 | Type::Duration | Type::Time => Self::I64(Vec::new()),
            Type::F64 => Self::F64(Vec::new()),
            Type::Bool => Self::Bool(Vec::new()),
            Type::String | Type::Ip | Type::Null => Self::Text(Texts::new()),
            Type::Blob => Self::Blob(Texts::new()),
            Type::ListString => Self::List(Lists::default(), Texts::new()),
            Type::Headers => Self::Headers(Lists::default(), Texts::new(), Texts::new()),
        }
    }

    /// Appends; returns about how many bytes that took.
    fn push(&mut self, cell: Cell<'_>) -> usize {
        match self {
            Self::U16(values) => numbers(values, cell),
            Self::U32(values) => numbers(values, cell),
            Self::U64(values) => numbers(values, cell),
            Self::I64(values) => numbers(values, cell),
            Self::F64(values) => {
                values.push(if let Cell::F64(value) = cell { Some(value) } else { None });
                8
            }
            Self::Bool(values) => {
                values.push(if let Cell::Bool(value) = cell { Some(value) } else { None });
                1
            }
            Self::Text(values) => text(values, cell),
            Self::Blob(values) => match cell {
                Cell::Bytes(value) => {
                    values.0.push_value(value);
                    16 + value.len()
                }
                _ => {
                    values.0.push_null();
                    16
                }
            },
            Self::List(lists, values) => list(lists, values, cell),
            Self::Headers(lists, names, values) => headers(lists, names, values, cell),
        }
    }

    fn finish(self, name: PlSmallStr, ty: Type) -> PolarsResult<Series> {
        let series = match self {
            Self::U16(values) => Series::new(name, values),
            Self::U32(values) => Series::new(name, values),
            Self::U64(values) => Series::new(name, values),
            Self::I64(values) => Series::new(name, values),
            Self::F64(values) => Series::new(name, values),
            Self::Bool(values) => Series::new(name, values),
            Self::Text(mut values) => Series::try_from((name, values.0.as_box()))?,
            Self::Blob(mut values) => Series::try_from((name, values.0.as_box()))?,
            Self::List(lists, mut values) => {
                Series::try_from((name, Box::new(lists.finish(values.0.as_box())?) as ArrayRef))?
            }
            Self::Headers(lists, mut names, mut values) => {
                let length = names.0.len();
                let field = |name: &str| ArrowField::new(name.into(), ArrowDataType::Utf8View, true);
                let dtype = ArrowDataType::Struct(vec![field("name"), field("value")]);
                let fields = vec![names.0.as_box(), values.0.as_box()];
                let pairs = StructArray::try_new(dtype, length, fields, None)?;
                Series::try_from((name, Box::new(lists.finish(Box::new(pairs))?) as ArrayRef))?
            }
        };
        let wanted = dtype(ty);
        if *series.dtype() == wanted { Ok(series) } else { series.cast(&wanted) }
    }
}

fn numbers<T: TryFrom<u64>>(values: &mut Vec<Option<T>>, cell: Cell<'_>) -> usize {
    values.push(if let Cell::U64(value) = cell { T::try_from(value).ok() } else { None });
    size_of::<T>()
}

fn text(values: &mut Texts<str>, cell: Cell<'_>) -> usize {
    match cell {
        Cell::Text(value) => values.0.push_value(value),
        Cell::Address(Address::Unix(path)) => values.0.push_value(&**path),
        Cell::Address(address) => values.0.push_value(text_of(address)),
        _ => {
            values.0.push_null();
            return 16;
        }
    }
    16 + match cell {
        Cell::Text(value) if value.len() > 12 => value.len(),
        _ => 0,
    }
}

fn list(lists: &mut Lists, values: &mut Texts<str>, cell: Cell<'_>) -> usize {
    let before = values.0.total_buffer_len();
    match cell {
        Cell::Texts(texts) => {
            texts.iter().for_each(|text| values.0.push_value(text));
            lists.push(Some(texts.len()));
        }
        Cell::NullableTexts(texts) => {
            texts.iter().for_each(|text| values.0.push(text.as_ref()));
            lists.push(Some(texts.len()));
        }
        _ => lists.push(None),
    }
    24 + values.0.total_buffer_len().saturating_sub(before)
}

fn headers(lists: &mut Lists, names: &mut Texts<str>, values: &mut Texts<str>, cell: Cell<'_>) -> usize {
    let Cell::Headers(fields) = cell else {
        lists.push(None);
        return 9;
    };
    let mut bytes = 9;
    for Header { name, value } in fields {
        names.0.push(name.as_ref());
        values.0.push(value.as_ref());
        let long = |text: &Option<std::sync::Arc<str>>| text.as_ref().map_or(0, |text| text.len());
        bytes += 32 + long(name) + long(value);
    }
    lists.push(Some(fields.len()));
    bytes
}
