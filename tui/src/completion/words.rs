//! The words of a command line, as far as the cursor.

/// A quote that is still open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quote {
    Single,
    Double,
}

/// A word without its quotes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// Null where none is open.
    pub(super) quote: Option<Quote>,
    /// Bytes of `text` before the last quote was opened.
    pub(super) quoted_from: usize,
    /// Without any quote or backslash.
    pub(super) plain: bool,
}

/// Words of the last command of `line`; the last one, where the cursor is, may be empty. In fish a backslash escapes inside
/// of single quotes too.
pub(super) fn words(line: &str, fish: bool) -> Vec<Word> {
    let new = || Word { plain: true, ..Word::default() };
    let mut words = vec![new()];
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let Some(word) = words.last_mut() else { return words };
        match (word.quote, c) {
            (Some(Quote::Single), '\\') if fish && matches!(chars.peek(), Some('\'' | '\\')) => {
                word.text.extend(chars.next());
            }
            (Some(Quote::Double), '\\') if matches!(chars.peek(), Some('"' | '\\' | '$' | '`')) => {
                word.text.extend(chars.next());
            }
            (Some(Quote::Single), '\'') | (Some(Quote::Double), '"') => word.quote = None,
            (Some(_), _) => word.text.push(c),
            (None, '\'' | '"') => {
                word.quote = Some(if c == '"' { Quote::Double } else { Quote::Single });
                word.quoted_from = word.text.len();
                word.plain = false;
            }
            (None, '\\') => {
                word.text.extend(chars.next());
                word.plain = false;
            }
            (None, '|' | '&' | ';' | '\n') => words = vec![new()],
            (None, c) if c.is_whitespace() => {
                if !(word.text.is_empty() && word.plain) {
                    words.push(new());
                }
            }
            (None, _) => word.text.push(c),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &[&str], quote: Option<Quote>) {
        let found = words(line, false);
        assert_eq!(found.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), expected, "{line}");
        assert_eq!(found.last().and_then(|word| word.quote), quote, "{line}");
    }

    #[test]
    fn as_a_shell_divides_a_line() {
        check("a b  c", &["a", "b", "c"], None);
        check("a ", &["a", ""], None);
        check("a '' ", &["a", "", ""], None);
        check("a 'b c", &["a", "b c"], Some(Quote::Single));
        check("a \"b 'c", &["a", "b 'c"], Some(Quote::Double));
        check(r#"a "b \" \n c" d\ e"#, &["a", "b \" \\n c", "d e"], None);
        check(r"a 'b'\''c' 'd", &["a", "b'c", "d"], Some(Quote::Single));
        check("x 'y | z' | a b", &["a", "b"], None);
        check("", &[""], None);
    }

    #[test]
    fn fish_escapes_inside_of_single_quotes() {
        assert_eq!(words(r"'a \'b", true)[0].text, "a 'b");
    }
}
