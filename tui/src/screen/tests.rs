//! Messages in, screens out: over the demo's recording, without a terminal, a thread or a clock.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use probes::{EventSource, Next};
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::asker::{Answer, answer};
use super::model::{Mode, Model, Status};
use super::session::Published;
use super::update::{Command, Message, ask_findings, update};
use super::view;
use crate::demo::RECORDING;
use crate::options::Keep;
use crate::run::Engine;

/// The demo's recording as rows, at most so many events of it.
fn recording(events: usize) -> Published {
    let tracker = protocols::tracker::Config::default();
    let mut engine = Engine::new(&Keep { tracker, memory: 1 << 30, retain: None }, true);
    let options = probes::files::Options::default();
    let input = probes::files::open(Box::new(RECORDING), "recording", &options).unwrap();
    let probes::files::Input::Events(mut replay) = input else { unreachable!() };
    for _ in 0..events {
        let Next::Event(event) = replay.next(Duration::from_secs(1)).unwrap() else { break };
        engine.handle(event);
    }
    engine.finish();
    let (exchanges, errors) = engine.exchanges();
    let status = Status {
        exchanges,
        errors,
        rate: 512.5,
        error_share: 0.0125,
        rows: engine.rows().0,
        bytes: 3 << 20,
        budget: 256 << 20,
        range: engine.range(),
        cpu: 0.125,
        resident: 90 << 20,
        source: "demo source=recorded".to_owned(),
        coverage: "coverage: rows=9558 connections=476 bytes=1674800 parsed=100.0% lost=0".to_owned(),
        ..Status::default()
    };
    Published { snapshot: engine.snapshot(Vec::new()), context: engine.context(None), status }
}

/// The screens with everything around them that answers.
struct Stage {
    model: Model,
    published: Published,
    left: bool,
    copied: Option<String>,
    marked: Option<query::Snapshot>,
}

impl Stage {
    fn new(width: u16, height: u16, ascii: bool) -> Self {
        Self::over(recording(usize::MAX), width, height, ascii)
    }

    fn over(published: Published, width: u16, height: u16, ascii: bool) -> Self {
        let saved = vec![("slow routes".to_owned(), "http where latency > 100ms".to_owned())];
        let mut stage =
            Self { model: Model::new(false, ascii, saved), published, left: false, copied: None, marked: None };
        stage.tell(Message::Resize(width, height));
        stage.tell(Message::Rows(stage.published.status.clone()));
        stage
    }

    fn tell(&mut self, message: Message) {
        let commands = update(&mut self.model, message);
        self.perform(commands);
    }

    fn perform(&mut self, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::Ask(questions) => {
                    for question in questions {
                        let result = answer(&question, &self.published, self.marked.as_ref());
                        if let Err(error) = &result {
                            assert!(!is_own(&question.text), "`{}` is refused: {error}", question.text);
                        }
                        let answer = Answer { slot: question.slot, generation: question.generation, result };
                        self.tell(Message::Answer(answer));
                    }
                }
                Command::Mark => self.marked = Some(self.published.snapshot.clone()),
                Command::Copy(text) => self.copied = Some(text),
                Command::Quit => self.left = true,
                _ => {}
            }
        }
    }

    fn keys(&mut self, keys: &str) {
        keys.chars().for_each(|key| self.key(KeyCode::Char(key)));
    }

    fn key(&mut self, code: KeyCode) {
        self.tell(Message::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    }

    fn find(&mut self) {
        let questions = ask_findings(&self.model);
        self.perform(vec![Command::Ask(questions)]);
    }

    fn screen(&self) -> String {
        let mut terminal = Terminal::new(TestBackend::new(self.model.width, self.model.height)).unwrap();
        terminal.draw(|frame| view::draw(&self.model, frame)).unwrap();
        let text = terminal.backend().to_string();
        text.lines().map(|line| line.trim_matches('"').trim_end().to_owned() + "\n").collect()
    }
}

/// Queries that the program makes by itself must always be right.
fn is_own(query: &str) -> bool {
    !query.is_empty() && super::screens::SCREENS.iter().any(|screen| screen.query == query || screen.beside == query)
        || super::findings::RULES.iter().any(|rule| rule.query == query)
}

