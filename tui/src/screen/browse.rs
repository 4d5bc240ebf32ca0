//! What keys do while looking at rows.

use query::{Table, Value};

use super::asker::{Question, Slot};
use super::columns::{self, Shown};
use super::detail::{Detail, Target};
use super::editor::Editor;
use super::keys::Action;
use super::model::{Asked, Mode, Model, Prompt};
use super::query_keys::edit_query;
use super::query_text::{self, name, string};
use super::screens::SCREENS;
use super::update::{Command, ask, choose, drill, enter_query, keep_in_view, set_query};
use super::{browse_heat, browse_time, parts};

/// Does what a key asks for.
pub(super) fn act(model: &mut Model, action: Action) -> Vec<Command> {
    if let Some(commands) = browse_heat::act(model, action) {
        return commands;
    }
    match action {
        Action::Screen(_) | Action::NextScreen | Action::PreviousScreen => return go_to_screen(model, action),
        Action::Up | Action::Down | Action::PageUp | Action::PageDown | Action::Top | Action::Bottom => {
            move_row(model, action)
        }
        Action::Left => model.pane_mut().column = model.pane().column.saturating_sub(1),
        Action::Right => {
            let last = shown(model).len().saturating_sub(1);
            model.pane_mut().column = (model.pane().column + 1).min(last);
        }
        Action::NextError => to_error(model, true),
        Action::PreviousError => to_error(model, false),
        Action::Query => edit_query(model),
        Action::Saved => saved(model),
        Action::Findings => show_findings(model),
        Action::Include | Action::Exclude => return filter_by_cell(model, action == Action::Include),
        Action::GroupBy => return with_column(model, query_text::count_by),
        Action::SortBy => return with_column(model, query_text::sort),
        Action::Columns => model.pane_mut().all_columns = !model.pane().all_columns,
        Action::Follow => return browse_time::follow(model),
        Action::Pause => return pause(model),
        Action::Open => return open(model),
        Action::Back => return back(model),
        Action::Quit if model.status.live && model.status.exchanges > 0 => model.mode = Mode::Leaving,
        Action::Quit => return vec![Command::Quit],
        Action::GoTo => {
            model.mode = Mode::Prompt(Prompt {
                question: "go to time (10:15 or RFC 3339)",
                what: Asked::Time,
                editor: Editor::default(),
            });
        }
        Action::Earlier | Action::Later => return browse_time::step(model, action == Action::Later),
        Action::Range => return browse_time::range(model),
        Action::MarkRow => mark_row(model),
        Action::Write => {
            let editor = Editor::new("rows.json");
            model.mode = Mode::Prompt(Prompt { question: "write rows to", what: Asked::File, editor });
        }
        Action::Copy => {
            model.note = Some("open the row first (Enter): copied is the exchange in full".to_owned());
        }
        Action::Mark => {
            model.note = Some("marked: `d` compares with this moment".to_owned());
            return vec![Command::Mark];
        }
        Action::Diff => {
            let question = Question { slot: Slot::Changes, text: String::new(), generation: model.generation };
            return vec![Command::Ask(vec![question])];
        }
        Action::Snapshot => return vec![Command::Snapshot],
        Action::Redraw => return vec![Command::Redraw],
        Action::Suspend => return vec![Command::Suspend],
        Action::Help => model.mode = Mode::Help { scroll: 0 },
        Action::QuitNow => return vec![Command::Quit],
    }
    Vec::new()
}

fn go_to_screen(model: &mut Model, action: Action) -> Vec<Command> {
    let count = SCREENS.len();
    model.current = match action {
        Action::Screen(screen) => screen.min(count - 1),
        Action::NextScreen => (model.current + 1) % count,
        _ => (model.current + count - 1) % count,
    };
    keep_in_view(model);
    model.generation += 1;
    ask(model)
}

pub(super) fn move_row(model: &mut Model, action: Action) {
    let page = model.page();
    let pane = model.pane_mut();
    let (row, last) = (pane.row, pane.height().saturating_sub(1));
    // Beyond the last row of a part lies the next part.
    if action == Action::Down && row >= last && focus_next(model)
        || action == Action::Up && row == 0 && focus_former(model)
    {
        return keep_in_view(model);
    }
    let pane = model.pane_mut();
    pane.row = match action {
        Action::Up => row.saturating_sub(1),
        Action::Down => (row + 1).min(last),
        Action::PageUp => row.saturating_sub(page),
        Action::PageDown => (row + page).min(last),
        Action::Top => 0,
        _ => last,
    };
    hold(model);
    keep_in_view(model);
}

/// Below the newest row rows stay where they are, so that none moves away under the cursor.
fn hold(model: &mut Model) {
    let (exchanges, newest_first) = (model.status.exchanges, model.pane().query.contains("sort time desc"));
    let pane = model.pane_mut();
    pane.held = match pane.held {
        _ if pane.row == 0 || !newest_first => None,
        Some(held) => Some(held),
        None => Some(exchanges),
    };
}

