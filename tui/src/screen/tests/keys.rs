//! What keys do: messages in, screens out.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::super::model::Mode;
use super::super::update::{Message, update};
use super::{Stage, recording};

#[test]
fn a_failing_endpoint_is_found_and_opened_from_its_finding() {
    let mut stage = Stage::new(120, 40, false);
    stage.find();
    let texts: Vec<_> = stage.model.findings.iter().map(|finding| finding.text.clone()).collect();
    assert!(texts.iter().any(|text| text.starts_with("POST /") && text.contains(" fails: ")), "{texts:?}");
    assert!(texts.iter().any(|text| text.starts_with("N+1: POST /checkout")), "{texts:?}");
    stage.keys("!");
    stage.key(KeyCode::Enter);
    assert!(stage.model.pane().height() > 0, "{}", stage.screen());
    insta::assert_snapshot!(stage.screen());
}

#[test]
fn the_detail_of_a_checkout_names_the_repeated_statement() {
    let mut stage = Stage::new(120, 40, false);
    stage.query("http where path = '/checkout' and role = 'server' | sort latency desc");
    stage.key(KeyCode::Enter);
    let text = stage.screen();
    assert!(text.contains("N+1: ") && text.contains("SELECT stock, price FROM products WHERE id = ?"), "{text}");
    insta::assert_snapshot!(text);
    stage.keys("y");
    let copied = stage.copied.clone().unwrap();
    assert!(copied.starts_with("curl -X POST http://shop.example/checkout"), "{copied}");
    assert!(copied.contains("$COOKIE") && !copied.contains("***"), "a mask is copied as a variable: {copied}");
    assert!(matches!(stage.model.mode, Mode::Copied { .. }), "it is shown too");
    stage.keys(" ");
    stage.key(KeyCode::Esc);
    assert!(matches!(stage.model.mode, Mode::Browse));
}

#[test]
fn filters_come_from_the_cell_and_esc_takes_them_back() {
    let mut stage = Stage::new(120, 40, false);
    let own = stage.model.pane().query.clone();
    let all = stage.model.pane().height();
    // The second column to the right is `outcome`.
    stage.keys("ll+");
    let filtered = stage.model.pane().query.clone();
    assert!(filtered.contains(" | where outcome "), "{filtered}");
    assert!(stage.model.pane().height() < all && stage.model.pane().height() > 0, "{}", stage.screen());
    stage.keys("b");
    assert!(stage.model.pane().query.contains("count by"), "{}", stage.model.pane().query);
    stage.key(KeyCode::Esc);
    assert_eq!(stage.model.pane().query, filtered);
    stage.key(KeyCode::Esc);
    assert_eq!(stage.model.pane().query, own);
}

#[test]
fn a_group_opens_to_its_rows_and_back() {
    let mut stage = Stage::new(120, 40, false);
    stage.keys("2");
    stage.key(KeyCode::Enter);
    assert_eq!(stage.model.current, 0);
    let query = &stage.model.pane().query;
    assert!(query.starts_with("http where") && query.contains("route = ") && query.contains("service = "), "{query}");
    assert!(stage.model.pane().height() > 0);
    stage.key(KeyCode::Esc);
    assert_eq!(stage.model.current, 1);
    stage.keys("1");
    assert_eq!(stage.model.pane().query, super::super::screens::query_of(0));
}

#[test]
fn a_wrong_query_is_explained_under_it_as_it_is_typed() {
    let mut stage = Stage::new(80, 24, true);
    stage.keys("/");
    stage.tell(Message::Key(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL)));
    stage.keys("http where stats > 3");
    let text = stage.screen();
    assert!(text.contains("^^^^^") && text.contains("status"), "{text}");
    stage.key(KeyCode::Enter);
    assert!(matches!(stage.model.mode, Mode::Query(_)), "a wrong query is not run");
    stage.key(KeyCode::Esc);
    assert_eq!(stage.model.pane().query, super::super::screens::query_of(0));
}

