//! DNS, against the servers' own logs.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::explore::{Explore, counted, plain, read, text};
use crate::peers::{Peer, free_port, script, tool, wait_for_port};

/// A name server that knows what its options say, and nothing else.
#[track_caller]
pub(crate) fn dnsmasq(folder: &Path, port: &str, knows: &[&str]) -> Peer {
    let mut command = Command::new("dnsmasq");
    command.args(["--no-daemon", "--no-resolv", "--no-hosts", "--user=root", "--conf-file=/dev/null"]);
    command.args(["--bind-interfaces", "--listen-address=127.0.0.1", &format!("--port={port}")]).args(knows);
    let server = Peer::start(folder, "dnsmasq", &mut command);
    wait_for_port(port.parse().unwrap());
    server
}

/// dnsmasq under kdig: names, types and codes as dnsmasq logs them; UDP and TCP.
#[test]
#[ignore = "needs root and a live kernel"]
fn dns_questions_are_those_of_the_servers_log() {
    let folder = tempdir().unwrap();
    let port = free_port().to_string();
    let log = folder.path().join("queries");
    let knows = [
        "--local=/test/",
        "--address=/a.test/10.1.2.3",
        "--host-record=h.test,10.9.8.7,fd00::7",
        "--txt-record=t.test,hello world",
        "--cname=c.test,h.test",
        "--log-queries",
        &format!("--log-facility={}", text(&log)),
    ];
    let server = dnsmasq(folder.path(), &port, &knows);
    let pid = server.pid();
    let explore = Explore::start(folder.path(), &["--pid", &pid, "-q", "dns"]);
    let ask = |arguments: &[&str]| {
        let output = Command::new("kdig").args(["@127.0.0.1", "-p", &port]).args(arguments).output().unwrap();
        assert!(output.status.success());
    };
    for name in ["a.test", "h.test", "c.test", "none.test"] {
        ask(&[name, "A"]);
        ask(&[name, "AAAA"]);
    }
    ask(&["t.test", "TXT"]);
    ask(&["+tcp", "h.test", "A"]);
    let finished = explore.stop();
    finished.assert_whole();
    let logged = read(&log);
    let truth = dnsmasq_log(&logged);
    assert_eq!(truth.values().sum::<usize>(), 10, "{logged}");
    assert_eq!(finished.count(&["name", "type"]), truth);
    let answers = |name: &str, kind: &str| {
        let row = finished.rows.iter().find(|row| row["name"] == name && row["type"] == kind).unwrap();
        (row["rcode"].clone(), row["answers"].clone())
    };
    assert_eq!(answers("a.test", "A"), (json!("NOERROR"), json!(["10.1.2.3"])));
    assert_eq!(answers("h.test", "AAAA"), (json!("NOERROR"), json!(["fd00::7"])));
    assert_eq!(answers("c.test", "A"), (json!("NOERROR"), json!(["h.test.", "10.9.8.7"])));
    assert_eq!(answers("t.test", "TXT"), (json!("NOERROR"), json!(["\"hello world\""])));
    assert_eq!(answers("none.test", "A").0, json!("NXDOMAIN"));
    let tcp = finished.rows.iter().filter(|row| row["transport"] == "tcp").count();
    assert_eq!(tcp, 1);
}

