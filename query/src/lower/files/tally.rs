//! What is added up of the values of each group.

use std::ops::RangeInclusive;

use polars::prelude::*;
use polars_arrow::bitmap::Bitmap;

use crate::lower::aggregate::rank;
use crate::snapshot::Values;

/// Numbers of rows as unsigned ones in the same order.
pub(super) enum Numbers {
    /// Of each code; null where that is.
    Coded(Vec<Option<u64>>, std::sync::Arc<Vec<u32>>),
    Signed(Int64Chunked),
    Unsigned(UInt64Chunked),
    Float(Float64Chunked),
    /// Only whether there is a value is asked.
    Known(usize, Option<Bitmap>),
}

/// How numbers become unsigned ones in the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Signed,
    Unsigned,
    Float,
}

const SIGN: u64 = 1 << 63;

impl Kind {
    pub(super) fn of(ty: &DataType) -> Option<Self> {
        Some(match ty {
            DataType::Int64 | DataType::Datetime(..) => Self::Signed,
            DataType::UInt64 | DataType::UInt32 | DataType::UInt16 | DataType::Boolean => Self::Unsigned,
            DataType::Float64 => Self::Float,
            _ => return None,
        })
    }

    /// What numbers from `least` to `greatest` become; null where no number of this kind is one of them, or where they are
    /// not whole.
    pub(super) fn range(self, least: i128, greatest: i128) -> Option<RangeInclusive<u64>> {
        let number = |number: i128| match self {
            Self::Signed => {
                of_signed(i64::try_from(number.clamp(i64::MIN.into(), i64::MAX.into())).unwrap_or_default())
            }
            _ => u64::try_from(number.clamp(0, u64::MAX.into())).unwrap_or_default(),
        };
        let (low, high): (i128, i128) = match self {
            Self::Signed => (i64::MIN.into(), i64::MAX.into()),
            Self::Unsigned => (0, u64::MAX.into()),
            Self::Float => return None,
        };
        (least <= high && greatest >= low && least <= greatest).then(|| number(least)..=number(greatest))
    }

    /// Back to the numbers that they were, in type `ty`.
    pub(super) fn column(self, name: String, numbers: &[Option<u64>], ty: &DataType) -> PolarsResult<Column> {
        let numbers = numbers.iter().copied();
        let series = match self {
            Self::Signed => numbers.map(|n| n.map(signed)).collect::<Int64Chunked>().into_series(),
            Self::Unsigned => numbers.collect::<UInt64Chunked>().into_series(),
            Self::Float => numbers.map(|n| n.map(float)).collect::<Float64Chunked>().into_series(),
        };
        Ok(series.cast(ty)?.with_name(name.into()).into_column())
    }
}

pub(super) fn signed(number: u64) -> i64 {
    (number ^ SIGN).cast_signed()
}

pub(super) fn of_signed(number: i64) -> u64 {
    number.cast_unsigned() ^ SIGN
}

fn float(number: u64) -> f64 {
    f64::from_bits(if number & SIGN == 0 { !number } else { number ^ SIGN })
}

