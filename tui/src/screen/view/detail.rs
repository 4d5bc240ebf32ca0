//! One exchange in full.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::detail::Kind;
use super::super::format::cut;
use super::super::model::Model;
use super::put;

/// Draws the lines that are in view.
pub(super) fn detail(model: &Model, buffer: &mut Buffer, area: Rect) {
    let Some(detail) = &model.detail else { return };
    let theme = model.theme;
    let width = usize::from(area.width);
    let lines = detail.lines(width, theme);
    for (place, (number, line)) in (0..area.height).zip(lines.iter().enumerate().skip(detail.scroll)) {
        let style = match line.kind {
            Kind::Title => theme.name().patch(theme.heading()),
            Kind::Heading => theme.heading(),
            Kind::Plain => Style::new(),
            Kind::Faint => theme.faint(),
            Kind::Error => theme.error(),
            Kind::Warning => theme.warning(),
        };
        let mark = match line.kind {
            Kind::Error => "!",
            Kind::Warning => "*",
            _ => "",
        };
        let text = if line.text.starts_with(' ') && !mark.is_empty() {
            format!("{mark}{}", line.text.get(1..).unwrap_or_default())
        } else {
            line.text.clone()
        };
        let style = if number == detail.line { style.patch(theme.cursor()) } else { style };
        put(buffer, area, place, &cut(&text, width, theme.ellipsis()), style);
    }
}
