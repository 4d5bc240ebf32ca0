//! Latency over time: counts in a grid of time by power of two, made from rows of `time, latency`.

use hdrhistogram::Histogram;
use query::{Table, Value};

/// Counts by time and latency.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Heat {
    /// Start of the first column, ns since the epoch.
    pub(super) start: i64,
    /// Width of a column, ns.
    pub(super) step: i64,
    /// From old to new.
    pub(super) columns: Vec<Column>,
    /// Counts of all columns together.
    pub(super) total: [u64; ROWS],
    /// Figures of all, and where asked for those of a part and of the time before it.
    pub(super) all: Figures,
    /// When the part begins, ns since the epoch.
    pub(super) since: i64,
    pub(super) part: Option<(Figures, Figures)>,
}

/// What began within one step of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Column {
    /// A count for every row of [`edge`], fast ones first.
    pub(super) counts: [u64; ROWS],
    latencies: Option<Latencies>,
}

/// Three digits of each latency (hdrhistogram).
type Latencies = Histogram<u32>;

/// A count and percentiles, ns; null without rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(super) count: u64,
    pub(super) p50: Option<u64>,
    pub(super) p90: Option<u64>,
    pub(super) p99: Option<u64>,
    pub(super) slowest: Option<u64>,
}

/// Rows of the grid.
pub(super) const ROWS: usize = 16;
/// Most columns of the grid.
const COLUMNS: i64 = 200;
/// Upper edge of the first row, ns; each row reaches twice as far as the one before.
const FIRST: i64 = 125_000;

/// Upper edge of a row, ns; the last one has none.
pub(super) fn edge(row: usize) -> Option<i64> {
    (row + 1 < ROWS).then(|| FIRST << row)
}

impl Heat {
    /// Adds the rows of a table that has columns `time` and `latency`.
    pub(super) fn add(&mut self, table: &Table) {
        let (Some(time), Some(latency)) = (table.column("time"), table.column("latency")) else { return };
        let points = (0..table.height()).filter_map(|row| match (table.value(row, time), table.value(row, latency)) {
            (Value::Time(time), Value::Duration(latency)) => Some((time, latency)),
            _ => None,
        });
        self.add_points(&points.collect::<Vec<_>>());
    }

    fn add_points(&mut self, points: &[(i64, i64)]) {
        let (Some(first), Some(last)) = (points.iter().map(|p| p.0).min(), points.iter().map(|p| p.0).max()) else {
            return;
        };
        self.reach(first, last);
        for (time, latency) in points {
            let row = (0..ROWS).find(|row| edge(*row).is_none_or(|edge| *latency <= edge)).unwrap_or(ROWS - 1);
            let at = usize::try_from((time - self.start) / self.step).unwrap_or(0);
            if let Some(column) = self.columns.get_mut(at) {
                column.counts[row] += 1;
                self.total[row] += 1;
                if column.latencies.is_none() {
                    column.latencies = Histogram::new(3).ok();
                }
                if let Some(latencies) = &mut column.latencies {
                    latencies.record(u64::try_from(*latency).unwrap_or(0).clamp(1, LONGEST)).unwrap_or(());
                }
            }
        }
    }

    /// Makes columns for the time between, wider ones where they would be too many.
    fn reach(&mut self, first: i64, last: i64) {
        let (first, last) = match self.columns.len() {
            0 => (first, last),
            count => {
                let end = self.start + self.step * i64::try_from(count).unwrap_or(0) - 1;
                (first.min(self.start), last.max(end))
            }
        };
        let fits = |step: &i64| last.div_euclid(*step) - first.div_euclid(*step) < COLUMNS;
        let step = STEPS.iter().copied().find(fits).unwrap_or(MOST_STEP).max(self.step);
        let start = first.div_euclid(step) * step;
        let count = usize::try_from(last.div_euclid(step) - first.div_euclid(step) + 1).unwrap_or(1);
        // A span that no step fits into shows its beginning.
        let mut columns = vec![Column::default(); count.min(2 * usize::try_from(COLUMNS).unwrap_or(0))];
        for (place, former) in (0..).zip(std::mem::take(&mut self.columns)) {
            let time = self.start + self.step * place;
            let at = usize::try_from((time - start) / step).unwrap_or(0);
            if let Some(column) = columns.get_mut(at) {
                column.merge(former);
            }
        }
        (self.start, self.step, self.columns) = (start, step, columns);
    }