/// Goes to the first row of the next part that has rows.
fn focus_next(model: &mut Model) -> bool {
    let focus = model.panes().focus;
    let next = parts::places(model).iter().map(|place| place.part).find(|part| *part > focus);
    let Some(next) = next else { return false };
    model.panes_mut().focus = next;
    let pane = model.pane_mut();
    (pane.row, pane.column) = (0, 0);
    true
}

/// Goes to the last row of the part before.
fn focus_former(model: &mut Model) -> bool {
    let focus = model.panes().focus;
    let former = parts::places(model).iter().map(|place| place.part).rfind(|part| *part < focus);
    let Some(former) = former else { return false };
    model.panes_mut().focus = former;
    let pane = model.pane_mut();
    (pane.row, pane.column) = (pane.height().saturating_sub(1), 0);
    true
}

/// The columns on the screen.
pub(super) fn shown(model: &Model) -> Vec<Shown> {
    let pane = model.pane();
    let Some(table) = &pane.answer else { return Vec::new() };
    columns::of_pane(pane, table, usize::from(model.width), model.status.is_settled())
}

/// Name and value of the cell under the cursor.
fn cell(model: &Model) -> Option<(String, Value)> {
    let pane = model.pane();
    let table = pane.answer.as_ref()?;
    let column = shown(model).get(pane.column)?.index;
    let name = table.columns().get(column)?.name.clone();
    (pane.row < table.height()).then(|| (name, table.value(pane.row, column)))
}

/// Value of a column of the row under the cursor.
pub(super) fn of_row(model: &Model, column: &str) -> Value {
    let pane = model.pane();
    let value = |table: &Table| Some(table.value(pane.row, table.column(column)?));
    pane.answer.as_ref().filter(|table| pane.row < table.height()).and_then(value).unwrap_or(Value::Null)
}

fn filter_by_cell(model: &mut Model, include: bool) -> Vec<Command> {
    let Some((column, value)) = cell(model) else { return Vec::new() };
    let Some(condition) = condition(&column, &value, include) else {
        model.note = Some(format!("a filter on {column} has to be typed: /"));
        return Vec::new();
    };
    let query = query_text::filter(&model.pane().query, &condition);
    if let Err(error) = query::Query::parse(&query) {
        model.note = Some(error.message);
        return Vec::new();
    }
    enter_query(model, query)
}

