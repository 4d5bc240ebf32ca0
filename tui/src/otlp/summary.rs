//! `db.query.summary`: what a statement does and to what, such as `SELECT orders customers`. Few for a whole application.
//!
//! The conventions ask for the operations and their targets in the order of the text, and for no values. It is read from
//! the statement's shape, which holds none.

/// Operation and targets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Summary {
    words: Vec<String>,
    targets: Vec<String>,
}

impl Summary {
    /// The summary; null where nothing is known of the statement.
    pub(super) fn text(&self) -> Option<String> {
        let mut text = self.words.join(" ");
        if let Some((end, _)) = text.char_indices().nth(LONGEST) {
            // Cut between words.
            text.truncate(text.get(..end).and_then(|kept| kept.rfind(' ')).unwrap_or(end));
        }
        (!text.is_empty()).then_some(text)
    }

    /// The target, if there is exactly one.
    pub(super) fn only_target(&self) -> Option<&str> {
        match self.targets.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }
}

/// Of a statement, by its operation and its shape.
pub(super) fn of(operation: Option<&str>, shape: Option<&str>) -> Summary {
    let mut summary = Summary::default();
    let tokens = tokens(shape.unwrap_or_default());
    let mut local = Vec::new();
    let mut rest = tokens.as_slice();
    let mut after_from = false;
    // Of each open bracket, whether a function is called that has a FROM of its own.
    let mut brackets: Vec<bool> = Vec::new();
    while let [token, tail @ ..] = rest {
        rest = tail;
        let word = token.to_ascii_uppercase();
        match word.as_str() {
            "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "MERGE" => {
                after_from = false;
                // `ON CONFLICT DO UPDATE` and `FOR UPDATE` belong to what they are part of.
                if !matches!(before(&tokens, rest).as_deref(), Some("DO" | "FOR")) {
                    summary.words.push(word.clone());
                    if word == "UPDATE" {
                        rest = target(rest, &local, &mut summary);
                    }
                }
            }
            // A name that the statement itself gives is no target.
            "WITH" | "," if tail.get(1).is_some_and(|token| token.eq_ignore_ascii_case("as")) => {
                local.extend(tail.first().map(|name| name.to_ascii_lowercase()));
            }
            "(" => {
                after_from = false;
                let name = before(&tokens, rest).unwrap_or_default();
                brackets.push(WITH_FROM.contains(&name.as_str()));
            }
            ")" => {
                after_from = false;
                brackets.pop();
            }
            "FROM" if brackets.last() == Some(&true) => {}
            "FROM" | "JOIN" | "INTO" | "USING" | "TABLE" if tail.first() != Some(&"(") => {
                if summary.words.is_empty() {
                    summary.words.extend(operation.map(str::to_owned));
                }
                after_from = word == "FROM";
                rest = target(rest, &local, &mut summary);
            }
            "," if after_from => rest = target(rest, &local, &mut summary),
            "WHERE" | "SET" | "GROUP" | "ORDER" | "LIMIT" | "RETURNING" => after_from = false,
            _ => {}
        }
    }
    if summary.words.is_empty() {
        summary.words.extend(operation.map(str::to_owned));
    }
    summary
}

/// The token before the one that was just taken.
fn before(tokens: &[&str], rest: &[&str]) -> Option<String> {
    let at = tokens.len().checked_sub(rest.len())?.checked_sub(2)?;
    tokens.get(at).map(|token| token.to_ascii_uppercase())
}

/// Takes the name that follows, if one does.
fn target<'a, 'b>(rest: &'b [&'a str], local: &[String], summary: &mut Summary) -> &'b [&'a str] {
    let mut rest = rest;
    while let [token, tail @ ..] = rest {
        if !SKIPPED.iter().any(|word| token.eq_ignore_ascii_case(word)) {
            break;
        }
        rest = tail;
    }
    let Some((name, tail)) = rest.split_first() else { return rest };
    let is_name = name.starts_with(|first: char| first.is_alphabetic() || matches!(first, '_' | '"'));
    let reserved = ["SELECT", "LATERAL", "VALUES", "SET"].iter().any(|word| name.eq_ignore_ascii_case(word));
    if !is_name || reserved {
        return rest;
    }
    if !local.contains(&name.to_ascii_lowercase()) {
        summary.words.push((*name).to_owned());
        if !summary.targets.iter().any(|known| known == name) {
            summary.targets.push((*name).to_owned());
        }
    }
    tail
}

