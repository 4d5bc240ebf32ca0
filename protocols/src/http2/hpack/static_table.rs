//! The static table (RFC 7541, Appendix A).

use std::sync::{Arc, LazyLock};

/// Number of entries: dynamic indices begin after it.
pub(super) const LENGTH: u32 = 61;

/// Name and value of the entry with this index, from 1.
pub(super) fn entry(index: u32) -> Option<&'static (Arc<str>, Arc<str>)> {
    SHARED.get(usize::try_from(index.checked_sub(1)?).ok()?)
}

/// Shared once, so that a field costs no allocation.
static SHARED: LazyLock<Vec<(Arc<str>, Arc<str>)>> =
    LazyLock::new(|| ENTRIES.iter().map(|(name, value)| (Arc::from(*name), Arc::from(*value))).collect());

const ENTRIES: [(&str, &str); LENGTH as usize] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_count_from_one() {
        let names = |index| entry(index).map(|(name, value)| (&**name, &**value));
        assert_eq!(names(0), None);
        assert_eq!(names(1), Some((":authority", "")));
        assert_eq!(names(8), Some((":status", "200")));
        assert_eq!(names(61), Some(("www-authenticate", "")));
        assert_eq!(names(62), None);
    }
}
