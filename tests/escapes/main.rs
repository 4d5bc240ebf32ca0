//! Escape sequences in everything that comes from outside: none of them reaches a terminal.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

#[path = "../secrets/events.rs"]
mod events;
#[path = "../secrets/outputs.rs"]
#[expect(dead_code, reason = "only the recording is written as there")]
mod outputs;
#[path = "../secrets/planted.rs"]
#[expect(dead_code, reason = "only the numbers are used here")]
mod planted;
#[path = "../secrets/screens.rs"]
mod screens;
#[path = "../secrets/wire.rs"]
#[expect(dead_code, reason = "HTTP/1 is written by hand here")]
mod wire;

use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use planted::Random;
use protocols::event::{
    Data, Direction, Endpoint, Open, ProcessChange, ProcessEvent, ProcessNames, SocketEvent, SocketId, Source,
    Timestamp, Transport,
};
use wire::{Message, Talk, postgres};

/// Sets the title, clears the screen, colours, the one-character form of CSI, and writing from right to left.
const EVIL: &str = "\u{1b}]0;pwned\u{7}\u{1b}[2J\u{1b}[31m\u{9b}2J\u{202e}\u{8}\u{7f}";

/// A connection for every field, so that one that is refused by its parser hides no other.
fn session() -> Vec<SocketEvent> {
    let mut network = events::Network::new();
    let mut random = Random::new(3);
    let mut add = |server_port: u16, turns: Vec<(bool, Vec<u8>)>| {
        let turns = turns.into_iter().map(|(is_client, bytes)| (is_client, bytes, usize::MAX)).collect();
        network.add(&mut random, Talk { place: "", is_stored: true, harmless: Vec::new(), server_port, turns }, false);
    };
    let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec();
    for request in [
        format!("GET /{EVIL} HTTP/1.1\r\nhost: a\r\n\r\n"),
        format!("GET /?{EVIL}={EVIL} HTTP/1.1\r\nhost: a\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: {EVIL}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: a\r\nuser-agent: {EVIL}\r\nx-{EVIL}: {EVIL}\r\n\r\n"),
        format!(
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-type: text/{EVIL}\r\ncontent-length: {}\r\n\r\n{EVIL}",
            EVIL.len()
        ),
    ] {
        add(80, vec![(true, request.into_bytes()), (false, ok.clone())]);
    }
    let reason = format!("HTTP/1.1 200 {EVIL}\r\nx: {EVIL}\r\ncontent-length: {}\r\n\r\n{EVIL}", EVIL.len());
    add(80, vec![(true, b"GET /r HTTP/1.1\r\nhost: a\r\n\r\n".to_vec()), (false, reason.into_bytes())]);
    for (content_type, path) in [("text/plain", "/"), ("application/grpc", "/shop.Inventory/")] {
        let mut request = Message { body: vec![0, 0, 0, 0, 0], ..Message::default() };
        request.field("content-type", content_type);
        request.field("x-evil", EVIL);
        request.field(&format!("x-{EVIL}"), "a");
        let mut response = Message { body: vec![0, 0, 0, 0, 0], ..Message::default() };
        response.field("content-type", content_type);
        response.trailers.push(("grpc-status".into(), "3".into()));
        response.trailers.push(("grpc-message".into(), "%1B]0;pwned%07%C2%9B2J".into()));
        let (path, method) = (format!("{path}{EVIL}"), format!("POST{}", if path == "/" { EVIL } else { "" }));
        let pseudo = [(":method", &*method), (":scheme", EVIL), (":path", &*path), (":authority", EVIL)];
        let asked = [wire::preface(), wire::http2(&pseudo, &request)].concat();
        let answered = [wire::settings(), wire::http2(&[(":status", "200")], &response)].concat();
        add(8080, vec![(true, asked), (false, answered)]);
    }
    add(5432, sql());
    let mut events = network.events;
    let named = ProcessNames {
        process: Some(EVIL.into()),
        exe: Some(format!("/bin/{EVIL}").into()),
        container: Some(EVIL.into()),
        service: Some(EVIL.into()),
        ..ProcessNames::default()
    };
    let change = ProcessChange::Named(Arc::new(named));
    events.insert(2, SocketEvent::Process(ProcessEvent { time: events[1].time(), pid: 100, change }));
    if let Some(SocketEvent::Session(session)) = events.first_mut() {
        session.node = Some(EVIL.into());
    }
    let last = events.last().unwrap().time().0;
    events.extend(dns(Timestamp(last + 1_000)));
    events
}

/// A start-up, a statement and its error.
fn sql() -> Vec<(bool, Vec<u8>)> {
    let text = |text: &str| [text.as_bytes(), &[0]].concat();
    let mut startup = 196_608_u32.to_be_bytes().to_vec();
    for word in ["user", EVIL, "database", EVIL, "application_name", EVIL] {
        startup.extend(text(word));
    }
    startup.push(0);
    let length = u32::try_from(startup.len() + 4).unwrap();
    let ready = postgres(b'Z', b"I");
    let fields = [text("SERROR"), text("VERROR"), text("C22P02"), text(&format!("M{EVIL}")), vec![0]].concat();
    vec![
        (true, [&length.to_be_bytes()[..], &startup].concat()),
        (false, [postgres(b'R', &[0; 4]), ready.clone()].concat()),
        (true, postgres(b'Q', &text(&format!("SELECT '{EVIL}', \"{EVIL}\" FROM t")))),
        (false, [postgres(b'E', &fields), ready].concat()),
    ]
}

