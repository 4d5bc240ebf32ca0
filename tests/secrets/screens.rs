//! The program's screens, in a terminal of their own.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A terminal, ended when dropped.
pub(crate) struct Terminal {
    socket: String,
}

impl Terminal {
    /// Starts the program in it.
    #[track_caller]
    pub(crate) fn start(folder: &Path, args: &[&str]) -> Self {
        let terminal = Self { socket: format!("explore-screens-{}", std::process::id()) };
        let program = format!("XDG_STATE_HOME=. {} {}", env!("CARGO_BIN_EXE_explore"), args.join(" "));
        let place = folder.to_str().unwrap();
        terminal.run(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "220",
            "-y",
            "60",
            "-c",
            place,
            "sh",
            "-c",
            &program,
        ]);
        terminal
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> String {
        let output =
            Command::new("tmux").args(["-L", &self.socket]).args(args).env("TERM", "xterm-256color").output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Presses a key, and gives the program a moment to draw.
    pub(crate) fn key(&self, key: &str) {
        self.run(&["send-keys", key]);
        std::thread::sleep(Duration::from_millis(60));
    }

    /// What is to be seen.
    pub(crate) fn screen(&self) -> String {
        self.run(&["capture-pane", "-p", "-e"])
    }

    /// What a program can set by an escape sequence.
    pub(crate) fn title(&self) -> String {
        self.run(&["display-message", "-p", "#{pane_title}"]).trim().to_owned()
    }

    /// Waits until the screen shows this.
    #[track_caller]
    pub(crate) fn wait_for(&self, wanted: &str) -> String {
        let started = Instant::now();
        loop {
            let screen = self.screen();
            if screen.contains(wanted) {
                return screen;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "waited for {wanted:?} on:\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.socket, "kill-server"]).output();
    }
}
