//! Which columns of an answer fit on the screen, and how wide each is.

use query::{OutputColumn, Table, Type, Value};
use unicode_width::UnicodeWidthStr;

use super::format::{bytes, count, duration, safe};
use super::model::Pane;
use super::sparks::SECONDS;
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

/// The columns of a part's answer that fit into `width` columns of the screen, with its marks and sparklines.
pub(super) fn of_pane(pane: &Pane, table: &Table, width: usize, settled: bool) -> Vec<Shown> {
    let (preferred, least) = if pane.all_columns { (&[][..], &[][..]) } else { pane.preferred() };
    let first = if pane.edges.is_empty() { 0 } else { edge_width(width) + 1 };
    layout(table, preferred, least, &pane.widths, width.saturating_sub(2 + first + spark_width(pane, width)), settled)
}

/// Columns of the screen that a sparkline takes, with the space before it.
pub(super) fn spark_width(pane: &Pane, width: usize) -> usize {
    if pane.sparks.is_some() { (width.saturating_sub(60) / 2).clamp(10, SECONDS) + 1 } else { 0 }
}

/// Columns of the screen that say who calls whom.
pub(super) fn edge_width(width: usize) -> usize {
    (width / 2).min(60)
}

/// The columns that fit into `width`: of `preferred`, in that order, without some of `least` where there is no room.
///
/// Where no rows follow (`settled`), columns that say nothing in any row are left out.
fn layout(
    table: &Table,
    preferred: &[&str],
    least: &[&str],
    widths: &[usize],
    width: usize,
    settled: bool,
) -> Vec<Shown> {
    let mut order: Vec<usize> = preferred.iter().filter_map(|name| table.column(name)).collect();
    if order.len() < preferred.len().min(2) || order.is_empty() {
        order = (0..table.width()).collect();
    } else if settled {
        // A capture knows no process: its rows need the room.
        let says = |index: &usize| (0..table.height()).any(|row| table.value(row, *index) != Value::Null);
        order.retain(says);
    }
    let name = |index: &usize| table.columns().get(*index).map_or("", |column| column.name.as_str());
    let natural = |index: &usize| widths.get(*index).copied().unwrap_or_else(|| name(index).width());
    // Texts can do with less; the room that is left over is theirs.
    let wanted =
        |index: &usize| if is_text(table, *index) { natural(index).min(width * 2 / 5) } else { natural(index) };
    let needed = |order: &[usize]| order.iter().map(|index| wanted(index) + 1).sum::<usize>();
    for name in least {
        if needed(&order) > width + 1
            && let Some(at) = order.iter().position(|index| table.column(name) == Some(*index))
        {
            order.remove(at);
        }
    }
    while order.len() > 1 && needed(&order) > width + 1 {
        order.pop();
    }
    let mut left = (width + 1).saturating_sub(needed(&order));
    let mut shown = Vec::new();
    for index in order {
        let more = natural(&index).saturating_sub(wanted(&index)).min(left);
        left -= more;
        let right = table.columns().get(index).is_some_and(|column| column.ty.is_numeric());
        let taken = (wanted(&index) + more).min(width);
        shown.push(Shown { index, width: taken, right });
    }
    shown
}

fn is_text(table: &Table, index: usize) -> bool {
    let text = |ty| matches!(ty, Type::String | Type::ListString | Type::Headers | Type::Blob);
    table.columns().get(index).is_some_and(|column| text(column.ty))
}

/// How wide each column is in `rows`, or was before.
pub(super) fn widths(table: &Table, rows: std::ops::Range<usize>, before: &[usize]) -> Vec<usize> {
    let column = |(index, column): (usize, &OutputColumn)| {
        let cells = rows.clone().map(|row| cell(table, row, index).width()).max().unwrap_or(0);
        let least = match column.ty {
            Type::Duration | Type::F64 => DIGITS,
            Type::Bytes => DIGITS + 1,
            _ => 0,
        };
        let former = before.get(index).copied().unwrap_or(0);
        cells.max(heading(&column.name).width()).max(least).max(former).min(WIDEST)
    };
    table.columns().iter().enumerate().map(column).collect()
}

/// What stands above a column.
pub(super) fn heading(name: &str) -> &str {
    match name {
        "bytes_sent" => "sent",
        "bytes_received" => "received",
        "retransmits" => "resent",
        "ns_per_hit" => "per hit",
        "remote_port" | "local_port" => "port",
        other => other,
    }
}

/// Whether a row is about something that failed: an exchange, a group with errors in it, a certificate about to expire.
pub(super) fn failed(table: &Table, row: usize) -> bool {
    let value = |name: &str| table.column(name).map_or(Value::Null, |column| table.value(row, column));
    let is_error = match (value("error"), value("errors"), value("state")) {
        (Value::Bool(error), _, _) => error,
        (_, Value::F64(share), _) => share >= 0.05,
        (_, Value::U64(errors), _) => errors > 0,
        (_, _, Value::String(state)) => state == "failed",
        _ => false,
    };
    is_error
        || matches!(value("failed"), Value::U64(failed) if failed > 0)
        || matches!(value("left"), Value::Duration(left) if left < SOON)
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
        Value::Time(ns) if name == "cert_not_after" => {
            time::rfc3339(u64::try_from(*ns).unwrap_or(0)).chars().take(DATE).collect()
        }
        Value::Time(ns) => time::clock(u64::try_from(*ns).unwrap_or(0)),
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        Value::Duration(ns) => duration(*ns as f64),
        Value::Bytes(bytes_) => bytes(*bytes_),
        // Connections without bytes have no number.
        Value::U64(0) if name == "conn" => "-".to_owned(),
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
        "rate" => format!("{}/s", rate(number)),
        "ns_per_hit" => duration(number),
        name if name.starts_with('p') || name == "avg" => duration(number),
        _ => format!("{number:.2}"),
    }
}

/// Three digits of a count a second.
pub(super) fn rate(number: f64) -> String {
    match number {
        n if n < 9.95 => format!("{n:.2}"),
        n if n < 99.95 => format!("{n:.1}"),
        n if n < 9_999.5 => format!("{n:.0}"),
        n => format!("{:.1}k", n / 1e3),
    }
}

/// Numbers that name something are never rounded.
fn is_name(name: &str) -> bool {
    matches!(name, "id" | "parent" | "twin" | "conn" | "pid" | "status" | "port" | "http_status" | "stream" | "dns_id")
        || name.ends_with("_port")
}

/// No column takes more.
const WIDEST: usize = 64;
/// `99.9ms`.
const DIGITS: usize = 6;
/// `2026-11-22`.
const DATE: usize = 10;
/// A certificate with less time left deserves a look: 30 days, ns.
pub(super) const SOON: i64 = 30 * 86_400_000_000_000;
