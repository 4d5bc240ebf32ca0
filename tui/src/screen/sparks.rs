//! Counts over the last seconds of each group, for sparklines.

use std::collections::HashMap;

use query::{Table, Value};

/// Counts by second of every group.
#[derive(Debug, Default)]
pub(crate) struct Sparks {
    /// Names of the columns that tell groups apart.
    keys: Vec<String>,
    groups: HashMap<Vec<String>, [u64; SECONDS]>,
}

/// Seconds that are shown at most.
pub(super) const SECONDS: usize = 30;

impl Sparks {
    /// From rows that have a `time`, a count `n`, and keys.
    pub(super) fn of(table: &Table) -> Self {
        let (Some(time), Some(count)) = (table.column("time"), table.column("n")) else { return Self::default() };
        let keys: Vec<(usize, String)> = (0..)
            .zip(table.columns())
            .filter(|(index, _)| *index != time && *index != count)
            .map(|(index, column)| (index, column.name.clone()))
            .collect();
        let moment = |row| if let Value::Time(time) = table.value(row, time) { Some(time) } else { None };
        let last = (0..table.height()).filter_map(moment).max().unwrap_or(0);
        let mut groups: HashMap<Vec<String>, [u64; SECONDS]> = HashMap::new();
        for row in 0..table.height() {
            let (Some(time), Value::U64(count)) = (moment(row), table.value(row, count)) else { continue };
            let key = keys.iter().map(|(index, _)| format!("{:?}", table.value(row, *index))).collect();
            let back = usize::try_from((last - time) / 1_000_000_000).unwrap_or(usize::MAX);
            let counts = groups.entry(key).or_insert([0; SECONDS]);
            if let Some(place) = SECONDS.checked_sub(back.saturating_add(1)).and_then(|place| counts.get_mut(place)) {
                *place = place.saturating_add(count);
            }
        }
        Self { keys: keys.into_iter().map(|(_, name)| name).collect(), groups }
    }

    /// Counts of the group in a row of another table, as shares of the highest one, the last `width` of them.
    pub(super) fn of_row(&self, table: &Table, row: usize, width: usize) -> Vec<f64> {
        let value = |name: &String| table.column(name).map_or(Value::Null, |column| table.value(row, column));
        let key: Vec<String> = self.keys.iter().map(|name| format!("{:?}", value(name))).collect();
        let counts = self.groups.get(&key).copied().unwrap_or([0; SECONDS]);
        let shown = counts.get(SECONDS.saturating_sub(width)..).unwrap_or(&counts);
        #[expect(clippy::cast_precision_loss, reason = "a bar has eight steps")]
        let share = |count: &u64| *count as f64 / shown.iter().copied().max().unwrap_or(1).max(1) as f64;
        shown.iter().map(share).collect()
    }
}
