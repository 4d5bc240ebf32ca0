//! Checks stages.

use super::names::{Names, default_name};
use super::scope::{Scope, ScopeColumn};
use super::typed::{Constant, Typed, TypedKind};
use super::{Checker, Join, Plan, Range, Step, Summary};
use crate::ast::{Expr, Item, Name, Order, Query, Stage, StageKind};
use crate::error::{QueryError, Span};
use crate::parse::unknown_table;
use crate::schema;
use crate::table::OutputColumn;
use crate::types::Type;

pub(super) fn plan(query: &Query, text: &str) -> Result<Plan, QueryError> {
    let Some(table) = schema::table(&query.table.text) else { return Err(unknown_table(&query.table, text)) };
    let mut checker =
        Checker { text, scope: Scope::of(table), aggregates: None, keys: Vec::new(), inside: false, width: None };
    let mut steps = Vec::new();
    for stage in &query.stages {
        checker.stage(stage, &mut steps)?;
    }
    checker.scope.use_all();
    let columns = &checker.scope.columns;
    let columns = columns.iter().map(|column| OutputColumn { name: column.name.clone(), ty: column.ty }).collect();
    Ok(Plan { table: table.name, reads: checker.scope.used.into_iter().collect(), steps, columns })
}

impl Checker<'_> {
    fn stage(&mut self, stage: &Stage, steps: &mut Vec<Step>) -> Result<(), QueryError> {
        match &stage.kind {
            StageKind::Where(expr) => steps.push(Step::Where(self.condition(expr, "where")?)),
            StageKind::Since { from, until } => {
                let range = self.range(stage.span, from, until.as_ref())?;
                steps.push(Step::Since(range));
            }
            StageKind::Select(items) => {
                let items = self.items(items)?;
                self.project(&items);
                steps.push(Step::Select(items));
            }
            StageKind::Distinct(items) => {
                let items = self.items(items)?;
                for (name, item) in &items {
                    groupable(name, item)?;
                }
                self.project(&items);
                steps.extend([Step::Select(items), Step::Distinct]);
            }
            StageKind::Extend(columns) => {
                for (name, expr) in columns {
                    steps.push(Step::Extend(vec![self.extend(name, expr)?]));
                }
            }
            StageKind::Summarize { aggregates, keys } => {
                steps.push(Step::Summarize(self.summarize(aggregates, keys, range_of(steps))?));
            }
            StageKind::Count { keys } => self.count(keys, stage.span, steps)?,
            StageKind::Sort(orders) => {
                let orders = orders.iter().map(|order| self.order(order)).collect::<Result<_, _>>()?;
                steps.push(Step::Sort(orders));
            }
            StageKind::Take(count) => steps.push(Step::Take(*count)),
            StageKind::Top { count, order } => {
                steps.extend([Step::Sort(vec![self.order(order)?]), Step::Take(*count)]);
            }
            StageKind::Join { left, query, on } => steps.push(self.join(*left, query, on)?),
        }
        Ok(())
    }

    fn range(&mut self, span: Span, from: &Expr, until: Option<&Expr>) -> Result<Range, QueryError> {
        if self.scope.find("time").is_none_or(|column| column.ty != Type::Time) {
            let error = QueryError::new(span, "`since` needs the column `time`, which is not here");
            let dropped = self.scope.columns.iter().any(|column| !column.stored) || self.scope.columns.len() < 7;
            return Err(if dropped { error.hint("put `since` before the stage that drops it") } else { error });
        }
        self.scope.resolve("time", span)?;
        let from = self.moment(from)?;
        let until = until.map(|until| self.moment(until)).transpose()?;
        Ok(Range { from, until })
    }

    /// A duration back from now, or a time.
    fn moment(&mut self, expr: &Expr) -> Result<Typed, QueryError> {
        let typed = self.expr(expr)?;
        let typed = if typed.text().is_some() { self.coerce(typed, Type::Time)? } else { typed };
        if typed.has_column() {
            return Err(QueryError::new(expr.span, "`since` needs a fixed time").hint("a condition on rows is `where`"));
        }
        match typed.ty {
            Type::Duration | Type::Time => Ok(typed),
            Type::I64 | Type::U64 => Err(QueryError::new(expr.span, "a duration needs a unit")
                .hint(format!("`{0}s` or `{0}m`", self.source(expr.span)))),
            ty => {
                Err(QueryError::new(expr.span, format!("`since` needs a duration or a time, not {}", ty.described()))
                    .hint("`since 5m`, or `since '2026-11-22T10:00:00Z'`"))
            }
        }
    }

    fn items(&mut self, items: &[Item]) -> Result<Vec<(String, Typed)>, QueryError> {
        let mut names = Names::with_explicit(items)?;
        let mut found: Vec<(String, Typed)> = Vec::new();
        for item in items {
            match item {
                Item::All(span) => {
                    for column in self.scope.columns.clone() {
                        if !found.iter().any(|(name, _)| *name == column.name) {
                            self.scope.resolve(&column.name, *span)?;
                            names.take(&column.name, *span).ok();
                            found.push((column.name.clone(), Typed::column(&column.name, column.ty, *span)));
                        }
                    }
                }
                Item::Expr { name, expr } => {
                    let typed = self.expr(expr)?;
                    let name = self.item_name(&mut names, name.as_ref(), expr)?;
                    // `select *, x = …` replaces x.
                    match found.iter_mut().find(|(other, _)| *other == name) {
                        Some(slot) => slot.1 = typed,
                        None => found.push((name, typed)),
                    }
                }
            }
        }
        Ok(found)
    }

    fn item_name(&self, names: &mut Names, name: Option<&Name>, expr: &Expr) -> Result<String, QueryError> {
        match name {
            Some(name) => Ok(name.text.clone()),
            None => names.choose(default_name(expr, self.text, &self.scope), expr.span),
        }
    }

    fn project(&mut self, items: &[(String, Typed)]) {
        let column = |(name, typed): &(String, Typed)| {
            let stored = self.scope.find(name).is_some_and(|column| column.stored)
                && typed.kind == TypedKind::Column(name.clone());
            ScopeColumn { name: name.clone(), ty: shown(typed.ty), stored }
        };
        self.scope.columns = items.iter().map(column).collect();
    }

    fn extend(&mut self, name: &Name, expr: &Expr) -> Result<(String, Typed), QueryError> {
        let typed = self.expr(expr)?;
        let ty = shown(typed.ty);
        let found = self.scope.columns.iter_mut().find(|column| column.name.eq_ignore_ascii_case(&name.text));
        let name = match found {
            Some(column) => {
                (column.ty, column.stored) = (ty, false);
                column.name.clone()
            }
            None => {
                self.scope.columns.push(ScopeColumn { name: name.text.clone(), ty, stored: false });
                name.text.clone()
            }
        };
        Ok((name, typed))
    }

    fn summarize(&mut self, aggregates: &[Item], keys: &[Item], range: Option<Range>) -> Result<Summary, QueryError> {
        if let Some(Item::All(span)) = aggregates.iter().chain(keys).find(|item| matches!(item, Item::All(_))) {
            return Err(QueryError::new(*span, "`*` cannot be summarized").hint("`count()` counts rows"));
        }
        let keys = self.items(keys)?;
        for (name, key) in &keys {
            groupable(name, key)?;
        }
        self.width = keys.iter().find_map(|(_, key)| bin_width(key));
        let all: Vec<&Item> = aggregates.iter().collect();
        let mut names = Names::with_explicit(all.iter().copied())?;
        for (name, key) in &keys {
            names.take(name, key.span)?;
        }
        self.aggregates = Some(Vec::new());
        self.keys.clone_from(&keys);
        let mut outputs: Vec<(String, Typed)> = Vec::new();
        for item in aggregates {
            let Item::Expr { name, expr } = item else { continue };
            let typed = self.expr(expr)?;
            let name = self.item_name(&mut names, name.as_ref(), expr)?;
            outputs.push((name, typed));
        }
        let aggregates = self.aggregates.take().unwrap_or_default();
        self.keys.clear();
        self.width = None;
        let column =
            |(name, typed): &(String, Typed)| ScopeColumn { name: name.clone(), ty: shown(typed.ty), stored: false };
        self.scope.columns = keys.iter().chain(&outputs).map(column).collect();
        Ok(Summary { keys, aggregates, outputs, range })
    }

    /// `count by key` is `summarize count() by key | sort count desc`.
    fn count(&mut self, keys: &[Item], span: Span, steps: &mut Vec<Step>) -> Result<(), QueryError> {
        let name = Name { text: "count".to_owned(), span };
        let call = crate::ast::ExprKind::Call { name, arguments: Vec::new(), filter: None };
        let item = Item::Expr { name: None, expr: Expr { kind: call, span } };
        let summary = self.summarize(&[item], keys, range_of(steps))?;
        let count = summary.outputs.first().map_or("count", |(name, _)| name).to_owned();
        let sorted = !summary.keys.is_empty();
        steps.push(Step::Summarize(summary));
        if sorted {
            steps.push(Step::Sort(vec![(Typed::column(&count, Type::U64, span), true)]));
        }
        Ok(())
    }

    fn order(&mut self, order: &Order) -> Result<(Typed, bool), QueryError> {
        let typed = self.expr(&order.expr)?;
        if matches!(typed.ty, Type::ListString | Type::Headers) {
            let message = format!("rows cannot be sorted by {}", typed.ty.described());
            return Err(QueryError::new(order.expr.span, message));
        }
        if !typed.has_column() {
            return Err(QueryError::new(order.expr.span, "rows cannot be sorted by a constant")
                .hint("name the column to sort by"));
        }
        Ok((typed, order.descending))
    }

    fn join(&mut self, left: bool, query: &Query, on: &[(Name, Name)]) -> Result<Step, QueryError> {
        let right = plan(query, self.text)?;
        let mut pairs = Vec::new();
        for (name, other) in on {
            let own = self.scope.resolve_name(name)?;
            let mut columns = Scope {
                columns: right
                    .columns
                    .iter()
                    .map(|column| ScopeColumn { name: column.name.clone(), ty: column.ty, stored: false })
                    .collect(),
                used: std::collections::BTreeSet::new(),
            };
            let theirs = columns.resolve_name(other)?;
            let numbers = own.ty.is_integer() && theirs.ty.is_integer();
            if own.ty != theirs.ty && !numbers {
                let message = format!(
                    "`{}` is {}, but `{}` is {}",
                    own.name,
                    own.ty.described(),
                    theirs.name,
                    theirs.ty.described()
                );
                return Err(QueryError::new(name.span.to(other.span), message));
            }
            if matches!(own.ty, Type::ListString | Type::Headers | Type::Blob | Type::F64) {
                return Err(QueryError::new(name.span, format!("tables cannot be joined on {}", own.ty.described())));
            }
            pairs.push((own.name, theirs.name));
        }
        let mut names = Vec::new();
        for column in right.columns.iter().filter(|column| !pairs.iter().any(|(_, key)| *key == column.name)) {
            let mut name = column.name.clone();
            while self.scope.find(&name).is_some() {
                name = format!("{}_{name}", right.table);
            }
            self.scope.columns.push(ScopeColumn { name: name.clone(), ty: column.ty, stored: false });
            names.push((column.name.clone(), name));
        }
        Ok(Step::Join(Box::new(Join { left, plan: right, on: pairs, names })))
    }

    pub(super) fn condition(&mut self, expr: &Expr, place: &str) -> Result<Typed, QueryError> {
        let typed = self.expr(expr)?;
        if matches!(typed.ty, Type::Bool | Type::Null) {
            return Ok(typed);
        }
        let source = self.source(expr.span);
        let error =
            QueryError::new(expr.span, format!("`{place}` needs a condition, but this is {}", typed.ty.described()));
        Err(match typed.ty {
            Type::String => error.hint(format!("`{source} is not null`, or `{source} = '…'`")),
            _ => error.hint(format!("`{source} is not null`, or `{source} > …`")),
        })
    }
}

/// The type that a column of `null` has.
fn shown(ty: Type) -> Type {
    if ty == Type::Null { Type::String } else { ty }
}

fn range_of(steps: &[Step]) -> Option<Range> {
    steps.iter().rev().find_map(|step| match step {
        Step::Since(range) => Some(range.clone()),
        _ => None,
    })
}

fn groupable(name: &str, typed: &Typed) -> Result<(), QueryError> {
    match typed.ty {
        Type::Headers => Err(QueryError::new(typed.span, "rows cannot be grouped by all headers at once")
            .hint(format!("one header: `{name}['content-type']`"))),
        Type::ListString => Err(QueryError::new(typed.span, "rows cannot be grouped by a list")),
        _ => Ok(()),
    }
}

/// The width of `bin(time, width)`.
fn bin_width(key: &Typed) -> Option<i64> {
    let TypedKind::Call { function: "bin", arguments } = &key.kind else { return None };
    match arguments.as_slice() {
        [value, Typed { kind: TypedKind::Constant(Constant::Duration(width)), .. }] if value.ty == Type::Time => {
            Some(*width)
        }
        _ => None,
    }
}
