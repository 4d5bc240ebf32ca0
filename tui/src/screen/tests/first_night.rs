//! What was in the way of someone who had never seen the screens: one test for each.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::super::model::{Mode, Model};
use super::super::update::{Message, update};
use super::Stage;

const OWN: &str = "requests where role = 'server' or twin is null | sort time desc | take 500";

#[test]
fn f_leads_back_to_the_present_from_anywhere_in_time() {
    let mut stage = Stage::new(80, 24, true);
    stage.keys("jjj,,");
    assert!(stage.model.pane().query.contains("where time <= "), "{}", stage.model.pane().query);
    stage.keys(" f");
    assert_eq!(stage.model.pane().query, OWN);
    assert!(stage.model.paused.is_none(), "following is not pausing");
    // A range too; what was typed stays.
    stage.query("requests where error | sort time desc");
    stage.keys("vjjjv");
    assert!(stage.model.pane().query.contains("time between"), "{}", stage.model.pane().query);
    stage.keys("f");
    assert_eq!(stage.model.pane().query, "requests where error | sort time desc");
}

#[test]
fn an_error_that_was_found_does_not_move_away_under_the_cursor() {
    let mut stage = Stage::new(80, 24, true);
    stage.published.status.live = true;
    stage.tell(Message::Rows(stage.published.status.clone()));
    stage.keys("n");
    assert!(stage.model.pane().row > 0, "{}", stage.screen());
    let mut status = stage.published.status.clone();
    status.exchanges += 5;
    assert_eq!(update(&mut stage.model, Message::Rows(status)), [], "rows stay");
    assert!(stage.screen().contains("+5 new"), "{}", stage.screen());
}

#[test]
fn carets_stand_under_the_mistake_of_a_query_that_is_longer_than_the_line() {
    let mut stage = Stage::new(80, 24, true);
    stage.keys("/");
    stage.tell(Message::Key(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL)));
    stage.keys("http where status >= 500 and method = 'GET' and path = '/checkout' and host = 'shop' and latencx > 3");
    let screen = stage.screen();
    let lines: Vec<_> = screen.lines().collect();
    let (query, carets) = (lines[2], lines[3]);
    assert_eq!(query.find("latencx"), carets.find("^^^^^^^"), "{screen}");
    assert!(carets.contains("^^^^^^^"), "{screen}");
}

#[test]
fn a_list_that_is_longer_than_the_screen_follows_the_choice() {
    let mut stage = Stage::new(80, 24, true);
    stage.model.saved = (0..30).map(|at| (format!("query number {at}"), "http | take 1".to_owned())).collect();
    stage.keys(":");
    stage.keys(&"j".repeat(29));
    assert!(matches!(stage.model.mode, Mode::Choose(_)));
    assert!(stage.screen().contains("query number 29"), "{}", stage.screen());
    stage.keys(&"k".repeat(29));
    assert!(stage.screen().contains("query number 0\n"), "{}", stage.screen());
}

#[test]
fn nothing_of_the_second_line_is_cut_at_80_columns() {
    let mut stage = Stage::new(80, 24, true);
    stage.keys(" ");
    let mut status = stage.published.status.clone();
    (status.exchanges, status.live) = (status.exchanges + 2379, true);
    (status.bytes, status.resident, status.rate) = (36 << 20, 343 << 20, 471.0);
    "live".clone_into(&mut status.source);
    status.source.insert_str(0, "source=");
    stage.tell(Message::Rows(status));
    let screen = stage.screen();
    assert!(screen.lines().nth(1).is_some_and(|line| line.ends_with("source=live")), "{screen}");
}

/// Lines that are there to explain are of no use when their end is missing.
#[test]
fn what_explains_is_read_to_its_end_at_80_columns() {
    for keys in ["?", "/", "s", "9", "5", "q", "3"] {
        let mut stage = Stage::new(80, 24, true);
        stage.keys(keys);
        let screen = stage.screen();
        let explains = |line: &&str| {
            ["Enter ", "resolvers:", "other key", "a column", "  f "].iter().any(|text| line.contains(text))
        };
        for line in screen.lines().skip(3).filter(explains) {
            assert!(!line.ends_with('~'), "{keys}: {line}");
        }
    }
}

#[test]
fn what_came_of_a_call_of_the_chain_stays_in_view_at_80_columns() {
    let mut stage = Stage::new(80, 24, true);
    stage.query("http where path = '/checkout' and role = 'server' | sort latency desc");
    stage.key(KeyCode::Enter);
    let screen = stage.screen();
    let calls: Vec<_> = screen.lines().filter(|line| line.contains("SELECT stock") && !line.contains("N+1")).collect();
    assert!(!calls.is_empty(), "{screen}");
    // The answer's tag: so many rows.
    let tagged = |line: &&str| line.rsplit("  SELECT ").next().is_some_and(|rows| rows.parse::<u32>().is_ok());
    assert!(calls.iter().all(tagged), "{screen}");
}

#[test]
fn a_model_without_rows_takes_every_key() {
    let mut model = Model::new(false, true, Vec::new());
    for key in "fnN,.tvxeymd!+-boc ".chars() {
        let _ = update(&mut model, Message::Key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE)));
        let _ = update(&mut model, Message::Key(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE)));
    }
}

/// Nobody is watched in a capture: what is not known of any row takes no room.
#[test]
fn columns_that_say_nothing_give_their_room_away_over_files() {
    let mut http = protocols::record::Http { path: Some("/".to_owned()), ..Default::default() };
    http.common.time.0 = 1_000_000_000;
    http.common.id = 1;
    let rows = super::rows([protocols::record::Record::Http(Box::new(http))]);
    let mut stage = Stage::over(rows, 80, 24, true);
    assert!(!stage.screen().contains("process"), "{}", stage.screen());
    stage.published.status.live = true;
    stage.tell(Message::Rows(stage.published.status.clone()));
    assert!(stage.screen().contains("process"), "rows may follow that have one: {}", stage.screen());
    stage.published.status.live = false;
    stage.tell(Message::Rows(stage.published.status.clone()));
    stage.keys("4");
    assert!(stage.screen().contains("nothing of this in what was read"), "{}", stage.screen());
}
