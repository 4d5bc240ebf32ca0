//! Which columns of an answer fit on the screen, and how wide each is.

use query::{Table, Type, Value};
use unicode_width::UnicodeWidthStr;

use super::format::{bytes, count, duration, safe};
use crate::time;

/// A column on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    /// Its number in the answer.
    pub(super) index: usize,
    pub(super) width: usize,
    /// Aligned at the right.
    pub(super) right: bool,
}

/// The columns that fit into `width`, the most important ones first; their widths are those of rows `rows`.
pub(super) fn layout(
    table: &Table,
    preferred: &[&str],
    all: bool,
    rows: std::ops::Range<usize>,
    width: usize,
) -> Vec<Shown> {
    let mut order: Vec<usize> =
        if all { Vec::new() } else { preferred.iter().filter_map(|name| table.column(name)).collect() };
    if order.len() < preferred.len().min(2) || order.is_empty() {
        order = (0..table.width()).collect();
    }
    let mut shown: Vec<(Shown, usize)> = Vec::new();
    let mut left = width;
    for index in order {
        let Some(column) = table.columns().get(index) else { continue };
        let natural = rows.clone().map(|row| cell(table, row, index).width()).max().unwrap_or(0);
        let natural = natural.max(column.name.width()).min(WIDEST);
        let right = column.ty.is_numeric();
        let text = matches!(column.ty, Type::String | Type::ListString | Type::Headers | Type::Blob | Type::Ip);
        let taken = if text { natural.min(left.saturating_sub(1)) } else { natural };
        if taken + 1 > left || (taken < natural && taken < NARROWEST) {
            continue;
        }
        left -= taken + 1;
        shown.push((Shown { index, width: taken, right }, natural));
    }
    shown.into_iter().map(|(shown, _)| shown).collect()
}

/// A value as the screens show it.
pub(super) fn cell(table: &Table, row: usize, column: usize) -> String {
    let name = table.columns().get(column).map_or("", |column| column.name.as_str());
    show(&table.value(row, column), name)
}

/// A value as the screens show it; some names say more than their types.
pub(super) fn show(value: &Value, name: &str) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Time(ns) => time::clock(u64::try_from(*ns).unwrap_or(0)),
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        Value::Duration(ns) => duration(*ns as f64),
        Value::Bytes(bytes_) => bytes(*bytes_),
        Value::U64(number) if is_name(name) => number.to_string(),
        Value::U64(number) => count(*number),
        Value::I64(number) => number.to_string(),
        Value::F64(number) => float(*number, name),
        Value::Bool(flag) => flag.to_string(),
        Value::String(text) => safe(text),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| item.as_deref().map_or_else(|| "-".to_owned(), safe)).collect();
            items.join(", ")
        }
        Value::Headers(fields) => {
            let one = |part: &Option<String>| part.as_deref().map_or_else(|| "?".to_owned(), safe);
            fields.iter().map(|(name, value)| format!("{}: {}", one(name), one(value))).collect::<Vec<_>>().join("; ")
        }
        Value::Blob(bytes) => safe(&String::from_utf8_lossy(bytes)),
    }
}

fn float(number: f64, name: &str) -> String {
    match name {
        "errors" | "error_rate" | "share" => format!("{:.1}%", number * 100.0),
        "rate" => format!("{number:.1}/s"),
        "ns_per_hit" => duration(number),
        name if name.starts_with('p') || name == "avg" => duration(number),
        _ => format!("{number:.2}"),
    }
}

/// Numbers that name something are never rounded.
fn is_name(name: &str) -> bool {
    matches!(name, "id" | "parent" | "twin" | "conn" | "pid" | "status" | "http_status" | "stream" | "dns_id")
        || name.ends_with("_port")
}

/// No column takes more.
const WIDEST: usize = 64;
/// A column of text that is cut to less than this is not worth its place.
const NARROWEST: usize = 6;
