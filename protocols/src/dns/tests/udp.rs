use super::build::{ANSWER, Build, Driver, LATE, RD, SECONDS, dns, line, lines, mark, name, peer, query, response};
use crate::event::{Direction, Transport};
use crate::session::Datagram;

#[test]
fn an_answer_makes_a_row() {
    let mut driver = Driver::new();
    driver.sent(100, &query(7, "Example.com", 1));
    driver.received(350, &response(7, "eXample.com"));
    assert_eq!(lines(&driver.exchanges), ["Example.com A NOERROR [192.0.2.1] 250"]);
    assert_eq!(driver.summaries, ["A Example.com"]);
    let record = dns(&driver.exchanges[0]);
    assert_eq!(record.class.as_deref(), Some("IN"));
    assert_eq!(record.answer_types.as_deref(), Some(&["A".to_owned()][..]));
    assert_eq!((record.ttl, record.dns_id, record.transport), (Some(60), Some(7), Some(Transport::Udp)));
    assert_eq!((record.authoritative, record.recursion_available), (Some(false), Some(true)));
    assert_eq!((record.authenticated, record.cname.as_deref()), (Some(false), None));
}

#[test]
fn a_query_waits_five_seconds() {
    let mut driver = Driver::new();
    driver.sent(0, &query(7, "example.com", 28));
    driver.tick(LATE - 2);
    assert!(driver.exchanges.is_empty());
    driver.tick(LATE);
    assert_eq!(lines(&driver.exchanges), ["example.com AAAA - - -"]);
    assert!(driver.exchanges[0].cut_short);
    assert_eq!(dns(&driver.exchanges[0]).authoritative, None);
    // What comes later has its row already.
    driver.received(6 * SECONDS, &Build::new(7, ANSWER).ask("example.com", 28).bytes());
    assert_eq!(driver.exchanges.len(), 1);
}

#[test]
fn the_next_message_makes_time_pass_too() {
    let mut driver = Driver::new();
    driver.sent(0, &query(7, "a.example", 1));
    driver.sent(LATE, &query(8, "b.example", 1));
    assert_eq!(lines(&driver.exchanges), ["a.example A - - -"]);
}

#[test]
fn a_retry_is_a_row_of_its_own() {
    let mut driver = Driver::new();
    driver.sent(0, &query(7, "example.com", 1));
    driver.sent(2 * SECONDS, &query(7, "example.com", 1));
    driver.received(2 * SECONDS + 5, &response(7, "example.com"));
    assert_eq!(lines(&driver.exchanges), ["example.com A NOERROR [192.0.2.1] 5"]);
    // Its second answer belongs to the first query, a third to none.
    driver.received(2 * SECONDS + 6, &response(7, "example.com"));
    driver.received(2 * SECONDS + 7, &response(7, "example.com"));
    assert_eq!(lines(&driver.exchanges[1..]), ["example.com A NOERROR [192.0.2.1] 2000000006"]);
}

#[test]
fn answers_are_told_apart_by_question() {
    let mut driver = Driver::new();
    // As glibc asks: both at once, on one socket, sometimes with one id.
    driver.sent(0, &query(7, "example.com", 1));
    driver.sent(1, &query(7, "example.com", 28));
    driver.received(10, &Build::new(7, ANSWER).ask("example.com", 28).bytes());
    driver.received(20, &response(7, "example.com"));
    assert_eq!(lines(&driver.exchanges), ["example.com AAAA NOERROR [] 9", "example.com A NOERROR [192.0.2.1] 20"]);
}

#[test]
fn answers_are_told_apart_by_peer() {
    let (first, second) = (peer("192.0.2.53", 53), peer("198.51.100.53", 53));
    let mut driver = Driver::new();
    driver.datagram(0, Direction::Sent, &query(7, "example.com", 1), Some(&first));
    driver.datagram(1, Direction::Sent, &query(7, "example.com", 1), Some(&second));
    driver.datagram(9, Direction::Received, &response(7, "example.com"), Some(&first));
    assert_eq!(lines(&driver.exchanges), ["example.com A NOERROR [192.0.2.1] 9"]);
}

