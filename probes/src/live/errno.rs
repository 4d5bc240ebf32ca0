//! Names of error numbers.

use std::sync::Arc;

/// Those that `connect` gives, and what a socket reports later (errno(3)).
const NAMES: &[(i32, &str)] = &[
    (libc::EPERM, "EPERM"),
    (libc::EINTR, "EINTR"),
    (libc::EACCES, "EACCES"),
    (libc::EPIPE, "EPIPE"),
    (libc::EPROTO, "EPROTO"),
    (libc::EADDRINUSE, "EADDRINUSE"),
    (libc::EADDRNOTAVAIL, "EADDRNOTAVAIL"),
    (libc::ENETDOWN, "ENETDOWN"),
    (libc::ENETUNREACH, "ENETUNREACH"),
    (libc::ECONNABORTED, "ECONNABORTED"),
    (libc::ECONNRESET, "ECONNRESET"),
    (libc::ENOBUFS, "ENOBUFS"),
    (libc::ETIMEDOUT, "ETIMEDOUT"),
    (libc::ECONNREFUSED, "ECONNREFUSED"),
    (libc::EHOSTDOWN, "EHOSTDOWN"),
    (libc::EHOSTUNREACH, "EHOSTUNREACH"),
];

/// `ECONNREFUSED` of 111; `errno 7` of what is not in the table.
pub(super) fn name(number: u32) -> Arc<str> {
    let known = NAMES.iter().find(|(value, _)| u32::try_from(*value) == Ok(number));
    known.map_or_else(|| format!("errno {number}").into(), |(_, name)| Arc::from(*name))
}

#[cfg(test)]
mod tests {
    #[test]
    fn known_and_unknown() {
        assert_eq!(&*super::name(111), "ECONNREFUSED");
        assert_eq!(&*super::name(9999), "errno 9999");
    }
}
