//! Facts as often as they were seen, and the comparison of two collections of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::truth::Table;

/// How often each fact was seen.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Facts(BTreeMap<String, i64>);

impl Facts {
    pub(crate) fn add(&mut self, fact: impl Into<String>) {
        *self.0.entry(fact.into()).or_default() += 1;
    }

    /// Each fact that is not as often in `self` as in `other`, as a line.
    pub(crate) fn beside(&self, other: &Self) -> String {
        let mut lines = String::new();
        let facts: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        for fact in facts {
            let count = |facts: &Self| facts.0.get(fact).copied().unwrap_or(0);
            let (found, expected) = (count(self), count(other));
            if found != expected {
                let _ = writeln!(lines, "    {found} instead of {expected}: {fact}");
            }
        }
        lines
    }
}

pub(crate) fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora")
}

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/captures")
}

/// Every file below a folder with tshark's answer for a protocol beside it.
fn captures(protocol: &str, below: &Path) -> Vec<PathBuf> {
    let ending = format!(".tshark-{protocol}.tsv");
    let (mut folders, mut found) = (vec![below.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Some(capture) = path.to_str().and_then(|path| path.strip_suffix(&ending)) {
                found.push(PathBuf::from(capture));
            }
        }
    }
    found.sort();
    found
}

/// Captures of a folder that rightly differ: `PROTOCOL PATH: reason`, one a line. Paths of fixtures begin with `fixtures`.
pub(crate) fn listed(protocol: &str, folder: &Path) -> BTreeSet<String> {
    let of_fixtures = folder == fixtures();
    let lines = include_str!("differences.txt").lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .filter_map(|line| {
            let (what, reason) = line.split_once(": ").unwrap_or_else(|| panic!("no reason: {line}"));
            assert!(reason.len() > 10, "no reason: {line}");
            let path = what.strip_prefix(protocol)?.strip_prefix(' ')?;
            match path.strip_prefix("fixtures/") {
                Some(path) => of_fixtures.then(|| path.to_owned()),
                None => (!of_fixtures).then(|| path.to_owned()),
            }
        })
        .collect()
}

/// Compares what is `expected` by tshark's table with what is `found` in explore's rows, over all captures below
/// `folder`.
#[track_caller]
pub(crate) fn compare(
    protocol: &str,
    folder: &Path,
    at_least: usize,
    expected: impl Fn(&Table) -> Facts,
    found: impl Fn(&Path) -> Facts,
) {
    let mut listed = listed(protocol, folder);
    let captures = captures(protocol, folder);
    assert!(captures.len() >= at_least, "only {} captures", captures.len());
    let mut report = String::new();
    let mut differ = 0;
    for capture in &captures {
        let name = capture.strip_prefix(folder).unwrap().display().to_string();
        let expected = expected(&Table::read(&format!("{}.tshark-{protocol}.tsv", capture.display())));
        let lines = found(capture).beside(&expected);
        match (lines.is_empty(), listed.remove(&name)) {
            (true, true) => report.push_str(&format!("{name} is listed, but does not differ\n")),
            (false, false) => {
                differ += 1;
                report.push_str(&format!("{name}\n{lines}"));
            }
            _ => {}
        }
    }
    for name in listed {
        report.push_str(&format!("{name} is listed, but is not there\n"));
    }
    assert!(report.is_empty(), "{protocol}: {differ} of {} captures differ\n{report}", captures.len());
}
