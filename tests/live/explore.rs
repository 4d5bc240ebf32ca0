//! Runs `explore` and reads what it printed.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take before the test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A running `explore`. Killed when dropped.
pub(crate) struct Explore {
    child: Child,
    folder: PathBuf,
}

/// What a finished `explore` left.
pub(crate) struct Finished {
    /// Its exit status.
    pub(crate) status: ExitStatus,
    /// Rows, from stdout (`--format json`).
    pub(crate) rows: Vec<Value>,
    /// Bytes of stdout.
    pub(crate) stdout: String,
    /// Everything on stderr.
    pub(crate) stderr: String,
}

impl Explore {
    /// Starts it with `--format json`, and returns when its hooks are attached.
    #[track_caller]
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_under(&[], folder, arguments)
    }

    /// As `start`, by a program that becomes explore (`unshare …`, `setpriv …`).
    #[track_caller]
    pub(crate) fn start_under(wrapper: &[&str], folder: &Path, arguments: &[&str]) -> Self {
        let ready = folder.join("ready");
        let arguments = [&["--format", "json", "--ready-file", text(&ready)], arguments].concat();
        let mut explore = Self::spawn_under(wrapper, folder, &arguments);
        wait_for("explore to be ready", || {
            if let Some(status) = explore.child.try_wait().unwrap() {
                panic!("explore ended before it was ready: {status}\n{}", read(&folder.join("stderr")));
            }
            ready.exists()
        });
        explore
    }

    /// Starts it with just these arguments.
    pub(crate) fn spawn(folder: &Path, arguments: &[&str]) -> Self {
        Self::spawn_under(&[], folder, arguments)
    }

    fn spawn_under(wrapper: &[&str], folder: &Path, arguments: &[&str]) -> Self {
        let create = |name: &str| File::create(folder.join(name)).unwrap();
        let line = [wrapper, &[env!("CARGO_BIN_EXE_explore")], arguments].concat();
        let child = Command::new(line[0])
            .args(&line[1..])
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(create("stdout"))
            .stderr(create("stderr"))
            .spawn()
            .unwrap();
        Self { child, folder: folder.to_owned() }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGINT, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        let status = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn finish(self) -> Finished {
        self.finish_within(PATIENCE)
    }

    /// Waits for its end, for long runs.
    #[track_caller]
    pub(crate) fn finish_within(mut self, patience: Duration) -> Finished {
        let mut status = None;
        wait_within(patience, "explore to end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let stdout = read(&self.folder.join("stdout"));
        let rows = stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Finished { status: status.unwrap(), rows, stdout, stderr: read(&self.folder.join("stderr")) }
    }

    /// Ctrl-C, then its rows.
    #[track_caller]
    pub(crate) fn stop(self) -> Finished {
        self.interrupt();
        self.finish()
    }
}

impl Drop for Explore {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Finished {
    /// A field of the coverage line, such as `lost`.
    #[track_caller]
    pub(crate) fn coverage(&self, field: &str) -> String {
        let line = self.stderr.lines().last().unwrap_or_default();
        let fields = line.strip_prefix("coverage: ").unwrap_or_else(|| panic!("no coverage line:\n{}", self.stderr));
        let found = fields.split_whitespace().find_map(|part| part.split_once('=').filter(|(name, _)| *name == field));
        found.unwrap_or_else(|| panic!("no {field} in {line}")).1.to_owned()
    }

    /// Fails unless nothing was lost.
    #[track_caller]
    pub(crate) fn assert_whole(&self) {
        // A streaming query that is interrupted before any row says so with 130.
        let interrupted = self.rows.is_empty() && self.status.code() == Some(130);
        assert!(interrupted || self.status.success(), "{}\n{}", self.status, self.stderr);
        assert_eq!(self.coverage("lost"), "0", "{}", self.stderr);
    }

    /// The rows as tuples of these columns, counted.
    pub(crate) fn count(&self, columns: &[&str]) -> BTreeMap<Vec<String>, usize> {
        counted(self.rows.iter().map(|row| columns.iter().map(|column| plain(&row[*column])).collect()))
    }
}

/// How often each occurs.
pub(crate) fn counted(rows: impl Iterator<Item = Vec<String>>) -> BTreeMap<Vec<String>, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row).or_insert(0) += 1;
    }
    counts
}

/// A JSON value as plain text: strings without quotes.
pub(crate) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Waits until `done`, at most [`PATIENCE`].
#[track_caller]
pub(crate) fn wait_for(what: &str, done: impl FnMut() -> bool) {
    wait_within(PATIENCE, what, done);
}

#[track_caller]
fn wait_within(patience: Duration, what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < patience, "waited in vain for {what}");
        sleep(Duration::from_millis(10));
    }
}

/// A file's text; empty where there is none.
pub(crate) fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
