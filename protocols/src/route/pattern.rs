//! Patterns as users write them: `/users/{id}`, `/api/*` (one segment), `/api/**` (the rest, also nothing).

/// A route pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Segment,
    Rest,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// What is wrong, and what would be right.
    pub what: &'static str,
    /// Byte offset in the text.
    pub at: usize,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it does not begin with `/`, has `**` before its end, or a brace that is not a whole segment.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(PatternError { what: "a route begins with '/', as in /users/{id}", at: 0 });
        };
        let mut parts = Vec::new();
        let mut at = 1_usize;
        for segment in rest.split('/') {
            if parts.last() == Some(&Part::Rest) {
                return Err(PatternError { what: "'**' stands for all that follows: it must come last", at });
            }
            parts.push(
                part(segment).ok_or(PatternError { what: "a parameter is a whole segment, as in /users/{id}", at })?,
            );
            at = at.saturating_add(segment.len()).saturating_add(1);
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a path (without query) belongs to it.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let Some(path) = path.strip_prefix('/') else { return false };
        let mut segments = path.split('/');
        for part in &self.parts {
            match (part, segments.next()) {
                (Part::Rest, _) => return true,
                (_, None) => return false,
                (Part::Segment, Some("")) => return false,
                (Part::Segment, Some(_)) => {}
                (Part::Literal(literal), Some(segment)) if literal == segment => {}
                (Part::Literal(_), Some(_)) => return false,
            }
        }
        segments.next().is_none()
    }
}

fn part(segment: &str) -> Option<Part> {
    match segment {
        "**" => Some(Part::Rest),
        "*" => Some(Part::Segment),
        _ if segment.len() > 2 && segment.starts_with('{') && segment.ends_with('}') => Some(Part::Segment),
        _ if segment.contains(['{', '}', '*']) => None,
        _ => Some(Part::Literal(segment.to_owned())),
    }
}
