//! SQL for reading: a line for each clause.

/// The lines of a statement; its text is kept as it is, but for the spaces between words.
pub(super) fn lines(statement: &str) -> Vec<String> {
    let words = words(statement);
    let mut lines: Vec<String> = vec![String::new()];
    let mut depth = 0_usize;
    let mut skip = 0;
    for (place, (spaced, word)) in words.iter().enumerate() {
        let begins = if skip > 0 { None } else { begins(&words[place..], depth) };
        skip = match begins {
            Some((indent, long)) => {
                if lines.last().is_some_and(|line| !line.trim().is_empty()) {
                    lines.push(" ".repeat(indent));
                }
                long - 1
            }
            None => usize::saturating_sub(skip, 1),
        };
        match word.as_str() {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if let Some(line) = lines.last_mut() {
            if *spaced && !line.trim().is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// Whether a clause begins here: its indent, and the words of its name.
fn begins(words: &[(bool, String)], depth: usize) -> Option<(usize, usize)> {
    if depth > 0 {
        return None;
    }
    let is = |name: &[&str]| {
        name.len() <= words.len() && name.iter().zip(words).all(|(one, (_, word))| word.eq_ignore_ascii_case(one))
    };
    CLAUSES.iter().find(|(_, name)| is(name)).map(|(indent, name)| (*indent, name.len()))
}

/// Words, strings (whole), and signs, each with whether there is space before it.
fn words(text: &str) -> Vec<(bool, String)> {
    let mut words: Vec<(bool, String)> = Vec::new();
    let mut chars = text.chars().peekable();
    let mut spaced = false;
    while let Some(c) = chars.next() {
        if c.is_whitespace() {
            spaced = true;
            continue;
        }
        let mut word = String::from(c);
        if matches!(c, '\'' | '"') {
            for next in chars.by_ref() {
                word.push(next);
                if next == c {
                    break;
                }
            }
        } else if is_word(c) {
            while let Some(next) = chars.next_if(|next| is_word(*next)) {
                word.push(next);
            }
        } else if !"(),;.[]".contains(c) {
            while let Some(next) =
                chars.next_if(|next| !is_word(*next) && !next.is_whitespace() && !"(),;.[]'\"".contains(*next))
            {
                word.push(next);
            }
        }
        words.push((std::mem::take(&mut spaced), word));
    }
    words
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '?' | '#' | '@')
}

/// What begins a line: how far it is moved in, and its words, longer names first.
const CLAUSES: &[(usize, &[&str])] = &[
    (0, &["left", "outer", "join"]),
    (0, &["right", "outer", "join"]),
    (0, &["full", "outer", "join"]),
    (0, &["left", "join"]),
    (0, &["right", "join"]),
    (0, &["inner", "join"]),
    (0, &["cross", "join"]),
    (0, &["full", "join"]),
    (0, &["join"]),
    (0, &["delete", "from"]),
    (0, &["insert", "into"]),
    (0, &["from"]),
    (0, &["where"]),
    (0, &["group", "by"]),
    (0, &["having"]),
    (0, &["order", "by"]),
    (0, &["limit"]),
    (0, &["offset"]),
    (0, &["returning"]),
    (0, &["values"]),
    (0, &["on", "conflict"]),
    (0, &["union", "all"]),
    (0, &["union"]),
    (0, &["set"]),
    (0, &["for", "update"]),
    (2, &["and"]),
    (2, &["or"]),
];

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn each_clause_has_a_line() {
        let text = "SELECT i.product, count(*) FROM cart_items i  LEFT JOIN carts c ON c.id = i.cart \
                    WHERE i.cart = $1 AND c.state IN ('a  b', 'from') ORDER BY 1 LIMIT 10";
        assert_eq!(
            lines(text),
            [
                "SELECT i.product, count(*)",
                "FROM cart_items i",
                "LEFT JOIN carts c ON c.id = i.cart",
                "WHERE i.cart = $1",
                "  AND c.state IN ('a  b', 'from')",
                "ORDER BY 1",
                "LIMIT 10",
            ]
        );
    }

    #[test]
    fn what_is_in_brackets_stays_together() {
        assert_eq!(
            lines("insert into t (a, b) values ($1, (select x from y where z)) returning id"),
            ["insert into t (a, b)", "values ($1, (select x from y where z))", "returning id",]
        );
        assert_eq!(lines("BEGIN"), ["BEGIN"]);
        assert_eq!(lines("SELECT 'it"), ["SELECT 'it"]);
    }
}
