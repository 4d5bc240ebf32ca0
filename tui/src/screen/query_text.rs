//! Changes to the text of a query: the screens write what a user would have written.

/// The stages of a query, cut at `|` outside of quotes and brackets, trimmed.
pub(super) fn stages(text: &str) -> Vec<String> {
    let mut stages = vec![String::new()];
    let mut quote = None;
    let mut depth = 0_u32;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), '\\') => {
                push(&mut stages, c);
                if let Some(next) = chars.next() {
                    push(&mut stages, next);
                }
                continue;
            }
            (None, '\'' | '"' | '`') => quote = Some(c),
            (None, '(' | '[') => depth = depth.saturating_add(1),
            (None, ')' | ']') => depth = depth.saturating_sub(1),
            (None, '|') if depth == 0 => {
                if chars.peek() == Some(&'|') {
                    chars.next();
                    push(&mut stages, '|');
                } else {
                    stages.push(String::new());
                    continue;
                }
            }
            _ => {}
        }
        push(&mut stages, c);
    }
    stages.into_iter().map(|stage| stage.trim().to_owned()).collect()
}

fn push(stages: &mut [String], c: char) {
    if let Some(last) = stages.last_mut() {
        last.push(c);
    }
}

/// With `condition` on the rows: before what only orders and cuts them.
pub(super) fn filter(text: &str, condition: &str) -> String {
    let mut stages = stages(text);
    let at = stages.iter().rposition(|stage| !is_order(stage)).map_or(0, |last| last + 1).max(1);
    // One after the other in the same stage reads better than a pipe for each.
    match stages.get_mut(at - 1).filter(|stage| stage.starts_with("where ")) {
        Some(stage) => stage.push_str(&format!(" and {condition}")),
        None => stages.insert(at.min(stages.len()), format!("where {condition}")),
    }
    stages.join(" | ")
}

/// Sorted by `column`; the other way round when it already is.
pub(super) fn sort(text: &str, column: &str) -> String {
    let mut stages = stages(text);
    let downwards = format!("sort {column} desc");
    let order = if stages.contains(&downwards) { format!("sort {column}") } else { downwards };
    let at = stages.iter().position(|stage| is_sort(stage));
    match at {
        Some(at) => {
            let _former = std::mem::replace(&mut stages[at], order);
        }
        None => {
            let last = stages.iter().rposition(|stage| !is_order(stage)).map_or(1, |last| last + 1);
            stages.insert(last.min(stages.len()), order);
        }
    }
    stages.join(" | ")
}

/// Counted by `column`.
pub(super) fn count_by(text: &str, column: &str) -> String {
    let mut stages: Vec<_> = stages(text).into_iter().filter(|stage| !is_order(stage)).collect();
    stages.push(format!("count by {column}"));
    stages.join(" | ")
}

/// The first table that a query names.
pub(super) fn table(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// A name as it is written in a query: in backticks unless it is a plain one.
pub(super) fn name(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { name.to_owned() } else { format!("`{name}`") }
}

/// A text as it is written in a query.
pub(super) fn string(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

fn is_sort(stage: &str) -> bool {
    ["sort ", "order by "].iter().any(|word| stage.starts_with(word))
}

fn is_order(stage: &str) -> bool {
    is_sort(stage) || ["take ", "limit "].iter().any(|word| stage.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_cut_outside_of_quotes_and_brackets() {
        assert_eq!(stages("http | take 3"), ["http", "take 3"]);
        assert_eq!(stages(r"http where path = 'a|b\'|' | take 3"), [r"http where path = 'a|b\'|'", "take 3"]);
        assert_eq!(stages("http | join (pgsql | take 1) on id"), ["http", "join (pgsql | take 1) on id"]);
        assert_eq!(stages("http where a || b"), ["http where a || b"]);
    }

    #[test]
    fn filters_come_before_order() {
        let query = "requests where error | sort time desc | take 500";
        let once = filter(query, "process = 'shop'");
        assert_eq!(once, "requests where error | where process = 'shop' | sort time desc | take 500");
        let twice = filter(&once, "status != 200");
        assert_eq!(
            twice,
            "requests where error | where process = 'shop' and status != 200 | sort time desc | take 500"
        );
        assert_eq!(filter("http", "id = 1"), "http | where id = 1");
        assert_eq!(filter("http | count by route", "route = '/x'"), "http | count by route | where route = '/x'");
    }

    #[test]
    fn sorting_again_reverses() {
        let once = sort("http | take 5", "latency");
        assert_eq!(once, "http | sort latency desc | take 5");
        assert_eq!(sort(&once, "latency"), "http | sort latency | take 5");
        assert_eq!(sort("http | sort time desc | take 5", "latency"), once);
    }

    #[test]
    fn counting_drops_the_order() {
        assert_eq!(
            count_by("http where error | sort time desc | take 5", "route"),
            "http where error | count by route"
        );
    }

    #[test]
    fn names_and_texts_are_quoted_where_needed() {
        assert_eq!(name("p99"), "p99");
        assert_eq!(name("a b"), "`a b`");
        assert_eq!(string(r"it's \n"), r"'it\'s \\n'");
        assert_eq!(table("  pgsql where x"), "pgsql");
    }
}
