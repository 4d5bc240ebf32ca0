//! Rows of one row group: columns are read when they are asked for.

use std::collections::HashMap;
use std::sync::Arc;

use polars::prelude::*;
use polars_arrow::bitmap::Bitmap;

use super::Piece;
use super::tally::{Kind, Numbers};
use crate::ast::Compare;
use crate::lower::expr::Lower;
use crate::plan::Step;
use crate::plan::typed::{Constant, Typed, TypedKind};
use crate::snapshot::{Coded, Group, Reader, Scan, Values};
use crate::types::Type;

/// An expression, and the columns that it is made of.
#[derive(Debug, Clone)]
pub(super) struct Formula {
    pub(super) expr: Expr,
    columns: Vec<String>,
    /// It is that column and nothing else.
    is_column: bool,
}

impl Formula {
    pub(super) fn of(typed: &Typed, expr: Expr) -> Self {
        let mut columns = Vec::new();
        typed.walk(&mut |inner| {
            if let TypedKind::Column(name) = &inner.kind
                && !columns.contains(name)
            {
                columns.push(name.clone());
            }
        });
        Self { expr, columns, is_column: matches!(typed.kind, TypedKind::Column(_)) }
    }
}

/// What rows must meet.
#[derive(Debug)]
pub(super) struct Condition {
    formula: Formula,
    /// Where it is met by certain values of a column and by no others.
    between: Option<Between>,
}

/// From the least to the greatest value of a column, both included.
#[derive(Debug, PartialEq, Eq)]
struct Between {
    column: String,
    least: i128,
    greatest: i128,
}

impl Condition {
    /// Those of `steps`, one by one where all of them must be met.
    pub(super) fn all<'a>(steps: impl Iterator<Item = &'a Step>, lower: &Lower) -> PolarsResult<Vec<Self>> {
        let mut all = Vec::new();
        for step in steps {
            match step {
                Step::Where(condition) => Self::add(condition, lower, &mut all)?,
                Step::Since(range) => {
                    let expr = crate::lower::within(lower, range)?;
                    let formula = Formula { expr, columns: vec!["time".to_owned()], is_column: false };
                    let moment = |typed: &Typed| lower.fixed(typed).map(i128::from);
                    let until = range.until.as_ref().map_or(Some(i128::MAX), |until| Some(moment(until)? - 1));
                    let ends = moment(&range.from).zip(until);
                    let between = ends.map(|(least, greatest)| Between { column: "time".to_owned(), least, greatest });
                    all.push(Self { formula, between });
                }
                _ => {}
            }
        }
        Ok(all)
    }

    fn add(condition: &Typed, lower: &Lower, all: &mut Vec<Self>) -> PolarsResult<()> {
        if let TypedKind::And(terms) = &condition.kind {
            return terms.iter().try_for_each(|term| Self::add(term, lower, all));
        }
        let formula = Formula::of(condition, lower.condition(condition)?);
        all.push(Self { formula, between: Between::of(condition) });
        Ok(())
    }

    /// False where no row of `group` can meet it.
    pub(super) fn may_hold(&self, scan: &Scan, group: &Group) -> bool {
        let Some(Between { column, least, greatest }) = &self.between else { return true };
        let Some((low, high)) = scan.bounds(group, column) else { return true };
        high >= *least && low <= *greatest
    }
}

impl Between {
    /// Of `column op number`.
    fn of(condition: &Typed) -> Option<Self> {
        let TypedKind::Compare { op, left, right } = &condition.kind else { return None };
        let (op, name, constant) = match (&left.kind, &right.kind) {
            (TypedKind::Column(name), TypedKind::Constant(constant)) => (*op, name, constant),
            (TypedKind::Constant(constant), TypedKind::Column(name)) => (turned(*op), name, constant),
            _ => return None,
        };
        let whole = |ty: Type| {
            matches!(ty, Type::U16 | Type::U32 | Type::U64 | Type::I64 | Type::Bytes | Type::Duration | Type::Time)
        };
        if !whole(left.ty) || !whole(right.ty) {
            return None;
        }
        let value = match constant {
            Constant::I64(value) | Constant::Duration(value) | Constant::Time(value) => i128::from(*value),
            Constant::U64(value) | Constant::Bytes(value) => i128::from(*value),
            _ => return None,
        };
        let (least, greatest) = match op {
            Compare::Equal => (value, value),
            Compare::NotEqual => return None,
            Compare::Less => (i128::MIN, value - 1),
            Compare::LessEqual => (i128::MIN, value),
            Compare::Greater => (value + 1, i128::MAX),
            Compare::GreaterEqual => (value, i128::MAX),
        };
        Some(Self { column: name.clone(), least, greatest })
    }

    /// The rows whose value is one of these; null where they are no numbers.
    fn rows(&self, values: &Values) -> PolarsResult<Option<Bitmap>> {
        let Some(kind) = Kind::of(values.dtype()) else { return Ok(None) };
        let Some(range) = kind.range(self.least, self.greatest) else {
            return Ok(Some(Bitmap::new_zeroed(values.len())));
        };
        Ok(Numbers::of(values)?.map(|numbers| numbers.within(&range)))
    }
}

fn turned(op: Compare) -> Compare {
    match op {
        Compare::Less => Compare::Greater,
        Compare::LessEqual => Compare::GreaterEqual,
        Compare::Greater => Compare::Less,
        Compare::GreaterEqual => Compare::LessEqual,
        same => same,
    }
}