    /// What the screen shows: with figures of all, and of those from `since` on (by default the last fifth of the columns)
    /// beside those before.
    pub(super) fn compared(&self, since: Option<i64>) -> Self {
        let count = self.columns.len();
        let after = since.map_or(count - count / 5, |since| {
            usize::try_from((since - self.start) / self.step.max(1)).unwrap_or(0).min(count)
        });
        let figures = |columns: &[Column]| Figures::of(columns.iter().filter_map(|column| column.latencies.as_ref()));
        let (before, after_it) = self.columns.split_at(after);
        let (before, after_it) = (figures(before), figures(after_it));
        let drawn = |column: &Column| Column { counts: column.counts, latencies: None };
        Self {
            columns: self.columns.iter().map(drawn).collect(),
            all: figures(&self.columns),
            since: self.start + self.step * i64::try_from(after).unwrap_or(0),
            part: (before.count > 0 && after_it.count > 0).then_some((after_it, before)),
            ..*self
        }
    }

    /// Start and end of a column, ns since the epoch; counted back from the newest one.
    pub(super) fn span(&self, back: usize) -> Option<(i64, i64)> {
        let at = i64::try_from(self.columns.len().checked_sub(back + 1)?).ok()?;
        let start = self.start + at * self.step;
        Some((start, start + self.step))
    }
}

impl Column {
    fn merge(&mut self, other: Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        match (&mut self.latencies, other.latencies) {
            (Some(own), Some(more)) => own.add(more).unwrap_or(()),
            (own, more) => *own = own.take().or(more),
        }
    }
}

impl Figures {
    fn of<'a>(parts: impl Iterator<Item = &'a Latencies>) -> Self {
        let Ok(mut sum) = Latencies::new(3) else { return Self::default() };
        parts.for_each(|part| sum.add(part).unwrap_or(()));
        let at = |share| (!sum.is_empty()).then(|| sum.value_at_quantile(share));
        Self { count: sum.len(), p50: at(0.5), p90: at(0.9), p99: at(0.99), slowest: at(1.0) }
    }
}

/// Widths of a column: 100 ms to a day, each a multiple of the one before, so that columns can be joined.
const STEPS: &[i64] = &[
    100_000_000,
    500_000_000,
    1_000_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
    60_000_000_000,
    300_000_000_000,
    600_000_000_000,
    3_600_000_000_000,
    21_600_000_000_000,
    MOST_STEP,
];
const MOST_STEP: i64 = 86_400_000_000_000;
/// Longer than that is not told apart: an hour, ns.
const LONGEST: u64 = 3_600_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn points_fall_into_the_cell_of_their_time_and_latency() {
        let mut heat = Heat::default();
        heat.add_points(&[(0, 100_000), (0, 125_001), (30 * SECOND, 400 * SECOND)]);
        assert_eq!((heat.step, heat.columns.len()), (SECOND / 2, 61));
        assert_eq!(&heat.columns[0].counts[..3], [1, 1, 0]);
        assert_eq!(heat.columns[60].counts[ROWS - 1], 1);
        assert_eq!(heat.total.iter().sum::<u64>(), 3);
    }

    #[test]
    fn rows_that_come_bit_by_bit_give_what_they_give_at_once() {
        let points: Vec<_> = (0..5000_i64).map(|n| (n * 77_777_777 % (300 * SECOND), 1_000 * (n % 977 + 1))).collect();
        let mut at_once = Heat::default();
        at_once.add_points(&points);
        let mut by_and_by = Heat::default();
        points.chunks(7).for_each(|chunk| by_and_by.add_points(chunk));
        assert_eq!(by_and_by.compared(Some(100 * SECOND)), at_once.compared(Some(100 * SECOND)));
        assert_eq!(at_once.total.iter().sum::<u64>(), 5000);
    }

    // 1 to 1000 us: the percentiles are known beforehand.
    #[test]
    fn a_part_is_compared_with_what_came_before_it() {
        let slow = (1..=1000).map(|n| (20 * SECOND, n * 10_000));
        let fast = (1..=1000).map(|n| (10 * SECOND, n * 1_000));
        let mut heat = Heat::default();
        heat.add_points(&slow.chain(fast).collect::<Vec<_>>());
        let (after, before) = heat.compared(Some(15 * SECOND)).part.unwrap();
        let about = |value: Option<u64>, wanted: u64| value.unwrap().abs_diff(wanted) * 1000 <= wanted;
        assert_eq!((after.count, before.count), (1000, 1000));
        assert!(about(before.p50, 500_000) && about(before.p99, 990_000), "{before:?}");
        assert!(about(after.p50, 5_000_000) && about(after.slowest, 10_000_000), "{after:?}");
    }

    #[test]
    fn nothing_gives_nothing() {
        let mut heat = Heat::default();
        heat.add_points(&[]);
        assert_eq!(heat.compared(None).all, Figures::default());
    }
}
