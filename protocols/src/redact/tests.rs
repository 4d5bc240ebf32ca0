//! Whole records.

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
