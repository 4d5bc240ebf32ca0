//! Start lines and request targets (RFC 9112, 3 and 4).

/// A request line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct RequestLine {
    pub(super) method: String,
    pub(super) target: Target,
    /// Null in HTTP/0.9.
    pub(super) version: Option<&'static str>,
}

/// A request target in any of its four forms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Target {
    /// Of the absolute form.
    pub(super) scheme: Option<String>,
    /// Of the absolute and the authority form, without user and password.
    pub(super) authority: Option<String>,
    pub(super) path: Option<String>,
    pub(super) query: Option<String>,
}

/// A status line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StatusLine {
    pub(super) version: &'static str,
    pub(super) status: u16,
    pub(super) reason: Option<String>,
}

impl RequestLine {
    /// Reads `METHOD SP TARGET [SP VERSION]`; null if it is something else. A target with spaces in it (which peers do
    /// send) is everything between the first space and the last.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let (method, rest) = split(line, memchr::memchr(b' ', line)?)?;
        let rest = rest.trim_ascii();
        let version =
            memchr::memrchr(b' ', rest).and_then(|at| split(rest, at)).filter(|(_, v)| v.starts_with(b"HTTP/"));
        let (target, version) = version.map_or((rest, None), |(target, version)| (target, Some(version)));
        if method.is_empty() || target.is_empty() {
            return None;
        }
        let method = lossy(method);
        let target = Target::read(&lossy(target.trim_ascii_end()), &method);
        Some(Self { method, target, version: version.map(version_name) })
    }
}

impl Target {
    fn read(target: &str, method: &str) -> Self {
        if method == "CONNECT" {
            return Self { authority: Some(without_user(target)), ..Self::default() };
        }
        if target.starts_with('/') || target == "*" {
            return Self::default().with_path(target);
        }
        match target.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) => {
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
                let target = Self {
                    scheme: Some(scheme.to_ascii_lowercase()),
                    authority: Some(without_user(authority)),
                    ..Self::default()
                };
                // RFC 9110, 4.2.3: an empty path is `/`.
                if path.starts_with('/') { target.with_path(path) } else { target.with_path(&format!("/{path}")) }
            }
            _ => Self::default().with_path(target),
        }
    }

    fn with_path(self, path: &str) -> Self {
        match path.split_once('?') {
            Some((path, query)) => Self { path: Some(path.to_owned()), query: Some(query.to_owned()), ..self },
            None => Self { path: Some(path.to_owned()), ..self },
        }
    }
}

impl StatusLine {
    /// Reads `VERSION SP CODE [SP REASON]`; null if it is something else.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let (version, rest) = split(line, memchr::memchr(b' ', line)?)?;
        let (code, reason) = rest.trim_ascii_start().split_at_checked(3)?;
        let ends = reason.first().is_none_or(u8::is_ascii_whitespace);
        if !version.starts_with(b"HTTP/") || !ends || !code.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let status = std::str::from_utf8(code).ok()?.parse().ok()?;
        let reason = reason.trim_ascii();
        let reason = (!reason.is_empty()).then(|| lossy(reason));
        Some(Self { version: version_name(version), status, reason })
    }
}

/// RFC 9110, 2.5: a higher minor version is read as the highest that is known.
fn version_name(version: &[u8]) -> &'static str {
    if version.ends_with(b".0") { "1.0" } else { "1.1" }
}

fn without_user(authority: &str) -> String {
    authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_owned()
}

fn is_scheme(scheme: &str) -> bool {
    !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

fn split(bytes: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    Some((bytes.get(..at)?, bytes.get(at.checked_add(1)?..)?))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parts<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>, Option<&'a str>);

    #[track_caller]
    fn check(line: &str, expect: Parts<'_>) {
        let target = RequestLine::read(line.as_bytes()).unwrap().target;
        let parts =
            (target.scheme.as_deref(), target.authority.as_deref(), target.path.as_deref(), target.query.as_deref());
        assert_eq!(parts, expect, "{line}");
    }

    #[test]
    fn the_four_forms_of_rfc_9112_3_2() {
        check("GET /where?q=now HTTP/1.1", (None, None, Some("/where"), Some("q=now")));
        check(
            "GET http://www.example.org/pub/WWW/TheProject.html HTTP/1.1",
            (Some("http"), Some("www.example.org"), Some("/pub/WWW/TheProject.html"), None),
        );
        check("CONNECT www.example.com:80 HTTP/1.1", (None, Some("www.example.com:80"), None, None));
        check("OPTIONS * HTTP/1.1", (None, None, Some("*"), None));
    }

    #[test]
    fn odd_targets() {
        check("GET http://example.org HTTP/1.1", (Some("http"), Some("example.org"), Some("/"), None));
        check("GET http://u:p@example.org?a=b HTTP/1.1", (Some("http"), Some("example.org"), Some("/"), Some("a=b")));
        check("GET /a?b?c HTTP/1.1", (None, None, Some("/a"), Some("b?c")));
        check("GET /? HTTP/1.1", (None, None, Some("/"), Some("")));
        check("GET /with space HTTP/1.1", (None, None, Some("/with space"), None));
        check("GET //x://y HTTP/1.1", (None, None, Some("//x://y"), None));
        check("GET /simple", (None, None, Some("/simple"), None));
        assert_eq!(RequestLine::read(b"GET"), None);
        assert_eq!(RequestLine::read(b"GET /simple").unwrap().version, None);
        assert_eq!(RequestLine::read(b"GET / HTTP/1.0").unwrap().version, Some("1.0"));
    }

    #[test]
    fn status_lines() {
        let read = |line: &str| StatusLine::read(line.as_bytes()).map(|l| (l.version, l.status, l.reason));
        assert_eq!(read("HTTP/1.1 200 OK"), Some(("1.1", 200, Some("OK".into()))));
        assert_eq!(read("HTTP/1.0 404 Not Found"), Some(("1.0", 404, Some("Not Found".into()))));
        assert_eq!(read("HTTP/1.1 200 "), Some(("1.1", 200, None)));
        assert_eq!(read("HTTP/1.1 200"), Some(("1.1", 200, None)));
        assert_eq!(read("HTTP/1.1 200\rOK"), Some(("1.1", 200, Some("OK".into()))));
        assert_eq!(read("HTTP/1.1 200OK"), None);
        assert_eq!(read("HTTP/1.1 20 OK"), None);
        assert_eq!(read("HTTP/1.1 2000 OK"), None);
        assert_eq!(read("ICY 200 OK"), None);
    }
}
