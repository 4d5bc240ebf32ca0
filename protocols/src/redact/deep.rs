//! Free text, which may be or hold JSON, URLs, forms and credentials, one inside the other.

use std::borrow::Cow;

use super::names::Secrecy;
use super::{Rules, json, query};

/// Text in text in text: beyond, only the rules for values apply. What comes from outside must not decide about the stack.
const DEPTH: u8 = 4;

/// The rules, and how deep inside a value they are being applied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mask<'r> {
    rules: &'r Rules,
    depth: u8,
}

impl<'r> Mask<'r> {
    pub(super) fn new(rules: &'r Rules) -> Self {
        Self { rules, depth: 0 }
    }

    pub(super) fn judge(&self, name: &str) -> Secrecy {
        self.rules.judge(name)
    }

    /// What looks like a secret.
    pub(super) fn values<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.rules.mask_values(text)
    }

    /// The content of a field that is not secret itself: JSON by the names in it, URLs by those in their queries, and
    /// everything by its look.
    pub(super) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(inside) = self.inside() else { return self.values(text) };
        let by_name = if looks_like_json(text) {
            json::mask(inside, text, true)
        } else if memchr::memchr2(b'?', b'#', text.as_bytes()).is_some() && text.contains('=') {
            query::mask_urls(inside, text)
        } else {
            Cow::Borrowed(text)
        };
        let by_name = match by_name.contains('"') && (by_name.contains("\":") || by_name.contains("\" :")) {
            true => then(by_name, |text| json::mask(inside, text, false)),
            false => by_name,
        };
        let by_value = then(by_name, |text| self.values(text));
        if !by_value.contains('%') {
            return by_value;
        }
        then(by_value, |text| query::mask_encoded(inside, text))
    }

    /// One level further in; null where that is too deep.
    pub(super) fn inside(self) -> Option<Self> {
        let depth = self.depth.checked_add(1).filter(|depth| *depth <= DEPTH)?;
        Some(Self { depth, ..self })
    }
}

/// Applies a second mask to what the first one left.
pub(super) fn then<'a>(first: Cow<'a, str>, second: impl FnOnce(&str) -> Cow<'_, str>) -> Cow<'a, str> {
    let changed = match second(&first) {
        Cow::Owned(changed) => Some(changed),
        Cow::Borrowed(_) => None,
    };
    changed.map_or(first, Cow::Owned)
}

pub(super) fn looks_like_json(text: &str) -> bool {
    matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'['))
}
