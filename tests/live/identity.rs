//! Who is who: processes that live for a moment, pids that are used again.

use std::collections::BTreeSet;
use std::path::Path;

use tempfile::tempdir;

use crate::explore::{Explore, plain, read, text};
use crate::peers::{Nginx, script, tool};

/// Twenty programs, each of which starts, asks once and ends within a fraction of a second: each is seen with its own name,
/// executable and pid, and stays named after its end.
#[test]
#[ignore = "needs root and a live kernel"]
fn processes_that_end_at_once_are_seen_with_their_names() {
    let folder = tempdir().unwrap();
    let nginx = Nginx::start(folder.path(), 1);
    let mut script = String::new();
    for n in 0..20 {
        let program = folder.path().join(format!("blink{n}"));
        std::fs::copy("/usr/bin/curl", &program).unwrap();
        // The shell gives the pid; the program's own clock says how long it lived.
        script += &format!(
            "{} -s -o /dev/null -w '%{{time_total}}\\n' http://127.0.0.1:{}/ok?blink{n} >> {dir}/times & echo blink{n} $! >> {dir}/truth; wait\n",
            text(&program),
            nginx.port,
            dir = text(folder.path()),
        );
    }
    let path = folder.path().join("run.sh");
    std::fs::write(&path, script).unwrap();
    let finished = Explore::spawn(folder.path(), &["-q", "http", "--format", "json", "--", "sh", text(&path)]).finish();
    finished.assert_whole();
    let seen: BTreeSet<String> =
        finished.rows.iter().map(|row| format!("{} {}", plain(&row["process"]), plain(&row["pid"]))).collect();
    let truth: BTreeSet<String> = read(&folder.path().join("truth")).lines().map(str::to_owned).collect();
    assert_eq!(truth.len(), 20);
    assert_eq!(seen, truth, "{}", finished.stderr);
    for row in &finished.rows {
        assert_eq!(plain(&row["query"]), plain(&row["process"]), "{row}");
        let exe = plain(&row["exe"]);
        assert_eq!(Path::new(&exe), folder.path().join(plain(&row["process"])));
    }
}

/// A pid that is used again at once, by a program of another name: no row has the other's name.
#[test]
#[ignore = "needs root and a live kernel"]
fn a_pid_used_again_is_another_process() {
    let folder = tempdir().unwrap();
    let nginx = Nginx::start(folder.path(), 1);
    for name in ["first", "second"] {
        std::fs::copy("/usr/bin/curl", folder.path().join(name)).unwrap();
    }
    let (python, peer, port) = (tool("python"), script("same_pid.py"), nginx.port.to_string());
    let arguments = ["-q", "http", "--format", "json", "--", text(&python), text(&peer), text(folder.path()), &port];
    let finished = Explore::spawn(folder.path(), &arguments).finish();
    finished.assert_whole();
    assert!(finished.rows.len() >= 2, "{}", finished.stderr);
    for row in &finished.rows {
        assert!(plain(&row["query"]).starts_with(&plain(&row["process"])), "{row}");
        assert_eq!(Path::new(&plain(&row["exe"])), folder.path().join(plain(&row["process"])));
    }
    let shared = read(&folder.path().join("pid"));
    let names: BTreeSet<_> =
        finished.rows.iter().filter(|row| plain(&row["pid"]) == shared).map(|row| plain(&row["process"])).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["first", "second"], "pid {shared}");
}
