//! Tests and functions of text, headers, addresses and bodies.

use std::net::IpAddr;

use polars::prelude::*;
use polars_arrow::array::{Array, ListArray, MutableArray, MutableBinaryViewArray, StructArray, Utf8ViewArray};

use crate::ast::Match;
use crate::json::{self, Step};
use crate::plan::typed::{Network, Typed};
use crate::types::Type;

/// `value op pattern`; null where either is.
pub(super) fn matches(op: Match, value: Expr, ty: Type, pattern: Expr, typed: &Typed) -> PolarsResult<Expr> {
    if ty == Type::ListString {
        let found = value.clone().list().contains(pattern.clone(), false);
        return Ok(when(value.is_null().or(pattern.is_null())).then(lit(NULL)).otherwise(found));
    }
    let value = match ty {
        Type::Blob => lossy(value),
        Type::Null => value.cast(DataType::String),
        _ => value,
    };
    let pattern = if typed.ty == Type::Null { pattern.cast(DataType::String) } else { pattern };
    Ok(match op {
        Match::Regex => value.str().contains(pattern, true),
        Match::Like => value.str().contains(lit(like(typed.text().unwrap_or_default())), true),
        Match::Contains => value.str().contains_literal(pattern),
        Match::StartsWith => value.str().starts_with(pattern),
        Match::EndsWith => value.str().ends_with(pattern),
    })
}

/// SQL's pattern as a regular expression: `%` is any text, `_` any character, `\` takes the next one as it is.
fn like(pattern: &str) -> String {
    let mut regex = String::from("(?s)^");
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            '\\' => regex.push_str(&regex::escape(&chars.next().unwrap_or('\\').to_string())),
            other => regex.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push('$');
    regex
}

fn output(ty: DataType) -> impl Fn(&Schema, &Field) -> PolarsResult<Field> + Send + Sync + 'static {
    move |_, field| Ok(Field::new(field.name().clone(), ty.clone()))
}

/// Bytes as text, what is no UTF-8 replaced.
fn lossy(value: Expr) -> Expr {
    let map = |column: Column| {
        let text = column.binary()?.iter().map(|bytes| bytes.map(String::from_utf8_lossy)).collect::<StringChunked>();
        Ok(text.with_name(column.name().clone()).into_column())
    };
    value.map(map, output(DataType::String))
}

/// `5xx` of 5.
pub(super) fn class_name(number: Expr) -> Expr {
    let names: [String; 10] = std::array::from_fn(|number| format!("{number}xx"));
    let map = move |column: Column| {
        let name = |number: i64| names.get(usize::try_from(number).ok()?).map(String::as_str);
        let named: StringChunked = column.i64()?.iter().map(|number| number.and_then(name)).collect();
        Ok(named.with_name(column.name().clone()).into_column())
    };
    number.map(map, output(DataType::String))
}

pub(super) fn blob_length(value: Expr) -> Expr {
    let map = |column: Column| {
        let lengths: UInt64Chunked =
            column.binary()?.iter().map(|bytes| bytes.map(|bytes| bytes.len() as u64)).collect();
        Ok(lengths.with_name(column.name().clone()).into_column())
    };
    value.map(map, output(DataType::UInt64))
}

pub(super) fn json(value: Expr, path: Vec<Step>) -> Expr {
    let map = move |column: Column| {
        let found = column.binary()?.iter().map(|bytes| bytes.and_then(|bytes| json::extract(bytes, &path)));
        Ok(found.collect::<StringChunked>().with_name(column.name().clone()).into_column())
    };
    value.map(map, output(DataType::String))
}

/// Whether an address is in one of `networks`; what is no address (a Unix socket) is in none.
pub(super) fn in_networks(value: Expr, networks: Vec<Network>) -> Expr {
    let map = move |column: Column| {
        let mut last: Option<(&str, bool)> = None;
        let addresses = column.str()?;
        let found: BooleanChunked = addresses
            .iter()
            .map(|text| {
                let text = text?;
                // Rows of one connection follow each other.
                if let Some((seen, known)) = last.filter(|(seen, _)| *seen == text) {
                    last = Some((seen, known));
                    return Some(known);
                }
                let inside = text
                    .parse::<IpAddr>()
                    .is_ok_and(|address| networks.iter().any(|network| network.contains(address)));
                last = Some((text, inside));
                Some(inside)
            })
            .collect();
        Ok(found.with_name(column.name().clone()).into_column())
    };
    value.map(map, output(DataType::Boolean))
}

/// The first value of the header `name` (lower case).
pub(super) fn header(headers: Expr, name: String) -> Expr {
    let map = move |column: Column| {
        let series = column.as_materialized_series().rechunk();
        let mut found = MutableBinaryViewArray::<str>::with_capacity(series.len());
        for chunk in series.chunks() {
            first_values(chunk.as_ref(), &name, &mut found);
        }
        Series::try_from((column.name().clone(), found.as_box())).map(IntoColumn::into_column)
    };
    headers.map(map, output(DataType::String))
}

fn first_values(chunk: &dyn Array, name: &str, found: &mut MutableBinaryViewArray<str>) {
    let texts = |array: &ListArray<i64>| -> Option<(Utf8ViewArray, Utf8ViewArray)> {
        let pairs = array.values().as_any().downcast_ref::<StructArray>()?;
        let of = |at: usize| pairs.values().get(at)?.as_any().downcast_ref::<Utf8ViewArray>().cloned();
        Some((of(0)?, of(1)?))
    };
    let lists = chunk.as_any().downcast_ref::<ListArray<i64>>();
    let Some((lists, (names, values))) = lists.and_then(|lists| Some((lists, texts(lists)?))) else {
        (0..chunk.len()).for_each(|_| found.push_null());
        return;
    };
    for (row, range) in lists.offsets().windows(2).enumerate() {
        let range = if lists.is_null(row) { 0..0 } else { range[0] as usize..range[1] as usize };
        let mut fields = range.filter(|at| names.get(*at).is_some_and(|field| field.eq_ignore_ascii_case(name)));
        found.push(fields.next().and_then(|at| values.get(at)));
    }
}