#[test]
fn a_forwarder_asks_and_answers_on_one_socket() {
    let mut driver = Driver::new();
    driver.received(0, &query(7, "example.com", 1));
    driver.sent(5, &query(7, "example.com", 1));
    driver.received(20, &response(7, "example.com"));
    driver.sent(30, &response(7, "example.com"));
    assert_eq!(
        lines(&driver.exchanges),
        ["example.com A NOERROR [192.0.2.1] 15", "example.com A NOERROR [192.0.2.1] 30"]
    );
}

#[test]
fn a_response_without_query_has_no_latency() {
    let mut driver = Driver::new();
    driver.received(50, &response(7, "example.com"));
    assert_eq!(lines(&driver.exchanges), ["example.com A NOERROR [192.0.2.1] -"]);
}

#[test]
fn an_answer_with_another_question_is_no_answer() {
    let mut driver = Driver::new();
    driver.sent(0, &query(7, "example.com", 1));
    driver.received(5, &response(7, "example.net"));
    assert_eq!(lines(&driver.exchanges), ["example.net A NOERROR [192.0.2.1] -"]);
    assert_eq!(lines(&driver.finish()[1..]), ["example.com A - - -"]);
}

#[test]
fn an_error_may_repeat_no_question() {
    let mut driver = Driver::new();
    driver.sent(0, &Build::new(7, RD).ask("a.example", 1).ask("b.example", 1).bytes());
    driver.received(5, &Build::new(7, 0x8001).bytes());
    assert_eq!(lines(&driver.exchanges), ["b.example A FORMERR [] 5", "a.example A FORMERR [] 5"]);
}

#[test]
fn edns_extends_the_response_code_and_is_no_answer() {
    let mut driver = Driver::new();
    driver.sent(0, &Build::new(7, RD).ask("example.com", 1).edns(0).bytes());
    driver.received(5, &Build::new(7, ANSWER).ask("example.com", 1).edns(1).bytes());
    assert_eq!(lines(&driver.exchanges), ["example.com A BADVERS [] 5"]);
}

#[test]
fn aliases_are_followed_in_any_order() {
    let mut driver = Driver::new();
    driver.sent(0, &query(7, "www.example.com", 1));
    let answer = Build::new(7, ANSWER)
        .ask("www.example.com", 1)
        .answer("b.example.net", 5, 30, &name("c.example.net"))
        .answer("WWW.example.com", 5, 300, &name("b.example.net"))
        .answer("c.example.net", 1, 20, &[192, 0, 2, 3]);
    driver.received(5, &answer.bytes());
    let record = dns(&driver.exchanges[0]);
    assert_eq!(record.cname.as_deref(), Some("c.example.net"));
    assert_eq!(record.ttl, Some(20));
    assert_eq!(record.answers.as_deref().unwrap(), ["c.example.net.", "b.example.net.", "192.0.2.3"]);
    assert_eq!(record.answer_types.as_deref().unwrap(), ["CNAME", "CNAME", "A"]);
}

#[test]
fn an_alias_loop_ends() {
    let mut driver = Driver::new();
    driver.sent(0, &query(7, "a.example", 1));
    let answer = Build::new(7, ANSWER).ask("a.example", 1).answer("a.example", 5, 30, &name("b.example")).answer(
        "b.example",
        5,
        30,
        &name("a.example"),
    );
    driver.received(5, &answer.bytes());
    assert_eq!(dns(&driver.exchanges[0]).cname.as_deref(), Some("a.example"));
}

#[test]
fn multicast_answers_find_their_questions() {
    let group = peer("224.0.0.251", 5353);
    let mut driver = Driver::new();
    let asked = Build::new(0, 0).ask("_ipp._tcp.local", 12).ask("host.local", 28);
    driver.datagram(0, Direction::Sent, &asked.bytes(), Some(&group));
    let service = name("printer._ipp._tcp.local");
    let answer = Build::new(0, 0x8400).answer("_ipp._tcp.local", 12, 4500, &service).bytes();
    driver.datagram(9, Direction::Received, &answer, Some(&peer("192.0.2.7", 5353)));
    assert_eq!(lines(&driver.exchanges), ["_ipp._tcp.local PTR NOERROR [printer._ipp._tcp.local.] 9"]);
    assert_eq!(lines(&driver.finish()[1..]), ["host.local AAAA - - -"]);
}

