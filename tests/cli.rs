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
        (&["--read", "a", "b", "--record", "c", "-q", "http"], "--snapshot"),
        (&["--read", "a", "--comm", "x", "-q", "http"], "where"),
        (&["schema", "nosuch"], "http"),
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
fn a_key_log_belongs_to_a_capture_and_holds_secrets() {
    let alone = explore(&["-q", "tls", "--tls-keys", "/dev/null"]).run();
    alone.code(2);
    assert!(alone.stderr.contains("--read FILE --tls-keys"), "{}", alone.stderr);
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/captures/dns.pcap");
    let empty = explore(&["-q", "tls", "--read", capture, "--tls-keys", "/dev/null"]).run();
    empty.code(2);
    assert!(empty.stderr.contains("/dev/null holds no TLS secrets"), "{}", empty.stderr);
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

/// The files that are deployed name options that exist, and the capabilities that explore asks for.
#[test]
fn deployment_files_agree_with_the_program() {
    let help = explore(&["--help"]).run().stdout;
    let file =
        |name: &str| fs::read_to_string(format!("{}/../docs/deploy/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    for name in ["explore.service", "daemonset.yaml"] {
        let text = file(name);
        let lines = text.lines().filter(|line| line.starts_with("ExecStart=") || line.contains("args:"));
        let words = lines.flat_map(|line| line.split(|c: char| c.is_whitespace() || "\",[]".contains(c)));
        let options: Vec<_> = words.filter(|word| word.starts_with("--")).collect();
        assert!(options.len() >= 3, "{name}: {options:?}");
        for option in options {
            assert!(help.contains(option), "{name} has {option}");
        }
    }
    let doctor = explore(&["doctor", "--json"]).run().stdout;
    let doctor: serde_json::Value = serde_json::from_str(&doctor).unwrap();
    let held = doctor["privileges"].as_array().unwrap().iter();
    let names: Vec<_> = held.map(|privilege| privilege["name"].as_str().unwrap().to_uppercase()).collect();
    assert_eq!(names.len(), 4);
    assert!(file("explore.service").contains(&format!("AmbientCapabilities={}\n", names.join(" "))));
    let short: Vec<_> = names.iter().map(|name| format!("\"{}\"", &name["CAP_".len()..])).collect();
    assert!(file("daemonset.yaml").contains(&format!("add: [{}]", short.join(", "))));
}

#[test]
fn every_layer_says_where_it_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("explore.toml");
    for (text, expected) in [
        ("# a\nbody = \"lots\"", "explore.toml:2:8: invalid value 'lots'"),
        ("# a\n  color = 'blue'", "explore.toml:2:11: invalid value 'blue'"),
        ("port = [80, 'http']", "explore.toml:1:8: invalid value 'http'"),
        ("for = 5", "explore.toml:1:7: "),
        ("verbose = 'x'", "explore.toml:1:11: "),
        ("route = ['/a', 'b']", "explore.toml:1:9: `b`: a route begins with '/'"),
        ("query = 'htp'", "explore.toml:1:9: `htp`: "),
        ("[redact]\nvalues = ['a(']", "explore.toml:2:13: unclosed group"),
        ("[nosuch]", "explore.toml:1:2: no table is called `nosuch`"),
        ("body = 1\nbody = 2", "explore.toml:2:1: "),
        ("\"body", "explore.toml:1:"),
    ] {
        fs::write(&path, text).unwrap();
        let ended = explore(&["--config", path.to_str().unwrap()]).run();
        ended.code(2);
        assert!(ended.stderr.contains(expected), "{text}: {}", ended.stderr);
        assert!(ended.stderr.contains('^'), "{text}: {}", ended.stderr);
    }
    let mut command = explore(&["-q", "http"]).command();
    let output = command.env("EXPLORE_BODY", "lots").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("EXPLORE_BODY=lots: invalid value"), "{stderr}");
}

#[test]
fn flags_win_over_the_environment_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("explore.toml");
    fs::write(&path, "format = 'csv'\ncoverage = 'none'\nignore-route = ['/checkout']\n").unwrap();
    let run = |args: &[&str], format: Option<&str>| {
        let query = "http where path = '/checkout' | count";
        let args = [&["--read", RECORDING, "-q", query, "--config", path.to_str().unwrap()], args].concat();
        let mut command = explore(&args).command();
        command.envs(format.map(|format| ("EXPLORE_FORMAT", format)));
        let output = command.output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(run(&[], None), "count\n0\n");
    assert_eq!(run(&[], Some("json")), "{\"count\":0}\n");
    assert_eq!(run(&["--format", "csv"], Some("json")), "count\n0\n");
}

