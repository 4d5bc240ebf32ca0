//! Runs the binary under test and looks at what it left.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A run to be.
pub(crate) struct Program(Command);

/// `explore ARGS`, with an environment of its own: no `EXPLORE_*`, no colour, nothing on stdin.
pub(crate) fn explore(args: &[&str]) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_explore"));
    command.args(args);
    Program(bare(command))
}

/// The same as somebody without privileges; null where the machine has no way to become one.
pub(crate) fn ordinary_user(args: &[&str]) -> Option<Program> {
    let root = std::fs::read_to_string("/proc/self/status").unwrap().contains("\nUid:\t0\t");
    if !root {
        return Some(explore(args));
    }
    let setpriv = Path::new("/usr/bin/setpriv");
    assert!(setpriv.exists(), "the test needs setpriv (util-linux) to become an ordinary user");
    let mut command = Command::new(setpriv);
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]);
    command.arg(env!("CARGO_BIN_EXE_explore")).args(args).current_dir("/");
    Some(Program(bare(command)))
}

fn bare(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("EXPLORE_") {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1").env("TERM", "xterm").stdin(Stdio::null());
    command
}

impl Program {
    /// With this on stdin.
    pub(crate) fn stdin(mut self, input: impl Into<Stdio>) -> Self {
        self.0.stdin(input);
        self
    }

    /// With one more argument, which need not be text.
    pub(crate) fn argument(mut self, argument: std::ffi::OsString) -> Self {
        self.0.arg(argument);
        self
    }

    /// The command itself.
    pub(crate) fn command(self) -> Command {
        self.0
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(mut self) -> Ended {
        let Output { status, stdout, stderr } = self.0.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }
}

/// What a run left.
pub(crate) struct Ended {
    code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Fails unless it ended with this exit code.
    #[track_caller]
    pub(crate) fn code(&self, expected: i32) {
        assert_eq!(self.code, Some(expected), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
    }
}