/// `column = value`, as it is written in a query.
pub(super) fn condition(column: &str, value: &Value, include: bool) -> Option<String> {
    let operator = if include { "=" } else { "!=" };
    let column = name(column);
    let literal = match value {
        Value::Null if include => return Some(format!("{column} is null")),
        Value::Null => return Some(format!("{column} is not null")),
        Value::String(text) => string(text),
        Value::U64(number) => number.to_string(),
        Value::I64(number) => number.to_string(),
        Value::Bytes(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Duration(ns) => format!("{ns}ns"),
        Value::Time(ns) => string(&crate::time::rfc3339(u64::try_from(*ns).ok()?)),
        Value::F64(_) | Value::List(_) | Value::Headers(_) | Value::Blob(_) => return None,
    };
    Some(format!("{column} {operator} {literal}"))
}

fn with_column(model: &mut Model, change: fn(&str, &str) -> String) -> Vec<Command> {
    let Some((column, _)) = cell(model) else { return Vec::new() };
    let query = change(&model.pane().query, &name(&column));
    match query::Query::parse(&query) {
        Ok(_) => enter_query(model, query),
        Err(error) => {
            model.note = Some(error.message);
            Vec::new()
        }
    }
}

pub(super) fn pause(model: &mut Model) -> Vec<Command> {
    match model.paused.take() {
        Some(_) => {
            let mut commands = vec![Command::Freeze(false)];
            commands.extend(ask(model));
            commands
        }
        None => {
            model.paused = Some(model.status.exchanges);
            vec![Command::Freeze(true)]
        }
    }
}

/// Opens the row: an exchange in full, or the rows that a group is made of.
fn open(model: &mut Model) -> Vec<Command> {
    if model.pane().height() == 0 {
        return Vec::new();
    }
    if let (Value::U64(id), Some(protocol)) = (of_row(model, "id"), protocol(model)) {
        let time = if let Value::Time(time) = of_row(model, "time") { time } else { 0 };
        let latency = if let Value::Duration(latency) = of_row(model, "latency") { Some(latency) } else { None };
        let text = |column| if let Value::String(text) = of_row(model, column) { Some(text) } else { None };
        let summary = text("summary").or_else(|| Some(format!("{} {}", text("method")?, text("path")?)));
        let summary =
            summary.or_else(|| text("query")).or_else(|| text("name")).unwrap_or_else(|| nameless(&protocol, id));
        model.detail = Some(Detail::new(Target { id, protocol, time, latency, summary }));
        model.details.clear();
        model.mode = Mode::Detail;
        return ask(model);
    }
    match rows_behind(model) {
        Some(query) if query::Query::parse(&query).is_ok() => drill(model, query),
        _ => {
            model.note = Some("there is nothing behind this row".to_owned());
            Vec::new()
        }
    }
}

/// What an exchange is called that has no summary.
fn nameless(protocol: &str, id: u64) -> String {
    if protocol == "tls" { "TLS handshake, no server name given".to_owned() } else { format!("{protocol} {id}") }
}

/// The table of the exchange under the cursor.
fn protocol(model: &Model) -> Option<String> {
    let table = query_text::table(&model.pane().query);
    match table.as_str() {
        "requests" | "inflight" => match of_row(model, "protocol") {
            Value::String(protocol) if table == "requests" => Some(protocol),
            _ => None,
        },
        "conns" => None,
        _ => Some(table),
    }
}

/// The query for the rows that the group under the cursor is made of.
fn rows_behind(model: &Model) -> Option<String> {
    let query = &model.pane().query;
    let table = query_text::table(query);
    if table == "conns" {
        let Value::U64(conn) = of_row(model, "conn") else { return None };
        return Some(format!("requests where conn = {conn} | sort time desc | take 500"));
    }
    let stages = query_text::stages(query);
    let group = stages
        .iter()
        .position(|stage| ["summarize", "count", "distinct"].iter().any(|word| stage.starts_with(word)))?;
    let source = query::schema::table(&table)?;
    let answer = model.pane().answer.as_ref()?;
    let mut behind = stages[..group].join(" | ");
    for column in answer.columns().iter().filter(|column| is_key(&stages[group], &column.name)) {
        if source.column(&column.name).is_some() && column.name != "time" {
            let condition = condition(&column.name, &of_row(model, &column.name), true)?;
            behind = query_text::filter(&behind, &condition);
        }
    }
    Some(format!("{behind} | sort time desc | take 500"))
}

/// Whether a stage groups by this column.
fn is_key(stage: &str, column: &str) -> bool {
    let keys = stage.split(" by ").nth(1).unwrap_or_else(|| stage.strip_prefix("distinct ").unwrap_or_default());
    keys.split(',').any(|key| key.trim() == column)
}

/// Back the way that was come.
fn back(model: &mut Model) -> Vec<Command> {
    let Some(step) = model.back.pop() else { return Vec::new() };
    for (screen, part, query, row) in step.changed {
        set_query(model, screen, part, query);
        model.pane_mut().row = row;
    }
    model.current = step.screen;
    model.panes_mut().focus = step.focus;
    ask(model)
}

fn mark_row(model: &mut Model) {
    let Value::U64(id) = of_row(model, "id") else {
        model.note = Some("only exchanges can be marked".to_owned());
        return;
    };
    let marked = &mut model.pane_mut().marked;
    if !marked.remove(&id) {
        marked.insert(id);
    }
    move_row(model, Action::Down);
}

/// The query for the marked rows, or for all.
pub(super) fn marked_rows(model: &Model) -> String {
    let pane = model.pane();
    if pane.marked.is_empty() {
        return pane.query.clone();
    }
    let ids: Vec<_> = pane.marked.iter().map(u64::to_string).collect();
    query_text::filter(&pane.query, &format!("id in ({})", ids.join(", ")))
}

fn to_error(model: &mut Model, forward: bool) {
    let pane = model.pane();
    let Some(table) = &pane.answer else { return };
    let failed = |row: &usize| columns::failed(table, *row);
    let found = match forward {
        true => (pane.row + 1..table.height()).find(failed),
        false => (0..pane.row).rev().find(failed),
    };
    match found {
        Some(row) => {
            model.pane_mut().row = row;
            hold(model);
            keep_in_view(model);
        }
        None => model.note = Some("no further error in these rows".to_owned()),
    }
}

fn saved(model: &mut Model) {
    let own = model.saved.iter().map(|(name, query)| (name.clone(), query.clone(), query.clone()));
    let built_in = SAVED.iter().map(|(name, query)| ((*name).to_owned(), (*query).to_owned(), (*query).to_owned()));
    let items = own.chain(built_in).collect();
    choose(model, "Saved queries", items);
}

fn show_findings(model: &mut Model) {
    if model.findings.is_empty() {
        model.note = Some("nothing was found to be wrong so far (what is looked for: ?)".to_owned());
        return;
    }
    let items =
        model.findings.iter().map(|finding| (finding.text.clone(), String::new(), finding.query.clone())).collect();
    choose(model, "Findings", items);
}

/// Queries that are always there.
const SAVED: &[(&str, &str)] = &[
    ("failing requests", "requests where error | sort time desc | take 500"),
    ("slowest requests", "requests where role = 'server' or twin is null | sort latency desc | take 100"),
    ("status classes over time", "http | summarize n=count() by bin(time, 1s), class(status)"),
    (
        "failing gRPC methods",
        "grpc where status_name != 'OK' | summarize count(), p99(latency) by rpc_service, method, status_name",
    ),
    ("failing SQL", "pgsql where sqlstate is not null | count by sqlstate, message"),
    ("TLS handshakes", "tls | sort time desc | take 500"),
    ("encrypted and not read", "tls where not decrypted | count by process, reason"),
    (
        "bytes by process",
        "conns | summarize sent=sum(bytes_sent), received=sum(bytes_received) by process, remote_addr | sort sent desc",
    ),
];
