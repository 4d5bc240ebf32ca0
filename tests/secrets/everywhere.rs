//! What gives itself away by its look, wherever it stands.

use super::planted::{Random, basic, jwt, pem};

/// Text with a credential in it, without line ends, quotes and backslashes.
pub(crate) fn line(random: &mut Random, secret: &str) -> String {
    match random.below(8) {
        0 => format!("sent Bearer {secret}"),
        1 => format!("bearer {secret}, please"),
        2 => format!("saw Basic {} there", basic(secret)),
        3 => format!("jwt {} here", jwt(secret)),
        4 => format!("see postgres://me:{secret}@db.example/shop"),
        5 => format!("redis://:{secret}@cache/0 is slow"),
        6 => format!("get https://shop.example/a?n=2&access_token={secret}&m=3 again"),
        _ => format!("key {} end", pem(secret, " ")),
    }
}

/// The same without blanks, for paths.
pub(crate) fn segment(random: &mut Random, secret: &str) -> String {
    match random.below(3) {
        0 => jwt(secret),
        1 => format!("Bearer%20{secret}"),
        _ => format!("proxy:https://me:{secret}@host"),
    }
}