/// A name and a TXT record.
fn dns(time: Timestamp) -> Vec<SocketEvent> {
    let label = [&[u8::try_from(EVIL.len()).unwrap()], EVIL.as_bytes(), &[7], b"example", &[0]].concat();
    let question = [&label[..], &[0, 16, 0, 1]].concat();
    let query = [&[0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], &question].concat();
    let length = u8::try_from(EVIL.len()).unwrap();
    let data = [&[length][..], EVIL.as_bytes()].concat();
    let answer = [&[0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, length + 1][..], &data].concat();
    let response = [&[0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0][..], &question, &answer].concat();
    let socket = SocketId(1 << 40);
    let peer = Endpoint::ip(IpAddr::from([10, 0, 0, 53]), 53);
    let open = Open {
        time,
        socket,
        transport: Transport::Udp,
        local: Endpoint::ip(IpAddr::from([10, 0, 0, 1]), 40_000),
        remote: peer.clone(),
        initiator: None,
        pid: Some(100),
        midstream: false,
    };
    let data = |direction, bytes: Vec<u8>| {
        SocketEvent::Data(Data {
            time,
            socket,
            direction,
            position: 0,
            original_len: u64::try_from(bytes.len()).unwrap(),
            bytes,
            pid: 100,
            tid: 100,
            task: 0,
            peer: Some(peer.clone()),
            source: Source::Socket,
        })
    };
    vec![SocketEvent::Open(open), data(Direction::Sent, query), data(Direction::Received, response)]
}

/// Runs the program on a terminal of its own; what it wrote there, byte by byte.
#[track_caller]
fn on_a_terminal(folder: &Path, command: &str) -> String {
    let program = env!("CARGO_BIN_EXE_explore");
    let output = Command::new("script")
        .args(["-qec", &format!("stty cols 4000; {program} {command}"), "/dev/null"])
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn check(what: &str, text: &str) {
    let acts = |c: &char| (c.is_control() && !"\r\n".contains(*c)) || ('\u{202a}'..='\u{202e}').contains(c);
    if let Some((at, c)) = text.char_indices().find(|(_, c)| acts(c)) {
        let around: String = text[..at].chars().rev().take(60).collect::<Vec<_>>().into_iter().rev().collect();
        panic!("{what} writes {c:?} to the terminal after {around:?}");
    }
}

#[test]
fn rows_and_messages_on_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("evil.events");
    outputs::record(&file, &session());
    for (table, least) in [("http", 6), ("grpc", 1), ("pgsql", 1), ("dns", 1), ("conns", 8), ("requests", 8)] {
        for format in ["table", "json", "csv"] {
            let text = on_a_terminal(folder.path(), &format!("--read evil.events -q {table} --format {format}"));
            check(&format!("{table} as {format}"), &text);
            let rows = text.lines().filter(|line| line.contains("pwned")).count();
            assert!(rows >= least, "{table} as {format}: {rows} rows with the text\n{text}");
        }
    }
    let name = "b\u{1b}[2J.pcap";
    std::fs::write(folder.path().join(name), b"nothing").unwrap();
    std::fs::write(folder.path().join("evil.toml"), "body = '\u{1b}[2J'\n# \u{1b}[2J\n[que\u{1b}]\n").unwrap();
    for command in [
        format!("--read '{name}' -q http"),
        format!("--read 'missing{name}' -q http"),
        format!("-q \"http where path = 5 {EVIL}\""),
        "--config evil.toml -q http".to_owned(),
        format!("diff evil.events '{name}'"),
        "diff evil.events evil.events --by path".to_owned(),
        "diff evil.events evil.events --by user_agent --format json".to_owned(),
        format!("--read evil.events -q http -o '/dev/null/{name}'"),
    ] {
        let text = on_a_terminal(folder.path(), &command);
        assert!(text.contains("error"), "{command}: {text}");
        check(&command, &text);
    }
}

#[test]
#[cfg_attr(not(tmux), ignore = "tmux is missing")]
fn screens() {
    let folder = tempfile::tempdir().unwrap();
    outputs::record(&folder.path().join("evil.events"), &session());
    let terminal = screens::Terminal::start(folder.path(), &["--read", "evil.events"]);
    terminal.wait_for("FILE");
    let mut shown = 0;
    for key in ["2", "3", "4", "5", "6", "7", "8", "9", "1"] {
        terminal.key(key);
        shown += usize::from(terminal.screen().contains("pwned"));
    }
    for _ in 0..12 {
        for key in ["Enter", "PageDown", "Escape", "Down"] {
            terminal.key(key);
            shown += usize::from(terminal.screen().contains("pwned"));
        }
    }
    assert!(shown > 20, "on {shown} screens");
    assert_ne!(terminal.title(), "pwned");
    // A screen that was cleared or painted by a row has lost its first line, or is red.
    let screen = terminal.screen();
    assert!(screen.contains("1Req") && !screen.contains('\u{202e}') && !screen.contains('\u{9b}'), "{screen}");
}
