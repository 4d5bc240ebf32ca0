//! Who is who: processes that live for a moment, pids that are used again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::tempdir;

use crate::explore::{Explore, plain, read, text, wait_for};
use crate::peers::{Nginx, Peer, script, tool};

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

/// Processes in control groups as container runtimes and systemd name them: container and service are those of the group,
/// in the unified hierarchy and, where the machine has one, in an older one.
#[test]
#[ignore = "needs root and a cgroup2 mount"]
fn containers_and_units_are_those_of_the_control_group() {
    let mounts = read(Path::new("/proc/self/mounts"));
    let mount = |wanted: &dyn Fn(&[&str]) -> bool| {
        let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        fields.filter(|fields| wanted(fields)).map(|fields| PathBuf::from(fields[1])).next()
    };
    let unified = mount(&|fields| fields[2] == "cgroup2").expect("a cgroup2 mount");
    let older = mount(&|fields| fields[2] == "cgroup" && fields[3].split(',').any(|option| option == "pids"));
    let pod =
        "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod7b3f2c1d_90ab_4def_8123_456789abcdef.slice";
    // Where, whether it is a container's, and the service, where it does not depend on the machine's name.
    let mut groups = vec![
        (&unified, "system.slice/docker-ID.scope".to_owned(), true, Some("python3")),
        (&unified, format!("{pod}/cri-containerd-ID.scope"), true, None),
        (&unified, format!("{pod}/crio-ID.scope"), true, None),
        (&unified, "machine.slice/libpod-ID.scope/container".to_owned(), true, Some("python3")),
        (&unified, "system.slice/orders.service".to_owned(), false, Some("orders")),
    ];
    groups.extend(older.iter().map(|older| (older, "docker/ID".to_owned(), true, Some("python3"))));

    let folder = tempdir().unwrap();
    let nginx = Nginx::start(folder.path(), 1);
    let wait = format!("while [ ! -e {}/go ]; do sleep 0.02; done", text(folder.path()));
    // It asks, and stays until its row is there.
    let ask = "import os, sys, time, urllib.request as u; u.urlopen(sys.argv[1]).read()\n\
               while not os.path.exists(sys.argv[2]): time.sleep(0.02)";
    std::fs::write(folder.path().join("ask.py"), ask).unwrap();
    let (mut script, mut made) = (format!("{wait}\n"), Vec::new());
    for (number, (mount, path, ..)) in groups.iter().enumerate() {
        let top = format!("explore-test-{}-{number}", std::process::id());
        made.push(Group::create(mount, Path::new(&top).join(path.replace("ID", &container(number)))));
        script += &format!(
            "(echo 0 > {group}/cgroup.procs; exec python3 {dir}/ask.py http://127.0.0.1:{port}/ok?{number} {dir}/done) &\n",
            group = text(&made[number].path),
            dir = text(folder.path()),
            port = nginx.port,
        );
    }
    let mut shell = Peer::start(folder.path(), "shell", Command::new("sh").args(["-c", &format!("{script}wait")]));
    let explore = Explore::start(folder.path(), &["--pid", &shell.pid(), "--children", "-q", "http"]);
    std::fs::write(folder.path().join("go"), "").unwrap();
    wait_for("the rows", || read(&folder.path().join("stdout")).lines().count() == groups.len());
    std::fs::write(folder.path().join("done"), "").unwrap();
    shell.wait();
    let finished = explore.stop();
    finished.assert_whole();
    assert_eq!(finished.rows.len(), groups.len());
    for row in &finished.rows {
        let number: usize = plain(&row["query"]).parse().unwrap();
        let (_, path, contained, service) = &groups[number];
        let expected = if *contained { container(number)[..12].to_owned() } else { "null".to_owned() };
        assert_eq!(plain(&row["container"]), expected, "{path}: {row}");
        assert!(service.is_none_or(|service| row["service"] == service), "{path}: {row}");
    }
}

/// The id of a container.
fn container(number: usize) -> String {
    format!("{:x}", number + 1).repeat(64)
}

/// A control group, removed in the end with those above it.
struct Group {
    mount: PathBuf,
    path: PathBuf,
}

impl Group {
    fn create(mount: &Path, below: PathBuf) -> Self {
        let path = mount.join(below);
        std::fs::create_dir_all(&path).unwrap();
        Self { mount: mount.to_owned(), path }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // One that is still in use stays; so do those above it.
        self.path.ancestors().take_while(|path| *path != self.mount).all(|path| std::fs::remove_dir(path).is_ok());
    }
}
