//! The first two lines and the last one.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthStr;

use super::super::format::{bytes, count, cut, fit};
use super::super::keys::BINDINGS;
use super::super::model::{Mode, Model};
use super::super::screens::SCREENS;
use super::{pieces, put};

/// `1Req 2Svc …`, the shown one marked.
pub(super) fn screens(model: &Model, buffer: &mut Buffer, area: Rect) {
    let mut line = Vec::new();
    for (index, screen) in SCREENS.iter().enumerate() {
        let style = match index == model.current {
            true => Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD),
            false => Style::new(),
        };
        line.push((format!("{}{}", index + 1, screen.short), style));
        line.push((" ".to_owned(), Style::new()));
    }
    if area.width >= 100 {
        line.push((format!("  {}", SCREENS[model.current].name), model.theme.faint()));
    }
    pieces(buffer, area, &line, model.theme.ellipsis());
}

/// Rate, error share, loss, retention, own cost, and whether rows still come.
pub(super) fn status(model: &Model, buffer: &mut Buffer, area: Rect) {
    let (status, theme) = (&model.status, model.theme);
    let gap = || ("  ".to_owned(), Style::new());
    let new = |then: u64| count(status.exchanges.saturating_sub(then));
    let state = match (model.paused, status.live) {
        (Some(then), _) => (format!(" PAUSED +{} new ", new(then)), theme.warning().add_modifier(Modifier::REVERSED)),
        (None, true) if model.pane().held.is_some() => {
            let text = format!(" LIVE +{} new ", new(model.pane().held.unwrap_or(0)));
            (text, theme.good().add_modifier(Modifier::REVERSED))
        }
        (None, true) => (" LIVE ".to_owned(), theme.good().add_modifier(Modifier::REVERSED)),
        (None, false) => (" FILE ".to_owned(), theme.name().add_modifier(Modifier::REVERSED)),
    };
    let errors = format!("{:.1}% errors", status.error_share * 100.0);
    let lost = format!("lost {}", count(status.lost));
    let reach = match status.range {
        Some((first, last)) => seconds(last.saturating_sub(first) / 1_000_000_000),
        None => "0s".to_owned(),
    };
    let line = [
        state,
        gap(),
        (format!("{:.1}/s", status.rate), Style::new()),
        gap(),
        (errors, if status.error_share > 0.0 { theme.error() } else { Style::new() }),
        gap(),
        (lost, if status.lost > 0 { theme.error() } else { Style::new() }),
        gap(),
        (format!("kept {reach} {}", bytes(status.bytes)), Style::new()),
        gap(),
        (format!("own {:.0}% {}", status.cpu * 100.0, bytes(status.resident)), theme.faint()),
        gap(),
        (status.source.clone(), theme.faint()),
    ];
    pieces(buffer, area, &line, theme.ellipsis());
}

/// What can be done, or what there is to say.
pub(super) fn footer(model: &Model, buffer: &mut Buffer, area: Rect) {
    let (theme, width) = (model.theme, usize::from(area.width));
    let say = |text: &str, style: Style, buffer: &mut Buffer| {
        put(buffer, area, 0, &fit(&super::super::format::safe(text), width, false, theme.ellipsis()), style);
    };
    match &model.mode {
        Mode::Query(_) => {
            return say(
                "Enter run · Tab complete · Up/Down choose, history · Esc leave (empty: the screen's own query)",
                theme.faint(),
                buffer,
            );
        }
        Mode::Prompt(prompt) => {
            let text = format!("{}: {}_", prompt.question, prompt.editor.text());
            return say(&text, theme.warning(), buffer);
        }
        Mode::Leaving => {
            return say(
                "these rows are only in memory: q quit anyway · s snapshot first · any other key: stay",
                theme.warning(),
                buffer,
            );
        }
        Mode::Choose(_) => return say("Enter go there · Up/Down choose · Esc back", theme.faint(), buffer),
        Mode::Help { .. } => return say("Up/Down scroll · any other key: back", theme.faint(), buffer),
        Mode::Detail if model.note.is_none() => {
            return say(
                "Esc back · Up/Down PgUp/PgDn scroll · / search · n N next, previous · y copy",
                theme.faint(),
                buffer,
            );
        }
        Mode::Detail | Mode::Browse => {}
    }
    if let Some(note) = &model.note {
        return say(note, theme.warning(), buffer);
    }
    if let Some(trouble) = &model.status.trouble {
        return say(trouble, theme.error(), buffer);
    }
    let mut left = width;
    let mut line = Vec::new();
    if let Some(finding) = model.findings.first() {
        let more = model.findings.len() - 1;
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        let text = format!("! {}{more}", finding.text);
        // The keys to begin with stay in view.
        let text = cut(&text, width.saturating_sub(36), theme.ellipsis());
        left = left.saturating_sub(text.width() + 2);
        line.push((text, theme.warning()));
        line.push(("  ".to_owned(), Style::new()));
    }
    for binding in BINDINGS.iter().filter(|binding| !binding.footer.is_empty()) {
        let text = format!("{} {}", binding.name, binding.footer);
        if text.width() + 2 > left {
            continue;
        }
        left -= text.width() + 2;
        line.push((binding.name.to_owned(), theme.heading()));
        line.push((format!(" {}  ", binding.footer), theme.faint()));
    }
    pieces(buffer, area, &line, theme.ellipsis());
}

fn seconds(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        _ => format!("{}h", seconds / 3600),
    }
}