#[test]
fn pausing_counts_what_comes_meanwhile() {
    let mut stage = Stage::new(80, 24, true);
    stage.keys(" ");
    let mut status = stage.published.status.clone();
    status.exchanges += 17;
    stage.tell(Message::Rows(status));
    assert!(stage.screen().contains("PAUSED +17 new"), "{}", stage.screen());
    stage.keys(" ");
    assert!(!stage.screen().contains("PAUSED"));
}

#[test]
fn rows_stay_where_they_are_while_the_cursor_is_on_one() {
    let mut stage = Stage::new(80, 24, true);
    stage.published.status.live = true;
    stage.tell(Message::Rows(stage.published.status.clone()));
    stage.keys("jj");
    let mut status = stage.published.status.clone();
    status.exchanges += 5;
    assert_eq!(update(&mut stage.model, Message::Rows(status)), []);
    assert!(stage.screen().contains("LIVE +5 new"), "{}", stage.screen());
    stage.keys("f");
    assert!(!stage.screen().contains("new"), "{}", stage.screen());
    assert_ne!(update(&mut stage.model, Message::Rows(stage.published.status.clone())), []);
}

#[test]
fn what_changed_since_the_mark_is_told_with_figures() {
    let mut stage = Stage::over(recording(4000), 120, 40, false);
    stage.keys("d");
    assert!(stage.screen().contains("nothing is marked yet"), "{}", stage.screen());
    stage.keys("m");
    stage.published = recording(usize::MAX);
    stage.keys("d");
    let text = stage.screen();
    assert!(text.contains("What has changed") && text.contains("http /checkout") && text.contains(" -> "), "{text}");
}

#[test]
fn a_range_of_the_heat_map_becomes_a_filter() {
    let mut stage = Stage::new(120, 40, false);
    stage.keys("3hhhvhhhhhhhhhhv");
    let query = &stage.model.pane().query;
    assert_eq!(stage.model.current, 0);
    assert!(query.contains("time >= '2026-") && query.contains("and time < '2026-"), "{query}");
    assert!(stage.model.pane().height() > 0, "{}", stage.screen());
    stage.key(KeyCode::Esc);
    assert_eq!(stage.model.current, 2);
    // The slowest of the column under the cursor.
    stage.key(KeyCode::Enter);
    assert!(stage.model.pane().height() > 0, "{}", stage.screen());
}

#[test]
fn leaving_asks_once_while_rows_are_unsaved() {
    let mut stage = Stage::new(80, 24, true);
    stage.published.status.live = true;
    stage.tell(Message::Rows(stage.published.status.clone()));
    stage.keys("q");
    assert!(!stage.left && stage.screen().contains("only in memory"), "{}", stage.screen());
    stage.keys("q");
    assert!(stage.left);
}

/// A checkout in full.
fn checkout() -> Stage {
    let mut stage = Stage::new(120, 40, false);
    stage.query("http where path = '/checkout' and role = 'server' | sort latency desc");
    stage.key(KeyCode::Enter);
    stage
}

#[test]
fn a_call_of_the_cause_chain_opens_and_closes() {
    let mut stage = checkout();
    stage.keys("/");
    stage.keys("SELECT stock");
    stage.key(KeyCode::Enter);
    // The first hit is the pattern, the next one a call.
    stage.keys("n");
    stage.key(KeyCode::Enter);
    let text = stage.screen();
    assert!(text.contains("WHERE id = $1") && text.contains("$1 = "), "{text}");
    assert!(text.contains("pgsql at "), "{text}");
    stage.key(KeyCode::Esc);
    assert!(stage.screen().contains("SELECT product, count FROM cart_items"), "{}", stage.screen());
    stage.key(KeyCode::Esc);
    assert!(matches!(stage.model.mode, Mode::Browse));
}

