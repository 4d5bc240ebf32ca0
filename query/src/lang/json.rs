//! Paths into JSON: `$.a.b[0]['c']`.

use serde_json::Value;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Member(String),
    Element(usize),
}

/// Reads a path; null when it is none.
pub(crate) fn path(text: &str) -> Option<Vec<Step>> {
    let mut rest = text.trim().strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(name) = rest.strip_prefix('.') {
            let length = name.find(['.', '[']).unwrap_or(name.len());
            let member = name.get(..length).filter(|member| !member.is_empty())?;
            steps.push(Step::Member(member.to_owned()));
            rest = name.get(length..)?;
            continue;
        }
        let (inside, after) = rest.strip_prefix('[')?.split_once(']')?;
        let quoted = |quote: char| inside.strip_prefix(quote).and_then(|inside| inside.strip_suffix(quote));
        steps.push(match quoted('\'').or_else(|| quoted('"')) {
            Some(member) => Step::Member(member.to_owned()),
            None => Step::Element(inside.trim().parse().ok()?),
        });
        rest = after;
    }
    Some(steps)
}

/// The value at `path` in the JSON `text`, as text: strings without quotes, the rest as JSON. Null where there is none.
pub(crate) fn extract(text: &[u8], path: &[Step]) -> Option<String> {
    let root: Value = serde_json::from_slice(text).ok()?;
    let found = path.iter().try_fold(&root, |value, step| match step {
        Step::Member(name) => value.get(name),
        Step::Element(index) => value.get(index),
    })?;
    match found {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{extract, path};

    #[test]
    fn values_are_found() {
        let text = br#"{"a":{"b":[1,{"c d":"x"}],"n":null,"t":true},"s":"q\"","big":1.5}"#;
        for (steps, expected) in [
            ("$.a.b[0]", Some("1")),
            ("$.a.b[1]['c d']", Some("x")),
            ("$.a.t", Some("true")),
            ("$.a.n", None),
            ("$.a.missing.more", None),
            ("$.s", Some("q\"")),
            ("$['big']", Some("1.5")),
            ("$.a.b", Some(r#"[1,{"c d":"x"}]"#)),
        ] {
            let steps = path(steps).expect("is a path");
            assert_eq!(extract(text, &steps).as_deref(), expected);
        }
        assert_eq!(extract(b"{cut", &[]), None);
        for wrong in ["", "a", "$.", "$[x]", "$[", "$a"] {
            assert_eq!(path(wrong), None, "{wrong}");
        }
    }
}
