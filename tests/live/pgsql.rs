//! PostgreSQL, against the server's own log.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use tempfile::tempdir;

use crate::cluster::{Cluster, normal};
use crate::explore::{Explore, counted, plain, text};
use crate::peers::{Peer, free_port, script, tool, wait_for_port};

/// A private cluster under psql, pgbench in its three modes and psycopg, against the server's own statement log.
#[test]
#[ignore = "needs root and a live kernel"]
fn postgres_statements_are_those_of_the_servers_log() {
    let folder = tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    cluster.run("pgbench", &["-i", "-q", "-s", "1"]);
    let before = cluster.statements().len();
    let pid = cluster.pid();
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

/// pgbouncer between clients and server, one server connection for all: what it is asked and what it asks are both what
/// the server's log says, client by client.
#[test]
#[ignore = "needs root and a live kernel"]
fn a_pooler_is_seen_from_both_sides() {
    let folder = tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    cluster.run("psql", &["-q", "-c", "create table t (a int, b text)"]);
    let before = cluster.statements().len();
    let pooler = Pooler::start(folder.path(), &cluster);
    let explore = Explore::start(folder.path(), &["--pid", &pooler.peer.pid(), "-q", "pgsql"]);
    let psql = |sql: &str| {
        let mut command = cluster.command("psql", &["-q", "-X", "-c", sql]);
        // Later settings win.
        command.args(["-p", &pooler.port.to_string()]).output().unwrap();
    };
    psql("select 1 as one; select 'two'");
    psql("select no_such_column from t");
    python("pgsql_extended.py", &pooler.port.to_string(), &["0"]);
    let finished = explore.stop();
    finished.assert_whole();
    let truth = counted(cluster.statements().into_iter().skip(before).map(|statement| vec![statement]));
    assert!(truth.values().sum::<usize>() > 20, "{truth:?}");
    for role in ["server", "client"] {
        let rows = finished.rows.iter().filter(|row| row["role"] == role && row["operation"] != "STARTUP");
        let got = counted(rows.clone().map(|row| vec![normal(&plain(&row["query"]))]));
        // pgbouncer tells the server what each client had set.
        let own = |statement: &Vec<String>| role == "server" && statement[0].starts_with("SET ");
        let truth = truth.iter().filter(|(statement, _)| !own(statement)).map(|(one, count)| (one.clone(), *count));
        assert_eq!(got, truth.collect(), "{role}");
        let mut failed: Vec<_> = rows.filter(|row| row["error"] == true).map(|row| plain(&row["sqlstate"])).collect();
        failed.sort();
        assert_eq!(failed, ["22012", "42703"], "{role}");
    }
}

/// The extended protocol as drivers that bring their own implementation speak it (asyncpg, as JDBC: named statements,
/// portals with a row limit, no text anywhere): statements and parameters as in the server's log.
#[test]
#[ignore = "needs root and a live kernel"]
fn the_extended_protocol_of_drivers_is_read() {
    let folder = tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    cluster.run("psql", &["-q", "-c", "create table t (a int, b text)"]);
    let before = cluster.statements().len();
    let arguments = ["--pid", &cluster.pid(), "--children", "-q", "pgsql where operation not in ('STARTUP', 'AUTH')"];
    let explore = Explore::start(folder.path(), &arguments);
    python("pgsql_extended.py", &cluster.port.to_string(), &["100"]);
    let finished = explore.stop();
    finished.assert_whole();
    let truth = counted(cluster.statements().into_iter().skip(before).map(|statement| vec![statement]));
    let got = counted(finished.rows.iter().map(|row| vec![normal(&plain(&row["query"]))]));
    assert_eq!(got, truth);
    let insert = finished.rows.iter().find(|row| plain(&row["query"]).starts_with("insert")).unwrap();
    assert!(!insert["statement"].is_null());
    assert_eq!((&insert["tag"], &insert["shape"]), (&json!("INSERT 0 1"), &json!("insert into t values (?, ?)")));
    let failed: Vec<_> =
        finished.rows.iter().filter(|row| row["error"] == true).map(|row| plain(&row["sqlstate"])).collect();
    assert_eq!(failed, ["22012"]);
}

/// A statement that is cancelled, a connection that is ended, and one that the server refuses.
#[test]
#[ignore = "needs root and a live kernel"]
fn what_goes_wrong_has_its_sqlstate() {
    let folder = tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    let explore = Explore::start(folder.path(), &["--pid", &cluster.pid(), "--children", "-q", "pgsql"]);
    python("pgsql_failures.py", &cluster.port.to_string(), &[]);
    cluster.command("psql", &["-c", "select 1"]).env("PGDATABASE", "nowhere").output().unwrap();
    let finished = explore.stop();
    finished.assert_whole();
    let failed = finished.rows.iter().filter(|row| !row["sqlstate"].is_null());
    let failed = counted(
        failed.map(|row| ["operation", "sqlstate", "severity", "database"].map(|column| plain(&row[column])).to_vec()),
    );
    let expected = [
        ["SELECT", "57014", "ERROR", "postgres"],
        // Ended while idle: no statement tells.
        ["null", "57P01", "FATAL", "postgres"],
        ["null", "25P03", "FATAL", "postgres"],
        ["STARTUP", "3D000", "FATAL", "nowhere"],
    ];
    assert_eq!(failed, counted(expected.into_iter().map(|row| row.map(str::to_owned).to_vec())));
    let cancels = finished.rows.iter().filter(|row| row["operation"] == "CANCEL").count();
    assert_eq!(cancels, 1);
}

/// Runs a client written in Python; it checks what it is told itself.
#[track_caller]
fn python(name: &str, port: &str, arguments: &[&str]) {
    let output = Command::new(tool("python")).arg(script(name)).arg(port).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// pgbouncer in transaction mode.
struct Pooler {
    peer: Peer,
    port: u16,
}

impl Pooler {
    #[track_caller]
    fn start(folder: &Path, cluster: &Cluster) -> Self {
        let port = free_port();
        let settings = format!(
            "[databases]\npostgres = host=127.0.0.1 port={} dbname=postgres user=postgres\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
             default_pool_size = 1\nserver_reset_query =\nserver_check_query = select 1\nserver_check_delay = 10000\n\
             server_tls_sslmode = disable\nignore_startup_parameters = extra_float_digits\n",
            cluster.port
        );
        let path = folder.join("pgbouncer.ini");
        std::fs::write(&path, settings).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--", "/usr/sbin/pgbouncer"]);
        let peer = Peer::start(folder, "pgbouncer", command.arg(text(&path)));
        wait_for_port(port);
        Self { peer, port }
    }
}
