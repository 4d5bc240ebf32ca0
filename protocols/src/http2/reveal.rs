//! Names that follow from what HTTP/2 allows (RFC 9113, 8.3), where HPACK was joined too late to know them.
//!
//! A request has exactly one `:method`, and but for CONNECT exactly one `:scheme` and one `:path`; at most one
//! `:authority`; a response has exactly one `:status`; and all of these come before the regular fields. What is left when
//! the known ones are taken away is often one name for one placeholder.

use std::sync::Arc;

use super::hpack::{Decoder, EntryId, Field, Name};

/// Names what can be named in a request's header block, as it stands on the wire.
pub(super) fn request(fields: &[Field], decoder: &mut Decoder) {
    // Each round names one; there are five names.
    for _ in 0..5 {
        let names: Vec<Option<Arc<str>>> = fields.iter().map(|field| decoder.resolve(&field.name).cloned()).collect();
        let Some((id, name)) = next(fields, &names) else { return };
        decoder.reveal(id, &Arc::from(name));
    }
}

/// The same for the header block that begins a response.
pub(super) fn response(fields: &[Field], decoder: &mut Decoder) {
    let is_status = |field: &Field| decoder.resolve(&field.name).map(|name| &**name) == Some(":status");
    if fields.iter().any(is_status) {
        return;
    }
    if let Some(Field { name: Name::Before(id), .. }) = fields.first()
        && decoder.resolve(&Name::Before(*id)).is_none()
    {
        decoder.reveal(*id, &Arc::from(":status"));
    }
}

fn next(fields: &[Field], names: &[Option<Arc<str>>]) -> Option<(EntryId, &'static str)> {
    let is_pseudo = |name: &Option<Arc<str>>| name.as_deref().is_some_and(|name| name.starts_with(':'));
    let first_regular = names.iter().position(|name| name.is_some() && !is_pseudo(name)).unwrap_or(names.len());
    // The first field is a pseudo-header, and so is all before the last that is known to be one.
    let pseudo = names.iter().rposition(is_pseudo).map_or(1, |last| last.saturating_add(1));
    let has = |wanted: &&str| names.iter().any(|name| name.as_deref() == Some(*wanted));
    let value_of = |wanted: &str| {
        let at = names.iter().position(|name| name.as_deref() == Some(wanted))?;
        fields.get(at)?.value.as_deref()
    };
    let unnamed: Vec<(usize, EntryId, Option<&str>)> = fields
        .iter()
        .zip(names)
        .enumerate()
        .take(first_regular)
        .filter_map(|(at, (field, name))| match (&field.name, name) {
            (Name::Before(id), None) => Some((at, *id, field.value.as_deref())),
            _ => None,
        })
        .collect();
    // Only CONNECT goes without a scheme and a path, or with a protocol (RFC 8441).
    let method = value_of(":method")?;
    if method == "CONNECT" {
        return None;
    }
    let missing: Vec<&'static str> = [":scheme", ":path", ":authority"].into_iter().filter(|name| !has(name)).collect();
    let required: Vec<&'static str> = missing.iter().copied().filter(|name| *name != ":authority").collect();
    let certain: Vec<_> = unnamed.iter().filter(|(at, ..)| *at < pseudo).collect();
    // Neither a scheme nor an authority contains a slash (RFC 3986, 3.1 and 3.2).
    if let Some((_, id, _)) = certain.iter().find(|(.., value)| value.is_some_and(|value| value.starts_with('/')))
        && missing.contains(&":path")
    {
        return Some((*id, ":path"));
    }
    match (required.as_slice(), unnamed.as_slice(), certain.as_slice(), missing.as_slice()) {
        ([name], [(_, id, _)], ..) => Some((*id, name)),
        (_, _, [(_, id, _)], [name]) => Some((*id, name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
