//! Values that were seen, for completion: after `column =` stands what that column has held.

use query::{Completion, CompletionKind, Span, Type, schema};

use super::query_text;

/// Values that would help.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Gives them, the most frequent first.
    pub(super) query: String,
    /// Where the value begins, with its quote if there is one.
    start: usize,
}

/// Whether a text value of a column stands at byte `cursor` of `text`.
pub(super) fn wanted(text: &str, cursor: usize) -> Option<Wanted> {
    let before = text.get(..cursor)?;
    let start = before.rfind('\'').filter(|_| before.matches('\'').count() % 2 == 1);
    let start = start.unwrap_or(before.len());
    let head = before[..start].trim_end();
    let operator =
        ["!=", "==", "=", "contains", "startswith", "like"].into_iter().find(|operator| head.ends_with(operator))?;
    let head = head.strip_suffix(operator)?.trim_end();
    let head = head.strip_suffix(" not").unwrap_or(head).trim_end();
    let name = head.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next()?;
    let table = query_text::table(text);
    let column = schema::table(&table)?.column(name)?;
    let query = format!("{table} where {name} is not null | count by {name} | take 100");
    (column.ty == Type::String).then_some(Wanted { query, start })
}

/// Those of `seen` that go on as what is typed begins.
pub(super) fn completions(text: &str, cursor: usize, seen: &[String]) -> Vec<Completion> {
    let Some(Wanted { start, .. }) = wanted(text, cursor) else { return Vec::new() };
    let typed = text.get(start..cursor).unwrap_or_default().trim_start_matches('\'').to_lowercase();
    let goes_on = |value: &&String| value.to_lowercase().contains(&typed) && value.len() < LONGEST;
    // A quote that closes what is typed already is replaced too.
    let end = if text.get(cursor..).is_some_and(|rest| rest.starts_with('\'')) { cursor + 1 } else { cursor };
    let gap = if text.get(..start).is_some_and(|head| head.ends_with(' ') || head.ends_with('=')) { "" } else { " " };
    let one = |value: &String| Completion {
        text: format!("{gap}{}", query_text::string(value)),
        replace: Span::new(start, end),
        kind: CompletionKind::Value,
        detail: "seen".to_owned(),
    };
    seen.iter().filter(goes_on).map(one).collect()
}

/// Longer values are no help.
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_wanted_behind_a_comparison_with_text() {
        let query = |text: &str| wanted(text, text.len()).map(|wanted| wanted.query);
        let route = Some("http where route is not null | count by route | take 100".to_owned());
        assert_eq!(query("http where route = "), route);
        assert_eq!(query("http where route='/ca"), route);
        assert_eq!(query("http where status = 200 and route != '/"), route);
        assert_eq!(query("http where status = "), None);
        assert_eq!(query("http where route = '/cart'"), None);
        assert_eq!(query("http where rou"), None);
        assert_eq!(query(""), None);
    }

    #[test]
    fn what_is_typed_is_replaced_with_its_quotes() {
        let seen = ["/cart".to_owned(), "/it's".to_owned()];
        let found = completions("http where route = '/c", 22, &seen);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].text.as_str(), found[0].replace), ("'/cart'", Span::new(19, 22)));
        let found = completions("http where route = 'it", 22, &seen);
        assert_eq!(found[0].text, r"'/it\'s'");
    }
}
