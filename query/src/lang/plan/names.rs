//! How results are called.

use super::scope::Scope;
use crate::ast::{Expr, ExprKind, Item};
use crate::error::{QueryError, Span};

/// The names that a stage has given.
pub(super) struct Names {
    taken: Vec<String>,
}

/// What an item is called, if that is free, and with which argument otherwise.
pub(super) struct Default {
    name: String,
    argument: Option<String>,
    /// It may be followed by argument and number.
    call: bool,
}

impl Names {
    /// Those that the query itself gives are taken first.
    pub(super) fn with_explicit<'a>(items: impl IntoIterator<Item = &'a Item>) -> Result<Self, QueryError> {
        let mut names = Self { taken: Vec::new() };
        for item in items {
            if let Item::Expr { name: Some(name), .. } = item {
                names.take(&name.text, name.span)?;
            }
        }
        Ok(names)
    }

    fn is_free(&self, name: &str) -> bool {
        !self.taken.iter().any(|taken| taken.eq_ignore_ascii_case(name))
    }

    pub(super) fn take(&mut self, name: &str, span: Span) -> Result<(), QueryError> {
        if !self.is_free(name) {
            return Err(QueryError::new(span, format!("the result would have two columns called `{name}`"))
                .hint(format!("name one of them: `{name}2 = …`")));
        }
        self.taken.push(name.to_owned());
        Ok(())
    }

    /// `p99`, else `p99_latency`, else `p99_latency_2`, …
    pub(super) fn choose(&mut self, default: Default, span: Span) -> Result<String, QueryError> {
        if !default.call {
            self.take(&default.name, span)?;
            return Ok(default.name);
        }
        let long = default.argument.map(|argument| format!("{}_{argument}", default.name));
        let stem = long.clone().unwrap_or_else(|| default.name.clone());
        let numbered = (2_usize..).map(|number| format!("{stem}_{number}"));
        let mut candidates = std::iter::once(default.name).chain(long).chain(numbered);
        let name = candidates.find(|name| self.is_free(name)).unwrap_or(stem);
        self.taken.push(name.clone());
        Ok(name)
    }
}

/// The name of `expr` when the query gives none.
pub(super) fn default_name(expr: &Expr, text: &str, scope: &Scope) -> Default {
    let plain = |name: String| Default { name, argument: None, call: false };
    match &expr.kind {
        ExprKind::Column(name) => plain(scope.find(name).map_or_else(|| name.clone(), |column| column.name.clone())),
        ExprKind::Index { key, .. } => plain(key.text.clone()),
        ExprKind::Call { name, arguments, .. } => {
            let function = name.text.to_ascii_lowercase();
            match arguments.first() {
                Some(first) if function == "bin" => default_name(first, text, scope),
                first => Default { name: function, argument: first.and_then(|expr| column(expr, scope)), call: true },
            }
        }
        _ => {
            let source = text.get(expr.span.start..expr.span.end).unwrap_or_default();
            plain(source.split_whitespace().collect::<Vec<_>>().join(" "))
        }
    }
}

/// The column that an argument is, or is made of first.
fn column(expr: &Expr, scope: &Scope) -> Option<String> {
    match &expr.kind {
        ExprKind::Column(name) => Some(scope.find(name).map_or_else(|| name.clone(), |column| column.name.clone())),
        ExprKind::Index { key, .. } => Some(key.text.clone()),
        ExprKind::Call { arguments, .. } => arguments.first().and_then(|first| column(first, scope)),
        _ => None,
    }
}
