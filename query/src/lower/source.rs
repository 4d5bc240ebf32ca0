//! The rows that a plan begins with.

use polars::prelude::*;

use super::ordered::{self, with_order};
use crate::plan::{Order, Plan};
use crate::schema::{self, EXCHANGES};
use crate::snapshot::By;
use crate::store::Snapshot;
use crate::store::physical::{SEQ, dtype};
use crate::types::Type;

/// The rows of the plan's table after number `after`, in order of completion: the columns that it reads.
pub(super) fn rows(plan: &Plan, snapshot: &Snapshot, after: Option<u64>) -> PolarsResult<LazyFrame> {
    if plan.table != "requests" {
        let rows = stored(snapshot, plan.table, &plan.reads, after)?.lazy();
        // Chunks that were read from files may overlap.
        let chunks = snapshot.final_chunks(plan.table);
        let in_order = chunks.iter().zip(chunks.iter().skip(1)).all(|(one, next)| one.last_seq < next.first_seq);
        return Ok(if in_order { rows } else { rows.sort([SEQ], SortMultipleOptions::default()) });
    }
    let parts = EXCHANGES.iter().map(|table| part(snapshot, table, &plan.reads, after));
    let all = concat(parts.collect::<PolarsResult<Vec<_>>>()?, UnionArgs::default())?;
    // Where they are only added up their order does not matter.
    Ok(if plan.order() == Order::None { all } else { all.sort([SEQ], SortMultipleOptions::default()) })
}

