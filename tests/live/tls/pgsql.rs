//! PostgreSQL over TLS: the handshake comes after an SSLRequest in clear.

use std::os::unix::fs::PermissionsExt;

use tempfile::tempdir;

use super::Certificate;
use crate::cluster::{Cluster, normal};
use crate::explore::{Explore, Finished, counted, plain, text};

/// psql's statements in clear and inside TLS, at both ends, against the server's log.
#[test]
#[ignore = "needs root and a live kernel"]
fn psql_over_tls() {
    let (folder, certificate) = (tempdir().unwrap(), Certificate::new());
    let cluster = Cluster::start_with(folder.path(), |data| {
        for (from, to) in [(certificate.certificate(), "server.crt"), (certificate.key(), "server.key")] {
            std::fs::copy(from, data.join(to)).unwrap();
            std::fs::set_permissions(data.join(to), std::fs::Permissions::from_mode(0o600)).unwrap();
            let owned = std::process::Command::new("chown").args(["postgres", text(&data.join(to))]).status();
            assert!(owned.unwrap().success());
        }
        "ssl=on\nssl_min_protocol_version='TLSv1.2'\n"
    });
    let statements = [
        "select 1 as one; select 'two'",
        "create temp table t (a int, b text)",
        "insert into t select n, 'x' from generate_series(1, 7) n",
        "select no_such_column",
        "select repeat('long ', 2000)",
    ];
    let mut runs = ["disable", "require"].map(|mode| {
        let before = cluster.statements().len();
        let server_folder = tempdir().unwrap();
        let pid = cluster.pid();
        let query = "pgsql where operation not in ('STARTUP', 'AUTH')";
        let explore = Explore::start(server_folder.path(), &["--pid", &pid, "--children", "-q", query]);
        let client_folder = tempdir().unwrap();
        let (port, environment) = (cluster.port.to_string(), format!("PGSSLMODE={mode}"));
        let options = ["-q", "-h", "127.0.0.1", "-U", "postgres", "-p", &port, "-d", "postgres"];
        let options = options.into_iter().chain(statements.iter().flat_map(|statement| ["-c", statement]));
        let command = ["-q", query, "--format", "json", "--", "env", &environment, "psql"].into_iter().chain(options);
        let client = Explore::spawn(client_folder.path(), &command.collect::<Vec<_>>()).finish();
        let server = explore.stop();
        let truth = cluster.statements().split_off(before);
        for run in [&client, &server] {
            run.assert_whole();
            let got = run.rows.iter().map(|row| vec![normal(&plain(&row["query"]))]);
            assert_eq!(counted(got), counted(truth.iter().map(|statement| vec![statement.clone()])), "{}", run.stderr);
            let source = if mode == "require" { "openssl" } else { "socket" };
            assert!(
                run.rows.iter().all(|row| row["tls"] == (mode == "require") && row["source"] == source),
                "{}",
                run.stdout
            );
        }
        assert!(client.rows.iter().all(|row| row["role"] == "client" && row["remote_port"] == cluster.port));
        assert!(server.rows.iter().all(|row| row["role"] == "server" && row["local_port"] == cluster.port));
        [statements_of(&client), statements_of(&server)]
    });
    assert_eq!(runs[0][0].len(), 6);
    runs.iter_mut().flatten().for_each(|rows| rows.sort());
    assert_eq!(runs[0], runs[1], "in clear (left) and inside TLS (right)");
}

fn statements_of(run: &Finished) -> Vec<Vec<String>> {
    const COLUMNS: [&str; 15] = [
        "role",
        "process",
        "operation",
        "query",
        "shape",
        "rows",
        "tag",
        "sqlstate",
        "severity",
        "message",
        "database",
        "user",
        "application",
        "req_bytes",
        "resp_bytes",
    ];
    run.rows.iter().map(|row| COLUMNS.iter().map(|column| plain(&row[*column])).collect()).collect()
}
