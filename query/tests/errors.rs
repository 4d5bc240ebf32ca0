//! Bad queries and what is said of them: `errors/messages.txt`. `UPDATE=1 cargo test -p query --test errors` writes the
//! messages anew, to be read before they are committed.

use std::fmt::Write;

use query::Query;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/errors/messages.txt");

#[test]
fn messages_are_as_agreed() {
    let golden = std::fs::read_to_string(FILE).expect("the golden file is there");
    let mut found = String::new();
    for query in golden.lines().filter_map(|line| line.strip_prefix("> ")) {
        let error = match Query::parse(query) {
            Ok(_) => panic!("this query is right: {query}"),
            Err(error) => error,
        };
        writeln!(found, "> {query}\n{}", error.render(query, 100, false)).expect("writes");
    }
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(FILE, &found).expect("writes");
    }
    let first = golden.lines().zip(found.lines()).find(|(golden, found)| golden != found);
    assert!(golden == found, "the first difference, expected and found: {first:#?}");
}

#[test]
fn hostile_queries_end_in_an_error() {
    let deep = format!("http where {}true{}", "(".repeat(10_000), ")".repeat(10_000));
    let nots = format!("http where {} true", "not ".repeat(10_000));
    let minus = format!("http where latency > {}1s", "-".repeat(10_000));
    let long = format!("http where {}", "status = 1 or ".repeat(80_000));
    let sum = format!("http where latency > 1ms{}", " + 1ms".repeat(1_000));
    let joins = format!("http {}", "| join (http ".repeat(1_000));
    for query in [deep, nots, minus, long, sum, joins, "\0".repeat(100), "'".repeat(999), "é\u{202e}".repeat(99)] {
        let error = Query::parse(&query).expect_err("is wrong");
        assert!(error.render(&query, 100, false).len() < 4000);
    }
    assert!(Query::parse("").is_err());
    let many = format!("http where status in ({})", vec!["1"; 10_000].join(","));
    assert!(Query::parse(&many).is_ok());
}

#[test]
fn carets_stand_under_what_is_meant() {
    let query = "http where méthode = 'x'";
    let drawn = Query::parse(query).expect_err("is wrong").render(query, 100, false);
    let lines: Vec<&str> = drawn.lines().collect();
    let caret = lines[3].find('^').expect("has a caret");
    let place = lines[2].find("méthode").expect("has the query");
    assert_eq!(caret, place);
    let long = format!("http where {} and statuss = 1", vec!["status = 500"; 40].join(" and "));
    let drawn = Query::parse(&long).expect_err("is wrong").render(&long, 80, false);
    assert!(drawn.lines().all(|line| line.chars().count() <= 80), "{drawn}");
    let lines: Vec<&str> = drawn.lines().collect();
    let at = lines[3].chars().position(|c| c == '^').expect("has a caret");
    assert!(lines[2].chars().skip(at).collect::<String>().starts_with("statuss"), "{drawn}");
    let red = Query::parse(query).expect_err("is wrong").render(query, 100, true);
    assert!(red.contains("\u{1b}[1;31m"));
}
