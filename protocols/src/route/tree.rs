//! The tree of one service's path segments, and when siblings are values rather than places.

use std::collections::HashMap;

use super::{segments, shape};

/// Siblings from which on it is asked whether they are values.
const MANY: usize = 32;

/// Visits to a node, per sibling in [`MANY`], before that is judged: a fixed set of places repeats by then.
const VISITS: u64 = 96;

/// A fixed set of places is not larger than this; beyond, the rarest are values whatever they look like.
const TOO_MANY: usize = 256;

/// Nodes in one tree; beyond, unknown paths are `/**`.
const NODES: usize = 10_000;

/// Placeholder of values that only their number gives away.
const SLUG: &str = "{slug}";

/// One service's paths.
#[derive(Debug, Default)]
pub(super) struct Tree {
    root: Node,
    nodes: usize,
}

#[derive(Debug, Default)]
struct Node {
    visits: u64,
    children: HashMap<Box<str>, Node>,
    /// Its literal children were judged to be values: new ones are too.
    values: bool,
}

impl Tree {
    /// How much it has learned.
    pub(super) fn nodes(&self) -> usize {
        self.nodes
    }

    /// The route of `path`; learns from it, at most `spare` nodes.
    pub(super) fn route(&mut self, path: &str, spare: usize) -> String {
        let limit = NODES.min(self.nodes.saturating_add(spare));
        let (segments, more) = segments(path);
        let mut route = String::new();
        let mut node = &mut self.root;
        let mut merged = false;
        for segment in segments {
            node.visits = node.visits.saturating_add(1);
            let name = node.name(segment);
            route.push('/');
            if !node.children.contains_key(name) && self.nodes >= limit {
                route.push_str("**");
                if merged {
                    self.nodes = self.root.below();
                }
                return route;
            }
            route.push_str(name);
            let key: Box<str> = name.into();
            if !node.children.contains_key(&key) {
                node.children.insert(key.clone(), Node::default());
                self.nodes = self.nodes.saturating_add(1);
            }
            if node.judge(&key) {
                merged = true;
                route.truncate(route.len().saturating_sub(key.len()));
                let name = if node.children.contains_key(&key) { &*key } else { SLUG };
                route.push_str(name);
                let name: Box<str> = name.into();
                node = node.children.entry(name).or_default();
            } else {
                node = node.children.entry(key).or_default();
            }
        }
        node.visits = node.visits.saturating_add(1);
        if merged {
            self.nodes = self.root.below();
        }
        if more {
            route.push_str("/**");
        }
        route
    }
}

impl Node {
    /// Under which name a segment is filed.
    fn name<'a>(&self, segment: &'a str) -> &'a str {
        match shape::placeholder(segment) {
            Some(placeholder) => placeholder,
            None if self.values && !segment.is_empty() && !self.children.contains_key(segment) => SLUG,
            None => segment,
        }
    }

    /// Looks whether the literal children are values, and files those that are under one name. True if it did.
    fn judge(&mut self, newest: &str) -> bool {
        let literal = |name: &str| !name.starts_with('{') && !name.is_empty();
        if !literal(newest) || self.children.len() <= MANY || self.visits < VISITS {
            return false;
        }
        let places = self.children.iter().filter(|(name, _)| literal(name));
        let (count, once) = places.fold((0_usize, 0_usize), |(count, once), (_, child)| {
            (count.saturating_add(1), once.saturating_add(usize::from(child.visits <= 1)))
        });
        if count <= MANY || (once.saturating_mul(2) < count && count <= TOO_MANY) {
            return false;
        }
        // Places stand out: they get more than a twentieth of what comes by.
        let often = self.visits / 20;
        let values: Vec<Box<str>> = self
            .children
            .iter()
            .filter(|(name, child)| literal(name) && child.visits <= often)
            .map(|(name, _)| name.clone())
            .collect();
        let mut merged = self.children.remove(SLUG).unwrap_or_default();
        for name in values {
            if let Some(child) = self.children.remove(&name) {
                merged.merge(child);
            }
        }
        self.children.insert(SLUG.into(), merged);
        self.values = true;
        true
    }

    /// Nodes below this one.
    fn below(&self) -> usize {
        self.children.values().fold(self.children.len(), |sum, child| sum.saturating_add(child.below()))
    }

    fn merge(&mut self, other: Self) {
        self.visits = self.visits.saturating_add(other.visits);
        self.values |= other.values;
        for (name, child) in other.children {
            self.children.entry(name).or_default().merge(child);
        }
    }
}
