//! `--query` completed by Tab in real shells, with the scripts of `explore completions`.

use super::Tmux;

/// A shell in a terminal of its own, with the completion script read and the program of this build in `PATH`.
#[track_caller]
fn start(shell: &str, command: &str, setup: &[&str]) -> Tmux {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_explore"));
    let folder = program.parent().unwrap().display();
    let tmux = Tmux::start(shell, 150, 30, &format!("cd / && PATH={folder}:$PATH TERM=screen {command}"));
    for line in setup {
        tmux.run(&["send-keys", "-l", line]);
        tmux.keys(&["Enter"]);
    }
    tmux.run(&["send-keys", "-l", "echo rea''dy"]);
    tmux.keys(&["Enter"]);
    tmux.wait_for(&["\nready"]);
    tmux
}

/// Types, presses Tab, and waits for what the line says then.
#[track_caller]
fn completes(tmux: &Tmux, typed: &str, line: &str) {
    tmux.run(&["send-keys", "-l", typed]);
    tmux.keys(&["Tab"]);
    tmux.wait_for(&[line]);
}

/// What the program was called with, word by word.
#[track_caller]
fn called_with(tmux: &Tmux, rest: &str, words: &str) {
    tmux.run(&["send-keys", "-l", rest]);
    tmux.keys(&["Enter"]);
    tmux.wait_for(&[words]);
}

#[test]
#[cfg_attr(not(tmux), ignore = "tmux is missing")]
fn bash_completes_queries() {
    let setup = ["PS1='$ '; bind 'set enable-bracketed-paste off'", "source <(explore completions bash)"];
    let tmux = start("bash", "bash --norc --noprofile -i", &setup);
    completes(&tmux, "explore -q \"htt", "explore -q \"http");
    completes(&tmux, " where statu", "explore -q \"http where status");
    completes(&tmux, " >= 500 | summ", "status >= 500 | summarize");
    // The cursor is not at the end.
    tmux.keys(&["C-u"]);
    tmux.run(&["send-keys", "-l", "explore -q \"http where statu >= 500\""]);
    tmux.keys(&["Left", "Left", "Left", "Left", "Left", "Left", "Left", "Left"]);
    completes(&tmux, "", "explore -q \"http where status >= 500\"");
    // Files are still files.
    tmux.keys(&["C-e", "C-u"]);
    completes(&tmux, "explore --read /etc/hostn", "explore --read /etc/hostname");
    tmux.keys(&["C-u"]);
    // Between single quotes a value's own quotes are written as the shell needs them.
    completes(&tmux, r"explore -q 'http where method = '\''PO", r"explore -q 'http where method = '\''POST'\''");
    called_with(&tmux, "' --bogus", "unexpected argument '--bogus'");
}

#[test]
#[cfg_attr(not(all(tmux, zsh)), ignore = "tmux or zsh is missing")]
fn zsh_completes_queries() {
    let setup = ["PS1='$ '; autoload -U compinit; compinit -D -u", "source <(explore completions zsh)"];
    let tmux = start("zsh", "zsh -f -i", &setup);
    completes(&tmux, "explore -q \"htt", "explore -q \"http");
    completes(&tmux, " where statu", "explore -q \"http where status");
    tmux.keys(&["C-u"]);
    completes(&tmux, "explore -q 'http where latenc", "explore -q 'http where latency");
    called_with(&tmux, " > 5' --read /dev/null", "unit");
}

#[test]
#[cfg_attr(not(all(tmux, fish)), ignore = "tmux or fish is missing")]
fn fish_completes_queries() {
    let setup = ["function fish_prompt; echo '$ '; end", "explore completions fish | source"];
    let tmux = start("fish", "env HOME=/nonexistent XDG_CONFIG_HOME=/nonexistent fish --no-config -i", &setup);
    completes(&tmux, "explore -q \"htt", "explore -q \"http");
    completes(&tmux, " where statu", "explore -q \"http where status");
    called_with(&tmux, " > 5h\" --read /dev/null", "duration");
}
