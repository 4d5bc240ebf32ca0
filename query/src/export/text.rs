//! Aligned text for people.
//!
//! Widths are fixed by the first rows. On a screen that is too narrow for all columns of a table, those that tell most are
//! shown, and the last line says how many are not.

use std::io::{self, Write};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::value::{Day, escape, raw, shown};
use super::{RowWriter, TextOptions};
use crate::schema;
use crate::table::{OutputColumn, Table, Value};
use crate::types::Type;

pub(super) struct Text {
    columns: Vec<OutputColumn>,
    options: TextOptions,
    layout: Option<Layout>,
}

/// What is shown, and how wide.
struct Layout {
    shown: Vec<Shown>,
    hidden: usize,
}

struct Shown {
    /// Number of the column.
    at: usize,
    width: usize,
    right: bool,
    /// It may be cut.
    cut: bool,
    day: Day,
}

const GAP: usize = 2;
/// A text is not cut to less than this.
const LEAST: usize = 8;
/// A text asks for no more than this.
const MOST: usize = 60;

impl Text {
    pub(super) fn new(columns: &[OutputColumn], options: TextOptions) -> Self {
        Self { columns: columns.to_vec(), options, layout: None }
    }

    fn cell(&self, value: &Value, day: Day) -> String {
        if self.options.human { shown(value, day, self.options.ascii) } else { raw(value) }
    }

    /// A table as it is shows its most telling columns first; what a query selects keeps its order.
    fn order(&self) -> Vec<usize> {
        let all = 0..self.columns.len();
        let same = |table: &&schema::Table| {
            table.columns.len() == self.columns.len()
                && table.columns.iter().zip(&self.columns).all(|(own, column)| own.name == column.name)
        };
        let whole = schema::tables().iter().find(same).filter(|_| self.options.width.is_some());
        let Some(table) = whole else { return all.collect() };
        let place = |at: &usize| {
            let name = &self.columns[*at].name;
            table.headline.iter().position(|headline| headline == name).unwrap_or(usize::MAX)
        };
        let mut order: Vec<usize> = all.collect();
        order.sort_by_key(place);
        order
    }

    fn layout(&self, table: &Table) -> Layout {
        let mut all: Vec<Shown> = self.order().into_iter().map(|at| self.measure(at, table)).collect();
        let Some(width) = self.options.width else { return Layout { shown: all, hidden: 0 } };
        let natural: Vec<usize> = all.iter().map(|shown| shown.width).collect();
        for shown in all.iter_mut().filter(|shown| !shown.right && shown.cut) {
            shown.width = shown.width.min(LEAST.max(self.columns[shown.at].name.width()));
        }
        let mut used = 0;
        let fitting = all.iter().take_while(|shown| {
            used += shown.width + GAP;
            used <= width + GAP
        });
        let count = fitting.count().max(1);
        let hidden = all.len() - count;
        all.truncate(count);
        let mut left = (width + GAP).saturating_sub(all.iter().map(|shown| shown.width + GAP).sum());
        // What is left goes to the columns that need least of it first, so that most are whole.
        let mut needy: Vec<usize> = (0..all.len()).filter(|at| natural[*at] > all[*at].width).collect();
        needy.sort_by_key(|at| natural[*at] - all[*at].width);
        while let Some(at) = (!needy.is_empty()).then(|| needy.remove(0)) {
            let share = (natural[at] - all[at].width).min(left / (needy.len() + 1));
            all[at].width += share;
            left -= share;
        }
        if let Some(last) = all.last_mut().filter(|last| last.cut) {
            last.width += left;
        }
        Layout { shown: all, hidden }
    }

    fn measure(&self, at: usize, table: &Table) -> Shown {
        let column = &self.columns[at];
        let day = if one_day(table, at) { Day::Hidden } else { Day::Shown };
        let widths = (0..table.height()).map(|row| self.cell(&table.value(row, at), day).width());
        let content = widths.max().unwrap_or(0);
        let cut = !column.ty.is_numeric() && !matches!(column.ty, Type::Time | Type::Bool);
        let most = if self.options.width.is_some() && cut { MOST } else { usize::MAX };
        // Rows that follow may need more than the first ones.
        let least = match column.ty {
            _ if !self.options.human => 0,
            Type::Duration | Type::Bytes => 6,
            Type::Ip => 12,
            _ => 0,
        };
        let width = content.min(most).max(least).max(column.name.width());
        Shown { at, width, right: column.ty.is_numeric(), cut, day }
    }

    fn line(&self, layout: &Layout, text: impl Fn(&Shown) -> String) -> String {
        let mut line = String::new();
        let last = layout.shown.len().saturating_sub(1);
        for (number, shown) in layout.shown.iter().enumerate() {
            let text = text(shown);
            let text = if self.options.width.is_some() { cut(&text, shown.width, self.options.ascii) } else { text };
            let padding = " ".repeat(shown.width.saturating_sub(text.width()));
            let (before, after) = if shown.right { (padding.as_str(), "") } else { ("", padding.as_str()) };
            line.push_str(before);
            line.push_str(&text);
            if number < last {
                line.push_str(after);
                line.push_str(&" ".repeat(GAP));
            }
        }
        line.push('\n');
        line
    }
}

impl RowWriter for Text {
    fn write(&mut self, out: &mut dyn Write, table: &Table) -> io::Result<()> {
        if self.layout.is_none() {
            let layout = self.layout(table);
            out.write_all(self.line(&layout, |shown| escape(&self.columns[shown.at].name)).as_bytes())?;
            self.layout = Some(layout);
        }
        let Some(layout) = &self.layout else { return Ok(()) };
        for row in 0..table.height() {
            let line = self.line(layout, |shown| self.cell(&table.value(row, shown.at), shown.day));
            out.write_all(line.as_bytes())?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        match &self.layout {
            Some(layout) if layout.hidden > 0 => {
                let dots = if self.options.ascii { "..." } else { "…" };
                writeln!(out, "{dots} {} more columns: `| select` them, or --format json", layout.hidden)
            }
            _ => Ok(()),
        }
    }
}

/// Whether the times of a column lie within one day (UTC).
fn one_day(table: &Table, at: usize) -> bool {
    let days = (0..table.height()).filter_map(|row| match table.value(row, at) {
        Value::Time(ns) => Some(ns.div_euclid(86_400_000_000_000)),
        _ => None,
    });
    let mut days = days.peekable();
    let first = days.peek().copied();
    days.all(|day| Some(day) == first)
}

/// The start of `text`, at most `width` columns wide, with a mark where it was cut.
fn cut(text: &str, width: usize, ascii: bool) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mark = if ascii { "." } else { "…" };
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        let next = c.width().unwrap_or(0);
        if used + next + 1 > width {
            break;
        }
        used += next;
        kept.push(c);
    }
    kept.push_str(mark);
    kept
}
