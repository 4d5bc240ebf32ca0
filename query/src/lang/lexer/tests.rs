use super::{Kind, tokens};

#[track_caller]
fn check(text: &str, expected: &[Kind]) {
    let mut found: Vec<Kind> = tokens(text).expect("is well-formed").into_iter().map(|token| token.kind).collect();
    assert_eq!(found.pop(), Some(Kind::End));
    assert_eq!(found, expected, "{text}");
}

#[test]
fn literals() {
    check("200ms", &[Kind::Duration(200_000_000)]);
    check("1.5s", &[Kind::Duration(1_500_000_000)]);
    check("1h30m", &[Kind::Duration(5_400_000_000_000)]);
    check("1m1.5s", &[Kind::Duration(61_500_000_000)]);
    check("10KB 4MiB 0b", &[Kind::Bytes(10_000), Kind::Bytes(4 << 20), Kind::Bytes(0)]);
    check("1.5KiB", &[Kind::Bytes(1536)]);
    check("50%", &[Kind::Float(0.5)]);
    check("&& ||", &[Kind::Symbol("&&"), Kind::Symbol("||")]);
    check("1_000 1.5 1e3", &[Kind::Int(1000), Kind::Float(1.5), Kind::Float(1000.0)]);
    check("18446744073709551615", &[Kind::Int(u64::MAX)]);
    check("5xx", &[Kind::Class(5)]);
    check(
        r#"'it''s' "a\"b" 'a\nb' '\d+'"#,
        &[Kind::Text("it's".into()), Kind::Text("a\"b".into()), Kind::Text("a\nb".into()), Kind::Text("\\d+".into())],
    );
    check("`by the way`", &[Kind::Quoted("by the way".into())]);
}

#[test]
fn addresses_win_over_division() {
    check("10.1.2.3", &[Kind::Ip([10, 1, 2, 3].into())]);
    check("::1", &[Kind::Ip(std::net::Ipv6Addr::LOCALHOST.into())]);
    check("fe80::1", &[Kind::Ip("fe80::1".parse().expect("address"))]);
    check("10.0.0.0/8", &[Kind::Cidr([10, 0, 0, 0].into(), 8)]);
    check("fd00::/8", &[Kind::Cidr("fd00::".parse().expect("address"), 8)]);
    check("1.5/2", &[Kind::Float(1.5), Kind::Symbol("/"), Kind::Int(2)]);
    check("add", &[Kind::Word("add".into())]);
}

#[test]
fn spaces_are_optional() {
    check(
        "http where status>=500|take 5",
        &[
            Kind::Word("http".into()),
            Kind::Word("where".into()),
            Kind::Word("status".into()),
            Kind::Symbol(">="),
            Kind::Int(500),
            Kind::Symbol("|"),
            Kind::Word("take".into()),
            Kind::Int(5),
        ],
    );
}

#[test]
fn what_is_no_token_is_an_error_with_its_place() {
    for (text, start, message) in [
        ("http where path = 'x", 18, "this ' has no partner"),
        ("http where a =~ 'x'", 13, "`=~` means nothing here"),
        ("10sec", 0, "`sec` is no unit"),
        ("0xx", 0, "`0xx` is no class of status"),
        ("99999999999999999999", 0, "`99999999999999999999` is too large"),
        ("where \u{1b}", 6, "`\\u{1b}` means nothing here"),
    ] {
        let error = tokens(text).expect_err(text);
        assert_eq!(error.message, message);
        assert_eq!(error.span.map(|span| span.start), Some(start), "{text}");
    }
    assert!(tokens(&" ".repeat(1 << 20)).is_err());
}
