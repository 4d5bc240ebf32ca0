//! Which name a literal or parameter is compared with, assigned to, or inserted under.

use super::tokens::{Kind, Token};
use crate::redact::deep::Mask;
use crate::redact::names::Secrecy;

/// Which name what comes next belongs to.
#[derive(Debug)]
pub(super) struct Reader<'r> {
    rules: Mask<'r>,
    depth: usize,
    last_word: Option<String>,
    /// The words of the innermost parentheses.
    group: Vec<String>,
    /// Where a `SET` stands.
    setting: Setting,
    /// In `set_config(…)`: its depth, and the setting's name once that was given.
    config: Option<(usize, Option<String>)>,
    /// Names that are being compared or assigned, with the depth at which that ends.
    names: Vec<(usize, String)>,
    between: bool,
    insert: Insert,
}

/// `SET name = value`, also in `ALTER ROLE r SET …`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setting {
    /// At the first word of a statement.
    Start,
    /// The statement may have a setting.
    Possible,
    /// In its name.
    Name,
    /// In its value.
    Value,
    No,
}

/// `INSERT INTO t (a, b) VALUES (…, …)`, or `… SELECT …, …`.
#[derive(Debug, Default)]
enum Insert {
    #[default]
    No,
    /// After INTO.
    Table,
    Columns(Vec<String>),
    /// After VALUES or SELECT; which value of the row it is, inside the parentheses at that depth.
    Values {
        columns: Vec<String>,
        at: usize,
        depth: usize,
        selected: bool,
    },
}

impl<'r> Reader<'r> {
    pub(super) fn of(rules: Mask<'r>) -> Self {
        Self {
            rules,
            depth: 0,
            last_word: None,
            group: Vec::new(),
            setting: Setting::Start,
            config: None,
            names: Vec::new(),
            between: false,
            insert: Insert::No,
        }
    }

    /// The name that a literal or parameter here belongs to.
    pub(super) fn name(&self) -> Option<String> {
        if let Some((_, Some(name))) = &self.config {
            return Some(name.clone());
        }
        if let Some((_, name)) = self.names.last() {
            return Some(name.clone());
        }
        match &self.insert {
            Insert::Values { columns, at, depth, selected } if self.depth > *depth || *selected => {
                columns.get(*at).cloned()
            }
            _ => None,
        }
    }

    /// The value of a setting may be words.
    pub(super) fn is_setting_value(&self) -> bool {
        self.setting == Setting::Value
    }

    /// The literal here is the name of a setting.
    pub(super) fn names_setting(&self) -> bool {
        matches!(&self.config, Some((_, None)))
    }

