//! A PostgreSQL of our own.

use std::path::Path;
use std::process::Command;

use crate::explore::{read, text, wait_for};
use crate::peers::{Peer, free_port, script, tool, wait_for_port};

/// It runs as user `postgres`.
pub(crate) struct Cluster {
    server: Peer,
    /// Where it listens, on 127.0.0.1.
    pub(crate) port: u16,
    folder: std::path::PathBuf,
}

impl Cluster {
    /// Makes it and waits until it answers.
    #[track_caller]
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_with(folder, |_| "ssl=off\n")
    }

    /// As `start`, with more settings, asked for once its folder of data is there.
    #[track_caller]
    pub(crate) fn start_with(folder: &Path, settings: impl FnOnce(&Path) -> &'static str) -> Self {
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
        let common = "fsync=off\nlog_destination=csvlog\nlogging_collector=on\nlog_directory='log'\nlog_filename='all.log'\n\
             log_statement=all\nlog_min_error_statement=panic\nautovacuum=off\n";
        let settings = common.to_owned() + settings(&data);
        std::fs::write(data.join("postgresql.auto.conf"), settings).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--"]);
        command.arg(bin.join("postgres")).arg("-D").arg(&data);
        command.args(["-p", &port.to_string(), "-k", text(folder), "-h", "127.0.0.1"]).current_dir(folder);
        let server = Peer::start(folder, "postgres", &mut command);
        wait_for_port(port);
        let cluster = Self { server, port, folder: folder.to_owned() };
        wait_for("PostgreSQL", || cluster.command("psql", &["-c", "select 1"]).output().unwrap().status.success());
        cluster
    }

    /// Its first process.
    pub(crate) fn pid(&self) -> String {
        self.server.pid()
    }

    /// A client of it.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string()]).args(arguments);
        command.env("PGDATABASE", "postgres").env("PGSSLMODE", "disable");
        command
    }

    /// Runs a client; a statement that fails is part of the test.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) {
        self.command(program, arguments).output().unwrap();
    }

    /// What the server executed, in its own words (csvlog's `message`), multi-statement queries in one. All of it: the
    /// log is written by a process of its own.
    #[track_caller]
    pub(crate) fn statements(&self) -> Vec<String> {
        let path = self.folder.join("data/log/all.csv");
        let written = read(&path).matches(MARK).count();
        self.run("psql", &["-q", "-c", MARK]);
        wait_for("PostgreSQL's log", || read(&path).matches(MARK).count() > written);
        let output = Command::new(tool("python")).arg(script("pgsql_log.py")).arg(&path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let statements: Vec<String> = serde_json::from_slice(&output.stdout).unwrap();
        statements.iter().map(|statement| normal(statement)).filter(|statement| statement != MARK).collect()
    }
}

/// Runs to find out how far the log is written.
const MARK: &str = "select 'so far'";

/// Statements are compared without the `;` and spaces around them.
pub(crate) fn normal(statement: &str) -> String {
    statement.trim().trim_end_matches(';').trim().to_owned()
}
