//! Builds one column, value by value.
//!
//! Most columns of a session say the same thing in every row (one node, one process), or nothing at all. Such a column is
//! held as one value and a count until a row says something else.

use polars::prelude::*;
use polars_arrow::array::{ListArray, StructArray};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::{ArrowDataType, Field as ArrowField};
use polars_arrow::offset::OffsetsBuffer;
use protocols::event::Address;
use protocols::record::Header;

use super::physical::dtype;
use super::texts::Texts;
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
            State::Values(values) => Ok(Some(values.finish(name, self.ty)?.into_column())),
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
    Text(Texts),
    Blob(Texts),
    List(Lists, Texts),
    Headers(Lists, Texts, Texts),
}

/// Where each list ends, and which lists are null.
#[derive(Debug, Default)]
struct Lists {
    ends: Vec<i64>,
    valid: Vec<bool>,
}

impl Lists {
    /// Appends a list of so many values, or null; returns how many bytes that took.
    fn push(&mut self, length: Option<usize>) -> usize {
        let last = self.ends.last().copied().unwrap_or(0);
        self.ends.push(last + length.map_or(0, |length| i64::try_from(length).unwrap_or(0)));
        self.valid.push(length.is_some());
        size_of::<i64>() + 1
    }

    fn finish(self, values: ArrayRef) -> PolarsResult<ListArray<i64>> {
        let mut offsets = Vec::with_capacity(self.ends.len() + 1);
        offsets.push(0);
        offsets.extend(self.ends);
        let dtype = ListArray::<i64>::default_datatype(values.dtype().clone());
        let validity = Bitmap::from_iter(self.valid);
        ListArray::try_new(dtype, OffsetsBuffer::try_from(offsets)?, values, Some(validity))
    }
}

impl Texts {
    fn texts(self) -> PolarsResult<ArrayRef> {
        Ok(Box::new(self.finish::<str>(ArrowDataType::Utf8View)?))
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
            Type::String | Type::Ip | Type::Null => Self::Text(Texts::default()),
            Type::Blob => Self::Blob(Texts::default()),
            Type::ListString => Self::List(Lists::default(), Texts::default()),
            Type::Headers => Self::Headers(Lists::default(), Texts::default(), Texts::default()),
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
            Self::Blob(values) => values.push(if let Cell::Bytes(value) = cell { Some(value) } else { None }),
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
            Self::Text(values) => Series::try_from((name, values.texts()?))?,
            Self::Blob(values) => {
                let blobs = values.finish::<[u8]>(ArrowDataType::BinaryView)?;
                Series::try_from((name, Box::new(blobs) as ArrayRef))?
            }
            Self::List(lists, values) => {
                Series::try_from((name, Box::new(lists.finish(values.texts()?)?) as ArrayRef))?
            }
            Self::Headers(lists, names, values) => {
                let length = names.len();
                let field = |name: &str| ArrowField::new(name.into(), ArrowDataType::Utf8View, true);
                let dtype = ArrowDataType::Struct(vec![field("name"), field("value")]);
                let fields = vec![names.texts()?, values.texts()?];
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

fn text(values: &mut Texts, cell: Cell<'_>) -> usize {
    match cell {
        Cell::Text(value) => values.push(Some(value.as_bytes())),
        Cell::Address(Address::Unix(path)) => values.push(Some(path.as_bytes())),
        Cell::Address(address) => values.push(Some(text_of(address).as_bytes())),
        _ => values.push(None),
    }
}

fn list(lists: &mut Lists, values: &mut Texts, cell: Cell<'_>) -> usize {
    let (length, bytes) = match cell {
        Cell::Texts(texts) => {
            let bytes = texts.iter().map(|text| values.push(Some(text.as_bytes()))).sum();
            (Some(texts.len()), bytes)
        }
        Cell::NullableTexts(texts) => {
            let bytes = texts.iter().map(|text| values.push(text.as_deref().map(str::as_bytes))).sum();
            (Some(texts.len()), bytes)
        }
        _ => (None, 0),
    };
    lists.push(length) + bytes
}

fn headers(lists: &mut Lists, names: &mut Texts, values: &mut Texts, cell: Cell<'_>) -> usize {
    let Cell::Headers(fields) = cell else { return lists.push(None) };
    let mut bytes = lists.push(Some(fields.len()));
    for Header { name, value } in fields {
        bytes += names.push(name.as_deref().map(str::as_bytes));
        bytes += values.push(value.as_deref().map(str::as_bytes));
    }
    bytes
}
