//! What keys do on the heat map: a cell is chosen by time and latency, and opened to its requests.

use super::heat::{Heat, ROWS, edge};
use super::keys::Action;
use super::model::Model;
use super::query_text;
use super::screens::SCREENS;
use super::update::{Command, drill};

/// Does what a key asks for, if it is about the map. The cursor is `column` columns back from the newest one, and `row`
/// rows above the fastest one; row 0 is all of a column.
pub(super) fn act(model: &mut Model, action: Action) -> Option<Vec<Command>> {
    let columns = model.pane().heat.as_ref()?.columns.len();
    let pane = model.pane_mut();
    match action {
        Action::Left => pane.column = (pane.column + 1).min(columns.saturating_sub(1)),
        Action::Right => pane.column = pane.column.saturating_sub(1),
        Action::Up => pane.row = (pane.row + 1).min(ROWS),
        Action::Down => pane.row = pane.row.saturating_sub(1),
        Action::Open => {
            let query = rows_of_cell(model)?;
            return Some(drill(model, query));
        }
        Action::Range => return Some(range(model)),
        _ => return None,
    }
    Some(Vec::new())
}

/// Start and end of the column under the cursor, ns since the epoch.
pub(super) fn span(heat: &Heat, back: usize) -> Option<(i64, i64)> {
    let place = heat.columns.len().checked_sub(back.saturating_add(1))?;
    let start = heat.start.saturating_add(heat.step.saturating_mul(i64::try_from(place).ok()?));
    Some((start, start.saturating_add(heat.step)))
}

/// Picks one end of a range, then the other; the range becomes a filter on the requests.
fn range(model: &mut Model) -> Vec<Command> {
    let pane = model.pane();
    let Some((start, end)) = pane.heat.as_ref().and_then(|heat| span(heat, pane.column)) else { return Vec::new() };
    match model.range_start.take() {
        None => {
            model.range_start = Some(start);
            model.note = Some("range: now `v` on its other end".to_owned());
            Vec::new()
        }
        Some(first) => {
            let condition = between(first.min(start), end.max(first));
            let query = query_text::filter(SCREENS[super::screens::REQUESTS].query, &condition);
            drill(model, query)
        }
    }
}

fn rows_of_cell(model: &Model) -> Option<String> {
    let pane = model.pane();
    let (start, end) = span(pane.heat.as_ref()?, pane.column)?;
    let mut condition = between(start, end);
    if let Some(row) = pane.row.checked_sub(1) {
        if let Some(slower) = row.checked_sub(1).and_then(edge) {
            condition.push_str(&format!(" and latency > {slower}ns"));
        }
        if let Some(edge) = edge(row) {
            condition.push_str(&format!(" and latency <= {edge}ns"));
        }
    }
    Some(query_text::filter(SCREENS[super::screens::REQUESTS].query, &condition))
}

fn between(start: i64, end: i64) -> String {
    let moment = |ns: i64| crate::time::rfc3339(u64::try_from(ns).unwrap_or(0));
    format!("time >= '{}' and time < '{}'", moment(start), moment(end))
}
