//! What keys do on the heat map: a cell is chosen by time and latency, and opened to its requests.

use super::heat::{ROWS, edge};
use super::keys::Action;
use super::model::{Model, Pane};
use super::query_text;
use super::screens::{REQUESTS, query_of};
use super::update::{Command, ask, drill};

/// Does what a key asks for, if it is about the map. The cursor is `column` columns back from the newest one, and `row`
/// rows above the fastest one; row 0 is all of a column.
pub(super) fn act(model: &mut Model, action: Action) -> Option<Vec<Command>> {
    let columns = model.pane().heat.as_ref()?.columns.len();
    let pane = model.pane_mut();
    match action {
        Action::Left | Action::Right => {
            pane.column = match action {
                Action::Left => (pane.column + 1).min(columns.saturating_sub(1)),
                _ => pane.column.saturating_sub(1),
            };
            // While a column is chosen, columns stay where they are.
            model.pane_mut().held = (model.pane().column > 0).then_some(model.status.exchanges);
            return Some(ask(model));
        }
        Action::Top | Action::Follow => {
            (pane.column, pane.row, pane.held) = (0, 0, None);
            return Some(ask(model));
        }
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

/// From when on latencies are compared with those before: the column under the cursor, if one was chosen.
pub(super) fn compared_from(pane: &Pane) -> Option<i64> {
    let heat = pane.heat.as_ref()?;
    if pane.column > 0 { Some(heat.span(pane.column)?.0) } else { None }
}

/// A click on the map: chooses a cell; on the one that is chosen, opens it.
pub(super) fn click(model: &mut Model, column: usize, line: usize) -> Vec<Command> {
    let view = super::view::heat_shape(model);
    let Some(heat) = &model.pane().heat else { return Vec::new() };
    let (Some(place), Some(row)) = (column.checked_sub(view.left), view.rows.get(line.wrapping_sub(view.top)).copied())
    else {
        return Vec::new();
    };
    let Some(back) = view.columns.checked_sub(place + 1).filter(|back| *back < heat.columns.len()) else {
        return Vec::new();
    };
    let exchanges = model.status.exchanges;
    let pane = model.pane_mut();
    if (pane.column, pane.row) == (back, row + 1) {
        return rows_of_cell(model).map_or_else(Vec::new, |query| drill(model, query));
    }
    (pane.column, pane.row) = (back, row + 1);
    pane.held = (back > 0).then_some(exchanges);
    ask(model)
}

/// Picks one end of a range, then the other; the range becomes a filter on the requests.
fn range(model: &mut Model) -> Vec<Command> {
    let pane = model.pane();
    let Some((start, end)) = pane.heat.as_ref().and_then(|heat| heat.span(pane.column)) else { return Vec::new() };
    match model.range_start.take() {
        None => {
            model.range_start = Some(start);
            model.note = Some("range: now `v` on its other end".to_owned());
            Vec::new()
        }
        Some(first) => {
            let condition = between(first.min(start), end.max(first));
            let query = query_text::filter(query_of(REQUESTS), &condition);
            drill(model, query)
        }
    }
}

fn rows_of_cell(model: &Model) -> Option<String> {
    let pane = model.pane();
    let (start, end) = pane.heat.as_ref()?.span(pane.column)?;
    let mut condition = between(start, end);
    if let Some(row) = pane.row.checked_sub(1) {
        if let Some(slower) = row.checked_sub(1).and_then(edge) {
            condition.push_str(&format!(" and latency > {slower}ns"));
        }
        if let Some(edge) = edge(row) {
            condition.push_str(&format!(" and latency <= {edge}ns"));
        }
    }
    Some(query_text::filter(query_of(REQUESTS), &condition))
}

fn between(start: i64, end: i64) -> String {
    let moment = |ns: i64| crate::time::rfc3339(u64::try_from(ns).unwrap_or(0));
    format!("time >= '{}' and time < '{}'", moment(start), moment(end))
}