#[test]
fn an_answer_to_the_group_is_one_to_whoever_asked() {
    let (group, asking, other) = (peer("224.0.0.251", 5353), peer("10.0.0.7", 5353), peer("10.0.0.8", 5353));
    let mut driver = Driver::new();
    let asked = Build::new(0, 0).ask("printer.local", 1).bytes();
    driver.datagram(0, Direction::Received, &asked, Some(&asking));
    let answer = Build::new(0, ANSWER).answer("printer.local", 1, 120, &[10, 0, 0, 9]).bytes();
    driver.datagram(30, Direction::Sent, &answer, Some(&group));
    // It hears itself; and then another says the same.
    driver.datagram(31, Direction::Received, &answer, Some(&other));
    assert_eq!(lines(&driver.exchanges), ["printer.local A NOERROR [10.0.0.9] 30"]);
    driver.datagram(32, Direction::Received, &answer, Some(&other));
    assert_eq!(lines(&driver.exchanges[1..]), ["printer.local A NOERROR [10.0.0.9] -"]);
}

#[test]
fn a_group_need_not_answer() {
    let mut driver = Driver::new();
    driver.datagram(0, Direction::Sent, &query(9, "printer", 1), Some(&peer("224.0.0.252", 5355)));
    driver.sent(0, &query(0, "host.local", 1));
    driver.tick(LATE);
    assert_eq!(lines(&driver.exchanges), ["printer A - - -", "host.local A - - -"]);
    assert!(driver.exchanges.iter().all(|exchange| !exchange.cut_short));
}

#[test]
fn multicast_announcements_are_rows() {
    let mut driver = Driver::new();
    let mut announcement = Build::new(0, 0x8400)
        .answer("host.local", 1, 120, &[192, 0, 2, 7])
        .answer("host.local", 28, 120, &[0; 16])
        .bytes();
    // Class IN with the cache-flush bit.
    let class = name("host.local").len() + 12 + 2;
    announcement[class] = 0x80;
    driver.received(0, &announcement);
    assert_eq!(lines(&driver.exchanges), ["host.local A NOERROR [192.0.2.7, ::] -"]);
    assert_eq!(dns(&driver.exchanges[0]).class.as_deref(), Some("IN"));
}

#[test]
fn link_local_answers_come_from_another_address() {
    let mut driver = Driver::new();
    driver.datagram(0, Direction::Sent, &query(9, "printer", 1), Some(&peer("224.0.0.252", 5355)));
    driver.datagram(4, Direction::Received, &response(9, "printer"), Some(&peer("192.0.2.9", 5355)));
    assert_eq!(lines(&driver.exchanges), ["printer A NOERROR [192.0.2.1] 4"]);
}

#[test]
fn notify_and_update_are_rows() {
    let mut driver = Driver::new();
    driver.received(0, &Build::new(1, 0x2400).ask("example.com", 6).bytes());
    driver.sent(3, &Build::new(1, 0xa400).ask("example.com", 6).bytes());
    driver.sent(10, &Build::new(2, 0x2800).ask("example.com", 6).bytes());
    driver.received(14, &Build::new(2, 0xa805).ask("example.com", 6).bytes());
    assert_eq!(lines(&driver.exchanges), ["example.com SOA NOERROR [] 3", "example.com SOA REFUSED [] 4"]);
}

#[test]
fn what_was_cut_is_marked() {
    let mut driver = Driver::new();
    driver.sent(0, &query(7, "example.com", 1));
    let whole = Build::new(7, ANSWER)
        .ask("example.com", 1)
        .answer("example.com", 1, 60, &[192, 0, 2, 1])
        .answer("example.com", 1, 60, &[192, 0, 2, 2])
        .bytes();
    driver.raw(&Datagram {
        mark: mark(8),
        direction: Direction::Received,
        bytes: &whole[..whole.len() - 3],
        original_len: whole.len() as u64,
        peer: None,
    });
    assert_eq!(line(&driver.exchanges[0]), "example.com A NOERROR [192.0.2.1] 8");
    assert!(dns(&driver.exchanges[0]).common.truncated);
}

#[test]
fn what_is_no_message_is_counted() {
    let mut driver = Driver::new();
    driver.received(0, b"hello");
    assert_eq!((driver.skipped, driver.exchanges.len()), (5, 0));
}

#[test]
fn open_questions_are_bounded() {
    let mut driver = Driver::new();
    for number in 0..20_000_u32 {
        let id = u16::try_from(number % 60_000).unwrap();
        driver.sent(u64::from(number), &query(id, "example.com", 1));
    }
    assert_eq!(driver.exchanges.len(), 10_000);
}
