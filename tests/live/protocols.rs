//! The other protocols, each against what its own server, client or log says.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::explore::{Explore, counted, plain, read, text};
use crate::peers::{Peer, free_port, script, tool, wait_for_port};

/// h2load with 100 concurrent streams on each of two connections: its own count of answers.
#[test]
#[ignore = "needs root and a live kernel"]
fn http2_streams_are_counted_as_h2load_counts_them() {
    let folder = tempdir().unwrap();
    let port = free_port();
    std::fs::write(folder.path().join("page"), "two\n").unwrap();
    let root = text(folder.path());
    let arguments = ["--no-tls", "-d", root, &port.to_string()].map(str::to_owned);
    let server = Peer::start(folder.path(), "nghttpd", Command::new("nghttpd").args(arguments));
    wait_for_port(port);
    let pid = server.pid();
    let query = "http | summarize n=count() by method, path, status, version, role";
    let explore = Explore::start(folder.path(), &["--pid", &pid, "-q", query]);
    let address = format!("http://127.0.0.1:{port}");
    let load = Command::new("h2load").args(["-n2000", "-c2", "-m100", &format!("{address}/page")]).output().unwrap();
    let report = String::from_utf8_lossy(&load.stdout).into_owned();
    assert!(report.contains("status codes: 2000 2xx, 0 3xx, 0 4xx, 0 5xx"), "{report}");
    for path in ["/page", "/none?q=1"] {
        let output =
            Command::new("curl").args(["-sS", "--http2-prior-knowledge", &format!("{address}{path}")]).output();
        assert!(output.unwrap().status.success());
    }
    let finished = explore.stop();
    finished.assert_whole();
    let expected = [("/none", "404", "1"), ("/page", "200", "2001")];
    let expected =
        expected.map(|(path, status, n)| ["GET", path, status, "2", "server", n].map(str::to_owned).to_vec());
    assert_eq!(finished.count(&["method", "path", "status", "version", "role", "n"]), counted(expected.into_iter()));
}

/// grpcio client and server: all four kinds, errors, compression, messages far longer than `--capture`, 200 calls from ten
/// threads, and a deadline.
#[test]
#[ignore = "needs root and a live kernel"]
fn grpc_calls_are_what_the_client_library_says() {
    compare_grpc("sock");
}

/// The same where the kernel has no socket tracepoints.
#[test]
#[ignore = "needs root and a live kernel"]
fn grpc_calls_by_syscall_hooks() {
    compare_grpc("syscall");
}

#[track_caller]
fn compare_grpc(backend: &str) {
    let folder = tempdir().unwrap();
    let (python, peer) = (tool("python"), script("grpc_peer.py"));
    let arguments = ["--backend", backend, "-q", "grpc", "--format", "json"];
    let arguments = [&arguments[..], &["--", text(&python), text(&peer), text(folder.path())]].concat();
    let finished = Explore::spawn(folder.path(), &arguments).finish();
    finished.assert_whole();
    let truth: Vec<Value> = serde_json::from_str(&read(&folder.path().join("truth.json"))).unwrap();
    let columns =
        ["method", "status_name", "status", "message", "kind", "req_messages", "resp_messages", "rpc_service"];
    let by = |row: &Value| -> Vec<String> {
        let empty_is_null = |value: &Value| if value == "" { "null".to_owned() } else { plain(value) };
        columns.iter().map(|column| empty_is_null(&row[*column])).collect()
    };
    for role in ["client", "server"] {
        let rows = finished.rows.iter().filter(|row| row["role"] == role);
        let (deadline, rows): (Vec<_>, Vec<_>) = rows.partition(|row| !row["timeout"].is_null());
        assert_eq!(counted(rows.into_iter().map(by)), counted(truth.iter().map(by)), "{role}");
        assert_eq!(deadline.len(), 1, "{role}");
        let timeout = deadline[0]["timeout"].as_u64().unwrap();
        assert!((150_000_000..=210_000_000).contains(&timeout), "{role}: {timeout}");
    }
}

/// A private cluster under psql, pgbench in its three modes and psycopg, against the server's own statement log.
#[test]
#[ignore = "needs root and a live kernel"]
fn postgres_statements_are_those_of_the_servers_log() {
    let folder = tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    cluster.run("pgbench", &["-i", "-q", "-s", "1"]);
    let before = cluster.statements().len();
    let pid = cluster.server.pid();
    let arguments = ["--pid", &pid, "--children", "-q", "pgsql where operation not in ('STARTUP', 'AUTH')"];
    let explore = Explore::start(folder.path(), &arguments);
    for mode in ["simple", "extended", "prepared"] {
        cluster.run("pgbench", &["-n", "-S", "-M", mode, "-c", "2", "-t", "100"]);
    }
    cluster.run("pgbench", &["-n", "-M", "prepared", "-c", "1", "-t", "20"]);
    cluster.run("psql", &["-q", "-c", "select 1 as one; select 'two'; create table t (a int, b text)"]);
    cluster.run("psql", &["-q", "-c", "insert into t select n, 'x' from generate_series(1, 7) n"]);
    cluster.run("psql", &["-q", "-c", "copy t to stdout"]);
    cluster.run("psql", &["-q", "-c", "select no_such_column from t"]);
    let python =
        Command::new(tool("python")).arg(script("pgsql_client.py")).arg(cluster.port.to_string()).output().unwrap();
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    let finished = explore.stop();
    finished.assert_whole();
    let truth = counted(cluster.statements().into_iter().skip(before).map(|statement| vec![statement]));
    assert!(truth.values().sum::<usize>() > 700);
    let got = counted(finished.rows.iter().map(|row| vec![normal(row["query"].as_str().unwrap_or("null"))]));
    assert_eq!(got, truth);
    let failed: Vec<_> =
        finished.rows.iter().filter(|row| row["error"] == true).map(|row| plain(&row["sqlstate"])).collect();
    assert_eq!(failed, ["42703"]);
    let insert = finished.rows.iter().find(|row| plain(&row["query"]).starts_with("insert into t select")).unwrap();
    assert_eq!((&insert["rows"], &insert["tag"]), (&json!(7), &json!("INSERT 0 7")));
}

