//! The real binary, without privileges: what it prints, where, and with which exit code.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "cli/program.rs"]
mod program;

use std::fs;
use std::io::Read;
use std::process::Stdio;

use program::{explore, ordinary_user};

#[test]
fn help_and_version_are_data() {
    let help = explore(&["--help"]).run();
    help.code(0);
    assert!(help.stdout.contains("--fail-on-loss") && help.stderr.is_empty());
    explore(&["--version"]).run().code(0);
}

#[test]
fn usage_errors_exit_2_and_say_what_would_be_right() {
    for (args, expected) in [
        (&["--for", "5", "-q", "http"][..], "5s"),
        (&["--no-such-option"], "--no-such-option"),
        (&["-q", "http", "--memory", "lots"], "64KiB"),
        (&["--read", "a", "--comm", "x", "-q", "http"], "where"),
        (&["schema", "nosuch"], "nosuch"),
        (&["--read", "/nonexistent.pcap", "-q", "http"], "/nonexistent.pcap"),
        (&[], "-q"),
    ] {
        let ended = explore(args).run();
        ended.code(2);
        assert!(ended.stdout.is_empty(), "{args:?} printed to stdout: {}", ended.stdout);
        assert!(ended.stderr.contains(expected), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn a_wrong_config_file_is_shown_with_line_column_and_caret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("explore.toml");
    fs::write(&path, "body = \"1KiB\"\ncaptur = 3\n").unwrap();
    let ended = explore(&["-q", "http", "--config", path.to_str().unwrap()]).run();
    ended.code(2);
    assert!(ended.stderr.contains("explore.toml:2:10:"), "{}", ended.stderr);
    assert!(ended.stderr.contains("\n  captur = 3\n") && ended.stderr.contains('^'), "{}", ended.stderr);
}

#[test]
fn the_recorded_demo_needs_nothing_and_says_that_it_is_recorded() {
    let ended = explore(&["demo", "--recorded", "--headless"]).run();
    ended.code(0);
    assert!(ended.stdout.is_empty());
    let last = ended.stderr.lines().last().unwrap();
    assert!(last.starts_with("coverage: rows=") && last.ends_with(" lost=0 source=recorded"), "{last}");
    assert!(!last.contains("rows=0 "), "{last}");
}

#[test]
fn the_coverage_line_has_three_styles() {
    let last = |style: &str| {
        let ended = explore(&["demo", "--recorded", "--headless", "--coverage", style]).run();
        ended.code(0);
        ended.stderr.lines().last().unwrap().to_owned()
    };
    let json: serde_json::Value = serde_json::from_str(&last("json")).unwrap();
    assert_eq!(json["lost"], 0);
    assert!(json["rows"].as_u64().is_some_and(|rows| rows > 0));
    assert!(!last("none").contains("lost="));
}

#[test]
fn a_recording_without_its_end_gives_its_rows_the_offset_and_exit_2() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.events");
    let whole_name = whole.to_str().unwrap();
    // What the demo embeds, as a file.
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/shop.events"), &whole).unwrap();
    let rows = |stderr: &str| -> u64 {
        let last = stderr.lines().last().unwrap_or_default();
        last.split(' ').find_map(|field| field.strip_prefix("rows=")?.parse().ok()).unwrap()
    };
    let all = explore(&["--read", whole_name, "--headless"]).run();
    all.code(0);
    let cut = folder.path().join("cut.events");
    let bytes = fs::read(&whole).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let ended = explore(&["--read", cut.to_str().unwrap(), "--headless"]).run();
    ended.code(2);
    assert!(ended.stderr.contains("offset"), "{}", ended.stderr);
    assert!(ended.stderr.contains("cut.events"), "{}", ended.stderr);
    assert!(rows(&ended.stderr) > 0 && rows(&ended.stderr) < rows(&all.stderr), "{}", ended.stderr);
}

#[test]
fn stdin_and_several_files_are_read() {
    let recording = concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/shop.events");
    let one = explore(&["--read", "-", "--headless"]).stdin(fs::File::open(recording).unwrap()).run();
    one.code(0);
    let two = explore(&["--read", recording, recording, "--headless"]).run();
    two.code(0);
    let field = |stderr: &str, name: &str| -> u64 {
        let last = stderr.lines().last().unwrap_or_default();
        last.split(' ').find_map(|field| field.strip_prefix(name)?.parse().ok()).unwrap()
    };
    for name in ["rows=", "connections=", "bytes="] {
        assert_eq!(2 * field(&one.stderr, name), field(&two.stderr, name), "{name}");
    }
}

#[test]
fn a_file_of_another_kind_is_named_for_what_it_is() {
    let ended = explore(&["--read", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), "--headless"]).run();
    ended.code(2);
    assert!(ended.stderr.contains("Cargo.toml"), "{}", ended.stderr);
}

#[test]
fn completions_and_man_are_made_from_the_options() {
    let bash = explore(&["completions", "bash"]).run();
    bash.code(0);
    assert!(bash.stdout.contains("--fail-on-loss"));
    let man = explore(&["man"]).run();
    man.code(0);
    assert!(man.stdout.contains(".TH explore 1"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child =
        explore(&["completions", "zsh"]).command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{stderr}");
    assert_eq!(stderr, "");
}

#[test]
fn without_privileges_a_live_capture_exits_3_and_says_what_to_run() {
    let Some(user) = ordinary_user(&["-q", "http", "--for", "1s"]) else { return };
    let ended = user.run();
    ended.code(3);
    assert!(ended.stderr.contains("sudo") || ended.stderr.contains("CAP_"), "{}", ended.stderr);
    assert!(ended.stdout.is_empty());
}

#[test]
fn without_privileges_the_demo_is_recorded() {
    let Some(user) = ordinary_user(&["demo", "--headless", "--for", "2s"]) else { return };
    let ended = user.run();
    ended.code(0);
    assert!(ended.stderr.lines().last().unwrap().ends_with("source=recorded"), "{}", ended.stderr);
}

#[test]
fn a_command_that_cannot_be_started_gives_126_or_127() {
    explore(&["--headless", "--", "/nonexistent/program"]).run().code(127);
    explore(&["--headless", "--", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]).run().code(126);
    explore(&["-q", "http", "--", "/nonexistent/program"]).run().code(2);
}
