//! tshark's tables: one line a frame, the first line names the columns, several values in a column are joined by `|`.

use std::collections::HashMap;

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    columns: HashMap<String, usize>,
    lines: Vec<Vec<String>>,
}

/// One frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    table: &'a Table,
    line: &'a [String],
}

impl Table {
    #[track_caller]
    pub(crate) fn read(path: &str) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.lines();
        Self::of(lines.next().unwrap_or_default(), lines)
    }

    /// The names of the columns, and the lines, all with tabs between.
    pub(crate) fn of<'a>(names: &str, lines: impl Iterator<Item = &'a str>) -> Self {
        let columns = names.split('\t').enumerate().map(|(at, name)| (name.to_owned(), at)).collect();
        Self { columns, lines: lines.map(|line| line.split('\t').map(str::to_owned).collect()).collect() }
    }

    pub(crate) fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    pub(crate) fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        self.lines.iter().map(|line| Frame { table: self, line })
    }
}

impl<'a> Frame<'a> {
    /// A column's text.
    #[track_caller]
    pub(crate) fn text(self, column: &str) -> &'a str {
        let at = self.table.columns.get(column).unwrap_or_else(|| panic!("no column {column}"));
        self.line.get(*at).map_or("", String::as_str)
    }

    /// A column's values. One alone may hold a `|` of its own.
    pub(crate) fn all(self, column: &str) -> Vec<&'a str> {
        let text = self.text(column);
        if text.is_empty() { Vec::new() } else { text.split('|').collect() }
    }

    /// The values of two columns in pairs; none when there are not as many of each.
    pub(crate) fn pairs(self, one: &str, other: &str) -> Vec<(&'a str, &'a str)> {
        let (left, right) = (self.all(one), self.all(other));
        match left.len() {
            1 => vec![(left[0], self.text(other))],
            count if count == right.len() => left.into_iter().zip(right).collect(),
            _ => Vec::new(),
        }
    }

    /// Sender and receiver, as `address:port`. Of packets in packets the innermost counts.
    pub(crate) fn ends(self) -> (String, String) {
        let last = |column: &str| self.all(column).last().copied().unwrap_or_default().to_owned();
        let either =
            |one: &str, other: &str| Some(last(one)).filter(|text| !text.is_empty()).unwrap_or_else(|| last(other));
        let end = |v4: &str, v6: &str, tcp: &str, udp: &str| {
            let address = either(v4, v6);
            format!("{}:{}", address.trim_start_matches("::ffff:"), either(tcp, udp))
        };
        (
            end("ip.src", "ipv6.src", "tcp.srcport", "udp.srcport"),
            end("ip.dst", "ipv6.dst", "tcp.dstport", "udp.dstport"),
        )
    }
}
