//! Which names are names of secrets.

/// A word of these makes a name secret.
const WORDS: [&str; 9] = ["secret", "password", "passwd", "pwd", "authorization", "cookie", "jwt", "signature", "sig"];

/// Pairs that are also written as one word.
const GLUED: [&str; 4] = ["apikey", "accesskey", "privatekey", "sessionid"];

/// Two words of these, one after the other.
const PAIRS: [(&str, &str); 4] = [("api", "key"), ("access", "key"), ("private", "key"), ("session", "id")];

/// `token` after one of these pages through results, or protects a form.
const HARMLESS: [&str; 3] = ["page", "next", "csrf"];

/// How secret what goes by a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// Not at all.
    None,
    /// Unless it is a number or a boolean.
    Text,
    /// Whatever it is.
    Always,
}

impl Secrecy {
    /// Whether this value is secret.
    pub(super) fn covers(self, value: &str) -> bool {
        let plain = || matches!(value, "true" | "false") || is_number(value);
        match self {
            Self::None => false,
            Self::Text => !plain(),
            Self::Always => true,
        }
    }
}

/// Judges a name by its words, which end at case changes, `-`, `_` and everything else that is no letter or digit.
pub(super) fn judge(name: &str) -> Secrecy {
    if !is_suspicious(name) {
        return Secrecy::None;
    }
    let words = words(name);
    let pair = |pair: &[String]| matches!(pair, [one, two] if PAIRS.contains(&(one.as_str(), two.as_str())));
    let secret = |word: &String| WORDS.contains(&word.as_str()) || GLUED.contains(&word.as_str());
    if words.iter().any(secret) || words.windows(2).any(pair) {
        return Secrecy::Always;
    }
    match words.as_slice() {
        [.., before, last] if is_token(last) && HARMLESS.contains(&before.as_str()) => Secrecy::None,
        [.., last] if is_token(last) => Secrecy::Text,
        _ => Secrecy::None,
    }
}

/// Whether the name has letters that every secret name has: nearly none does, and one look is cheaper than its words.
fn is_suspicious(name: &str) -> bool {
    let has_part = threes(name).any(|three| {
        matches!(
            &three,
            b"sec" | b"pas" | b"pwd" | b"aut" | b"coo" | b"jwt" | b"sig" | b"tok" | b"ses" | b"api" | b"acc" | b"pri"
        )
    });
    // Letter case beyond ASCII is left to the words.
    has_part || !name.is_ascii()
}

/// Every three bytes in a row, in lower case.
pub(super) fn threes(text: &str) -> impl Iterator<Item = [u8; 3]> + '_ {
    text.as_bytes()
        .windows(3)
        .filter_map(|three| three.first_chunk())
        .map(|three: &[u8; 3]| three.map(|byte| byte.to_ascii_lowercase()))
}

/// Digits with a sign and a fraction. `1e9` and `inf` may as well be tokens.
fn is_number(value: &str) -> bool {
    let digits = value.strip_prefix(['-', '+']).unwrap_or(value);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_token(word: &str) -> bool {
    matches!(word, "token" | "session")
}

/// Its words in lower case. Digits at a word's end only count it: `password2`.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut characters = name.chars().peekable();
    let mut before: Option<char> = None;
    while let Some(character) = characters.next() {
        if !character.is_alphanumeric() {
            words.push(String::new());
        } else {
            let upper = character.is_uppercase();
            let after_lower = before.is_some_and(|before| before.is_lowercase() || before.is_numeric());
            let before_lower = characters.peek().is_some_and(|next| next.is_lowercase());
            let after_upper = before.is_some_and(char::is_uppercase);
            // `apiKey`, and `APIKey`: the last capital of a run begins the next word.
            if upper && (after_lower || (after_upper && before_lower)) {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(character.to_lowercase());
            }
        }
        before = Some(character);
    }
    words.retain(|word| !word.is_empty());
    for word in &mut words {
        let stem = word.trim_end_matches(|last: char| last.is_ascii_digit()).len();
        if stem > 0 {
            word.truncate(stem);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for name in [
            "Authorization",
            "Proxy-Authorization",
            "set-cookie",
            "client_secret",
            "userPassword",
            "DB_PASSWD",
            "pwd",
            "id_jwt",
            "X-Hub-Signature-256",
            "sig",
            "X-Api-Key",
            "apiKey",
            "APIKey",
            "aws_access_key_id",
            "privateKey",
            "sessionID",
            "password2",
            "user[password]",
            "sessionid",
            "AWSAccessKeyId",
        ] {
            assert_eq!(judge(name), Secrecy::Always, "{name}");
        }
        for name in ["access_token", "x-auth-token", "token", "refreshToken", "PHP_SESSION"] {
            assert_eq!(judge(name), Secrecy::Text, "{name}");
        }
    }

    #[test]
    fn names_of_other_things() {
        for name in [
            "page_token",
            "nextToken",
            "csrf-token",
            "token_type",
            "tokens",
            "sessions_open",
            "assignment",
            "design",
            "monkey",
            "key",
            "secretary",
            "x-request-id",
            "host",
            "",
            "code",
            "max_tokens",
            "next_page_token",
            "Sec-WebSocket-Key",
            "session_count",
        ] {
            assert_eq!(judge(name), Secrecy::None, "{name}");
        }
    }

    #[test]
    fn tokens_that_are_numbers_are_counts() {
        assert!(!Secrecy::Text.covers("-1.5") && Secrecy::Text.covers("8412e99") && Secrecy::Text.covers("inf"));
        assert!(!Secrecy::Text.covers("123") && !Secrecy::Text.covers("true") && Secrecy::Text.covers("a1"));
        assert!(Secrecy::Always.covers("123"));
    }
}
