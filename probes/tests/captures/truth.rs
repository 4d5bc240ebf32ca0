//! The rows of a capture, and tshark's frames.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use protocols::event::{SocketEvent, Timestamp};
use protocols::record::Record;
use protocols::tracker::{Config, Trackers};

use crate::capture::events;

/// All rows of a capture, with secrets known from the beginning.
pub(crate) fn rows(capture: &Path, keys: &str) -> Vec<Record> {
    let mut trackers = Trackers::new(Config::default());
    let mut rows = Vec::new();
    let mut emit = |record| rows.push(record);
    if !keys.is_empty() {
        trackers.handle(SocketEvent::Keys { time: Timestamp(0), log: keys.as_bytes().into() }, &mut emit);
    }
    for event in events(capture) {
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
