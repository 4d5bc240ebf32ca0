//! Multipart forms (RFC 7578): a part's name is in its Content-Disposition.

use std::borrow::Cow;

use super::{masked, names};

/// Masks the content of parts that are named like secrets. The last part may be cut.
pub(super) fn mask<'a>(text: &'a str, content_type: Option<&str>) -> Cow<'a, str> {
    let Some(boundary) = content_type.and_then(boundary) else { return Cow::Borrowed(text) };
    let delimiter = format!("--{boundary}");
    let mut out = String::new();
    let mut changed = false;
    for (at, part) in text.split(delimiter.as_str()).enumerate() {
        if at > 0 {
            out.push_str(&delimiter);
        }
        match secret_content(part) {
            Some((before, secret, after)) => {
                changed = true;
                out.push_str(before);
                out.push_str(&masked(secret));
                out.push_str(after);
            }
            None => out.push_str(part),
        }
    }
    if changed { Cow::Owned(out) } else { Cow::Borrowed(text) }
}

fn boundary(content_type: &str) -> Option<&str> {
    let parameter = |part: &'_ str| part.trim().get(..9).is_some_and(|name| name.eq_ignore_ascii_case("boundary="));
    let value = content_type.split(';').find(|part| parameter(part))?.trim().get(9..)?;
    let value = value.trim_matches('"');
    (!value.is_empty()).then_some(value)
}

/// A part's head, its secret content, and the line's end after that.
fn secret_content(part: &str) -> Option<(&str, &str, &str)> {
    let (head_end, gap) =
        part.find("\r\n\r\n").map(|at| (at, 4_usize)).or_else(|| part.find("\n\n").map(|at| (at, 2)))?;
    let content_start = head_end.checked_add(gap)?;
    let name = name(part.get(..head_end)?)?;
    let content = part.get(content_start..)?;
    let trimmed = content.strip_suffix("\r\n").or_else(|| content.strip_suffix('\n')).unwrap_or(content);
    if trimmed.is_empty() || !names::judge(name).covers(trimmed) {
        return None;
    }
    let secret_end = content_start.checked_add(trimmed.len())?;
    Some((part.get(..content_start)?, trimmed, part.get(secret_end..)?))
}

fn name(head: &str) -> Option<&str> {
    let at = head.find(" name=\"").or_else(|| head.find(";name=\""))?;
    head.get(at.checked_add(7)?..)?.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_named_like_a_secret() {
        let form = "--X\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nme\r\n\
                    --X\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nhunter2\r\n--X--\r\n";
        let expect = form.replace("hunter2", "***(7)");
        assert_eq!(mask(form, Some("multipart/form-data; boundary=X")), expect);
        assert_eq!(mask(form, Some("multipart/form-data; boundary=\"X\"")), expect);
        let cut = &form[..form.find("ter2").unwrap()];
        assert_eq!(mask(cut, Some("multipart/form-data; boundary=X")), cut.replace("hun", "***(3)"));
    }
}