/// The order is that of [`f64::total_cmp`].
fn of_float(number: f64) -> u64 {
    let bits = number.to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

impl Numbers {
    /// Null where they are no numbers.
    pub(super) fn of(values: &Values) -> PolarsResult<Option<Self>> {
        match values {
            Values::Plain(column) => Self::plain(column),
            Values::Coded(coded) => {
                let Some(numbers) = Self::plain(&coded.values)? else { return Ok(None) };
                let mut table = vec![None; coded.values.len()];
                numbers.each(&[], None, |row, _, number| table[row] = Some(number));
                Ok(Some(Self::Coded(table, coded.codes.clone())))
            }
        }
    }

    fn plain(column: &Column) -> PolarsResult<Option<Self>> {
        let series = column.as_materialized_series().rechunk().to_physical_repr().into_owned();
        Ok(Some(match column.dtype() {
            DataType::Int64 | DataType::Datetime(..) => Self::Signed(series.i64()?.clone()),
            DataType::UInt64 => Self::Unsigned(series.u64()?.clone()),
            DataType::UInt16 | DataType::UInt32 | DataType::Boolean => {
                Self::Unsigned(series.cast(&DataType::UInt64)?.u64()?.clone())
            }
            DataType::Float64 => Self::Float(series.f64()?.clone()),
            _ => return Ok(None),
        }))
    }

    /// The rows whose number is in `range`.
    pub(super) fn within(&self, range: &RangeInclusive<u64>) -> Bitmap {
        match self {
            Self::Coded(table, codes) => {
                let inside: Vec<bool> =
                    table.iter().map(|number| number.is_some_and(|number| range.contains(&number))).collect();
                codes.iter().map(|code| inside.get(*code as usize).copied().unwrap_or(false)).collect()
            }
            Self::Signed(numbers) => inside(numbers, |number| range.contains(&of_signed(number))),
            Self::Unsigned(numbers) => inside(numbers, |number| range.contains(&number)),
            Self::Float(_) | Self::Known(..) => Bitmap::new_zeroed(self.len()),
        }
    }

    /// Ones where there is a value, of whatever type.
    pub(super) fn known(values: &Values) -> Self {
        let known = |column: &Column| {
            let series = column.as_materialized_series().rechunk();
            series.rechunk_validity()
        };
        match values {
            Values::Plain(column) => Self::Known(column.len(), known(column)),
            Values::Coded(coded) => {
                let known = known(&coded.values);
                let table = (0..coded.values.len()).map(|at| known.as_ref().is_none_or(|known| known.get_bit(at)));
                Self::Coded(table.map(|known| known.then_some(1)).collect(), coded.codes.clone())
            }
        }
    }

    /// Calls `add` with row, group and number of each row that has one. `groups` empty: all are in the first one. `kept`:
    /// only these rows.
    #[inline]
    pub(super) fn each(&self, groups: &[u32], kept: Option<&Bitmap>, mut add: impl FnMut(usize, usize, u64)) {
        let group = |row: usize| groups.get(row).map_or(0, |group| *group as usize);
        let mut add = |row: usize, number: u64| {
            if kept.is_none_or(|kept| kept.get_bit(row)) {
                add(row, group(row), number);
            }
        };
        match self {
            Self::Coded(table, codes) => {
                for (row, code) in codes.iter().enumerate() {
                    if let Some(Some(number)) = table.get(*code as usize) {
                        add(row, *number);
                    }
                }
            }
            Self::Signed(numbers) => plain(numbers, |row, number| add(row, of_signed(number))),
            Self::Unsigned(numbers) => plain(numbers, add),
            Self::Float(numbers) => plain(numbers, |row, number| add(row, of_float(number))),
            Self::Known(_, Some(known)) => known.true_idx_iter().for_each(|row| add(row, 1)),
            Self::Known(rows, None) => (0..*rows).for_each(|row| add(row, 1)),
        }
    }
}

/// The rows with a number that `is_inside` takes.
fn inside<T: PolarsNumericType>(numbers: &ChunkedArray<T>, is_inside: impl Fn(T::Native) -> bool) -> Bitmap {
    let numbers = numbers.rechunk();
    let array = numbers.downcast_as_array();
    let inside: Bitmap = array.values().iter().map(|number| is_inside(*number)).collect();
    match array.validity() {
        Some(known) => &inside & known,
        None => inside,
    }
}

fn plain<T: PolarsNumericType>(numbers: &ChunkedArray<T>, mut add: impl FnMut(usize, T::Native)) {
    let mut from = 0;
    for array in numbers.downcast_iter() {
        match array.validity().filter(|known| known.unset_bits() > 0) {
            None => array.values().iter().enumerate().for_each(|(row, number)| add(from + row, *number)),
            Some(known) => {
                for (row, (number, known)) in array.values().iter().zip(known.iter()).enumerate() {
                    if known {
                        add(from + row, *number);
                    }
                }
            }
        }
        from += array.len();
    }
}

/// What is kept of each group.
#[derive(Debug, Clone)]
pub(super) enum Tally {
    /// How many values.
    Count(Vec<u64>),
    /// Sum and number of values.
    Sum(Vec<(i128, u64)>),
    FloatSum(Vec<(f64, u64)>),
    Least(Vec<Option<u64>>),
    Greatest(Vec<Option<u64>>),
    /// Every value.
    Every(Vec<Vec<u64>>),
    /// Numbers that were given to values: bits of a row of words.
    Distinct(Vec<Vec<u64>>),
}

impl Tally {
    pub(super) fn grow(&mut self, groups: usize) {
        match self {
            Self::Count(counts) => counts.resize(groups, 0),
            Self::Sum(sums) => sums.resize(groups, (0, 0)),
            Self::FloatSum(sums) => sums.resize(groups, (0.0, 0)),
            Self::Least(values) | Self::Greatest(values) => values.resize(groups, None),
            Self::Every(lists) | Self::Distinct(lists) => lists.resize(groups, Vec::new()),
        }
    }

    /// There are at least as many groups here as `groups` says.
    pub(super) fn add(&mut self, kind: Kind, numbers: &Numbers, groups: &[u32], kept: Option<&Bitmap>) {
        match self {
            Self::Count(counts) => numbers.each(groups, kept, |_, group, _| counts[group] += 1),
            Self::Sum(sums) if kind == Kind::Signed => numbers.each(groups, kept, |_, group, number| {
                let (sum, count) = &mut sums[group];
                *sum += i128::from(signed(number));
                *count += 1;
            }),
            Self::Sum(sums) => numbers.each(groups, kept, |_, group, number| {
                let (sum, count) = &mut sums[group];
                *sum += i128::from(number);
                *count += 1;
            }),
            Self::FloatSum(sums) => numbers.each(groups, kept, |_, group, number| {
                let (sum, count) = &mut sums[group];
                *sum += float(number);
                *count += 1;
            }),
            Self::Least(values) => numbers.each(groups, kept, |_, group, number| {
                let least = &mut values[group];
                *least = Some(least.map_or(number, |least| least.min(number)));
            }),
            Self::Greatest(values) => numbers.each(groups, kept, |_, group, number| {
                values[group] = values[group].max(Some(number));
            }),
            Self::Every(lists) => numbers.each(groups, kept, |_, group, number| lists[group].push(number)),
            Self::Distinct(sets) => numbers.each(groups, kept, |_, group, number| {
                let (word, bit) = ((number / 64) as usize, number % 64);
                let set = &mut sets[group];
                if set.len() <= word {
                    set.resize(word + 1, 0);
                }
                set[word] |= 1 << bit;
            }),
        }
    }

    /// Adds what another one has: its group number `n` is number `groups[n]` here, and so its distinct values by `ids`.
    pub(super) fn merge(&mut self, other: Self, groups: &[u32], ids: &[u32]) {
        let groups = groups.iter().map(|group| *group as usize);
        match (self, other) {
            (Self::Count(own), Self::Count(other)) => groups.zip(other).for_each(|(at, count)| own[at] += count),
            (Self::Sum(own), Self::Sum(other)) => groups.zip(other).for_each(|(at, (sum, count))| {
                own[at].0 += sum;
                own[at].1 += count;
            }),
            (Self::FloatSum(own), Self::FloatSum(other)) => groups.zip(other).for_each(|(at, (sum, count))| {
                own[at].0 += sum;
                own[at].1 += count;
            }),
            (Self::Least(own), Self::Least(other)) => groups.zip(other).for_each(|(at, value)| {
                own[at] = [own[at], value].into_iter().flatten().min();
            }),
            (Self::Greatest(own), Self::Greatest(other)) => {
                groups.zip(other).for_each(|(at, value)| own[at] = own[at].max(value));
            }
            (Self::Every(own), Self::Every(other)) => {
                groups.zip(other).for_each(|(at, mut values)| own[at].append(&mut values));
            }
            (own @ Self::Distinct(_), Self::Distinct(other)) => {
                for (at, set) in groups.zip(other) {
                    let bits = set.iter().enumerate().flat_map(|(word, bits)| {
                        (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word * 64 + bit)
                    });
                    let numbers = bits.map(|bit| ids.get(bit).map(|id| u64::from(*id)));
                    let numbers = Numbers::Unsigned(numbers.collect());
                    let group = vec![u32::try_from(at).unwrap_or(0); numbers.len()];
                    own.add(Kind::Unsigned, &numbers, &group, None);
                }
            }
            _ => {}
        }
    }

    /// How many words the sets of distinct values take.
    pub(super) fn words(&self) -> usize {
        match self {
            Self::Distinct(sets) => sets.iter().map(Vec::len).sum(),
            _ => 0,
        }
    }

    /// How many values each group had; null where that is not known.
    pub(super) fn counts(&self) -> Vec<u64> {
        match self {
            Self::Count(counts) => counts.clone(),
            Self::Sum(sums) => sums.iter().map(|(_, count)| *count).collect(),
            Self::FloatSum(sums) => sums.iter().map(|(_, count)| *count).collect(),
            Self::Least(values) | Self::Greatest(values) => {
                values.iter().map(|value| u64::from(value.is_some())).collect()
            }
            Self::Every(lists) => lists.iter().map(|list| list.len() as u64).collect(),
            Self::Distinct(sets) => {
                sets.iter().map(|set| set.iter().map(|word| u64::from(word.count_ones())).sum()).collect()
            }
        }
    }

    /// The values of which shares `shares` of each group are not greater, one list a share.
    pub(super) fn quantiles(&mut self, shares: &[f64]) -> Vec<Vec<Option<u64>>> {
        let Self::Every(lists) = self else { return Vec::new() };
        let mut found = vec![Vec::with_capacity(lists.len()); shares.len()];
        for list in lists {
            for (share, found) in shares.iter().zip(&mut found) {
                found.push(rank(list.len(), *share).map(|rank| *list.select_nth_unstable(rank).1));
            }
        }
        found
    }
}

impl Numbers {
    fn len(&self) -> usize {
        match self {
            Self::Coded(_, codes) => codes.len(),
            Self::Signed(numbers) => numbers.len(),
            Self::Unsigned(numbers) => numbers.len(),
            Self::Float(numbers) => numbers.len(),
            Self::Known(rows, _) => *rows,
        }
    }
}
