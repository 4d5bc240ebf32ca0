//! What keys do while the query is edited.

use crossterm::event::{KeyCode, KeyEvent};

use query::{Table, Value};

use super::asker::{Question, Slot};
use super::editor::Editor;
use super::model::{Mode, Model, QueryBar};
use super::update::{Command, enter_query, reset_query};
use super::values;

/// Takes a key.
pub(super) fn press(model: &mut Model, key: &KeyEvent) -> Vec<Command> {
    let commands = pressed(model, key);
    let Mode::Query(bar) = &mut model.mode else { return commands };
    // Where a value stands, the values that were seen are asked for, once for each column.
    let wanted = values::wanted(bar.editor.text(), bar.editor.cursor());
    match wanted {
        Some(wanted) if wanted.query != bar.seen.0 => {
            bar.seen = (wanted.query.clone(), Vec::new());
            vec![Command::Ask(vec![Question { slot: Slot::Values, text: wanted.query, generation: model.generation }])]
        }
        _ => commands,
    }
}

/// Takes the values that were asked for.
pub(super) fn take_values(model: &mut Model, table: &Table) {
    let Mode::Query(bar) = &mut model.mode else { return };
    let value = |row| match table.value(row, 0) {
        Value::String(text) => Some(text),
        _ => None,
    };
    bar.seen.1 = (0..table.height()).filter_map(value).collect();
    refresh_bar(bar);
}

fn pressed(model: &mut Model, key: &KeyEvent) -> Vec<Command> {
    let Mode::Query(bar) = &mut model.mode else { return Vec::new() };
    match key.code {
        KeyCode::Esc => {
            model.mode = Mode::Browse;
            return Vec::new();
        }
        KeyCode::Enter => {
            let text = bar.editor.text().trim().to_owned();
            if text.is_empty() {
                model.mode = Mode::Browse;
                return reset_query(model);
            }
            return match query::Query::parse(&text) {
                Err(error) => {
                    bar.error = Some(error);
                    Vec::new()
                }
                Ok(_) => {
                    model.mode = Mode::Browse;
                    model.history.retain(|former| *former != text);
                    model.history.push(text.clone());
                    enter_query(model, text)
                }
            };
        }
        KeyCode::Tab => {
            if let Some(completion) = bar.completions.get(bar.chosen) {
                bar.editor.replace(completion.replace.start, completion.replace.end, &completion.text);
                refresh_bar(bar);
            }
        }
        KeyCode::Down if !bar.completions.is_empty() => bar.chosen = (bar.chosen + 1) % bar.completions.len(),
        KeyCode::Up if bar.chosen > 0 => bar.chosen -= 1,
        KeyCode::Up if !model.history.is_empty() => {
            bar.recalled = bar.recalled.min(model.history.len()).saturating_sub(1);
            bar.editor = Editor::new(model.history.get(bar.recalled).cloned().unwrap_or_default());
            refresh_bar(bar);
        }
        _ => {
            if bar.editor.key(key) {
                refresh_bar(bar);
            }
        }
    }
    Vec::new()
}

/// Checks the query as it is typed, and looks for what could stand at the cursor.
fn refresh_bar(bar: &mut QueryBar) {
    let text = bar.editor.text();
    bar.error = if text.trim().is_empty() { None } else { query::Query::parse(text).err() };
    bar.completions = values::completions(text, bar.editor.cursor(), &bar.seen.1);
    for completion in query::complete(text, bar.editor.cursor()) {
        // What was seen says more than what is usual.
        if !bar.completions.iter().any(|seen| seen.text.trim() == completion.text) {
            bar.completions.push(completion);
        }
    }
    bar.completions.truncate(MOST_COMPLETIONS);
    bar.chosen = 0;
}

/// Opens the query bar.
pub(super) fn edit_query(model: &mut Model) {
    let editor = Editor::new(model.pane().query.clone());
    let recalled = model.history.len();
    let mut bar = QueryBar {
        editor,
        error: None,
        completions: Vec::new(),
        chosen: 0,
        recalled,
        seen: (String::new(), Vec::new()),
    };
    refresh_bar(&mut bar);
    model.mode = Mode::Query(bar);
}

const MOST_COMPLETIONS: usize = 8;
