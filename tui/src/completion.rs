//! Completion of `--query` on a shell's command line: the same candidates as on the screens, at the cursor.
//!
//! The scripts of `explore completions SHELL` ask this program for them (`explore __complete`), with the line as far as the
//! cursor. A shell replaces one word, here the whole query or, in bash, what follows its last quote.

mod words;

use clap_complete::Shell;
use query::{Completion, complete};

use crate::failure::Failure;
use crate::output;
use words::{Quote, Word, words};

/// `explore __complete`: prints what could stand at the end of `line`; exit code 1 where that is no query. For bash `line`
/// is the command line, for the others the word alone. `listing`: only to be looked at.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn print(shell: Shell, line: &str, listing: bool) -> Result<u8, Failure> {
    let mut words = words(line, shell == Shell::Fish);
    let Some(word) = words.pop() else { return Ok(1) };
    let skipped = match shell {
        Shell::Bash => match skipped(&words, &word) {
            Some(skipped) => skipped,
            None => return Ok(1),
        },
        _ => 0,
    };
    let query = word.text.get(skipped..).unwrap_or_default();
    let found = candidates(query);
    let lines: Vec<String> = match shell {
        Shell::Bash if listing => found.iter().map(|completion| completion.text.clone()).collect(),
        Shell::Bash => replies(&word, skipped, &found),
        _ => described(query, &found),
    };
    output::data(&lines.iter().map(|line| format!("{line}\n")).collect::<String>()).map(|()| 0)
}

/// What goes on as what is typed begins: of anything else the shell would take away what is typed.
fn candidates(query: &str) -> Vec<Completion> {
    let typed = |completion: &Completion| query.get(completion.replace.start..).unwrap_or_default().to_lowercase();
    let mut found = complete(query, query.len());
    found.retain(|completion| completion.text.to_lowercase().starts_with(&typed(completion)));
    found
}

/// How many bytes of the last word come before its query; null where it is none.
fn skipped(before: &[Word], word: &Word) -> Option<usize> {
    if before.iter().any(|word| word.text == "--") {
        return None;
    }
    // `-q`, also at the end of other letters: `-eq`.
    let is_short = |text: &str| {
        text.strip_prefix('-').is_some_and(|rest| rest.ends_with('q') && rest.chars().all(|c| c.is_ascii_alphabetic()))
    };
    let last = before.last().filter(|_| before.len() > 1).map(|word| word.text.as_str());
    if last.is_some_and(|last| last == "--query" || is_short(last)) {
        return Some(0);
    }
    // Written together with its value.
    let together = ["--query=", "-q"].into_iter().find(|option| word.text.starts_with(option));
    together.filter(|_| !before.is_empty() && word.text != "-q").map(str::len)
}

/// The query with a completion in it.
fn with(query: &str, completion: &Completion) -> String {
    format!("{}{}", query.get(..completion.replace.start).unwrap_or_default(), completion.text)
}

/// What bash puts in place of what follows the last quote, or the last character that breaks words.
fn replies(word: &Word, skipped: usize, found: &[Completion]) -> Vec<String> {
    let query = word.text.get(skipped..).unwrap_or_default();
    let start = match word.quote {
        Some(_) => word.quoted_from,
        None => word.text.rfind(BREAKS).map_or(0, |at| at.saturating_add(1)),
    };
    let prefix = word.text.get(..skipped).unwrap_or_default();
    let reply = |completion: &Completion| {
        let whole = format!("{prefix}{}", with(query, completion));
        let kept = whole.get(..start) == word.text.get(..start);
        let new = whole.get(start..).filter(|_| kept)?;
        match word.quote {
            Some(quote) => Some(quote.escaped(new)),
            None => (word.plain && new.chars().all(|c| c.is_alphanumeric() || c == '_')).then(|| new.to_owned()),
        }
    };
    let mut replies: Vec<String> = found.iter().filter_map(reply).collect();
    if let ([only], Some(_)) = (replies.as_slice(), word.quote) {
        // Of one reply bash would think that it ends the word, and close the quote.
        replies.push(format!("{only} "));
    }
    replies
}

/// The whole query, what is new in it, and what that is, divided by tabs.
fn described(query: &str, found: &[Completion]) -> Vec<String> {
    let line = |completion: &Completion| {
        let detail = completion.detail.replace(['\t', '\n'], " ");
        format!("{}\t{}  {detail}", with(query, completion), completion.text)
    };
    let mut lines: Vec<String> = found.iter().map(line).collect();
    if let [only] = found {
        // As for bash.
        lines.push(format!("{} \tand on", with(query, only)));
    }
    lines
}

/// Where bash begins a new word inside of one without quotes (`COMP_WORDBREAKS`).
const BREAKS: [char; 8] = ['=', ':', '<', '>', '|', '(', '&', ';'];

impl Quote {
    /// `text` as it is written inside of this quote.
    fn escaped(self, text: &str) -> String {
        match self {
            Self::Single => text.replace('\'', r"'\''"),
            Self::Double => {
                let mut escaped = String::with_capacity(text.len());
                for c in text.chars() {
                    if matches!(c, '"' | '\\' | '$' | '`') {
                        escaped.push('\\');
                    }
                    escaped.push(c);
                }
                escaped
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What bash is told; null: no query is here.
    fn bash(line: &str) -> Option<Vec<String>> {
        let mut words = words(line, false);
        let word = words.pop()?;
        let skipped = skipped(&words, &word)?;
        let query = word.text.get(skipped..).unwrap_or_default();
        Some(replies(&word, skipped, &candidates(query)))
    }

    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        assert_eq!(bash(line).expect("is a query"), expected, "{line}");
    }

    #[test]
    fn the_word_after_the_option_is_the_query() {
        check("explore -q 'htt", &["http", "http "]);
        check("explore --read f.pcap --query \"htt", &["http", "http "]);
        check("sudo explore -eq 'htt", &["http", "http "]);
        check("explore --query='htt", &["http", "http "]);
        check("explore -q'htt", &["http", "http "]);
        check("cat x | explore --read - -q 'http where statu", &["http where status", "http where status "]);
        assert_eq!(bash("explore --read htt"), None);
        assert_eq!(bash("explore -- grep -q 'htt"), None, "COMMAND's own option");
        assert_eq!(bash("explore -q http; ls -l"), None);
        assert_eq!(bash("explore -q"), None);
    }

    #[test]
    fn without_quotes_there_is_room_for_a_table() {
        check("explore -q htt", &["http"]);
        check("explore --query=htt", &["http"]);
        check(r"explore -q http\ wher", &[]);
    }

    #[test]
    fn a_quote_in_a_value_is_written_as_the_shell_needs_it() {
        let single = bash("explore -q 'http where method = ").expect("is a query");
        assert!(single.contains(&r"http where method = '\''GET'\''".to_owned()), "{single:?}");
        let double = bash("explore -q \"http where method = ").expect("is a query");
        assert!(double.contains(&"http where method = 'GET'".to_owned()), "{double:?}");
        check(r"explore -q 'http where method = '\''PO", &[r"POST'\''", r"POST'\'' "]);
        // Behind such a value the shell's word begins at its last quote.
        check(r"explore -q 'http where method = '\''GET'\'' and statu", &[" and status", " and status "]);
    }

    #[test]
    fn the_others_replace_the_whole_query() {
        let found = described("http where sta", &candidates("http where sta"));
        assert!(found.iter().any(|line| line.starts_with("http where status\tstatus  u16")), "{found:?}");
    }
}
