//! SQL text and its parameters: what belongs to a column, setting or role option that is named like a secret.
//!
//! Not a parser: it knows which name a literal or parameter is compared with, assigned to, or inserted under, and which
//! names stand in the same term. A literal that belongs to no name stays; a parameter that belongs to none is not to be
//! trusted.

mod reader;
mod terms;
mod tokens;
mod value;

use self::reader::Reader;
use self::tokens::{Kind, Token, tokens};
use super::deep::Mask;
use super::masked;
use super::names::Secrecy;
use super::query::Changes;

pub(super) use value::value;

/// What a statement says of its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// The text with its secret literals masked.
    pub(super) masked: String,
    /// What was masked by name.
    pub(super) secrets: Vec<String>,
    /// By number, from `$1`: belongs only to columns that are no secrets. Null: not in the text.
    harmless: Vec<Option<bool>>,
}

impl Statement {
    /// Whether the parameter (from 0) belongs to a column, and to none that is secret.
    pub(super) fn is_harmless(&self, at: usize) -> bool {
        self.harmless.get(at).copied().flatten() == Some(true)
    }

    fn parameter(&mut self, number: usize, open: bool) {
        let slot = number.saturating_sub(1);
        if slot >= MOST_PARAMETERS {
            return;
        }
        if self.harmless.len() <= slot {
            self.harmless.resize(slot.saturating_add(1), None);
        }
        if let Some(harmless) = self.harmless.get_mut(slot) {
            *harmless = Some(open && *harmless != Some(false));
        }
    }
}

/// Most parameters of a statement (the protocol counts them in 16 bits).
const MOST_PARAMETERS: usize = 1 << 16;

/// Reads a statement, whole or cut.
pub(super) fn read(rules: Mask<'_>, sql: &str) -> Statement {
    let tokens = tokens(sql);
    let terms = terms::secrecy(rules, &tokens);
    let mut reader = Reader::of(rules);
    let mut statement = Statement { masked: String::new(), secrets: Vec::new(), harmless: Vec::new() };
    let mut out = Changes::of(sql);
    for (at, token) in tokens.iter().enumerate() {
        let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at));
        reader.step(token, [before(2), before(1)]);
        let term = terms.get(at).copied().unwrap_or(Secrecy::None);
        match token.kind {
            Kind::Parameter(number) => {
                let name = reader.name().or_else(|| compared_after(tokens.get(at.saturating_add(1)..)));
                let open = name.is_some_and(|name| rules.judge(&name) == Secrecy::None);
                statement.parameter(number, open && term == Secrecy::None);
            }
            Kind::Literal => {
                let secrecy = reader.name().map_or(Secrecy::None, |name| rules.judge(&name));
                let (start, end) = token.inner_range();
                let inner = token.inner();
                let secret = !reader.names_setting() && (secrecy.covers(inner) || term.covers(inner));
                if secret && !inner.is_empty() {
                    statement.secrets.push(inner.to_owned());
                    out.replace(start, end, &masked(inner));
                } else if let std::borrow::Cow::Owned(changed) = value(rules, inner) {
                    out.replace(start, end, &changed);
                }
            }
            // `SET app.token TO abc`: a setting's value needs no quotes.
            Kind::Word
                if reader.is_setting_value() && term.covers(token.text) && !token.is("TO") && !token.is("DEFAULT") =>
            {
                statement.secrets.push(token.text.to_owned());
                out.replace(token.start, token.start.saturating_add(token.text.len()), &masked(token.text));
            }
            Kind::Word | Kind::Operator | Kind::Other => {}
        }
    }
    statement.masked = out.finish().into_owned();
    statement
}

