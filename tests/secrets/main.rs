//! 10,000 random exchanges that carry 50 planted secrets wherever secrets travel: none of them gets past the masks, and
//! nothing that only looks alike is hidden.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

mod events;
mod everywhere;
mod grpc;
mod http;
mod outputs;
mod planted;
mod screens;
mod sql;
mod wire;

use std::collections::{BTreeMap, HashMap};

use planted::{Planted, Random};
use protocols::event::SocketEvent;
use protocols::record::Record;
use protocols::tracker::{Config, Trackers};

/// How many exchanges there are.
const EXCHANGES: usize = 10_000;

/// A session, and what was put into it.
struct Session {
    events: Vec<SocketEvent>,
    secrets: Planted,
    /// By place: how many exchanges carry a secret there, and whether it would be stored without masks.
    places: BTreeMap<&'static str, bool>,
    /// Values that must stay legible.
    harmless: Vec<String>,
}

fn session(exchanges: usize) -> Session {
    let mut random = Random::new(7);
    let secrets = Planted::new(&mut random, 50);
    let mut session = Session { events: Vec::new(), secrets, places: BTreeMap::new(), harmless: Vec::new() };
    let mut network = events::Network::new();
    for number in 0..exchanges {
        let secret = session.secrets.pick(&mut random).to_owned();
        let talk = match number % 10 {
            0..=3 => http::exchange(&mut random, &secret, number, false),
            4..=5 => http::exchange(&mut random, &secret, number, true),
            6 => grpc::exchange(&mut random, &secret, number),
            _ => sql::exchange(&mut random, &secret, number),
        };
        session.places.insert(talk.place, talk.is_stored);
        let is_cut_off = number % 53 == 0;
        if !is_cut_off {
            session.harmless.extend(talk.harmless.clone());
        }
        network.add(&mut random, talk, is_cut_off);
    }
    session.events = network.events;
    session
}

/// Everything that the rows of the session say, by `Debug` and as text.
fn rows(events: &[SocketEvent], config: Config) -> Vec<String> {
    let mut texts = Vec::new();
    let mut trackers = Trackers::new(config);
    for (at, event) in events.iter().enumerate() {
        trackers.handle(event.clone(), &mut |record| texts.push(show(&record)));
        if at % 1_000 == 0 {
            texts.extend(trackers.in_flight().iter().map(|row| format!("{row:?}")));
        }
    }
    texts.extend(trackers.in_flight().iter().map(|row| format!("{row:?}")));
    trackers.finish(&mut |record| texts.push(show(&record)));
    texts
}

fn show(record: &Record) -> String {
    let mut text = format!("{record:?}");
    if let Record::Http(http) = record {
        for body in [&http.req_body, &http.resp_body].into_iter().flatten() {
            text.push_str(&String::from_utf8_lossy(body));
        }
    }
    text
}

/// The values that are in none of the texts. Each has a number of its own, by which it is found.
fn hidden<'a>(values: &'a [String], texts: impl Iterator<Item = &'a str>) -> Vec<&'a String> {
    let mut by_number: HashMap<&str, Vec<&str>> = HashMap::new();
    for text in texts {
        for number in numbers(text) {
            by_number.entry(number).or_default().push(text);
        }
    }
    let is_there = |value: &str| match numbers(value).next() {
        Some(number) => by_number.get(number).is_some_and(|texts| texts.iter().any(|text| text.contains(value))),
        None => true,
    };
    values.iter().filter(|value| !is_there(value)).collect()
}

/// Runs of eight digits after `keep` or `70000`.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    let marks = ["keep", "70000"].into_iter().flat_map(move |mark| text.match_indices(mark));
    marks.filter_map(move |(at, mark)| text.get(at + mark.len()..at + mark.len() + 8))
}

#[test]
fn no_row_holds_a_secret_and_nothing_else_is_hidden() {
    let session = session(EXCHANGES);
    let texts = rows(&session.events, Config::default());
    let found: Vec<_> = texts.iter().filter_map(|text| session.secrets.find(text.as_bytes())).collect();
    let shown: Vec<_> = found.iter().step_by(found.len() / 20 + 1).collect();
    assert!(found.is_empty(), "{} rows show a secret, such as {shown:#?}", found.len());
    let hidden = hidden(&session.harmless, texts.iter().map(String::as_str));
    assert!(hidden.is_empty(), "{} hidden: {:?}", hidden.len(), hidden.first());
    assert!(session.harmless.len() > 5_000, "{}", session.harmless.len());
}

