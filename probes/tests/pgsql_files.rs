//! PostgreSQL captures, from the file to the rows, against what the server's log and tshark say of them.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use probes::files::{Input, Options, open};
use probes::{EventSource, Next};
use protocols::event::{Open, SocketEvent};
use protocols::record::{Pgsql, Record};
use protocols::tracker::{Config, Trackers};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/pgsql")
}

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora")
}

/// What happened in a capture.
#[track_caller]
fn events(path: &Path) -> Vec<SocketEvent> {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let Input::Events(mut replay) = open(Box::new(file), "capture", &Options::default()).unwrap() else {
        panic!("{} is a capture", path.display())
    };
    let mut events = Vec::new();
    loop {
        match replay.next(Duration::from_secs(10)).unwrap() {
            Next::Event(event) => events.push(event),
            Next::Idle => panic!("{} does not end", path.display()),
            Next::End => return events,
        }
    }
}

/// Rows of a capture in order of first byte, as they were sent: nothing masked.
#[track_caller]
fn rows(path: &Path) -> Vec<Pgsql> {
    rows_of(events(path))
}

fn rows_of(events: impl IntoIterator<Item = SocketEvent>) -> Vec<Pgsql> {
    let mut rows = Vec::new();
    let mut keep = |record| {
        if let Record::Pgsql(row) = record {
            rows.push(*row);
        }
    };
    let mut trackers = Trackers::new(Config { redact: false, ..Config::default() });
    for event in events {
        trackers.handle(event, &mut keep);
    }
    trackers.finish(&mut keep);
    rows.sort_by_key(|row| row.common.id);
    rows
}

fn by_client(rows: Vec<Pgsql>) -> BTreeMap<u16, Vec<Pgsql>> {
    let mut clients: BTreeMap<u16, Vec<Pgsql>> = BTreeMap::new();
    for row in rows {
        clients.entry(row.common.ends.remote_port.unwrap()).or_default().push(row);
    }
    clients
}

fn is_login(row: &Pgsql) -> bool {
    matches!(row.operation.as_deref(), Some("STARTUP" | "AUTH" | "CANCEL"))
}

/// A line of `NAME.expected.tsv`.
#[derive(Debug, Clone, PartialEq)]
enum Fact {
    Executed { text: String, name: Option<String>, params: Option<String> },
    Failed { sqlstate: String, message: String },
    Tag(String),
}

fn facts(path: &Path) -> BTreeMap<u16, Vec<Fact>> {
    let mut facts: BTreeMap<u16, Vec<Fact>> = BTreeMap::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let cells: Vec<Option<String>> = line.split('\t').map(unescape).collect();
        let text = |index: usize| cells[index].clone().unwrap_or_default();
        let fact = match text(1).as_str() {
            "S" => Fact::Executed { text: text(2), name: cells[3].clone(), params: cells[4].clone() },
            "E" => Fact::Failed { sqlstate: text(2), message: text(3) },
            "T" => Fact::Tag(text(2)),
            other => panic!("{other}"),
        };
        facts.entry(text(0).parse().unwrap()).or_default().push(fact);
    }
    facts
}

fn unescape(cell: &str) -> Option<String> {
    if cell == r"\N" {
        return None;
    }
    let mut text = String::new();
    let mut chars = cell.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => text.push(match chars.next().unwrap() {
                't' => '\t',
                'n' => '\n',
                'r' => '\r',
                other => other,
            }),
            other => text.push(other),
        }
    }
    Some(text)
}

/// `$1 = '40', $2 = NULL`, as the server's log writes parameters.
fn logged_params(row: &Pgsql) -> Option<String> {
    let params = row.params.as_ref().filter(|params| !params.is_empty())?;
    let shown = params.iter().enumerate().map(|(index, value)| match value {
        None => format!("${} = NULL", index + 1),
        Some(value) => format!("${} = '{}'", index + 1, value.replace('\'', "''")),
    });
    Some(shown.collect::<Vec<_>>().join(", "))
}

