//! The rows of `explore --read FILE` beside what tshark saw in the same file, over every capture of `../shared/corpora`
//! and of `fixtures/captures` that has tshark's answer beside it (`FILE.tshark-PROTOCOL.tsv`; how they were made is in the
//! READMEs there); beside what nginx logged of its own requests; and beside Zeek's logs
//! of its own captures.
//!
//! Compared are facts: that a client sent a request, that a status came back, each with the two ends. A fact counts as
//! often as it was seen. Captures where the two rightly differ are listed, with the reason each, in `differences.txt`; a
//! capture that is listed and does not differ fails as much as one that differs and is not listed.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod dns;
mod facts;
mod http;
mod http2;
mod log;
mod pgsql;
mod rows;
mod tls;
mod truth;
mod zeek;

macro_rules! protocols {
    ($($name:ident: $protocol:literal, at least $captures:literal;)*) => {
        #[cfg(test)]
        mod fixtures {$(
            #[test]
            fn $name() {
                let folder = crate::facts::fixtures();
                crate::facts::compare($protocol, &folder, 0, crate::$name::expected, crate::$name::found);
            }
        )*}

        #[cfg(test)]
        mod corpora {$(
            #[test]
            #[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
            fn $name() {
                let folder = crate::facts::corpora();
                crate::facts::compare($protocol, &folder, $captures, crate::$name::expected, crate::$name::found);
            }
        )*}
    };
}

protocols! {
    http: "http", at least 140;
    http2: "http2", at least 6;
    dns: "dns", at least 100;
    pgsql: "pgsql", at least 10;
    tls: "tls", at least 8;
}