/// The name in `… = name`, after a parameter.
fn compared_after(rest: Option<&[Token<'_>]>) -> Option<String> {
    match rest? {
        [operator, name, ..] if operator.kind == Kind::Operator && name.kind == Kind::Word => {
            Some(name.name().to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rules;
    use super::*;

    fn statement(sql: &str) -> Statement {
        read(Mask::new(&Rules::default()), sql)
    }

    #[track_caller]
    fn check(sql: &str, expect: &str) {
        assert_eq!(statement(sql).masked, expect);
    }

    #[test]
    fn literals_of_secret_columns() {
        check("UPDATE u SET password = 'hunter2', name='x'", "UPDATE u SET password = '***(7)', name='x'");
        check(
            "SELECT 1 FROM u WHERE u.\"apiKey\" = 'it''s' AND a = 'b'",
            "SELECT 1 FROM u WHERE u.\"apiKey\" = '***(5)' AND a = 'b'",
        );
        check("SELECT 'x' WHERE 'abc' = secret", "SELECT 'x' WHERE '***(3)' = secret");
        check(
            "SELECT 1 WHERE token IN ('aa', 'b') OR n IN (1)",
            "SELECT 1 WHERE token IN ('***(2)', '***(1)') OR n IN (1)",
        );
        check(
            "UPDATE u SET password = crypt('pw', gen_salt('bf')), a = 'b'",
            "UPDATE u SET password = crypt('***(2)', gen_salt('***(2)')), a = 'b'",
        );
        check("SELECT $$a$$, secret = $q$b$q$", "SELECT $$a$$, secret = $q$***(1)$q$");
    }

    #[test]
    fn inserted_values() {
        check(
            "INSERT INTO u (id, pwd, password, n) VALUES (1, 'a', 'bb', 'c'), (2, 'd', 'ee', f('x'))",
            "INSERT INTO u (id, pwd, password, n) VALUES (1, '***(1)', '***(2)', 'c'), (2, '***(1)', '***(2)', f('x'))",
        );
    }

    #[test]
    fn roles_and_settings() {
        check("ALTER ROLE bob WITH PASSWORD 'pw'", "ALTER ROLE bob WITH PASSWORD '***(2)'");
        check(
            "CREATE USER bob ENCRYPTED PASSWORD E'p\\'w' LOGIN",
            "CREATE USER bob ENCRYPTED PASSWORD E'***(4)' LOGIN",
        );
        check("SET my.jwt_secret TO 'abc'", "SET my.jwt_secret TO '***(3)'");
        check("SET search_path = 'abc'", "SET search_path = 'abc'");
        check("ALTER ROLE bob PASSWORD 'cut", "ALTER ROLE bob PASSWORD '***(3)");
    }

    #[test]
    fn parameters_belong_to_columns_or_are_not_trusted() {
        let columns = statement("SELECT f($1) FROM u WHERE id = $2 AND password = $3 AND n BETWEEN $4 AND $5 LIMIT $6");
        let harmless: Vec<bool> = (0..7).map(|at| columns.is_harmless(at)).collect();
        assert_eq!(harmless, [false, true, false, true, true, false, false]);
        let columns = statement("INSERT INTO u (name, token) VALUES ($1, $2)");
        assert!(columns.is_harmless(0) && !columns.is_harmless(1));
        let columns = statement("UPDATE u SET a = $1 WHERE secret = $1");
        assert!(!columns.is_harmless(0));
    }

    #[test]
    fn everything_in_a_term_with_a_secret_is_one() {
        check(
            "SELECT 1 FROM u WHERE crypt('pw', salt) = password AND n = 'b'",
            "SELECT 1 FROM u WHERE crypt('***(2)', salt) = password AND n = 'b'",
        );
        check("SELECT 'x'::text AS password, 'y' AS name", "SELECT '***(1)'::text AS password, 'y' AS name");
        check("WHERE secret IS DISTINCT FROM 'x' AND b = 'y'", "WHERE secret IS DISTINCT FROM '***(1)' AND b = 'y'");
        check("UPDATE u SET (password, n) = ('x', 'y')", "UPDATE u SET (password, n) = ('***(1)', '***(1)')");
        check("CREATE ROLE b PASSWORD U&'x' VALID UNTIL 'y'", "CREATE ROLE b PASSWORD U&'***(1)' VALID UNTIL 'y'");
        check("WHERE (pwd = 'x' OR n = 'y') AND m = 'z'", "WHERE (pwd = '***(1)' OR n = 'y') AND m = 'z'");
    }

    #[test]
    fn selected_values_that_are_inserted() {
        check(
            "INSERT INTO u (id, secret, n) SELECT 1, 'x', 'y' FROM t WHERE a = 'z'",
            "INSERT INTO u (id, secret, n) SELECT 1, '***(1)', 'y' FROM t WHERE a = 'z'",
        );
    }

    #[test]
    fn settings_without_quotes_and_by_function() {
        check("SET app.token TO abc", "SET app.token TO ***(3)");
        check(
            "ALTER ROLE bob SET app.secret = abc-def; SELECT a",
            "ALTER ROLE bob SET app.secret = ***(3)-***(3); SELECT a",
        );
        check("SELECT set_config('app.jwt', 'abc', false)", "SELECT set_config('app.jwt', '***(3)', false)");
        check("SELECT set_config('app.name', 'abc', false)", "SELECT set_config('app.name', 'abc', false)");
        check("SET app.token TO DEFAULT", "SET app.token TO DEFAULT");
    }

    #[test]
    fn keywords_are_no_names() {
        for sql in [
            "SET SESSION AUTHORIZATION 'bob'",
            "SET SESSION search_path TO 'a'",
            "SELECT 'x' FROM session WHERE token.id = 'y'",
            "SELECT password FROM u WHERE name = 'x' LIMIT 5",
            "UPDATE session SET n = 'x', page_token = 'y' WHERE max_tokens = 4000",
            "UPDATE u SET password = other",
        ] {
            check(sql, sql);
        }
    }

    #[test]
    fn what_literals_hold() {
        check("SELECT dblink('host=h password=x')", "SELECT dblink('host=h password=***(1)')");
        check(
            "INSERT INTO t (data) VALUES ('{\"pwd\":\"x\"}')",
            "INSERT INTO t (data) VALUES ('{\"pwd\":\"***(1)\"}')",
        );
    }
}
