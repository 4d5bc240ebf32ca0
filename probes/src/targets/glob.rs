//! Shell patterns: `*`, `?`, `[a-z]`, `[!a-z]`, and `\` before a literal.

/// Whether all of `text` matches.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where to try again: the pattern behind the last `*`, and the text that it has not swallowed yet.
    let mut retry = None;
    while t < text.len() {
        match step(&pattern[p..], text[t]) {
            Step::Star => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Step::Match(len) => {
                p += len;
                t += 1;
            }
            Step::Differ => {
                let Some((behind, swallowed)) = retry else { return false };
                retry = Some((behind, swallowed + 1));
                (p, t) = (behind, swallowed + 1);
            }
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

enum Step {
    Star,
    /// One character matches so many of the pattern.
    Match(usize),
    Differ,
}

fn step(pattern: &[char], c: char) -> Step {
    let (len, equal) = match pattern {
        [] => return Step::Differ,
        ['*', ..] => return Step::Star,
        ['?', ..] => (1, true),
        ['\\', literal, ..] => (2, *literal == c),
        ['[', rest @ ..] => match set(rest, c) {
            Some((len, inside)) => (len + 1, inside),
            None => (1, c == '['),
        },
        [literal, ..] => (1, *literal == c),
    };
    if equal { Step::Match(len) } else { Step::Differ }
}

/// Length of the set up to and with its `]`, and whether `c` is in it; `None` if it has no end.
fn set(pattern: &[char], c: char) -> Option<(usize, bool)> {
    let negated = matches!(pattern.first(), Some('!' | '^'));
    let start = usize::from(negated);
    // A `]` right at the beginning is a member.
    let end = pattern.iter().skip(start + 1).position(|&c| c == ']')? + start + 1;
    let mut members = &pattern[start..end];
    let mut inside = false;
    while let Some((&first, rest)) = members.split_first() {
        if let ['-', last, ..] = rest {
            inside |= (first..=*last).contains(&c);
            members = &rest[2..];
        } else {
            inside |= first == c;
            members = rest;
        }
    }
    Some((end + 1, inside != negated))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("nginx", "nginx", true),
            ("nginx", "nginx2", false),
            ("ngin*", "nginx", true),
            ("*", "", true),
            ("*x", "nginx", true),
            ("*g*n*", "nginx", true),
            ("n?inx", "nginx", true),
            ("?", "", false),
            ("py[a-z]hon[23]", "python3", true),
            ("[!p]*", "python", false),
            ("[]]", "]", true),
            ("[ab", "[ab", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("a*b*c", "aXbXbXc", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
