//! Stages: what stands between the `|`.

use super::{Parser, hints};
use crate::ast::{Item, Order, Stage, StageKind};
use crate::error::QueryError;
use crate::lexer::Kind;

impl Parser<'_> {
    /// `where …` or `since …`, which need no `|` after the table.
    pub(super) fn clause(&mut self) -> Result<Option<Stage>, QueryError> {
        let span = self.peek().span;
        let kind = if self.word("where") {
            hints::empty_where(self)?;
            StageKind::Where(self.expr()?)
        } else if self.word("since") {
            let from = self.sum()?;
            let until = if self.word("until") { Some(self.sum()?) } else { None };
            StageKind::Since { from, until }
        } else {
            return Ok(None);
        };
        Ok(Some(Stage { kind, span }))
    }

    pub(super) fn stage(&mut self) -> Result<Stage, QueryError> {
        if let Some(stage) = self.clause()? {
            return Ok(stage);
        }
        let token = self.peek();
        let Kind::Word(word) = &token.kind else { return Err(hints::no_stage(self)) };
        let kind = match word.to_ascii_lowercase().as_str() {
            "select" => self.after(|parser| Ok(StageKind::Select(parser.items("select")?))),
            "extend" => self.after(Self::extend),
            "summarize" | "summarise" => self.after(Self::summarize),
            "count" => self.after(Self::count),
            "sort" => self.after(Self::sort),
            "order" => self.after(|parser| {
                parser
                    .expect_word("by", "after `order`")
                    .map_err(|error| error.hint("`order by latency desc`, or `sort latency desc`"))?;
                parser.orders()
            }),
            "take" | "limit" => self.after(|parser| Ok(StageKind::Take(parser.count_of_rows()?))),
            "top" => self.after(Self::top),
            "distinct" => self.after(|parser| Ok(StageKind::Distinct(parser.items("distinct")?))),
            "join" => self.after(Self::join),
            _ => Err(hints::no_stage(self)),
        }?;
        Ok(Stage { kind, span: token.span })
    }

    fn after(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<StageKind, QueryError>,
    ) -> Result<StageKind, QueryError> {
        self.advance();
        read(self)
    }

    fn extend(&mut self) -> Result<StageKind, QueryError> {
        let mut columns = Vec::new();
        loop {
            match self.item()? {
                Item::Expr { name: Some(name), expr } => columns.push((name, expr)),
                Item::Expr { name: None, expr } => {
                    let text = self.source(expr.span);
                    return Err(QueryError::new(expr.span, "the new column has no name")
                        .hint(format!("name it: `extend name = {text}`")));
                }
                Item::All(span) => return Err(QueryError::new(span, "`extend` already keeps every column")),
            }
            if !self.symbol(",") {
                return Ok(StageKind::Extend(columns));
            }
        }
    }

    fn summarize(&mut self) -> Result<StageKind, QueryError> {
        let aggregates = if self.is_word(0, "by") { Vec::new() } else { self.items("summarize")? };
        let keys = if self.word("by") { self.items("by")? } else { Vec::new() };
        Ok(StageKind::Summarize { aggregates, keys })
    }

    fn count(&mut self) -> Result<StageKind, QueryError> {
        if matches!(self.peek().kind, Kind::Symbol("(")) {
            return Err(hints::count_call(self));
        }
        let keys = if self.word("by") { self.items("by")? } else { Vec::new() };
        Ok(StageKind::Count { keys })
    }

    fn sort(&mut self) -> Result<StageKind, QueryError> {
        if self.is_word(0, "by") {
            // Kusto's `sort by x`; a column called `by` would be in backticks.
            self.advance();
        }
        self.orders()
    }

    fn orders(&mut self) -> Result<StageKind, QueryError> {
        let mut orders = Vec::new();
        loop {
            let expr = self.expr()?;
            let descending = self.word("desc");
            if !descending {
                self.word("asc");
            }
            orders.push(Order { expr, descending });
            if !self.symbol(",") {
                return Ok(StageKind::Sort(orders));
            }
        }
    }

    fn count_of_rows(&mut self) -> Result<u64, QueryError> {
        match self.peek().kind {
            Kind::Int(count) => {
                self.advance();
                Ok(count)
            }
            _ => Err(self.unexpected("a number of rows").hint("`take 10`, or `top 10 by latency`")),
        }
    }

    fn top(&mut self) -> Result<StageKind, QueryError> {
        let count = self.count_of_rows()?;
        self.expect_word("by", "and what to order by, after `top N`")
            .map_err(|error| error.hint(format!("`top {count} by latency`")))?;
        let expr = self.expr()?;
        let ascending = self.word("asc");
        if !ascending {
            self.word("desc");
        }
        Ok(StageKind::Top { count, order: Order { expr, descending: !ascending } })
    }

    fn join(&mut self) -> Result<StageKind, QueryError> {
        let left = self.word("left");
        if !left && let Some(error) = hints::join_kind(self) {
            return Err(error);
        }
        self.expect_symbol("(", "and a query in brackets, after `join`")?;
        let query = self.query()?;
        self.expect_symbol(")", "after the joined query")?;
        self.expect_word("on", "and the columns to join on")?;
        let mut on = Vec::new();
        loop {
            let name = self.name("a column")?;
            let other = if self.symbol("==") || self.symbol("=") { self.name("a column")? } else { name.clone() };
            on.push((name, other));
            if !self.symbol(",") {
                return Ok(StageKind::Join { left, query, on });
            }
        }
    }

    fn items(&mut self, stage: &str) -> Result<Vec<Item>, QueryError> {
        if matches!(self.peek().kind, Kind::End | Kind::Symbol("|")) {
            return Err(self.unexpected(&format!("something after `{stage}`")));
        }
        let mut items = Vec::new();
        loop {
            items.push(self.item()?);
            if !self.symbol(",") {
                return Ok(items);
            }
        }
    }

    fn item(&mut self) -> Result<Item, QueryError> {
        let token = self.peek();
        if self.symbol("*") {
            return Ok(Item::All(token.span));
        }
        let named = matches!(token.kind, Kind::Word(_) | Kind::Quoted(_)) && self.ahead(1).kind == Kind::Symbol("=");
        if named {
            let name = self.name("a name")?;
            self.advance();
            let expr = self.expr()?;
            return Ok(Item::Expr { name: Some(name), expr });
        }
        let expr = self.expr()?;
        let name = if self.word("as") { Some(self.name("a name after `as`")?) } else { None };
        Ok(Item::Expr { name, expr })
    }
}
