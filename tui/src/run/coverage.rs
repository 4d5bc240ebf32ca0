//! The last line of every run: what was seen and what was not (INTERFACES 1.2).

use serde_json::{Map, Value, json};

use super::engine::Engine;
use crate::options::CoverageStyle;

/// The figures of the coverage line.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Summary {
    pub(crate) rows: u64,
    pub(crate) gaps: u64,
    pub(crate) connections: u64,
    pub(crate) bytes: u64,
    pub(crate) captured_bytes: u64,
    /// Share of the readable bytes that a parser consumed, 0 to 1.
    pub(crate) parsed: f64,
    pub(crate) encrypted: u64,
    pub(crate) midstream: u64,
    pub(crate) truncated: u64,
    pub(crate) shed: u64,
    pub(crate) evicted: u64,
    /// Cause, events, bytes.
    pub(crate) losses: Vec<(String, u64, u64)>,
    /// Processes of which bytes are missing because io_uring moves them.
    pub(crate) io_uring: Vec<String>,
    /// `live` or `recorded`, of the demo.
    pub(crate) source: Option<&'static str>,
}

impl Summary {
    /// The figures as of now.
    pub(crate) fn of(engine: &Engine, source: Option<&'static str>) -> Self {
        let coverage = engine.coverage();
        let (rows, gaps) = engine.rows();
        let readable = coverage.bytes.saturating_sub(coverage.encrypted_bytes);
        Self {
            rows,
            gaps,
            connections: coverage.connections,
            bytes: coverage.bytes,
            captured_bytes: coverage.captured_bytes,
            parsed: if readable == 0 { 1.0 } else { ratio(coverage.parsed_bytes, readable) },
            encrypted: coverage.encrypted,
            midstream: coverage.midstream,
            truncated: coverage.truncated,
            shed: coverage.shed,
            evicted: engine.evicted(),
            losses: engine
                .losses()
                .into_iter()
                .map(|loss| (loss.cause.into_owned(), loss.events, loss.bytes))
                .collect(),
            io_uring: coverage.io_uring.iter().map(|name| word(name)).collect(),
            source,
        }
    }

    /// Events lost, all causes together.
    pub(crate) fn lost(&self) -> u64 {
        self.losses.iter().map(|(_, events, _)| events).sum()
    }

    /// What `--fail-on-loss` is compared with, in percent: of bytes or of rows, whichever is more.
    pub(crate) fn loss_percent(&self) -> f64 {
        let lost: u64 = self.losses.iter().map(|(_, _, bytes)| bytes).sum();
        let bytes = ratio(lost, lost.saturating_add(self.captured_bytes));
        bytes.max(ratio(self.gaps, self.rows)) * 100.0
    }

    /// The line, in the style asked for.
    pub(crate) fn render(&self, style: CoverageStyle) -> Option<String> {
        match style {
            CoverageStyle::Text => Some(self.text()),
            CoverageStyle::Json => Some(self.json().to_string()),
            CoverageStyle::None => None,
        }
    }

    fn text(&self) -> String {
        let mut line = format!(
            "coverage: rows={} connections={} bytes={} parsed={:.1}% encrypted={} midstream={} truncated={} shed={} \
             evicted={} lost={}",
            self.rows,
            self.connections,
            self.bytes,
            floor_permille(self.parsed),
            self.encrypted,
            self.midstream,
            self.truncated,
            self.shed,
            self.evicted,
            self.lost()
        );
        for (cause, events, _) in &self.losses {
            line.push_str(&format!(" lost.{cause}={events}"));
        }
        if !self.io_uring.is_empty() {
            line.push_str(&format!(" io_uring={}", self.io_uring.join(",")));
        }
        if let Some(source) = self.source {
            line.push_str(&format!(" source={source}"));
        }
        line
    }

    /// The figures as an object, also for a snapshot's manifest.
    pub(crate) fn json(&self) -> Value {
        let mut members = Map::new();
        for (name, value) in [
            ("rows", json!(self.rows)),
            ("connections", json!(self.connections)),
            ("bytes", json!(self.bytes)),
            ("parsed", json!(self.parsed)),
            ("encrypted", json!(self.encrypted)),
            ("midstream", json!(self.midstream)),
            ("truncated", json!(self.truncated)),
            ("shed", json!(self.shed)),
            ("evicted", json!(self.evicted)),
            ("lost", json!(self.lost())),
        ] {
            members.insert(name.to_owned(), value);
        }
        for (cause, events, _) in &self.losses {
            members.insert(format!("lost.{cause}"), json!(events));
        }
        if !self.io_uring.is_empty() {
            members.insert("io_uring".to_owned(), json!(self.io_uring));
        }
        if let Some(source) = self.source {
            members.insert("source".to_owned(), json!(source));
        }
        Value::Object(members)
    }
}

/// A name that a process gave itself, as one word of the line.
fn word(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii_graphic() && letter != ',' { letter } else { '_' }).collect()
}

/// In percent with one digit, never rounded up to 100 while something is missing.
fn floor_permille(share: f64) -> f64 {
    (share * 1000.0).floor() / 10.0
}

/// `part / whole`; 0 of nothing is 0.
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
    let share = part as f64 / whole as f64;
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> Summary {
        Summary {
            rows: 37,
            connections: 12,
            bytes: 9_041_223,
            parsed: 0.9926,
            encrypted: 3,
            midstream: 14,
            truncated: 2,
            ..Summary::default()
        }
    }

    #[test]
    fn the_line_is_that_of_the_contract() {
        let expected = "coverage: rows=37 connections=12 bytes=9041223 parsed=99.2% encrypted=3 midstream=14 \
                        truncated=2 shed=0 evicted=0 lost=0";
        assert_eq!(summary().render(CoverageStyle::Text).as_deref(), Some(expected));
        assert_eq!(summary().render(CoverageStyle::None), None);
    }

    #[test]
    fn losses_follow_by_cause() {
        let losses = vec![("ring_full".to_owned(), 7, 512), ("fault".to_owned(), 1, 0)];
        let line = Summary { losses, source: Some("live"), ..summary() }.text();
        assert!(line.ends_with(" lost=8 lost.ring_full=7 lost.fault=1 source=live"), "{line}");
    }

    #[test]
    fn users_of_io_uring_are_named() {
        let io_uring = ["redis", "my, name\u{1b}"].map(word).to_vec();
        let line = Summary { io_uring, source: Some("live"), ..summary() }.text();
        assert!(line.ends_with(" lost=0 io_uring=redis,my__name_ source=live"), "{line}");
    }

    #[test]
    fn all_but_one_byte_is_not_all() {
        let line = Summary { parsed: 0.999_999, ..summary() }.text();
        assert!(line.contains(" parsed=99.9% "), "{line}");
    }

    #[test]
    fn the_loss_share_is_the_larger_of_bytes_and_rows() {
        let lost = |bytes, captured_bytes, gaps| {
            Summary { losses: vec![("x".to_owned(), 1, bytes)], captured_bytes, gaps, rows: 100, ..summary() }
                .loss_percent()
        };
        assert!((lost(50, 50, 1) - 50.0).abs() < 1e-9);
        assert!((lost(0, 100, 25) - 25.0).abs() < 1e-9);
        assert!(lost(0, 0, 0).abs() < 1e-9);
    }
}