/// kdig asks unbound, unbound asks dnsmasq: client, forwarder and server in one capture, UDP and, for an answer that is too
/// long, TCP. Every question is a row at both of its ends, and the two name each other.
#[test]
#[ignore = "needs root and a live kernel"]
fn a_forwarder_answers_and_asks() {
    let folder = tempdir().unwrap();
    let (front, back) = (free_port().to_string(), free_port().to_string());
    let peer = script("dns_chain.sh");
    let arguments = ["-q", "dns", "--format", "json", "--", "bash", text(&peer), text(folder.path()), &front, &back];
    let finished = Explore::spawn(folder.path(), &arguments).finish();
    finished.assert_whole();
    let asked = unbound_log(&folder.path().join("unbound.log"));
    let forwarded = dnsmasq_log(&read(&folder.path().join("dnsmasq.log")));
    assert_eq!((asked.values().sum::<usize>() >= 10, forwarded.values().sum::<usize>() >= 10), (true, true));
    let rows = |process: &str, role: &str| {
        let rows = finished.rows.iter().filter(|row| row["process"] == process && row["role"] == role);
        counted(rows.map(|row| ["name", "type"].map(|column| plain(&row[column])).to_vec()))
    };
    assert_eq!(rows("kdig", "client"), asked);
    assert_eq!(rows("unbound", "server"), asked);
    assert_eq!(rows("unbound", "client"), forwarded);
    assert_eq!(rows("dnsmasq", "server"), forwarded);
    let by_id = |id: &Value| finished.rows.iter().find(|row| row["id"] == *id);
    for row in &finished.rows {
        let twin = by_id(&row["twin"]).unwrap_or_else(|| panic!("no twin: {row}"));
        assert_eq!(twin["twin"], row["id"]);
        assert_eq!((&twin["name"], &twin["dns_id"], &twin["rcode"]), (&row["name"], &row["dns_id"], &row["rcode"]));
    }
    let of_big = |transport: &str| {
        let mut rows =
            finished.rows.iter().filter(|row| row["name"] == "big.corp.example" && row["transport"] == transport);
        rows.all(|row| (row["answers"].as_array().map_or(0, Vec::len) == 1) == (transport == "tcp"))
    };
    assert!(of_big("udp") && of_big("tcp"), "a truncated answer is empty, the one over TCP whole");
}

fn dnsmasq_log(log: &str) -> std::collections::BTreeMap<Vec<String>, usize> {
    let asked = log.lines().filter_map(|line| line.split_once(": query[").map(|(_, rest)| rest));
    counted(asked.map(|rest| {
        let (kind, rest) = rest.split_once("] ").unwrap();
        vec![rest.split(' ').next().unwrap().to_owned(), kind.to_owned()]
    }))
}

/// `… info: 127.0.0.1 h.corp.example. A IN`
fn unbound_log(path: &Path) -> std::collections::BTreeMap<Vec<String>, usize> {
    let log = read(path);
    let asked = log.lines().filter_map(|line| line.strip_suffix(" IN")?.split_once("info: 127.0.0.1 "));
    counted(asked.map(|(_, rest)| {
        let (name, kind) = rest.split_once(' ').unwrap();
        vec![name.trim_end_matches('.').to_owned(), kind.to_owned()]
    }))
}

/// Multicast DNS in a network of its own: a responder, a querier that is a member of the group (the answer goes to the group)
/// and one that is not (it is answered by itself). What each says that it asked and answered is a row.
#[test]
#[ignore = "needs root and a live kernel"]
fn multicast_dns_is_read_on_both_sides() {
    let folder = tempdir().unwrap();
    let (python, peer) = (tool("python"), script("mdns.py"));
    let command = ["unshare", "--net", text(&python), text(&peer), text(folder.path())];
    let query = "dns | select name, type, answers, rcode, role, transport, remote_port, error, pid";
    let finished =
        Explore::spawn(folder.path(), &[&["-q", query, "--format", "json", "--"], &command[..]].concat()).finish();
    finished.assert_whole();
    let logged = |part: &str| -> Vec<Value> {
        serde_json::from_str(&read(&folder.path().join(part).with_extension("json"))).unwrap()
    };
    let line = |entry: &Value| [0, 1, 2].map(|at| plain(&entry[at])).to_vec();
    let rows = |role: &str| {
        let rows = finished.rows.iter().filter(|row| row["role"] == role);
        counted(rows.map(|row| vec![plain(&row["name"]), plain(&row["type"]), plain(&row["answers"][0])]))
    };
    let asked = [logged("member"), logged("anyone")].concat();
    assert_eq!(asked.len(), 4);
    assert_eq!(rows("client"), counted(asked.iter().map(line)), "{:?}", finished.rows);
    assert_eq!(rows("server"), counted(logged("responder").iter().map(line)), "{:?}", finished.rows);
    for row in &finished.rows {
        assert_eq!(
            (&row["rcode"], &row["transport"], &row["error"]),
            (&json!("NOERROR"), &json!("udp"), &json!(false)),
            "{row}"
        );
    }
}
