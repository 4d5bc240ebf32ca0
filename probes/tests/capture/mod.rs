//! Captures of the corpora: their rows, and tshark's frames.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use probes::files::{self, Input};
use probes::{EventSource, Next};
use protocols::event::{SocketEvent, Timestamp};
use protocols::record::Record;
use protocols::tracker::{Config, Trackers};

pub(crate) fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora")
}

/// Every file of which the name ends so.
pub(crate) fn find(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, ending, found);
        } else if path.to_str().is_some_and(|path| path.ends_with(ending)) {
            found.push(path);
        }
    }
    found.sort();
}

/// All rows of a capture, with secrets known from the beginning.
pub(crate) fn rows(capture: &Path, keys: &str) -> Vec<Record> {
    let input = files::open(Box::new(File::open(capture).unwrap()), "capture", &files::Options::default());
    let Ok(Input::Events(mut replay)) = input else { panic!("{}", capture.display()) };
    let mut trackers = Trackers::new(Config::default());
    let mut rows = Vec::new();
    let mut emit = |record| rows.push(record);
    if !keys.is_empty() {
        trackers.handle(SocketEvent::Keys { time: Timestamp(0), log: keys.as_bytes().into() }, &mut emit);
    }
    while let Ok(Next::Event(event)) = replay.next(Duration::from_secs(10)) {
        trackers.handle(event, &mut emit);
    }
    trackers.finish(&mut emit);
    rows
}

/// One frame, by tshark's field names.
pub(crate) type Frame = BTreeMap<String, String>;

pub(crate) fn frames(tsv: &Path) -> Vec<Frame> {
    let text = String::from_utf8_lossy(&fs::read(tsv).unwrap()).into_owned();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let frame = |line: &str| {
        names.iter().zip(line.split('\t')).map(|(name, value)| ((*name).to_owned(), value.to_owned())).collect()
    };
    lines.map(frame).collect()
}

pub(crate) fn nanoseconds(epoch: &str) -> u64 {
    let (seconds, fraction) = epoch.split_once('.').unwrap();
    seconds.parse::<u64>().unwrap() * 1_000_000_000 + fraction.parse::<u64>().unwrap()
}
