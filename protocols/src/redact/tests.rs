//! Whole records.

use proptest::prelude::*;

use super::{Rules, record};
use crate::record::{Header, Http, Pgsql, Record};

fn header(name: &str, value: &str) -> Header {
    Header { name: Some(name.into()), value: Some(value.into()) }
}

#[track_caller]
fn masked(http: Http, keep_binary: bool) -> Http {
    let mut row = Record::Http(Box::new(http));
    record(&mut row, &Rules::default(), keep_binary);
    let Record::Http(http) = row else { panic!("another table") };
    *http
}

#[test]
fn nothing_secret_is_left_in_a_request() {
    let http = masked(
        Http {
            path: Some("/reset/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2VjcmV0".into()),
            query: Some("user=a&code=s3cret".into()),
            req_type: Some("application/json".into()),
            req_headers: Some(vec![header("authorization", "Bearer s3cret"), header("referer", "/?sig=s3cret")]),
            req_body: Some(br#"{"password":"s3cret"}"#.to_vec()),
            resp_type: Some("application/x-www-form-urlencoded".into()),
            resp_headers: Some(vec![header("set-cookie", "a=s3cret; Path=/")]),
            resp_body: Some(b"a=b&client_secret=s3cret".to_vec()),
            ..Http::default()
        },
        false,
    );
    let shown = format!("{http:?}{:?}", http.req_body.as_deref().map(String::from_utf8_lossy));
    assert!(!shown.contains("s3cret") && !shown.contains("c2VjcmV0"), "{shown}");
    assert_eq!(http.query.as_deref(), Some("user=a&code=***(6)"));
    assert_eq!(http.resp_body.as_deref(), Some(&b"a=b&client_secret=***(6)"[..]));
}

#[test]
fn bodies_that_are_no_text_are_kept_only_on_demand() {
    let image = || Http { resp_bytes: Some(4), resp_body: Some(vec![0x89, b'P', 0xff, 0]), ..Http::default() };
    let dropped = masked(image(), false);
    assert!(dropped.resp_body.is_none() && dropped.common.truncated);
    assert_eq!(masked(image(), true).resp_body.unwrap().len(), 4);
    let cut = Http { resp_body: Some("é".as_bytes()[..1].to_vec()), ..Http::default() };
    assert!(masked(cut, false).resp_body.is_some(), "a character that was cut makes no binary");
}

#[test]
fn parameters_that_belong_to_no_column_are_masked() {
    let mut row = Record::Pgsql(Box::new(Pgsql {
        query: Some("SELECT f($1) FROM t WHERE id = $2".into()),
        params: Some(vec![Some("s3cret".into()), Some("7".into()), Some("x".into()), None]),
        ..Pgsql::default()
    }));
    record(&mut row, &Rules::default(), false);
    let Record::Pgsql(pgsql) = row else { panic!("another table") };
    let expect = [Some("***(6)".to_owned()), Some("7".into()), Some("***(1)".into()), None];
    assert_eq!(pgsql.params.unwrap(), expect);
}

/// Pieces that masks look at, in any order, and anything between them.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"",
            "'",
            "\\",
            "\\u00",
            "password",
            "token",
            "=",
            "&",
            ";",
            "?",
            "#",
            "%",
            "%3D",
            "+",
            "Bearer ",
            "Basic ",
            "eyJ",
            ".eyJ",
            "AKIA",
            "://",
            "@",
            "-----BEGIN PRIVATE KEY-----",
            "-----END",
            "--x",
            "\r\n\r\n",
            " name=",
            "$1",
            "$$",
            "$a$",
            "(",
            ")",
            "SET ",
            "TO ",
            "INSERT INTO t ",
            "VALUES ",
            "SELECT ",
            "set_config(",
            "é",
            " ",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,8}",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_survived_everywhere(text in pieces(), kind in prop::sample::select(vec![
        "", "text/plain", "application/json", "application/x-www-form-urlencoded", "multipart/form-data", "text/html",
    ])) {
        let http = Http {
            path: Some(text.clone()),
            query: Some(text.clone()),
            host: Some(text.clone()),
            req_type: Some(kind.to_owned()),
            req_headers: Some(vec![
                header("content-type", &format!("{kind}; boundary=x")),
                header("location", &text),
                header("cookie", &text),
                header("set-cookie", &text),
                header("x", &text),
            ]),
            req_body: Some(text.clone().into_bytes()),
            resp_body: Some([text.as_bytes(), b"\xff"].concat()),
            ..Http::default()
        };
        for keep_binary in [false, true] {
            record(&mut Record::Http(Box::new(http.clone())), &Rules::default(), keep_binary);
        }
        let params = Some(vec![Some(text.clone()), None]);
        let pgsql = Pgsql { query: Some(text.clone()), shape: Some(text.clone()), params, ..Pgsql::default() };
        record(&mut Record::Pgsql(Box::new(pgsql)), &Rules::default(), false);
        let _shown = super::summary(&text, &Rules::default());
    }

    /// Text without a letter that any rule looks for, and without the slashes of a URL, comes back as it was.
    #[test]
    fn nothing_else_is_touched(text in "[ a-df-hl-nu-vxz0-9,.{}\\[\\]:=&;?-]{0,80}") {
        prop_assert_eq!(super::text(&text, &Rules::default()), text.as_str());
    }
}
