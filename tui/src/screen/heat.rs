//! Latency over time: counts in a grid of time by power of two, made from rows of `time, latency`.

use query::{Table, Value};

/// Counts by time and latency.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Heat {
    /// Start of the first column, ns since the epoch.
    pub(super) start: i64,
    /// Width of a column, ns.
    pub(super) step: i64,
    /// Columns from old to new; each has a count for every row of [`edges`], fast ones first.
    pub(super) columns: Vec<[u64; ROWS]>,
    /// Counts of all columns together.
    pub(super) total: [u64; ROWS],
    /// Latencies seen, sorted, ns: for percentiles.
    pub(super) sorted: Vec<i64>,
}

/// Rows of the grid.
pub(super) const ROWS: usize = 16;
/// Most columns of the grid.
const COLUMNS: i64 = 240;
/// Upper edge of the first row, ns; each row reaches twice as far as the one before.
const FIRST: i64 = 125_000;

/// Upper edge of a row, ns; the last one has none.
pub(super) fn edge(row: usize) -> Option<i64> {
    (row + 1 < ROWS).then(|| FIRST << row)
}

impl Heat {
    /// The grid of a table that has columns `time` and `latency`.
    pub(super) fn of(table: &Table) -> Self {
        let (Some(time), Some(latency)) = (table.column("time"), table.column("latency")) else {
            return Self::default();
        };
        let points = (0..table.height()).filter_map(|row| match (table.value(row, time), table.value(row, latency)) {
            (Value::Time(time), Value::Duration(latency)) => Some((time, latency)),
            _ => None,
        });
        Self::from_points(&points.collect::<Vec<_>>())
    }

    fn from_points(points: &[(i64, i64)]) -> Self {
        let (Some(first), Some(last)) = (points.iter().map(|p| p.0).min(), points.iter().map(|p| p.0).max()) else {
            return Self::default();
        };
        let step = STEPS.iter().copied().find(|step| (last - first) / step < COLUMNS).unwrap_or(86_400_000_000_000);
        let start = first - first.rem_euclid(step);
        let count = usize::try_from((last - start) / step + 1).unwrap_or(1);
        let mut heat = Self { start, step, columns: vec![[0; ROWS]; count], ..Self::default() };
        for (time, latency) in points {
            let row = (0..ROWS).find(|row| edge(*row).is_none_or(|edge| *latency <= edge)).unwrap_or(ROWS - 1);
            let column = usize::try_from((time - start) / step).unwrap_or(0);
            if let Some(cell) = heat.columns.get_mut(column).and_then(|column| column.get_mut(row)) {
                *cell += 1;
            }
            heat.total[row] += 1;
            heat.sorted.push(*latency);
        }
        heat.sorted.sort_unstable();
        heat
    }

    /// The latency that a share of all stay below (`quantile_disc`), ns.
    pub(super) fn quantile(&self, share: f64) -> Option<i64> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index below the length"
        )]
        let index = ((self.sorted.len() as f64 * share).ceil() as usize).saturating_sub(1);
        self.sorted.get(index).copied()
    }
}

/// Widths of a column: 100 ms to an hour.
const STEPS: &[i64] = &[
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
    60_000_000_000,
    300_000_000_000,
    600_000_000_000,
    3_600_000_000_000,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_fall_into_the_cell_of_their_time_and_latency() {
        let second = 1_000_000_000;
        let heat = Heat::from_points(&[(0, 100_000), (0, 125_001), (30 * second, 400 * second)]);
        assert_eq!(heat.step, 250_000_000);
        assert_eq!(heat.columns.len(), 121);
        assert_eq!(&heat.columns[0][..3], [1, 1, 0]);
        assert_eq!(heat.columns[120][ROWS - 1], 1);
        assert_eq!(heat.total.iter().sum::<u64>(), 3);
        assert_eq!(heat.quantile(0.5), Some(125_001));
        assert_eq!(heat.quantile(1.0), Some(400 * second));
    }

    #[test]
    fn nothing_gives_nothing() {
        assert_eq!(Heat::from_points(&[]).quantile(0.5), None);
    }
}