/// Columns `reads` of a table where some rows were read from files, in no order. If `ordered`, they have [`SEQ`] and [`TIE`],
/// whose order is that of completion.
pub(super) fn scanned(
    table: &'static str,
    reads: &[String],
    snapshot: &Snapshot,
    ordered: bool,
) -> PolarsResult<LazyFrame> {
    let by = ordered.then_some(By::Completion);
    let tables: &[&'static str] = if table == "requests" { &EXCHANGES } else { &[table] };
    let mut parts = Vec::new();
    for stored in tables {
        let view = (table == "requests").then(|| view_of(stored, reads));
        let needed = view.as_ref().map_or(reads, |(needed, _)| needed);
        let mut rows = Vec::new();
        // Where there is nothing at all there must be columns still.
        if snapshot.stored_range(stored).is_some() || snapshot.scans(stored).is_empty() {
            rows.push(ordered::stored(snapshot, stored, needed, By::Completion)?.lazy());
        }
        for scan in snapshot.scans(stored) {
            rows.push(scan.lazy(needed, by)?);
        }
        for rows in rows {
            // Constants, such as the name of a table, are put beside the rows: selected alone they would be one row.
            let rows = match &view {
                Some((_, columns)) => rows.with_columns(columns.clone()),
                None => rows,
            };
            let columns = reads.iter().map(|name| col(name.as_str())).collect();
            // Without a column of the rows themselves there would be none.
            let columns = match (ordered, reads.is_empty()) {
                (true, _) => with_order(columns),
                // Of the same type whatever it was made of.
                (false, true) => vec![col(SEQ).is_null().alias(SEQ)],
                (false, false) => columns,
            };
            parts.push(rows.select(columns));
        }
    }
    match parts.len() {
        1 => Ok(parts.remove(0)),
        _ => concat(parts, UnionArgs::default()),
    }
}

/// Columns `reads` of a stored table, and the running number.
pub(super) fn stored(
    snapshot: &Snapshot,
    table: &str,
    reads: &[String],
    after: Option<u64>,
) -> PolarsResult<DataFrame> {
    let chunks = match after {
        Some(_) if schema::table(table).is_some_and(|table| table.is_log) => snapshot.final_chunks(table).to_vec(),
        _ => snapshot.chunks(table)?,
    };
    let new: Vec<_> = chunks.iter().filter(|chunk| after.is_none_or(|after| chunk.last_seq > after)).collect();
    let skip = |chunk: &crate::store::Chunk| -> PolarsResult<usize> {
        let Some(after) = after.filter(|after| chunk.first_seq <= *after) else { return Ok(0) };
        let numbers = chunk.column(SEQ, Type::U64);
        Ok(numbers.u64()?.iter().flatten().take_while(|number| *number <= after).count())
    };
    let skips = new.iter().map(|chunk| skip(chunk)).collect::<PolarsResult<Vec<_>>>()?;
    let height = new.iter().zip(&skips).map(|(chunk, skip)| chunk.rows() - skip).sum();
    let table = schema::table(table);
    let mut columns = Vec::with_capacity(reads.len() + 1);
    for name in reads.iter().map(String::as_str).chain([SEQ]) {
        let ty = match table.and_then(|table| table.column(name)) {
            Some(column) => column.ty,
            None if name == SEQ => Type::U64,
            None => continue,
        };
        let parts = new.iter().zip(&skips).map(|(chunk, skip)| {
            let column = chunk.column(name, ty);
            if *skip == 0 { column } else { column.slice(*skip as i64, chunk.rows() - skip) }
        });
        columns.push(together(name, ty, parts.collect(), height)?);
    }
    DataFrame::new(height, columns)
}

/// One column of many parts, without copying; one value stays one value.
fn together(name: &str, ty: Type, parts: Vec<Column>, height: usize) -> PolarsResult<Column> {
    let mut parts = parts.into_iter();
    let Some(first) = parts.next() else { return Ok(Column::new_empty(name.into(), &dtype(ty))) };
    let rest: Vec<Column> = parts.collect();
    if let Column::Scalar(one) = &first
        && rest.iter().all(|part| matches!(part, Column::Scalar(other) if other.scalar() == one.scalar()))
    {
        return Ok(Column::Scalar(one.resize(height)));
    }
    let mut series = first.take_materialized_series();
    for part in rest {
        series.append_owned(part.take_materialized_series())?;
    }
    Ok(series.into_column())
}

/// The rows of one table as `requests` shows them.
fn part(snapshot: &Snapshot, table: &'static str, reads: &[String], after: Option<u64>) -> PolarsResult<LazyFrame> {
    let (needed, columns) = view_of(table, reads);
    let rows = stored(snapshot, table, &needed, after)?.lazy();
    Ok(rows.select(columns.into_iter().chain([col(SEQ)]).collect::<Vec<_>>()))
}

/// The columns of a stored table that columns `reads` of `requests` are made of, and how.
pub(super) fn view_of(table: &'static str, reads: &[String]) -> (Vec<String>, Vec<Expr>) {
    let (own, inputs) = view(table);
    let is_own = |name: &str| own.iter().any(|(own, _)| *own == name);
    let mut needed: Vec<String> = reads.iter().filter(|name| !is_own(name)).cloned().collect();
    if reads.iter().any(|name| is_own(name)) {
        needed
            .extend(inputs.iter().map(|name| (*name).to_owned()).filter(|name| !reads.contains(name) || is_own(name)));
    }
    let of = |name: &str| match own.iter().find(|(own, _)| *own == name) {
        Some((_, expr)) => expr.clone().alias(name),
        None => col(name),
    };
    let columns = reads.iter().map(|name| of(name)).collect();
    (needed, columns)
}

/// The columns that only `requests` has, and the columns that they are made of.
fn view(table: &'static str) -> (Vec<(&'static str, Expr)>, &'static [&'static str]) {
    let none = || lit(NULL).cast(DataType::String);
    let no_status = lit(NULL).cast(DataType::UInt16);
    let words = |first: &str, second: &str| {
        let both = col(first) + lit(" ") + col(second);
        when(col(first).is_null()).then(col(second)).when(col(second).is_null()).then(col(first)).otherwise(both)
    };
    let (summary, status, outcome, inputs): (Expr, Expr, Expr, &[&str]) = match table {
        "http" => (
            words("method", "path"),
            col("status"),
            col("status").cast(DataType::String),
            &["method", "path", "status"],
        ),
        "grpc" => (col("path"), no_status, col("status_name"), &["path", "status_name"]),
        "pgsql" => (
            coalesce(&[col("shape"), col("query"), words("operation", "statement")]),
            no_status,
            coalesce(&[col("sqlstate"), col("tag")]),
            &["shape", "query", "operation", "statement", "sqlstate", "tag"],
        ),
        "dns" => (words("type", "name"), no_status, col("rcode"), &["type", "name", "rcode"]),
        // Who does not say a name: the certificate's, else where the server is.
        "tls" => (
            coalesce(&[
                col("sni"),
                col("cert_subject"),
                when(col("role").eq(lit("client")))
                    .then(coalesce(&[col("remote_name"), col("remote_addr")]))
                    .otherwise(col("local_addr")),
            ]),
            no_status,
            col("alert"),
            &["sni", "cert_subject", "role", "remote_name", "remote_addr", "local_addr", "alert"],
        ),
        _ => (none(), no_status, none(), &[]),
    };
    let own = vec![("protocol", lit(table)), ("summary", summary), ("status", status), ("outcome", outcome)];
    (own, inputs)
}