/// The test above has teeth: without masks the secret is in the row, wherever rows hold such a thing.
#[test]
fn without_masks_every_place_shows_its_secret() {
    let mut random = Random::new(11);
    let secrets = Planted::new(&mut random, 1);
    let secret = secrets.pick(&mut random).to_owned();
    let mut shown: BTreeMap<&'static str, bool> = BTreeMap::new();
    let mut expected: BTreeMap<&'static str, bool> = BTreeMap::new();
    for number in 0..3_000 {
        let talk = match number % 4 {
            0 => http::exchange(&mut random, &secret, number, false),
            1 => http::exchange(&mut random, &secret, number, true),
            2 => grpc::exchange(&mut random, &secret, number),
            _ => sql::exchange(&mut random, &secret, number),
        };
        let (place, is_stored) = (talk.place, talk.is_stored);
        let mut network = events::Network::new();
        network.add(&mut random, talk, false);
        let texts = rows(&network.events, Config { redact: false, ..Config::default() });
        *shown.entry(place).or_default() |= texts.iter().any(|text| secrets.find(text.as_bytes()).is_some());
        expected.insert(place, is_stored);
    }
    assert!(shown.len() == 69, "{} places", shown.len());
    assert_eq!(shown, expected, "by place, whether a secret is stored without masks");
}

#[test]
fn no_file_export_or_log_shows_a_secret() {
    let session = session(EXCHANGES);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    outputs::record(&at.join("session.events"), &session.events);
    let check = |what: &str, bytes: &[u8]| outputs::check(&session.secrets, what, bytes);
    let recording = fs_len(&at.join("session.events"));
    assert!(recording > 1_000_000, "{recording}");

    let read = ["--read", "session.events"];
    let args = [&read[..], &["--snapshot", "all.parquet", "-vv", "--log", "log.txt"]].concat();
    check("stderr", &outputs::explore(at, &args));
    // One pass over the recording for what is only there, all else from what it was turned into.
    for query in ["inflight", "requests"] {
        check(query, &outputs::explore(at, &[&read[..], &["-q", query]].concat()));
    }
    let mut harmless = Vec::new();
    for table in ["http", "grpc", "pgsql", "conns", "requests", "inflight", "loss"] {
        for format in ["json", "csv", "table"] {
            let args = ["--read", "all.parquet", "-q", table, "--format", format];
            let printed = outputs::explore(at, &args);
            check(&format!("{table} as {format}"), &printed);
            if format == "json" {
                harmless.extend(printed);
            }
        }
        let arrow = format!("{table}.arrow");
        outputs::explore(at, &["--read", "all.parquet", "-q", table, "--format", "arrow", "-o", &arrow]);
    }
    outputs::explore(at, &["--read", "all.parquet", "-q", "http", "--format", "parquet", "-o", "http.parquet"]);
    for file in ["http.arrow", "pgsql.arrow", "http.parquet"] {
        let table = file.split('.').next().unwrap();
        check(file, &outputs::explore(at, &["--read", file, "-q", table]));
    }
    outputs::check_files(&session.secrets, at);
    // JSON escapes quotes; what has none is there as it was.
    let all = String::from_utf8(harmless).unwrap();
    let plain: Vec<String> = session.harmless.iter().filter(|value| !value.contains('"')).cloned().collect();
    let hidden = hidden(&plain, all.lines());
    assert!(hidden.is_empty(), "{} hidden: {:?}", hidden.len(), hidden.first());
}

fn fs_len(path: &std::path::Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

#[test]
#[cfg_attr(not(tmux), ignore = "tmux is missing")]
fn no_screen_shows_a_secret() {
    let session = session(2_000);
    let folder = tempfile::tempdir().unwrap();
    outputs::record(&folder.path().join("session.events"), &session.events);
    let terminal = screens::Terminal::start(folder.path(), &["--read", "session.events"]);
    terminal.wait_for("FILE");
    let mut screens = 0;
    let look = |screens: &mut usize| {
        let screen = terminal.screen();
        outputs::check(&session.secrets, "a screen", screen.as_bytes());
        *screens += usize::from(screen.contains("1Req"));
    };
    for key in ["2", "3", "4", "5", "6", "7", "8", "9", "1"] {
        terminal.key(key);
        look(&mut screens);
    }
    // Details, and the way to the next one.
    for _ in 0..40 {
        terminal.key("Enter");
        look(&mut screens);
        terminal.key("PageDown");
        look(&mut screens);
        terminal.key("Escape");
        terminal.key("Down");
        look(&mut screens);
    }
    assert!(screens > 100, "{screens} screens");
    outputs::check(&session.secrets, "the title", terminal.title().as_bytes());
}