/// Every statement that the log tells is a row, in its order, with its text, name and parameters; so is every error; and no
/// row is there beside them.
#[track_caller]
fn agrees_with_log(name: &str, client: u16, rows: &[Pgsql], facts: &[Fact]) {
    let mut log = facts.iter().filter(|fact| !matches!(fact, Fact::Tag(_))).peekable();
    // What is left of the text of several statements that was logged last.
    let mut left = String::new();
    for row in rows {
        let whereabouts = || format!("{name}, client {client}, {row:?}");
        if !is_login(row) {
            let query = row.query.clone().unwrap();
            if let Some(at) = left.find(&query) {
                left.replace_range(..at + query.len(), "");
            } else if let Some(Fact::Executed { text, name, params }) =
                log.next_if(|fact| matches!(fact, Fact::Executed { .. }))
            {
                let at = text.find(&query).unwrap_or_else(|| panic!("logged was {text:?}: {}", whereabouts()));
                left = text[at + query.len()..].to_owned();
                assert!(text[..at].trim().is_empty(), "{text:?} comes first: {}", whereabouts());
                assert_eq!(&row.statement, name, "{}", whereabouts());
                assert_eq!(&logged_params(row), params, "{}", whereabouts());
            } else {
                assert!(row.sqlstate.is_some(), "not in the log: {}", whereabouts());
            }
        }
        if let Some(sqlstate) = &row.sqlstate {
            let failed = Fact::Failed { sqlstate: sqlstate.clone(), message: row.message.clone().unwrap() };
            assert_eq!(log.next(), Some(&failed), "{}", whereabouts());
            left.clear();
        }
        if log.peek().is_none_or(|next| matches!(next, Fact::Executed { .. }))
            && left.trim_matches([';', ' ']).is_empty()
        {
            left.clear();
        }
    }
    assert_eq!(log.next(), None, "{name}, client {client}: logged, but no row");
}

#[track_caller]
fn check(name: &str) -> Vec<Pgsql> {
    let rows = rows(&fixtures().join(format!("{name}.pcap")));
    let facts = facts(&fixtures().join(format!("{name}.expected.tsv")));
    let clients = by_client(rows.clone());
    for (client, rows) in &clients {
        let facts = facts.get(client).map_or(&[][..], |facts| facts);
        let tags: Vec<_> =
            facts.iter().filter_map(|fact| if let Fact::Tag(tag) = fact { Some(tag.as_str()) } else { None }).collect();
        let seen: Vec<_> = rows.iter().filter_map(|row| row.tag.as_deref()).collect();
        assert_eq!(seen, tags, "{name}, client {client}");
        if facts.iter().any(|fact| !matches!(fact, Fact::Tag(_))) {
            agrees_with_log(name, *client, rows, facts);
        }
        for row in rows {
            assert!(!row.common.truncated && !row.common.gap, "{name}: {row:?}");
            // The pooler's connection to the server was there before.
            assert!(!row.common.midstream || name == "pgbouncer", "{name}: {row:?}");
        }
    }
    for (client, facts) in &facts {
        // Inside TLS there is nothing to see.
        assert!(clients.contains_key(client) || facts.len() == 1, "{name}: nothing of client {client}");
    }
    rows
}

#[test]
fn pgbench_in_its_three_modes() {
    for mode in ["simple", "extended", "prepared"] {
        let rows = check(&format!("pgbench-{mode}"));
        let statements: Vec<_> = rows.iter().filter(|row| !is_login(row)).collect();
        // 2 clients, 6 transactions of 7 statements; two questions before.
        assert_eq!(statements.len(), 2 * 6 * 7 + 2, "{mode}");
        assert!(statements.iter().all(|row| row.common.latency.is_some() && row.txn.is_some()), "{mode}");
        let named = statements.iter().filter(|row| row.statement.is_some()).count();
        assert_eq!(named, if mode == "prepared" { 84 } else { 0 });
        let shapes: std::collections::BTreeSet<_> = statements.iter().filter_map(|row| row.shape.as_deref()).collect();
        assert_eq!(shapes.len(), 9, "7 of a transaction, two before: {shapes:#?}");
    }
}

