//! Who calls whom, as a tree: each edge below the one that leads to its caller.

use query::{Table, Value};

use super::columns::show;

/// Edges in the order of the tree.
#[derive(Debug)]
pub(crate) struct Map {
    /// The rows of the answer, in that order.
    pub(super) table: Table,
    /// Caller, callee and depth of each row.
    pub(super) edges: Vec<Edge>,
}

/// One row of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) depth: usize,
}

impl Map {
    /// From rows with `role`, `service`, `remote_addr`, `remote_name`, `port` and `callee`.
    pub(super) fn of(table: &Table) -> Self {
        let edges: Vec<Edge> = (0..table.height()).map(|row| edge(table, row)).collect();
        let mut order = Vec::new();
        let is_called = |name: &str| edges.iter().any(|edge| edge.to == name && edge.from != name);
        for (row, edge) in edges.iter().enumerate() {
            if !is_called(&edge.from) && !order.iter().any(|(placed, _)| *placed == row) {
                place(&edges, row, 0, &mut order);
            }
        }
        // Circles have no beginning.
        for row in 0..edges.len() {
            if !order.iter().any(|(placed, _)| *placed == row) {
                place(&edges, row, 0, &mut order);
            }
        }
        let rows: Vec<usize> = order.iter().map(|(row, _)| *row).collect();
        let edges = order.iter().filter_map(|(row, depth)| Some(Edge { depth: *depth, ..edges.get(*row)?.clone() }));
        Self { edges: edges.collect(), table: table.pick(&rows) }
    }
}

/// Puts an edge, those from the same caller, and below each those that its callee calls.
fn place(edges: &[Edge], row: usize, depth: usize, order: &mut Vec<(usize, usize)>) {
    if order.iter().any(|(placed, _)| *placed == row) {
        return;
    }
    let Some(edge) = edges.get(row) else { return };
    order.push((row, depth));
    if depth < DEEPEST {
        for (below, next) in edges.iter().enumerate() {
            if next.from == edge.to {
                place(edges, below, depth + 1, order);
            }
        }
    }
}

fn edge(table: &Table, row: usize) -> Edge {
    let value = |name: &str| table.column(name).map_or(Value::Null, |column| table.value(row, column));
    let text = |name: &str| match value(name) {
        Value::Null => None,
        other => Some(show(&other, name)),
    };
    let remote = text("remote_name").or_else(|| text("remote_addr")).unwrap_or_else(|| "(unknown)".to_owned());
    let port = text("port").map(|port| format!(":{port}")).unwrap_or_default();
    let service = text("service");
    let (from, to) = match value("role") {
        Value::String(role) if role == "client" => {
            (service.unwrap_or_else(|| "?".to_owned()), text("callee").unwrap_or_else(|| format!("{remote}{port}")))
        }
        _ => (remote, service.unwrap_or_else(|| text("local_addr").unwrap_or_default() + &port)),
    };
    Edge { from, to, depth: 0 }
}

/// Deeper than that nobody reads.
const DEEPEST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(pairs: &[(&str, &str)]) -> Vec<Edge> {
        pairs.iter().map(|(from, to)| Edge { from: (*from).into(), to: (*to).into(), depth: 0 }).collect()
    }

    #[test]
    fn edges_stand_below_the_one_that_leads_to_them() {
        let edges = edges(&[("shop", "db"), ("browser", "shop"), ("shop", "payments"), ("payments", "bank")]);
        let mut order = Vec::new();
        place(&edges, 1, 0, &mut order);
        assert_eq!(order, [(1, 0), (0, 1), (2, 1), (3, 2)]);
    }

    #[test]
    fn circles_end() {
        let edges = edges(&[("a", "b"), ("b", "a"), ("a", "a")]);
        let mut order = Vec::new();
        place(&edges, 0, 0, &mut order);
        assert_eq!(order.len(), 3);
    }
}