#[test]
fn every_screen_at_80_by_24_in_ascii() {
    let mut stage = Stage::new(80, 24, true);
    stage.find();
    for (digit, screen) in (1..).zip(&super::screens::SCREENS) {
        stage.keys(&digit.to_string());
        let text = stage.screen();
        assert!(text.is_ascii(), "{text}");
        insta::assert_snapshot!(format!("{digit}-{}-80x24", screen.short), text);
    }
}

#[test]
fn every_screen_at_120_by_40() {
    let mut stage = Stage::new(120, 40, false);
    stage.find();
    for (digit, screen) in (1..).zip(&super::screens::SCREENS) {
        stage.keys(&digit.to_string());
        insta::assert_snapshot!(format!("{digit}-{}-120x40", screen.short), stage.screen());
    }
}

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
    stage.keys("/");
    (0..200).for_each(|_| stage.key(KeyCode::Backspace));
    stage.keys("http where path = '/checkout' and role = 'server' | sort latency desc");
    stage.key(KeyCode::Enter);
    stage.key(KeyCode::Enter);
    let text = stage.screen();
    assert!(text.contains("N+1: ") && text.contains("SELECT stock, price FROM products WHERE id = ?"), "{text}");
    insta::assert_snapshot!(text);
    stage.keys("y");
    let copied = stage.copied.clone().unwrap();
    assert!(copied.starts_with("curl -X POST 'http://shop.example/checkout'"), "{copied}");
    assert!(copied.contains("$COOKIE") && !copied.contains("***"), "a mask is copied as a variable: {copied}");
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
    assert_eq!(stage.model.pane().query, super::screens::SCREENS[0].query);
}

#[test]
fn a_wrong_query_is_explained_under_it_as_it_is_typed() {
    let mut stage = Stage::new(80, 24, true);
    stage.keys("/");
    (0..200).for_each(|_| stage.key(KeyCode::Backspace));
    stage.keys("http where stats > 3");
    let text = stage.screen();
    assert!(text.contains("^^^^^") && text.contains("status"), "{text}");
    stage.key(KeyCode::Enter);
    assert!(matches!(stage.model.mode, Mode::Query(_)), "a wrong query is not run");
    stage.key(KeyCode::Esc);
    assert_eq!(stage.model.pane().query, super::screens::SCREENS[0].query);
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

#[test]
fn help_lists_every_key() {
    let mut stage = Stage::new(120, 80, false);
    stage.keys("?");
    insta::assert_snapshot!(stage.screen());
}

fn any_message() -> impl Strategy<Value = Message> {
    let key = prop_oneof![
        6 => any::<char>().prop_map(KeyCode::Char),
        20 => prop::sample::select("123456789/:+-bocfnNgGhjkl ,.tvxeymd!s?q".chars().collect::<Vec<_>>()).prop_map(KeyCode::Char),
        10 => prop::sample::select(vec![
            KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::BackTab, KeyCode::Up, KeyCode::Down, KeyCode::Left,
            KeyCode::Right, KeyCode::PageUp, KeyCode::PageDown, KeyCode::Home, KeyCode::End, KeyCode::Backspace, KeyCode::Delete,
        ]),
    ];
    prop_oneof![
        30 => key.prop_map(|code| Message::Key(KeyEvent::new(code, KeyModifiers::NONE))),
        3 => (0_u16..120, 0_u16..40, prop::sample::select(vec![MouseEventKind::ScrollDown, MouseEventKind::Down(MouseButton::Left)]))
            .prop_map(|(column, row, kind)| Message::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })),
        1 => (1_u16..300, 1_u16..100).prop_map(|(width, height)| Message::Resize(width, height)),
        1 => (0_u64..9).prop_map(|exchanges| Message::Rows(Status { exchanges, live: true, ..Status::default() })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn no_keys_and_sizes_break_it_and_it_can_always_be_left(messages in prop::collection::vec(any_message(), 250)) {
        let mut stage = Stage::over(recording(1000), 100, 30, false);
        for message in messages {
            stage.tell(message);
            stage.screen();
        }
        // Out of a line that is being edited, in which `q` is a letter like any other.
        stage.key(KeyCode::Esc);
        stage.keys("qqqqqqqqqq");
        prop_assert!(stage.left);
        stage.left = false;
        stage.tell(Message::Key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)));
        prop_assert!(stage.left);
    }
}
