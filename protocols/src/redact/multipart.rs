//! Multipart forms (RFC 7578): a part's name is in its Content-Disposition.

use std::borrow::Cow;

use super::deep::Mask;
use super::masked;
use super::query::Changes;

/// Masks the content of parts that are named like secrets, and what the others hold. The last part may be cut.
///
/// Without the field that names it, the boundary is what the body begins with.
pub(super) fn mask<'a>(rules: Mask<'_>, text: &'a str, content_type: Option<&str>) -> Cow<'a, str> {
    let first = || text.lines().next().and_then(|line| line.trim_end().strip_prefix("--"));
    let Some(boundary) = content_type.and_then(boundary).or_else(first).filter(|boundary| !boundary.is_empty()) else {
        return Cow::Borrowed(text);
    };
    let delimiter = format!("--{boundary}");
    let mut out = Changes::of(text);
    let mut start = 0_usize;
    for part in text.split(delimiter.as_str()) {
        if let Some((from, to)) = content(part) {
            let value = part.get(from..to).unwrap_or_default();
            let secrecy = part.get(..from).and_then(name).map(|name| rules.judge(name));
            let changed = match secrecy {
                Some(secrecy) if secrecy.covers(value) => Cow::Owned(masked(value)),
                _ => rules.text(value),
            };
            if let Cow::Owned(changed) = changed {
                out.replace(start.saturating_add(from), start.saturating_add(to), &changed);
            }
        }
        start = start.saturating_add(part.len()).saturating_add(delimiter.len());
    }
    out.finish()
}

fn boundary(content_type: &str) -> Option<&str> {
    let parameter = |part: &'_ str| part.trim().get(..9).is_some_and(|name| name.eq_ignore_ascii_case("boundary="));
    let value = content_type.split(';').find(|part| parameter(part))?.trim().get(9..)?;
    let value = value.trim_matches('"');
    (!value.is_empty()).then_some(value)
}

/// Where a part's content is: after its head, without the line's end before the next delimiter.
fn content(part: &str) -> Option<(usize, usize)> {
    let (head_end, gap) =
        part.find("\r\n\r\n").map(|at| (at, 4_usize)).or_else(|| part.find("\n\n").map(|at| (at, 2)))?;
    let start = head_end.checked_add(gap)?;
    let content = part.get(start..)?;
    let trimmed = content.strip_suffix("\r\n").or_else(|| content.strip_suffix('\n')).unwrap_or(content);
    (!trimmed.is_empty()).then_some((start, start.checked_add(trimmed.len())?))
}

/// The part's name, with quotes or without.
fn name(head: &str) -> Option<&str> {
    let lower = head.to_ascii_lowercase();
    let at = [" name=", ";name="].iter().find_map(|key| lower.find(key))?;
    let value = head.get(at.checked_add(6)?..)?;
    match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => value.split(|c: char| c == ';' || c.is_whitespace()).next(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rules;
    use super::*;

    #[test]
    fn the_part_named_like_a_secret() {
        let form = "--X\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nme\r\n\
                    --X\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nhunter2\r\n--X--\r\n";
        let expect = form.replace("hunter2", "***(7)");
        let own = Rules::default();
        let rules = Mask::new(&own);
        assert_eq!(mask(rules, form, None), expect);
        let unquoted = form.replace("\"password\"", "Password");
        assert_eq!(mask(rules, &unquoted, None), unquoted.replace("hunter2", "***(7)"));
        let json = form.replace("hunter2", "{\"pwd\":\"x\"}").replace("\"password\"", "\"data\"");
        assert_eq!(mask(rules, &json, None), json.replace(":\"x\"", ":\"***(1)\""));
        assert_eq!(mask(rules, form, Some("multipart/form-data; boundary=X")), expect);
        assert_eq!(mask(rules, form, Some("multipart/form-data; boundary=\"X\"")), expect);
        let cut = &form[..form.find("ter2").unwrap()];
        assert_eq!(mask(rules, cut, Some("multipart/form-data; boundary=X")), cut.replace("hun", "***(3)"));
    }
}