#[test]
fn psql() {
    let rows = check("psql");
    let row =
        |text: &str| rows.iter().find(|row| row.query.as_deref().is_some_and(|query| query.contains(text))).unwrap();
    assert_eq!(row("IN (1, 2, 3)").shape.as_deref(), Some("UPDATE notes SET price = price + ? WHERE id IN (?)"));
    assert_eq!(row("WITH doubled").operation.as_deref(), Some("SELECT"));
    assert_eq!(row("SHOW application_name").application.as_deref(), Some("renamed"));
    assert_eq!(row("SHOW application_name").rows, Some(1));
    assert_eq!(row("BEGIN").txn, Some("open"));
    assert_eq!(row("SELECT nope").txn, Some("failed"));
    assert_eq!(row("COMMIT").txn, Some("idle"));
    assert_eq!(row("FETCH 2").rows, Some(2));
    assert!(row("FETCH 2").idle_before.is_some());
}

#[test]
fn drivers() {
    let piped = check("psycopg");
    assert!(piped.iter().any(|row| row.statement.is_some()), "prepared by psycopg");
    let bound = check("asyncpg");
    let counted: Vec<_> =
        bound.iter().filter(|row| row.query.as_deref() == Some("SELECT generate_series(1, 7)")).collect();
    assert_eq!(counted.iter().map(|row| row.rows).collect::<Vec<_>>(), [Some(3), Some(3), Some(1)]);
}

#[test]
fn copy() {
    let rows = check("copy");
    assert_eq!(rows.iter().filter(|row| row.operation.as_deref() == Some("COPY")).count(), 6);
}

#[test]
fn cancel_and_notify() {
    let rows = check("cancel");
    assert_eq!(rows.iter().filter(|row| row.operation.as_deref() == Some("CANCEL")).count(), 1);
    let slept = rows.iter().find(|row| row.sqlstate.as_deref() == Some("57014")).unwrap();
    assert!(slept.common.latency.unwrap() > 250_000_000);
    check("notify");
}

#[test]
fn logins() {
    let path = fixtures().join("logins.pcap");
    let rows = check("logins");
    let logins: Vec<_> = rows.iter().filter(|row| is_login(row)).map(|row| row.sqlstate.as_deref()).collect();
    let refused = ["28P01", "28P01", "3D000", "28000"];
    assert_eq!(logins.iter().flatten().copied().collect::<Vec<_>>(), refused);
    // Eight in clear at the server, two at the pooler's ends; one is encrypted.
    assert_eq!(logins.len(), 9, "{}", path.display());
    let shown = format!("{rows:?}");
    assert!(!shown.contains("4711"), "passwords are not read");
}

#[test]
fn a_pooler_in_between() {
    let rows = check("pgbouncer");
    let texts = |port: u16| -> Vec<String> {
        let mut ends: Vec<&Pgsql> =
            rows.iter().filter(|row| !is_login(row) && row.common.ends.local_port == Some(port)).collect();
        ends.sort_by_key(|row| row.common.time);
        ends.iter()
            .filter_map(|row| row.query.clone())
            .filter(|text| !text.starts_with("SET application_name"))
            .collect()
    };
    let ports: std::collections::BTreeSet<_> = rows.iter().map(|row| row.common.ends.local_port.unwrap()).collect();
    let [one, other] = ports.into_iter().collect::<Vec<_>>()[..] else { panic!("two servers") };
    assert_eq!(texts(one), texts(other), "what goes in comes out");
    assert_eq!(texts(one).len(), 30);
}