#[test]
fn ignored_routes_give_no_rows_and_still_count() {
    let sum = |args: &[&str]| {
        let ended = explore(&[&["--read", RECORDING, "--coverage", "none"], args].concat()).run();
        ended.code(0);
        rows(&ended.stdout)[0]["n"].as_u64().unwrap()
    };
    let requests = ["-q", "conns where protocol = 'http' | summarize n=sum(requests)"];
    let all = sum(&["-q", "http | summarize n=count()"]);
    let ignored = sum(&["-q", "http where path = '/checkout' | summarize n=count()"]);
    assert!(ignored > 0);
    assert_eq!(sum(&["-q", "http | summarize n=count()", "--ignore-route", "/checkout"]), all - ignored);
    assert_eq!(sum(&[&requests[..], &["--ignore-route", "/checkout"]].concat()), sum(&requests));
    assert_eq!(sum(&["-q", "http where route = '/pr*/**' | summarize n=count()", "--route", "/products/*"]), 0);
    assert!(sum(&["-q", "http where route = '/products/*' | summarize n=count()", "--route", "/products/*"]) > 0);
}

#[test]
fn own_rules_hide_and_keep() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("explore.toml");
    fs::write(&path, "[redact]\nvalues = ['^/prod[a-z]+']\nnames = ['content_type']\n").unwrap();
    let query =
        "http where path like '%s/1%' or path like '***%' | select path, kind=req_headers['content-type'] | take 1";
    let ended = explore(&["--read", RECORDING, "-q", query, "--config", path.to_str().unwrap()]).run();
    ended.code(0);
    assert!(ended.stdout.contains("\"path\":\"***(9)/"), "{}", ended.stdout);
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

/// A query over a pipe that is open.
fn waiting(query: &str) -> std::process::Child {
    let piped = explore(&["--read", "-", "-q", query]).stdin(Stdio::piped());
    piped.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Sends a signal as somebody else would.
fn signal(child: &std::process::Child, name: &str) {
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
}

#[test]
fn a_signal_before_any_row_gives_its_exit_code() {
    for (name, code) in [("-INT", 130), ("-TERM", 143)] {
        let mut child = waiting("http");
        // Its handlers are in place when it has a thread for them.
        let task = format!("/proc/{}/task", child.id());
        while fs::read_dir(&task).unwrap().count() < 2 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        // `wait` would close it.
        let stdin = child.stdin.take();
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(code));
        drop(stdin);
    }
}