/// dnsmasq under kdig: names, types and codes as dnsmasq logs them; UDP and TCP.
#[test]
#[ignore = "needs root and a live kernel"]
fn dns_questions_are_those_of_the_servers_log() {
    let folder = tempdir().unwrap();
    let port = free_port().to_string();
    let log = folder.path().join("queries");
    let arguments = [
        "--no-daemon".to_owned(),
        "--no-resolv".to_owned(),
        "--no-hosts".to_owned(),
        "--bind-interfaces".to_owned(),
        "--listen-address=127.0.0.1".to_owned(),
        format!("--port={port}"),
        "--local=/test/".to_owned(),
        "--user=root".to_owned(),
        "--conf-file=/dev/null".to_owned(),
        "--address=/a.test/10.1.2.3".to_owned(),
        "--host-record=h.test,10.9.8.7,fd00::7".to_owned(),
        "--txt-record=t.test,hello world".to_owned(),
        "--cname=c.test,h.test".to_owned(),
        "--log-queries".to_owned(),
        format!("--log-facility={}", text(&log)),
    ];
    let server = Peer::start(folder.path(), "dnsmasq", Command::new("dnsmasq").args(&arguments));
    wait_for_port(port.parse().unwrap());
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
    let asked = logged.lines().filter_map(|line| line.split_once(": query[").map(|(_, rest)| rest));
    let truth = counted(asked.map(|rest| {
        let (kind, rest) = rest.split_once("] ").unwrap();
        vec![rest.split(' ').next().unwrap().to_owned(), kind.to_owned()]
    }));
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

/// A PostgreSQL of our own, as user `postgres`.
struct Cluster {
    server: Peer,
    port: u16,
    folder: std::path::PathBuf,
}

impl Cluster {
    #[track_caller]
    fn start(folder: &Path) -> Self {
        let data = folder.join("data");
        let port = free_port();
        std::fs::create_dir(&data).unwrap();
        for path in [folder, &data] {
            assert!(Command::new("chown").args(["postgres", text(path)]).status().unwrap().success());
        }
        let bin = std::fs::read_dir("/usr/lib/postgresql").unwrap().next().unwrap().unwrap().path().join("bin");
        let initdb = ["-u", "postgres", "--", text(&bin.join("initdb")), "-D", text(&data), "-A", "trust", "-N"]
            .map(str::to_owned);
        let output = Command::new("runuser").args(initdb).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let settings = "fsync=off\nlog_destination=csvlog\nlogging_collector=on\nlog_directory='log'\nlog_filename='all.log'\n\
             log_statement=all\nlog_min_error_statement=panic\nautovacuum=off\nssl=off\n";
        std::fs::write(data.join("postgresql.auto.conf"), settings).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--"]);
        command.arg(bin.join("postgres")).arg("-D").arg(&data);
        command.args(["-p", &port.to_string(), "-k", text(folder), "-h", "127.0.0.1"]).current_dir(folder);
        let server = Peer::start(folder, "postgres", &mut command);
        wait_for_port(port);
        let cluster = Self { server, port, folder: folder.to_owned() };
        crate::explore::wait_for("PostgreSQL", || {
            cluster.command("psql", &["-c", "select 1"]).output().unwrap().status.success()
        });
        cluster
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string()]).args(arguments);
        command.env("PGDATABASE", "postgres").env("PGSSLMODE", "disable");
        command
    }

    /// Runs a client; a statement that fails is part of the test.
    fn run(&self, program: &str, arguments: &[&str]) {
        self.command(program, arguments).output().unwrap();
    }

    /// What the server executed, in its own words (csvlog's `message`), multi-statement queries in one.
    fn statements(&self) -> Vec<String> {
        let log = self.folder.join("data/log/all.csv");
        let output = Command::new(tool("python")).arg(script("pgsql_log.py")).arg(&log).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let statements: Vec<String> = serde_json::from_slice(&output.stdout).unwrap();
        statements.iter().map(|statement| normal(statement)).collect()
    }
}

/// Statements are compared without the `;` and spaces around them.
fn normal(statement: &str) -> String {
    statement.trim().trim_end_matches(';').trim().to_owned()
}
