//! The screens in a real terminal (tmux): a small investigation by keys, and what is left of it afterwards.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "terminal/shells.rs"]
mod shells;

use std::process::Command;
use std::time::{Duration, Instant};

/// A terminal of its own, ended when dropped.
struct Tmux {
    socket: String,
}

impl Tmux {
    #[track_caller]
    fn start(name: &str, width: u16, height: u16, command: &str) -> Self {
        let socket = format!("explore-test-{name}-{}", std::process::id());
        let tmux = Self { socket };
        let size = [width.to_string(), height.to_string()];
        // The shell stays, so that what the program leaves behind can be seen.
        let shell = format!("{command}; echo left with $?; stty -a | grep -o ' .\\?icanon'; exec sleep 60");
        tmux.run(&["-f", "/dev/null", "new-session", "-d", "-x", &size[0], "-y", &size[1], "sh", "-c", &shell]);
        tmux
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> String {
        let output =
            Command::new("tmux").args(["-L", &self.socket]).args(args).env("TERM", "xterm-256color").output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn keys(&self, keys: &[&str]) {
        for key in keys {
            self.run(&["send-keys", key]);
        }
    }

    /// Sends a signal to explore's process.
    #[track_caller]
    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.program()]).status().unwrap();
        assert!(sent.success());
    }

    /// The number of explore's process: the shell's only child.
    fn program(&self) -> String {
        let shell = self.run(&["list-panes", "-F", "#{pane_pid}"]);
        let shell = shell.trim();
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        children.trim().to_owned()
    }

    fn screen(&self) -> String {
        self.run(&["capture-pane", "-p"])
    }

    /// Waits until the screen shows all of these.
    #[track_caller]
    fn wait_for(&self, wanted: &[&str]) -> String {
        let started = Instant::now();
        loop {
            let screen = self.screen();
            if wanted.iter().all(|text| screen.contains(text)) {
                return screen;
            }
            assert!(started.elapsed() < Duration::from_secs(30), "waited for {wanted:?} on:\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.socket, "kill-server"]).output();
    }
}

fn demo() -> String {
    format!("env -u NO_COLOR XDG_STATE_HOME=/nonexistent {} demo --recorded", env!("CARGO_BIN_EXE_explore"))
}

#[test]
#[cfg_attr(not(tmux), ignore = "tmux is missing")]
fn which_endpoint_fails_and_why_is_checkout_slow() {
    let tmux = Tmux::start("investigation", 120, 40, &demo());
    tmux.wait_for(&["1Req 2Svc", "SELECT stock, price", "source=recorded"]);
    // Which endpoint fails? The last line says so; Services shows the share.
    tmux.wait_for(&["! POST /charge fails: "]);
    tmux.keys(&["2"]);
    tmux.wait_for(&["/charge", "/pay", "10."]);
    // Who is called by whom?
    tmux.keys(&["7"]);
    tmux.wait_for(&["browser → shop", "  shop → shop-db", "  shop → payments"]);
    tmux.keys(&["1"]);
    // Why is /checkout slow? Slowest first, open it.
    tmux.keys(&["/", "C-u"]);
    tmux.run(&["send-keys", "-l", "http where path = '/checkout' and role = 'server' | sort latency desc"]);
    tmux.keys(&["Enter"]);
    tmux.wait_for(&["status", "shop.example", "FILE"]);
    tmux.keys(&["Enter"]);
    tmux.wait_for(&[
        "Cause chain",
        "N+1: ",
        "times the same statement",
        "SELECT stock, price FROM products WHERE id = ?",
    ]);
    // The command that repeats it is written without breaks: it is one line for who selects it.
    tmux.keys(&["y"]);
    tmux.wait_for(&["curl -X POST http://shop.example/checkout", "Any key goes back"]);
    let joined = tmux.run(&["capture-pane", "-p", "-J"]);
    let line = joined.lines().find(|line| line.starts_with("curl ")).unwrap();
    assert!(line.len() > 120 && line.contains("--data-raw") && line.contains("$COOKIE"), "{joined}");
    tmux.keys(&["Space"]);
    tmux.wait_for(&["Cause chain"]);
    tmux.keys(&["C-l"]);
    tmux.wait_for(&["Cause chain"]);
    tmux.keys(&["Escape"]);
    tmux.wait_for(&["status", "shop.example", "FILE"]);
    tmux.keys(&["q"]);
    // The recording has ended by now, so that no row would be lost: it leaves without asking.
    let left = tmux.wait_for(&["coverage: rows=", "left with 0"]);
    assert!(!left.contains("1Req"), "the former screen is back: {left}");
    assert!(!left.contains("-icanon"), "the terminal is as it was: {left}");
}

#[test]
#[cfg_attr(not(tmux), ignore = "tmux is missing")]
fn it_lives_with_any_size_and_gives_the_terminal_back() {
    let tmux = Tmux::start("size", 80, 24, &demo());
    tmux.wait_for(&["1Req", "LIVE"]);
    tmux.run(&["resize-window", "-x", "30", "-y", "8"]);
    tmux.wait_for(&["1Req"]);
    tmux.run(&["resize-window", "-x", "10", "-y", "3"]);
    tmux.run(&["resize-window", "-x", "150", "-y", "50"]);
    tmux.wait_for(&["9Health", "Requests"]);
    tmux.keys(&["C-c"]);
    let left = tmux.wait_for(&["left with 0"]);
    assert!(!left.contains("-icanon"), "{left}");
}

#[test]
#[cfg_attr(not(tmux), ignore = "tmux is missing")]
fn it_can_be_suspended_and_resumed() {
    // A shell with job control: the program is stopped, and `fg` brings it back.
    let shell = format!("exec bash --norc -i -c '{}; echo stopped with $?; fg; echo left with $?; sleep 60'", demo());
    let tmux = Tmux::start("suspended", 100, 30, &shell);
    tmux.wait_for(&["1Req", "SELECT stock, price"]);
    tmux.keys(&["2"]);
    tmux.wait_for(&["/charge"]);
    tmux.keys(&["C-z"]);
    tmux.wait_for(&["1Req", "/charge", "p99"]);
    tmux.keys(&["C-c"]);
    let left = tmux.wait_for(&["stopped with 148", "left with 0"]);
    assert!(!left.contains("1Req"), "{left}");
}

#[test]
#[cfg_attr(not(tmux), ignore = "tmux is missing")]
fn it_writes_little_while_rows_come_and_does_nothing_when_none_do() {
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("written");
    let tmux = Tmux::start("cost", 120, 40, &demo());
    tmux.wait_for(&["LIVE", "SELECT stock, price"]);
    tmux.run(&["pipe-pane", "-o", &format!("exec cat > {}", written.display())]);
    let began = Instant::now();
    std::thread::sleep(Duration::from_secs(4));
    tmux.run(&["pipe-pane"]);
    let (bytes, seconds) = (written.metadata().unwrap().len(), began.elapsed().as_secs_f64());
    assert!(bytes > 1000, "rows were coming: {bytes}");
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let rate = bytes as f64 / seconds;
    assert!(rate < 20_000.0, "{rate} bytes a second");
    // The recording ends; then nothing changes any more.
    tmux.wait_for(&["FILE"]);
    tmux.keys(&["3", "9", "1"]);
    tmux.wait_for(&["SELECT stock, price", "FILE"]);
    let program = tmux.program();
    // What was asked before may still be under way.
    std::thread::sleep(Duration::from_secs(4));
    let before = ticks(&program);
    std::thread::sleep(Duration::from_secs(3));
    assert!(ticks(&program) - before <= 1, "processor time is used while nothing happens");
}

/// Processor time of a process, in hundredths of a second: fields 14 and 15 of its `stat` (proc(5)).
fn ticks(pid: &str) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
#[cfg_attr(not(tmux), ignore = "tmux is missing")]
fn a_snapshot_from_the_screen_opens_to_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let tmux = Tmux::start("snapshot", 120, 40, &format!("cd {} && {}", folder.path().display(), demo()));
    tmux.wait_for(&["FILE", "SELECT stock, price"]);
    tmux.keys(&["s"]);
    tmux.wait_for(&["snapshot written: explore --read explore-"]);
    tmux.keys(&["2"]);
    let services = tmux.wait_for(&["/charge", "gRPC"]);
    tmux.keys(&["C-c"]);
    tmux.wait_for(&["left with 0"]);
    let written = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let program = env!("CARGO_BIN_EXE_explore");
    let there = Tmux::start(
        "opened",
        120,
        40,
        &format!("env -u NO_COLOR XDG_STATE_HOME=/nonexistent {program} --read {}", written.display()),
    );
    there.wait_for(&["FILE", "SELECT stock, price"]);
    there.keys(&["2"]);
    let opened = there.wait_for(&["/charge", "gRPC"]);
    // Without the sparklines, which come a moment after the figures.
    let figures = |line: &str| line.chars().take(70).collect::<String>();
    let rows = |screen: &str| {
        let lines = screen.lines().skip(3).filter(|line| line.contains("/s "));
        lines.map(figures).collect::<Vec<_>>()
    };
    assert_eq!(rows(&services), rows(&opened));
    assert_eq!(rows(&opened).len(), 8, "{opened}");
}

