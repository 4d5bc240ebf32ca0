//! Options as typed and what they mean.

use std::ffi::OsString;
use std::io::Write;
use std::time::Duration;

use super::*;

const PIPE: Terminals = Terminals { stdout: false, stderr: false };
const TERMINAL: Terminals = Terminals { stdout: true, stderr: true };

fn parse_with(args: &[&str], environment: &[(&str, &str)], terminals: Terminals) -> Result<Invocation, Failure> {
    let argv: Vec<OsString> = std::iter::once("explore").chain(args.iter().copied()).map(Into::into).collect();
    let lookup = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
    match parse(&argv, &lookup, terminals)? {
        Parsed::Run(invocation) => Ok(*invocation),
        Parsed::Text(text) => Err(Failure { code: 0, text }),
    }
}

fn explore(args: &[&str], environment: &[(&str, &str)]) -> Explore {
    match parse_with(args, environment, PIPE) {
        Ok(Invocation::Explore(explore)) => *explore,
        Ok(_) => unreachable!("another sub-command"),
        Err(failure) => unreachable!("{}", failure.text),
    }
}

fn usage(args: &[&str]) -> String {
    match parse_with(args, &[], PIPE) {
        Err(failure) => {
            assert_eq!(failure.code, 2, "{}", failure.text);
            failure.text
        }
        Ok(_) => unreachable!("{args:?} was accepted"),
    }
}

#[test]
fn flags_over_environment_over_file_over_defaults() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "body = \"2KiB\"\ncapture = \"2KiB\"\nmemory = \"2MiB\"\nexclude-port = [22, 80]").unwrap();
    let path = file.path().to_str().unwrap();
    let environment = [("EXPLORE_BODY", "3KiB"), ("EXPLORE_CAPTURE", "3KiB"), ("EXPLORE_COMM", "nginx,node")];
    let explore = explore(&["--config", path, "--body", "4KiB", "-q", "http"], &environment);
    assert_eq!(explore.keep.tracker.body, 4096);
    assert_eq!(explore.keep.memory, 2 << 20);
    let Input::Live(live) = explore.input else { unreachable!() };
    assert_eq!(live.options.capture, 3072);
    assert_eq!(live.options.targets.comms, ["nginx", "node"]);
    assert_eq!(live.options.targets.exclude_ports, [22, 80]);
}

#[test]
fn a_command_follows_two_dashes() {
    let explore = explore(&["-q", "http", "--for", "5s", "--", "curl", "-s", "http://x"], &[]);
    assert_eq!(explore.run_for, Some(Duration::from_secs(5)));
    let Input::Live(live) = explore.input else { unreachable!() };
    assert_eq!(live.command, ["curl", "-s", "http://x"]);
}

#[test]
fn lower_layers_reach_the_demo_too() {
    let explore = explore(&["demo", "-q", "http"], &[("EXPLORE_BODY", "3KiB")]);
    assert!(matches!(explore.input, Input::Demo { seed: 1, .. }));
    assert_eq!(explore.keep.tracker.body, 3072);
}

#[test]
fn errors_name_the_layer_they_come_from() {
    let failure = parse_with(&["-q", "http"], &[("EXPLORE_FOR", "5")], PIPE).err().unwrap();
    assert_eq!(failure.code, 2);
    assert!(failure.text.starts_with("EXPLORE_FOR=5: ") && failure.text.contains("5s"), "{}", failure.text);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "for = \"5s\"\nbodi = 1").unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let failure = parse_with(&["-q", "http", "--config", &path], &[], PIPE).err().unwrap();
    assert!(failure.text.contains(":2:8: no option is called `bodi`; is `body` meant?"), "{}", failure.text);
}

#[test]
fn the_format_follows_the_terminal() {
    let format = |args: &[&str], terminals| match parse_with(args, &[], terminals) {
        Ok(Invocation::Explore(explore)) => explore.output.format,
        _ => unreachable!(),
    };
    assert_eq!(format(&["-q", "http"], PIPE), query::export::Format::Json);
    assert_eq!(format(&["-q", "http"], TERMINAL), query::export::Format::Table);
    assert_eq!(format(&["-q", "http", "-o", "x"], TERMINAL), query::export::Format::Json);
    assert!(parse_with(&["-q", "http", "--format", "arrow"], &[], TERMINAL).is_err());
    assert!(parse_with(&["-q", "http", "--format", "arrow"], &[], PIPE).is_ok());
}

#[test]
fn contradictions_say_what_would_be_right() {
    assert!(usage(&["--read", "x", "--pid", "3", "-q", "http"]).contains("where pid"));
    assert!(usage(&["--read", "-", "-", "-q", "http"]).contains("only once"));
    assert!(usage(&["--format", "json"]).contains("-q"));
    assert!(usage(&["--for", "5"]).contains("5s"));
    assert!(usage(&["--protocol", "smtp", "-q", "http"]).contains("pgsql"));
    assert!(usage(&["-q", "http", "--otlp-keep", "errors"]).contains("try: --otlp with it"));
    assert!(usage(&["-q", "http", "--otlp", "localhost:4317"]).contains("try: http://localhost:4317"));
    assert!(usage(&[]).contains("terminal"));
    assert!(usage(&["demo", "--read", "x"]).contains("--read FILE"));
}

#[test]
fn a_dumb_terminal_is_refused_with_advice() {
    let failure = parse_with(&[], &[("TERM", "dumb")], TERMINAL).err().unwrap();
    assert!(failure.text.contains("-q"), "{}", failure.text);
}

#[test]
fn help_is_no_error() {
    let failure = parse_with(&["--help"], &[], PIPE).err().unwrap();
    assert_eq!(failure.code, 0);
    assert!(failure.text.contains("--fail-on-loss"));
}
