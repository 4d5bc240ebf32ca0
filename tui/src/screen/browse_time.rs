//! Keys that move through time: step, go to a moment, pick a range. All of them write the time into the query.

use query::{Query, Value};

use super::browse::{move_row, of_row, pause};
use super::keys::Action;
use super::model::Model;
use super::query_text;
use super::update::{Command, ask, enter_query, reset_query};

/// Goes to a moment that was typed: the rows up to it.
pub(super) fn go_to(model: &mut Model, text: &str) -> Vec<Command> {
    let query = until(&model.pane().query, text);
    enter(model, query)
}

/// Back to the present: the newest rows, whatever was paused, stepped to or picked before.
pub(super) fn follow(model: &mut Model) -> Vec<Command> {
    let mut commands = if model.paused.is_some() { pause(model) } else { Vec::new() };
    model.range_start = None;
    let query = present(&model.pane().query);
    if query == model.pane().query {
        move_row(model, Action::Top);
        commands.extend(ask(model));
    } else {
        commands.extend(enter(model, query));
    }
    commands
}

/// Moves through time by a tenth of what is there; beyond the last row lies the present.
pub(super) fn step(model: &mut Model, later: bool) -> Vec<Command> {
    let Value::Time(time) = of_row(model, "time") else {
        model.note = Some("these rows have no time to step through: go to Requests (1)".to_owned());
        return Vec::new();
    };
    let (first, last) = model.status.range.unwrap_or_default();
    let tenth = i64::try_from(last.saturating_sub(first) / 10).unwrap_or(0).max(1_000_000);
    let to = if later { time.saturating_add(tenth) } else { time.saturating_sub(tenth) };
    if to >= i64::try_from(last).unwrap_or(i64::MAX) {
        model.note = Some("this is the end: the newest rows".to_owned());
        return reset_query(model);
    }
    if to < i64::try_from(first).unwrap_or(0) {
        model.note = Some("there is nothing before this".to_owned());
        return Vec::new();
    }
    let query = until(&model.pane().query, &crate::time::rfc3339(u64::try_from(to).unwrap_or(0)));
    enter(model, query)
}

/// Picks the start of a range, then its end, by the row under the cursor.
pub(super) fn range(model: &mut Model) -> Vec<Command> {
    let Value::Time(time) = of_row(model, "time") else {
        model.note = Some("pick a range on rows that have a time, or on Latency (3)".to_owned());
        return Vec::new();
    };
    let Some(start) = model.range_start.take() else {
        model.range_start = Some(time);
        model.note = Some("range: now `v` on its other end".to_owned());
        return Vec::new();
    };
    let moment = |ns: i64| crate::time::rfc3339(u64::try_from(ns).unwrap_or(0));
    let condition = format!("time between '{}' and '{}'", moment(start.min(time)), moment(start.max(time)));
    let query = query_text::filter(&model.pane().query, &condition);
    enter(model, query)
}

/// A query with its rows up to a moment only, in place of any such moment before.
fn until(query: &str, moment: &str) -> String {
    let mut stages = query_text::stages(query);
    stages.retain(|stage| !stage.starts_with("where time <= "));
    let stage = format!("where time <= {}", query_text::string(moment));
    stages.insert(1.min(stages.len()), stage);
    stages.join(" | ")
}

/// A query without the times that keys wrote into it.
fn present(query: &str) -> String {
    let mut stages = query_text::stages(query);
    stages.retain(|stage| !WRITTEN.iter().any(|start| stage.starts_with(start)));
    stages.join(" | ")
}

/// How stages begin that `,`, `.`, `t` and `v` write.
const WRITTEN: [&str; 3] = ["where time <= '", "where time between '", "where time >= '"];

fn enter(model: &mut Model, query: String) -> Vec<Command> {
    match Query::parse(&query) {
        Ok(_) => enter_query(model, query),
        Err(error) => {
            model.note = Some(error.message);
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{present, until};

    #[test]
    fn the_present_is_a_query_without_the_times_of_keys() {
        let own = "requests where role = 'server' | sort time desc | take 500";
        assert_eq!(present(&until(own, "10:15")), own);
        let range = "requests where time > '10:14' | where time between '10:15' and '10:16' | sort time desc";
        assert_eq!(present(range), "requests where time > '10:14' | sort time desc", "what was typed stays");
    }

    #[test]
    fn a_moment_takes_the_place_of_the_one_before() {
        let once = until("requests where error | sort time desc", "10:15");
        assert_eq!(once, "requests where error | where time <= '10:15' | sort time desc");
        assert_eq!(until(&once, "10:16"), "requests where error | where time <= '10:16' | sort time desc");
    }
}
