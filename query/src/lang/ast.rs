//! A query as it was written: no name is looked up yet.

use std::net::IpAddr;

use crate::error::Span;

/// A name and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// `table | stage | stage`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) table: Name,
    pub(crate) stages: Vec<Stage>,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stage {
    pub(crate) kind: StageKind,
    /// Of its keyword.
    pub(crate) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StageKind {
    Where(Expr),
    Since { from: Expr, until: Option<Expr> },
    Select(Vec<Item>),
    Extend(Vec<(Name, Expr)>),
    Summarize { aggregates: Vec<Item>, keys: Vec<Item> },
    Count { keys: Vec<Item> },
    Sort(Vec<Order>),
    Take(u64),
    Top { count: u64, order: Order },
    Distinct(Vec<Item>),
    Join { left: bool, query: Query, on: Vec<(Name, Name)> },
}

/// `expr desc`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    pub(crate) expr: Expr,
    pub(crate) descending: bool,
}

/// `*`, `expr`, `name = expr` or `expr as name`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    All(Span),
    Expr { name: Option<Name>, expr: Expr },
}

/// An expression and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ExprKind {
    Literal(Literal),
    Column(String),
    /// `base['key']`.
    Index {
        base: Box<Expr>,
        key: Name,
    },
    /// `name(arguments if filter)`.
    Call {
        name: Name,
        arguments: Vec<Expr>,
        filter: Option<Box<Expr>>,
    },
    Negate(Box<Expr>),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Arithmetic {
        op: Arithmetic,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Compare {
        op: Compare,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Match {
        op: Match,
        negated: bool,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    In {
        negated: bool,
        value: Box<Expr>,
        set: Vec<Expr>,
    },
    Between {
        negated: bool,
        value: Box<Expr>,
        low: Box<Expr>,
        high: Box<Expr>,
    },
    IsNull {
        negated: bool,
        value: Box<Expr>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Now,
    Bool(bool),
    Int(u64),
    Float(f64),
    Duration(i64),
    Bytes(u64),
    Class(u8),
    Text(String),
    Ip(IpAddr),
    Cidr(IpAddr, u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Arithmetic {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compare {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// Tests of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Match {
    Regex,
    Like,
    Contains,
    StartsWith,
    EndsWith,
}

impl Match {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Regex => "~",
            Self::Like => "like",
            Self::Contains => "contains",
            Self::StartsWith => "startswith",
            Self::EndsWith => "endswith",
        }
    }
}