#[test]
fn a_signal_ends_a_final_query_with_its_result() {
    let mut child = waiting("http | count");
    // The recording is compressed: the part that is given holds some rows, and the pipe stays open.
    let recording = fs::read(RECORDING).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, &recording[..recording.len() - 1000]).unwrap();
    let task = format!("/proc/{}/task", child.id());
    while !fs::read_dir(&task)
        .unwrap()
        .any(|entry| fs::read_to_string(entry.unwrap().path().join("comm")).is_ok_and(|name| name.trim() == "source"))
    {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::thread::sleep(std::time::Duration::from_millis(500));
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    assert_eq!(output.status.code(), Some(0));
    let printed = rows(&String::from_utf8(output.stdout).unwrap());
    assert!(printed[0]["count"].as_u64().unwrap() > 0);
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

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/shop.events");

fn rows(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_query_prints_its_rows_as_json_in_a_pipe() {
    let ended = explore(&["--read", RECORDING, "-q", "http where status>=500"]).run();
    ended.code(0);
    let rows = rows(&ended.stdout);
    assert!(!rows.is_empty());
    for row in &rows {
        assert!(row["status"].as_u64().unwrap() >= 500, "{row}");
        assert_eq!(row["error"], true);
        assert!(row["latency"].is_u64() && row["time"].as_str().unwrap().ends_with('Z'), "{row}");
        assert!(row.as_object().unwrap().contains_key("remote_name"), "null columns are there too: {row}");
    }
}

#[test]
fn streaming_and_final_queries_agree() {
    let streamed = explore(&["--read", RECORDING, "-q", "http where path = '/pay'"]).run();
    let counted = explore(&["--read", RECORDING, "-q", "http where path = '/pay' | count"]).run();
    let expected = rows(&counted.stdout)[0]["count"].as_u64().unwrap();
    assert!(expected > 0);
    assert_eq!(u64::try_from(rows(&streamed.stdout).len()).unwrap(), expected);
}

#[test]
fn limits_end_a_run() {
    for args in [&["-q", "http | take 3"][..], &["-q", "http", "--limit", "3"]] {
        let ended = explore(&[&["--read", RECORDING], args].concat()).run();
        ended.code(0);
        assert_eq!(ended.stdout.lines().count(), 3, "{args:?}");
    }
    let ended = explore(&["--read", RECORDING, "-q", "http | count", "--limit", "3"]).run();
    ended.code(2);
    assert!(ended.stderr.contains("take"), "{}", ended.stderr);
}

#[test]
fn without_rows_exit_1_only_when_asked() {
    let nothing = "http where path = '/nowhere'";
    explore(&["--read", RECORDING, "-q", nothing]).run().code(0);
    explore(&["--read", RECORDING, "-q", nothing, "-e"]).run().code(1);
    explore(&["--read", RECORDING, "-q", "http", "-e"]).run().code(0);
}

#[test]
fn csv_has_a_header_and_raw_values() {
    let ended = explore(&["--read", RECORDING, "-q", "http | summarize n=count() by path", "--format", "csv"]).run();
    ended.code(0);
    assert_eq!(ended.stdout.lines().next(), Some("path,n"));
}

#[test]
fn output_files_are_not_overwritten_without_force() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.json");
    let args = ["--read", RECORDING, "-q", "http | count", "-o", path.to_str().unwrap()];
    let ended = explore(&args).run();
    ended.code(0);
    assert!(ended.stdout.is_empty());
    assert!(fs::read_to_string(&path).unwrap().contains("\"count\":"));
    explore(&args).run().code(2);
    explore(&[&args[..], &["--force"]].concat()).run().code(0);
}

#[test]
fn query_errors_point_at_the_place() {
    for (query, expected) in [
        ("htp", "http"),
        ("http where stats >= 500", "status"),
        ("http where latency > 200", "200ms"),
        ("http where path = 'x", "'"),
        ("http status>=500", "where"),
        ("http where status = 'OK'", "status"),
    ] {
        let ended = explore(&["-q", query]).run();
        ended.code(2);
        assert!(ended.stderr.contains('^') && ended.stderr.contains(expected), "{query}: {}", ended.stderr);
        assert!(ended.stdout.is_empty());
    }
}

#[test]
fn a_pipe_that_closes_early_ends_the_run_quietly() {
    let mut child = explore(&["--read", RECORDING, "-q", "requests"])
        .command()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 100];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut first).unwrap();
    drop(stdout);
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{stderr}");
    assert!(!stderr.contains("error"), "{stderr}");
}

#[test]
fn the_demo_has_failures_to_find() {
    let ended = explore(&["demo", "--recorded", "-q", "http where status>=500", "--for", "5s"]).run();
    ended.code(0);
    assert!(!ended.stdout.is_empty());
    let slow = explore(&[
        "demo",
        "--recorded",
        "-q",
        "http where role = 'server' | summarize p50(latency) by route | sort p50 desc | take 1",
    ])
    .run();
    assert_eq!(rows(&slow.stdout)[0]["route"], "/checkout");
}

#[test]
fn two_files_have_numbers_that_do_not_clash() {
    let ended = explore(&["--read", RECORDING, RECORDING, "-q", "requests | select id, twin, conn"]).run();
    ended.code(0);
    let rows = rows(&ended.stdout);
    let ids: std::collections::BTreeSet<_> = rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), rows.len());
    assert_eq!(ids.first(), Some(&1));
    for row in &rows {
        assert!(row["twin"].as_u64().is_none_or(|twin| ids.contains(&twin)), "{row}");
    }
}

#[test]
fn a_command_that_cannot_be_started_gives_126_or_127() {
    explore(&["--headless", "--", "/nonexistent/program"]).run().code(127);
    explore(&["--headless", "--", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]).run().code(126);
    explore(&["-q", "http", "--", "/nonexistent/program"]).run().code(2);
}

