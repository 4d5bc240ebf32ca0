//! Expressions whose names and types are known.

use std::net::IpAddr;

use crate::ast::{Arithmetic, Compare, Match};
use crate::error::Span;
use crate::types::Type;

/// An expression, its type and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Typed {
    pub(crate) kind: TypedKind,
    pub(crate) ty: Type,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TypedKind {
    Column(String),
    Constant(Constant),
    /// Number of an aggregate of the stage.
    Aggregate(usize),
    Negate(Box<Typed>),
    Not(Box<Typed>),
    And(Vec<Typed>),
    Or(Vec<Typed>),
    Arithmetic {
        op: Arithmetic,
        left: Box<Typed>,
        right: Box<Typed>,
    },
    Compare {
        op: Compare,
        left: Box<Typed>,
        right: Box<Typed>,
    },
    /// Text, list or blob on the left; a text on the right.
    Match {
        op: Match,
        negated: bool,
        left: Box<Typed>,
        right: Box<Typed>,
    },
    In {
        negated: bool,
        value: Box<Typed>,
        set: Vec<Member>,
    },
    IsNull {
        negated: bool,
        value: Box<Typed>,
    },
    Header {
        base: Box<Typed>,
        name: String,
    },
    Call {
        function: &'static str,
        arguments: Vec<Typed>,
    },
}

/// What a set is made of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Member {
    Value(Typed),
    /// A status from `100 n` to `100 n + 99`.
    Class(u8),
    Network(Network),
}

/// The addresses that share a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) address: IpAddr,
    pub(crate) bits: u8,
}

impl Network {
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32_u32.saturating_sub(u32::from(self.bits));
                u32::from(network).checked_shr(shift) == u32::from(address).checked_shr(shift)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128_u32.saturating_sub(u32::from(self.bits));
                u128::from(network).checked_shr(shift) == u128::from(address).checked_shr(shift)
            }
            _ => false,
        }
    }

    /// Reads `10.0.0.0/8`; an address alone is a network of one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.trim().parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.trim().parse().ok())?;
        (bits <= most).then_some(Self { address, bits })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Constant {
    Null,
    Bool(bool),
    U64(u64),
    I64(i64),
    F64(f64),
    Text(String),
    /// ns since the epoch.
    Time(i64),
    /// ns since midnight, on the day of `now`.
    TimeOfDay(i64),
    Now,
    Duration(i64),
    Bytes(u64),
}

impl Typed {
    pub(crate) fn constant(constant: Constant, ty: Type, span: Span) -> Self {
        Self { kind: TypedKind::Constant(constant), ty, span }
    }

    pub(crate) fn column(name: &str, ty: Type, span: Span) -> Self {
        Self { kind: TypedKind::Column(name.to_owned()), ty, span }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            TypedKind::Constant(Constant::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_constant(&self) -> bool {
        matches!(self.kind, TypedKind::Constant(_))
    }

    /// Calls `visit` for this expression and every one inside it.
    pub(crate) fn walk(&self, visit: &mut dyn FnMut(&Self)) {
        visit(self);
        match &self.kind {
            TypedKind::Column(_) | TypedKind::Constant(_) | TypedKind::Aggregate(_) => {}
            TypedKind::Negate(inner)
            | TypedKind::Not(inner)
            | TypedKind::IsNull { value: inner, .. }
            | TypedKind::Header { base: inner, .. } => inner.walk(visit),
            TypedKind::And(terms) | TypedKind::Or(terms) | TypedKind::Call { arguments: terms, .. } => {
                terms.iter().for_each(|term| term.walk(visit));
            }
            TypedKind::Arithmetic { left, right, .. }
            | TypedKind::Compare { left, right, .. }
            | TypedKind::Match { left, right, .. } => {
                left.walk(visit);
                right.walk(visit);
            }
            TypedKind::In { value, set, .. } => {
                value.walk(visit);
                for member in set {
                    if let Member::Value(value) = member {
                        value.walk(visit);
                    }
                }
            }
        }
    }

    /// Whether it depends on a row.
    pub(crate) fn has_column(&self) -> bool {
        let mut found = false;
        self.walk(&mut |typed| found |= matches!(typed.kind, TypedKind::Column(_) | TypedKind::Aggregate(_)));
        found
    }

    /// Whether it depends on `now`.
    pub(crate) fn has_now(&self) -> bool {
        let mut found = false;
        self.walk(&mut |typed| {
            found |= matches!(typed.kind, TypedKind::Constant(Constant::Now | Constant::TimeOfDay(_)));
        });
        found
    }
}
