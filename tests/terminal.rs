//! The screens in a real terminal (tmux): a small investigation by keys, and what is left of it afterwards.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

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
