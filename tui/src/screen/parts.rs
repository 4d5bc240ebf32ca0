//! Where the parts of a screen stand: one below the other, the lower ones no larger than they need to be.

use super::model::Model;
use super::screens::Kind;

/// Lines of the content that a part takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) part: usize,
    /// First line, counted from the content's.
    pub(super) top: usize,
    /// All lines: title, names of columns, rows.
    pub(super) lines: usize,
    /// Whether the title is shown.
    pub(super) titled: bool,
    /// Lines of the state of the run, before the title.
    pub(super) above: usize,
    /// Of these, rows.
    pub(super) rows: usize,
}

/// The parts that are shown, from top to bottom.
pub(super) fn places(model: &Model) -> Vec<Place> {
    let (panes, height) = (model.panes(), model.content_height());
    let alone = !model.pane().is_own();
    let shown: Vec<usize> =
        (0..panes.parts.len())
            .filter(|part| {
                if alone { *part == panes.focus } else { *part == 0 || has_rows(model, *part) || *part == panes.focus }
            })
            .collect();
    let titled = shown.len() > 1;
    // What the lower parts need, and what they get: half of the lines together.
    let lower = shown.len().saturating_sub(1);
    let most = (height / 2).checked_div(lower).unwrap_or(0);
    let wanted = |part: usize| panes.parts.get(part).map_or(0, |pane| pane.height().min(ROWS) + HEAD);
    let lines: Vec<usize> = shown.iter().skip(1).map(|part| wanted(*part).min(most)).collect();
    let first = height.saturating_sub(lines.iter().sum());
    let mut places = Vec::new();
    let mut top = 0;
    for (part, lines) in shown.into_iter().zip(std::iter::once(first).chain(lines)) {
        let above = match panes.parts.get(part) {
            Some(pane) if pane.part.kind == Kind::Health && pane.is_own() => super::view::state_lines(model),
            _ => 0,
        };
        let rows = lines.saturating_sub(1 + usize::from(titled) + above);
        places.push(Place { part, top, lines, titled, above, rows });
        top += lines;
    }
    places
}

fn has_rows(model: &Model, part: usize) -> bool {
    model.panes().parts.get(part).is_some_and(|pane| pane.height() > 0)
}

/// Rows of a lower part at most.
const ROWS: usize = 8;
/// Title, names of columns, and a line of space.
const HEAD: usize = 3;