/// Rows of one row group.
pub(super) struct Batch<'a> {
    number: usize,
    scan: &'a Scan,
    reader: &'a Reader,
    group: &'a Group,
    /// Those that are left; null means all.
    rows: Option<Bitmap>,
    /// Columns of the rows that are left.
    columns: HashMap<String, Values>,
    /// Columns of all rows.
    whole: HashMap<String, Values>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(piece: &Piece<'a>, reader: &'a Reader) -> Self {
        let Piece { number, scan, group } = *piece;
        Self { number, scan, reader, group, rows: None, columns: HashMap::new(), whole: HashMap::new() }
    }

    /// Of the piece that it is.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// How many rows are left.
    pub(super) fn height(&self) -> usize {
        self.rows.as_ref().map_or(self.group.rows, Bitmap::set_bits)
    }

    /// Keeps the rows that meet all `conditions`; false when none is left.
    pub(super) fn retain(&mut self, conditions: &[Condition]) -> PolarsResult<bool> {
        let mut left = self.rows.take();
        for condition in conditions {
            let met = self.met(condition)?;
            let both = match left {
                Some(left) => &left & &met,
                None => met,
            };
            if both.set_bits() == 0 {
                self.rows = Some(both);
                return Ok(false);
            }
            left = Some(both);
        }
        self.keep(left.filter(|left| left.unset_bits() > 0));
        Ok(true)
    }

    fn met(&mut self, condition: &Condition) -> PolarsResult<Bitmap> {
        if let Some(between) = &condition.between
            && let Some(rows) = between.rows(&self.column(&between.column)?)?
        {
            return Ok(rows);
        }
        met(&self.values(&condition.formula)?)
    }

    /// Keeps those of the rows that are left that are set in `rows`; false when none is.
    pub(super) fn narrow(&mut self, rows: Bitmap) -> PolarsResult<bool> {
        if rows.set_bits() == 0 {
            return Ok(false);
        }
        let all = match &self.rows {
            None => rows,
            // The rows that are left are numbered anew.
            Some(before) => {
                let mut left = rows.iter();
                before.iter().map(|set| set && left.next().unwrap_or(false)).collect()
            }
        };
        self.columns.clear();
        self.whole.clear();
        self.rows = Some(all);
        Ok(true)
    }

    /// Lets go of the rows that are not set, of those that are left.
    fn keep(&mut self, rows: Option<Bitmap>) {
        if rows.is_some() {
            self.whole = std::mem::take(&mut self.columns);
            self.rows = rows;
        }
    }

    /// The values of an expression.
    pub(super) fn values(&mut self, formula: &Formula) -> PolarsResult<Values> {
        match formula.columns.as_slice() {
            [] => {
                let codes = Arc::new(vec![0; self.height()]);
                Ok(Values::Coded(Coded { values: computed(&formula.expr, Vec::new())?, codes }))
            }
            [name] if formula.is_column => self.column(name),
            [name] => Ok(match self.column(name)? {
                Values::Plain(column) => Values::Plain(computed(&formula.expr, vec![column])?),
                Values::Coded(coded) => {
                    Values::Coded(Coded { values: computed(&formula.expr, vec![coded.values])?, codes: coded.codes })
                }
            }),
            names => {
                let columns = names.iter().map(|name| self.column(name)?.column());
                Ok(Values::Plain(computed(&formula.expr, columns.collect::<PolarsResult<_>>()?)?))
            }
        }
    }

    /// Columns `names` of the rows that are left.
    pub(super) fn frame(&mut self, names: &[String]) -> PolarsResult<DataFrame> {
        let columns = names.iter().map(|name| self.column(name)?.column()).collect::<PolarsResult<Vec<_>>>()?;
        DataFrame::new(self.height(), columns)
    }

    fn column(&mut self, name: &str) -> PolarsResult<Values> {
        if let Some(values) = self.columns.get(name) {
            return Ok(values.clone());
        }
        let values = match (self.whole.remove(name), &self.rows) {
            (Some(Values::Coded(coded)), Some(rows)) => {
                let codes = rows.true_idx_iter().filter_map(|row| coded.codes.get(row).copied()).collect();
                Values::Coded(Coded { values: coded.values, codes: Arc::new(codes) })
            }
            (Some(Values::Plain(column)), Some(rows)) => {
                Values::Plain(column.filter(&BooleanChunked::from_bitmap("rows".into(), rows.clone()))?)
            }
            (_, rows) => self.scan.values(self.reader, self.group, name, rows.as_ref())?,
        };
        self.columns.insert(name.to_owned(), values.clone());
        Ok(values)
    }
}

/// The values of `expr`, which says nothing of other columns.
fn computed(expr: &Expr, columns: Vec<Column>) -> PolarsResult<Column> {
    const COMPUTED: &str = "__computed";
    let height = columns.first().map_or(1, Column::len);
    let frame = DataFrame::new(height, columns)?;
    let frame = frame.lazy().with_column(expr.clone().alias(COMPUTED)).collect()?;
    Ok(frame.column(COMPUTED)?.clone())
}

/// The rows of which a condition holds.
pub(super) fn met(values: &Values) -> PolarsResult<Bitmap> {
    Ok(match values {
        Values::Plain(column) => truths(column)?,
        Values::Coded(coded) => {
            let truths: Vec<bool> = truths(&coded.values)?.iter().collect();
            coded.codes.iter().map(|code| truths.get(*code as usize).copied().unwrap_or(false)).collect()
        }
    })
}

/// Which are true: neither false nor null.
fn truths(column: &Column) -> PolarsResult<Bitmap> {
    let series = column.as_materialized_series().rechunk();
    let array = series.bool()?.downcast_as_array();
    Ok(match array.validity() {
        Some(known) => array.values() & known,
        None => array.values().clone(),
    })
}
