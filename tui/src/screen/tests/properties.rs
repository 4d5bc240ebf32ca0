//! Whatever is pressed, whatever the size, whatever the rows: nothing breaks, and it can be left.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use proptest::prelude::*;
use query::generate::Generator;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::super::model::Status;
use super::super::program::draw_into;
use super::super::update::Message;
use super::{Stage, rows};

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
    #![proptest_config(ProptestConfig { cases: 3, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn no_keys_sizes_and_rows_break_it_and_it_can_always_be_left(
        seed in any::<u64>(),
        count in 0_usize..60,
        messages in prop::collection::vec(any_message(), 1000),
    ) {
        let mut generator = Generator::new(seed);
        let mut stage = Stage::over(rows((0..count).map(|_| generator.any())), 100, 30, false);
        stage.find();
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

/// A window may shrink between two messages that tell of its size.
#[test]
fn a_window_that_has_shrunk_is_drawn_as_it_is() {
    let mut generator = Generator::new(1);
    for (width, height) in [(150, 50), (10, 3), (30, 8), (80, 24)] {
        let mut stage = Stage::over(rows((0..60).map(|_| generator.any())), 150, 50, false);
        for screen in '1'..='9' {
            stage.key(KeyCode::Char(screen));
            let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            terminal.draw(|frame| draw_into(&mut stage.model, frame)).unwrap();
            assert_eq!((stage.model.width, stage.model.height), (width, height));
            stage.tell(Message::Resize(150, 50));
        }
    }
}