/// tcpdump lost packets of this one (tshark: `tcp.analysis.lost_segment`). What there is, is right: no answer went to another
/// question, and nothing is seen twice.
#[test]
fn a_capture_with_gaps() {
    let rows = rows(&fixtures().join("lossy.pcap"));
    let facts = facts(&fixtures().join("lossy.expected.tsv"));
    let mut answered = 0;
    for (client, rows) in by_client(rows) {
        let mut logged = facts[&client].iter().filter_map(|fact| match fact {
            Fact::Executed { text, .. } => Some(text),
            _ => None,
        });
        for row in rows.iter().filter(|row| !is_login(row)) {
            let query = row.query.as_ref().unwrap();
            assert!(
                logged.any(|text| text == query),
                "client {client}: {query:?} was executed once more than logged, or not then"
            );
            let verb = match row.operation.as_deref().unwrap() {
                "END" => "COMMIT",
                verb => verb,
            };
            if let Some(tag) = &row.tag {
                answered += 1;
                assert_eq!(tag.split(' ').next(), Some(verb), "client {client}: {row:?}");
            }
        }
    }
    let tags = facts.values().flatten().filter(|fact| matches!(fact, Fact::Tag(_))).count();
    assert!(answered * 10 >= tags * 9, "{answered} of {tags}");
}

/// Joined at any packet: what is said of a statement is what the whole capture says, or nothing. Once client and server have
/// been seen at rest, nothing is missing.
#[test]
fn joined_at_any_packet() {
    for name in
        ["pgbench-simple", "pgbench-extended", "pgbench-prepared", "psql", "psycopg", "asyncpg", "copy", "notify"]
    {
        let whole = events(&fixtures().join(format!("{name}.pcap")));
        let all = rows_of(whole.clone());
        let packets = whole.iter().filter(|event| matches!(event, SocketEvent::Data(_))).count();
        let (mut seen, mut answered) = (0, 0);
        for from in 1..packets {
            let mut data = 0;
            let late = whole.clone().into_iter().filter_map(|event| match event {
                SocketEvent::Open(open) => Some(SocketEvent::Open(Open { midstream: true, ..open })),
                SocketEvent::Data(packet) => {
                    data += 1;
                    (data > from).then_some(SocketEvent::Data(packet))
                }
                other => Some(other),
            });
            for row in rows_of(late) {
                // Statements sent in one piece may share their time and size.
                let same_request = |full: &&Pgsql| {
                    full.common.time == row.common.time
                        && full.common.ends == row.common.ends
                        && full.req_bytes == row.req_bytes
                };
                let candidates: Vec<&Pgsql> = all.iter().filter(same_request).collect();
                // Of an execution whose Parse was missed the request begins later; and whether a statement was executed is
                // not known of a batch whose beginning was missed.
                if candidates.is_empty() {
                    let unknown = row.query.is_none() || (row.common.latency.is_none() && row.common.error.is_none());
                    assert!(unknown, "{name} from packet {from}: {row:?}");
                    continue;
                }
                seen += 1;
                answered += usize::from(row.common.latency.is_some());
                let same = |mine: Option<&String>, theirs: Option<&String>| mine.is_none() || mine == theirs;
                let agrees = |full: &&Pgsql| {
                    same(row.tag.as_ref(), full.tag.as_ref())
                        && same(row.query.as_ref(), full.query.as_ref())
                        && same(row.sqlstate.as_ref(), full.sqlstate.as_ref())
                        && (row.rows.is_none() || row.rows == full.rows)
                        && (row.txn.is_none() || row.txn == full.txn)
                        && (row.common.latency.is_none() || row.common.latency == full.common.latency)
                };
                assert!(candidates.iter().any(agrees), "{name} from packet {from}:\n{row:?}\n{candidates:?}");
            }
        }
        assert!(answered * 10 > seen * 9, "{name}: {answered} of {seen} rows have an end");
    }
}

