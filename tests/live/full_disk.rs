//! A disk that is full when a snapshot is to be written: a message, exit code 2, the older snapshot whole, and nothing else
//! suffers.

use std::path::Path;
use std::process::{Child, Command};

use tempfile::{TempDir, tempdir};

use crate::explore::{read, text, wait_for};

/// Mounts a small disk over `$FULL` where only this shell sees it, fills it up around an older snapshot, and runs explore.
const SCRIPT: &str = r#"
mount -t tmpfs -o size=1m none "$FULL" && cp "$OUT/old.parquet" "$FULL/s.parquet" || exit 99
dd if=/dev/zero of="$FULL/filler" bs=1k 2>/dev/null
"$@" >"$OUT/stdout" 2>"$OUT/stderr" & echo $! >"$OUT/pid"
wait $!; code=$?
ls -A "$FULL" >"$OUT/left"; cp "$FULL/s.parquet" "$OUT/after.parquet"; echo $code >"$OUT/code"
"#;

struct Run {
    folder: TempDir,
    child: Child,
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

impl Run {
    /// `explore ARGUMENTS --snapshot` there, with an older snapshot of `old` in its place.
    #[track_caller]
    fn start(old: &str, arguments: &[&str]) -> Self {
        let folder = tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let full = at("full");
        std::fs::create_dir(&full).unwrap();
        let explore = env!("CARGO_BIN_EXE_explore");
        let made =
            Command::new(explore).args(["--read", old, "--snapshot", text(&at("old.parquet"))]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let child = Command::new("unshare")
            .args(["--mount", "sh", "-c", SCRIPT, "sh", explore])
            .args(arguments)
            .args(["-o", text(&at("rows")), "--snapshot", text(&full.join("s.parquet")), "--force"])
            .args(["--format", "json", "--ready-file", text(&at("ready"))])
            .env("FULL", &full)
            .env("OUT", folder.path())
            .env("NO_COLOR", "1")
            .spawn()
            .unwrap();
        Self { folder, child }
    }

    fn file(&self, name: &str) -> String {
        read(&self.folder.path().join(name))
    }

    fn signal(&self, name: &str) {
        let pid = self.file("pid");
        assert!(Command::new("kill").args([name, pid.trim()]).status().unwrap().success());
    }

    /// Waits for the end; what was written to stderr.
    #[track_caller]
    fn finish(&mut self) -> String {
        let mut status = None;
        wait_for("explore to end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let stderr = self.file("stderr");
        assert_eq!(self.file("code").trim(), "2", "{stderr}");
        assert!(stderr.contains("the snapshot was not written: No space left on device"), "{stderr}");
        let bytes = |name: &str| std::fs::read(self.folder.path().join(name)).unwrap();
        assert!(bytes("old.parquet") == bytes("after.parquet"), "the older snapshot is whole");
        assert_eq!(self.file("left"), "filler\ns.parquet\n", "nothing half written is left");
        stderr
    }
}

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).display().to_string()
}

#[test]
#[ignore = "needs root and a live kernel"]
fn a_live_run_goes_on_and_loses_nothing() {
    let mut run = Run::start(&fixture("fixtures/captures/http1.pcap.xz"), &["demo", "-q", "requests | select id"]);
    let rows = |run: &Run| run.file("rows").lines().count();
    wait_for("explore to be ready", || run.folder.path().join("ready").exists());
    wait_for("rows", || rows(&run) > 200);
    run.signal("-USR1");
    wait_for("a message at once", || run.file("stderr").contains("No space left on device"));
    let before = rows(&run);
    wait_for("more rows", || rows(&run) > before + 200);
    run.signal("-INT");
    let stderr = run.finish();
    let line = stderr.lines().last().unwrap();
    let counted = line.split_whitespace().find_map(|part| part.strip_prefix("rows=")).unwrap();
    assert_eq!(counted, rows(&run).to_string(), "every row is in the other output: {line}");
    assert!(line.contains(" lost=0"), "{line}");
}

#[test]
#[ignore = "needs root and a live kernel"]
fn the_answer_over_a_file_is_complete() {
    let capture = fixture("fixtures/captures/http1.pcap.xz");
    let arguments = ["--read", &capture, "-q", "http | count"];
    let whole = Command::new(env!("CARGO_BIN_EXE_explore")).args(arguments).output().unwrap();
    let mut run = Run::start(&fixture("fixtures/captures/dns.pcap"), &arguments);
    run.finish();
    assert_eq!(run.file("rows"), String::from_utf8(whole.stdout).unwrap());
}
