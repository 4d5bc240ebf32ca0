//! Column `route`: the pattern that a path belongs to.
//!
//! Patterns that the user gave come first. The rest is clustered, service by service, in a tree of path segments:
//! ```text
//! /users/42      -> /users/{id}      a number can be told by its shape
//! /users/alice   -> /users/{slug}    a name only by the company it keeps: many siblings, most of them seen once
//! /users/login   -> /users/login     seen again and again among them: a place of its own
//! ```
//! The number of patterns is bounded, and one that has been given out for a path changes at most once: when its siblings
//! turn out to be values.

mod pattern;
mod shape;
mod tree;

use std::collections::HashMap;
use std::sync::Arc;

pub use pattern::{Pattern, PatternError};
use tree::Tree;

/// Services whose paths are clustered; those beyond share one tree.
const SERVICES: usize = 1_000;

/// Longest pattern in segments; what follows becomes `**`.
const DEPTH: usize = 12;

/// Nodes of all trees together: a host with many services is bounded too.
const ALL_NODES: usize = 100_000;

/// Turns paths into routes.
#[derive(Debug, Default)]
pub struct Routes {
    given: Vec<Pattern>,
    ignored: Vec<Pattern>,
    learned: HashMap<Option<Arc<str>>, Tree>,
    /// Nodes of all trees.
    nodes: usize,
}

/// What is known of a path's route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// A pattern that the user gave.
    Given(String),
    /// A cluster.
    Inferred(String),
    /// The user asked to leave it out.
    Ignored,
}

impl Routes {
    /// Routes with the user's own patterns: those to recognise, first match first, and those to leave out.
    #[must_use]
    pub fn new(given: Vec<Pattern>, ignored: Vec<Pattern>) -> Self {
        Self { given, ignored, ..Self::default() }
    }

    /// The route of `path` (without query) in `service`. Learns from it.
    pub fn route(&mut self, service: Option<&Arc<str>>, path: &str) -> Route {
        if self.ignored.iter().any(|pattern| pattern.matches(path)) {
            return Route::Ignored;
        }
        if let Some(pattern) = self.given.iter().find(|pattern| pattern.matches(path)) {
            return Route::Given(pattern.text().to_owned());
        }
        let known = self.learned.len() < SERVICES || self.learned.contains_key(&service.cloned());
        let key = if known { service.cloned() } else { None };
        let spare = ALL_NODES.saturating_sub(self.nodes);
        let tree = self.learned.entry(key).or_default();
        let before = tree.nodes();
        let route = tree.route(path, spare);
        self.nodes = self.nodes.saturating_sub(before).saturating_add(tree.nodes());
        Route::Inferred(route)
    }
}

/// The segments of a path, at most [`DEPTH`] of them, and whether there were more.
fn segments(path: &str) -> (Vec<&str>, bool) {
    let mut rest = path.trim_start_matches('/').split('/');
    let segments: Vec<&str> = rest.by_ref().take(DEPTH).collect();
    (segments, rest.next().is_some())
}

#[cfg(test)]
mod tests;