#[test]
fn sections_fold() {
    let mut stage = checkout();
    stage.keys("/");
    stage.keys("Request head");
    stage.key(KeyCode::Enter);
    assert!(stage.screen().contains("  host: shop.example"), "{}", stage.screen());
    stage.keys("l");
    let text = stage.screen();
    assert!(text.contains("Request head +") && !text.contains("  host: shop.example"), "{text}");
}

#[test]
fn the_lower_parts_of_a_screen_are_reached_by_going_down() {
    let mut stage = Stage::new(120, 40, false);
    stage.keys("5");
    let own = stage.model.pane().query.clone();
    stage.keys("Gj");
    let query = stage.model.pane().query.clone();
    assert!(query != own && query.contains("no_name"), "the query of the part with the cursor is shown: {query}");
    assert!(stage.screen().lines().nth(2).unwrap().contains("dns where"), "{}", stage.screen());
    stage.key(KeyCode::Enter);
    assert!(stage.model.pane().query.contains("remote_port = "), "{}", stage.model.pane().query);
    assert!(stage.model.pane().height() > 0, "{}", stage.screen());
    stage.key(KeyCode::Esc);
    stage.keys("k");
    assert_eq!(stage.model.pane().query, own);
}

#[test]
fn an_edge_of_the_map_opens_to_its_exchanges() {
    let mut stage = Stage::new(120, 40, false);
    stage.keys("7");
    let text = stage.screen();
    assert!(text.contains("browser → shop") && text.contains("  shop → shop-db"), "{text}");
    stage.key(KeyCode::Enter);
    let query = &stage.model.pane().query;
    assert!(query.contains("service = 'browser'") && !query.contains("join"), "{query}");
    assert!(stage.model.pane().height() > 0, "{}", stage.screen());
}

#[test]
fn time_is_stepped_through_and_left_again() {
    let mut stage = Stage::new(120, 40, false);
    let newest = stage.screen();
    stage.keys(",");
    assert!(stage.model.pane().query.contains("where time <= '2026-"), "{}", stage.model.pane().query);
    assert_ne!(stage.screen(), newest);
    stage.keys("..");
    assert_eq!(stage.model.pane().query, super::super::screens::query_of(0), "beyond the last row lies the present");
    stage.keys("t");
    stage.keys("noon");
    stage.key(KeyCode::Enter);
    assert!(stage.model.note.is_some(), "what is no time is told");
    assert_eq!(stage.model.pane().query, super::super::screens::query_of(0));
    stage.keys("jjjjvjjjjv");
    assert!(stage.model.pane().query.contains("time between '"), "{}", stage.model.pane().query);
    assert_eq!(stage.model.pane().height(), 5, "{}", stage.screen());
}

#[test]
fn columns_keep_their_places_while_rows_come() {
    let mut stage = Stage::over(recording(3000), 120, 40, false);
    let place = |stage: &Stage| stage.screen().lines().nth(3).unwrap().find("protocol").unwrap();
    let before = place(&stage);
    stage.published = rows_without_long_texts();
    stage.tell(Message::Rows(stage.published.status.clone()));
    assert_eq!(place(&stage), before);
}

/// Short rows only.
fn rows_without_long_texts() -> super::Published {
    let published = recording(200);
    assert!(published.status.exchanges > 0);
    published
}

#[test]
fn values_that_were_seen_complete_a_query() {
    let mut stage = Stage::new(120, 40, false);
    stage.keys("/");
    stage.tell(Message::Key(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL)));
    stage.keys("http where route = '/che");
    assert!(stage.screen().contains("'/checkout'"), "{}", stage.screen());
    stage.key(KeyCode::Tab);
    stage.key(KeyCode::Enter);
    assert_eq!(stage.model.pane().query, "http where route = '/checkout'");
    assert!(stage.model.pane().height() > 0);
    stage.keys("/");
    stage.key(KeyCode::Up);
    stage.key(KeyCode::Esc);
    assert_eq!(stage.model.history, ["http where route = '/checkout'"]);
}