#[test]
fn two_files_are_compared_with_figures_and_a_verdict() {
    let ended = explore(&["diff", RECORDING, RECORDING]).run();
    ended.code(0);
    for expected in
        [" same\n\n", "http   /checkout", "no more than noise (Mann-Whitney U, p = 1", "two-proportion z-test"]
    {
        assert!(ended.stdout.contains(expected), "{expected}: {}", ended.stdout);
    }
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/captures/http1.pcap.xz");
    let other = explore(&["diff", RECORDING, capture]).run();
    other.code(0);
    // Of the one request for /chunked nginx's log tells too.
    assert!(other.stdout.contains("/chunked\n   only in B: 1 row, errors 0 of 1 (0.0 %)"), "{}", other.stdout);
    assert!(other.stdout.contains("/checkout\n   only in A: "), "{}", other.stdout);
    let json = explore(&["diff", RECORDING, RECORDING, "--by", "method", "--format", "json"]).run();
    json.code(0);
    assert!(rows(&json.stdout).iter().all(|row| row["change"] == "same" && row["a"] == row["b"]), "{}", json.stdout);
    explore(&["diff", RECORDING, "/nonexistent"]).run().code(2);
    explore(&["diff", RECORDING, RECORDING, "--by", "nosuch"]).run().code(2);
}

/// Those of the contract, one a line.
const EXAMPLES: &str = include_str!("../query/tests/examples.txt");

/// A picture of a moment: a file has it as of its end.
fn is_a_moment(query: &str) -> bool {
    query.starts_with("inflight") || query.starts_with("loss")
}

#[test]
fn every_example_runs_on_every_kind_of_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (parquet, arrow) = (path("all.parquet"), path("http.arrow"));
    explore(&["--read", RECORDING, "--snapshot", &parquet]).run().code(0);
    explore(&["--read", RECORDING, "-q", "http", "--format", "arrow", "-o", &arrow]).run().code(0);
    let answer = |file: &str, query: &str| {
        let ended = explore(&["--read", file, "-q", query]).run();
        ended.code(0);
        let mut lines: Vec<String> = ended.stdout.lines().map(str::to_owned).collect();
        // What is complete in the same moment may come in either order.
        lines.sort();
        lines
    };
    let mut rows = 0;
    for query in EXAMPLES.lines().filter(|query| !is_a_moment(query)) {
        let recorded = answer(RECORDING, query);
        assert_eq!(recorded, answer(&parquet, query), "{query}");
        if query.starts_with("http") && !query.contains("join") {
            assert_eq!(recorded, answer(&arrow, query), "{query}");
        }
        rows += recorded.len();
    }
    assert!(rows > 100);
    for capture in ["dns.pcap", "https-h2.pcapng.gz"] {
        let capture = format!("{}/../fixtures/captures/{capture}", env!("CARGO_MANIFEST_DIR"));
        for query in EXAMPLES.lines() {
            answer(&capture, query);
        }
    }
    for file in [RECORDING, &parquet, &arrow] {
        EXAMPLES.lines().filter(|query| is_a_moment(query)).for_each(|query| drop(answer(file, query)));
    }
}

/// `explore --read <(one machine) <(another)`: rows by time, numbers that never clash, and captures among them.
#[test]
fn files_of_different_kinds_are_one_session() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (parquet, arrow) = (path("http.parquet"), path("http.arrow"));
    explore(&["--read", RECORDING, "-q", "http", "--format", "parquet", "-o", &parquet]).run().code(0);
    explore(&["--read", RECORDING, "-q", "http", "--format", "arrow", "-o", &arrow]).run().code(0);
    let one = explore(&["--read", &arrow, "-q", "http | count"]).run();
    let files =
        [&["--read", &arrow, &parquet, &arrow, RECORDING], &["-q", "http | select id, twin, time, latency, node"][..]];
    let all = explore(&files.concat()).run();
    all.code(0);
    let rows = rows(&all.stdout);
    let ids: std::collections::BTreeSet<_> = rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), rows.len());
    assert_eq!(
        rows.len(),
        4 * serde_json::from_str::<serde_json::Value>(&one.stdout).unwrap()["count"].as_u64().unwrap() as usize
    );
    assert!(rows.iter().all(|row| row["twin"].as_u64().is_none_or(|twin| ids.contains(&twin))));
    let times: Vec<_> = rows.iter().map(|row| row["time"].as_str().unwrap()).collect();
    // The same rows four times over: merged, each is beside its likes.
    assert!(times.chunks(4).all(|same| same.iter().all(|time| *time == same[0])), "merged by time");
}

