//! JSON for reading: one member a line, in the order of the wire, containers folded or not. Bodies are often cut, so that
//! what ends too early is shown as far as it goes.

use super::super::format::safe;

/// A value as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// A string, number, `true`, `false` or `null`, as on the wire.
    Leaf(String),
    /// An object or array: its brackets, its members, and whether its end was seen.
    Container { open: char, close: char, members: Vec<(Option<String>, Node)>, ended: bool },
}

/// A line: depth, text, and which container it folds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct JsonLine {
    pub(super) depth: usize,
    pub(super) text: String,
    /// Path of the container that begins on this line.
    pub(super) fold: Option<String>,
}

/// Reads an object or array; null for everything else.
pub(super) fn read(text: &str) -> Option<Node> {
    let mut reader = Reader { rest: text.trim_start(), cut: false };
    if !reader.rest.starts_with(['{', '[']) {
        return None;
    }
    let node = reader.value(0)?;
    reader.rest.trim().is_empty().then_some(node)
}

impl Node {
    /// Its lines; `is_folded` is asked for each container by path and depth.
    pub(super) fn lines(&self, path: &str, is_folded: &dyn Fn(&str, usize) -> bool) -> Vec<JsonLine> {
        let mut lines = Vec::new();
        self.write(path, None, 0, true, is_folded, &mut lines);
        lines
    }

    fn write(
        &self,
        path: &str,
        key: Option<&str>,
        depth: usize,
        last: bool,
        is_folded: &dyn Fn(&str, usize) -> bool,
        lines: &mut Vec<JsonLine>,
    ) {
        let name = key.map(|key| format!("{}: ", safe(key))).unwrap_or_default();
        let comma = if last { "" } else { "," };
        match self {
            Self::Leaf(text) => {
                lines.push(JsonLine { depth, text: format!("{name}{}{comma}", safe(text)), fold: None })
            }
            Self::Container { open, close, members, ended } => {
                let end = if *ended { format!("{close}{comma}") } else { "(cut)".to_owned() };
                if members.is_empty() {
                    return lines.push(JsonLine { depth, text: format!("{name}{open}{end}"), fold: None });
                }
                let fold = Some(path.to_owned());
                if is_folded(path, depth) {
                    let text = format!("{name}{open} +{} {end}", members.len());
                    return lines.push(JsonLine { depth, text, fold });
                }
                lines.push(JsonLine { depth, text: format!("{name}{open}"), fold });
                for (place, (key, member)) in members.iter().enumerate() {
                    let path = format!("{path}.{place}");
                    let last = place + 1 == members.len();
                    member.write(&path, key.as_deref(), depth + 1, last, is_folded, lines);
                }
                lines.push(JsonLine { depth, text: end, fold: None });
            }
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    /// The text ended within a value.
    cut: bool,
}

impl<'a> Reader<'a> {
    /// Null when it is no JSON.
    fn value(&mut self, depth: usize) -> Option<Node> {
        self.rest = self.rest.trim_start();
        match self.rest.chars().next()? {
            '{' if depth < DEEPEST => self.container('{', '}', depth),
            '[' if depth < DEEPEST => self.container('[', ']', depth),
            '"' => Some(Node::Leaf(self.string().to_owned())),
            c if c == '-' || c.is_ascii_alphanumeric() => {
                let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
                Some(Node::Leaf(self.take(end.unwrap_or(self.rest.len())).to_owned()))
            }
            _ => None,
        }
    }

    fn container(&mut self, open: char, close: char, depth: usize) -> Option<Node> {
        self.take(1);
        let mut members = Vec::new();
        loop {
            self.rest = self.rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            if self.rest.is_empty() || self.cut {
                return Some(Node::Container { open, close, members, ended: false });
            }
            if self.rest.starts_with(close) {
                self.take(1);
                return Some(Node::Container { open, close, members, ended: true });
            }
            let key = if open == '{' { Some(self.key()?) } else { None };
            if key.is_some() && self.rest.trim_start().is_empty() {
                self.cut = true;
                members.push((key, Node::Leaf("(cut)".to_owned())));
                continue;
            }
            let value = self.value(depth + 1)?;
            members.push((key, value));
        }
    }

    /// A member's name with its quotes, and the colon after it.
    fn key(&mut self) -> Option<String> {
        let key = self.rest.starts_with('"').then(|| self.string().to_owned())?;
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(':') {
            Some(rest) => self.rest = rest,
            None if self.rest.is_empty() => {}
            None => return None,
        }
        Some(key)
    }

    /// A string with its quotes, as far as it goes.
    fn string(&mut self) -> &'a str {
        let mut escaped = true;
        for (at, c) in self.rest.char_indices() {
            match c {
                // The quote that it begins with is no end.
                _ if at == 0 => escaped = false,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => return self.take(at + 1),
                _ => {}
            }
        }
        self.cut = true;
        self.take(self.rest.len())
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }
}

/// Deeper containers are not read.
const DEEPEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, folded: &[&str], wanted: &[&str]) {
        let node = read(text).unwrap();
        let lines = node.lines("b", &|path, _| folded.contains(&path));
        let lines: Vec<_> = lines.iter().map(|line| format!("{}{}", " ".repeat(line.depth), line.text)).collect();
        assert_eq!(lines, wanted);
    }

    #[test]
    fn members_keep_their_order_and_their_writing() {
        check(
            r#"{"z":1.0,"a":[true,null],"e":{}}"#,
            &[],
            &["{", r#" "z": 1.0,"#, r#" "a": ["#, "  true,", "  null", " ],", r#" "e": {}"#, "}"],
        );
    }

    #[test]
    fn containers_fold_to_a_count() {
        check(r#"{"a":[1,2,3],"b":2}"#, &["b.0"], &["{", r#" "a": [ +3 ],"#, r#" "b": 2"#, "}"]);
    }

    #[test]
    fn what_is_cut_is_shown_as_far_as_it_goes() {
        check(r#"{"a":{"b":"lon"#, &[], &["{", r#" "a": {"#, r#"  "b": "lon"#, " (cut)", "(cut)"]);
        check(r#"{"a":[1,2"#, &[], &["{", r#" "a": ["#, "  1,", "  2", " (cut)", "(cut)"]);
        check(r#"{"a":1,"b"#, &[], &["{", r#" "a": 1,"#, r#" "b: (cut)"#, "(cut)"]);
    }

    #[test]
    fn what_is_no_json_is_not_read() {
        for text in ["", "hello", "{hello}", "[1] trailing", "<p>", "{\"a\" 1}"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&"[".repeat(100)), None);
    }
}
