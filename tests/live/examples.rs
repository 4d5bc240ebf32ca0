//! Every example of the contract on a live service, beside the same questions to the recording of that very run.

use serde_json::Value;
use tempfile::tempdir;

use crate::explore::{Explore, text};

/// Those of the contract, one a line.
const EXAMPLES: &str = include_str!("../../query/tests/examples.txt");

/// What is not the same in a recording: what counts back from now or from the time of attaching, what is of a moment, and
/// quantiles, which are exact over files only.
fn depends_on_the_moment(query: &str) -> bool {
    let words = ["rate()", "since", "now", "p50(", "p99("];
    words.iter().any(|word| query.contains(word)) || ["inflight", "loss", "conns"].iter().any(|t| query.starts_with(t))
}

fn sorted(rows: &[Value]) -> Vec<String> {
    let mut rows: Vec<String> = rows.iter().map(Value::to_string).collect();
    rows.sort();
    rows
}

#[test]
#[ignore = "needs root and a live kernel"]
fn every_example_answers_live_what_its_recording_answers() {
    let (mut asked, mut answered, mut compared) = (0, 0, 0);
    for query in EXAMPLES.lines() {
        let folder = tempdir().unwrap();
        let recording = folder.path().join("run.events");
        let arguments = ["demo", "-q", query, "--for", "1s", "--format", "json", "--record", text(&recording)];
        let live = Explore::spawn(folder.path(), &arguments).finish();
        assert!(live.status.success() && live.stderr.contains("source=live"), "{query}\n{}", live.stderr);
        let replay =
            Explore::spawn(folder.path(), &["--read", text(&recording), "-q", query, "--format", "json"]).finish();
        assert!(replay.status.success(), "{query}\n{}", replay.stderr);
        asked += 1;
        answered += usize::from(!live.rows.is_empty());
        if depends_on_the_moment(query) {
            let names = |rows: &[Value]| {
                rows.first().and_then(|row| Some(row.as_object()?.keys().cloned().collect::<Vec<_>>()))
            };
            let both = names(&live.rows).zip(names(&replay.rows));
            assert!(both.is_none_or(|(live, replay)| live == replay), "{query}");
        } else if live.coverage("lost") == "0" {
            assert_eq!(sorted(&live.rows), sorted(&replay.rows), "{query}\n{}", live.stderr);
            compared += 1;
        }
    }
    // The shop has no TLS, and in a second nothing waits for five.
    assert!(asked == 17 && answered >= 8 && compared >= 3, "{asked} asked, {answered} answered, {compared} compared");
}
