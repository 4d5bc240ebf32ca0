//! [`ast`](crate::ast) to `Plan`: every name looked up and every type checked, before anything runs.

mod call;
mod check;
mod compare;
mod names;
pub(crate) mod scope;
mod stage;
#[cfg(test)]
mod tests;
pub(crate) mod typed;

use crate::error::QueryError;
use crate::parse;
use crate::schema;
use crate::table::OutputColumn;
use scope::Scope;
use typed::Typed;

/// A checked query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) table: &'static str,
    /// The stored columns that it reads.
    pub(crate) reads: Vec<String>,
    pub(crate) steps: Vec<Step>,
    /// What it gives.
    pub(crate) columns: Vec<OutputColumn>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Where(Typed),
    /// Both ends are durations back from now, or times.
    Since(Range),
    Select(Vec<(String, Typed)>),
    Extend(Vec<(String, Typed)>),
    Summarize(Summary),
    /// Descending or not.
    Sort(Vec<(Typed, bool)>),
    Take(u64),
    Distinct,
    Join(Box<Join>),
}

/// What a plan needs to know of the order of its table's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Nothing: it adds them up.
    None,
    /// Which of two comes first where it sorts them itself and they are equal.
    Ties,
    /// It gives them, or the first of them, in that order.
    Rows,
}

/// `since … until …`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Range {
    pub(crate) from: Typed,
    pub(crate) until: Option<Typed>,
}

/// `summarize … by …`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Summary {
    pub(crate) keys: Vec<(String, Typed)>,
    pub(crate) aggregates: Vec<Aggregate>,
    /// What is given beside the keys, of aggregates and keys.
    pub(crate) outputs: Vec<(String, Typed)>,
    /// The range that `rate()` divides by, where the query says one.
    pub(crate) range: Option<Range>,
}

/// One aggregate.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aggregate {
    pub(crate) kind: AggregateKind,
    pub(crate) argument: Option<Typed>,
    pub(crate) filter: Option<Typed>,
}

/// Which aggregate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum AggregateKind {
    Count,
    Sum,
    Avg,
    Min,
    Max,
    Stddev,
    Quantile(f64),
    Dcount,
    First,
    Last,
    Any,
    /// Width of the bins in ns, where a key is `bin(time, width)`.
    Rate(Option<i64>),
    ErrorRate,
}

/// `join`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Join {
    /// Rows of the left side that match none are kept.
    pub(crate) left: bool,
    pub(crate) plan: Plan,
    /// Left and right column of each pair.
    pub(crate) on: Vec<(String, String)>,
    /// What right columns are called afterwards; the right keys are not among them.
    pub(crate) names: Vec<(String, String)>,
}

impl Plan {
    /// Reads and checks `text`.
    pub(crate) fn parse(text: &str) -> Result<Self, QueryError> {
        let query = parse::parse(text)?;
        stage::plan(&query, text)
    }

    /// Whether each row can be given as soon as it is complete.
    pub(crate) fn is_streaming(&self) -> bool {
        let row_by_row = |step: &Step| {
            matches!(
                step,
                Step::Where(_) | Step::Since(_) | Step::Select(_) | Step::Extend(_) | Step::Distinct | Step::Take(_)
            )
        };
        schema::table(self.table).is_some_and(|table| table.is_log) && self.steps.iter().all(row_by_row)
    }

    /// The step that sums up rows, if every step before it looks at each row alone, whenever that row came.
    pub(crate) fn adds_up(&self) -> Option<usize> {
        let at = self.steps.iter().position(|step| !is_alone(step))?;
        let log = schema::table(self.table).is_some_and(|table| table.is_log);
        match self.steps.get(at)? {
            Step::Summarize(summary) if log && !summary.keys.iter().any(|(_, typed)| typed.has_now()) => Some(at),
            _ => None,
        }
    }

    /// What it needs to know of the order of rows.
    pub(crate) fn order(&self) -> Order {
        for step in &self.steps {
            match step {
                Step::Where(_) | Step::Since(_) | Step::Extend(_) | Step::Select(_) => {}
                Step::Summarize(_) => return Order::None,
                Step::Sort(_) => return Order::Ties,
                Step::Take(_) | Step::Distinct | Step::Join(_) => return Order::Rows,
            }
        }
        Order::Rows
    }

    /// The step that sorts rows, if every step before it looks at each row alone, whenever that row came, and the next one
    /// takes the first of them.
    pub(crate) fn takes_first(&self) -> Option<usize> {
        let at = self.steps.iter().position(|step| !is_alone(step))?;
        let log = schema::table(self.table).is_some_and(|table| table.is_log);
        match (self.steps.get(at)?, self.steps.get(at.saturating_add(1))?) {
            (Step::Sort(orders), Step::Take(_)) if log && !orders.iter().any(|(typed, _)| typed.has_now()) => Some(at),
            _ => None,
        }
    }

    /// Whether it depends on `now`.
    pub(crate) fn needs_now(&self) -> bool {
        self.steps.iter().any(|step| match step {
            Step::Since(range) => relative(&range.from) || range.until.as_ref().is_some_and(relative),
            Step::Where(typed) => typed.has_now(),
            Step::Select(items) | Step::Extend(items) => items.iter().any(|(_, typed)| typed.has_now()),
            Step::Summarize(summary) => summary.keys.iter().any(|(_, typed)| typed.has_now()),
            Step::Sort(orders) => orders.iter().any(|(typed, _)| typed.has_now()),
            Step::Join(join) => join.plan.needs_now(),
            Step::Take(_) | Step::Distinct => false,
        })
    }

    /// Whether it can say nothing of rows that are gone.
    pub(crate) fn needs_retained(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Sort(_) | Step::Join(_)))
    }

    /// Every table that it reads.
    pub(crate) fn tables(&self) -> Vec<&'static str> {
        let mut tables = vec![self.table];
        for step in &self.steps {
            if let Step::Join(join) = step {
                tables.extend(join.plan.tables());
            }
        }
        tables.dedup();
        tables
    }
}

/// Whether a step looks at each row alone, and gives the same whenever it does.
fn is_alone(step: &Step) -> bool {
    match step {
        Step::Where(typed) => !typed.has_now(),
        Step::Select(items) | Step::Extend(items) => !items.iter().any(|(_, typed)| typed.has_now()),
        Step::Since(range) => !relative(&range.from) && !range.until.as_ref().is_some_and(relative),
        _ => false,
    }
}

fn relative(typed: &Typed) -> bool {
    typed.ty == crate::types::Type::Duration || typed.has_now()
}

/// Checks expressions against the columns in scope.
pub(crate) struct Checker<'a> {
    text: &'a str,
    scope: Scope,
    /// The aggregates of the stage being checked; null outside of `summarize`.
    aggregates: Option<Vec<Aggregate>>,
    /// Names of the keys of that stage, which its items may use.
    keys: Vec<(String, Typed)>,
    /// Inside the arguments of an aggregate.
    inside: bool,
    /// Width of the time bins of that stage.
    width: Option<i64>,
}
