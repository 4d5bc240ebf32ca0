//! What counts as a secret: the built-in rules, and those of the user.

use std::borrow::Cow;

use regex::Regex;

use super::names::{self, Secrecy};
use super::{masked, values};

/// The user's own rules, on top of the built-in ones.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Names, as words that stand side by side in a name.
    names: Vec<Vec<String>>,
    /// Names that hide nothing, as all of their words.
    kept: Vec<Vec<String>>,
    values: Vec<Regex>,
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// What is wrong, and what would be right, as one line.
    pub what: String,
    /// Byte offset in the rule's text.
    pub at: usize,
}

/// Largest compiled expression, bytes: one rule must not take the memory of the store.
const LARGEST_EXPRESSION: usize = 1 << 20;

impl Rules {
    /// Hides what goes by this name: `card_number` also hides `cardNumber` and `X-Card-Number`.
    ///
    /// # Errors
    /// When it has no letter or digit.
    pub fn hide_name(&mut self, name: &str) -> Result<(), RuleError> {
        self.names.push(words(name)?);
        Ok(())
    }

    /// Leaves what goes by exactly this name (in any letter case and style) to the rules for values.
    ///
    /// # Errors
    /// When it has no letter or digit.
    pub fn keep_name(&mut self, name: &str) -> Result<(), RuleError> {
        self.kept.push(words(name)?);
        Ok(())
    }

    /// Hides what matches this regular expression, wherever it stands; of an expression with groups, the first one.
    ///
    /// # Errors
    /// When it is none, or matches the empty text.
    pub fn hide_value(&mut self, expression: &str) -> Result<(), RuleError> {
        let built = regex::RegexBuilder::new(expression).size_limit(LARGEST_EXPRESSION).build();
        let regex = built.map_err(|error| RuleError { what: last_line(&error), at: caret(&error) })?;
        if regex.is_match("") {
            let what = "the expression also matches nothing at all, and would hide everything".to_owned();
            return Err(RuleError { what, at: 0 });
        }
        self.values.push(regex);
        Ok(())
    }

    /// Whether there are rules beside the built-in ones.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.kept.is_empty() && self.values.is_empty()
    }

    pub(super) fn judge(&self, name: &str) -> Secrecy {
        if self.names.is_empty() && self.kept.is_empty() {
            return names::judge(name);
        }
        let words = names::words(name);
        if self.kept.contains(&words) {
            return Secrecy::None;
        }
        let named = |own: &Vec<String>| words.windows(own.len().max(1)).any(|part| part == own.as_slice());
        if self.names.iter().any(named) { Secrecy::Always } else { names::judge(name) }
    }

    /// Masks what looks like a secret.
    pub(super) fn mask_values<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = values::mask(text);
        for regex in &self.values {
            if let Cow::Owned(changed) = replace(regex, &text) {
                text = Cow::Owned(changed);
            }
        }
        text
    }
}

fn replace<'a>(regex: &Regex, text: &'a str) -> Cow<'a, str> {
    let mut out = String::new();
    let mut copied = 0_usize;
    for captures in regex.captures_iter(text) {
        let Some(secret) = captures.get(1).or_else(|| captures.get(0)).filter(|found| !found.is_empty()) else {
            continue;
        };
        out.push_str(text.get(copied..secret.start()).unwrap_or_default());
        out.push_str(&masked(secret.as_str()));
        copied = secret.end();
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

fn words(name: &str) -> Result<Vec<String>, RuleError> {
    let words = names::words(name);
    if words.is_empty() {
        let what = "a name has letters or digits, as in card_number".to_owned();
        return Err(RuleError { what, at: 0 });
    }
    Ok(words)
}

/// The regex crate draws the place over several lines; the last one says what is wrong.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("not a regular expression");
    line.trim_start_matches("error: ").to_owned()
}

/// Where its caret stands.
fn caret(error: &regex::Error) -> usize {
    let text = error.to_string();
    let drawn = text.lines().find_map(|line| line.find('^').filter(|at| line.get(..*at).is_some_and(blank)));
    // The expression is drawn after four blanks.
    drawn.and_then(|column| column.checked_sub(4)).unwrap_or(0)
}

fn blank(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names_and_exceptions() {
        let mut rules = Rules::default();
        rules.hide_name("card_number").unwrap();
        rules.keep_name("session_token").unwrap();
        for name in ["card_number", "cardNumber", "X-Card-Number", "old.card-number.id"] {
            assert_eq!(rules.judge(name), Secrecy::Always, "{name}");
        }
        for name in ["number_card", "card", "cardnumber", "sessionToken", "SESSION-TOKEN"] {
            assert_eq!(rules.judge(name), Secrecy::None, "{name}");
        }
        assert_eq!(rules.judge("my_session_token"), Secrecy::Text, "only exactly that name is excepted");
        assert_eq!(rules.judge("password"), Secrecy::Always);
    }

    #[test]
    fn own_values() {
        let mut rules = Rules::default();
        rules.hide_value(r"\b\d{3}-\d{2}-\d{4}\b").unwrap();
        rules.hide_value(r"acct:([a-z]+)").unwrap();
        assert_eq!(rules.mask_values("078-05-1120 and acct:abc."), "***(11) and acct:***(3).");
        assert_eq!(rules.mask_values("nothing"), "nothing");
    }

    #[test]
    fn what_is_no_rule_says_why_and_where() {
        let mut rules = Rules::default();
        let error = rules.hide_value("ab(c").unwrap_err();
        assert_eq!((error.what.as_str(), error.at), ("unclosed group", 2));
        assert!(rules.hide_value("a*").unwrap_err().what.contains("nothing at all"));
        assert!(rules.hide_name("--").is_err() && rules.keep_name("").is_err());
        assert!(rules.is_empty());
    }
}