#[test]
#[cfg_attr(not(tmux), ignore = "tmux is missing")]
fn a_dumb_terminal_gets_advice() {
    let tmux = Tmux::start("dumb", 80, 24, &format!("env TERM=dumb {} demo", env!("CARGO_BIN_EXE_explore")));
    tmux.wait_for(&["TERM=dumb", "-q", "left with 2"]);
}

#[test]
#[cfg_attr(not(tmux), ignore = "tmux is missing")]
fn a_session_that_is_cut_off_keeps_its_rows_and_the_next_one_says_so() {
    let state = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_explore");
    let state_home = format!("env XDG_STATE_HOME={}", state.path().display());
    let ended = format!("{state_home} timeout --foreground -s TERM 3 {program} demo --recorded");
    let tmux = Tmux::start("cut-off", 120, 30, &ended);
    let left = tmux.wait_for(&["snapshot written to", "coverage: rows=", "left with 124"]);
    assert!(!left.contains("-icanon"), "{left}");
    let kept = state.path().join("explore/last.parquet");
    assert!(kept.is_file());
    let next = Tmux::start("next", 160, 30, &format!("{state_home} {program} --read {}", kept.display()));
    next.wait_for(&["1Req", "the last session was cut off"]);
    next.keys(&["C-c"]);
    next.wait_for(&["left with 0"]);
}

