//! Colours and glyphs: sixteen colours or none, Unicode or ASCII. Every colour has a mark beside it that says the same.

use query::Value;
use ratatui::style::{Color, Modifier, Style};

/// How things look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Theme {
    color: bool,
    pub(super) ascii: bool,
}

impl Theme {
    /// With or without colours and characters beyond ASCII.
    pub(super) fn new(color: bool, ascii: bool) -> Self {
        Self { color, ascii }
    }

    fn colored(self, color: Color, otherwise: Modifier) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new().add_modifier(otherwise) }
    }

    /// Something failed.
    pub(super) fn error(self) -> Style {
        self.colored(Color::Red, Modifier::BOLD)
    }

    /// Something deserves a look.
    pub(super) fn warning(self) -> Style {
        self.colored(Color::Yellow, Modifier::BOLD)
    }

    /// Something is well, or of the user's own making.
    pub(super) fn good(self) -> Style {
        self.colored(Color::Green, Modifier::empty())
    }

    /// Names of things.
    pub(super) fn name(self) -> Style {
        self.colored(Color::Cyan, Modifier::empty())
    }

    /// What matters less.
    pub(super) fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// Headings.
    pub(super) fn heading(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The row under the cursor.
    pub(super) fn cursor(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// The cell under the cursor.
    pub(super) fn cell(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED | Modifier::UNDERLINED | Modifier::BOLD)
    }

    /// Name of the column under the cursor.
    pub(super) fn chosen(self) -> Style {
        self.name().add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
    }

    /// A cell of a row that did not fail: how well it went, or what matters less.
    pub(super) fn outcome(self, column: &str, value: &Value) -> Style {
        let is = |text: &str| matches!(value, Value::String(value) if value == text);
        match (column, value) {
            ("status", Value::U64(400..)) => self.warning(),
            ("outcome", Value::String(text)) if text.len() == 3 && text.starts_with('4') => self.warning(),
            ("outcome" | "rcode", _) if is("NXDOMAIN") => self.warning(),
            ("outcome" | "status" | "status_name" | "rcode", Value::String(_) | Value::U64(_)) => self.good(),
            ("state", _) if is("open") || is("active") => self.good(),
            ("state", _) if is("connecting") || is("skipped") || is("unsupported") => self.warning(),
            ("time" | "protocol" | "remote_addr" | "remote_port" | "pid" | "role", _) => self.faint(),
            ("process" | "service", _) => self.name(),
            _ => Style::new(),
        }
    }

    /// A cell of a heat map, from little to much.
    pub(super) fn heat(self, share: f64) -> Style {
        match share {
            share if share > 0.75 => self.colored(Color::Red, Modifier::empty()),
            share if share > 0.4 => self.colored(Color::Yellow, Modifier::empty()),
            share if share > 0.1 => self.colored(Color::Green, Modifier::empty()),
            _ => self.colored(Color::Blue, Modifier::empty()),
        }
    }

    /// From caller to callee.
    pub(super) fn arrow(self) -> &'static str {
        if self.ascii { "->" } else { "→" }
    }

    /// From little to much, in `0..=1`: one of the glyphs of a sparkline or heat map.
    pub(super) fn level(self, share: f64) -> char {
        let glyphs = if self.ascii { ASCII_LEVELS } else { LEVELS };
        pick(glyphs, share)
    }

    /// Shade of a heat map's cell.
    pub(super) fn shade(self, share: f64) -> char {
        let glyphs = if self.ascii { ASCII_SHADES } else { SHADES };
        pick(glyphs, share)
    }

    /// Part of a bar.
    pub(super) fn bar(self) -> char {
        if self.ascii { '#' } else { '█' }
    }

    /// Says that something was cut off.
    pub(super) fn ellipsis(self) -> char {
        if self.ascii { '~' } else { '…' }
    }

    /// A vertical line.
    pub(super) fn rule(self) -> char {
        if self.ascii { '|' } else { '│' }
    }
}

fn pick(glyphs: &[char], share: f64) -> char {
    let last = glyphs.len().saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "between 0 and the number of glyphs"
    )]
    let index = (share.clamp(0.0, 1.0) * last as f64).ceil() as usize;
    glyphs.get(index.min(last)).copied().unwrap_or(' ')
}

const LEVELS: &[char] = &[' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII_LEVELS: &[char] = &[' ', '.', ':', '-', '=', '+', '*', '#', '@'];
const SHADES: &[char] = &[' ', '░', '▒', '▓', '█'];
const ASCII_SHADES: &[char] = &[' ', '.', 'o', 'O', '#'];
