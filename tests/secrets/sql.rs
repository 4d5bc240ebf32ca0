//! Postgres sessions with a secret in one place.

use super::everywhere;
use super::planted::Random;
use super::wire::{Talk, postgres};

/// What a client does on one connection.
#[derive(Default)]
struct Client {
    startup: Vec<(&'static str, String)>,
    login: Login,
    statement: Statement,
    /// Fields of the server's ErrorResponse.
    error: Option<String>,
    /// What the server sends as a row.
    row: Option<String>,
    is_stored: bool,
    captured: usize,
}

#[derive(Default)]
enum Login {
    #[default]
    Trust,
    Password(String),
    Scram(String),
}

enum Statement {
    Simple(String),
    /// Text, and parameters with their formats.
    Extended(String, Vec<(String, bool)>),
}

impl Default for Statement {
    fn default() -> Self {
        Self::Simple("SELECT 1".to_owned())
    }
}

type Place = (&'static str, fn(&mut Random, &str, &mut Client));

const PLACES: [Place; 19] = [
    ("sql: password message", |_, s, x| {
        x.login = Login::Password(s.into());
        x.is_stored = false;
    }),
    ("sql: scram", |_, s, x| {
        x.login = Login::Scram(s.into());
        x.is_stored = false;
    }),
    ("sql: start-up", |random, s, x| x.startup.push(("application_name", everywhere::line(random, s)))),
    ("sql: compared", |random, s, x| {
        let texts = [
            format!("SELECT id FROM users WHERE name = 'bob' AND password = '{s}'"),
            format!("SELECT id FROM users u WHERE u.\"apiKey\" = '{s}' LIMIT 1"),
            format!("SELECT id FROM users WHERE '{s}' = session_token"),
            format!("SELECT id FROM users WHERE crypt('{s}', salt) = password"),
            format!("SELECT id FROM users WHERE secret IN ('a', '{s}')"),
            format!("SELECT id FROM users WHERE jwt IS DISTINCT FROM '{s}'"),
            format!("SELECT id FROM users WHERE secret LIKE '{s}%'"),
            format!("DELETE FROM tokens WHERE access_token = $x${s}$x$"),
        ];
        x.statement = Statement::Simple(random.pick(&texts).clone());
    }),
    ("sql: assigned", |random, s, x| {
        let texts = [
            format!("UPDATE users SET name = 'b', password = '{s}' WHERE id = 1"),
            format!("UPDATE users SET password = crypt('{s}', gen_salt('bf'))"),
            format!("UPDATE users SET (password, name) = ('{s}', 'x')"),
            format!("UPDATE users SET api_key = E'\\n{s}'"),
        ];
        x.statement = Statement::Simple(random.pick(&texts).clone());
    }),
    ("sql: inserted", |random, s, x| {
        let texts = [
            format!("INSERT INTO users (id, pwd, n) VALUES (1, 'x', 'y'), (2, '{s}', 'z')"),
            format!("INSERT INTO users (id, client_secret, n) SELECT 1, '{s}', 'z' FROM t"),
            format!("INSERT INTO users (id, password) VALUES (1, lower('{s}')) ON CONFLICT DO NOTHING"),
        ];
        x.statement = Statement::Simple(random.pick(&texts).clone());
    }),
    ("sql: selected as", |_, s, x| x.statement = Statement::Simple(format!("SELECT '{s}'::text AS password, 1 AS a"))),
    ("sql: role", |random, s, x| {
        let texts = [
            format!("CREATE ROLE bob LOGIN PASSWORD '{s}' VALID UNTIL '2030-01-01'"),
            format!("alter user bob with encrypted password U&'{s}'"),
            format!("CREATE USER MAPPING FOR bob SERVER s OPTIONS (user 'bob', password '{s}')"),
        ];
        x.statement = Statement::Simple(random.pick(&texts).clone());
    }),
    ("sql: setting", |random, s, x| {
        let texts = [
            format!("SET app.jwt_secret TO '{s}'"),
            format!("SET LOCAL app.api_key = {s}"),
            format!("ALTER ROLE bob SET app.token = '{s}'"),
            format!("SELECT set_config('app.session_token', '{s}', true)"),
        ];
        x.statement = Statement::Simple(random.pick(&texts).clone());
    }),
    ("sql: json", |_, s, x| {
        x.statement = Statement::Simple(format!("INSERT INTO e (data) VALUES ('{{\"password\":\"{s}\"}}')"));
    }),
    ("sql: connection string", |_, s, x| {
        x.statement = Statement::Simple(format!("SELECT dblink_connect('host=h password={s} user=u')"));
    }),
    ("sql: anywhere", |random, s, x| {
        x.statement = Statement::Simple(format!("SELECT log('{}')", everywhere::line(random, s)));
    }),
    ("sql: comment", |random, s, x| {
        x.statement = Statement::Simple(format!("SELECT 1 /* {} */", everywhere::line(random, s)));
    }),
    ("sql: cut", |random, s, x| {
        let text = format!("UPDATE users SET password = '{s}' WHERE id = 1");
        let fill = "x".repeat(900);
        x.captured = 5 + 900 + 45 + random.below(40);
        x.statement = Statement::Simple(format!("/* {fill} */ {text}"));
    }),
    ("sql: parameter", |random, s, x| {
        let texts = [
            "UPDATE users SET n = $2, password = $1",
            "SELECT f($1), $2",
            "INSERT INTO users (secret, n) VALUES ($1, $2)",
            "SELECT 1 FROM users WHERE crypt($1, password) = password AND n = $2",
            "SELECT $1, $2",
        ];
        let is_binary = random.below(2) == 0;
        x.statement =
            Statement::Extended(random.word(&texts).to_owned(), vec![(s.into(), is_binary), ("v".into(), false)]);
    }),
    ("sql: in a parameter", |random, s, x| {
        let value = match random.below(3) {
            0 => format!("{{\"password\":\"{s}\"}}"),
            1 => format!("host=h password={s}"),
            _ => everywhere::line(random, s),
        };
        x.statement = Statement::Extended("INSERT INTO e (data) VALUES ($1)".to_owned(), vec![(value, false)]);
    }),
    ("sql: error", |_, s, x| {
        x.statement = Statement::Simple(format!("SELECT 1 FROM u WHERE password = '{s}'"));
        x.error = Some(format!("invalid input syntax for type integer: \"{s}\""));
    }),
    ("sql: error about a parameter", |_, s, x| {
        x.statement = Statement::Extended("SELECT f($1)".to_owned(), vec![(s.into(), false)]);
        x.error = Some(format!("invalid input syntax for type integer: \"{s}\""));
    }),
    ("sql: row", |_, s, x| {
        x.row = Some(s.into());
        x.is_stored = false;
    }),
];

/// A connection with a statement.
pub(crate) fn exchange(random: &mut Random, secret: &str, number: usize) -> Talk {
    let (place, put) = *random.pick(&PLACES);
    let mut client = Client { is_stored: true, captured: usize::MAX, ..Client::default() };
    put(random, secret, &mut client);
    let harmless = harmless(random, number, &mut client);
    let is_stored = client.is_stored;
    Talk { place, is_stored, harmless, server_port: 5432, turns: client.turns() }
}

fn harmless(random: &mut Random, number: usize, client: &mut Client) -> Vec<String> {
    let value = format!("keep{number:08}");
    let digits = format!("70000{number:08}");
    if random.below(2) == 0 {
        client.startup.push(("application_name", value.clone()));
        return if client.startup.len() == 1 { vec![value] } else { Vec::new() };
    }
    if let Statement::Simple(text) = &client.statement
        && text == "SELECT 1"
    {
        let text = match random.below(3) {
            0 => format!("SELECT 1 FROM t WHERE next_page_token = '{value}' AND token = {digits} AND n = '{value}'"),
            1 => format!(
                "UPDATE t SET max_tokens = {digits}, page_token = '{value}' WHERE session = true AND b = '{value}'"
            ),
            _ => format!("INSERT INTO t (id, csrf_token, token, code) VALUES (1, '{value}', {digits}, '{value}')"),
        };
        client.statement = Statement::Simple(text.clone());
        return vec![text];
    }
    Vec::new()
}

impl Client {
    fn turns(self) -> Vec<(bool, Vec<u8>, usize)> {
        let mut startup = 196_608_u32.to_be_bytes().to_vec();
        for (name, value) in [("user", "bob".to_owned()), ("database", "shop".to_owned())].iter().chain(&self.startup) {
            startup.extend([text(name), text(value)].concat());
        }
        startup.push(0);
        let length = u32::try_from(startup.len() + 4).unwrap();
        let mut turns = vec![(true, [&length.to_be_bytes()[..], &startup].concat())];
        let authentication = |code: u32, rest: &[u8]| postgres(b'R', &[&code.to_be_bytes()[..], rest].concat());
        match &self.login {
            Login::Trust => {}
            Login::Password(password) => {
                turns.push((false, authentication(3, b"")));
                turns.push((true, postgres(b'p', &text(password))));
            }
            Login::Scram(secret) => {
                let first = format!("n,,n=,r={secret}");
                let length = u32::try_from(first.len()).unwrap().to_be_bytes();
                turns.push((false, authentication(10, b"SCRAM-SHA-256\0\0")));
                turns.push((true, postgres(b'p', &[&text("SCRAM-SHA-256"), &length[..], first.as_bytes()].concat())));
                turns.push((false, authentication(11, format!("r={secret},s=c2FsdA==,i=4096").as_bytes())));
                turns.push((true, postgres(b'p', format!("c=biws,r={secret},p={secret}").as_bytes())));
                turns.push((false, authentication(12, format!("v={secret}").as_bytes())));
            }
        }
        let ready = postgres(b'Z', b"I");
        turns.push((false, [authentication(0, b""), ready.clone()].concat()));
        let mut answer = Vec::new();
        let (asked, is_extended) = self.statement.bytes();
        turns.push((true, asked));
        if is_extended {
            answer.extend([postgres(b'1', b""), postgres(b'2', b"")].concat());
        }
        if let Some(row) = &self.row {
            let column = [&text("password")[..], &[0; 18]].concat();
            answer.extend(postgres(b'T', &[&1_u16.to_be_bytes()[..], &column].concat()));
            let length = u32::try_from(row.len()).unwrap().to_be_bytes();
            answer.extend(postgres(b'D', &[&1_u16.to_be_bytes()[..], &length, row.as_bytes()].concat()));
        }
        match &self.error {
            Some(message) => {
                let fields = [text("SERROR"), text("VERROR"), text("C22P02"), text(&format!("M{message}")), vec![0]];
                answer.extend(postgres(b'E', &fields.concat()));
            }
            None => answer.extend(postgres(b'C', &text("SELECT 1"))),
        }
        answer.extend(ready);
        turns.push((false, answer));
        let last = turns.len() - 2;
        let captured = |at: usize| if at == last { self.captured } else { usize::MAX };
        turns.into_iter().enumerate().map(|(at, (is_client, bytes))| (is_client, bytes, captured(at))).collect()
    }
}

impl Statement {
    /// Its messages, and whether they are those of the extended protocol.
    fn bytes(&self) -> (Vec<u8>, bool) {
        match self {
            Self::Simple(query) => (postgres(b'Q', &text(query)), false),
            Self::Extended(query, params) => {
                let count = u16::try_from(params.len()).unwrap().to_be_bytes();
                let mut bind = [&[0, 0][..], &count].concat();
                for (_, is_binary) in params {
                    bind.extend(u16::from(*is_binary).to_be_bytes());
                }
                bind.extend(count);
                for (value, _) in params {
                    bind.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
                    bind.extend(value.bytes());
                }
                bind.extend([0, 0]);
                let parse = [&[0][..], &text(query), &[0, 0]].concat();
                let messages = [
                    postgres(b'P', &parse),
                    postgres(b'B', &bind),
                    postgres(b'E', &[0, 0, 0, 0, 0]),
                    postgres(b'S', b""),
                ];
                (messages.concat(), true)
            }
        }
    }
}

fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}