#[test]
fn a_snapshot_gives_the_same_rows_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.parquet");
    let name = path.to_str().unwrap();
    explore(&["--read", RECORDING, "--snapshot", name]).run().code(0);
    let query = ["-q", "http | summarize n=count(), p99(latency) by route, status"];
    let first = explore(&[&["--read", RECORDING], &query[..]].concat()).run();
    let second = explore(&[&["--read", name], &query[..]].concat()).run();
    second.code(0);
    assert!(!first.stdout.is_empty());
    assert_eq!(first.stdout, second.stdout);
    let again = explore(&["--read", RECORDING, "--snapshot", name]).run();
    again.code(2);
    assert!(
        again.stderr.contains("--force") && !again.stderr.contains("coverage"),
        "before it reads: {}",
        again.stderr
    );
    explore(&["--read", RECORDING, "--snapshot", name, "--force"]).run().code(0);
}

/// However long, deep or foreign a query is: an error that says so, and no crash.
#[test]
fn a_query_without_measure_is_an_error() {
    use std::os::unix::ffi::OsStringExt;
    let folder = tempfile::tempdir().unwrap();
    let run = |query: Vec<u8>, expected: &str| {
        // One argument holds 128 KiB at most; a configuration file more.
        let ended = if query.len() < 100_000 {
            explore(&["--read", RECORDING, "-q"]).argument(std::ffi::OsString::from_vec(query)).run()
        } else {
            let config = folder.path().join("explore.toml");
            std::fs::write(&config, format!("query = {:?}", String::from_utf8(query).unwrap())).unwrap();
            explore(&["--read", RECORDING, "--config", config.to_str().unwrap()]).run()
        };
        ended.code(2);
        assert!(ended.stderr.contains(expected) && ended.stdout.is_empty(), "{expected}: {}", ended.stderr);
        assert!(ended.stderr.len() < 10_000, "{} bytes of message", ended.stderr.len());
    };
    run(format!("http where status = {}", "1".repeat(1 << 20)).into_bytes(), "1048596 bytes long");
    run(format!("http where path = '{}", "é".repeat(40_000)).into_bytes(), "has no partner");
    run(format!("http where {}status{} = 1", "(".repeat(10_000), ")".repeat(10_000)).into_bytes(), "nested too deeply");
    run(format!("http where {}error", "not ".repeat(10_000)).into_bytes(), "nested too deeply");
    run(format!("http{}", " | join (http".repeat(5_000)).into_bytes(), "nested too deeply");
    run(format!("http where {}1 = 1", "1 + ".repeat(20_000)).into_bytes(), "too many operators");
    run(format!("http where {}", "[".repeat(10_000)).into_bytes(), "^");
    run(b"http where path = '\xff\xfe'".to_vec(), "UTF-8");
    run(b"\xc3".to_vec(), "UTF-8");
}

/// Bytes of a snapshot's footer that polars asserts something of: one message, whatever it thinks of them.
#[test]
fn a_damaged_snapshot_is_told_of_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.parquet");
    let name = path.to_str().unwrap();
    explore(&["--read", RECORDING, "--snapshot", name]).run().code(0);
    let whole = fs::read(&path).unwrap();
    let length = u32::from_le_bytes(*whole.last_chunk::<8>().unwrap().first_chunk().unwrap());
    let footer = whole.len() - 8 - usize::try_from(length).unwrap();
    // Thrift's compact protocol: the low four bits of a field's head are its type, 1 and 2 those of a truth; 12 is another.
    let heads = (footer..footer + 120).filter(|at| matches!(whole[*at], 0x11 | 0x12));
    let mut refused = 0;
    for at in heads {
        let mut damaged = whole.clone();
        damaged[at] = 0x1c;
        fs::write(&path, damaged).unwrap();
        let ended = explore(&["--read", name, "-q", "http | count by route"]).run();
        // Some of them lie in what says nothing of rows.
        if ended.stdout.is_empty() {
            refused += 1;
            ended.code(2);
            let lines: Vec<&str> = ended.stderr.lines().filter(|line| !line.starts_with("coverage")).collect();
            assert!(matches!(lines[..], [line] if line.starts_with("explore: error: ")), "{}", ended.stderr);
        } else {
            ended.code(0);
        }
    }
    assert!(refused > 0);
}
