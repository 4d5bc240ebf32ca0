//! The configuration file: TOML with the options' names, saved queries, and what is secret beside the built-in rules.
//!
//! ```toml
//! body = "4KiB"
//! exclude-port = [22, 9100]
//!
//! [queries]
//! "failing routes" = "http where status >= 500 | count by route"
//!
//! [redact]
//! names = ["card_number"]
//! keep = ["session_token"]
//! values = ['\b\d{3}-\d{2}-\d{4}\b']
//! ```

use std::path::Path;

use protocols::redact::{RuleError, Rules};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What a configuration file says.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// Options in the file's order.
    pub(super) settings: Vec<Setting>,
    /// Saved queries: name and text.
    pub(crate) queries: Vec<(String, String)>,
    /// What is secret beside the built-in rules.
    pub(crate) rules: Rules,
    text: String,
}

/// One option.
#[derive(Debug)]
pub(super) struct Setting {
    /// The option's long name.
    pub(super) name: String,
    /// Its values, as they would be typed.
    pub(super) values: Vec<String>,
    /// Byte offset of its value.
    pub(super) at: usize,
}

/// Reads and parses.
///
/// # Errors
/// With path, line, column and a caret.
pub(super) fn read(path: &Path) -> Result<Config, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {}", path.display(), crate::failure::reason(&error)))?;
    parse(path, text)
}

fn parse(path: &Path, text: String) -> Result<Config, String> {
    let mut config = Config { text, ..Config::default() };
    let table = match DeTable::parse(&config.text) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            return Err(self::at(path, &config, at, error.message()));
        }
    };
    let mut settings = Vec::new();
    let mut queries = Vec::new();
    let mut rules = Rules::default();
    for (key, value) in &table {
        let name = key.get_ref().as_ref();
        match value.get_ref() {
            DeValue::Table(table) if name == "queries" => {
                for (name, query) in table {
                    match query.get_ref().as_str() {
                        Some(query) => queries.push((name.get_ref().to_string(), query.to_owned())),
                        None => return Err(self::at(path, &config, query.span().start, "a saved query is a string")),
                    }
                }
            }
            DeValue::Table(table) if name == "redact" => {
                rules =
                    self::rules(table, &config.text).map_err(|(at, message)| self::at(path, &config, at, &message))?;
            }
            DeValue::Table(_) => {
                let message = format!("no table is called `{name}`; there are [queries] and [redact]");
                return Err(self::at(path, &config, key.span().start, &message));
            }
            DeValue::Array(values) => {
                let values = values.iter().map(|value| scalar(path, &config, value)).collect::<Result<_, _>>()?;
                settings.push(Setting { name: name.replace('_', "-"), values, at: value.span().start });
            }
            _ => {
                let values = vec![scalar(path, &config, value)?];
                settings.push(Setting { name: name.replace('_', "-"), values, at: value.span().start });
            }
        }
    }
    config.settings = settings;
    config.queries = queries;
    config.rules = rules;
    Ok(config)
}

/// Reads `[redact]`; an error comes with its byte offset in the file.
fn rules(table: &DeTable<'_>, file: &str) -> Result<Rules, (usize, String)> {
    let mut rules = Rules::default();
    for (key, list) in table {
        let add: fn(&mut Rules, &str) -> Result<(), RuleError> = match key.get_ref().as_ref() {
            "names" => Rules::hide_name,
            "keep" => Rules::keep_name,
            "values" => Rules::hide_value,
            other => {
                let message = format!("[redact] has no `{other}`; it takes names, keep and values");
                return Err((key.span().start, message));
            }
        };
        let DeValue::Array(list) = list.get_ref() else {
            return Err((list.span().start, format!("`{}` is a list of strings, as in [\"…\"]", key.get_ref())));
        };
        for rule in list {
            let Some(text) = rule.get_ref().as_str() else {
                return Err((rule.span().start, "a rule is a string".to_owned()));
            };
            add(&mut rules, text).map_err(|error| (inside(file, rule, text, error.at), error.what))?;
        }
    }
    Ok(rules)
}