#[test]
#[cfg_attr(not(tmux), ignore = "tmux is missing")]
fn signals_give_the_terminal_back() {
    let explore = env!("CARGO_BIN_EXE_explore");
    for signal in ["-TERM", "-HUP"] {
        let state = tempfile::tempdir().unwrap();
        let command = format!("env XDG_STATE_HOME={} {explore} demo --recorded --mouse", state.path().display());
        let tmux = Tmux::start(&format!("signal{signal}"), 120, 30, &command);
        tmux.wait_for(&["1Req 2Svc", "SELECT stock, price"]);
        assert_eq!(tmux.run(&["display", "-p", "#{alternate_on} #{mouse_any_flag}"]).trim(), "1 1");
        tmux.signal(signal);
        let left = tmux.wait_for(&["coverage: rows=", "left with 0"]);
        assert!(!left.contains("1Req"), "{signal}: the former screen is back: {left}");
        assert!(!left.contains("-icanon"), "{signal}: the terminal is as it was: {left}");
        let flags = tmux.run(&["display", "-p", "#{alternate_on} #{mouse_any_flag} #{cursor_flag}"]);
        assert_eq!(flags.trim(), "0 0 1", "{signal}: alternate screen, mouse, cursor");
        assert!(state.path().join("explore/last.parquet").is_file(), "{signal}: the rows are kept");
    }
}

/// The first signal is still being obeyed, or nothing has begun yet: the second one ends the process where it stands.
#[test]
#[cfg_attr(not(tmux), ignore = "tmux is missing")]
fn a_signal_that_ends_at_once_gives_the_terminal_back_too() {
    let explore = env!("CARGO_BIN_EXE_explore");
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Nobody writes: it waits for the first byte.
    let command = format!("env XDG_STATE_HOME=/nonexistent {explore} --read {}", pipe.display());
    let tmux = Tmux::start("at-once", 100, 30, &command);
    tmux.wait_for(&["1Req 2Svc"]);
    tmux.signal("-TERM");
    let left = tmux.wait_for(&["left with 143"]);
    assert!(!left.contains("-icanon"), "the terminal is as it was: {left}");
    assert_eq!(tmux.run(&["display", "-p", "#{alternate_on} #{cursor_flag}"]).trim(), "0 1");
}