    pub(super) fn step(&mut self, token: &Token<'_>, [earlier, before]: [Option<&Token<'_>>; 2]) {
        match (token.kind, token.text) {
            (Kind::Other, "(") => {
                self.depth = self.depth.saturating_add(1);
                self.group.clear();
                if let Insert::Table = self.insert {
                    self.insert = Insert::Columns(Vec::new());
                }
                if before.is_some_and(|before| before.is("set_config")) {
                    self.config = Some((self.depth, None));
                }
            }
            (Kind::Other, ")") => {
                self.depth = self.depth.saturating_sub(1);
                let depth = self.depth;
                self.names.retain(|(at, _)| *at <= depth);
                self.config = self.config.take().filter(|(at, _)| *at <= depth);
                // `(a, password) = (…, …)`: all of it is as secret as the most secret of them.
                let secret = self.group.iter().find(|name| self.rules.judge(name) != Secrecy::None);
                if let Some(secret) = secret {
                    self.last_word = Some(secret.clone());
                }
            }
            (Kind::Other, ";") => {
                self.separator();
                self.setting = Setting::Start;
                self.insert = Insert::No;
            }
            (Kind::Other, ",") => {
                // `set_config('name', …`: the literal before is a name.
                if let Some((depth, name @ None)) = &mut self.config
                    && *depth == self.depth
                {
                    *name =
                        before.filter(|before| before.kind == Kind::Literal).map(|before| before.inner().to_owned());
                    if name.is_none() {
                        self.config = None;
                    }
                } else {
                    self.separator();
                }
            }
            (Kind::Operator, _) => self.assign(),
            (Kind::Word, word) => self.word(word, [earlier, before]),
            _ => {}
        }
    }

    fn separator(&mut self) {
        let here = self.depth;
        self.names.retain(|(depth, _)| *depth < here);
        if let Insert::Values { at, depth, selected, .. } = &mut self.insert {
            let value_depth = if *selected { *depth } else { depth.saturating_add(1) };
            *at = if here == value_depth {
                at.saturating_add(1)
            } else if here == *depth {
                0
            } else {
                *at
            };
        }
    }

    /// What follows belongs to the last word.
    fn assign(&mut self) {
        if self.setting == Setting::Name {
            self.setting = Setting::Value;
        }
        if let Some(name) = self.last_word.take() {
            self.names.push((self.depth, name));
        }
    }

    fn word(&mut self, word: &str, [_, before]: [Option<&Token<'_>>; 2]) {
        let upper = word.to_ascii_uppercase();
        self.follow_setting(&upper);
        match upper.as_str() {
            "AND" if std::mem::take(&mut self.between) => {}
            "FROM" if before.is_some_and(|before| before.is("DISTINCT")) => {}
            "AND" | "OR" | "WHERE" | "FROM" | "RETURNING" | "ORDER" | "GROUP" | "LIMIT" | "OFFSET" | "SELECT" => {
                self.clause(&upper);
            }
            "LIKE" | "ILIKE" | "IN" | "TO" | "SIMILAR" => self.assign(),
            "BETWEEN" => {
                self.between = true;
                self.assign();
            }
            "NOT" | "ANY" | "ALL" | "ENCRYPTED" | "IS" | "DISTINCT" => {}
            // `CREATE ROLE … PASSWORD '…'`.
            "PASSWORD" if before.is_some_and(|before| before.kind != Kind::Operator) => {
                self.last_word = Some("password".to_owned());
                if !matches!(self.insert, Insert::Columns(_)) {
                    self.names.push((self.depth, "password".to_owned()));
                }
                self.column("password");
            }
            "INTO" => self.insert = Insert::Table,
            "VALUES" => self.values(false),
            _ => {
                let name = word.trim_matches('"');
                // `PASSWORD NULL`, or a column of that name with something after it.
                if self.names.last().is_some_and(|(depth, name)| *depth == self.depth && name == "password") {
                    self.names.pop();
                }
                self.column(name);
                self.last_word = Some(name.to_owned());
            }
        }
    }

    fn clause(&mut self, word: &str) {
        let here = self.depth;
        self.names.retain(|(depth, _)| *depth < here);
        self.last_word = None;
        if word == "SELECT" {
            self.values(true);
        } else if matches!(&self.insert, Insert::Values { selected: true, depth, .. } if *depth == here) {
            self.insert = Insert::No;
        }
    }

    fn values(&mut self, selected: bool) {
        if let Insert::Columns(columns) = &mut self.insert {
            let columns = std::mem::take(columns);
            self.insert = Insert::Values { columns, at: 0, depth: self.depth, selected };
        }
    }

    fn follow_setting(&mut self, word: &str) {
        self.setting = match (self.setting, word) {
            (Setting::Start | Setting::Possible, "SET") => Setting::Name,
            (Setting::Start, "ALTER") => Setting::Possible,
            (Setting::Start, _) => Setting::No,
            (setting, _) => setting,
        };
    }

    fn column(&mut self, name: &str) {
        if self.depth > 0 {
            self.group.push(name.to_owned());
        }
        if let Insert::Columns(columns) = &mut self.insert
            && self.depth > 0
        {
            columns.push(name.to_owned());
        }
    }
}