/// Names with their dots, quoted or not, and single signs.
fn tokens(shape: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = shape.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if is_part(first) || first == '"' { name_length(rest) } else { first.len_utf8() };
        let (token, tail) = rest.split_at_checked(length.max(1)).unwrap_or((rest, ""));
        tokens.push(token);
        rest = tail.trim_start();
    }
    tokens
}

fn name_length(text: &str) -> usize {
    let mut quoted = false;
    for (at, char) in text.char_indices() {
        match char {
            '"' => quoted = !quoted,
            _ if quoted || is_part(char) || char == '.' => {}
            _ => return at,
        }
    }
    text.len()
}

fn is_part(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '$')
}

/// Words between `FROM`, `TABLE` and the like, and the name.
const SKIPPED: [&str; 5] = ["ONLY", "IF", "NOT", "EXISTS", "LATERAL"];
/// Functions such as `extract(year FROM created)`.
const WITH_FROM: [&str; 4] = ["EXTRACT", "OVERLAY", "SUBSTRING", "TRIM"];
/// The conventions' bound, in characters.
const LONGEST: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(operation: &str, shape: &str, expect: &str, only: Option<&str>) {
        let summary = of(Some(operation), Some(shape));
        assert_eq!((summary.text().as_deref(), summary.only_target()), (Some(expect), only), "{shape}");
    }

    // The first ones as the conventions' own page of database spans has them.
    #[test]
    fn operations_and_targets_in_the_order_of_the_text() {
        check("SELECT", "SELECT * FROM wuser_table WHERE username = ?", "SELECT wuser_table", Some("wuser_table"));
        check(
            "INSERT",
            "INSERT INTO shipping_details (order_id, address) SELECT order_id, address FROM orders WHERE order_id = ?",
            "INSERT shipping_details SELECT orders",
            None,
        );
        check(
            "SELECT",
            "SELECT * FROM songs, artists WHERE songs.artist_id = artists.id",
            "SELECT songs artists",
            None,
        );
        check(
            "SELECT",
            "SELECT order_date FROM (SELECT * FROM orders o JOIN customers c ON o.id = c.id)",
            "SELECT SELECT orders customers",
            None,
        );
        check(
            "UPDATE",
            "UPDATE ONLY public.orders SET total = ? WHERE id = ?",
            "UPDATE public.orders",
            Some("public.orders"),
        );
        check("DELETE", "DELETE FROM \"Order Items\" WHERE id = ?", "DELETE \"Order Items\"", Some("\"Order Items\""));
        check("SELECT", "SELECT id FROM jobs WHERE done = ? FOR UPDATE", "SELECT jobs", Some("jobs"));
        check("INSERT", "INSERT INTO t (a) VALUES (?) ON CONFLICT (a) DO UPDATE SET a = ?", "INSERT t", Some("t"));
        check(
            "SELECT",
            "WITH recent AS (SELECT * FROM orders) SELECT * FROM recent",
            "SELECT orders SELECT",
            Some("orders"),
        );
        check("SELECT", "SELECT extract(year FROM created) FROM orders o", "SELECT orders", Some("orders"));
    }

    #[test]
    fn without_targets_the_operation_remains() {
        check("BEGIN", "BEGIN", "BEGIN", None);
        check("SELECT", "SELECT ?", "SELECT", None);
        check("CREATE TABLE", "CREATE TABLE IF NOT EXISTS orders (id int)", "CREATE TABLE orders", Some("orders"));
        assert_eq!(of(Some("STARTUP"), None).text().as_deref(), Some("STARTUP"));
        assert_eq!(of(None, None).text(), None);
    }

    #[test]
    fn long_ones_are_cut_between_words() {
        let tables: Vec<String> = (0..100).map(|n| format!("table_{n}")).collect();
        let text = of(Some("SELECT"), Some(&format!("SELECT * FROM {}", tables.join(", ")))).text().unwrap();
        assert!(text.len() <= LONGEST && text.ends_with(|c: char| c.is_ascii_digit()), "{text}");
    }
}