/// tshark's table beside each capture of the corpora.
struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn read(path: &Path) -> Self {
        let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        let mut lines = text.lines().map(|line| line.split('\t').map(str::to_owned).collect());
        Self { columns: lines.next().unwrap(), rows: lines.collect() }
    }

    fn cell<'a>(&self, row: &'a [String], column: &str) -> &'a str {
        let index = self.columns.iter().position(|name| name == column).unwrap();
        row.get(index).map_or("", String::as_str)
    }
}

/// What tshark says of one client: texts of simple queries, tags, codes of errors.
#[derive(Debug, Default, PartialEq)]
struct Dissected {
    queries: Vec<String>,
    tags: Vec<String>,
    codes: Vec<String>,
}

fn dissect(path: &Path) -> BTreeMap<u16, Dissected> {
    let table = Table::read(path);
    let mut clients: BTreeMap<u16, Dissected> = BTreeMap::new();
    for row in &table.rows {
        let from_client = table.cell(row, "pgsql.frontend").starts_with('1');
        let port = table.cell(row, if from_client { "tcp.srcport" } else { "tcp.dstport" });
        let client = clients.entry(port.parse().unwrap()).or_default();
        let types: Vec<_> = table.cell(row, "pgsql.type").split('|').collect();
        if types.contains(&"Simple query") {
            client.queries.push(table.cell(row, "pgsql.query").to_owned());
        }
        if types.contains(&"Command completion") {
            client.tags.extend(table.cell(row, "pgsql.tag").split('|').map(str::to_owned));
        }
        // Notices have codes too.
        let coded = types.iter().filter(|kind| matches!(**kind, "Error" | "Notice"));
        let codes = coded.zip(table.cell(row, "pgsql.code").split('|'));
        client.codes.extend(
            codes.filter(|(kind, code)| **kind == "Error" && !code.is_empty()).map(|(_, code)| code.to_owned()),
        );
    }
    clients
}

fn tables(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tables(&path, found);
        } else if path.to_string_lossy().ends_with(".tshark-pgsql.tsv") {
            found.push(path);
        }
    }
}

#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn as_tshark_sees_the_shared_captures() {
    let mut paths = Vec::new();
    tables(&corpora(), &mut paths);
    assert!(paths.len() >= 10);
    for path in paths {
        let capture = path.to_string_lossy().replace(".tshark-pgsql.tsv", "");
        let mut seen: BTreeMap<u16, Dissected> = BTreeMap::new();
        for row in rows(Path::new(&capture)) {
            let client = seen.entry(row.common.ends.remote_port.unwrap()).or_default();
            client.queries.extend(row.query.clone());
            client.tags.extend(row.tag);
            client.codes.extend(row.sqlstate);
        }
        let expected = dissect(&path);
        for (port, expected) in expected {
            assert_eq!(seen.remove(&port).unwrap_or_default(), expected, "{capture}, client {port}");
        }
        assert_eq!(seen, BTreeMap::new(), "{capture}");
    }
}

#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn as_the_server_logged_pgbench() {
    let folder = corpora().join("recorded/postgres");
    let log = std::fs::read_to_string(folder.join("pgbench-simple.serverlog.csv")).unwrap();
    let mut logged: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for line in log.lines() {
        let Some((head, rest)) = line.split_once("LOG,00000,\"statement: ") else { continue };
        let port = head.split("127.0.0.1:").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
        let text = rest.split("\",,,,").next().unwrap().replace("\"\"", "\"");
        logged.entry(port).or_default().push(text);
    }
    let clients = by_client(rows(&folder.join("pgbench-simple.pcap")));
    let seen: BTreeMap<u16, Vec<String>> = clients
        .into_iter()
        .map(|(port, rows)| {
            (port, rows.into_iter().filter(|row| !is_login(row)).map(|row| row.query.unwrap()).collect())
        })
        .collect();
    assert_eq!(seen.values().map(Vec::len).sum::<usize>(), 1682);
    assert_eq!(seen, logged);
}
