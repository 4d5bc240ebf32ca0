//! The first two lines and the last one.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthStr;

use super::super::columns::rate;
use super::super::format::{bytes, count, cut, fit};
use super::super::keys::BINDINGS;
use super::super::model::{Mode, Model, Status};
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
    let new = |then: u64| count(status.exchanges.saturating_sub(then));
    let state = match (model.paused, status.live) {
        (Some(then), _) => (format!(" PAUSED +{} new ", new(then)), theme.warning().add_modifier(Modifier::REVERSED)),
        (None, true) if model.pane().held.is_some() => {
            let text = format!(" LIVE +{} new ", new(model.pane().held.unwrap_or(0)));
            (text, theme.good().add_modifier(Modifier::REVERSED))
        }
        (None, true) => (" LIVE ".to_owned(), theme.good().add_modifier(Modifier::REVERSED)),
        (None, false) if status.attaching => {
            (" ATTACHING ".to_owned(), theme.warning().add_modifier(Modifier::REVERSED))
        }
        (None, false) if status.reading => (" READING ".to_owned(), theme.warning().add_modifier(Modifier::REVERSED)),
        (None, false) => (" FILE ".to_owned(), theme.name().add_modifier(Modifier::REVERSED)),
    };
    let narrow = usize::from(area.width) < WIDE;
    let errors = format!("{:.1}% {}", status.error_share * 100.0, if narrow { "err" } else { "errors" });
    let lost = format!("lost {}", count(status.lost));
    let reach = match status.range {
        Some((first, last)) => seconds(last.saturating_sub(first) / 1_000_000_000),
        None => "0s".to_owned(),
    };
    let source = if narrow { status.source.trim_start_matches("demo ") } else { &status.source };
    // Nothing comes any more: how many there are says more than how many came within the last seconds.
    let (many, errors, failing) = match status.is_settled() {
        true => (format!("{} rows", count(status.exchanges)), errors_of(status, narrow), status.errors > 0),
        false => (format!("{}/s", rate(status.rate)), errors, status.error_share > 0.0),
    };
    let facts = [
        (many, RATE, Style::new()),
        (errors, ERRORS, if failing { theme.error() } else { Style::new() }),
        (lost, 0, if status.lost > 0 { theme.error() } else { Style::new() }),
        (format!("kept {reach} {}", bytes(status.bytes)), 0, Style::new()),
        (format!("own {:.0}% {}", status.cpu * 100.0, bytes(status.resident)), 0, theme.faint()),
        (source.to_owned(), 0, theme.faint()),
    ];
    let long: usize = facts.iter().map(|(text, _, _)| text.width() + 1).sum();
    // Where room is short, its own memory is what nobody misses (Health has it).
    let tight = narrow && state.0.width() + long > usize::from(area.width);
    let mut line = vec![state];
    for (place, (text, least, style)) in facts.into_iter().enumerate() {
        let text = if tight && place == OWN { format!("own {:.0}%", status.cpu * 100.0) } else { text };
        line.push((if narrow { " " } else { "  " }.to_owned(), Style::new()));
        // What changes all the time does not move what stands behind it.
        line.push((if narrow { text } else { format!("{text:>least$}") }, style));
    }
    pieces(buffer, area, &line, theme.ellipsis());
}

/// The share of all exchanges that failed.
fn errors_of(status: &Status, narrow: bool) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one digit behind the point is shown")]
    let share = status.errors as f64 / status.exchanges.max(1) as f64;
    format!("{:.1}% {}", share * 100.0, if narrow { "err" } else { "errors" })
}

/// Place of its own cost in the second line.
const OWN: usize = 4;
/// Columns of a rate and of a share of errors.
const RATE: usize = 6;
const ERRORS: usize = 11;

/// What can be done, or what there is to say.
pub(super) fn footer(model: &Model, buffer: &mut Buffer, area: Rect) {
    let (theme, width) = (model.theme, usize::from(area.width));
    let say = |text: &str, style: Style, buffer: &mut Buffer| {
        let text = if theme.ascii { text.replace('·', "|") } else { text.to_owned() };
        put(buffer, area, 0, &fit(&super::super::format::safe(&text), width, false, theme.ellipsis()), style);
    };
    match &model.mode {
        Mode::Query(_) => {
            let own = if width < WIDE { "" } else { " (empty: the screen's own query)" };
            let text = format!("Enter run · Tab complete · Up/Down choose, history · Esc leave{own}");
            return say(&text, theme.faint(), buffer);
        }
        Mode::Prompt(prompt) => {
            let text = format!("{}: {}_", prompt.question, prompt.editor.text());
            return say(&text, theme.warning(), buffer);
        }
        Mode::Leaving => {
            return say(
                "rows are only in memory: q quit anyway · s snapshot first · other keys: stay",
                theme.warning(),
                buffer,
            );
        }
        Mode::Choose(_) => return say("Enter go there · Up/Down choose · Esc back", theme.faint(), buffer),
        Mode::Help { .. } => return say("Up/Down, PgUp/PgDn scroll · any other key: back", theme.faint(), buffer),
        Mode::Detail if model.note.is_none() => {
            return say(
                "Esc back · Enter open, fold · / search · n N next, previous · y copy · ? help",
                theme.faint(),
                buffer,
            );
        }
        Mode::Copied { .. } => return say("any key goes back", theme.faint(), buffer),
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
        let more = match model.findings.len() - 1 {
            0 => String::new(),
            more => format!("  +{more} more: !"),
        };
        // The keys to begin with stay in view, and so does how to see the rest.
        let room = width.saturating_sub(more.width() + if width < WIDE { 10 } else { 44 });
        let text = format!("! {}{more}", cut(&finding.text, room.saturating_sub(2), theme.ellipsis()));
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

/// From this width on there is room for more than a finding.
const WIDE: usize = 100;

/// A span of time for people.
pub(super) fn seconds(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        _ => format!("{}h", seconds / 3600),
    }
}
