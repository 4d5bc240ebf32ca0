//! Captures of the corpora.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use probes::files::{self, Input};
use probes::{EventSource, Next};
use protocols::event::SocketEvent;

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

/// Everything that a capture tells of.
pub(crate) fn events(capture: &Path) -> Vec<SocketEvent> {
    let input = files::open(Box::new(File::open(capture).unwrap()), "capture", &files::Options::default());
    let Ok(Input::Events(mut replay)) = input else { panic!("{}", capture.display()) };
    let mut events = Vec::new();
    while let Ok(Next::Event(event)) = replay.next(Duration::from_secs(10)) {
        events.push(event);
    }
    events
}
