//! Every screen, small and large, in ASCII and in colour.

use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use super::super::screens::SCREENS;
use super::{Stage, recording};

/// Every screen after all findings are known.
fn every_screen(width: u16, height: u16, color: bool, ascii: bool, name: &str, show: fn(&Stage) -> String) {
    let mut stage = Stage::look(recording(usize::MAX), width, height, color, ascii);
    stage.find();
    for (digit, screen) in (1..).zip(&SCREENS) {
        stage.keys(&digit.to_string());
        insta::assert_snapshot!(format!("{digit}-{}-{width}x{height}-{name}", screen.short), show(&stage));
    }
}

fn ascii(stage: &Stage) -> String {
    let text = stage.screen();
    assert!(text.is_ascii(), "{text}");
    text
}

fn colored(stage: &Stage) -> String {
    styled(&stage.buffer())
}

/// Text with the changes of its look in brackets.
fn styled(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut former = String::new();
        let mut line = String::new();
        for x in 0..buffer.area.width {
            let cell = &buffer[(x, y)];
            let look = look(cell);
            if look != former {
                write!(line, "⟦{look}⟧").unwrap();
                former = look;
            }
            line.push_str(cell.symbol());
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn look(cell: &Cell) -> String {
    let mut look = match cell.fg {
        Color::Reset => String::new(),
        color => color.to_string().to_lowercase(),
    };
    for (modifier, name) in [
        (Modifier::BOLD, "+bold"),
        (Modifier::DIM, "+dim"),
        (Modifier::REVERSED, "+reversed"),
        (Modifier::UNDERLINED, "+underlined"),
    ] {
        if cell.modifier.contains(modifier) {
            look.push_str(name);
        }
    }
    look
}

#[test]
fn every_screen_at_80_by_24_in_ascii() {
    every_screen(80, 24, false, true, "ascii", ascii);
}

#[test]
fn every_screen_at_120_by_40_in_ascii() {
    every_screen(120, 40, false, true, "ascii", ascii);
}

#[test]
fn every_screen_at_80_by_24_in_colour() {
    every_screen(80, 24, true, false, "colour", colored);
}

#[test]
fn every_screen_at_120_by_40_in_colour() {
    every_screen(120, 40, true, false, "colour", colored);
}

#[test]
fn help_lists_every_key() {
    let mut stage = Stage::new(120, 80, false);
    stage.keys("?");
    insta::assert_snapshot!(stage.screen());
}