/// Where in the file the byte `at` of a string is; its beginning, if escapes make that uncertain.
fn inside(file: &str, string: &Spanned<DeValue<'_>>, text: &str, at: usize) -> usize {
    let start = string.span().start;
    let as_written = file.get(start..).and_then(|rest| rest.get(1..)).is_some_and(|rest| rest.starts_with(text));
    if as_written { start + 1 + at } else { start }
}

/// A value as it would be typed.
fn scalar(path: &Path, config: &Config, value: &Spanned<DeValue<'_>>) -> Result<String, String> {
    Ok(match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        other => {
            let message =
                format!("a {} says nothing here; options are strings, numbers, true or false", other.type_str());
            return Err(at(path, config, value.span().start, &message));
        }
    })
}

/// `message` with path, line and column, and a caret under the place.
pub(super) fn at(path: &Path, config: &Config, offset: usize, message: &str) -> String {
    let before = config.text.get(..offset).unwrap_or(&config.text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count();
    let whole = config.text.lines().nth(line - 1).unwrap_or_default();
    // Of a very long line only what is around the place.
    let from = if whole.len() > LONGEST { column.saturating_sub(LONGEST / 2) } else { 0 };
    let shown: String = whole.chars().skip(from).take(LONGEST).collect();
    let caret = column - from;
    format!("{}:{line}:{}: {message}\n  {shown}\n  {:caret$}^", path.display(), column + 1, "",)
}

/// Characters of a line that are shown.
const LONGEST: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_saved_queries() {
        let text = "body = \"4KiB\"\nexclude_port = [22, 9100]\nno-tls = true\n[queries]\nslow = \"http where latency > 1s\"\n";
        let config = parse(Path::new("x.toml"), text.to_owned()).unwrap();
        let settings: Vec<_> = config.settings.iter().map(|s| (s.name.as_str(), s.values.clone())).collect();
        assert!(settings.contains(&("body", vec!["4KiB".to_owned()])));
        assert!(settings.contains(&("exclude-port", vec!["22".to_owned(), "9100".to_owned()])));
        assert!(settings.contains(&("no-tls", vec!["true".to_owned()])));
        assert_eq!(config.queries, [("slow".to_owned(), "http where latency > 1s".to_owned())]);
    }

    #[test]
    fn rules_about_secrets() {
        let text = "[redact]\nnames = [\"card_number\"]\nkeep = ['session_token']\nvalues = ['\\d{4}-\\d{4}']\n";
        let config = parse(Path::new("x.toml"), text.to_owned()).unwrap();
        assert_eq!(protocols::redact::text("see 1234-5678", &config.rules), "see ***(9)");
        for (text, expected) in [
            ("[redact]\nvalues = ['ok', 'ab(c']\n", "x.toml:2:20: unclosed group\n"),
            ("[redact]\nvalues = [\"a\\\\w(\"]\n", "x.toml:2:11: unclosed group\n"),
            ("[redact]\n values = ['x*']\n", "x.toml:2:13: the expression also matches nothing"),
            ("[redact]\nnames = 'x'\n", "x.toml:2:9: `names` is a list of strings"),
            ("[redact]\nnames = [5]\n", "x.toml:2:10: a rule is a string"),
            ("[redact]\nnames = ['--']\n", "x.toml:2:11: a name has letters or digits"),
            ("[redact]\nname = ['a']\n", "x.toml:2:1: [redact] has no `name`"),
            ("body = 1\n[redacted]\nnames = ['a']\n", "x.toml:2:2: no table is called `redacted`"),
        ] {
            let error = parse(Path::new("x.toml"), text.to_owned()).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }

    #[test]
    fn errors_have_line_column_and_caret() {
        let error = parse(Path::new("x.toml"), "body = 1\ncapture = [[]]\n".to_owned()).unwrap_err();
        assert!(error.starts_with("x.toml:2:12: "), "{error}");
        assert!(error.ends_with("\n  capture = [[]]\n             ^"), "{error}");
        let error = parse(Path::new("x.toml"), "body = \n".to_owned()).unwrap_err();
        assert!(error.starts_with("x.toml:1:"), "{error}");
    }
}
